//! Agent pools: a PUT's body merged with what is stored, and documents as bodies.
//!
//! One policy per property (aks-semantics LB-7): absent and `null` keep, an empty text or 0 means the default for a new pool and keeps
//! for one that is there, an empty map or list clears, a present object replaces. Read-only properties are ignored, unknown ones kept.

mod body;
mod convert;
mod merge;
mod new;

pub use body::{View, body, profile};
pub(crate) use merge::merge;
pub use merge::{Context, Stored};

use crate::account::object;
use crate::errors::ArmError;
use crate::fields::Fields;
use nodelane_model::Name;
use nodelane_model::pool::PoolSpec;

/// A pool as a PUT asks for it.
pub fn put(bytes: &[u8], context: &Context) -> Result<PoolSpec, ArmError> {
    let envelope = object(bytes)?;
    let properties = Fields::of(&envelope, "AgentPool").object("properties", "AgentPoolProperties")?;
    merge(&properties.renamed("AgentPoolProperties.properties"), context)
}

/// The machines that a deletion names.
pub fn machine_names(bytes: &[u8]) -> Result<Vec<Name>, ArmError> {
    let envelope = object(bytes)?;
    Ok(Fields::of(&envelope, "AgentPoolDeleteMachinesParameter").list("machineNames")?.unwrap_or_default())
}

/// Properties that have a type in the model, or that only the service writes.
const NOT_KEPT: [&str; 33] = [
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
    "scaleDownMode",
    "type",
    "mode",
    "orchestratorVersion",
    "upgradeSettings",
    "powerState",
    "availabilityZones",
    "scaleSetPriority",
    "scaleSetEvictionPolicy",
    "spotMaxPrice",
    "tags",
    "nodeLabels",
    "nodeTaints",
    "nodeImageVersion",
    "currentOrchestratorVersion",
    "provisioningState",
    "eTag",
    "status",
    "virtualMachineNodesStatus",
    "id",
    "name",
    "resourceGroup",
    "resourceUID",
];

#[cfg(test)]
mod tests;
