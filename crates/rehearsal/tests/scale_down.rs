//! Nodes of no need go, over virtual time: how soon, in which order, and what keeps them (aks-semantics 3.4, AL-1).
//!
//! Times are those of the default profile: a node goes when it has been of no need for longer than ten minutes, looked at every ten
//! seconds, and its machine five seconds after its taint.

mod support;

use nodelane_model::event::Event;
use nodelane_model::machine::{CordonOwner, Intent, MachinePhase};
use nodelane_model::pool::PoolSpec;
use nodelane_model::{Doc, Key, Kind, Time};
use nodelane_sim::BootProfile;
use nodelane_world::World;
use serde_json::{Value, json};
use std::sync::Arc;
use support::*;

const SECOND: i64 = 1_000;
const TAINT: &str = "ToBeDeletedByClusterAutoscaler";

/// A pool `np` of so many machines that the autoscaler may bring down to `min`.
fn autoscaled(count: u32, min: u32, change: impl FnOnce(&mut PoolSpec)) -> Bench {
    Bench::with_pool(count, |spec| {
        (spec.enable_auto_scaling, spec.min_count, spec.max_count) = (true, Some(min), Some(10));
        change(spec);
    })
}

fn living(world: &World, pool: &str) -> usize {
    world.machines_of(&pool.into()).filter(|(_, machine)| machine.is_wanted()).count()
}

fn has_taint(doc: &Doc, key: &str) -> bool {
    doc.as_node().is_some_and(|node| node.spec.taints.iter().any(|taint| taint.key == key))
}

/// Every event of a reason, as `object: message`, in order.
fn said(bench: &Bench, reason: &str) -> Vec<String> {
    let of = |doc: &Arc<Doc>| {
        doc.as_event()
            .filter(|event| event.reason == reason)
            .map(|event: &Event| format!("{}: {}", event.involved_object.name, event.message))
    };
    bench.r.events.iter().filter(|(_, event)| event.old.is_none()).filter_map(|(_, event)| event.new.as_ref().and_then(of)).collect()
}

/// When a node was first seen with the taint.
fn tainted_at(bench: &Bench, node: &str) -> Option<Time> {
    bench.when(0, |doc| doc.key.kind == Kind::Node && doc.key.name == node && has_taint(doc, TAINT))
}

fn taints(bench: &Bench) -> usize {
    bench.nodes("np").iter().filter(|node| has_taint(node, TAINT)).count()
}

/// A pod on a node of the pool, without an owner.
fn bare_pod(bench: &mut Bench, namespace: &str, name: &str, metadata: Value, spec: Value) -> Key {
    let mut pod = json!({"metadata": {"name": name, "namespace": namespace}, "spec": {"schedulerName": "default-scheduler", "nodeSelector": {"agentpool": "np"},
        "restartPolicy": "Always", "containers": [{"name": "c", "image": "fake", "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}}}]}});
    for (part, more) in [("metadata", metadata), ("spec", spec)] {
        more.as_object().into_iter().flatten().for_each(|(key, value)| pod[part][key] = value.clone());
    }
    let key = bench.create(Kind::Pod, pod);
    bench.until(MINUTE, |world| world.get(&key).is_some_and(|doc| doc.as_pod().is_some_and(|pod| pod.status.is_ready())));
    key
}

#[test]
fn batch_scales_to_zero_after_its_jobs_in_the_documented_time() {
    let mut bench = autoscaled(3, 0, |_| {});
    bench.create(
        Kind::Job,
        json!({"metadata": {"name": "batch", "namespace": "default", "generation": 1}, "spec": {"completions": 3, "parallelism": 3, "backoffLimit": 6,
            "completionMode": "NonIndexed", "suspend": false,
            "selector": {"matchLabels": {"job-name": "batch"}}, "template": {"metadata": {"labels": {"job-name": "batch"}, "annotations": {"nodelane.dev/run-for": "20m"}}, "spec": {
            "restartPolicy": "Never", "schedulerName": "default-scheduler", "nodeSelector": {"agentpool": "np"},
            "containers": [{"name": "c", "image": "fake", "resources": {"requests": {"cpu": "3"}}}]}}}}),
    );
    bench.pass(19 * MINUTE);
    assert_eq!((living(bench.world(), "np"), taints(&bench)), (3, 0), "each node runs a job");
    let ended = |world: &World| world.list(Kind::Pod, Some("default")).all(|pod| pod.as_pod().unwrap().status.is_terminal());
    bench.until(5 * MINUTE, ended);
    let end = bench.r.now();
    bench.until(30 * MINUTE, |world| living(world, "np") == 0);
    // Longer than ten minutes, rounded up to the next look, and five seconds between taint and deletion.
    let took = bench.r.now().since(end);
    assert!((10 * MINUTE + 5 * SECOND..=10 * MINUTE + 30 * SECOND).contains(&took), "{took} ms");
    bench.until(10 * MINUTE, |world| nodes_of(world, "np").is_empty());
    assert_eq!(bench.r.breakdowns, Vec::<String>::new());
    let node = |at: u32| format!("aks-np-{:08}-vmss00000{at}", bench.pool("np").state.number);
    let on_nodes: Vec<String> = (0..3)
        .flat_map(|at| {
            ["marked the node as toBeDeleted/unschedulable", "nodes removed by cluster autoscaler"]
                .map(|text| format!("{}: {text}", node(at)))
        })
        .collect();
    let mut heard: Vec<String> = said(&bench, "ScaleDown");
    heard.sort();
    assert_eq!(heard, on_nodes);
    let texts =
        |at: u32| [format!("Scale-down: empty node {} removed", node(at)), format!("Scale-down: removing empty node {:?}", node(at))];
    let mut on_map: Vec<String> = (0..3).flat_map(texts).map(|text| format!("cluster-autoscaler-status: {text}")).collect();
    on_map.sort();
    let mut heard = said(&bench, "ScaleDownEmpty");
    heard.sort();
    assert_eq!(heard, on_map);
}

#[test]
fn a_pool_never_falls_below_its_minimum() {
    let mut bench = autoscaled(4, 3, |_| {});
    bench.pass(HOUR);
    assert_eq!((living(bench.world(), "np"), bench.nodes("np").len(), taints(&bench)), (3, 3, 0));
}

#[test]
fn at_most_ten_empty_nodes_go_at_once() {
    let mut bench = autoscaled(14, 1, |_| {});
    bench.until(20 * MINUTE, |world| nodes_of(world, "np").iter().any(|node| has_taint(node, TAINT)));
    assert_eq!(taints(&bench), 10);
    bench.pass(MINUTE);
    assert_eq!(living(bench.world(), "np"), 1);
}

/// Two nodes of 3.8 cores with half a core each: one can go.
fn two_half_empty(change: impl FnOnce(&mut PoolSpec)) -> Bench {
    let mut bench = autoscaled(2, 0, change);
    let away = json!({"affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "podAffinityTerm": {
        "topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "web"}}}}]}}});
    bench.deploy("web", 2, "np", away);
    let hosts: std::collections::BTreeSet<_> = running(bench.world(), "web").iter().map(|pod| pod.as_pod().unwrap().node.clone()).collect();
    assert_eq!(hosts.len(), 2, "one pod on each node");
    bench
}

#[test]
fn a_node_whose_pods_fit_elsewhere_is_emptied_and_goes() {
    let mut bench = two_half_empty(|_| {});
    bench.until(20 * MINUTE, |world| living(world, "np") == 1);
    bench.until(10 * MINUTE, |world| nodes_of(world, "np").len() == 1);
    bench.until(MINUTE, |world| running(world, "web").len() == 2);
    assert_eq!(bench.r.breakdowns, Vec::<String>::new());
    let texts = said(&bench, "ScaleDown");
    assert!(texts.iter().any(|text| text.ends_with(": deleting pod for node scale down")), "{texts:?}");
    let begun = texts.iter().find(|text| text.contains("utilization:")).unwrap();
    // 100m of 3860m; the shares are f64 divisions, printed as Go prints them.
    assert!(begun.contains(", utilization: {0.02") && begun.contains(" 0 0 ") && begun.contains("}, pods to reschedule: web-"), "{begun}");
    assert!(
        texts.iter().any(|text| text.starts_with("cluster-autoscaler-status: Scale-down: node ") && text.ends_with(" removed with drain"))
    );
    bench.pass(HOUR);
    assert_eq!(living(bench.world(), "np"), 1, "the last one has pods that fit nowhere else");
}

#[test]
fn a_node_above_the_threshold_stays() {
    let mut bench = autoscaled(2, 0, |_| {});
    // Each pod takes more than half of a node.
    bench.deploy("big", 2, "np", json!({"containers": [{"name": "c", "image": "fake", "resources": {"requests": {"cpu": "2"}}}]}));
    bench.pass(HOUR);
    assert_eq!((living(bench.world(), "np"), taints(&bench)), (2, 0));
}

#[test]
fn a_budget_without_slack_keeps_a_node_until_it_has_some() {
    let mut bench = two_half_empty(|_| {});
    let budget = bench.budget("web", json!({"minAvailable": 2}));
    bench.pass(HOUR);
    assert_eq!((living(bench.world(), "np"), taints(&bench)), (2, 0));
    bench.edit(&budget, |doc| doc.as_budget_mut().unwrap().spec.min_available = Some(nodelane_model::budget::IntOrPercent::Int(1)));
    // Looked at again within five minutes, then of no need for more than ten.
    bench.until(16 * MINUTE, |world| living(world, "np") == 1);
}

#[test]
fn a_budget_that_is_spent_during_the_drain_spares_the_node_after_two_minutes() {
    let mut bench = two_half_empty(|_| {});
    bench.until(20 * MINUTE, |world| nodes_of(world, "np").iter().any(|node| has_taint(node, TAINT)));
    let tainted = bench.r.now();
    let node = bench.nodes("np").into_iter().find(|node| has_taint(node, TAINT)).unwrap().key.clone();
    bench.pass(4 * SECOND);
    // The rules were passed; from now on no pod may be evicted: what refuses is the ledger. Two budgets cover the pods.
    bench.budget("web", json!({"maxUnavailable": 1}));
    bench.create(
        Kind::PodDisruptionBudget,
        json!({"metadata": {"name": "web-too", "namespace": "default", "generation": 1},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "web"}}}}),
    );
    bench.until(5 * MINUTE, |world| !nodes_of(world, "np").iter().any(|node| has_taint(node, TAINT)));
    assert_eq!(bench.r.now().since(tainted), 5 * SECOND + 2 * MINUTE);
    let doc = bench.world().get(&node).unwrap();
    assert!(!doc.as_node().unwrap().spec.unschedulable);
    let failed = said(&bench, "ScaleDownFailed");
    assert!(failed.iter().any(|text| text.ends_with(": failed to delete pod for ScaleDown")), "{failed:?}");
    assert!(
        failed
            .iter()
            .any(|text| text.starts_with(node.name.as_str()) && text.contains("failed to drain and delete node: Failed to drain node")),
        "{failed:?}"
    );
    let (machine, _) = bench
        .world()
        .machines_of(&"np".into())
        .find(|(doc, _)| doc.key.name == node.name)
        .map(|(_, machine)| (machine.clone(), ()))
        .unwrap();
    assert!(machine.cordoned_by.is_empty() && machine.drain.is_none(), "{machine:?}");
    // Three minutes of pause after a failure, and its time of no need begins anew.
    let failed_at = bench.r.now();
    bench.until(30 * MINUTE, |world| nodes_of(world, "np").iter().any(|node| has_taint(node, TAINT)));
    assert!(bench.r.now().since(failed_at) > 3 * MINUTE);
}

#[test]
fn pods_that_must_not_be_evicted_keep_their_nodes() {
    let annotated = |value: &str| json!({"annotations": {"cluster-autoscaler.kubernetes.io/safe-to-evict": value}});
    for (metadata, goes) in [(json!({}), false), (annotated("false"), false), (annotated("true"), true)] {
        let mut bench = autoscaled(2, 0, |_| {});
        bare_pod(&mut bench, "default", "alone", metadata.clone(), json!({}));
        bench.pass(HOUR);
        // The empty node goes; the other one only if its pod may, and then the pod would need a place, which no node has.
        assert_eq!(living(bench.world(), "np"), 1, "{metadata}");
        let kept = bench.world().get(&Key::new(Kind::Pod, "default", "alone")).is_some();
        assert!(kept, "{metadata} {goes}");
    }
}

#[test]
fn system_pods_without_a_budget_keep_their_node_for_an_hour() {
    let mut bench = autoscaled(2, 0, |_| {});
    bench.create(
        Kind::Deployment,
        json!({"metadata": {"name": "coredns", "namespace": "kube-system", "generation": 1}, "spec": {
            "replicas": 1, "selector": {"matchLabels": {"app": "coredns"}}, "progressDeadlineSeconds": 600, "revisionHistoryLimit": 10,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
            "template": {"metadata": {"labels": {"app": "coredns"}}, "spec": {"restartPolicy": "Always", "schedulerName": "default-scheduler", "terminationGracePeriodSeconds": 30,
                "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100,
                    "preference": {"matchExpressions": [{"key": "agentpool", "operator": "In", "values": ["np"]}]}}]}},
                "containers": [{"name": "c", "image": "fake", "resources": {"requests": {"cpu": "100m"}}}]}}}}),
    );
    bench.pass(MINUTE);
    let since = running(bench.world(), "coredns")[0].meta.created;
    let on = running(bench.world(), "coredns")[0].as_pod().unwrap().node.clone().unwrap();
    assert!(on.contains("-np-"), "{on}");
    bench.pass(55 * MINUTE);
    assert_eq!(living(bench.world(), "np"), 1, "the empty one has gone");
    // After its hour the pod goes to the system pool, and the node is of no need from then on.
    bench.until(20 * MINUTE, |world| living(world, "np") == 0);
    let took = bench.r.now().since(since);
    assert!((70 * MINUTE..76 * MINUTE).contains(&took), "{took}");
}

#[test]
fn local_storage_keeps_a_node_only_where_the_profile_says_so() {
    for (skips, left) in [(true, 2), (false, 1)] {
        let mut bench = Bench::new(BootProfile::Fast);
        let key = Key::global(Kind::Cluster, "cluster");
        let base = bench.world().get(&key).unwrap().clone();
        let mut spec = base.as_cluster().unwrap().spec.clone();
        spec.auto_scaler_profile.insert("skip-nodes-with-local-storage".into(), skips.to_string().into());
        bench
            .ask(nodelane_model::Change::PutCluster {
                spec: Box::new(spec),
                pools: Default::default(),
                base: Some(base.revision),
                etag: Default::default(),
            })
            .unwrap();
        bench.pass(MINUTE);
        bench.make("np", 2, |spec| (spec.enable_auto_scaling, spec.min_count, spec.max_count) = (true, Some(0), Some(10)));
        let local = json!({"volumes": [{"name": "scratch", "emptyDir": {}}], "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution":
            [{"weight": 100, "podAffinityTerm": {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "web"}}}}]}}});
        bench.deploy("web", 2, "np", local);
        bench.pass(HOUR);
        assert_eq!(living(bench.world(), "np"), left, "skip-nodes-with-local-storage {skips}");
    }
}

#[test]
fn a_user_keeps_a_node_by_its_annotation() {
    let mut bench = autoscaled(2, 0, |_| {});
    let node = bench.nodes("np")[0].key.clone();
    bench.edit(&node, |doc| {
        let mut annotations = (*doc.meta.annotations).clone();
        annotations.insert("cluster-autoscaler.kubernetes.io/scale-down-disabled".into(), "true".into());
        doc.meta.annotations = Arc::new(annotations);
    });
    bench.pass(HOUR);
    assert_eq!(bench.node_names("np"), [node.name.to_string()]);
}

#[test]
fn a_restart_in_the_middle_goes_on_with_the_node_that_is_marked() {
    let mut bench = two_half_empty(|_| {});
    bench.until(20 * MINUTE, |world| nodes_of(world, "np").iter().any(|node| has_taint(node, TAINT)));
    let node = bench.nodes("np").into_iter().find(|node| has_taint(node, TAINT)).unwrap().key.name.clone();
    bench.pass(2 * SECOND);
    let docs: Vec<Arc<Doc>> = Kind::ALL.iter().flat_map(|kind| bench.world().list(*kind, None).cloned().collect::<Vec<_>>()).collect();
    let world = World::rebuild(SEED, bench.world().revision, docs);
    bench.r = nodelane_rehearsal::Rehearsal::new(world, nodelane_engine::Env::default(), BootProfile::Fast, bench.r.now());
    bench.until(5 * MINUTE, |world| world.node(&node).is_none());
    bench.until(MINUTE, |world| running(world, "web").len() == 2);
    assert_eq!((living(bench.world(), "np"), taints(&bench)), (1, 0));
    assert_eq!(bench.r.breakdowns, Vec::<String>::new());
}

#[test]
fn a_deallocated_machine_keeps_its_node_and_can_be_started_again() {
    let mut bench = autoscaled(2, 1, |spec| spec.scale_down_mode = "Deallocate".into());
    bench.until(30 * MINUTE, |world| world.machines_of(&"np".into()).any(|(_, machine)| machine.phase == MachinePhase::Stopped));
    bench.pass(5 * MINUTE);
    let (key, machine) = bench.machines("np").into_iter().find(|(_, machine)| machine.phase == MachinePhase::Stopped).unwrap();
    assert_eq!((machine.intent, &machine.drain), (Intent::Stop, &None));
    assert!(!machine.cordoned_by.contains(&CordonOwner::ScaleDown));
    let node = bench.world().node(&key.name).expect("its node stays").doc.clone();
    let body = node.as_node().unwrap();
    assert!(!body.status.is_ready() && !body.spec.unschedulable);
    assert!(has_taint(&node, "node.cloudprovider.kubernetes.io/shutdown") && !has_taint(&node, TAINT));
    // It is none of the pool's minimum, and no candidate: an hour later all is as it was.
    bench.pass(HOUR);
    assert_eq!((living(bench.world(), "np"), bench.nodes("np").len()), (1, 2));
    // The pool does not keep such machines any more: it goes.
    bench.settle("np", |spec| spec.scale_down_mode = "Delete".into());
    bench.until(10 * MINUTE, |world| world.node(&key.name).is_none());
    assert_eq!(living(bench.world(), "np"), 1);
}

#[test]
fn an_operation_on_the_pool_spares_its_nodes() {
    let mut bench = two_half_empty(|_| {});
    bench.until(20 * MINUTE, |world| nodes_of(world, "np").iter().any(|node| has_taint(node, TAINT)));
    bench.put("np", |spec| (spec.enable_auto_scaling, spec.min_count, spec.max_count) = (false, None, None));
    bench.pass(MINUTE);
    assert_eq!((bench.machines("np").len(), taints(&bench)), (2, 0));
    bench.idle("np", HOUR);
    for node in bench.nodes("np") {
        assert!(!node.as_node().unwrap().spec.unschedulable, "{}", node.key);
    }
}

#[test]
fn a_scheduled_minimum_holds_until_its_hour() {
    // The rehearsal begins on Thursday 2026-01-01 at midnight.
    let mut bench = autoscaled(3, 0, |spec| drop(spec.tags.insert("nodelane-minimum".into(), "2 Mon-Fri 00:00-03:00".into())));
    bench.pass(2 * HOUR);
    assert_eq!(living(bench.world(), "np"), 2);
    bench.until(2 * HOUR, |world| living(world, "np") == 0);
    let after = bench.r.now().since(START);
    assert!((3 * HOUR..3 * HOUR + MINUTE).contains(&after), "{after}");
}

#[test]
fn nothing_happens_while_nothing_changes() {
    let mut bench = autoscaled(3, 1, |_| {});
    bench.deploy("web", 3, "np", json!({}));
    bench.pass(2 * HOUR);
    let before = bench.r.events.len();
    bench.pass(24 * HOUR);
    assert_eq!(bench.r.events.len(), before);
    assert_eq!(tainted_at(&bench, "none"), None);
}
