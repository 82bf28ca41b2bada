//! Urgent pods on a full pool, on virtual time: who goes, who is told, and where the urgent pod lands.
//!
//! The cell, its controllers and the simulated kubelets run as they do live. Which victims are right is compared with kube-scheduler in
//! the room `place`; here it is seen that the rooms together do it.

mod support;

use nodelane_model::{Doc, Key, Kind};
use nodelane_world::World;
use serde_json::{Value, json};
use std::sync::Arc;
use support::*;

fn urgent(bench: &mut Bench, spec: Value) -> Key {
    let mut whole = json!({"priority": 1000, "nodeSelector": {"agentpool": "np"}, "restartPolicy": "Always", "schedulerName": "default-scheduler",
        "containers": [{"name": "c", "image": "fake", "resources": {"requests": {"cpu": "1"}}}]});
    for (key, value) in spec.as_object().into_iter().flatten() {
        whole[key] = value.clone();
    }
    bench.create(Kind::Pod, json!({"metadata": {"name": "urgent", "namespace": "default", "labels": {"app": "urgent"}}, "spec": whole}))
}

fn pods(world: &World, app: &str) -> Vec<Arc<Doc>> {
    world.list(Kind::Pod, None).filter(|doc| doc.meta.labels.get("app").is_some_and(|label| label == app)).cloned().collect()
}

fn preempted(world: &World) -> Vec<String> {
    let events = world.list(Kind::Event, None).filter_map(|doc| doc.as_event());
    events.filter(|event| event.reason == "Preempted").map(|event| event.involved_object.name.to_string()).collect()
}

fn one_core() -> Value {
    json!([{"name": "c", "image": "fake", "resources": {"requests": {"cpu": "1", "memory": "128Mi"}}}])
}

#[test]
fn an_urgent_pod_takes_the_place_of_a_less_urgent_one_once_that_has_ended() {
    let mut bench = Bench::with_pool(1, |_| {});
    bench.deploy("web", 3, "np", json!({"containers": one_core()}));
    let key = urgent(&mut bench, json!({}));
    let is_nominated = |doc: &Arc<Doc>| doc.as_pod().is_some_and(|pod| !pod.status.nominated_node_name.is_empty());
    bench.until(5_000, |world| world.get(&key).is_some_and(is_nominated));
    let pod = |bench: &Bench| bench.world().get(&key).and_then(|doc| doc.as_pod()).expect("it is there").clone();
    assert_eq!((pod(&bench).node, pod(&bench).status.nominated_node_name.to_string()), (None, bench.node_names("np")[0].clone()));
    let leaving: Vec<Arc<Doc>> = pods(bench.world(), "web").into_iter().filter(|doc| doc.is_terminating()).collect();
    assert_eq!(leaving.iter().map(|doc| doc.key.name.to_string()).collect::<Vec<_>>(), preempted(bench.world()));
    assert_eq!(leaving[0].meta.grace_seconds, Some(30));
    bench.until(MINUTE, |world| running(world, "urgent").len() == 1);
    bench.pass(MINUTE);
    assert_eq!((pod(&bench).status.nominated_node_name.as_str(), preempted(bench.world()).len()), ("", 1));
    // The deployment's third pod waits: it may not preempt anyone, and nobody preempts for it.
    assert_eq!((running(bench.world(), "web").len(), pods(bench.world(), "web").len()), (2, 3));
    assert_eq!(bench.r.breakdowns, Vec::<String>::new());
}

#[test]
fn a_budget_is_kept_where_room_can_be_made_elsewhere_and_only_there() {
    let mut bench = Bench::with_pool(2, |_| {});
    let nodes = bench.node_names("np");
    for (app, node) in ["db", "web"].into_iter().zip(&nodes) {
        bench.deploy(app, 3, "np", json!({"containers": one_core(), "nodeSelector": {"kubernetes.io/hostname": node}}));
    }
    bench.budget("db", json!({"minAvailable": 3}));
    bench.pass(10_000);
    urgent(&mut bench, json!({}));
    bench.until(MINUTE, |world| running(world, "urgent").len() == 1);
    let node = pods(bench.world(), "urgent")[0].as_pod().and_then(|pod| pod.node.clone());
    assert_eq!((node.as_deref(), running(bench.world(), "db").len()), (Some(nodes[1].as_str()), 3));
    // kube-scheduler goes against a budget where nothing else helps.
    let key = Key::new(Kind::Pod, "default", "urgent");
    bench.remove(&key);
    bench.until(MINUTE, |world| pods(world, "urgent").is_empty() && running(world, "web").len() == 3);
    urgent(&mut bench, json!({"nodeSelector": {"kubernetes.io/hostname": nodes[0]}}));
    bench.until(MINUTE, |world| running(world, "urgent").len() == 1);
    assert_eq!(running(bench.world(), "db").len(), 2);
    assert_eq!(bench.r.breakdowns, Vec::<String>::new());
}
