//! The managed cluster, and what an account holds: subscriptions, groups and which clusters exist.
//!
//! A cell has one `Cluster` document. The account's cell has the others.

use crate::operation::Operation;
use crate::pool::Power;
use crate::{Name, Rest, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The name of a cell's cluster document.
pub const CLUSTER: &str = "cluster";

/// A managed cluster.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Cluster {
    /// What was asked for.
    pub spec: ClusterSpec,
    /// What the system keeps.
    pub state: ClusterState,
}

/// What was asked of a cluster.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterSpec {
    /// Subscription id.
    pub subscription: Name,
    /// Resource group, as last written.
    pub resource_group: Name,
    /// Name, as last written.
    pub name: Name,
    /// Region.
    pub location: Name,
    /// Kubernetes version as asked for.
    pub kubernetes_version: Name,
    /// Network plugin: `azure`, `kubenet` or `none`.
    pub network_plugin: Name,
    /// Network plugin mode: `overlay` or empty.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub network_plugin_mode: Name,
    /// Pod addresses.
    pub pod_cidr: Name,
    /// Node addresses.
    pub node_cidr: Name,
    /// Service addresses.
    pub service_cidr: Name,
    /// Whether Windows pools are possible.
    pub windows: bool,
    /// Tags.
    pub tags: BTreeMap<Name, Name>,
    /// The autoscaler's profile, kebab-case keys as on the wire.
    pub auto_scaler_profile: Rest,
    /// Whether its machines run.
    pub power: Power,
    /// Everything else under ARM's `properties`.
    pub properties: Rest,
    /// Everything else beside `properties` (identity, sku).
    pub envelope: Rest,
}

/// What the system keeps of a cluster.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterState {
    /// Full Kubernetes version of the control plane.
    pub version: Name,
    /// Counts accepted changes.
    pub etag: u64,
    /// The operation that runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    /// Finished operations, the newest last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Operation>,
    /// When the cluster was gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gone: Option<Time>,
    /// When it may be worked on, by the configuration's name (aks-semantics MW-1).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub maintenance: BTreeMap<Name, crate::maintenance::Maintenance>,
    /// What was done in the windows of each, oldest first, at most [`RUNS_LIMIT`](crate::maintenance::RUNS_LIMIT).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub maintenance_runs: BTreeMap<Name, Vec<crate::maintenance::Run>>,
}

impl Cluster {
    /// ARM's provisioning state.
    pub fn provisioning_state(&self) -> &'static str {
        use crate::operation::Outcome;
        let last = self.state.history.last().and_then(|operation| operation.ended.as_ref()).map(|ended| ended.outcome);
        match (&self.state.operation, last) {
            (Some(operation), _) => operation.provisioning_state(),
            (None, Some(Outcome::Failed)) => "Failed",
            (None, Some(Outcome::Canceled)) => "Canceled",
            (None, Some(Outcome::Succeeded) | None) => "Succeeded",
        }
    }
    /// The group that holds the machines (aks-semantics N-6).
    pub fn node_resource_group(&self) -> String {
        let spec = &self.spec;
        let mut name = format!("MC_{}_{}_{}", spec.resource_group, spec.name, spec.location);
        name.truncate(80);
        name
    }
}
