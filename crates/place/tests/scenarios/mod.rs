//! The scenarios of the golden files, read for every test program that asks about them.
//!
//! A scenario is a world of plain Kubernetes objects, the pod in question, and what kube-scheduler's plugins said about it.
//! Each program uses a part of what is here.
#![allow(dead_code, reason = "compiled into each test program")]

use nodelane_model::{Doc, Kind, Uid, codec};
use nodelane_world::World;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Clone, Deserialize)]
pub struct Scenario {
    #[serde(default)]
    pub name: String,
    pub input: Input,
    pub oracle: Oracle,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Input {
    pub nodes: Vec<Value>,
    pub pods: Vec<Value>,
    pub pod: Value,
    #[serde(default)]
    pub namespaces: Vec<Value>,
    #[serde(default)]
    pub services: Vec<Value>,
    #[serde(default)]
    pub replica_sets: Vec<Value>,
    #[serde(default)]
    pub pvs: Vec<Value>,
    #[serde(default)]
    pub pvcs: Vec<Value>,
    #[serde(default)]
    pub storage_classes: Vec<Value>,
    #[serde(default)]
    pub csi_nodes: Vec<Value>,
    #[serde(default)]
    pub pdbs: Vec<Value>,
}

#[derive(Clone, Deserialize)]
pub struct Oracle {
    pub nodes: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub event: String,
    #[serde(default)]
    pub scores: BTreeMap<String, i64>,
    #[serde(default)]
    pub parts: BTreeMap<String, BTreeMap<String, i64>>,
    /// The node to make room on, and who goes.
    pub nominated: Option<String>,
    #[serde(default)]
    pub victims: Vec<String>,
}

pub fn world_of(input: &Input) -> (World, Doc) {
    let mut world = World::new(0);
    let kinds = [
        (Kind::Node, &input.nodes),
        (Kind::Pod, &input.pods),
        (Kind::Namespace, &input.namespaces),
        (Kind::Service, &input.services),
        (Kind::ReplicaSet, &input.replica_sets),
        (Kind::PersistentVolume, &input.pvs),
        (Kind::PersistentVolumeClaim, &input.pvcs),
        (Kind::StorageClass, &input.storage_classes),
        (Kind::CSINode, &input.csi_nodes),
        (Kind::PodDisruptionBudget, &input.pdbs),
    ];
    for (kind, values) in kinds {
        for value in values {
            let mut doc = read(kind, value);
            doc.revision = world.revision + 1;
            if doc.meta.uid == Uid::default() {
                doc.meta.uid = Uid(u128::from(doc.revision));
            }
            world.put(Arc::new(doc));
        }
    }
    let pod = read(Kind::Pod, &input.pod);
    (world, pod)
}

/// Where the scenarios' uids are words, ours are numbers: what matters is that they differ.
pub fn read(kind: Kind, value: &Value) -> Doc {
    let mut value = value.clone();
    if value["metadata"]["uid"].as_str().and_then(Uid::parse).is_none() {
        value["metadata"].as_object_mut().expect("metadata is an object").remove("uid");
    }
    codec::from_value(kind, &value).unwrap_or_else(|err| panic!("{err}: {value}"))
}
