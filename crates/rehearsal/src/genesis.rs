//! The first world of a cluster: made by the same cell on virtual time, by the same requests that a user would send.
//!
//! Nothing is put together by hand but the objects that AKS itself puts into a new cluster, and the images of the pools: by default
//! every pool is one release behind the newest, so that there is something to upgrade.

use crate::Rehearsal;
use nodelane_arm::{ArmError, ClusterId, cluster};
use nodelane_catalog::{Catalog, OsSku};
use nodelane_engine::Env;
use nodelane_model::change::EtagConditions;
use nodelane_model::pod::SYSTEM_CLASSES;
use nodelane_model::{Change, Doc, Kind, Name, NodePool, Origin, Time};
use nodelane_sim::BootProfile;
use nodelane_world::World;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a new cluster is made from.
pub struct Genesis<'a> {
    /// Its id.
    pub id: &'a ClusterId,
    /// Seeds its ids and latencies.
    pub seed: u64,
    /// What deciding knows beside the world.
    pub env: Env,
    /// Region, such as `eastus`.
    pub location: &'a str,
    /// Version of the control plane.
    pub version: &'a str,
    /// Entries of `agentPoolProfiles`.
    pub pools: Vec<Value>,
    /// Images of pools that do not start one release behind the newest.
    pub images: BTreeMap<Name, Name>,
}

impl Genesis<'_> {
    /// Makes the world; its machines run, its nodes are Ready.
    ///
    /// # Errors
    /// What ARM or the engine refuses, in their words.
    pub fn world(self, now: Time) -> Result<World, String> {
        let catalog = self.env.catalog;
        let context = cluster::Context { catalog, id: self.id, stored: None, pools: BTreeMap::new() };
        let body = self.body().to_string();
        let (spec, pools) = cluster::merge(body.as_bytes(), &context).map_err(|error| told(&error))?;
        let mut rehearsal = Rehearsal::new(World::new(self.seed), self.env.clone(), BootProfile::Instant, now);
        let change = Change::PutCluster { spec: Box::new(spec), pools, base: None, etag: EtagConditions::default() };
        rehearsal.request(change, Origin::default()).map_err(|refusal| told(&ArmError::from(refusal)))?;
        for (resource, value) in objects(self.version) {
            crate::manifest::create(&mut rehearsal, resource, value)?;
        }
        match rehearsal.breakdowns.as_slice() {
            [] => Ok(with_images(rehearsal.world(), &catalog, self.seed, &self.images)),
            [first, ..] => Err(first.clone()),
        }
    }

    fn body(&self) -> Value {
        json!({
            "location": self.location,
            "identity": {"type": "SystemAssigned"},
            "sku": {"name": "Base", "tier": "Free"},
            "properties": {
                "kubernetesVersion": self.version,
                "dnsPrefix": format!("{}-{}", self.id.cluster, self.id.group.group),
                "enableRBAC": true,
                "windowsProfile": {"adminUsername": "azureuser"},
                "networkProfile": {"networkPlugin": "azure", "networkPluginMode": "overlay", "podCidr": "100.64.0.0/10", "serviceCidr": "10.0.0.0/16",
                    "loadBalancerSku": "standard"},
                "agentPoolProfiles": self.pools,
            }
        })
    }
}

/// A refusal in ARM's words.
fn told(error: &ArmError) -> String {
    let body = error.answer().body;
    let message = body.pointer("/error/message").or_else(|| body.get("message")).and_then(Value::as_str);
    message.map_or_else(|| body.to_string(), str::to_owned)
}

/// What AKS puts into a new cluster, as far as anything here decides on it: namespaces, priority and storage classes, the add-ons with their budgets
/// (aks-semantics H-8).
fn objects(version: &str) -> Vec<(&'static str, Value)> {
    let mut objects = Vec::new();
    for name in ["default", "kube-system", "kube-public", "kube-node-lease"] {
        objects.push(("namespaces", json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})));
    }
    for (name, value) in SYSTEM_CLASSES {
        let class = json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name}, "value": value,
            "description": "Used for system critical pods."});
        objects.push(("priorityclasses", class));
    }
    objects.extend(STORAGE_CLASSES.map(|class| ("storageclasses", storage_class(class))));
    objects.push((
        "services",
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "kubernetes", "namespace": "default",
            "labels": {"component": "apiserver", "provider": "kubernetes"}},
            "spec": {"clusterIP": "10.0.0.1", "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 443}]}}),
    ));
    for (name, budget, image, cpu, memory) in [
        ("coredns", "coredns-pdb", "mcr.microsoft.com/oss/v2/kubernetes/coredns:v1.12.1", "100m", "70Mi"),
        ("metrics-server", "metrics-server-pdb", "mcr.microsoft.com/oss/v2/kubernetes/metrics-server:v0.7.2", "44m", "55Mi"),
        (
            "konnectivity-agent",
            "konnectivity-agent",
            "mcr.microsoft.com/oss/v2/kubernetes/apiserver-network-proxy/agent:v0.31.2",
            "20m",
            "20Mi",
        ),
    ] {
        objects.push(("deployments", add_on(name, image, cpu, memory, version)));
        let budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": budget, "namespace": "kube-system"},
            "spec": {"minAvailable": 1, "selector": {"matchLabels": {"k8s-app": name}}}});
        objects.push(("poddisruptionbudgets", budget));
    }
    objects
}

/// Name, whether disks or files, SKU (Microsoft Learn: AKS, storage options, storage classes).
const STORAGE_CLASSES: [(&str, bool, &str); 9] = [
    ("azurefile", false, "Standard_LRS"),
    ("azurefile-csi", false, "Standard_LRS"),
    ("azurefile-csi-premium", false, "Premium_LRS"),
    ("azurefile-premium", false, "Premium_LRS"),
    ("default", true, "StandardSSD_LRS"),
    ("managed", true, "StandardSSD_LRS"),
    ("managed-csi", true, "StandardSSD_LRS"),
    ("managed-csi-premium", true, "Premium_LRS"),
    ("managed-premium", true, "Premium_LRS"),
];

fn storage_class((name, is_disk, sku): (&str, bool, &str)) -> Value {
    let labels = json!({"addonmanager.kubernetes.io/mode": "EnsureExists", "kubernetes.io/cluster-service": "true"});
    let (provisioner, mode) = match is_disk {
        true => ("disk.csi.azure.com", "WaitForFirstConsumer"),
        false => ("file.csi.azure.com", "Immediate"),
    };
    let mut class = json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name, "labels": labels},
        "provisioner": provisioner, "parameters": {if is_disk { "skuname" } else { "skuName" }: sku}, "reclaimPolicy": "Delete",
        "volumeBindingMode": mode, "allowVolumeExpansion": true});
    if name == "default" {
        class["metadata"]["annotations"] = json!({"storageclass.kubernetes.io/is-default-class": "true"});
    }
    if !is_disk {
        class["mountOptions"] = json!(["mfsymlinks", "actimeo=30", "nosharesock"]);
    }
    class
}

/// An add-on of two pods that prefers system nodes and tolerates their taint.
fn add_on(name: &str, image: &str, cpu: &str, memory: &str, version: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "kube-system",
            "labels": {"k8s-app": name, "kubernetes.azure.com/managedby": "aks", "version": format!("v{version}")}},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"k8s-app": name}},
            "template": {"metadata": {"labels": {"k8s-app": name, "kubernetes.azure.com/managedby": "aks"}}, "spec": {
                "priorityClassName": "system-cluster-critical",
                "nodeSelector": {"kubernetes.io/os": "linux"},
                "tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists"}],
                "affinity": {
                    "nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "preference":
                        {"matchExpressions": [{"key": "kubernetes.azure.com/mode", "operator": "In", "values": ["system"]}]}}]},
                    "podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "podAffinityTerm":
                        {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"k8s-app": name}}}}]}},
                "containers": [{"name": name, "image": image, "resources": {"requests": {"cpu": cpu, "memory": memory}}}]}}}})
}

/// The same world with the pools' machines on the images that are given, else on the release before the newest.
fn with_images(world: &World, catalog: &Catalog, seed: u64, images: &BTreeMap<Name, Name>) -> World {
    let image = |(doc, pool): (&Arc<Doc>, &NodePool)| {
        let image = images.get(&doc.key.name).cloned().or_else(|| one_behind(catalog, pool))?;
        Some((doc.key.name.clone(), image))
    };
    let images: BTreeMap<Name, Name> = world.pools().filter_map(image).collect();
    let set = |doc: &Arc<Doc>| {
        let pool = match doc.kind() {
            Kind::NodePool => Some(&doc.key.name),
            Kind::Machine => doc.as_machine().map(|machine| &machine.pool),
            Kind::Node => doc.meta.labels.get("agentpool"),
            _ => None,
        };
        let Some(image) = pool.and_then(|pool| images.get(pool)) else { return doc.clone() };
        let mut doc = (**doc).clone();
        if let Some(pool) = doc.as_pool_mut() {
            pool.state.image = image.clone();
        }
        if let Some(machine) = doc.as_machine_mut() {
            machine.model.image = image.clone();
            machine.running = Some(machine.model.clone());
        }
        if doc.kind() == Kind::Node {
            Arc::make_mut(&mut doc.meta.labels).insert("kubernetes.azure.com/node-image-version".into(), image.clone());
        }
        if let (Some(node), Some(image)) = (doc.as_node_mut(), catalog.image(image)) {
            node.status.node_info.kernel_version = image.kernel_version.into();
            node.status.node_info.container_runtime_version = image.container_runtime_version().into();
        }
        Arc::new(doc)
    };
    let docs: Vec<Arc<Doc>> = world.list_from(std::ops::Bound::Unbounded).map(set).collect();
    World::rebuild(seed, world.revision, docs)
}

/// The image of a pool that is one release behind.
fn one_behind(catalog: &Catalog, pool: &NodePool) -> Option<Name> {
    let version = pool.state.version.parse().unwrap_or_else(|_| catalog.default_version());
    let [.., older, _] = catalog.images(OsSku::from_name(&pool.spec.os_sku)?.effective(version).ok()?) else { return None };
    older.version(catalog.size(&pool.spec.vm_size)?.image_variant()).map(Name::from)
}
