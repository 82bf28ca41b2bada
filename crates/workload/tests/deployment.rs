//! Deployments: rollouts within bounds, histories, conditions.
//!
//! Figures are those of the Kubernetes documentation (Deployments: rolling update, proportional scaling, revision history limit);
//! bounds are checked after every plan, with kubelets and plans that stop early.

mod support;

use nodelane_model::{Doc, Key, Kind};
use nodelane_workload::delete;
use serde_json::{Value, json};
use std::sync::Arc;
use support::{Bench, workload};

fn deployment(image: &str, replicas: i32, more: Value) -> Value {
    let mut spec = json!({"replicas": replicas, "progressDeadlineSeconds": 600, "revisionHistoryLimit": 10});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    workload(image, spec)
}

fn size(doc: &Doc) -> i32 {
    doc.as_replica_set().unwrap().spec.replicas.unwrap()
}

fn by_image(bench: &Bench, image: &str) -> Arc<Doc> {
    let has = |doc: &Arc<Doc>| doc.as_replica_set().unwrap().spec.template.spec.containers[0].image == image;
    bench.list(Kind::ReplicaSet).into_iter().find(has).unwrap()
}

#[test]
fn a_deployment_becomes_a_replica_set_and_its_pods() {
    let mut bench = Bench::with_nodes(2);
    let key = bench.apply(Kind::Deployment, deployment("v1", 3, json!({})));
    bench.settle();
    let set = by_image(&bench, "v1");
    let hash = set.meta.labels["pod-template-hash"].clone();
    assert_eq!(set.key.name, format!("web-{hash}"));
    // Real hashes are decimal digits through the safe alphabet: nothing but these twelve characters.
    assert!(hash.len() == 10 && hash.bytes().all(|b| b"456789bcdf".contains(&b)), "{hash}");
    assert_eq!(bench.events(Kind::Deployment)[0].0, "ScalingReplicaSet");
    assert_eq!(bench.events(Kind::Deployment)[0].1, format!("Scaled up replica set web-{hash} from 0 to 3"));
    assert_eq!(bench.pods().len(), 3);
    for pod in bench.pods() {
        assert_eq!(pod.key.name.len(), set.key.name.len() + 6);
        assert!(Arc::ptr_eq(&pod.meta.labels, &set.as_replica_set().unwrap().spec.template.labels));
        assert!(Arc::ptr_eq(&pod.as_pod().unwrap().spec, &bench.pods()[0].as_pod().unwrap().spec));
        assert_eq!(bench.json(&pod.key)["status"], json!({"phase": "Pending", "qosClass": "BestEffort"}));
        assert!(bench.events(Kind::ReplicaSet).contains(&("SuccessfulCreate".into(), format!("Created pod: {}", pod.key.name).into())));
    }
    assert_eq!(bench.condition(&key, "Available")["reason"], "MinimumReplicasUnavailable");
    assert_eq!(bench.condition(&key, "Progressing")["message"], format!("ReplicaSet \"{}\" is progressing.", set.key.name));
    bench.run();
    let doc = bench.json(&key);
    assert_eq!(doc["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "1");
    assert_eq!(doc["status"]["availableReplicas"], 3);
    assert_eq!(doc["status"]["observedGeneration"], 1);
    assert_eq!(bench.condition(&key, "Available")["message"], "Deployment has minimum availability.");
    let progressing = bench.condition(&key, "Progressing");
    assert_eq!(progressing["reason"], "NewReplicaSetAvailable");
    assert_eq!(progressing["message"], format!("ReplicaSet \"{}\" has successfully progressed.", set.key.name));
}

/// 10 replicas, 25 % each: at most 13 pods (surge rounds up to 3), at least 8 available (unavailable rounds down to 2).
fn keeps_bounds(bench: &Bench) {
    let live = bench.live_pods();
    assert!(live.len() <= 13, "{} pods", live.len());
    let available = live.iter().filter(|pod| pod.as_pod().unwrap().status.is_ready()).count();
    assert!(available >= 8, "{available} available");
    let asked: i32 = bench.list(Kind::ReplicaSet).iter().map(|doc| size(doc)).sum();
    assert!(asked <= 13, "{asked} asked for");
}

#[test]
fn a_rolling_update_keeps_its_bounds_at_every_step() {
    let mut bench = Bench::with_nodes(3);
    bench.apply(Kind::Deployment, deployment("v1", 10, json!({})));
    bench.run();
    bench.watch = Some(keeps_bounds);
    let key = bench.apply(Kind::Deployment, deployment("v2", 10, json!({})));
    for round in 0..2000 {
        // The kubelets are slow: one pod at a time, in an order of its own, and plans that end early.
        bench.draft.now = bench.draft.now.plus(700);
        bench.draft.world.work.ring(bench.draft.now);
        bench.step(1 + round % 3);
        bench.bind_all();
        let pods = bench.pods();
        let pod = &pods[(round * 7) % pods.len()];
        if pod.is_terminating() {
            delete(&mut bench.draft, &pod.key, Some(0), None);
        } else if !pod.as_pod().unwrap().status.is_ready() {
            bench.make_ready(&pod.key);
        }
    }
    bench.run();
    assert_eq!((size(&by_image(&bench, "v1")), size(&by_image(&bench, "v2"))), (0, 10));
    assert_eq!(bench.pods().len(), 10);
    assert_eq!(bench.condition(&key, "Progressing")["reason"], "NewReplicaSetAvailable");
    assert_eq!(bench.json(&key)["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "2");
}

#[test]
fn a_rollout_that_cannot_become_ready_stops_and_times_out() {
    // The documentation's proportional scaling example: 10 replicas, surge 3, unavailable 2, an image that cannot be pulled.
    let mut bench = Bench::with_nodes(3);
    let rolling = json!({"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 3, "maxUnavailable": 2}}});
    bench.apply(Kind::Deployment, deployment("v1", 10, rolling.clone()));
    bench.run();
    let key = bench.apply(Kind::Deployment, deployment("bad", 10, rolling.clone()));
    bench.settle();
    assert_eq!((size(&by_image(&bench, "v1")), size(&by_image(&bench, "bad"))), (8, 5));
    // Scaled to 15: "3 replicas are added to the old ReplicaSet and 2 replicas are added to the new ReplicaSet".
    bench.apply(Kind::Deployment, deployment("bad", 15, rolling));
    bench.step(1);
    assert_eq!((size(&by_image(&bench, "v1")), size(&by_image(&bench, "bad"))), (11, 7));
    bench.settle();
    bench.pass(599);
    assert_eq!(bench.condition(&key, "Progressing")["reason"], "ReplicaSetUpdated");
    bench.pass(2);
    let progressing = bench.condition(&key, "Progressing");
    assert_eq!((&progressing["status"], &progressing["reason"]), (&json!("False"), &json!("ProgressDeadlineExceeded")));
    let name = &by_image(&bench, "bad").key.name;
    assert_eq!(progressing["message"], format!("ReplicaSet \"{name}\" has timed out progressing."));
}

fn rolling(max_surge: i32, max_unavailable: i32) -> Value {
    let bounds = json!({"maxSurge": max_surge, "maxUnavailable": max_unavailable});
    json!({"strategy": {"type": "RollingUpdate", "rollingUpdate": bounds}})
}

#[test]
fn broken_old_pods_make_room_only_as_far_as_new_ones_are_there() {
    // Upstream's rule: at most all pods - least available - new pods that are not available. 13 - 8 - 3 = 2 go, then 13 - 8 - 5 = 0.
    let mut bench = Bench::with_nodes(1);
    bench.apply(Kind::Deployment, deployment("v1", 10, rolling(3, 2)));
    bench.settle();
    bench.apply(Kind::Deployment, deployment("v2", 10, rolling(3, 2)));
    bench.settle();
    assert_eq!((size(&by_image(&bench, "v1")), size(&by_image(&bench, "v2"))), (8, 5));
}

#[test]
fn a_step_counts_pods_as_they_are_not_as_they_were_last_counted() {
    let mut bench = Bench::with_nodes(1);
    bench.apply(Kind::Deployment, deployment("v1", 10, rolling(3, 2)));
    bench.run();
    bench.apply(Kind::Deployment, deployment("v2", 10, rolling(3, 2)));
    bench.settle();
    bench.bind_all();
    let is_new = |pod: &Arc<Doc>| pod.as_pod().unwrap().spec.containers[0].image == "v2";
    let new: Vec<Key> = bench.live_pods().into_iter().filter(is_new).map(|pod| pod.key.clone()).collect();
    new.iter().for_each(|key| bench.make_ready(key));
    bench.step(100);
    // Five are counted as available; three of them fail before the deployment looks. 8 + 2 available, so 2 of the old may go, not 5.
    for key in &new[..3] {
        bench.draft.update(key, |doc| doc.as_pod_mut().unwrap().status.conditions.clear());
    }
    bench.step(1);
    assert_eq!((size(&by_image(&bench, "v1")), size(&by_image(&bench, "v2"))), (6, 5));
}

#[test]
fn recreate_starts_only_when_the_last_old_pod_is_gone() {
    let mut bench = Bench::with_nodes(1);
    let recreate = json!({"strategy": {"type": "Recreate"}});
    bench.apply(Kind::Deployment, deployment("v1", 3, recreate.clone()));
    bench.run();
    bench.apply(Kind::Deployment, deployment("v2", 3, recreate));
    bench.settle();
    let old = bench.pods();
    assert!(old.len() == 3 && old.iter().all(|pod| pod.is_terminating()));
    for (n, pod) in old.iter().enumerate() {
        assert_eq!(bench.pods().len(), 3 - n, "a new pod came too early");
        delete(&mut bench.draft, &pod.key, Some(0), None);
        bench.settle();
    }
    assert_eq!(bench.pods().len(), 3);
    assert!(bench.pods().iter().all(|pod| pod.as_pod().unwrap().spec.containers[0].image == "v2"));
}

#[test]
fn a_paused_deployment_scales_but_does_not_roll() {
    let mut bench = Bench::with_nodes(1);
    bench.apply(Kind::Deployment, deployment("v1", 2, json!({})));
    bench.run();
    let key = bench.apply(Kind::Deployment, deployment("v2", 4, json!({"paused": true})));
    bench.run();
    assert_eq!(bench.list(Kind::ReplicaSet).len(), 1);
    assert_eq!(bench.pods().len(), 4);
    assert_eq!(bench.condition(&key, "Progressing")["reason"], "DeploymentPaused");
    bench.apply(Kind::Deployment, deployment("v2", 4, json!({})));
    bench.run();
    assert_eq!(size(&by_image(&bench, "v2")), 4);
}

#[test]
fn a_rollback_takes_up_the_old_replica_set_under_a_new_number() {
    let mut bench = Bench::with_nodes(1);
    for image in ["v1", "v2", "v1"] {
        bench.apply(Kind::Deployment, deployment(image, 2, json!({})));
        bench.run();
    }
    let sets = bench.list(Kind::ReplicaSet);
    assert_eq!(sets.len(), 2);
    let notes = &by_image(&bench, "v1").meta.annotations;
    assert_eq!(notes["deployment.kubernetes.io/revision"], "3");
    assert_eq!(notes["deployment.kubernetes.io/revision-history"], "1");
    assert_eq!(by_image(&bench, "v2").meta.annotations["deployment.kubernetes.io/revision"], "2");
}

#[test]
fn old_replica_sets_beyond_the_history_limit_go_the_oldest_first() {
    let mut bench = Bench::with_nodes(1);
    for n in 1..=5 {
        bench.apply(Kind::Deployment, deployment(&format!("v{n}"), 1, json!({"revisionHistoryLimit": 2})));
        bench.run();
    }
    let mut revisions: Vec<_> =
        bench.list(Kind::ReplicaSet).iter().map(|doc| doc.meta.annotations["deployment.kubernetes.io/revision"].clone()).collect();
    revisions.sort();
    assert_eq!(revisions, ["3", "4", "5"]);
}

#[test]
fn a_name_that_is_taken_counts_as_a_collision_and_the_next_hash_is_tried() {
    let mut first = Bench::with_nodes(1);
    first.apply(Kind::Deployment, deployment("v1", 1, json!({})));
    first.settle();
    let name = first.names(Kind::ReplicaSet)[0].clone();
    let mut bench = Bench::with_nodes(1);
    let foreign = json!({"metadata": {"name": name}, "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "other"}}}});
    bench.apply(Kind::ReplicaSet, foreign);
    let key = bench.apply(Kind::Deployment, deployment("v1", 1, json!({})));
    bench.run();
    assert_eq!(bench.json(&key)["status"]["collisionCount"], 1);
    assert_eq!(bench.list(Kind::ReplicaSet).len(), 2);
    assert_eq!(bench.pods().len(), 1);
}

#[test]
fn a_deployment_adopts_the_replica_set_that_an_orphaning_deletion_left() {
    let mut bench = Bench::with_nodes(1);
    let key: Key = bench.apply(Kind::Deployment, deployment("v1", 2, json!({})));
    bench.run();
    let pods = bench.names(Kind::Pod);
    delete(&mut bench.draft, &key, None, Some(nodelane_model::change::Propagation::Orphan));
    bench.run();
    assert!(bench.draft.world.get(&key).is_none());
    assert_eq!(bench.names(Kind::Pod), pods);
    assert!(bench.list(Kind::ReplicaSet)[0].meta.owners.is_empty());
    bench.apply(Kind::Deployment, deployment("v1", 2, json!({})));
    bench.run();
    assert_eq!(bench.names(Kind::Pod), pods);
    assert_eq!(bench.list(Kind::ReplicaSet)[0].meta.owners[0].uid, bench.get(&key).meta.uid.to_string());
}
