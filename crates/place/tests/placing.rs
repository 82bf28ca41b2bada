//! Placing many pods: order, budget, and words to those that fit nowhere.
//!
//! Expected texts are kube-scheduler's. That a board which follows the log stands as one made anew is a test beside the board; which
//! node is right is in `upstream.rs`. The ignored tests print figures.

use nodelane_model::event::Event;
use nodelane_model::pod::PodStatus;
use nodelane_model::{Doc, Key, Kind, Name, Time, Uid, codec};
use nodelane_place::{Memory, plan};
use nodelane_world::{Draft, World};
use serde_json::{Value, json};
use std::sync::Arc;

fn put(draft: &mut Draft, kind: Kind, value: &Value) -> Arc<Doc> {
    let mut value = value.clone();
    value["metadata"].as_object_mut().expect("metadata is an object").remove("uid");
    let mut doc = codec::from_value(kind, &value).unwrap_or_else(|err| panic!("{err}: {value}"));
    doc.meta.uid = Uid(u128::from(draft.world.revision) + 1);
    draft.put(doc)
}

fn node(name: &str, cpu: &str) -> Value {
    json!({"metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}}, "spec": {},
        "status": {"allocatable": {"cpu": cpu, "memory": "8Gi", "pods": "110"}}})
}

fn pod(name: &str, cpu: &str, spec: &Value) -> Value {
    let mut pod = json!({"metadata": {"name": name, "namespace": "default"}, "spec": {
        "containers": [{"name": "c", "image": "pause", "resources": {"requests": {"cpu": cpu}}}]}});
    for (key, value) in spec.as_object().into_iter().flatten() {
        pod["spec"][key] = value.clone();
    }
    pod
}

/// Deletes a pod as the API server does: at once, or with its grace.
fn evict(draft: &mut Draft, pod: &Key) {
    let grace = draft.world.get(pod).and_then(|doc| doc.as_pod()?.spec.termination_grace_period_seconds).unwrap_or(30);
    if grace == 0 {
        return draft.remove(pod);
    }
    let deleted = draft.now.plus(grace * 1000);
    draft.update(pod, |doc| (doc.meta.deleted, doc.meta.grace_seconds) = (Some(deleted), Some(grace)));
}

fn draft() -> Draft {
    Draft::new(World::new(7), Time(1_000_000))
}

fn key(name: &str) -> Key {
    Key::new(Kind::Pod, "default", name)
}

fn node_of(draft: &Draft, name: &str) -> Option<Name> {
    draft.world.get(&key(name))?.as_pod()?.node.clone()
}

fn condition(draft: &Draft, name: &str) -> (Name, Name, Name) {
    let doc = draft.world.get(&key(name)).expect("the pod exists");
    let conditions = &doc.as_pod().expect("it is a pod").status.conditions;
    let condition = conditions.iter().find(|condition| condition.kind == "PodScheduled").expect("it was dealt with");
    (condition.status.clone(), condition.reason.clone(), condition.message.clone())
}

fn events(draft: &Draft) -> Vec<Event> {
    draft.world.list(Kind::Event, None).filter_map(|doc| doc.as_event().cloned()).collect()
}

#[test]
fn a_bound_pod_has_its_node_its_condition_and_its_event() {
    let mut draft = draft();
    put(&mut draft, Kind::Node, &node("n1", "2"));
    put(&mut draft, Kind::Pod, &pod("p", "1", &json!({})));
    assert_eq!(plan(&mut draft, &mut Memory::default(), 10, evict), 1);
    assert_eq!(node_of(&draft, "p").as_deref(), Some("n1"));
    assert_eq!(condition(&draft, "p"), ("True".into(), "".into(), "".into()));
    let events = events(&draft);
    assert_eq!(events.len(), 1);
    assert_eq!((events[0].reason.as_str(), events[0].kind.as_str()), ("Scheduled", "Normal"));
    assert_eq!(events[0].message, "Successfully assigned default/p to n1");
    assert_eq!(events[0].source.component, "default-scheduler");
}

#[test]
fn the_most_urgent_pod_gets_the_last_room() {
    let mut draft = draft();
    put(&mut draft, Kind::Node, &node("n1", "1"));
    put(&mut draft, Kind::Pod, &pod("a", "1", &json!({})));
    put(&mut draft, Kind::Pod, &pod("b", "1", &json!({"priority": 5})));
    plan(&mut draft, &mut Memory::default(), 10, evict);
    assert_eq!((node_of(&draft, "a"), node_of(&draft, "b").as_deref()), (None, Some("n1")));
}

#[test]
fn ties_go_to_the_first_node_by_name() {
    let mut draft = draft();
    for name in ["n3", "n1", "n2"] {
        put(&mut draft, Kind::Node, &node(name, "2"));
    }
    for name in ["a", "b", "c"] {
        put(&mut draft, Kind::Pod, &pod(name, "1", &json!({})));
    }
    plan(&mut draft, &mut Memory::default(), 10, evict);
    let nodes: Vec<Option<Name>> = ["a", "b", "c"].map(|name| node_of(&draft, name)).to_vec();
    assert_eq!(nodes, [Some("n1".into()), Some("n2".into()), Some("n3".into())]);
}

#[test]
fn no_more_pods_than_the_budget_are_looked_at() {
    let mut draft = draft();
    put(&mut draft, Kind::Node, &node("n1", "8"));
    for at in 0..5 {
        put(&mut draft, Kind::Pod, &pod(&format!("p{at}"), "1", &json!({})));
    }
    let mut memory = Memory::default();
    assert_eq!(plan(&mut draft, &mut memory, 2, evict), 2);
    assert_eq!(draft.world.work.pending.len(), 3);
    assert_eq!(plan(&mut draft, &mut memory, 10, evict), 3);
    assert_eq!(plan(&mut draft, &mut memory, 10, evict), 0);
}

#[test]
fn a_pod_that_fits_nowhere_is_told_once() {
    let mut draft = draft();
    put(&mut draft, Kind::Node, &node("n1", "2"));
    put(&mut draft, Kind::Pod, &pod("big", "3", &json!({})));
    let mut memory = Memory::default();
    plan(&mut draft, &mut memory, 10, evict);
    // The text as kube-scheduler 1.36 has it for a node that is too small.
    let text = "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available: \
                1 Preemption is not helpful for scheduling.";
    assert_eq!(condition(&draft, "big"), ("False".into(), "Unschedulable".into(), text.into()));
    let found = events(&draft);
    assert_eq!((found[0].reason.as_str(), found[0].kind.as_str(), found[0].message.as_str()), ("FailedScheduling", "Warning", text));
    let revision = draft.world.revision;
    assert_eq!(plan(&mut draft, &mut memory, 10, evict), 0);
    assert_eq!(draft.world.revision, revision);
    // Without memory it is looked at again, and nothing is written for the same message.
    assert_eq!(plan(&mut draft, &mut Memory::default(), 10, evict), 1);
    assert_eq!(draft.world.revision, revision);
}

#[test]
fn a_pod_that_fits_nowhere_is_bound_once_a_node_comes() {
    let mut draft = draft();
    put(&mut draft, Kind::Pod, &pod("p", "3", &json!({})));
    let mut memory = Memory::default();
    plan(&mut draft, &mut memory, 10, evict);
    assert_eq!(condition(&draft, "p").2, "no nodes available to schedule pods");
    put(&mut draft, Kind::Node, &node("n1", "4"));
    plan(&mut draft, &mut memory, 10, evict);
    assert_eq!(node_of(&draft, "p").as_deref(), Some("n1"));
    assert_eq!(condition(&draft, "p"), ("True".into(), "".into(), "".into()));
}

#[test]
fn a_pod_that_waits_for_another_pod_is_bound_after_it_though_it_is_looked_at_first() {
    let near = json!({"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "db"}}}]}}});
    let mut draft = draft();
    put(&mut draft, Kind::Node, &node("n1", "4"));
    put(&mut draft, Kind::Node, &node("n2", "4"));
    put(&mut draft, Kind::Pod, &pod("app", "1", &near));
    let mut memory = Memory::default();
    plan(&mut draft, &mut memory, 10, evict);
    assert_eq!(node_of(&draft, "app"), None);
    let mut db = pod("db", "1", &json!({"nodeSelector": {"kubernetes.io/hostname": "n2"}}));
    db["metadata"]["labels"] = json!({"app": "db"});
    put(&mut draft, Kind::Pod, &db);
    plan(&mut draft, &mut memory, 10, evict);
    assert_eq!((node_of(&draft, "app"), node_of(&draft, "db").as_deref()), (None, Some("n2")));
    plan(&mut draft, &mut memory, 10, evict);
    assert_eq!(node_of(&draft, "app").as_deref(), Some("n2"));
}

#[test]
fn a_pod_that_waits_is_looked_at_again_though_only_placing_wrote_since() {
    let near = json!({"priority": 9, "affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "db"}}}]}}});
    let mut draft = draft();
    put(&mut draft, Kind::Node, &node("n1", "4"));
    put(&mut draft, Kind::Pod, &pod("app", "1", &near));
    let mut db = pod("db", "1", &json!({}));
    db["metadata"]["labels"] = json!({"app": "db"});
    put(&mut draft, Kind::Pod, &db);
    let mut memory = Memory::default();
    let spent: Vec<usize> = (0..4).map(|_| plan(&mut draft, &mut memory, 1, evict)).collect();
    assert_eq!((spent, node_of(&draft, "app").as_deref()), (vec![1, 1, 1, 0], Some("n1")));
}

#[test]
fn a_pending_pod_that_is_changed_is_looked_at_again() {
    let mut draft = draft();
    put(&mut draft, Kind::Node, &node("n1", "4"));
    put(&mut draft, Kind::Pod, &pod("p", "1", &json!({"nodeSelector": {"zone": "1"}})));
    let mut memory = Memory::default();
    plan(&mut draft, &mut memory, 10, evict);
    assert_eq!(node_of(&draft, "p"), None);
    put(&mut draft, Kind::Pod, &pod("p", "1", &json!({})));
    assert_eq!(plan(&mut draft, &mut memory, 10, evict), 1);
    assert_eq!(node_of(&draft, "p").as_deref(), Some("n1"));
}

#[test]
fn pods_that_fit_nowhere_do_not_eat_the_budget_of_those_behind_them() {
    let mut draft = draft();
    put(&mut draft, Kind::Node, &node("n1", "8"));
    let spread = json!({"priority": 9, "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone",
        "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}}]});
    for at in 0..4 {
        put(&mut draft, Kind::Pod, &pod(&format!("big{at}"), "9", &json!({"priority": 9})));
        put(&mut draft, Kind::Pod, &pod(&format!("spread{at}"), "1", &spread));
        put(&mut draft, Kind::Pod, &pod(&format!("small{at}"), "1", &json!({})));
    }
    let mut memory = Memory::default();
    let spent: Vec<usize> = (0..8).map(|_| plan(&mut draft, &mut memory, 3, evict)).collect();
    assert!(spent.iter().all(|spent| *spent <= 3), "{spent:?}");
    assert_eq!((0..4).filter(|at| node_of(&draft, &format!("small{at}")).is_some()).count(), 4, "{spent:?}");
    let revision = draft.world.revision;
    plan(&mut draft, &mut memory, 3, evict);
    assert_eq!((plan(&mut draft, &mut memory, 3, evict), draft.world.revision), (0, revision));
}

#[test]
fn pods_of_another_scheduler_are_left_alone() {
    let mut draft = draft();
    put(&mut draft, Kind::Node, &node("n1", "8"));
    put(&mut draft, Kind::Pod, &pod("p", "1", &json!({"schedulerName": "mine"})));
    assert_eq!(plan(&mut draft, &mut Memory::default(), 10, evict), 0);
    assert_eq!(node_of(&draft, "p"), None);
}

#[test]
fn gated_pods_wait_and_a_missing_claim_is_named() {
    let mut draft = draft();
    put(&mut draft, Kind::Node, &node("n1", "4"));
    put(&mut draft, Kind::Pod, &pod("gated", "1", &json!({"schedulingGates": [{"name": "example.com/wait"}]})));
    let volumes = json!({"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]});
    put(&mut draft, Kind::Pod, &pod("claims", "1", &volumes));
    let mut memory = Memory::default();
    assert_eq!(plan(&mut draft, &mut memory, 10, evict), 1);
    assert_eq!(node_of(&draft, "gated"), None);
    assert_eq!(condition(&draft, "claims").2, "0/1 nodes are available: persistentvolumeclaim \"data\" not found. not found");
    put(&mut draft, Kind::PersistentVolumeClaim, &json!({"metadata": {"name": "data", "namespace": "default"}}));
    plan(&mut draft, &mut memory, 10, evict);
    assert!(condition(&draft, "claims").2.contains("pod has unbound immediate PersistentVolumeClaims"));
    put(&mut draft, Kind::PersistentVolume, &json!({"metadata": {"name": "pv"}, "spec": {}}));
    put(&mut draft, Kind::PersistentVolumeClaim, &bound_claim("data", "pv"));
    plan(&mut draft, &mut memory, 10, evict);
    assert_eq!(node_of(&draft, "claims").as_deref(), Some("n1"));
}

fn bound_claim(name: &str, volume: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "default", "annotations": {"pv.kubernetes.io/bind-completed": "yes"}},
        "spec": {"volumeName": volume}, "status": {"phase": "Bound"}})
}

#[test]
fn a_claim_that_waits_is_given_the_node_before_its_pod_and_keeps_the_room() {
    let mut draft = draft();
    put(&mut draft, Kind::Node, &node("n1", "4"));
    put(
        &mut draft,
        Kind::StorageClass,
        &json!({"metadata": {"name": "wait"}, "provisioner": "disk.csi.azure.com",
        "volumeBindingMode": "WaitForFirstConsumer"}),
    );
    let claim = json!({"metadata": {"name": "data", "namespace": "default"}, "spec": {"storageClassName": "wait"}});
    put(&mut draft, Kind::PersistentVolumeClaim, &claim);
    let volumes = json!({"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}], "priority": 5});
    put(&mut draft, Kind::Pod, &pod("p", "3", &volumes));
    put(&mut draft, Kind::Pod, &pod("q", "3", &json!({})));
    let mut memory = Memory::default();
    plan(&mut draft, &mut memory, 10, evict);
    let claim = draft.world.get(&Key::new(Kind::PersistentVolumeClaim, "default", "data")).expect("it is there");
    assert_eq!(claim.meta.annotations.get("volume.kubernetes.io/selected-node").map(|node| node.as_str()), Some("n1"));
    assert_eq!((node_of(&draft, "p"), node_of(&draft, "q")), (None, None));
    let revision = draft.world.revision;
    plan(&mut draft, &mut memory, 10, evict);
    assert_eq!(draft.world.revision, revision, "nothing is written twice");
    put(&mut draft, Kind::PersistentVolume, &json!({"metadata": {"name": "pv"}, "spec": {}}));
    put(&mut draft, Kind::PersistentVolumeClaim, &bound_claim("data", "pv"));
    plan(&mut draft, &mut memory, 10, evict);
    assert_eq!((node_of(&draft, "p").as_deref(), node_of(&draft, "q")), (Some("n1"), None));
}

#[test]
fn two_pods_of_one_run_do_not_get_the_same_free_volume() {
    let mut draft = draft();
    put(&mut draft, Kind::Node, &node("n1", "4"));
    put(
        &mut draft,
        Kind::StorageClass,
        &json!({"metadata": {"name": "local"}, "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "WaitForFirstConsumer"}),
    );
    put(
        &mut draft,
        Kind::PersistentVolume,
        &json!({"metadata": {"name": "pv"}, "spec": {"storageClassName": "local",
        "capacity": {"storage": "4Gi"}}, "status": {"phase": "Available"}}),
    );
    for name in ["a", "b"] {
        let claim = json!({"metadata": {"name": name, "namespace": "default"}, "spec": {"storageClassName": "local",
            "resources": {"requests": {"storage": "1Gi"}}}});
        put(&mut draft, Kind::PersistentVolumeClaim, &claim);
        let volumes = json!({"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": name}}]});
        put(&mut draft, Kind::Pod, &pod(name, "1", &volumes));
    }
    plan(&mut draft, &mut Memory::default(), 10, evict);
    let volume = draft.world.get(&Key::global(Kind::PersistentVolume, "pv")).and_then(|doc| doc.as_persistent_volume());
    assert_eq!(volume.and_then(|volume| volume.spec.claim_ref.as_ref()).map(|claim| claim.name.as_str()), Some("a"));
    assert!(condition(&draft, "b").2.contains("node(s) didn't find available persistent volumes to bind"));
}

fn status(draft: &Draft, name: &str) -> PodStatus {
    draft.world.get(&key(name)).and_then(|doc| doc.as_pod()).expect("the pod exists").status.clone()
}

fn is_leaving(draft: &Draft, name: &str) -> bool {
    draft.world.get(&key(name)).expect("the pod exists").is_terminating()
}

/// A node of two cores, filled by one pod of each priority with a core each.
fn full_node(draft: &mut Draft, name: &str, priorities: [i32; 2]) {
    put(draft, Kind::Node, &node(name, "2"));
    for (at, priority) in priorities.into_iter().enumerate() {
        put(draft, Kind::Pod, &pod(&format!("{name}-{at}"), "1", &json!({"nodeName": name, "priority": priority})));
    }
}

#[test]
fn a_more_urgent_pod_is_nominated_and_bound_once_its_victim_is_gone() {
    let mut draft = draft();
    full_node(&mut draft, "n1", [5, 0]);
    let urgent = put(&mut draft, Kind::Pod, &pod("urgent", "1", &json!({"priority": 9})));
    let mut memory = Memory::default();
    assert_eq!(plan(&mut draft, &mut memory, 10, evict), 2);
    assert_eq!((node_of(&draft, "urgent"), status(&draft, "urgent").nominated_node_name.as_str()), (None, "n1"));
    // The texts are kube-scheduler 1.36's.
    assert_eq!(condition(&draft, "urgent").2, "0/1 nodes are available: 1 Insufficient cpu.");
    assert_eq!((is_leaving(&draft, "n1-0"), is_leaving(&draft, "n1-1")), (false, true));
    let target =
        status(&draft, "n1-1").conditions.into_iter().find(|condition| condition.kind == "DisruptionTarget").expect("it is a target");
    assert_eq!((target.status.as_str(), target.reason.as_str()), ("True", "PreemptionByScheduler"));
    assert_eq!(target.message, "default-scheduler: preempting to accommodate a higher priority pod");
    let found = events(&draft).into_iter().find(|event| event.reason == "Preempted").expect("the victim is told");
    assert_eq!((found.involved_object.name.as_str(), found.kind.as_str()), ("n1-1", "Normal"));
    assert_eq!(found.message, format!("Preempted by pod {} on node n1", urgent.meta.uid));
    // Nothing is done twice while the victim is leaving, with memory or without.
    let revision = draft.world.revision;
    assert_eq!(plan(&mut draft, &mut memory, 10, evict), 0);
    plan(&mut draft, &mut Memory::default(), 10, evict);
    let text = "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: not eligible due to a terminating pod on \
                the nominated node.";
    assert_eq!((condition(&draft, "urgent").2.as_str(), draft.world.revision), (text, revision + 2));
    assert_eq!(status(&draft, "urgent").nominated_node_name, "n1");
    draft.remove(&key("n1-1"));
    plan(&mut draft, &mut memory, 10, evict);
    assert_eq!((node_of(&draft, "urgent").as_deref(), status(&draft, "urgent").nominated_node_name.as_str()), (Some("n1"), ""));
}

#[test]
fn room_that_was_made_is_not_for_less_urgent_pods() {
    let mut draft = draft();
    full_node(&mut draft, "n1", [5, 0]);
    put(&mut draft, Kind::Pod, &pod("urgent", "2", &json!({"priority": 9})));
    let mut memory = Memory::default();
    plan(&mut draft, &mut memory, 10, evict);
    assert!(is_leaving(&draft, "n1-0") && is_leaving(&draft, "n1-1"));
    draft.remove(&key("n1-0"));
    put(&mut draft, Kind::Pod, &pod("late", "1", &json!({"priority": 8})));
    put(&mut draft, Kind::Pod, &pod("more-urgent", "1", &json!({"priority": 10})));
    plan(&mut draft, &mut memory, 10, evict);
    assert_eq!(["urgent", "late", "more-urgent"].map(|name| node_of(&draft, name).is_some()), [false, false, true]);
}

#[test]
fn a_nomination_gives_way_to_a_more_urgent_pod() {
    let mut draft = draft();
    full_node(&mut draft, "n1", [0, 0]);
    put(&mut draft, Kind::Pod, &pod("first", "1", &json!({"priority": 5})));
    let mut memory = Memory::default();
    plan(&mut draft, &mut memory, 10, evict);
    assert_eq!(status(&draft, "first").nominated_node_name, "n1");
    put(&mut draft, Kind::Pod, &pod("second", "2", &json!({"priority": 9})));
    plan(&mut draft, &mut memory, 10, evict);
    assert_eq!(["first", "second"].map(|name| status(&draft, name).nominated_node_name), [Name::default(), "n1".into()]);
    assert!(is_leaving(&draft, "n1-0") && is_leaving(&draft, "n1-1"));
}

#[test]
fn two_urgent_pods_do_not_count_on_the_same_room() {
    let mut draft = draft();
    full_node(&mut draft, "n1", [0, 0]);
    full_node(&mut draft, "n2", [0, 0]);
    for name in ["a", "b", "c"] {
        put(&mut draft, Kind::Pod, &pod(name, "2", &json!({"priority": 9})));
    }
    let mut memory = Memory::default();
    plan(&mut draft, &mut memory, 20, evict);
    assert_eq!(["a", "b", "c"].map(|name| status(&draft, name).nominated_node_name), ["n1".into(), "n2".into(), Name::default()]);
    ["n1-0", "n1-1", "n2-0", "n2-1"].into_iter().for_each(|name| draft.remove(&key(name)));
    plan(&mut draft, &mut memory, 20, evict);
    assert_eq!(["a", "b", "c"].map(|name| node_of(&draft, name)), [Some("n1".into()), Some("n2".into()), None]);
}

#[test]
fn a_pod_that_is_nominated_is_bound_though_one_like_it_before_it_fits_nowhere() {
    let mut draft = draft();
    full_node(&mut draft, "n1", [0, 0]);
    let second = put(&mut draft, Kind::Pod, &pod("b", "2", &json!({"priority": 9})));
    let mut memory = Memory::default();
    plan(&mut draft, &mut memory, 20, evict);
    // Of one template, so that what is known of one is known of the other.
    let mut first = (*second).clone();
    first.key = key("a");
    draft.put(first);
    ["n1-0", "n1-1"].into_iter().for_each(|name| draft.remove(&key(name)));
    plan(&mut draft, &mut memory, 20, evict);
    assert_eq!(["a", "b"].map(|name| node_of(&draft, name)), [None, Some("n1".into())]);
}

#[test]
fn a_pod_that_is_leaving_already_is_not_asked_to_go() {
    let mut draft = draft();
    full_node(&mut draft, "n1", [0, 9]);
    evict(&mut draft, &key("n1-0"));
    put(&mut draft, Kind::Pod, &pod("urgent", "1", &json!({"priority": 9})));
    assert_eq!(plan(&mut draft, &mut Memory::default(), 20, evict), 1);
    assert_eq!(status(&draft, "urgent").nominated_node_name, "n1");
    assert!(events(&draft).iter().all(|event| event.reason != "Preempted") && status(&draft, "n1-0").conditions.is_empty());
}

#[test]
fn victims_without_grace_make_room_at_once() {
    let mut draft = draft();
    put(&mut draft, Kind::Node, &node("n1", "2"));
    put(&mut draft, Kind::Pod, &pod("cheap", "2", &json!({"nodeName": "n1", "terminationGracePeriodSeconds": 0})));
    put(&mut draft, Kind::Pod, &pod("urgent", "1", &json!({"priority": 9})));
    put(&mut draft, Kind::Pod, &pod("late", "1", &json!({})));
    assert_eq!(plan(&mut draft, &mut Memory::default(), 10, evict), 3);
    assert_eq!(["urgent", "late"].map(|name| node_of(&draft, name)), [Some("n1".into()), Some("n1".into())]);
    assert!(draft.world.get(&key("cheap")).is_none());
}

#[test]
fn a_budget_turns_preemption_to_another_node_and_a_policy_away_from_all() {
    let mut draft = draft();
    full_node(&mut draft, "n1", [0, 0]);
    full_node(&mut draft, "n2", [1, 1]);
    for name in ["n1-0", "n1-1"] {
        draft.update(&key(name), |doc| doc.meta.labels = Arc::new([("app".into(), "db".into())].into()));
    }
    let budget = json!({"metadata": {"name": "db", "namespace": "default"}, "spec": {"selector": {"matchLabels": {"app": "db"}}}});
    put(&mut draft, Kind::PodDisruptionBudget, &budget);
    put(&mut draft, Kind::Pod, &pod("meek", "1", &json!({"priority": 9, "preemptionPolicy": "Never"})));
    put(&mut draft, Kind::Pod, &pod("urgent", "1", &json!({"priority": 9})));
    plan(&mut draft, &mut Memory::default(), 10, evict);
    assert_eq!(["meek", "urgent"].map(|name| status(&draft, name).nominated_node_name), [Name::default(), "n2".into()]);
    assert_eq!(["n1-0", "n1-1", "n2-0", "n2-1"].map(|name| is_leaving(&draft, name)), [false, false, false, true]);
}

#[test]
fn a_pod_that_cannot_be_helped_any_more_loses_its_nomination() {
    let mut draft = draft();
    put(&mut draft, Kind::Node, &node("n1", "2"));
    let mut value = pod("p", "3", &json!({"priority": 9}));
    value["status"] = json!({"nominatedNodeName": "n1"});
    put(&mut draft, Kind::Pod, &value);
    plan(&mut draft, &mut Memory::default(), 10, evict);
    assert_eq!(status(&draft, "p").nominated_node_name, "");
}

/// A replica set of pods, all of one specification.
fn replicas(draft: &mut Draft, name: &str, count: usize, cpu_milli: usize) {
    let meta = json!({"name": name, "namespace": "default"});
    let set = json!({"metadata": meta, "spec": {"selector": {"matchLabels": {"app": name}}, "template": {}}});
    put(draft, Kind::ReplicaSet, &set);
    let mut value = pod("p", &format!("{cpu_milli}m"), &json!({}));
    value["spec"]["containers"][0]["resources"]["requests"]["memory"] = json!("100Mi");
    value["metadata"]["labels"] = json!({"app": name});
    value["metadata"]["ownerReferences"] =
        json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": name, "uid": name, "controller": true}]);
    let first = codec::from_value(Kind::Pod, &value).expect("a pod");
    for at in 0..count {
        let mut doc = first.clone();
        doc.key = key(&format!("{name}-{at:05}"));
        doc.meta.uid = Uid(u128::from(draft.world.revision) + 1);
        draft.put(doc);
    }
}

/// A cluster of nodes in three zones, with pods of replica sets pending.
fn cluster(nodes: usize, sets: usize, pods: usize) -> Draft {
    let mut draft = draft();
    for at in 0..nodes {
        let mut value = node(&format!("aks-np1-{at:06}"), "3860m");
        value["metadata"]["labels"]["topology.kubernetes.io/zone"] = json!(format!("westeurope-{}", at % 3 + 1));
        value["metadata"]["labels"]["agentpool"] = json!("np1");
        put(&mut draft, Kind::Node, &value);
    }
    for at in 0..sets {
        replicas(&mut draft, &format!("web{at}"), pods / sets, 50 + 10 * at);
    }
    draft
}

#[test]
fn replicas_are_spread_over_zones_and_hosts_by_default() {
    let mut draft = cluster(9, 1, 9);
    assert_eq!(plan(&mut draft, &mut Memory::default(), 100, evict), 9);
    let busy = draft.world.nodes().filter(|(_, row)| row.used.pods == 1).count();
    assert_eq!(busy, 9);
}

/// Run with `cargo test --release -p nodelane-place --test placing -- --ignored --nocapture`.
#[test]
#[ignore = "prints figures; run it in release"]
fn figures_of_the_two_targets() {
    for (nodes, sets, pods, target_millis) in [(1000, 10, 5000, 60), (5000, 10, 20_000, 300)] {
        let mut draft = cluster(nodes, sets, pods);
        draft.writes.clear();
        let what = format!("{nodes} nodes, {pods} pods of {sets} (target {target_millis} ms)");
        assert_eq!(timed(&what, &mut draft, &mut Memory::default()), pods);
    }
}

#[allow(clippy::disallowed_methods, reason = "figures need a clock")]
fn timed(what: &str, draft: &mut Draft, memory: &mut Memory) -> usize {
    let start = std::time::Instant::now();
    let spent = plan(draft, memory, usize::MAX, evict);
    println!("{what}: {:.1} ms, {spent} units", start.elapsed().as_secs_f64() * 1e3);
    spent
}

/// Pods of the five kinds of Karpenter's benchmark, a fifth each.
fn mixed(draft: &mut Draft, pods: usize) {
    let labels = |kind: usize| json!({"matchLabels": {"app": format!("kind{kind}")}});
    let spread = |kind, key: &str| {
        json!({"topologySpreadConstraints": [
        {"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": labels(kind)}]})
    };
    let affinity = |kind, which: &str, key: &str| {
        json!({"affinity": {which: {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"topologyKey": key, "labelSelector": labels(kind)}]}}})
    };
    let (host, zone) = ("kubernetes.io/hostname", "topology.kubernetes.io/zone");
    let specs = [json!({}), spread(1, zone), spread(2, host), affinity(3, "podAffinity", zone), affinity(4, "podAntiAffinity", host)];
    for at in 0..pods {
        let mut value = pod(&format!("p{at:05}"), ["100m", "250m", "500m"][at / 5 % 3], &specs[at % 5]);
        value["metadata"]["labels"] = json!({"app": format!("kind{}", at % 5)});
        put(draft, Kind::Pod, &value);
    }
}

/// Run with `cargo test --release -p nodelane-place --test placing -- --ignored --nocapture`.
#[test]
#[ignore = "prints figures; run it in release"]
fn figures_of_other_shapes() {
    let mut draft = cluster(5000, 10, 50_000);
    let mut memory = Memory::default();
    timed("5,000 nodes, 50,000 pods of 10", &mut draft, &mut memory);
    put(&mut draft, Kind::Pod, &pod("one", "1", &json!({})));
    timed("  one more beside them", &mut draft, &mut memory);
    for at in 0..60_000 {
        put(&mut draft, Kind::Pod, &pod(&format!("big{at:05}"), "4", &json!({})));
    }
    timed("  60,000 more that do not fit", &mut draft, &mut memory);
    timed("  again", &mut draft, &mut memory);
    put(&mut draft, Kind::Pod, &pod("two", "1", &json!({})));
    timed("  one that fits behind them", &mut draft, &mut memory);

    let mut draft = cluster(2000, 1, 0);
    mixed(&mut draft, 10_000);
    timed("2,000 nodes, 10,000 pods of Karpenter's five kinds", &mut draft, &mut Memory::default());
    let mut draft = cluster(1000, 1, 0);
    for at in 0..5000 {
        let name = format!("p{at:05}");
        put(
            &mut draft,
            Kind::PersistentVolume,
            &json!({"metadata": {"name": name}, "spec": {"csi": {"driver": "d", "volumeHandle": name}}}),
        );
        put(&mut draft, Kind::PersistentVolumeClaim, &bound_claim(&name, &name));
        let volumes = json!({"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": name}}]});
        put(&mut draft, Kind::Pod, &pod(&name, "100m", &volumes));
    }
    timed("1,000 nodes, 5,000 bare pods with a claim each", &mut draft, &mut Memory::default());
    let mut draft = cluster(1000, 1, 0);
    for at in 0..5000 {
        put(&mut draft, Kind::Pod, &pod(&format!("p{at:05}"), "100m", &json!({})));
    }
    timed("1,000 nodes, 5,000 bare pods alike", &mut draft, &mut Memory::default());
    let mut draft = cluster(1000, 1, 0);
    for at in 0..5000 {
        put(&mut draft, Kind::Pod, &pod(&format!("p{at:05}"), &format!("{}m", 1 + at % 500), &json!({"priority": at})));
    }
    timed("1,000 nodes, 5,000 bare pods, no two alike", &mut draft, &mut Memory::default());
}
