//! Blue-green upgrades: a full new set comes, pods move by batches, and the old set goes only at the end, or takes over again.
//!
//! Judged from the events alone (aks-semantics BG-1, BG-2; invariants I3, I5, I7, E3, E4).

mod support;

use nodelane_model::operation::{Progress, UpgradePhase};
use nodelane_model::refusal::PoolRefusal;
use nodelane_model::{Change, Kind, Refusal};
use serde_json::{Value, json};
use support::*;

/// A pool of four that is upgraded blue-green in batches of two, with an app under a budget.
fn loaded(more: Value) -> Bench {
    let mut bench = Bench::with_pool(4, |_| {});
    let mut settings =
        json!({"drainBatchSize": "50%", "drainTimeoutInMinutes": 10, "batchSoakDurationInMinutes": 5, "finalSoakDurationInMinutes": 20});
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    bench
        .put_as("2026-01-02-preview", |spec| {
            spec.rest.insert("upgradeStrategy".into(), "BlueGreen".into());
            spec.rest.insert("upgradeSettingsBlueGreen".into(), settings);
        })
        .unwrap();
    bench.idle("np", HOUR);
    bench.deploy("web", 8, "np", json!({}));
    bench.budget("web", json!({"minAvailable": 6}));
    bench.pass(5_000);
    bench
}

fn judge() -> Judge {
    Judge { pool: "np", least_ready: 4, most_nodes: 8, apps: vec![("web", 8)] }
}

fn upgrade(bench: &mut Bench) {
    bench.put("np", |spec| spec.orchestrator_version = "1.35".into());
}

fn reach(bench: &mut Bench, phase: UpgradePhase) {
    let is = |world: &nodelane_world::World| {
        world
            .pool("np")
            .is_some_and(|(_, pool)| pool.state.operation.as_ref().is_some_and(|operation| operation.progress == Progress::Upgrade(phase)))
    };
    bench.until(3 * HOUR, is);
}

/// Blue is as it was, green is gone, and the pool is to have what it had.
fn assert_back(bench: &mut Bench, before: &[nodelane_model::Uid], version: &str) {
    bench.pass(2 * MINUTE);
    assert_eq!(uids(&bench.nodes("np")), before);
    assert_eq!((bench.pool("np").state.version.as_str(), bench.pool("np").spec.count), (version, 4));
    bench.assert_tidy("np");
    assert_eq!(running(bench.world(), "web").len(), 8);
}

#[test]
fn a_new_set_takes_over_by_batches_and_the_old_one_goes_at_the_end() {
    let mut bench = loaded(json!({}));
    let (before, since) = (bench.node_names("np"), bench.r.events.len());
    upgrade(&mut bench);
    assert_eq!(bench.state("np"), "Upgrading");
    reach(&mut bench, UpgradePhase::Moving);
    assert_eq!(bench.nodes("np").len(), 8, "the whole set is there before a pod moves");
    bench.idle("np", 3 * HOUR);
    assert_eq!(bench.state("np"), "Succeeded", "{:?}", bench.error("np"));
    bench.assert_tidy("np");
    let after = bench.node_names("np");
    assert!(after.len() == 4 && before.iter().all(|name| !after.contains(name)), "{after:?}");
    let version = format!("v{}", bench.pool("np").state.version);
    assert!(bench.nodes("np").iter().all(|node| node.as_node().unwrap().status.node_info.kubelet_version == version));
    judge().judge(&bench.r.events, since);
    // Two batches with five minutes after each, and twenty at last, before the first old node goes.
    let emptied: Vec<_> = before
        .iter()
        .map(|name| {
            let done = |doc: &nodelane_model::Doc| {
                doc.key.name == *name
                    && doc.as_machine().is_some_and(|machine| machine.drain.as_ref().is_some_and(|drain| drain.done.is_some()))
            };
            bench.when(since, done).unwrap()
        })
        .collect();
    let second = *emptied.iter().max().unwrap();
    assert!(second.since(*emptied.iter().min().unwrap()) >= 5 * MINUTE);
    let gone = bench.r.events[since..].iter().find(|(_, event)| {
        event.new.is_none()
            && event.old.as_ref().is_some_and(|doc| doc.key.kind == Kind::Node && before.contains(&doc.key.name.to_string()))
    });
    assert!(gone.unwrap().0.since(second) >= 25 * MINUTE);
}

#[test]
fn where_green_is_not_to_be_had_blue_is_untouched() {
    let mut bench = loaded(json!({}));
    let (before, version, since) = (uids(&bench.nodes("np")), bench.pool("np").state.version, bench.r.events.len());
    bench.fault("short", json!({"kind": "allocation", "pool": "np", "count": 1}));
    upgrade(&mut bench);
    bench.idle("np", HOUR);
    assert_eq!((bench.state("np"), bench.error("np").0.as_str()), ("Failed", "AllocationFailed"));
    assert_back(&mut bench, &before, &version);
    let touched = bench.when(since, |doc| doc.as_node().is_some_and(|node| node.spec.unschedulable) && before.contains(&doc.meta.uid));
    assert_eq!(touched, None, "no old node was cordoned");
    judge().judge(&bench.r.events, since);
}

#[test]
fn an_abort_before_the_old_set_goes_is_the_way_back() {
    for phase in [UpgradePhase::Greening, UpgradePhase::Moving, UpgradePhase::Settling] {
        let mut bench = loaded(json!({}));
        let (before, version, since) = (uids(&bench.nodes("np")), bench.pool("np").state.version, bench.r.events.len());
        upgrade(&mut bench);
        reach(&mut bench, phase);
        bench.ask(Change::AbortPool { name: "np".into() }).unwrap();
        bench.idle("np", HOUR);
        bench.pass(10 * MINUTE);
        assert_eq!(bench.state("np"), "Canceled", "{phase:?}");
        assert_back(&mut bench, &before, &version);
        // BG-2: then a PUT of the old version is accepted, and there is nothing to do.
        bench.settle("np", |_| {});
        assert_eq!((bench.state("np"), uids(&bench.nodes("np"))), ("Succeeded", before));
        judge().judge(&bench.r.events, since);
    }
}

#[test]
fn a_gate_that_does_not_hold_turns_the_upgrade_back_by_itself() {
    let mut bench = loaded(json!({"minReadyPercent": 100}));
    let (before, version) = (uids(&bench.nodes("np")), bench.pool("np").state.version);
    let old = bench.node_names("np");
    upgrade(&mut bench);
    reach(&mut bench, UpgradePhase::Settling);
    let green = bench.node_names("np").into_iter().find(|name| !old.contains(name)).unwrap();
    let mute = bench.fault("mute", json!({"kind": "not-ready", "node": green}));
    bench.idle("np", HOUR);
    assert_eq!(
        (bench.state("np"), bench.error("np")),
        ("Failed", ("UpgradeFailed".into(), "The upgrade was rolled back: 3 of 4 new nodes are Ready, and 4 must be.".into()))
    );
    bench.remove(&mute);
    bench.pass(10 * MINUTE);
    assert_back(&mut bench, &before, &version);
}

#[test]
fn only_previews_may_ask_for_it_and_within_its_ranges() {
    let mut bench = Bench::with_pool(1, |_| {});
    let ask = |bench: &mut Bench, version: &str, settings: Value| {
        bench.put_as(version, |spec| {
            spec.rest.insert("upgradeStrategy".into(), "BlueGreen".into());
            spec.rest.insert("upgradeSettingsBlueGreen".into(), settings);
        })
    };
    for (version, settings) in [
        ("2026-06-01", json!({})),
        ("2026-01-02-preview", json!({"drainTimeoutInMinutes": 0})),
        ("2026-01-02-preview", json!({"batchSoakDurationInMinutes": 1441})),
        ("2026-01-02-preview", json!({"finalSoakDurationInMinutes": 10081})),
    ] {
        assert!(matches!(ask(&mut bench, version, settings), Err(Refusal::Pool(PoolRefusal::Parameter { rule: "BG-1", .. }))));
    }
}
