//! What is fixed when a pool is made (aks-semantics M-1, O-3), and which kinds of pools are made at all (M-5).
//!
//! An absent property, `null`, `false`, 0 and an empty text, list or object are one value here: clients echo any of them.

use super::Proposal;
use nodelane_model::Name;
use nodelane_model::pool::{Mode, OsType};
use nodelane_model::refusal::PoolRefusal;
use serde_json::Value;

/// Fixed properties that have no type of their own.
const FIXED: [&str; 15] = [
    "vnetSubnetID",
    "podSubnetID",
    "kubeletDiskType",
    "gpuInstanceProfile",
    "nodePublicIPPrefixID",
    "enableNodePublicIP",
    "proximityPlacementGroupID",
    "hostGroupID",
    "creationData",
    "kubeletConfig",
    "linuxOSConfig",
    "enableEncryptionAtHost",
    "enableUltraSSD",
    "workloadRuntime",
    "podIPAllocationMode",
];

/// The only kind of pool that there is.
const KIND: &str = "VirtualMachineScaleSets";

/// Nothing changes that is fixed.
pub(super) fn immutable(proposal: &Proposal) -> Result<(), PoolRefusal> {
    let Some(old) = proposal.old.map(|old| &old.spec) else {
        return Ok(());
    };
    let new = proposal.spec;
    let typed = [
        ("vmSize", super::resize::is_one(proposal) && !super::resize::may_ask(proposal)),
        ("osType", new.os_type != old.os_type),
        ("osDiskSizeGB", new.os_disk_size_gb != old.os_disk_size_gb),
        ("osDiskType", new.os_disk_type != old.os_disk_type),
        ("maxPods", new.max_pods != old.max_pods),
        ("availabilityZones", new.availability_zones != old.availability_zones),
        ("type", new.kind != old.kind),
        ("scaleSetPriority", new.priority != old.priority),
        ("scaleSetEvictionPolicy", new.eviction_policy != old.eviction_policy),
        ("spotMaxPrice", new.spot_max_price != old.spot_max_price),
    ];
    let untyped = FIXED.map(|key| (key, meaning(new.rest.get(key)) != meaning(old.rest.get(key))));
    match typed.into_iter().chain(untyped).find(|(_, differs)| *differs) {
        Some((key, _)) => Err(change("M-1", key)),
        None => Ok(()),
    }
}

/// The OS SKU of a Windows pool is fixed (O-3).
pub(super) fn windows_sku(proposal: &Proposal) -> Result<(), PoolRefusal> {
    let differs = proposal.old.is_some_and(|old| old.spec.os_sku != proposal.spec.os_sku);
    match differs && proposal.spec.os_type == OsType::Windows {
        true => Err(change("O-3", "osSKU")),
        false => Ok(()),
    }
}

/// Pools are scale sets.
pub(super) fn kind(proposal: &Proposal) -> Result<(), PoolRefusal> {
    match proposal.spec.kind == KIND {
        true => Ok(()),
        false => {
            let why = format!("Agent pools of type '{}' are not supported", proposal.spec.kind);
            Err(PoolRefusal::parameter("M-5", "agentPoolProfile.type", why, KIND))
        }
    }
}

/// A gateway pool says what it is a gateway for (M-4).
pub(super) fn gateway(proposal: &Proposal) -> Result<(), PoolRefusal> {
    let profile = meaning(proposal.spec.rest.get("gatewayProfile"));
    match proposal.spec.mode == Mode::Gateway && profile.is_none() {
        true => {
            let why = "A pool with mode Gateway needs a gatewayProfile";
            Err(PoolRefusal::parameter("M-4", "agentPoolProfile.gatewayProfile", why, "a gatewayProfile, or mode User"))
        }
        false => Ok(()),
    }
}

fn change(rule: &'static str, key: &str) -> PoolRefusal {
    PoolRefusal::PropertyChange { rule, property: Name::from(format!("properties.{key}")) }
}

/// A value that means something; `None` for those that mean nothing.
fn meaning(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        // OCIContainer is the `workloadRuntime` of a pool that names none, and is not shown there.
        Value::String(text) => !text.is_empty() && text != "OCIContainer",
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
    })
}
