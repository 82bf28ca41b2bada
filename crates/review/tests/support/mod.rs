//! Small clusters for the tests of this room: pools as a PUT asks for them, nodes as their pools make them, pods as users write them.
//!
//! Nodes carry what a node of AKS carries that placing looks at; amounts are the test's. Everything is a value: no server, no clock.

#![allow(dead_code)] // Each test binary uses its own part.

use nodelane_model::pod::PodSpec;
use nodelane_model::{Doc, Key, Kind, Labels, Time, Uid, codec};
use nodelane_review::{Explanation, Means, explain};
use nodelane_world::{Snapshot, World};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub struct Cluster {
    pub world: World,
    pub means: Means,
    /// Pods of one template share what they have in common, as sources read them.
    specs: BTreeMap<String, Arc<PodSpec>>,
    labels: BTreeSet<Labels>,
}

impl Cluster {
    /// A cluster in a region with zones and prices.
    pub fn new() -> Cluster {
        let mut cluster = Cluster { world: World::new(0), means: Means::default(), specs: BTreeMap::new(), labels: BTreeSet::new() };
        cluster.put(
            Kind::Cluster,
            json!({"metadata": {"name": "cluster"}, "spec": {"location": "eastus", "resourceGroup": "lanes", "name": "dev"}}),
        );
        cluster
    }
    pub fn put(&mut self, kind: Kind, mut value: Value) -> Arc<Doc> {
        value["metadata"].as_object_mut().unwrap().remove("uid");
        let mut doc = codec::from_value(kind, &value).unwrap();
        doc.revision = self.world.revision + 1;
        doc.meta.uid = Uid(u128::from(doc.revision));
        if !self.labels.insert(doc.meta.labels.clone()) {
            doc.meta.labels = self.labels.get(&doc.meta.labels).unwrap().clone();
        }
        if let Some(pod) = doc.as_pod_mut() {
            pod.spec = self.specs.entry(serde_json::to_string(&*pod.spec).unwrap()).or_insert_with(|| pod.spec.clone()).clone();
        }
        let doc = Arc::new(doc);
        self.world.put(doc.clone());
        doc
    }
    /// A pool of `count` ready nodes of 3,860 milli-cores in the zones of the pool, round and round.
    pub fn pool(&mut self, name: &str, count: u32, more: Value) -> &mut Cluster {
        let mut spec = json!({"count": count, "vmSize": "Standard_D4s_v5", "osType": "Linux", "osSKU": "Ubuntu", "mode": "User", "maxPods": 30,
            "osDiskSizeGB": 128, "osDiskType": "Managed", "type": "VirtualMachineScaleSets"});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let zones: Vec<String> =
            spec["availabilityZones"].as_array().into_iter().flatten().map(|zone| zone.as_str().unwrap().to_owned()).collect();
        self.put(Kind::NodePool, json!({"metadata": {"name": name}, "spec": spec.clone(), "state": {"version": "1.34.9"}}));
        for at in 0..if spec["power"] == "Stopped" { 0 } else { count } {
            let zone = zones.get(at as usize % zones.len().max(1)).map_or("0".to_owned(), |zone| format!("eastus-{zone}"));
            self.node(&format!("{name}-{at}"), name, &zone, &spec);
        }
        self
    }
    fn node(&mut self, node: &str, pool: &str, zone: &str, spec: &Value) {
        let mut labels = json!({"agentpool": pool, "kubernetes.azure.com/agentpool": pool, "kubernetes.io/hostname": node, "kubernetes.io/os": "linux",
            "kubernetes.io/arch": "amd64", "topology.kubernetes.io/zone": zone, "topology.kubernetes.io/region": "eastus",
            "node.kubernetes.io/instance-type": spec["vmSize"]});
        labels.as_object_mut().unwrap().extend(spec["nodeLabels"].as_object().cloned().unwrap_or_default());
        let taints = spec["nodeTaints"].as_array().into_iter().flatten().map(|taint| {
            let (pair, effect) = taint.as_str().unwrap().rsplit_once(':').unwrap();
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            json!({"key": key, "value": value, "effect": effect})
        });
        let amounts = json!({"cpu": "3860m", "memory": "14Gi", "ephemeral-storage": "100Gi", "pods": "30"});
        self.put(
            Kind::Node,
            json!({"metadata": {"name": node, "labels": labels}, "spec": {"taints": taints.collect::<Vec<_>>()},
            "status": {"allocatable": amounts, "capacity": amounts, "conditions": [{"type": "Ready", "status": "True"}]}}),
        );
    }
    /// Changes a node as `kubectl` would.
    pub fn patch_node(&mut self, node: &str, change: impl FnOnce(&mut Value)) {
        let doc = self.world.get(&Key::global(Kind::Node, node)).unwrap();
        let mut value = codec::to_value(doc);
        value["metadata"].as_object_mut().unwrap().remove("resourceVersion");
        change(&mut value);
        self.put(Kind::Node, value);
    }
    pub fn cordon(&mut self, node: &str) {
        self.patch_node(node, |node| {
            node["spec"]["unschedulable"] = json!(true);
            let cordon = json!({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"});
            match node["spec"]["taints"].as_array_mut() {
                Some(taints) => taints.push(cordon),
                None => node["spec"]["taints"] = json!([cordon]),
            }
        });
    }
    /// A pod of one container; `spec` is added to its specification. With a node it is bound.
    pub fn pod(&mut self, name: &str, cpu: &str, node: Option<&str>, spec: Value) -> &mut Cluster {
        let mut pod = json!({"metadata": {"name": name, "namespace": "default", "labels": {"app": name.split('-').next().unwrap()}},
            "spec": {"containers": [{"name": "app", "image": "app", "resources": {"requests": {"cpu": cpu}}}]}, "status": {"phase": "Pending"}});
        pod["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        if let Some(node) = node {
            pod["spec"]["nodeName"] = json!(node);
            pod["status"]["phase"] = json!("Running");
        }
        self.put(Kind::Pod, pod);
        self
    }
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { world: self.world.clone(), now: Time(1_767_225_600_000) }
    }
    pub fn explain(&self, name: &str) -> Explanation {
        explain(&self.snapshot(), &self.means, "default", name).unwrap()
    }
}

/// The fixes in one line each: kinds and targets with what they become, and where the pod lands.
pub fn fixes(explanation: &Explanation) -> Vec<String> {
    let line = |fix: &nodelane_review::Fix| {
        let changes: Vec<String> = fix.changes.iter().map(|change| format!("{} {} {}", change.kind, change.target, change.to)).collect();
        format!("{} -> {}/{}", changes.join(" + "), fix.lands.pool, fix.lands.node.as_deref().unwrap_or("new"))
    };
    explanation.fixes.iter().map(line).collect()
}
