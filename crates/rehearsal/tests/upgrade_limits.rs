//! Upgrades at their limits: nodes that cannot be emptied, surges that find no room, budgets that are passed over on request.
//!
//! Judged from the events alone (aks-semantics US-3, US-4, UD-2 to UD-5, UF-2; invariants I3, I5, E3, E4).

mod support;

use nodelane_model::budget::IntOrPercent;
use nodelane_model::change::EtagConditions;
use nodelane_model::operation::Operation;
use nodelane_model::pool::{PoolSpec, Undrainable};
use nodelane_model::refusal::PoolRefusal;
use nodelane_model::{Change, Doc, Key, Kind, Refusal};
use serde_json::json;
use std::sync::Arc;
use support::*;

/// Nodes of the pool that do not have its version.
fn old_ones(bench: &Bench) -> Vec<String> {
    let target = bench.pool("np").state.version;
    let is_old = |node: &&Arc<Doc>| node.as_node().unwrap().status.node_info.kubelet_version != format!("v{target}");
    bench.nodes("np").iter().filter(is_old).map(|node| node.key.name.to_string()).collect()
}

fn quarantined(bench: &Bench) -> Vec<String> {
    let marked = |node: &&Arc<Doc>| node.meta.labels.get("kubernetes.azure.com/upgrade-status").is_some_and(|label| label == "Quarantined");
    let nodes = bench.nodes("np");
    let held = nodes.iter().filter(marked).inspect(|node| assert!(node.as_node().unwrap().spec.unschedulable));
    held.map(|node| node.key.name.to_string()).collect()
}

fn said(bench: &Bench, start: &str) -> bool {
    bench.world().list(Kind::Event, None).filter_map(|doc| doc.as_event()).any(|event| event.message.starts_with(start))
}

fn last(bench: &Bench) -> Operation {
    bench.pool("np").last_ended().cloned().unwrap()
}

/// A pool of four; on each of the first `stuck` nodes a pod that a budget, made after the upgrade was accepted, does not let go.
fn blocked(stuck: usize, change: impl FnOnce(&mut PoolSpec)) -> (Bench, Vec<String>) {
    let mut bench = Bench::with_pool(4, |spec| {
        spec.upgrade_settings.drain_timeout_in_minutes = Some(10);
        spec.upgrade_settings.undrainable_node_behavior = Some(Undrainable::Cordon);
        change(spec);
    });
    let hosts: Vec<String> = bench.node_names("np")[..stuck].to_vec();
    for (index, host) in hosts.iter().enumerate() {
        bench.deploy(&format!("stuck{index}"), 1, "np", json!({"nodeSelector": {"kubernetes.io/hostname": host}}));
    }
    bench.put("np", |spec| spec.orchestrator_version = "1.35".into());
    for index in 0..stuck {
        bench.budget(&format!("stuck{index}"), json!({"minAvailable": 1}));
    }
    (bench, hosts)
}

#[test]
fn a_quarantined_first_node_does_not_keep_the_others_from_their_upgrade() {
    let (mut bench, hosts) = blocked(1, |spec| spec.upgrade_settings.max_blocked_nodes = IntOrPercent::parse("2"));
    let since = bench.r.events.len();
    bench.idle("np", 2 * HOUR);
    assert_eq!((bench.state("np"), bench.error("np").0.as_str()), ("Failed", "UpgradeFailed"), "{:?}", bench.error("np"));
    bench.pass(MINUTE);
    assert_eq!((quarantined(&bench), old_ones(&bench)), (hosts.clone(), hosts));
    assert_eq!((bench.nodes("np").len(), bench.pool("np").spec.count), (5, 4), "its replacement is kept");
    // What is quarantined and what is extra are together no more than the pool says may be given up.
    Judge { pool: "np", least_ready: 4, most_nodes: 6, apps: vec![] }.judge(&bench.r.events, since);
}

#[test]
fn one_more_than_may_be_given_up_stops_the_upgrade_and_takes_pods_again() {
    let (mut bench, hosts) = blocked(2, |spec| {
        spec.upgrade_settings.max_surge = IntOrPercent::parse("2");
        spec.upgrade_settings.max_blocked_nodes = IntOrPercent::parse("1");
    });
    bench.idle("np", 3 * HOUR);
    assert_eq!((bench.state("np"), bench.error("np").0.as_str()), ("Failed", "UpgradeFailed"), "the one that was given up is replaced");
    assert!(bench.error("np").1.contains(&format!("Drain node {} failed", hosts[1])), "{:?}", bench.error("np"));
    bench.pass(MINUTE);
    assert_eq!(quarantined(&bench), hosts[..1]);
    assert_eq!(bench.nodes("np").iter().filter(|node| takes_pods(node.as_node().unwrap())).count(), 4);
    assert_eq!(old_ones(&bench).len(), 4, "nothing but the replacement is new");

    // aks-semantics UD-4: without the budgets a reconciling PUT ends it.
    for index in 0..2 {
        bench.remove(&Key::new(Kind::PodDisruptionBudget, "default", format!("stuck{index}")));
    }
    bench.settle("np", |_| {});
    assert_eq!((bench.state("np"), old_ones(&bench), quarantined(&bench)), ("Succeeded", vec![], vec![]), "{:?}", bench.error("np"));
    bench.assert_tidy("np");
}

#[test]
fn as_many_as_the_pool_allows_are_given_up() {
    let (mut bench, hosts) = blocked(2, |spec| {
        spec.upgrade_settings.max_surge = IntOrPercent::parse("3");
        spec.upgrade_settings.max_blocked_nodes = IntOrPercent::parse("2");
    });
    let since = bench.r.events.len();
    bench.idle("np", 3 * HOUR);
    assert_eq!((bench.state("np"), bench.error("np").0.as_str()), ("Failed", "UpgradeFailed"));
    bench.pass(MINUTE);
    assert_eq!((quarantined(&bench), old_ones(&bench)), (hosts.clone(), hosts.clone()));
    assert_eq!(bench.nodes("np").iter().filter(|node| takes_pods(node.as_node().unwrap())).count(), 4);
    Judge { pool: "np", least_ready: 4, most_nodes: 7, apps: vec![] }.judge(&bench.r.events, since);

    // UD-4: a scale to the upgraded count takes the quarantined ones first.
    for index in 0..2 {
        bench.remove(&Key::new(Kind::PodDisruptionBudget, "default", format!("stuck{index}")));
    }
    bench.settle("np", |spec| spec.count = 2);
    assert_eq!((bench.state("np"), bench.nodes("np").len()), ("Succeeded", 2), "{:?}", bench.error("np"));
    assert!(hosts.iter().all(|host| !bench.node_names("np").contains(host)));
}

#[test]
fn max_blocked_nodes_needs_to_know_what_becomes_of_them() {
    let mut bench = Bench::with_pool(1, |_| {});
    let mut spec = bench.pool("np").spec;
    spec.upgrade_settings.max_blocked_nodes = IntOrPercent::parse("1");
    match bench.put_spec("np", spec) {
        Err(Refusal::Pool(PoolRefusal::Parameter { rule: "UD-3", .. })) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn where_no_surge_machine_is_to_be_had_a_pool_that_names_both_is_rolled_in_place() {
    let both = |spec: &mut PoolSpec| {
        spec.upgrade_settings.max_surge = IntOrPercent::parse("3");
        spec.upgrade_settings.max_unavailable = IntOrPercent::parse("2");
    };
    for (from, to, surges) in [("1.34", "1.35", vec![1, 0]), ("1.33", "1.34", vec![0])] {
        let mut bench = Bench::with_pool(4, |spec| spec.orchestrator_version = from.into());
        assert!(matches!(bench.put_as("2026-06-01", both), Err(Refusal::Pool(PoolRefusal::SurgeAndUnavailable { both_zero: false }))));
        bench.put_as("2026-01-02-preview", both).expect("a preview may name both");
        bench.idle("np", HOUR);
        let since = bench.r.events.len();
        let made = bench.machines("np").len();
        bench.fault("short", json!({"kind": "allocation", "pool": "np", "count": 99}));
        bench.settle("np", |spec| spec.orchestrator_version = to.into());
        assert_eq!((bench.state("np"), old_ones(&bench)), ("Succeeded", vec![]), "{:?}", bench.error("np"));
        let fallbacks = last(&bench).fallbacks;
        assert_eq!(fallbacks.iter().map(|fallback| fallback.surge).collect::<Vec<_>>(), surges, "{from}");
        assert!(fallbacks.iter().all(|fallback| fallback.because == "AllocationFailed"));
        bench.pass(MINUTE);
        bench.assert_tidy("np");
        assert_eq!(bench.machines("np").len(), made);
        Judge { pool: "np", least_ready: 2, most_nodes: 4, apps: vec![] }.judge(&bench.r.events, since);
    }
}

/// Sets the cluster's override, as `az aks update --enable-force-upgrade` does.
fn force(bench: &mut Bench, until: Option<&str>) -> Result<(), Refusal> {
    let cluster = bench.world().cluster().unwrap().clone();
    let mut spec = Box::new(cluster.spec);
    let mut settings = json!({"forceUpgrade": true});
    if let Some(until) = until {
        settings["until"] = until.into();
    }
    spec.properties.insert("upgradeSettings".into(), json!({"overrideSettings": settings}));
    let base = bench.world().get(&nodelane_engine::cluster_key()).map(|doc| doc.revision);
    bench.ask(Change::PutCluster { spec, pools: Vec::new(), base, etag: EtagConditions::default() })?;
    bench.until(HOUR, |world| world.cluster().is_some_and(|cluster| cluster.state.operation.is_none()));
    Ok(())
}

/// A pool of two with pods that their budget never lets go, on the surge machine too when it is there.
fn stuck() -> Bench {
    let mut bench = Bench::with_pool(2, |spec| spec.upgrade_settings.drain_timeout_in_minutes = Some(10));
    bench.deploy("stuck", 3, "np", json!({}));
    bench.budget("stuck", json!({"minAvailable": 3}));
    bench.pass(5_000);
    bench
}

#[test]
fn a_forced_upgrade_passes_over_budgets_and_says_so() {
    let mut bench = stuck();
    let put = |spec: &mut PoolSpec| spec.orchestrator_version = "1.35".into();
    assert!(matches!(bench.put_as("", put), Err(Refusal::Pool(PoolRefusal::UnsatisfiableBudgets(_)))));
    force(&mut bench, None).unwrap();
    bench.settle("np", put);
    assert_eq!((bench.state("np"), old_ones(&bench)), ("Succeeded", vec![]), "{:?}", bench.error("np"));
    assert!(last(&bench).ignore_budgets, "the operation is marked");
    // Three days from 2026-01-01, to the second (UD-5).
    assert!(said(&bench, "Evicted in spite of its disruption budget, as the upgrade settings' override allows until 2026-01-04T00:"));
    bench.assert_tidy("np");
}

#[test]
fn an_override_that_has_ended_forces_nothing() {
    let mut bench = stuck();
    force(&mut bench, Some("2026-01-01T02:00:00Z")).unwrap();
    bench.pass(3 * HOUR);
    let put = |spec: &mut PoolSpec| spec.orchestrator_version = "1.35".into();
    assert!(matches!(bench.put_as("", put), Err(Refusal::Pool(PoolRefusal::UnsatisfiableBudgets(_)))));
    for until in ["2026-01-01T02:00:01Z", "soon"] {
        assert!(matches!(force(&mut bench, Some(until)), Err(Refusal::Pool(PoolRefusal::Parameter { rule: "UD-5", .. }))), "{until}");
    }
}

#[test]
fn an_override_that_ends_in_the_middle_of_a_drain_leaves_the_rest_to_the_budget() {
    let mut bench = stuck();
    force(&mut bench, Some("2026-01-01T02:00:00Z")).unwrap();
    let until = nodelane_model::Time::parse("2026-01-01T01:59:58Z").unwrap();
    bench.r.run_until(until);
    bench.put("np", |spec| spec.orchestrator_version = "1.35".into());
    let since = bench.r.events.len();
    bench.idle("np", HOUR);
    // The surge machine takes longer than the two seconds that were left.
    assert_eq!((bench.state("np"), bench.error("np").0.as_str()), ("Failed", "UpgradeFailed"));
    assert!(!said(&bench, "Evicted in spite of"));
    Judge { pool: "np", least_ready: 2, most_nodes: 3, apps: vec![("stuck", 3)] }.judge(&bench.r.events, since);
}
