//! Operating systems and their SKUs (aks-semantics O-1, O-2).
//!
//! Which SKU has which images is the catalogue's; what a SKU change means is in mutability and upgrade.

use super::Proposal;
use nodelane_catalog::{OsSku, OsSkuRefusal};
use nodelane_model::pool::OsType;
use nodelane_model::refusal::PoolRefusal;

/// Windows needs the cluster's windowsProfile and Azure CNI (O-1).
pub(super) fn windows_profile(proposal: &Proposal) -> Result<(), PoolRefusal> {
    if proposal.spec.os_type != OsType::Windows {
        return Ok(());
    }
    let refuse = |why: &str, accepted: &str| Err(PoolRefusal::parameter("O-1", "agentPoolProfile.osType", why, accepted));
    if !proposal.cluster.windows {
        return refuse("The cluster has no windowsProfile", "Linux; a cluster that is made with a windowsProfile takes Windows");
    }
    match proposal.cluster.network_plugin == "azure" {
        true => Ok(()),
        false => refuse("Windows needs the network plugin azure", "Linux, or a cluster with the network plugin azure"),
    }
}

/// The SKU is one, and of the pool's operating system (O-2).
pub(super) fn sku_and_type(proposal: &Proposal) -> Result<(), PoolRefusal> {
    let sku = OsSku::from_name(&proposal.spec.os_sku);
    match sku.is_some_and(|sku| sku.os() == proposal.spec.os_type) {
        true => Ok(()),
        false => Err(refusal(proposal, format!("osSKU '{}' is none of osType {:?}", proposal.spec.os_sku, proposal.spec.os_type))),
    }
}

/// The SKU supports the Kubernetes version (O-2). One that a pool has already stays.
pub(super) fn sku_and_version(proposal: &Proposal) -> Result<(), PoolRefusal> {
    let (Some(sku), Some(version)) = (OsSku::from_name(&proposal.spec.os_sku), proposal.version) else {
        return Ok(());
    };
    if proposal.old.is_some() && !proposal.step.renews_image {
        return Ok(());
    }
    let why = match sku.effective(version) {
        Ok(_) => return Ok(()),
        Err(OsSkuRefusal::Retired) => format!("osSKU '{}' is retired", sku.as_str()),
        Err(OsSkuRefusal::VersionTooOld { first_minor }) => {
            format!("osSKU '{}' needs Kubernetes 1.{first_minor} or later, not {version}", sku.as_str())
        }
        Err(OsSkuRefusal::VersionTooNew { last_minor }) => {
            format!("osSKU '{}' supports Kubernetes up to 1.{last_minor}, not {version}", sku.as_str())
        }
    };
    Err(refusal(proposal, why))
}

/// There is an image of the SKU for the size (O-4).
pub(super) fn image_for_size(proposal: &Proposal) -> Result<(), PoolRefusal> {
    let (Some(sku), Some(version), Some(size)) = (OsSku::from_name(&proposal.spec.os_sku), proposal.version, proposal.size) else {
        return Ok(());
    };
    match sku.effective(version).is_ok_and(|effective| !size.image_variant().exists_for(effective)) {
        true => Err(refusal(proposal, format!("osSKU '{}' has no image for VM size '{}'", sku.as_str(), size.name))),
        false => Ok(()),
    }
}

fn refusal(proposal: &Proposal, why: String) -> PoolRefusal {
    let fits = |sku: &&OsSku| sku.os() == proposal.spec.os_type && proposal.version.is_none_or(|version| sku.is_allowed(version));
    let names: Vec<&str> = OsSku::ALL.iter().filter(fits).map(|sku| sku.as_str()).collect();
    PoolRefusal::parameter("O-2", "agentPoolProfile.osSKU", why, names.join(", "))
}
