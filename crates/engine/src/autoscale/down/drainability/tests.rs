//! The rules of SD-2, each by a table: what decides, what does not, and which of two decides first.
//!
//! Expected verdicts are the spec's (aks-semantics SD-2); the order is tested by pods that two rules would decide otherwise.

use super::*;
use crate::autoscale::down::fixture::{self, put};
use serde_json::{Value, json};

const NOW: Time = Time(10_000_000_000);

/// A pod of a replica set that exists, on node `n`, made long ago.
fn pod() -> Value {
    json!({"metadata": {"name": "p", "namespace": "default", "creationTimestamp": "1970-01-01T00:00:00Z", "labels": {"app": "web"}, "annotations": {},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "00000000-0000-4000-8000-000000000001", "controller": true}]},
        "spec": {"nodeName": "n", "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "containers": [{"name": "c", "image": "i"}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}})
}

/// What becomes of the pod, changed as JSON pointers say, in a world with the owners that the tests name.
fn fate_of(changes: &[(&str, Value)], profile: &Profile, more: &[(Kind, Value)]) -> Fate {
    let mut world = World::new(0);
    let spec = json!({"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}}});
    for (kind, namespace) in [
        (Kind::ReplicaSet, "default"),
        (Kind::ReplicaSet, "kube-system"),
        (Kind::StatefulSet, "default"),
        (Kind::DaemonSet, "default"),
        (Kind::Job, "default"),
    ] {
        put(&mut world, kind, json!({"metadata": {"name": "web", "namespace": namespace}, "spec": spec}));
    }
    for (kind, value) in more {
        put(&mut world, *kind, value.clone());
    }
    let mut value = pod();
    for (pointer, change) in changes {
        fixture::set(&mut value, pointer, change.clone());
    }
    let doc = put(&mut world, Kind::Pod, value);
    fate(&world, profile, &doc, NOW)
}

fn owner(kind: &str, api_version: &str, name: &str) -> (&'static str, Value) {
    let owner =
        json!([{"apiVersion": api_version, "kind": kind, "name": name, "uid": "00000000-0000-4000-8000-000000000001", "controller": true}]);
    ("/metadata/ownerReferences", owner)
}
fn annotation(key: &str, value: &str) -> (&'static str, Value) {
    ("/metadata/annotations", json!({key: value}))
}
fn safe(value: &str) -> (&'static str, Value) {
    annotation(SAFE_TO_EVICT, value)
}
fn deleted(before_seconds: i64) -> (&'static str, Value) {
    ("/metadata/deletionTimestamp", json!(NOW.plus(-before_seconds * 1000).to_string()))
}

#[test]
fn each_rule_decides_what_it_is_for() {
    use Fate::{Blocks, Daemon, Ignored, Moves, Waits};
    let gone = || owner("ReplicaSet", "apps/v1", "gone");
    let in_system = || vec![("/metadata/namespace", json!("kube-system"))];
    let young =
        || vec![("/metadata/namespace", json!("kube-system")), ("/metadata/creationTimestamp", json!(NOW.plus(-3_600_000).to_string()))];
    let phase = |phase: &str, policy: &str| vec![("/status/phase", json!(phase)), ("/spec/restartPolicy", json!(policy))];
    let table: Vec<(&str, Vec<(&str, Value)>, Fate)> = vec![
        ("a pod of a replica set", vec![], Moves),
        ("a mirror pod", vec![annotation(MIRROR, "x"), gone()], Ignored),
        ("its grace and half a minute are over, and a second", vec![deleted(61)], Ignored),
        ("they are just over", vec![deleted(60)], Moves),
        ("they are over, whatever else is wrong", vec![deleted(61), gone()], Ignored),
        ("a replica set that is gone", vec![gone()], Blocks(Block::ControllerNotFound)),
        ("a job that is gone", vec![owner("Job", "batch/v1", "gone")], Blocks(Block::ControllerNotFound)),
        ("a stateful set that is gone", vec![owner("StatefulSet", "apps/v1", "gone")], Blocks(Block::ControllerNotFound)),
        ("a daemon set that is gone", vec![owner("DaemonSet", "apps/v1", "gone")], Blocks(Block::ControllerNotFound)),
        ("one that is gone goes before the annotation", vec![gone(), safe("true")], Blocks(Block::ControllerNotFound)),
        ("a daemon set", vec![owner("DaemonSet", "apps/v1", "web")], Daemon),
        ("a daemon that must not be evicted", vec![owner("DaemonSet", "apps/v1", "web"), safe("false")], Daemon),
        ("no owner", vec![("/metadata/ownerReferences", json!([]))], Blocks(Block::NotReplicated)),
        ("no owner, but safe", vec![("/metadata/ownerReferences", json!([])), safe("true")], Moves),
        ("no owner, on completion", vec![("/metadata/ownerReferences", json!([])), safe("on-completion")], Waits),
        ("an owner of a kind of its own", vec![owner("Rollout", "argoproj.io/v1alpha1", "web")], Blocks(Block::NotReplicated)),
        ("failed", phase("Failed", "Always"), Ignored),
        ("succeeded for good", phase("Succeeded", "OnFailure"), Ignored),
        ("on completion", vec![safe("on-completion")], Waits),
        ("not safe", vec![safe("false")], Blocks(Block::NotSafeToEvictAnnotation)),
        ("an old system pod", in_system(), Moves),
        ("a young system pod", young(), Blocks(Block::UnmovableKubeSystemPod)),
        ("a system pod goes before the annotation", [young(), vec![safe("false")]].concat(), Blocks(Block::UnmovableKubeSystemPod)),
        ("an old system pod that is not safe", [in_system(), vec![safe("false")]].concat(), Blocks(Block::NotSafeToEvictAnnotation)),
        ("a system pod that says it is safe", [young(), vec![safe("true")]].concat(), Moves),
        ("no owner goes before system", [young(), vec![("/metadata/ownerReferences", json!([]))]].concat(), Blocks(Block::NotReplicated)),
    ];
    for (what, changes, expected) in table {
        assert_eq!(fate_of(&changes, &Profile::default(), &[]), expected, "{what}");
    }
}

#[test]
fn system_pods_are_the_profiles_to_move() {
    let young = [("/metadata/namespace", json!("kube-system")), ("/metadata/creationTimestamp", json!(NOW.to_string()))];
    let lets = Profile { skip_nodes_with_system_pods: false, ..Profile::default() };
    assert_eq!(fate_of(&young, &lets, &[]), Fate::Moves);
    let budget = (
        Kind::PodDisruptionBudget,
        json!({"metadata": {"name": "b", "namespace": "kube-system"}, "spec": {"minAvailable": 0, "selector": {"matchLabels": {"app": "web"}}}}),
    );
    assert_eq!(fate_of(&young, &Profile::default(), std::slice::from_ref(&budget)), Fate::Moves, "a budget covers it");
}

#[test]
fn local_storage_counts_where_the_profile_says_so() {
    let keeps = Profile { skip_nodes_with_local_storage: true, ..Profile::default() };
    let volumes = |source: Value| vec![("/spec/volumes", json!([{"name": "v", "emptyDir": null}])), ("/spec/volumes/0", source)];
    let blocks = Fate::Blocks(Block::LocalStorageRequested);
    let table = [
        ("emptyDir", volumes(json!({"name": "v", "emptyDir": {}})), blocks),
        ("in memory", volumes(json!({"name": "v", "emptyDir": {"medium": "Memory"}})), Fate::Moves),
        ("hostPath", volumes(json!({"name": "v", "hostPath": {"path": "/x"}})), blocks),
        ("a config map", volumes(json!({"name": "v", "configMap": {"name": "m"}})), Fate::Moves),
        (
            "declared to be of no worth",
            [volumes(json!({"name": "v", "emptyDir": {}})), vec![annotation(SAFE_VOLUMES, "u,v")]].concat(),
            Fate::Moves,
        ),
        ("another is declared", [volumes(json!({"name": "v", "emptyDir": {}})), vec![annotation(SAFE_VOLUMES, "u")]].concat(), blocks),
        (
            "not safe goes before it",
            [volumes(json!({"name": "v", "emptyDir": {}})), vec![safe("false")]].concat(),
            Fate::Blocks(Block::NotSafeToEvictAnnotation),
        ),
    ];
    for (what, changes, expected) in table {
        assert_eq!(fate_of(&changes, &keeps, &[]), expected, "{what}");
        if expected == blocks {
            assert_eq!(fate_of(&changes, &Profile::default(), &[]), Fate::Moves, "{what}: AKS's default passes it over");
        }
    }
}

#[test]
fn a_budget_without_slack_decides_last() {
    let budget = |bound: Value| {
        (
            Kind::PodDisruptionBudget,
            json!({"metadata": {"name": "b", "namespace": "default"}, "spec": {"minAvailable": bound, "selector": {"matchLabels": {"app": "web"}}}}),
        )
    };
    let profile = Profile::default();
    assert_eq!(fate_of(&[], &profile, &[budget(json!(1))]), Fate::Blocks(Block::NotEnoughPdb));
    assert_eq!(fate_of(&[], &profile, &[budget(json!(0))]), Fate::Moves);
    assert_eq!(fate_of(&[safe("true")], &profile, &[budget(json!(1))]), Fate::Moves, "the annotation goes before it");
    assert_eq!(fate_of(&[safe("false")], &profile, &[budget(json!(1))]), Fate::Blocks(Block::NotSafeToEvictAnnotation));
}

#[test]
fn an_owner_with_too_few_replicas_keeps_its_pods() {
    let mut world = World::new(0);
    put(
        &mut world,
        Kind::ReplicaSet,
        json!({"metadata": {"name": "web", "namespace": "default"}, "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {}, "spec": {"containers": []}}}}),
    );
    let doc = put(&mut world, Kind::Pod, pod());
    assert_eq!(missing_owner(&world, &doc, 2), Some(Block::MinReplicasReached));
    assert_eq!(missing_owner(&world, &doc, 1), None);
}
