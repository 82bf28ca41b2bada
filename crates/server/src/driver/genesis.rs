//! The first world of a new data directory: the cluster `dev` with its pool `system`, born Ready.
//!
//! It is made by the same cell on virtual time, by the same requests that a user would send; nothing is put together by hand but the
//! objects that AKS itself puts into a new cluster.

use crate::process::Entry;
use nodelane_arm::cluster;
use nodelane_catalog::{Catalog, OsSku};
use nodelane_engine::Env;
use nodelane_k8s::{object, registry};
use nodelane_model::change::EtagConditions;
use nodelane_model::{Change, Doc, Kind, Name, Origin, Time};
use nodelane_rehearsal::Rehearsal;
use nodelane_sim::BootProfile;
use nodelane_world::World;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The size of the first pool's machines.
const SIZE: &str = "Standard_D2s_v5";
/// The first pool, its machines, and how many image releases it is behind, so that there is something to upgrade.
const POOL: (&str, u32) = ("system", 3);

/// Makes the first cluster's world.
pub fn cluster(entry: &Entry, env: Env, now: Time) -> Result<World, String> {
    let catalog = env.catalog;
    let context = cluster::Context { catalog, id: &entry.id, stored: None, pools: BTreeMap::new() };
    let (spec, pools) = cluster::merge(body(&catalog).to_string().as_bytes(), &context).map_err(|error| error.to_string())?;
    let mut rehearsal = Rehearsal::new(World::new(entry.seed), env, BootProfile::Instant, now);
    let change = Change::PutCluster { spec: Box::new(spec), pools, base: None, etag: EtagConditions::default() };
    let mut ask = |change: Change| rehearsal.request(change, Origin::default()).map_err(|refusal| refusal.to_string());
    ask(change)?;
    for (resource, value) in objects(env_version(&catalog)) {
        let (group, version) = value["apiVersion"].as_str().and_then(|text| text.split_once('/')).unwrap_or(("", "v1"));
        let resource = registry::find(group, version, resource).ok_or_else(|| format!("{resource} is no resource"))?;
        let namespace = value["metadata"]["namespace"].as_str().unwrap_or_default().to_owned();
        let doc = object::create(resource, &namespace, value).map_err(|status| status.message.clone())?;
        ask(Change::Create(Arc::new(doc)))?;
    }
    match rehearsal.breakdowns.as_slice() {
        [] => Ok(one_image_behind(rehearsal.world(), &catalog, entry.seed)),
        [first, ..] => Err(first.clone()),
    }
}

fn env_version(catalog: &Catalog) -> String {
    catalog.default_version().to_string()
}

fn body(catalog: &Catalog) -> Value {
    let (pool, count) = POOL;
    json!({
        "location": crate::process::FIRST.2,
        "identity": {"type": "SystemAssigned"},
        "sku": {"name": "Base", "tier": "Free"},
        "properties": {
            "kubernetesVersion": catalog.default_version().to_string(),
            "dnsPrefix": "dev-lanes",
            "enableRBAC": true,
            "windowsProfile": {"adminUsername": "azureuser"},
            "networkProfile": {"networkPlugin": "azure", "networkPluginMode": "overlay", "podCidr": "100.64.0.0/10", "serviceCidr": "10.0.0.0/16",
                "loadBalancerSku": "standard"},
            "agentPoolProfiles": [{"name": pool, "mode": "System", "count": count, "vmSize": SIZE, "osType": "Linux", "type": "VirtualMachineScaleSets"}],
        }
    })
}

/// What AKS puts into a new cluster, as far as anything here decides on it: namespaces, priority and storage classes, the add-ons with their budgets
/// (aks-semantics H-8).
fn objects(version: String) -> Vec<(&'static str, Value)> {
    let mut objects = Vec::new();
    for name in ["default", "kube-system", "kube-public", "kube-node-lease"] {
        objects.push(("namespaces", json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})));
    }
    for (name, value) in [("system-cluster-critical", 2_000_000_000), ("system-node-critical", 2_000_001_000)] {
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
        objects.push(("deployments", add_on(name, image, cpu, memory, &version)));
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

/// The same world with every machine on the release before the newest, so that an image upgrade is there to be made.
fn one_image_behind(world: &World, catalog: &Catalog, seed: u64) -> World {
    let Some((_, pool)) = world.pools().next() else { return world.clone() };
    let version = pool.state.version.parse().unwrap_or_else(|_| catalog.default_version());
    let sku = OsSku::from_name(&pool.spec.os_sku).and_then(|sku| sku.effective(version).ok());
    let images = sku.map(|sku| catalog.images(sku)).unwrap_or_default();
    let [.., older, _] = images else { return world.clone() };
    let variant = catalog.size(&pool.spec.vm_size).map(|size| size.image_variant());
    let Some(image) = variant.and_then(|variant| older.version(variant)).map(Name::from) else { return world.clone() };
    let set_back = |doc: &Arc<Doc>| {
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
        if let Some(node) = doc.as_node_mut() {
            node.status.node_info.kernel_version = older.kernel_version.into();
            node.status.node_info.container_runtime_version = older.container_runtime_version().into();
        }
        Arc::new(doc)
    };
    let docs: Vec<Arc<Doc>> = world.list_from(std::ops::Bound::Unbounded).map(set_back).collect();
    World::rebuild(seed, world.revision, docs)
}
