//! Replica sets, stateful sets and daemon sets: who is made, who goes first, in which order.
//!
//! Orders are those of the Kubernetes documentation (ReplicaSet: scaling a ReplicaSet; StatefulSet: deployment and scaling guarantees,
//! partitioned rolling updates; DaemonSet: taints and tolerations).

mod support;

use nodelane_model::{Key, Kind, Name};
use nodelane_workload::{delete, offer};
use nodelane_world::List;
use serde_json::{Value, json};
use support::{Bench, template, workload};

fn names(bench: &Bench) -> Vec<Name> {
    bench.live_pods().iter().map(|pod| pod.key.name.clone()).collect()
}

fn bare_pod(name: &str, labels: Value) -> Value {
    json!({"metadata": {"name": name, "labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}})
}

#[test]
fn a_replica_set_makes_as_many_pods_as_it_has_units_for_and_stays_on_its_list() {
    let mut bench = Bench::with_nodes(1);
    let key = bench.apply(Kind::ReplicaSet, workload("v1", json!({"replicas": 25})));
    for pods in [10, 20, 25] {
        bench.step(10);
        assert_eq!(bench.pods().len(), pods);
        assert_eq!(bench.json(&key)["status"]["replicas"], pods);
        assert!(bench.draft.world.work.list(List::Owners).contains(&key));
    }
    bench.settle();
    assert_eq!(bench.json(&key)["status"]["fullyLabeledReplicas"], 25);
}

#[test]
fn the_victims_are_those_whose_loss_costs_least() {
    let mut bench = Bench::with_nodes(2);
    bench.apply(Kind::ReplicaSet, workload("v1", json!({"replicas": 6})));
    bench.settle();
    let pods = names(&bench);
    let key = |n: usize| Key::new(Kind::Pod, "x", pods[n].clone());
    // 0 and 1 ready on a node each; 2 ready beside 0; 3 ready beside 1 but cheap; 4 bound, pending; 5 unbound.
    for (n, node) in [(0, "n0"), (1, "n1"), (2, "n0"), (3, "n1"), (4, "n1")] {
        bench.draft.update(&key(n), |doc| doc.as_pod_mut().unwrap().node = Some(node.into()));
        if n < 4 {
            bench.make_ready(&key(n));
        }
    }
    let cost = [("controller.kubernetes.io/pod-deletion-cost".into(), "-5".into())];
    bench.draft.update(&key(3), |doc| doc.meta.annotations = std::sync::Arc::new(cost.into()));
    bench.settle();
    let mut gone: Vec<Name> = Vec::new();
    for replicas in (1..6).rev() {
        bench.apply(Kind::ReplicaSet, workload("v1", json!({"replicas": replicas})));
        bench.settle();
        let live = names(&bench);
        gone.extend(pods.iter().filter(|name| !live.contains(name) && !gone.contains(name)).cloned().collect::<Vec<_>>());
    }
    assert_eq!(gone[..3], [pods[5].clone(), pods[4].clone(), pods[3].clone()]);
    assert!([&pods[0], &pods[2]].contains(&&gone[3]), "one of the two that share a node");
}

#[test]
fn pods_that_share_a_node_go_before_those_that_stand_alone() {
    let mut bench = Bench::with_nodes(4);
    bench.apply(Kind::ReplicaSet, workload("v1", json!({"replicas": 6})));
    bench.settle();
    for (pod, node) in names(&bench).iter().zip(["n1", "n0", "n2", "n0", "n3", "n0"]) {
        let key = Key::new(Kind::Pod, "x", pod.clone());
        bench.draft.update(&key, |doc| doc.as_pod_mut().unwrap().node = Some(node.into()));
        bench.make_ready(&key);
    }
    bench.apply(Kind::ReplicaSet, workload("v1", json!({"replicas": 4})));
    bench.settle();
    let mut nodes: Vec<Name> = bench.live_pods().iter().map(|pod| pod.as_pod().unwrap().node.clone().unwrap()).collect();
    nodes.sort();
    assert_eq!(nodes, ["n0", "n1", "n2", "n3"]);
}

#[test]
fn a_released_pod_goes_to_whoever_selects_it_now() {
    let mut bench = Bench::with_nodes(1);
    bench.apply(Kind::ReplicaSet, workload("v1", json!({"replicas": 1})));
    let debug = json!({"metadata": {"name": "debug"}, "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "debug"}},
        "template": {"metadata": {"labels": {"app": "debug"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}}});
    let debug = bench.apply(Kind::ReplicaSet, debug);
    bench.settle();
    let pod = bench.pods().iter().find(|pod| pod.meta.labels["app"] == "web").unwrap().key.clone();
    bench.make_ready(&pod);
    bench.draft.update(&pod, |doc| doc.meta.labels = std::sync::Arc::new([("app".into(), "debug".into())].into()));
    bench.settle();
    assert_eq!(bench.get(&pod).meta.owners[0].uid, bench.get(&debug).meta.uid.to_string());
    assert_eq!(bench.pods().len(), 2, "of two the one that is not ready went, and web has a new one");
}

#[test]
fn a_pod_that_no_longer_matches_is_released_and_one_that_matches_adopted() {
    let mut bench = Bench::with_nodes(1);
    bench.apply(Kind::Pod, bare_pod("early", json!({"app": "web"})));
    bench.apply(Kind::Pod, bare_pod("other", json!({"app": "other"})));
    let set = bench.apply(Kind::ReplicaSet, workload("v1", json!({"replicas": 2})));
    bench.settle();
    assert_eq!(bench.pods().len(), 3);
    let early = Key::new(Kind::Pod, "x", "early");
    assert_eq!(bench.get(&early).meta.owners[0].uid, bench.get(&set).meta.uid.to_string());
    bench.draft.update(&early, |doc| doc.meta.labels = std::sync::Arc::new([("app".into(), "debug".into())].into()));
    bench.settle();
    assert!(bench.get(&early).meta.owners.is_empty());
    assert_eq!(bench.pods().len(), 4);
    bench.draft.update(&early, |doc| doc.meta.labels = std::sync::Arc::new([("app".into(), "web".into())].into()));
    offer(&mut bench.draft, &early);
    bench.settle();
    assert_eq!(bench.pods().len(), 3, "three are one too many");
}

#[test]
fn a_pod_counts_as_available_only_after_the_least_time_ready() {
    let mut bench = Bench::with_nodes(1);
    let set = bench.apply(Kind::ReplicaSet, workload("v1", json!({"replicas": 1, "minReadySeconds": 10})));
    bench.settle();
    bench.kubelet();
    bench.settle();
    bench.pass(9);
    assert_eq!((&bench.json(&set)["status"]["readyReplicas"], &bench.json(&set)["status"]["availableReplicas"]), (&json!(1), &Value::Null));
    bench.pass(1);
    assert_eq!(bench.json(&set)["status"]["availableReplicas"], 1);
}

fn stateful(image: &str, replicas: i32, more: Value) -> Value {
    let mut spec =
        json!({"replicas": replicas, "serviceName": "web", "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    workload(image, spec)
}

#[test]
fn a_stateful_set_starts_in_order_each_when_the_one_before_is_ready() {
    let mut bench = Bench::with_nodes(1);
    let claims = json!({"volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}]});
    let key = bench.apply(Kind::StatefulSet, stateful("v1", 3, claims));
    for n in 1..=3 {
        bench.settle();
        assert_eq!(names(&bench), (0..n).map(|n| format!("web-{n}").into()).collect::<Vec<Name>>());
        bench.kubelet();
    }
    bench.run();
    assert_eq!(bench.names(Kind::PersistentVolumeClaim), ["data-web-0", "data-web-1", "data-web-2"]);
    let pod = bench.json(&Key::new(Kind::Pod, "x", "web-1"));
    let revision = bench.json(&key)["status"]["updateRevision"].clone();
    assert_eq!(
        pod["metadata"]["labels"],
        json!({"app": "web", "apps.kubernetes.io/pod-index": "1",
        "controller-revision-hash": revision, "statefulset.kubernetes.io/pod-name": "web-1"})
    );
    assert_eq!((&pod["spec"]["hostname"], &pod["spec"]["subdomain"]), (&json!("web-1"), &json!("web")));
    assert_eq!(pod["spec"]["volumes"], json!([{"name": "data", "persistentVolumeClaim": {"claimName": "data-web-1"}}]));
    let events = bench.events(Kind::StatefulSet);
    assert_eq!(events[0].1, "create Claim data-web-0 Pod web-0 in StatefulSet web success");
    assert_eq!(events[1].1, "create Pod web-0 in StatefulSet web successful");
    let status = &bench.json(&key)["status"];
    assert_eq!((&status["readyReplicas"], &status["currentReplicas"], &status["updatedReplicas"]), (&json!(3), &json!(3), &json!(3)));
}

#[test]
fn a_stateful_set_shrinks_from_the_top_one_by_one_and_keeps_its_claims() {
    let mut bench = Bench::with_nodes(1);
    let claims = json!({"volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {}}]});
    bench.apply(Kind::StatefulSet, stateful("v1", 3, claims.clone()));
    bench.run();
    bench.apply(Kind::StatefulSet, stateful("v1", 1, claims));
    bench.settle();
    assert_eq!(names(&bench), ["web-0", "web-1"]);
    bench.run();
    assert_eq!(names(&bench), ["web-0"]);
    assert_eq!(bench.list(Kind::PersistentVolumeClaim).len(), 3);
}

#[test]
fn a_stateful_update_goes_down_to_the_partition() {
    let mut bench = Bench::with_nodes(1);
    let partition = |n: i32| json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": n}}});
    let images =
        |bench: &Bench| bench.pods().iter().map(|pod| pod.as_pod().unwrap().spec.containers[0].image.to_string()).collect::<Vec<_>>();
    bench.apply(Kind::StatefulSet, stateful("v1", 3, partition(0)));
    bench.run();
    let key = bench.apply(Kind::StatefulSet, stateful("v2", 3, partition(2)));
    bench.settle();
    assert_eq!(names(&bench), ["web-0", "web-1"]);
    bench.run();
    assert_eq!(images(&bench), ["v1", "v1", "v2"]);
    // A pod below the partition that is lost comes back as it was.
    delete(&mut bench.draft, &Key::new(Kind::Pod, "x", "web-0"), Some(0), None);
    bench.run();
    assert_eq!(images(&bench), ["v1", "v1", "v2"]);
    let status = bench.json(&key)["status"].clone();
    assert_ne!(status["currentRevision"], status["updateRevision"]);
    bench.apply(Kind::StatefulSet, stateful("v2", 3, partition(0)));
    bench.run();
    assert_eq!(images(&bench), ["v2", "v2", "v2"]);
    let status = bench.json(&key)["status"].clone();
    assert_eq!(status["currentRevision"], status["updateRevision"]);
    assert_eq!(bench.list(Kind::ControllerRevision).len(), 2);
}

#[test]
fn a_stateful_rollback_takes_up_the_old_revision_under_a_new_number() {
    let mut bench = Bench::with_nodes(1);
    for image in ["v1", "v2", "v1"] {
        bench.apply(Kind::StatefulSet, stateful(image, 2, json!({})));
        bench.run();
    }
    assert!(bench.pods().iter().all(|pod| pod.as_pod().unwrap().spec.containers[0].image == "v1"));
    let mut numbers: Vec<Value> = bench.list(Kind::ControllerRevision).iter().map(|doc| bench.json(&doc.key)["revision"].clone()).collect();
    numbers.sort_by_key(|number| number.as_i64());
    assert_eq!(numbers, [2, 3]);
}

#[test]
fn a_parallel_stateful_set_starts_all_at_once_and_on_delete_updates_none() {
    let mut bench = Bench::with_nodes(1);
    let more = json!({"podManagementPolicy": "Parallel", "updateStrategy": {"type": "OnDelete"}});
    bench.apply(Kind::StatefulSet, stateful("v1", 3, more.clone()));
    bench.settle();
    assert_eq!(names(&bench), ["web-0", "web-1", "web-2"]);
    bench.run();
    bench.apply(Kind::StatefulSet, stateful("v2", 3, more));
    bench.run();
    assert!(bench.pods().iter().all(|pod| pod.as_pod().unwrap().spec.containers[0].image == "v1"));
    delete(&mut bench.draft, &Key::new(Kind::Pod, "x", "web-1"), Some(0), None);
    bench.run();
    assert_eq!(bench.get(&Key::new(Kind::Pod, "x", "web-1")).as_pod().unwrap().spec.containers[0].image, "v2");
}

fn daemon(image: &str, more: Value) -> Value {
    let mut doc =
        workload(image, json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}}));
    doc["spec"]["template"]["spec"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    doc
}

#[test]
fn a_daemon_runs_on_every_node_that_it_may() {
    let mut bench = Bench::with_nodes(2);
    bench.node("tainted", json!({"taints": [{"key": "gpu", "effect": "NoSchedule"}]}));
    bench.node("cordoned", json!({"unschedulable": true, "taints": [{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}]}));
    let key = bench.apply(Kind::DaemonSet, daemon("v1", json!({})));
    bench.run();
    let mut nodes: Vec<Name> = bench.pods().iter().map(|pod| pod.as_pod().unwrap().node.clone().unwrap()).collect();
    nodes.sort();
    assert_eq!(nodes, ["cordoned", "n0", "n1"]);
    let pod = bench.json(&bench.pods()[0].key.clone());
    assert_eq!(pod["spec"]["tolerations"].as_array().unwrap().len(), 6);
    assert_eq!(pod["metadata"]["labels"]["pod-template-generation"], "1");
    bench.node("n2", json!({}));
    bench.run();
    assert_eq!(bench.json(&key)["status"]["desiredNumberScheduled"], 4);
    // A taint that is not tolerated: NoSchedule lets the pod stay, misscheduled; a label that no longer fits does not.
    bench.node("n0", json!({"taints": [{"key": "gpu", "effect": "NoSchedule"}]}));
    bench.run();
    let status = bench.json(&key)["status"].clone();
    assert_eq!(
        (&status["numberMisscheduled"], &status["desiredNumberScheduled"], &status["numberReady"]),
        (&json!(1), &json!(3), &json!(3))
    );
    bench.node("n2", json!({"taints": [{"key": "gone", "effect": "NoExecute"}]}));
    bench.run();
    let status = bench.json(&key)["status"].clone();
    assert_eq!((&status["numberMisscheduled"], &status["desiredNumberScheduled"]), (&json!(1), &json!(2)));
    assert!(bench.pods().iter().all(|pod| pod.as_pod().unwrap().node.as_deref() != Some("n2")));
    bench.apply(Kind::DaemonSet, daemon("v1", json!({"nodeSelector": {"kubernetes.io/hostname": "n1"}})));
    bench.run();
    assert_eq!(bench.pods().len(), 1);
}

#[test]
fn a_daemon_update_takes_one_node_at_a_time() {
    let mut bench = Bench::with_nodes(4);
    bench.apply(Kind::DaemonSet, daemon("v1", json!({})));
    bench.run();
    bench.watch = Some(|bench| {
        let ready = bench.live_pods().iter().filter(|pod| pod.as_pod().unwrap().status.is_ready()).count();
        assert!(ready >= 3, "{ready} ready");
    });
    let key = bench.apply(Kind::DaemonSet, daemon("v2", json!({})));
    bench.run();
    assert!(bench.pods().iter().all(|pod| pod.as_pod().unwrap().spec.containers[0].image == "v2"));
    assert_eq!(bench.json(&key)["status"]["updatedNumberScheduled"], 4);
    assert_eq!(bench.list(Kind::ControllerRevision).len(), 2);
}

#[test]
fn a_daemon_whose_node_goes_away_goes_with_it() {
    let mut bench = Bench::with_nodes(2);
    let key = bench.apply(Kind::DaemonSet, daemon("v1", json!({})));
    bench.run();
    bench.draft.remove(&Key::global(Kind::Node, "n0"));
    bench.run();
    assert_eq!(bench.pods().len(), 1);
    assert_eq!(bench.json(&key)["status"]["numberAvailable"], 1);
}

#[test]
fn two_templates_of_one_text_have_one_hash() {
    let mut hashes = Vec::new();
    for _ in 0..2 {
        let mut bench = Bench::with_nodes(1);
        bench.apply(
            Kind::Deployment,
            json!({"metadata": {"name": "a"}, "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template("v1")}}),
        );
        bench.settle();
        hashes.push(bench.names(Kind::ReplicaSet));
    }
    assert_eq!(hashes[0], hashes[1]);
}
