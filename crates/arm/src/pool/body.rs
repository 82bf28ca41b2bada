//! A pool's document as the body of a GET.
//!
//! Upgrade settings are shown as they were given: a default that the client did not ask for would be a difference in its next plan.
//! Not shown: what is null or empty, and what only spot pools have on regular ones.

use super::convert::price_number;
use crate::id::{ClusterId, PoolId};
use nodelane_model::operation::Progress;
use nodelane_model::pool::{NodePool, Power, Priority, etag};
use nodelane_model::{Cluster, Doc, Uid};
use serde_json::{Map, Value, json};

/// A pool with what its body needs.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// The pool's name.
    pub name: &'a str,
    /// The unique id of its document.
    pub uid: Uid,
    /// The pool.
    pub pool: &'a NodePool,
    /// Machines that are meant to live.
    pub count: u32,
    /// Its cluster.
    pub cluster: &'a Cluster,
}

impl<'a> View<'a> {
    /// A pool's document; `None` where it is none, or a tombstone.
    pub fn of(doc: &'a Doc, count: u32, cluster: &'a Cluster) -> Option<View<'a>> {
        let pool = doc.as_pool().filter(|pool| pool.exists())?;
        Some(View { name: &doc.key.name, uid: doc.meta.uid, pool, count, cluster })
    }
    fn id(&self) -> PoolId {
        ClusterId::of(&self.cluster.spec).pool(self.name)
    }
    /// Whether its machines run: a cluster stops as a whole.
    fn power(&self) -> Power {
        if self.cluster.spec.power == Power::Stopped { Power::Stopped } else { self.pool.spec.power }
    }
    /// A stopped pool shows 0, once it is; until then the old count (arm-wire section 2).
    fn shown_count(&self) -> u32 {
        let stopping = matches!(self.pool.state.operation.as_ref().map(|live| live.progress), Some(Progress::Stop(_)));
        if self.power() == Power::Stopped && !stopping { 0 } else { self.count }
    }
}

/// The body of a GET.
pub fn body(view: &View) -> Value {
    json!({
        "id": view.id().to_string(), "name": view.name,
        "type": "Microsoft.ContainerService/managedClusters/agentPools",
        "properties": properties(view),
    })
}

/// The pool among the `agentPoolProfiles` of its cluster: flat, with its name.
pub fn profile(view: &View) -> Value {
    let mut properties = properties(view);
    properties.insert("name".into(), view.name.into());
    Value::Object(properties)
}

/// Properties without a type that are shown even where they were never set.
const DEFAULTED: [&str; 5] = ["enableNodePublicIP", "enableEncryptionAtHost", "enableUltraSSD", "enableFIPS", "securityProfile"];

/// What is shown of a property without a type that was never set.
pub(super) fn default_of(key: &str) -> Option<Value> {
    Some(match key {
        "enableNodePublicIP" | "enableEncryptionAtHost" | "enableUltraSSD" | "enableFIPS" => false.into(),
        "securityProfile" => json!({"enableVTPM": false, "enableSecureBoot": false, "sshAccess": "LocalUser"}),
        _ => return None,
    })
}

fn properties(view: &View) -> Map<String, Value> {
    let (spec, state) = (&view.pool.spec, &view.pool.state);
    let mut body = json!({
        "eTag": etag(view.uid, state.etag),
        "count": view.shown_count(),
        "vmSize": spec.vm_size,
        "osDiskSizeGB": spec.os_disk_size_gb,
        "osDiskType": spec.os_disk_type,
        "maxPods": spec.max_pods,
        "osType": format!("{:?}", spec.os_type),
        "osSKU": spec.os_sku,
        "enableAutoScaling": spec.enable_auto_scaling,
        "scaleDownMode": spec.scale_down_mode,
        "type": spec.kind,
        "mode": format!("{:?}", spec.mode),
        "orchestratorVersion": spec.orchestrator_version,
        "currentOrchestratorVersion": state.version,
        "nodeImageVersion": state.image,
        "upgradeSettings": spec.upgrade_settings,
        "provisioningState": view.pool.provisioning_state(),
        "powerState": {"code": format!("{:?}", view.power())},
    });
    let Some(map) = body.as_object_mut() else {
        return Map::new();
    };
    let mut add = |key: &str, value: Value| map.insert(key.into(), value);
    for (key, value) in [("minCount", spec.min_count), ("maxCount", spec.max_count)] {
        if let Some(value) = value {
            add(key, value.into());
        }
    }
    if !spec.availability_zones.is_empty() {
        add("availabilityZones", json!(spec.availability_zones));
    }
    if spec.priority == Priority::Spot {
        add("scaleSetPriority", "Spot".into());
        add("scaleSetEvictionPolicy", json!(spec.eviction_policy));
        add("spotMaxPrice", price_number(&spec.spot_max_price));
    }
    if !spec.tags.is_empty() {
        add("tags", json!(spec.tags));
    }
    if !spec.node_labels.is_empty() {
        add("nodeLabels", json!(spec.node_labels));
    }
    if !spec.node_taints.is_empty() {
        add("nodeTaints", json!(spec.node_taints));
    }
    for key in DEFAULTED {
        add(key, default_of(key).unwrap_or_default());
    }
    for (key, value) in &spec.rest {
        add(key, value.clone());
    }
    if let Some(error) = failure(view.pool) {
        add("status", json!({"provisioningError": error}));
    }
    std::mem::take(map)
}

/// Why the last operation failed, while the pool shows it.
fn failure(pool: &NodePool) -> Option<Value> {
    let ended = pool.last_ended().filter(|_| pool.state.operation.is_none())?.ended.as_ref()?;
    let error = ended.error.as_ref().filter(|_| pool.provisioning_state() == "Failed")?;
    Some(json!({"code": error.code, "message": error.message}))
}
