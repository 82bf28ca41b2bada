//! Upgrades: machines are emptied, reimaged and come back, and what must not be missing is never missing.
//!
//! Judged from the events alone (aks-semantics 4.2 to 4.4; invariants I3, I5, E3, E4).

mod support;

use nodelane_model::budget::IntOrPercent;
use nodelane_model::machine::{MachinePhase, Roll};
use nodelane_model::operation::Outcome;
use nodelane_model::pod::Phase;
use nodelane_model::pool::{PoolSpec, Power, Priority, Undrainable};
use nodelane_model::{Change, Doc, Key, Kind, Uid};
use nodelane_world::World;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use support::*;

/// A pool with two apps under budgets.
fn loaded(count: u32, change: impl FnOnce(&mut PoolSpec)) -> Bench {
    let mut bench = Bench::with_pool(count, change);
    bench.daemons("agent");
    bench.deploy("web", 8, "np", json!({}));
    bench.deploy("db", 3, "np", json!({}));
    bench.budget("web", json!({"minAvailable": 6}));
    bench.budget("db", json!({"maxUnavailable": 1}));
    bench.pass(5_000);
    bench
}

fn upgrade(bench: &mut Bench) {
    bench.settle("np", |spec| spec.orchestrator_version = "1.35".into());
}

fn by_name(nodes: Vec<Arc<Doc>>) -> BTreeMap<String, Arc<Doc>> {
    nodes.into_iter().map(|node| (node.key.name.to_string(), node)).collect()
}

/// Every node is another of the same name, of the new version, and nothing is left over.
fn assert_rolled(bench: &Bench, before: &BTreeMap<String, Arc<Doc>>) {
    assert_eq!(bench.state("np"), "Succeeded", "{:?}", bench.error("np"));
    bench.assert_tidy("np");
    let after = by_name(bench.nodes("np"));
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    let version = bench.pool("np").state.version;
    for (name, new) in &after {
        let (old, info) = (&before[name], &new.as_node().unwrap().status.node_info);
        let was = &old.as_node().unwrap().status.node_info;
        assert_ne!(old.meta.uid, new.meta.uid, "{name}");
        assert_ne!(was.boot_id, info.boot_id, "{name}");
        assert_eq!(info.kubelet_version, format!("v{version}"), "{name}");
        assert_eq!(new.meta.labels.get("kubernetes.azure.com/node-image-version"), Some(&bench.pool("np").state.image));
    }
}

/// What happened to each node, in order: its surge, cordon, emptiness, end and return.
fn assert_order(bench: &Bench, since: usize, names: &[String]) {
    for name in names {
        let of = |doc: &Doc| doc.key.kind == Kind::Node && doc.key.name == *name;
        let cordoned =
            bench.when(since, |doc| of(doc) && doc.as_node().is_some_and(|node| node.spec.unschedulable)).expect("it is cordoned");
        let gone = bench.r.events[since..].iter().find(|(_, event)| event.new.is_none() && event.old.as_ref().is_some_and(|doc| of(doc)));
        let (gone, event) = gone.expect("its node goes");
        assert!(*gone >= cordoned);
        // No pod but daemons is on it when it goes.
        let mut on_it = BTreeSet::new();
        for (_, earlier) in bench.r.events.iter().take_while(|(_, earlier)| earlier.revision < event.revision) {
            let Some(doc) =
                earlier.new.as_ref().or(earlier.old.as_ref()).filter(|doc| doc.key.kind == Kind::Pod && doc.key.namespace == "default")
            else {
                continue;
            };
            match &earlier.new {
                Some(doc) if doc.as_pod().unwrap().node.as_ref().is_some_and(|node| node == name) => on_it.insert(doc.key.clone()),
                _ => on_it.remove(&doc.key),
            };
        }
        assert_eq!(on_it, BTreeSet::new(), "{name} was empty when it went");
    }
}

#[test]
fn a_default_upgrade_takes_one_node_at_a_time_and_overspends_nothing() {
    let mut bench = loaded(3, |_| {});
    let (before, web, since) = (by_name(bench.nodes("np")), uids(&running(bench.world(), "web")), bench.r.events.len());
    upgrade(&mut bench);
    bench.pass(60_000);
    assert_rolled(&bench, &before);
    let names: Vec<String> = before.keys().cloned().collect();
    assert_order(&bench, since, &names);
    Judge { pool: "np", least_ready: 3, most_nodes: 4, apps: vec![("web", 8), ("db", 3)] }.judge(&bench.r.events, since);
    let after = uids(&running(bench.world(), "web"));
    assert_eq!(after.len(), 8);
    assert!(web.iter().all(|uid| !after.contains(uid)), "every pod has moved");
    assert_eq!(running(bench.world(), "agent").len(), 4, "daemons are back on every node");
    let said: BTreeSet<String> =
        bench.world().list(Kind::Event, None).filter_map(|doc| doc.as_event()).map(|event| event.reason.to_string()).collect();
    assert!(said.contains("Surge") && said.contains("Drain"), "{said:?}");
    assert!(
        bench
            .world()
            .list(Kind::Event, None)
            .filter_map(|doc| doc.as_event())
            .any(|event| event.message.starts_with("Created a surge node [aks-np-") && event.message.ends_with(" np] for agentpool np"))
    );
}

#[test]
fn a_third_of_four_is_two_extra_nodes() {
    // aks-semantics US-1: 33 % of 4 is 2.
    let mut bench = loaded(4, |spec| spec.upgrade_settings.max_surge = IntOrPercent::parse("33%"));
    let (before, since) = (by_name(bench.nodes("np")), bench.r.events.len());
    upgrade(&mut bench);
    assert_rolled(&bench, &before);
    Judge { pool: "np", least_ready: 4, most_nodes: 6, apps: vec![("web", 8), ("db", 3)] }.judge(&bench.r.events, since);
    let surged = bench.r.events[since..]
        .iter()
        .filter(|(_, event)| event.old.is_none() && event.new.as_ref().is_some_and(|doc| doc.as_machine().is_some()))
        .count();
    assert_eq!(surged, 2);
}

#[test]
fn with_max_unavailable_no_node_is_added_and_one_is_missing() {
    let mut bench = loaded(4, |spec| spec.upgrade_settings.max_unavailable = IntOrPercent::parse("1"));
    let (before, since) = (by_name(bench.nodes("np")), bench.r.events.len());
    upgrade(&mut bench);
    assert_rolled(&bench, &before);
    Judge { pool: "np", least_ready: 3, most_nodes: 4, apps: vec![("web", 8), ("db", 3)] }.judge(&bench.r.events, since);
}

#[test]
fn an_emptied_node_waits_out_its_soak() {
    let mut bench = loaded(2, |spec| spec.upgrade_settings.node_soak_duration_in_minutes = Some(5));
    let (before, since) = (by_name(bench.nodes("np")), bench.r.events.len());
    upgrade(&mut bench);
    assert_rolled(&bench, &before);
    for name in before.keys() {
        let emptied = bench
            .when(since, |doc| {
                doc.key.name == *name
                    && doc.as_machine().is_some_and(|machine| machine.drain.as_ref().is_some_and(|drain| drain.done.is_some()))
            })
            .unwrap();
        let reimaged = bench
            .when(since, |doc| doc.key.name == *name && doc.as_machine().is_some_and(|machine| machine.phase == MachinePhase::Reimaging))
            .unwrap();
        assert_eq!(reimaged.since(emptied), 5 * MINUTE, "{name}");
    }
    Judge { pool: "np", least_ready: 2, most_nodes: 3, apps: vec![("web", 8), ("db", 3)] }.judge(&bench.r.events, since);
}

#[test]
fn an_image_upgrade_keeps_the_version_and_renews_every_node() {
    let mut bench = loaded(2, |_| {});
    let (version, newest) = (bench.pool("np").state.version, bench.pool("np").state.image);
    bench.edit(&Key::global(Kind::NodePool, "np"), |doc| doc.as_pool_mut().unwrap().state.image = "older".into());
    for (key, _) in bench.machines("np") {
        bench.edit(&key, |doc| doc.as_machine_mut().unwrap().running.as_mut().unwrap().image = "older".into());
    }
    let before = by_name(bench.nodes("np"));
    bench.ask(Change::UpgradePoolImage { name: "np".into() }).unwrap();
    assert_eq!(bench.state("np"), "UpgradingNodeImageVersion");
    bench.idle("np", HOUR);
    assert_rolled(&bench, &before);
    assert_eq!((bench.pool("np").state.version, bench.pool("np").state.image), (version, newest));
}

/// A pool of three with one pod that a budget, made after the upgrade was accepted, does not let go.
fn blocked(change: impl FnOnce(&mut PoolSpec)) -> Bench {
    let mut bench = Bench::with_pool(3, |spec| {
        spec.upgrade_settings.drain_timeout_in_minutes = Some(10);
        change(spec);
    });
    bench.deploy("web", 6, "np", json!({}));
    bench.budget("web", json!({"minAvailable": 4}));
    bench.deploy("stuck", 1, "np", json!({}));
    bench.put("np", |spec| spec.orchestrator_version = "1.35".into());
    bench.budget("stuck", json!({"minAvailable": 1}));
    bench
}

fn old_ones(bench: &Bench) -> Vec<String> {
    let target = bench.pool("np").state.version;
    let is_old = |node: &&Arc<Doc>| node.as_node().unwrap().status.node_info.kubelet_version != format!("v{target}");
    bench.nodes("np").iter().filter(is_old).map(|node| node.key.name.to_string()).collect()
}

#[test]
fn an_undrainable_node_takes_pods_again_the_upgrade_fails_and_a_put_resumes_it() {
    let mut bench = blocked(|_| {});
    let host = running(bench.world(), "stuck")[0].as_pod().unwrap().node.clone().unwrap();
    let since = bench.r.events.len();
    bench.idle("np", 2 * HOUR);
    let (code, message) = bench.error("np");
    assert_eq!((bench.state("np"), code.as_str()), ("Failed", "UpgradeFailed"));
    let pod = running(bench.world(), "stuck")[0].key.name.clone();
    assert_eq!(
        message,
        format!(
            "Drain node {host} failed when evicting pod {pod} failed with Too Many Requests error. This is often caused by a restrictive Pod Disruption Budget (PDB) policy. See https://aka.ms/aks/debugdrainfailures. Original error: Cannot evict pod as it would violate the pod's disruption budget.. PDB debug info: default/{pod} blocked by pdb stuck with 0 unready pods."
        )
    );
    let cordoned =
        bench.when(since, |doc| doc.key.name == host && doc.as_machine().is_some_and(|machine| machine.drain.is_some())).unwrap();
    assert_eq!(bench.pool("np").last_ended().unwrap().ended.as_ref().unwrap().at.since(cordoned), 10 * MINUTE);
    bench.pass(MINUTE);
    bench.assert_tidy("np");
    assert!(old_ones(&bench).contains(&host.to_string()));
    let done: Vec<Uid> =
        bench.nodes("np").iter().filter(|node| !old_ones(&bench).contains(&node.key.name.to_string())).map(|node| node.meta.uid).collect();
    assert_eq!(bench.pool("np").spec.orchestrator_version, "1.35", "the target stays");

    bench.remove(&Key::new(Kind::PodDisruptionBudget, "default", "stuck"));
    upgrade(&mut bench);
    assert_eq!(bench.state("np"), "Succeeded", "{:?}", bench.error("np"));
    assert_eq!(old_ones(&bench), Vec::<String>::new());
    bench.assert_tidy("np");
    let after: Vec<Uid> = uids(&bench.nodes("np"));
    assert!(done.iter().all(|uid| after.contains(uid)), "what was upgraded is skipped");
    Judge { pool: "np", least_ready: 3, most_nodes: 4, apps: vec![("web", 6)] }.judge(&bench.r.events, since);
}

#[test]
fn a_quarantined_node_stays_cordoned_and_its_surge_node_takes_its_place() {
    let mut bench = blocked(|spec| spec.upgrade_settings.undrainable_node_behavior = Some(Undrainable::Cordon));
    let host = running(bench.world(), "stuck")[0].as_pod().unwrap().node.clone().unwrap();
    let since = bench.r.events.len();
    bench.idle("np", 2 * HOUR);
    assert_eq!((bench.state("np"), bench.error("np").0.as_str()), ("Failed", "UpgradeFailed"), "every blocked node was replaced");
    bench.pass(MINUTE);
    let node = bench.world().node(&host).unwrap().doc.clone();
    assert!(node.as_node().unwrap().spec.unschedulable);
    assert_eq!(node.meta.labels.get("kubernetes.azure.com/upgrade-status").map(|label| label.as_str()), Some("Quarantined"));
    assert_eq!(bench.nodes("np").iter().filter(|node| takes_pods(node.as_node().unwrap())).count(), 3);
    assert_eq!((bench.nodes("np").len(), bench.pool("np").spec.count), (4, 3));

    // aks-semantics UD-4: the budget goes, a reconciling PUT finishes, and nothing is left over.
    bench.remove(&Key::new(Kind::PodDisruptionBudget, "default", "stuck"));
    upgrade(&mut bench);
    assert_eq!((bench.state("np"), old_ones(&bench)), ("Succeeded", vec![]), "{:?}", bench.error("np"));
    bench.assert_tidy("np");
    assert!(bench.nodes("np").iter().all(|node| !node.meta.labels.contains_key("kubernetes.azure.com/upgrade-status")));
    Judge { pool: "np", least_ready: 3, most_nodes: 4, apps: vec![("web", 6)] }.judge(&bench.r.events, since);
}

#[test]
fn a_scale_to_the_upgraded_count_takes_the_quarantined_node() {
    let mut bench = blocked(|spec| spec.upgrade_settings.undrainable_node_behavior = Some(Undrainable::Cordon));
    let host = running(bench.world(), "stuck")[0].as_pod().unwrap().node.clone().unwrap();
    bench.idle("np", 2 * HOUR);
    bench.remove(&Key::new(Kind::PodDisruptionBudget, "default", "stuck"));
    bench.settle("np", |spec| spec.count = 2);
    assert_eq!(bench.state("np"), "Succeeded", "{:?}", bench.error("np"));
    assert!(!bench.node_names("np").contains(&host.to_string()));
    assert_eq!(bench.nodes("np").len(), 2);
}

#[test]
fn a_quarantined_node_that_nothing_replaces_cancels_the_upgrade() {
    let mut bench = blocked(|spec| {
        spec.upgrade_settings.undrainable_node_behavior = Some(Undrainable::Cordon);
        spec.upgrade_settings.max_unavailable = IntOrPercent::parse("1");
    });
    bench.idle("np", 2 * HOUR);
    assert_eq!((bench.state("np"), bench.error("np").0.as_str()), ("Canceled", "UpgradeFailed"));
    assert_eq!(bench.nodes("np").len(), 3);
}

#[test]
fn a_budget_that_is_mended_midway_lets_the_upgrade_go_on_at_once() {
    let mut bench = blocked(|_| {});
    let before = by_name(bench.nodes("np"));
    bench.pass(5 * MINUTE);
    assert_eq!(bench.state("np"), "Upgrading");
    let said = |world: &World| {
        world
            .list(Kind::Event, None)
            .filter_map(|doc| doc.as_event())
            .any(|event| event.message.starts_with("Eviction blocked by Too Many Requests (usually a pdb): stuck-"))
    };
    assert!(said(bench.world()));
    let key = Key::new(Kind::PodDisruptionBudget, "default", "stuck");
    let mended = bench.r.now();
    bench.edit(&key, |doc| doc.as_budget_mut().unwrap().spec.min_available = Some(IntOrPercent::Int(0)));
    bench.idle("np", 3 * MINUTE);
    assert_rolled(&bench, &before);
    assert!(bench.r.now().since(mended) < 2 * MINUTE);
}

#[test]
fn a_surge_that_finds_no_room_fails_the_upgrade_before_1_35() {
    let mut bench = Bench::with_pool(4, |spec| {
        spec.orchestrator_version = "1.33".into();
        spec.upgrade_settings.max_surge = IntOrPercent::parse("3");
    });
    let before = uids(&bench.nodes("np"));
    bench.fault("short", json!({"kind": "allocation", "pool": "np", "count": 1}));
    bench.settle("np", |spec| spec.orchestrator_version = "1.34".into());
    let (code, message) = bench.error("np");
    assert_eq!((bench.state("np"), code.as_str()), ("Failed", "AllocationFailed"));
    assert!(message.starts_with("VMSSAgentPoolReconciler retry failed: Category: ClientError; SubCode: AllocationFailed; "), "{message}");
    bench.pass(MINUTE);
    bench.assert_tidy("np");
    assert_eq!(uids(&bench.nodes("np")), before, "no node was touched");
    bench.settle("np", |_| {});
    assert_eq!((bench.state("np"), old_ones(&bench)), ("Succeeded", vec![]), "the same PUT resumes");
}

#[test]
fn a_surge_that_finds_no_room_is_tried_with_one_node_from_1_35_on() {
    for (failures, expected) in [(1, "Succeeded"), (2, "Failed")] {
        let mut bench = Bench::with_pool(4, |spec| spec.upgrade_settings.max_surge = IntOrPercent::parse("3"));
        let since = bench.r.events.len();
        bench.fault("short", json!({"kind": "allocation", "pool": "np", "count": failures}));
        upgrade(&mut bench);
        assert_eq!(bench.state("np"), expected);
        bench.pass(MINUTE);
        bench.assert_tidy("np");
        Judge { pool: "np", least_ready: 4, most_nodes: 5, apps: vec![] }.judge(&bench.r.events, since);
    }
}

#[test]
fn spot_nodes_are_neither_surged_nor_emptied() {
    let mut bench = Bench::with_pool(3, |spec| {
        spec.priority = Priority::Spot;
        spec.eviction_policy = "Delete".into();
        spec.spot_max_price = "-1".into();
    });
    bench.deploy("web", 3, "np", json!({"tolerations": [{"operator": "Exists"}]}));
    let (before, since) = (by_name(bench.nodes("np")), bench.r.events.len());
    upgrade(&mut bench);
    assert_eq!((bench.state("np"), old_ones(&bench)), ("Succeeded", vec![]));
    assert_eq!(bench.node_names("np"), before.keys().cloned().collect::<Vec<_>>());
    Judge { pool: "np", least_ready: 2, most_nodes: 3, apps: vec![] }.judge(&bench.r.events, since);
    let evicted = bench.when(since, |doc| {
        doc.key.kind == Kind::Pod && doc.is_terminating() && doc.as_pod().is_some_and(|pod| pod.status.phase == Phase::Running)
    });
    assert_eq!(evicted, None, "nobody was asked to leave");
}

#[test]
fn a_stopped_pool_is_upgraded_on_paper_and_boots_with_it() {
    let mut bench = Bench::with_pool(2, |_| {});
    bench.settle("np", |spec| spec.power = Power::Stopped);
    assert_eq!((bench.state("np"), bench.nodes("np").len()), ("Succeeded", 0));
    let now = bench.r.now();
    upgrade(&mut bench);
    assert_eq!((bench.state("np"), bench.r.now()), ("Succeeded", now), "nothing is rolled");
    bench.settle("np", |spec| spec.power = Power::Running);
    assert_eq!((bench.state("np"), old_ones(&bench)), ("Succeeded", vec![]));
    bench.assert_tidy("np");
}

#[test]
fn what_a_user_cordoned_stays_cordoned_on_its_new_image() {
    let mut bench = loaded(3, |_| {});
    let node = bench.nodes("np")[1].key.clone();
    bench.edit(&node, |doc| doc.as_node_mut().unwrap().spec.unschedulable = true);
    let since = bench.r.events.len();
    upgrade(&mut bench);
    assert_eq!((bench.state("np"), old_ones(&bench)), ("Succeeded", vec![]), "{:?}", bench.error("np"));
    let cordoned: Vec<_> =
        bench.nodes("np").into_iter().filter(|node| node.as_node().unwrap().spec.unschedulable).map(|node| node.key.clone()).collect();
    assert_eq!(cordoned, vec![node.clone()]);
    Judge { pool: "np", least_ready: 2, most_nodes: 4, apps: vec![("web", 8), ("db", 3)] }.judge(&bench.r.events, since);
    bench.edit(&node, |doc| doc.as_node_mut().unwrap().spec.unschedulable = false);
    bench.pass(1_000);
    bench.assert_tidy("np");
}

#[test]
fn an_aborted_upgrade_keeps_what_is_done_and_leaves_nothing_behind() {
    let mut bench = loaded(4, |_| {});
    let since = bench.r.events.len();
    bench.put("np", |spec| spec.orchestrator_version = "1.35".into());
    bench.until(HOUR, |world| world.machines_of(&"np".into()).filter(|(_, machine)| machine.roll == Some(Roll::Done)).count() == 1);
    bench.until(HOUR, |world| world.machines_of(&"np".into()).any(|(_, machine)| machine.roll == Some(Roll::Reimaging)));
    let abort = bench.ask(Change::AbortPool { name: "np".into() }).unwrap().operation.unwrap();
    assert_eq!(bench.state("np"), "Canceling");
    bench.idle("np", HOUR);
    assert_eq!(bench.state("np"), "Canceled");
    assert_eq!(bench.pool("np").operation(abort).unwrap().ended.as_ref().unwrap().outcome, Outcome::Succeeded);
    bench.pass(MINUTE);
    bench.assert_tidy("np");
    assert_eq!(old_ones(&bench).len(), 2, "one was done, one was under way and is finished");
    assert_eq!(bench.pool("np").spec.count, 4);
    bench.settle("np", |_| {});
    assert_eq!((bench.state("np"), old_ones(&bench)), ("Succeeded", vec![]), "the same PUT resumes");
    bench.assert_tidy("np");
    Judge { pool: "np", least_ready: 4, most_nodes: 5, apps: vec![("web", 8), ("db", 3)] }.judge(&bench.r.events, since);
}

#[test]
fn while_the_surge_node_is_cordoned_no_other_is_taken() {
    for comes_back in [true, false] {
        let mut bench = loaded(3, |_| {});
        let (before, since) = (bench.node_names("np"), bench.r.events.len());
        bench.put("np", |spec| spec.orchestrator_version = "1.35".into());
        let done =
            |world: &World, count| world.machines_of(&"np".into()).filter(|(_, machine)| machine.roll == Some(Roll::Done)).count() == count;
        bench.until(HOUR, |world| world.nodes().count() == 5);
        let surge = bench.nodes("np").into_iter().find(|node| !before.contains(&node.key.name.to_string())).unwrap().key.clone();
        bench.edit(&surge, |doc| doc.as_node_mut().unwrap().spec.unschedulable = true);
        bench.pass(10 * MINUTE);
        assert_eq!((bench.state("np"), done(bench.world(), 0)), ("Upgrading", true));
        if comes_back {
            bench.edit(&surge, |doc| doc.as_node_mut().unwrap().spec.unschedulable = false);
        }
        bench.idle("np", HOUR);
        bench.pass(MINUTE);
        let (state, code) = if comes_back { ("Succeeded", "") } else { ("Failed", "NodesNotReady") };
        assert_eq!((bench.state("np"), bench.error("np").0.as_str()), (state, code));
        bench.assert_tidy("np");
        Judge { pool: "np", least_ready: 3, most_nodes: 4, apps: vec![("web", 8), ("db", 3)] }.judge(&bench.r.events, since);
    }
}

#[test]
fn an_upgrade_brings_the_machines_that_a_failed_scale_left_out() {
    let mut bench = Bench::with_pool(2, |_| {});
    bench.fault("short", json!({"kind": "allocation", "pool": "np", "count": 1}));
    bench.settle("np", |spec| spec.count = 4);
    assert_eq!(bench.state("np"), "Failed");
    upgrade(&mut bench);
    assert_eq!((bench.state("np"), old_ones(&bench)), ("Succeeded", vec![]));
    bench.assert_tidy("np");
    assert_eq!(bench.nodes("np").len(), 4);
}
