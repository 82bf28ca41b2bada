//! Scaling: machines come, are chosen, are emptied and go; what the cloud refuses is said and is mended by the same PUT.
//!
//! aks-semantics 3.1, DL-1, section 5; invariants I5, I7, E4.

mod support;

use nodelane_model::machine::MachinePhase;
use nodelane_model::{Change, Key, Kind};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use support::*;

/// How many machines each zone has.
fn zones(bench: &Bench) -> BTreeMap<String, usize> {
    let mut zones = BTreeMap::new();
    for (_, machine) in bench.machines("np") {
        *zones.entry(machine.zone.to_string()).or_default() += 1;
    }
    zones
}

fn zonal(count: u32) -> Bench {
    Bench::with_pool(count, |spec| spec.availability_zones = ["1", "2", "3"].map(Into::into).to_vec())
}

#[test]
fn a_pool_grows_and_only_by_what_is_missing() {
    let mut bench = Bench::with_pool(2, |_| {});
    let before = uids(&bench.nodes("np"));
    bench.put("np", |spec| spec.count = 5);
    assert_eq!(bench.state("np"), "Scaling");
    bench.idle("np", HOUR);
    bench.assert_tidy("np");
    let after = uids(&bench.nodes("np"));
    assert_eq!((bench.state("np"), after.len()), ("Succeeded", 5));
    assert!(before.iter().all(|uid| after.contains(uid)));
}

#[test]
fn zones_are_filled_evenly() {
    let mut bench = zonal(4);
    assert_eq!(zones(&bench), BTreeMap::from([("1".into(), 2), ("2".into(), 1), ("3".into(), 1)]));
    bench.settle("np", |spec| spec.count = 9);
    assert_eq!(zones(&bench), BTreeMap::from([("1".into(), 3), ("2".into(), 3), ("3".into(), 3)]));
    let label = |node: &std::sync::Arc<nodelane_model::Doc>| node.meta.labels["topology.kubernetes.io/zone"].to_string();
    assert_eq!(bench.nodes("np").iter().map(label).collect::<BTreeSet<_>>(), ["eastus-1", "eastus-2", "eastus-3"].map(String::from).into());
}

#[test]
fn the_newest_of_the_fullest_zone_go_first() {
    // aks-semantics MS-5: zones of instances 0 to 6 are 1 2 3 1 2 3 1.
    let mut bench = zonal(7);
    bench.settle("np", |spec| spec.count = 4);
    assert_eq!(bench.state("np"), "Succeeded");
    let left: Vec<u32> = bench.machines("np").iter().map(|(_, machine)| machine.instance).collect();
    assert_eq!(left, [0, 1, 2, 3]);
    bench.assert_tidy("np");
}

#[test]
fn a_fuller_zone_gives_before_a_newer_machine() {
    // Zone 1 keeps only instance 6; zones 2 and 3 have 1, 4 and 2, 5.
    let mut bench = zonal(7);
    let named = [0, 3].map(|index| bench.machines("np")[index].0.name.clone()).to_vec();
    bench.ask(Change::DeleteMachines { name: "np".into(), machines: named }).unwrap();
    bench.idle("np", HOUR);
    bench.settle("np", |spec| spec.count = 3);
    let left: Vec<u32> = bench.machines("np").iter().map(|(_, machine)| machine.instance).collect();
    assert_eq!(left, [1, 2, 6]);
}

#[test]
fn instance_ids_are_never_used_twice() {
    let mut bench = Bench::with_pool(3, |_| {});
    let mut seen: BTreeSet<u32> = bench.machines("np").iter().map(|(_, machine)| machine.instance).collect();
    for _ in 0..3 {
        bench.settle("np", |spec| spec.count = 1);
        let left: BTreeSet<u32> = bench.machines("np").iter().map(|(_, machine)| machine.instance).collect();
        bench.settle("np", |spec| spec.count = 3);
        let new: BTreeSet<u32> = bench.machines("np").iter().map(|(_, machine)| machine.instance).collect();
        assert!(new.difference(&left).all(|instance| seen.insert(*instance)), "{new:?} {seen:?}");
    }
}

#[test]
fn a_smaller_pool_is_emptied_within_its_budgets() {
    let mut bench = Bench::with_pool(4, |_| {});
    bench.deploy("web", 10, "np", json!({}));
    bench.budget("web", json!({"maxUnavailable": 1}));
    let since = bench.r.events.len();
    bench.settle("np", |spec| spec.count = 1);
    assert_eq!((bench.state("np"), bench.nodes("np").len()), ("Succeeded", 1));
    bench.assert_tidy("np");
    assert_eq!(running(bench.world(), "web").len(), 10);
    Judge { pool: "np", least_ready: 1, most_nodes: 4, apps: vec![("web", 10)] }.judge(&bench.r.events, since);
}

#[test]
fn a_budget_that_blocks_for_ten_minutes_fails_the_scale_and_what_was_cordoned_takes_pods_again() {
    let mut bench = Bench::with_pool(3, |_| {});
    bench.deploy(
        "stuck",
        3,
        "np",
        json!({"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"app": "stuck"}}}]}),
    );
    let budget = bench.budget("stuck", json!({"minAvailable": 3}));
    let since = bench.r.events.len();
    bench.settle("np", |spec| spec.count = 2);
    let (code, message) = bench.error("np");
    let (_, victim) = (0, bench.node_names("np")[2].clone());
    let pod = running(bench.world(), "stuck")
        .into_iter()
        .find(|pod| pod.as_pod().unwrap().node.as_ref().is_some_and(|node| *node == victim))
        .unwrap();
    assert_eq!((bench.state("np"), code.as_str()), ("Failed", "ScaleVMSSAgentPoolFailed"));
    assert_eq!(
        message,
        format!(
            "PodDrainFailure: Node '{victim}' failed to be drained with error: 'Drain did not complete pods [{}] within 10m0s'",
            pod.key.name
        )
    );
    assert!(bench.nodes("np").iter().all(|node| takes_pods(node.as_node().unwrap())));
    assert_eq!(bench.nodes("np").len(), 3);
    Judge { pool: "np", least_ready: 2, most_nodes: 3, apps: vec![("stuck", 3)] }.judge(&bench.r.events, since);
    bench.remove(&budget);
    bench.settle("np", |_| {});
    assert_eq!((bench.state("np"), bench.nodes("np").len()), ("Succeeded", 2), "the same PUT resumes");
    bench.assert_tidy("np");
}

#[test]
fn a_pod_that_does_not_go_holds_up_a_scale_no_longer_than_a_budget() {
    let mut bench = Bench::with_pool(2, |_| {});
    bench.deploy("slow", 2, "np", json!({}));
    for pod in running(bench.world(), "slow") {
        bench.edit(&pod.key, |doc| doc.meta.finalizers.push("example.com/hold".into()));
    }
    bench.settle("np", |spec| spec.count = 1);
    assert_eq!(bench.state("np"), "Failed");
    assert!(bench.error("np").1.contains("Drain did not complete pods [slow-"), "{:?}", bench.error("np"));
}

#[test]
fn what_the_cloud_refuses_fails_a_create_with_its_words_and_the_same_put_resumes() {
    for (kind, zones, code, outer) in [
        ("allocation", vec![], "AllocationFailed", "CreateVMSSAgentPoolFailed"),
        ("allocation", vec!["1", "2"], "ZonalAllocationFailed", "CreateVMSSAgentPoolFailed"),
        ("quota", vec![], "QuotaExceeded", "CreateVMSSAgentPoolFailed"),
    ] {
        let mut bench = Bench::new(nodelane_sim::BootProfile::Fast);
        bench.fault("short", json!({"kind": kind, "pool": "np", "count": 2}));
        let mut wanted = spec(5);
        wanted.availability_zones = zones.into_iter().map(Into::into).collect();
        bench.put_spec("np", wanted).unwrap();
        assert_eq!(bench.state("np"), "Creating");
        bench.idle("np", HOUR);
        let (is, message) = bench.error("np");
        assert_eq!((bench.state("np"), is.as_str()), ("Failed", code));
        assert!(
            message.starts_with(&format!(
                "VMSSAgentPoolReconciler retry failed: Category: ClientError; SubCode: {code}; {outer}: Original Error: "
            )),
            "{message}"
        );
        bench.pass(MINUTE);
        bench.settle("np", |_| {});
        assert_eq!(bench.state("np"), "Succeeded", "{:?}", bench.error("np"));
        bench.assert_tidy("np");
        assert_eq!(bench.nodes("np").len(), 5);
        let (names, count) = (bench.machines("np"), created(&bench));
        assert_eq!((names.len(), count), (5, 5 + 2), "two failed and were replaced, none was made twice");
    }
}

/// How many machines were ever made for the pool.
fn created(bench: &Bench) -> usize {
    let is_new = |event: &nodelane_control::Event| {
        event.old.is_none() && event.new.as_ref().and_then(|doc| doc.as_machine()).is_some_and(|machine| machine.pool == "np")
    };
    bench.r.events.iter().filter(|(_, event)| is_new(event)).count()
}

#[test]
fn failed_machines_of_a_scale_are_removed() {
    let mut bench = Bench::with_pool(2, |_| {});
    bench.fault("short", json!({"kind": "allocation", "pool": "np", "count": 1}));
    bench.settle("np", |spec| spec.count = 4);
    assert_eq!(bench.state("np"), "Failed");
    assert!(bench.error("np").1.contains("ScaleVMSSAgentPoolFailed"), "{:?}", bench.error("np"));
    bench.pass(MINUTE);
    assert!(bench.machines("np").iter().all(|(_, machine)| machine.phase == MachinePhase::Running));
    bench.settle("np", |_| {});
    bench.assert_tidy("np");
    assert_eq!((bench.state("np"), bench.nodes("np").len()), ("Succeeded", 4));
}

#[test]
fn machines_that_never_register_fail_the_operation_after_a_quarter_of_an_hour() {
    let mut bench = Bench::with_pool(2, |_| {});
    let fault = bench.fault("mute", json!({"kind": "never-registers", "pool": "np"}));
    let asked = bench.r.now();
    bench.settle("np", |spec| spec.count = 4);
    assert_eq!(bench.r.now().since(asked), 15 * MINUTE);
    assert_eq!(bench.error("np"), ("NodesNotReady".into(), "Not all nodes reached Ready state. Expected: 4, Actual: 2".into()));
    // The fault ends, the nodes register by themselves, and the same PUT finds them.
    bench.remove(&fault);
    bench.pass(10_000);
    assert_eq!(bench.nodes("np").len(), 4);
    bench.settle("np", |_| {});
    bench.assert_tidy("np");
    assert_eq!((bench.state("np"), created(&bench)), ("Succeeded", 4));
}

#[test]
fn named_machines_go_without_a_drain_and_the_count_with_them() {
    let mut bench = Bench::with_pool(4, |_| {});
    bench.deploy("web", 8, "np", json!({}));
    bench.budget("web", json!({"minAvailable": 8}));
    let named: Vec<_> = [0, 2].map(|index| bench.machines("np")[index].0.name.clone()).to_vec();
    let since = bench.r.events.len();
    bench.ask(Change::DeleteMachines { name: "np".into(), machines: named.clone() }).unwrap();
    bench.idle("np", HOUR);
    assert_eq!((bench.state("np"), bench.pool("np").spec.count, bench.nodes("np").len()), ("Succeeded", 2, 2));
    bench.assert_tidy("np");
    assert!(named.iter().all(|name| bench.world().get(&Key::global(Kind::Machine, name.clone())).is_none()));
    let cordoned = bench.when(since, |doc| doc.as_node().is_some_and(|node| node.spec.unschedulable));
    assert_eq!(cordoned, None);
    bench.pass(MINUTE);
    assert_eq!(running(bench.world(), "web").len(), 8);
}

#[test]
fn an_aborted_scale_keeps_what_was_asked_for_already() {
    let mut bench = Bench::with_pool(1, |_| {});
    bench.put("np", |spec| spec.count = 4);
    bench.pass(1_000);
    bench.ask(Change::AbortPool { name: "np".into() }).unwrap();
    assert_eq!(bench.state("np"), "Canceling");
    bench.idle("np", HOUR);
    assert_eq!((bench.state("np"), bench.pool("np").spec.count, bench.nodes("np").len()), ("Canceled", 4, 4));
    bench.assert_tidy("np");
}

#[test]
fn a_pool_scales_to_nothing_and_back() {
    let mut bench = Bench::with_pool(2, |_| {});
    bench.settle("np", |spec| spec.count = 0);
    assert_eq!((bench.state("np"), bench.nodes("np").len(), bench.machines("np").len()), ("Succeeded", 0, 0));
    bench.settle("np", |spec| spec.count = 2);
    assert_eq!((bench.state("np"), bench.nodes("np").len()), ("Succeeded", 2));
}
