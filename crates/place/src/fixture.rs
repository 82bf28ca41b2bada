//! Nodes and pods for the tests of this room, written as Kubernetes writes them.
//!
//! Names and amounts are the test's; everything else is the least that a verdict needs. Larger worlds are in the golden files.

use crate::profile::Profile;
use nodelane_model::{Doc, Kind, codec};
use nodelane_world::{NodeRow, World};
use serde_json::{Value, json};
use std::sync::Arc;

/// A document from JSON, at a revision of its own, which is its uid too.
pub(crate) fn put(world: &mut World, kind: Kind, value: &Value) -> Arc<Doc> {
    let mut value = value.clone();
    value["metadata"].as_object_mut().expect("metadata is an object").remove("uid");
    let mut doc = codec::from_value(kind, &value).expect("the fixture is a document");
    doc.revision = world.revision + 1;
    doc.meta.uid = nodelane_model::Uid(u128::from(doc.revision));
    let doc = Arc::new(doc);
    world.put(doc.clone());
    doc
}

/// A node with its host name as a label and room for 110 pods.
pub(crate) fn node(name: &str, cpu: &str, memory: &str) -> Value {
    json!({"metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}}, "spec": {},
        "status": {"allocatable": {"cpu": cpu, "memory": memory, "pods": "110"}}})
}

/// A pod of one container; `spec` is added to its specification.
pub(crate) fn pod(name: &str, cpu: &str, memory: &str, spec: Value) -> Value {
    let mut pod = json!({"metadata": {"name": name, "namespace": "default"}, "spec": {
        "containers": [{"name": "c", "image": "pause", "resources": {"requests": {"cpu": cpu, "memory": memory}}}]}});
    for (key, value) in spec.as_object().into_iter().flatten() {
        pod["spec"][key] = value.clone();
    }
    pod
}

/// The profile of a pod beside an empty node.
pub(crate) fn pod_on_node(cpu: &str, memory: &str, node_cpu: &str, node_memory: &str) -> (Profile, NodeRow) {
    let mut world = World::new(0);
    put(&mut world, Kind::Node, &node("n", node_cpu, node_memory));
    let doc = put(&mut world, Kind::Pod, &pod("p", cpu, memory, json!({})));
    let class = world.class(&doc).expect("it is a pod");
    let row = world.nodes().next().map(|(_, row)| (**row).clone()).expect("there is a node");
    (Profile::new(class, None, None, Arc::default()), row)
}
