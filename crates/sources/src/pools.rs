//! The pools of a foreign cluster: what `az aks nodepool list -o json` prints, or else the nodes' label `agentpool`.
//!
//! The list brings what nodes do not show: limits, the power state, pools without nodes. It may be az's flat form, the answer of ARM, or
//! what `nodelane export nodepool -o json` prints.
//! Pools that only nodes name get the size, zones, labels and taints that their nodes have in common, and are taken as scaled by hand.

use crate::{Objects, Unreadable};
use nodelane_model::node::Taint;
use nodelane_model::operation::{Ended, Operation, OperationError, Outcome, Progress, ScalePhase};
use nodelane_model::pool::{Mode, OsType, PoolSpec, Power, Priority};
use nodelane_model::{Body, Cluster, Doc, Key, Kind, Meta, Name, NodePool, Time, Uid};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Properties of the list that are read; all others say nothing about placing.
const READ: [&str; 16] = [
    "count",
    "vmSize",
    "osDiskSizeGB",
    "osDiskType",
    "maxPods",
    "osType",
    "osSKU",
    "enableAutoScaling",
    "minCount",
    "maxCount",
    "type",
    "mode",
    "orchestratorVersion",
    "availabilityZones",
    "nodeLabels",
    "nodeTaints",
];
/// What az's flat form and `nodelane export` call some of ARM's properties.
const RENAMED: [(&str, &str); 9] = [
    ("osSku", "osSKU"),
    ("osDiskSizeGb", "osDiskSizeGB"),
    ("typePropertiesType", "type"),
    ("autoscaling", "enableAutoScaling"),
    ("zones", "availabilityZones"),
    ("kubernetesVersion", "currentOrchestratorVersion"),
    ("priority", "scaleSetPriority"),
    ("labels", "nodeLabels"),
    ("taints", "nodeTaints"),
];
const AGENT_POOL: &str = "agentpool";

impl Objects {
    /// Takes up the pools of a list.
    ///
    /// # Errors
    /// The first pool that cannot be read.
    pub fn add_pools(&mut self, bytes: &[u8]) -> Result<(), Unreadable> {
        let unreadable = |object: &str, why: String| Unreadable { object: object.to_owned(), why };
        let hint = "it has to be what `az aks nodepool list -o json` prints";
        let mut list: Value = serde_json::from_slice(bytes).map_err(|error| unreadable("the list of pools", format!("{error}; {hint}")))?;
        let pools = if list.get("value").is_some() { list["value"].take() } else { list };
        let Value::Array(pools) = pools else { return Err(unreadable("the list of pools", format!("it is no list; {hint}"))) };
        let mut names = BTreeSet::new();
        for (at, mut pool) in pools.into_iter().enumerate() {
            let name = pool["name"].as_str().unwrap_or_default().to_owned();
            let object = if name.is_empty() { format!("pool {}", at + 1) } else { format!("pool {name}") };
            let properties = if pool.get("properties").is_some() { pool["properties"].take() } else { pool };
            let Value::Object(properties) = properties else { return Err(unreadable(&object, "it is no object".into())) };
            if name.is_empty() {
                return Err(unreadable(&object, "it has no name".into()));
            }
            if !names.insert(name.clone()) {
                return Err(unreadable(&object, "it is listed twice; list the pools of one cluster".into()));
            }
            let read = read(&named_as_arm_does(properties)).map_err(|error| unreadable(&object, error.to_string()))?;
            self.put_pool(&name.into(), read);
        }
        Ok(())
    }
    /// Makes the pools that only nodes name, and the cluster's region, from the nodes' labels.
    pub fn complete_pools(&mut self) {
        let nodes: Vec<Arc<Doc>> = self.docs().filter(|doc| doc.key.kind == Kind::Node).cloned().collect();
        let mut by_pool: BTreeMap<Name, Vec<&Doc>> = BTreeMap::new();
        for node in &nodes {
            if let Some(pool) = node.meta.labels.get(AGENT_POOL) {
                by_pool.entry(pool.clone()).or_default().push(node);
            }
        }
        for (name, nodes) in by_pool {
            if self.get(&Key::global(Kind::NodePool, name.clone())).is_none() {
                self.put_pool(&name, in_common(&nodes));
            }
        }
        let cluster = Key::global(Kind::Cluster, nodelane_model::cluster::CLUSTER);
        let region = nodes.iter().find_map(|node| node.meta.labels.get("topology.kubernetes.io/region"));
        if let (None, Some(region)) = (self.get(&cluster), region) {
            let mut body = Cluster::default();
            body.spec.location = region.clone();
            self.put(Doc::new(cluster, 0, Meta::default(), Body::Cluster(Box::new(body))));
        }
    }
    fn put_pool(&mut self, name: &Name, pool: NodePool) {
        let key = Key::global(Kind::NodePool, name.clone());
        let uid = Uid::derive(0, nodelane_model::hash::Hash::new(0).text("NodePool").text(name).get(), 0);
        self.put(Doc::new(key, 0, Meta { uid, ..Meta::default() }, Body::NodePool(Box::new(pool))));
    }
}

/// Properties under ARM's names.
fn named_as_arm_does(mut properties: Map<String, Value>) -> Map<String, Value> {
    // In the flat form `type` is the resource's, as `Microsoft.ContainerService/managedClusters/agentPools`.
    if properties.get("type").and_then(Value::as_str).is_some_and(|kind| kind.contains('/')) {
        properties.remove("type");
    }
    for (other, name) in RENAMED {
        if let Some(value) = properties.remove(other).filter(|value| !value.is_null()) {
            properties.insert(name.into(), value);
        }
    }
    properties
}

fn read(properties: &Map<String, Value>) -> Result<NodePool, serde_json::Error> {
    let text = |field: &str| Name::from(properties.get(field).and_then(Value::as_str).unwrap_or_default());
    let kept = properties.iter().filter(|(field, value)| READ.contains(&field.as_str()) && !value.is_null());
    let kept: Map<String, Value> = kept.map(|(field, value)| (field.clone(), value.clone())).collect();
    let mut spec: PoolSpec = serde_json::from_value(kept.into())?;
    let power = properties.get("powerState").and_then(|power| power.as_str().or_else(|| power["code"].as_str()));
    if power == Some("Stopped") {
        spec.power = Power::Stopped;
    }
    if text("scaleSetPriority") == "Spot" {
        spec.priority = Priority::Spot;
    }
    let mut pool = NodePool { spec, ..NodePool::default() };
    let current = text("currentOrchestratorVersion");
    pool.state.version = if current.is_empty() { text("orchestratorVersion") } else { current };
    pool.state.image = text("nodeImageVersion");
    match text("provisioningState").as_str() {
        "Deleting" => pool.state.deletion_started = Some(Time(0)),
        "Failed" => pool.state.history.push(failed()),
        _ => {}
    }
    Ok(pool)
}

/// An operation that failed, for a pool of which only that is known.
fn failed() -> Operation {
    let error = OperationError { code: "Failed".into(), message: "The provisioning state of the pool is Failed.".into() };
    Operation {
        id: Uid::default(),
        progress: Progress::Scale(ScalePhase::Provisioning),
        started: Time(0),
        phase_since: Time(0),
        attempt: 0,
        fallbacks: Vec::new(),
        abort_requested: false,
        client_request_id: Name::default(),
        request_hash: 0,
        image_only: false,
        victims: Vec::new(),
        ignore_budgets: false,
        before: None,
        ended: Some(Ended { at: Time(0), outcome: Outcome::Failed, error: Some(error) }),
    }
}

/// A pool as its nodes show it.
fn in_common(nodes: &[&Doc]) -> NodePool {
    let first = nodes[0];
    let label = |key: &str| first.meta.labels.get(key).cloned().unwrap_or_default();
    let azure = |name: &str| label(&format!("kubernetes.azure.com/{name}"));
    let everywhere = |key: &Name, value: &Name| nodes.iter().all(|node| node.meta.labels.get(key) == Some(value));
    let zones: BTreeSet<Name> = nodes.iter().filter_map(|node| zone_of(node)).collect();
    let taints =
        |node: &Doc| -> Vec<Name> { node.as_node().map(|node| node.spec.taints.iter().filter_map(of_pool).collect()).unwrap_or_default() };
    let others: Vec<Vec<Name>> = nodes.iter().map(|node| taints(node)).collect();
    let mut pool = NodePool::default();
    let spec = &mut pool.spec;
    spec.count = nodes.len() as u32;
    spec.vm_size = label("node.kubernetes.io/instance-type");
    spec.os_type = if label("kubernetes.io/os") == "windows" { OsType::Windows } else { OsType::Linux };
    spec.os_sku = azure("os-sku");
    spec.mode = if azure("mode") == "system" { Mode::System } else { Mode::User };
    spec.kind = "VirtualMachineScaleSets".into();
    spec.priority = if azure("scalesetpriority") == "spot" { Priority::Spot } else { Priority::Regular };
    spec.availability_zones = zones.into_iter().collect();
    let labels = first.meta.labels.iter().filter(|(key, value)| !is_of_system(key) && everywhere(key, value));
    spec.node_labels = labels.map(|(key, value)| (key.clone(), value.clone())).collect();
    spec.node_taints = taints(first).into_iter().filter(|taint| others.iter().all(|taints| taints.contains(taint))).collect();
    if let Some(node) = first.as_node() {
        let pods = node.status.allocatable.get("pods").and_then(|pods| pods.units());
        spec.max_pods = pods.and_then(|pods| u32::try_from(pods).ok()).unwrap_or_default();
        pool.state.version = node.status.node_info.kubelet_version.trim_start_matches('v').into();
    }
    pool.state.image = azure("node-image-version");
    pool
}

/// A zone's number; `None` for a regional node, which is labelled `0`.
fn zone_of(node: &Doc) -> Option<Name> {
    let zone = node.meta.labels.get("topology.kubernetes.io/zone")?;
    zone.rsplit_once('-').map(|(_, number)| number.into())
}

/// A taint as pools spell it, unless it says what is wrong with a node.
fn of_pool(taint: &Taint) -> Option<Name> {
    let equals = if taint.value.is_empty() { String::new() } else { format!("={}", taint.value) };
    let is_state = taint.key.starts_with("node.kubernetes.io/") || taint.key.starts_with("node.cloudprovider.kubernetes.io/");
    (!is_state).then(|| format!("{}{equals}:{}", taint.key, taint.effect).into())
}

/// Whether a label is set by Kubernetes or the cloud on every node.
fn is_of_system(key: &str) -> bool {
    let domain = key.split_once('/').map_or("", |(domain, _)| domain);
    let known = ["kubernetes.io", "k8s.io", "azure.com"].iter().any(|known| domain == *known || domain.ends_with(&format!(".{known}")));
    known || matches!(key, AGENT_POOL | "storageprofile" | "storagetier" | "accelerator")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// As az 2.91 prints it: flat, `null` for what is not set.
    fn listed(more: Value) -> Value {
        let mut pool = json!({"name": "batch", "count": 2, "vmSize": "Standard_D4s_v5", "enableAutoScaling": true, "minCount": 1, "maxCount": 3,
            "osType": "Linux", "osSku": "Ubuntu", "osDiskSizeGb": 128, "typePropertiesType": "VirtualMachineScaleSets",
            "type": "Microsoft.ContainerService/managedClusters/agentPools", "mode": "User", "maxPods": 110, "availabilityZones": ["1", "2"], "nodeLabels": {"lane": "batch"},
            "nodeTaints": ["lane=batch:NoSchedule"], "powerState": {"code": "Running"}, "provisioningState": "Succeeded",
            "currentOrchestratorVersion": "1.34.9", "nodeImageVersion": "AKSUbuntu-2204gen2containerd-202601.01.0", "scaleSetPriority": null,
            "spotMaxPrice": null, "upgradeSettings": {"maxSurge": "10%"}, "tags": null});
        pool.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        pool
    }

    fn pool_of(list: Value, name: &str) -> NodePool {
        let mut objects = Objects::default();
        objects.add_pools(list.to_string().as_bytes()).unwrap();
        objects.get(&Key::global(Kind::NodePool, name)).unwrap().as_pool().unwrap().clone()
    }

    #[test]
    fn the_flat_list_and_the_answer_of_arm_say_the_same() {
        let flat = pool_of(json!([listed(json!({}))]), "batch");
        assert_eq!((flat.spec.max_count, flat.spec.count, flat.state.version.as_str()), (Some(3), 2, "1.34.9"));
        assert_eq!(flat.spec.node_taints, ["lane=batch:NoSchedule"]);
        assert_eq!(
            (flat.spec.os_sku.as_str(), flat.spec.os_disk_size_gb, flat.spec.kind.as_str()),
            ("Ubuntu", 128, "VirtualMachineScaleSets")
        );
        let enveloped = json!({"value": [{"name": "batch", "properties": listed(json!({}))}]});
        assert_eq!(pool_of(enveloped, "batch"), flat);
    }

    #[test]
    fn stopped_spot_failed_and_deleting_pools_are_told_apart() {
        let pool = |more| pool_of(json!([listed(more)]), "batch");
        assert_eq!(pool(json!({"powerState": {"code": "Stopped"}})).spec.power, Power::Stopped);
        assert_eq!(pool(json!({"scaleSetPriority": "Spot"})).spec.priority, Priority::Spot);
        assert_eq!(pool(json!({"provisioningState": "Failed"})).last_outcome(), Outcome::Failed);
        assert!(pool(json!({"provisioningState": "Deleting"})).state.deletion_started.is_some());
    }

    #[test]
    fn a_pool_that_cannot_be_read_is_named() {
        let error = |list: Value| Objects::default().add_pools(list.to_string().as_bytes()).unwrap_err().to_string();
        assert!(
            error(json!([listed(json!({"count": "two"}))])).starts_with("pool batch: "),
            "{}",
            error(json!([listed(json!({"count": "two"}))]))
        );
        assert_eq!(error(json!([{}])), "pool 1: it has no name");
        let twice = error(json!([listed(json!({})), listed(json!({}))]));
        assert_eq!(twice, "pool batch: it is listed twice; list the pools of one cluster");
        assert!(error(json!({"kind": "List"})).contains("az aks nodepool list"));
    }

    #[test]
    fn pools_that_only_nodes_name_have_what_their_nodes_have_in_common() {
        let node = |name: &str, zone: &str, own: &str| {
            json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": {"agentpool": "gpu", "lane": "gpu", "own": own,
                "kubernetes.azure.com/agentpool": "gpu", "node.kubernetes.io/instance-type": "Standard_D4s_v5", "kubernetes.io/os": "linux",
                "topology.kubernetes.io/region": "eastus", "topology.kubernetes.io/zone": zone}},
                "spec": {"taints": [{"key": "lane", "value": "gpu", "effect": "NoSchedule"}, {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}]},
                "status": {"allocatable": {"cpu": "2", "pods": "30"}, "nodeInfo": {"kubeletVersion": "v1.34.9"}}})
        };
        let mut objects = Objects::default();
        objects
            .add(json!({"apiVersion": "v1", "kind": "List", "items": [node("a", "eastus-2", "x"), node("b", "eastus-1", "y")]}))
            .unwrap();
        objects.complete_pools();
        let world = objects.into_world();
        let pool = world.pool("gpu").unwrap().1;
        assert_eq!((pool.spec.count, pool.spec.max_pods, pool.spec.vm_size.as_str()), (2, 30, "Standard_D4s_v5"));
        assert_eq!(pool.spec.availability_zones, ["1", "2"]);
        assert_eq!(pool.spec.node_labels, BTreeMap::from([("lane".into(), "gpu".into())]));
        assert_eq!(pool.spec.node_taints, ["lane=gpu:NoSchedule"]);
        assert_eq!(world.cluster().unwrap().spec.location, "eastus");
    }
}
