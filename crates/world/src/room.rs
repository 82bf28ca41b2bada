//! What a node has and what is taken: integers, kept by deltas.
//!
//! CPU in milli-cores, memory and ephemeral storage in bytes, everything else in whole units. A pod takes what kube-scheduler says it
//! takes: the larger of its containers' sum (sidecars included) and its largest init step, or the pod-level amount, plus overhead.

use crate::volume::VolumeUse;
use imbl::OrdMap;
use nodelane_model::pod::{ContainerResources, PodSpec};
use nodelane_model::quantity::Resources;
use nodelane_model::{Doc, Name, Quantity};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What kube-scheduler assumes for scoring where a container asks for no CPU: 100 milli-cores.
pub const DEFAULT_CPU_MILLI: i64 = 100;
/// What kube-scheduler assumes for scoring where a container asks for no memory: 200 MB (decimal base of 1024: 200 x 1024 x 1024).
pub const DEFAULT_MEMORY_BYTES: i64 = 200 * 1024 * 1024;

/// Amounts of every resource.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Amounts {
    /// CPU in thousandths of a core.
    pub cpu_milli: i64,
    /// Memory in bytes.
    pub memory_bytes: i64,
    /// Ephemeral storage in bytes.
    pub ephemeral_bytes: i64,
    /// Pods.
    pub pods: i64,
    /// Extended resources and huge pages, in whole units; without entries of 0.
    pub extended: BTreeMap<Name, i64>,
}

impl Amounts {
    /// Reads a resource list; unreadable quantities count as 0 (the API refuses them at the door).
    pub fn from_resources(resources: &Resources) -> Amounts {
        let mut amounts = Amounts::default();
        for (name, quantity) in resources {
            amounts.set(name, quantity);
        }
        amounts
    }
    fn set(&mut self, name: &Name, quantity: &Quantity) {
        let units = || quantity.units().unwrap_or(0);
        match name.as_str() {
            "cpu" => self.cpu_milli = quantity.milli().unwrap_or(0),
            "memory" => self.memory_bytes = units(),
            "ephemeral-storage" => self.ephemeral_bytes = units(),
            "pods" => self.pods = units(),
            _ => {
                if units() != 0 {
                    self.extended.insert(name.clone(), units());
                }
            }
        }
    }
    /// Adds the other amounts, `times` over (negative to take away).
    pub fn add(&mut self, other: &Amounts, times: i64) {
        self.cpu_milli += other.cpu_milli * times;
        self.memory_bytes += other.memory_bytes * times;
        self.ephemeral_bytes += other.ephemeral_bytes * times;
        self.pods += other.pods * times;
        for (name, units) in &other.extended {
            let sum = self.extended.entry(name.clone()).or_default();
            *sum += units * times;
            if *sum == 0 {
                self.extended.remove(name);
            }
        }
    }
    /// The larger of the two, resource by resource.
    pub fn max_with(&mut self, other: &Amounts) {
        self.cpu_milli = self.cpu_milli.max(other.cpu_milli);
        self.memory_bytes = self.memory_bytes.max(other.memory_bytes);
        self.ephemeral_bytes = self.ephemeral_bytes.max(other.ephemeral_bytes);
        self.pods = self.pods.max(other.pods);
        for (name, units) in &other.extended {
            let mine = self.extended.entry(name.clone()).or_default();
            *mine = (*mine).max(*units);
        }
    }

    /// What a pod takes of a node; `pods` is 1.
    pub fn of_pod(spec: &PodSpec) -> Amounts {
        let mut total = pod_sum(spec, Amounts::of_container);
        if let Some(pod_level) = &spec.resources {
            // Pod-level amounts rule for the resources that they name (kube-scheduler 1.34 and later).
            for (name, quantity) in effective(pod_level) {
                total.set(name, quantity);
            }
        }
        total.add(&Amounts::from_resources(&spec.overhead), 1);
        total.pods = 1;
        total
    }

    /// CPU and memory that scoring assumes: containers that ask for nothing count with the defaults.
    pub fn for_scoring(spec: &PodSpec) -> (i64, i64) {
        let mut total = pod_sum(spec, |resources| {
            let mut amounts = Amounts::of_container(resources);
            if !effective(resources).any(|(name, _)| name == "cpu") {
                amounts.cpu_milli = DEFAULT_CPU_MILLI;
            }
            if !effective(resources).any(|(name, _)| name == "memory") {
                amounts.memory_bytes = DEFAULT_MEMORY_BYTES;
            }
            amounts
        });
        if let Some(pod_level) = &spec.resources {
            for (name, quantity) in effective(pod_level) {
                total.set(name, quantity);
            }
        }
        total.add(&Amounts::from_resources(&spec.overhead), 1);
        (total.cpu_milli, total.memory_bytes)
    }

    fn of_container(resources: &ContainerResources) -> Amounts {
        let mut amounts = Amounts::default();
        for (name, quantity) in effective(resources) {
            amounts.set(name, quantity);
        }
        amounts
    }
}

/// Requests; a limit without a request is a request (the API's defaulting).
fn effective(resources: &ContainerResources) -> impl Iterator<Item = (&Name, &Quantity)> {
    let limits = resources.limits.iter().filter(|(name, _)| !resources.requests.contains_key(*name));
    resources.requests.iter().chain(limits)
}

/// Containers together, or the largest init step, whichever is more. A sidecar counts from its place in the order on.
fn pod_sum(spec: &PodSpec, of: impl Fn(&ContainerResources) -> Amounts) -> Amounts {
    let mut total = Amounts::default();
    for container in &spec.containers {
        total.add(&of(&container.resources), 1);
    }
    let (mut sidecars, mut largest) = (Amounts::default(), Amounts::default());
    for container in &spec.init_containers {
        let mut step = of(&container.resources);
        if container.restart_policy.as_deref() == Some("Always") {
            sidecars.add(&step, 1);
            step = sidecars.clone();
        } else {
            step.add(&sidecars, 1);
        }
        largest.max_with(&step);
    }
    total.add(&sidecars, 1);
    total.max_with(&largest);
    total
}

/// A port of the node that a pod takes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct HostPort {
    /// Address; `0.0.0.0` for all.
    pub ip: Name,
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: Name,
    /// The port.
    pub port: i32,
}

impl HostPort {
    /// The ports of the node that a pod takes.
    pub fn of_pod(spec: &PodSpec) -> Vec<HostPort> {
        let or = |text: &Name, default: &str| if text.is_empty() { Name::new(default) } else { text.clone() };
        let ports = spec.containers.iter().chain(&spec.init_containers).flat_map(|container| &container.ports);
        ports
            .filter(|port| port.host_port != 0)
            .map(|port| HostPort { ip: or(&port.host_ip, "0.0.0.0"), protocol: or(&port.protocol, "TCP"), port: port.host_port })
            .collect()
    }
    /// Whether two pods may not both have theirs on one node.
    pub fn clashes(&self, other: &HostPort) -> bool {
        self.port == other.port && self.protocol == other.protocol && (self.ip == other.ip || self.ip == "0.0.0.0" || other.ip == "0.0.0.0")
    }
}

/// A node with what is taken of it.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeRow {
    /// The node.
    pub doc: Arc<Doc>,
    /// What pods may use.
    pub allocatable: Amounts,
    /// What bound pods take; pods that have ended take nothing.
    pub used: Amounts,
    /// CPU in milli-cores that scoring assumes taken.
    pub scoring_cpu_milli: i64,
    /// Memory in bytes that scoring assumes taken.
    pub scoring_memory_bytes: i64,
    /// Host ports taken, with how many pods take each.
    pub ports: BTreeMap<HostPort, u32>,
    /// Volumes in use, with how many uses each has.
    pub volumes: OrdMap<VolumeUse, u32>,
    /// Pods here that are on their way out; they still take what they take.
    pub leaving: u32,
}

impl NodeRow {
    /// A node that holds nothing.
    pub fn empty(doc: Arc<Doc>) -> NodeRow {
        let allocatable = doc.as_node().map(|node| Amounts::from_resources(&node.status.allocatable)).unwrap_or_default();
        NodeRow {
            doc,
            allocatable,
            used: Amounts::default(),
            scoring_cpu_milli: 0,
            scoring_memory_bytes: 0,
            ports: BTreeMap::new(),
            volumes: OrdMap::new(),
            leaving: 0,
        }
    }
    /// Takes (1) or gives back (-1) what a class of pods needs.
    pub fn charge(&mut self, class: &crate::PodClass, times: i64) {
        self.used.add(&class.needs, times);
        self.scoring_cpu_milli += class.scoring_cpu_milli * times;
        self.scoring_memory_bytes += class.scoring_memory_bytes * times;
        for port in &class.ports {
            let count = self.ports.entry(port.clone()).or_default();
            *count = count.saturating_add_signed(times as i32);
            if *count == 0 {
                self.ports.remove(port);
            }
        }
        for volume in class.volumes() {
            let count = self.volumes.get(&volume).copied().unwrap_or(0).saturating_add_signed(times as i32);
            match count {
                0 => self.volumes.remove(&volume),
                _ => self.volumes.insert(volume, count),
            };
        }
    }
    /// Replaces the node's document, keeping what is taken.
    pub fn renew(&mut self, doc: Arc<Doc>) {
        self.allocatable = NodeRow::empty(doc.clone()).allocatable;
        self.doc = doc;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(json: serde_json::Value) -> PodSpec {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_pod_needs_the_larger_of_its_containers_and_its_largest_init_step() {
        let spec = spec(serde_json::json!({
            "containers": [{"name": "a", "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}}}, {"name": "b", "resources": {"limits": {"cpu": "1"}}}],
            "initContainers": [{"name": "i", "resources": {"requests": {"cpu": "2", "memory": "512Mi"}}}],
            "overhead": {"cpu": "250m"}
        }));
        let needs = Amounts::of_pod(&spec);
        assert_eq!((needs.cpu_milli, needs.memory_bytes, needs.pods), (2250, 1 << 30, 1));
    }

    #[test]
    fn a_sidecar_runs_beside_the_init_steps_after_it_and_beside_the_containers() {
        // Kubernetes' own rule: max(containers + sidecars, init step + sidecars before it).
        let spec = spec(serde_json::json!({
            "containers": [{"name": "a", "resources": {"requests": {"cpu": "1"}}}],
            "initContainers": [
                {"name": "first", "resources": {"requests": {"cpu": "3"}}},
                {"name": "side", "restartPolicy": "Always", "resources": {"requests": {"cpu": "500m"}}},
                {"name": "second", "resources": {"requests": {"cpu": "2800m"}}}]
        }));
        assert_eq!(Amounts::of_pod(&spec).cpu_milli, 3300);
    }

    #[test]
    fn scoring_assumes_defaults_for_containers_that_ask_for_nothing() {
        let spec = spec(serde_json::json!({"containers": [{"name": "a"}, {"name": "b", "resources": {"requests": {"cpu": "50m"}}}]}));
        assert_eq!(Amounts::for_scoring(&spec), (150, 400 << 20));
    }
}
