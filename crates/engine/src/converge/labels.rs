//! What a node of a pool is labelled and tainted with (aks-semantics LB-1, T-3, S-3, Z-3).
//!
//! One function for the birth of a node and for its re-assertion later, so that the two cannot differ.
//! Not here: which of them a user may set.

use nodelane_catalog::{Arch, Catalog, OsSku, Version};
use nodelane_model::pool::{Mode, OsType, PoolSpec, Priority};
use nodelane_model::{Cluster, Machine, Name};
use std::collections::BTreeMap;

/// The taint of spot nodes, as a pool spells it.
pub const SPOT_TAINT: &str = "kubernetes.azure.com/scalesetpriority=spot:NoSchedule";

/// Everything that a node of the pool is labelled with: the system's labels and the user's.
pub fn of_node(cluster: &Cluster, pool: &PoolSpec, machine: &Machine, node: &str, catalog: &Catalog) -> BTreeMap<Name, Name> {
    let mut labels: BTreeMap<Name, Name> = pool.node_labels.clone();
    let mut set = |key: &str, value: &str| {
        labels.insert(key.into(), value.into());
    };
    let azure = |name: &str| format!("kubernetes.azure.com/{name}");
    let size = catalog.size(&machine.size);
    let os = if pool.os_type == OsType::Windows { "windows" } else { "linux" };
    let arch = if size.is_some_and(|size| size.arch == Arch::Arm64) { "arm64" } else { "amd64" };
    let location = cluster.spec.location.as_str();
    let zone = if machine.zone.is_empty() { "0".to_owned() } else { format!("{location}-{}", machine.zone) };
    for (key, value) in [("arch", arch), ("os", os)] {
        set(&format!("kubernetes.io/{key}"), value);
        set(&format!("beta.kubernetes.io/{key}"), value);
    }
    set("kubernetes.io/hostname", node);
    set("kubernetes.io/role", "agent");
    set("node-role.kubernetes.io/agent", "");
    set("node.kubernetes.io/instance-type", &machine.size);
    set("beta.kubernetes.io/instance-type", &machine.size);
    for prefix in ["topology.kubernetes.io", "failure-domain.beta.kubernetes.io"] {
        set(&format!("{prefix}/region"), location);
        set(&format!("{prefix}/zone"), &zone);
    }
    // Set by the disk driver; empty outside of zones.
    set(nodelane_model::volume::DISK_ZONE, if machine.zone.is_empty() { "" } else { &zone });
    set("agentpool", &machine.pool);
    set(&azure("agentpool"), &machine.pool);
    let mut group = cluster.node_resource_group();
    group.truncate(63); // The longest value that a label may have.
    set(&azure("cluster"), &group);
    set(&azure("managedby"), "aks");
    set(&azure("role"), "agent");
    set(&azure("mode"), if pool.mode == Mode::System { "system" } else { "user" });
    set(&azure("node-image-version"), machine.running.as_ref().map_or(&machine.model.image, |model| &model.image));
    set(&azure("nodepool-type"), &pool.kind);
    let profile = pool.os_disk_type.to_lowercase();
    for prefix in ["", "kubernetes.azure.com/"] {
        set(&format!("{prefix}storageprofile"), &profile);
        set(&format!("{prefix}storagetier"), "Premium_LRS");
    }
    set(&azure("os-sku"), &pool.os_sku);
    set(&azure("os-sku-requested"), &pool.os_sku);
    let version = machine.model.version.parse::<Version>().ok();
    let effective = OsSku::from_name(&pool.os_sku).zip(version).and_then(|(sku, version)| sku.effective(version).ok());
    set(&azure("os-sku-effective"), effective.map_or(pool.os_sku.as_str(), |sku| sku.as_str()));
    if let Some(size) = size {
        set(&azure("sku-cpu"), &size.vcpu.to_string());
        set(&azure("sku-memory"), &(size.memory_mib / 1024).to_string());
        if let Some(vendor) = size.gpu_vendor {
            let vendor = vendor.resource_name().split('.').next().unwrap_or_default();
            set(&azure("accelerator"), vendor);
            set("accelerator", vendor);
        }
    }
    match pool.priority {
        Priority::Spot => {
            set(&azure("priority"), "spot");
            set(&azure("scalesetpriority"), "spot");
        }
        Priority::Regular => set(&azure("priority"), "regular"),
    }
    if pool.rest.get("enableFIPS").and_then(serde_json::Value::as_bool) == Some(true) {
        set(&azure("fips_enabled"), "true");
    }
    labels
}

/// The taints of a pool's nodes, as the pool spells them.
pub fn taints(pool: &PoolSpec) -> Vec<Name> {
    let mut taints = pool.node_taints.clone();
    if pool.priority == Priority::Spot && !taints.iter().any(|taint| taint == SPOT_TAINT) {
        taints.push(SPOT_TAINT.into());
    }
    taints
}
