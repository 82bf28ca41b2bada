//! Node pools: one lane of machines.
//!
//! `spec` is what the user asked for, in ARM's property names (one stored shape, no second conversion); properties without a type
//! here are kept in `rest`. `state` is what the system keeps: the operation, its history, counters. `provisioningState` is derived,
//! never stored. For an autoscaled pool the count is the number of machines meant to live, not `spec.count`.

use crate::budget::IntOrPercent;
use crate::operation::{Operation, Outcome};
use crate::{Name, Rest, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A node pool.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NodePool {
    /// What was asked for, as accepted.
    pub spec: PoolSpec,
    /// What the system keeps.
    pub state: PoolState,
}

/// What was asked of a pool.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PoolSpec {
    /// Machines meant to live (manual pools).
    pub count: u32,
    /// VM size, in the catalogue's spelling.
    pub vm_size: Name,
    /// OS disk in GiB.
    #[serde(rename = "osDiskSizeGB")]
    pub os_disk_size_gb: u32,
    /// `Managed` or `Ephemeral`.
    pub os_disk_type: Name,
    /// Pods a node may hold.
    pub max_pods: u32,
    /// Linux or Windows.
    pub os_type: OsType,
    /// Distribution.
    #[serde(rename = "osSKU")]
    pub os_sku: Name,
    /// Whether the autoscaler sets the count.
    pub enable_auto_scaling: bool,
    /// Lower bound for the autoscaler.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_count: Option<u32>,
    /// Upper bound for the autoscaler.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_count: Option<u32>,
    /// `Delete` or `Deallocate`.
    pub scale_down_mode: Name,
    /// `VirtualMachineScaleSets` or `VirtualMachines`.
    #[serde(rename = "type")]
    pub kind: Name,
    /// System or User.
    pub mode: Mode,
    /// Kubernetes version as asked for; `1.34` is a legal value.
    pub orchestrator_version: Name,
    /// How upgrades go.
    pub upgrade_settings: UpgradeSettings,
    /// Whether its machines run.
    pub power: Power,
    /// Zones, as numbers in text.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub availability_zones: Vec<Name>,
    /// Regular or Spot.
    #[serde(rename = "scaleSetPriority")]
    pub priority: Priority,
    /// What eviction of a spot machine does: `Delete` or `Deallocate`; only for Spot.
    #[serde(rename = "scaleSetEvictionPolicy", skip_serializing_if = "Name::is_empty")]
    pub eviction_policy: Name,
    /// Most that a spot machine may cost an hour in US dollars, as text; -1 for the regular price; only for Spot.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub spot_max_price: Name,
    /// Tags of the machines.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<Name, Name>,
    /// Labels of the nodes, as the user gave them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub node_labels: BTreeMap<Name, Name>,
    /// Taints of the nodes, as `key=value:Effect`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub node_taints: Vec<Name>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// Operating systems.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub enum OsType {
    /// Linux.
    #[default]
    Linux,
    /// Windows.
    Windows,
}

/// What a pool is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub enum Mode {
    /// The cluster's own services; one such pool must exist.
    System,
    /// Applications.
    #[default]
    User,
    /// Static egress.
    Gateway,
}

/// Whether machines run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub enum Power {
    /// They do.
    #[default]
    Running,
    /// They are deallocated.
    Stopped,
}

/// How machines are paid.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub enum Priority {
    /// By the hour; stays.
    #[default]
    Regular,
    /// Cheap; may be evicted.
    Spot,
}

/// How upgrades of a pool go; absent is the default of that moment.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UpgradeSettings {
    /// Extra machines during a roll.
    #[serde(skip_serializing_if = "Option::is_none", with = "as_text")]
    pub max_surge: Option<IntOrPercent>,
    /// Machines that may be missing during a roll.
    #[serde(skip_serializing_if = "Option::is_none", with = "as_text")]
    pub max_unavailable: Option<IntOrPercent>,
    /// Nodes that an upgrade may leave behind because they cannot be emptied (aks-semantics UD-3).
    #[serde(skip_serializing_if = "Option::is_none", with = "as_text")]
    pub max_blocked_nodes: Option<IntOrPercent>,
    /// How long a drain may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drain_timeout_in_minutes: Option<u32>,
    /// How long an emptied node waits before it is reimaged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_soak_duration_in_minutes: Option<u32>,
    /// What becomes of a node that cannot be drained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undrainable_node_behavior: Option<Undrainable>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// ARM writes counts and shares as text: `"1"`, `"33%"`.
mod as_text {
    use super::{IntOrPercent, Name};
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(value: &Option<IntOrPercent>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&value.as_ref().map(ToString::to_string).unwrap_or_default())
    }
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<IntOrPercent>, D::Error> {
        Ok(IntOrPercent::parse(&Name::deserialize(deserializer)?))
    }
}

/// What becomes of a node that cannot be drained (aks-semantics UD-2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub enum Undrainable {
    /// It is uncordoned and stays as it was.
    #[default]
    Schedule,
    /// It stays cordoned and is replaced by its surge node.
    Cordon,
}

/// What the system keeps of a pool.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PoolState {
    /// Full Kubernetes version that machines are to have.
    pub version: Name,
    /// Node image that machines are to have.
    pub image: Name,
    /// Counts accepted changes; ARM's eTag derives from it.
    pub etag: u64,
    /// The eight digits in the names of its machines; another for each pool ever made (aks-semantics N-7).
    pub number: u32,
    /// The next instance id; never used twice within a pool.
    pub next_instance: u32,
    /// The operation that runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    /// An abort or delete that ends the running operation first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub successor: Option<Operation>,
    /// Finished operations, the newest last; at most [`HISTORY_LIMIT`](crate::operation::HISTORY_LIMIT).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Operation>,
    /// When a deletion was first asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_started: Option<Time>,
    /// When the pool was gone: what is left is a tombstone for those who poll its operations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gone: Option<Time>,
    /// Spot machines that were taken off the count and whose documents are about to go.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub taken: Vec<Name>,
    /// Why its autoscaler leaves it as it is for a while; kept for some hours after that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backoff: Option<Backoff>,
    /// Versions and images that it had before, the newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub recently_used: Vec<UsedVersion>,
}

/// A pause after machines could not be had (aks-semantics AL-6).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Backoff {
    /// Until when no machine is asked for.
    pub until: Time,
    /// How long this pause is; the next one is twice as long.
    pub millis: i64,
    /// The last failure.
    pub failed: Time,
    /// The provider's code for it, or `timeout`.
    pub code: Name,
    /// Its sentence.
    pub message: Name,
}

/// A version that a pool had.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UsedVersion {
    /// Kubernetes.
    pub orchestrator_version: Name,
    /// Node image.
    pub node_image_version: Name,
    /// Until when.
    pub timestamp: Time,
    /// Whether a rollback left it: the next one does not go back to it (aks-semantics RB-1).
    #[serde(default, skip_serializing_if = "crate::meta::is_false")]
    pub rolled_back: bool,
}

/// ARM's eTag: a GUID that moves with the count of accepted changes and differs between documents (aks-semantics X-1).
pub fn etag(uid: crate::Uid, count: u64) -> Name {
    smol_str::format_smolstr!("{}", crate::Uid::derive(uid.0 as u64, count, 0))
}

impl NodePool {
    /// Whether the pool exists for its users; false for a tombstone.
    pub fn exists(&self) -> bool {
        self.state.gone.is_none()
    }
    /// What the pool can be rolled back to: what it had before, unless a rollback left that (aks-semantics RB-1).
    pub fn before(&self) -> Option<&UsedVersion> {
        self.state.recently_used.first().filter(|used| !used.rolled_back)
    }
    /// The operation that last ended.
    pub fn last_ended(&self) -> Option<&Operation> {
        self.state.history.last()
    }
    /// How the last operation ended; a pool without one has succeeded.
    pub fn last_outcome(&self) -> Outcome {
        self.last_ended().and_then(|operation| operation.ended.as_ref()).map_or(Outcome::Succeeded, |ended| ended.outcome)
    }
    /// ARM's provisioning state.
    pub fn provisioning_state(&self) -> &'static str {
        match (&self.state.operation, self.last_outcome()) {
            (Some(operation), _) => operation.provisioning_state(),
            (None, Outcome::Succeeded) => "Succeeded",
            (None, Outcome::Failed) => "Failed",
            (None, Outcome::Canceled) => "Canceled",
        }
    }
    /// The operation of that id, running or finished.
    pub fn operation(&self, id: crate::Uid) -> Option<&Operation> {
        let state = &self.state;
        state.operation.iter().chain(&state.successor).chain(&state.history).find(|operation| operation.id == id)
    }
}
