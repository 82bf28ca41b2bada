//! Every reason that a node may have, each from the smallest world in which it holds.
//!
//! The reasons are the spec's (aks-semantics SD-2b). Those that AKS's settings never bring about are named at the end, so that none is
//! forgotten: the set is closed.

use super::*;
use crate::autoscale::down::drainability::Block;
use crate::autoscale::down::fixture::{put, set};
use crate::autoscale::down::{DELETION_CANDIDATE, TO_BE_DELETED};
use nodelane_model::{Kind, Time};
use serde_json::{Value, json};

const NOW: Time = Time(1_767_225_600_000);

/// What of the world a case changes: a document of the two nodes `a` and `b` of pool `np`, and more documents.
#[derive(Default)]
struct Case {
    pool: Vec<(&'static str, Value)>,
    node: Vec<(&'static str, Value)>,
    machine: Vec<(&'static str, Value)>,
    pods: Vec<(&'static str, Value)>,
    has_other: bool,
}

fn ask(case: &Case) -> Standing {
    let mut world = World::new(0);
    put(&mut world, Kind::Cluster, json!({"metadata": {"name": "cluster"}, "spec": {}, "state": {}}));
    let mut pool = json!({"metadata": {"name": "np"}, "spec": {"enableAutoScaling": true, "minCount": 0, "maxCount": 5}, "state": {}});
    case.pool.iter().for_each(|(pointer, value)| set(&mut pool, pointer, value.clone()));
    put(&mut world, Kind::NodePool, pool);
    put(
        &mut world,
        Kind::ReplicaSet,
        json!({"metadata": {"name": "web", "namespace": "default"}, "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {}, "spec": {"containers": []}}}}),
    );
    for name in ["a", "b"].into_iter().take(1 + usize::from(case.has_other)) {
        let mut machine = json!({"metadata": {"name": name}, "pool": "np", "instance": 0, "size": "s", "model": {"version": "1", "image": "i"},
            "intent": "Run", "phase": "Running", "phaseSince": "2026-01-01T00:00:00Z"});
        let mut node = json!({"metadata": {"name": name, "labels": {"agentpool": "np"}, "annotations": {}}, "spec": {"taints": []},
            "status": {"conditions": [{"type": "Ready", "status": "True"}], "allocatable": {"cpu": "4", "memory": "8Gi", "pods": "10"}}});
        if name == "a" {
            case.machine.iter().for_each(|(pointer, value)| set(&mut machine, pointer, value.clone()));
            case.node.iter().for_each(|(pointer, value)| set(&mut node, pointer, value.clone()));
        }
        put(&mut world, Kind::Machine, machine);
        put(&mut world, Kind::Node, node);
    }
    for (name, changes) in &case.pods {
        let mut pod = json!({"metadata": {"name": name, "namespace": "default", "annotations": {}, "labels": {"app": "web"}, "creationTimestamp": "2025-01-01T00:00:00Z",
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "00000000-0000-4000-8000-000000000001", "controller": true}]},
            "spec": {"nodeName": "a", "containers": [{"name": "c", "image": "i", "resources": {"requests": {"cpu": "1"}}}]}, "status": {"phase": "Running"}});
        for (pointer, value) in changes.as_object().into_iter().flatten() {
            set(&mut pod, pointer, value.clone());
        }
        put(&mut world, Kind::Pod, pod);
    }
    why(&Snapshot { world, now: NOW }, &Env::default(), &["a".into()]).remove(0)
}

fn reason(case: &Case) -> Option<Unremovable> {
    ask(case).why
}
fn of_no_need_for(minutes: i64) -> (&'static str, Value) {
    let since = (NOW.0 - minutes * 60_000) / 1000;
    ("/spec/taints", json!([{"key": DELETION_CANDIDATE, "value": since.to_string(), "effect": "PreferNoSchedule"}]))
}
fn not_ready() -> (&'static str, Value) {
    ("/status/conditions", json!([{"type": "Ready", "status": "False"}]))
}

#[test]
fn reasons_of_the_first_stage() {
    let node = |node: (&'static str, Value)| Case { node: vec![node], ..Case::default() };
    let disabled = node(("/metadata/annotations", json!({eligible::SCALE_DOWN_DISABLED: "true"})));
    assert_eq!(reason(&disabled), Some(Unremovable::ScaleDownDisabledAnnotation));
    let manual = Case { pool: vec![("/spec", json!({"count": 1}))], ..Case::default() };
    assert_eq!(reason(&manual), Some(Unremovable::NotAutoscaled));
    let going = Case { machine: vec![("/cordonedBy", json!(["ScaleDown"]))], ..Case::default() };
    assert_eq!(reason(&going), Some(Unremovable::CurrentlyBeingDeleted));
    let used = Case { pods: vec![("p", json!({"/spec/containers/0/resources": {"requests": {"cpu": "2001m"}}}))], ..Case::default() };
    assert_eq!(reason(&used), Some(Unremovable::NotUnderutilized));
    let nothing = node(("/status/allocatable", json!({})));
    assert_eq!(reason(&nothing), Some(Unremovable::UnexpectedError));
    let unknown = why(&Snapshot { world: World::new(0), now: NOW }, &Env::default(), &["x".into()]).remove(0);
    assert_eq!(unknown.why, Some(Unremovable::NoNodeInfo));
}

#[test]
fn reasons_of_the_pods_name_the_pod() {
    let pod = |changes: Value, has_other: bool| Case { pods: vec![("p", changes)], has_other, ..Case::default() };
    let key = nodelane_model::Key::new(Kind::Pod, "default", "p");
    let blocked = pod(json!({"/metadata/ownerReferences": []}), true);
    assert_eq!(reason(&blocked), Some(Unremovable::BlockedByPod { pod: key.clone(), block: Block::NotReplicated }));
    let waits = pod(json!({"/metadata/annotations": {"cluster-autoscaler.kubernetes.io/safe-to-evict": "on-completion"}}), true);
    assert_eq!(reason(&waits), Some(Unremovable::BlockedByOnCompletionPod { pod: key.clone() }));
    assert_eq!(reason(&pod(json!({}), false)), Some(Unremovable::NoPlaceToMovePods { pod: key }));
    let moves = ask(&pod(json!({}), true));
    assert_eq!((moves.pods, moves.destinations.into_iter().collect::<Vec<_>>()), (1, vec![Name::from("b")]));
}

#[test]
fn reasons_of_time_and_number() {
    let node = |node: Vec<(&'static str, Value)>| Case { node, ..Case::default() };
    assert_eq!(reason(&node(vec![])), Some(Unremovable::NotUnneededOtherReason));
    assert_eq!(reason(&node(vec![of_no_need_for(10)])), Some(Unremovable::NotUnneededLongEnough), "not longer than ten minutes");
    assert_eq!(reason(&node(vec![of_no_need_for(11)])), None);
    assert_eq!(reason(&node(vec![of_no_need_for(11), not_ready()])), Some(Unremovable::NotUnreadyLongEnough));
    assert_eq!(reason(&node(vec![of_no_need_for(21), not_ready()])), None);
    let at_minimum = |node| Case { pool: vec![("/spec/minCount", json!(1))], node, ..Case::default() };
    assert_eq!(reason(&at_minimum(vec![of_no_need_for(11)])), Some(Unremovable::NodeGroupMinSizeReached));
    assert_eq!(reason(&at_minimum(vec![])), Some(Unremovable::NodeGroupMinSizeReached));
}

#[test]
fn words_are_upstreams_and_all_different() {
    let pod = nodelane_model::Key::new(Kind::Pod, "default", "p");
    let all = [
        Unremovable::ScaleDownDisabledAnnotation,
        Unremovable::ScaleDownUnreadyDisabled,
        Unremovable::NotAutoscaled,
        Unremovable::NotUnneededLongEnough,
        Unremovable::NotUnreadyLongEnough,
        Unremovable::NodeGroupMinSizeReached,
        Unremovable::NodeGroupMaxDeletionCountReached,
        Unremovable::AtomicScaleDownFailed,
        Unremovable::MinimalResourceLimitExceeded,
        Unremovable::CurrentlyBeingDeleted,
        Unremovable::NotUnderutilized,
        Unremovable::NotUnneededOtherReason,
        Unremovable::RecentlyUnremovable,
        Unremovable::NoPlaceToMovePods { pod: pod.clone() },
        Unremovable::BlockedByPod { pod: pod.clone(), block: Block::NotReplicated },
        Unremovable::BlockedByOnCompletionPod { pod },
        Unremovable::NoNodeInfo,
        Unremovable::UnexpectedError,
    ];
    let words: BTreeSet<&str> = all.iter().map(|why| why.as_str()).collect();
    assert_eq!(words.len(), 18);
    assert_eq!(TO_BE_DELETED, "ToBeDeletedByClusterAutoscaler");
}
