//! One turn places pods as the scheduler of the cluster's own release does.
//!
//! Only NodeResourcesBalancedAllocation scores here, worked out by hand: `even` is as balanced with the pod as without (100, which is a
//! change of nothing: 75), `uneven` is less balanced, but better with the pod than without (87 after 81: 78).

use nodelane_engine::{Env, Memory, plan};
use nodelane_model::report::Planner;
use nodelane_model::{Doc, Key, Kind, Time, Uid, codec};
use nodelane_place::{Config, Weights};
use nodelane_world::{Draft, World};
use serde_json::{Value, json};
use std::sync::Arc;

fn put(world: &mut World, kind: Kind, value: &Value) {
    let mut doc: Doc = codec::from_value(kind, value).expect("a document");
    doc.revision = world.revision + 1;
    doc.meta.uid = Uid(u128::from(doc.revision));
    world.put(Arc::new(doc));
}

fn pod(name: &str, cpu: &str, memory: &str, node: Option<&str>) -> Value {
    let container = json!({"name": "c", "image": "i", "resources": {"requests": {"cpu": cpu, "memory": memory}}});
    let mut pod = json!({"metadata": {"name": name, "namespace": "default"}, "spec": {"containers": [container]}});
    if let Some(node) = node {
        pod["spec"]["nodeName"] = json!(node);
    }
    pod
}

/// Where one turn of a cluster of this version puts a pod of 1 CPU and 1 GiB.
fn placed(version: &str) -> String {
    let mut world = World::new(0);
    put(&mut world, Kind::Cluster, &json!({"metadata": {"name": "cluster"}, "spec": {}, "state": {"version": version}}));
    for (name, memory) in [("even", "4Gi"), ("uneven", "8Gi")] {
        let room = json!({"cpu": "4", "memory": memory, "pods": "10"});
        put(&mut world, Kind::Node, &json!({"metadata": {"name": name}, "spec": {}, "status": {"allocatable": room}}));
    }
    put(&mut world, Kind::Pod, &pod("there", "0", "3Gi", Some("uneven")));
    put(&mut world, Kind::Pod, &pod("asks", "1", "1Gi", None));
    let balance_alone = Weights {
        node_resources_fit: 0,
        balanced_allocation: 1,
        image_locality: 0,
        taint_toleration: 0,
        node_affinity: 0,
        topology_spread: 0,
        inter_pod_affinity: 0,
    };
    let env = Env { scheduler: Arc::new(Config { weights: balance_alone, ..Config::default() }), ..Env::default() };
    let mut draft = Draft::new(world, Time(0));
    plan(&mut draft, &env, &mut Memory::default(), |planner| planner == Planner::Place, &mut Planner::Place).expect("no rule is broken");
    let pod = draft.world.get(&Key::new(Kind::Pod, "default", "asks")).and_then(|doc| doc.as_pod()).expect("the pod");
    pod.node.as_ref().expect("it is placed").to_string()
}

#[test]
fn a_cluster_of_1_35_prefers_balance_and_one_of_1_36_what_the_pod_betters() {
    assert_eq!(placed("1.34.9"), "even");
    assert_eq!(placed("1.35.6"), "even");
    assert_eq!(placed("1.36.2"), "uneven");
}
