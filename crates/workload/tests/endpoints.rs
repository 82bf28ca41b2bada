//! Endpoint slices of services: which pods are in them, as what, and how little changes when one pod does.
//!
//! Expected values are those of the Kubernetes documentation (EndpointSlices: conditions, distribution, at most 100 endpoints a slice).

mod support;

use nodelane_model::{Doc, Key, Kind};
use nodelane_workload::delete;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use support::{Bench, workload};

fn service(spec: Value) -> Value {
    let mut whole = json!({"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]});
    spec.as_object().unwrap().iter().for_each(|(field, value)| whole[field] = value.clone());
    json!({"metadata": {"name": "front", "labels": {"team": "a"}}, "spec": whole})
}

fn bench(replicas: usize, spec: Value) -> (Bench, Key) {
    let mut bench = Bench::with_nodes(2);
    bench.apply(Kind::ReplicaSet, workload("v1", json!({"replicas": replicas})));
    let key = bench.apply(Kind::Service, service(spec));
    bench.run();
    (bench, key)
}

fn slices(bench: &Bench) -> Vec<Value> {
    bench.list(Kind::EndpointSlice).iter().map(|doc| bench.json(&doc.key)).collect()
}

fn endpoints(bench: &Bench) -> Vec<Value> {
    slices(bench).iter().flat_map(|slice| slice["endpoints"].as_array().cloned().unwrap_or_default()).collect()
}

#[test]
fn a_service_shows_every_pod_that_it_names_with_its_address_node_and_port() {
    let (bench, _) = bench(3, json!({}));
    let slice = &slices(&bench)[0];
    assert_eq!(slice["ports"], json!([{"name": "", "port": 8080, "protocol": "TCP"}]));
    assert_eq!(slice["addressType"], "IPv4");
    let labels = &slice["metadata"]["labels"];
    assert_eq!((&labels["kubernetes.io/service-name"], &labels["team"]), (&json!("front"), &json!("a")));
    for (pod, doc) in bench.pods().iter().map(|doc| (doc.as_pod().unwrap(), doc)) {
        let endpoint = endpoints(&bench).into_iter().find(|endpoint| endpoint["targetRef"]["name"] == *doc.key.name).unwrap();
        assert_eq!(endpoint["addresses"], json!([pod.status.pod_ip]));
        assert_eq!(endpoint["nodeName"], json!(pod.node));
        assert_eq!(endpoint["conditions"], json!({"ready": true, "serving": true, "terminating": false}));
    }
}

#[test]
fn a_pod_on_its_way_out_serves_but_is_not_ready_and_then_is_gone() {
    let (mut bench, _) = bench(1, json!({}));
    let pod = bench.pods()[0].key.clone();
    delete(&mut bench.draft, &pod, None, None);
    bench.settle();
    let of = |bench: &Bench| endpoints(bench).into_iter().find(|endpoint| endpoint["targetRef"]["name"] == *pod.name);
    assert_eq!(of(&bench).unwrap()["conditions"], json!({"ready": false, "serving": true, "terminating": true}));
    bench.run();
    assert_eq!(of(&bench), None);
}

#[test]
fn a_service_without_endpoints_has_one_empty_slice() {
    let (mut bench, _) = bench(0, json!({}));
    assert_eq!((slices(&bench).len(), endpoints(&bench).len()), (1, 0));
    bench.apply(Kind::ReplicaSet, workload("v1", json!({"replicas": 1})));
    bench.run();
    assert_eq!((slices(&bench).len(), endpoints(&bench).len()), (1, 1));
}

#[test]
fn a_slice_takes_a_hundred_and_one_pods_going_changes_one_slice() {
    let (mut bench, _) = bench(250, json!({}));
    let sizes: BTreeSet<usize> = slices(&bench).iter().map(|slice| slice["endpoints"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, BTreeSet::from([50, 100]));
    let revisions = |bench: &Bench| bench.list(Kind::EndpointSlice).iter().map(|doc: &Arc<Doc>| doc.revision).collect::<Vec<_>>();
    let before = revisions(&bench);
    bench.apply(Kind::ReplicaSet, workload("v1", json!({"replicas": 249})));
    bench.run();
    let changed = before.iter().zip(revisions(&bench)).filter(|(before, after)| *before != after).count();
    assert_eq!((endpoints(&bench).len(), changed), (249, 1));
}

#[test]
fn a_named_port_is_looked_up_on_each_pod_and_slices_are_apart_by_it() {
    let mut bench = Bench::with_nodes(1);
    for (name, port) in [("a", 8080), ("b", 9090)] {
        let container = json!({"name": "c", "image": "i", "ports": [{"name": "http", "containerPort": port}]});
        bench.apply(Kind::Pod, json!({"metadata": {"name": name, "labels": {"app": "web"}}, "spec": {"containers": [container]}}));
    }
    bench.apply(Kind::Service, service(json!({"ports": [{"port": 80, "targetPort": "http"}]})));
    bench.run();
    let ports: BTreeSet<i64> = slices(&bench).iter().map(|slice| slice["ports"][0]["port"].as_i64().unwrap()).collect();
    assert_eq!(ports, BTreeSet::from([8080, 9090]));
}

#[test]
fn slices_go_with_their_service() {
    let (mut bench, key) = bench(2, json!({}));
    delete(&mut bench.draft, &key, None, None);
    bench.run();
    assert_eq!(slices(&bench).len(), 0);
}

#[test]
fn a_service_without_a_selector_is_left_to_who_made_it() {
    let (bench, _) = bench(2, json!({"selector": null}));
    assert_eq!(slices(&bench).len(), 0);
}
