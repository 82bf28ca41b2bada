//! VM sizes and their disks (aks-semantics V-1, V-2, V-4, V-6, V-7, V-8).
//!
//! A burstable size on a system pool is accepted (V-3).

use super::Proposal;
use nodelane_catalog::SizeRefusal;
use nodelane_model::refusal::PoolRefusal;

/// Largest OS disk in GiB.
const OS_DISK_MAX_GIB: u32 = 2048;

fn refusal(proposal: &Proposal) -> Option<SizeRefusal> {
    proposal.env.catalog.usable_size(&proposal.spec.vm_size, proposal.spec.mode, proposal.spec.os_type).err()
}

fn not_allowed(proposal: &Proposal, rule: &'static str) -> PoolRefusal {
    let (pool, location) = (proposal.name.clone(), proposal.cluster.location.clone());
    PoolRefusal::SizeNotAllowed { rule, pool, location }
}

/// There is such a size, and AKS can use it (V-4, V-6).
pub(super) fn known(proposal: &Proposal) -> Result<(), PoolRefusal> {
    match refusal(proposal) {
        Some(SizeRefusal::Unknown) => Err(not_allowed(proposal, "V-4")),
        Some(SizeRefusal::Retired | SizeRefusal::UnsupportedGpu) => Err(not_allowed(proposal, "V-6")),
        Some(SizeRefusal::WindowsOnArm64 | SizeRefusal::TooSmall | SizeRefusal::TooSmallForSystem) | None => Ok(()),
    }
}

/// 2 vCPUs and 4 GiB for a system pool (V-2).
pub(super) fn large_enough_for_system(proposal: &Proposal) -> Result<(), PoolRefusal> {
    match refusal(proposal) {
        Some(SizeRefusal::TooSmallForSystem) => Err(PoolRefusal::SystemSizeTooSmall { pool: proposal.name.clone() }),
        _ => Ok(()),
    }
}

/// 2 vCPUs and 2 GiB (V-1).
pub(super) fn large_enough(proposal: &Proposal) -> Result<(), PoolRefusal> {
    match refusal(proposal) {
        Some(SizeRefusal::TooSmall) => {
            let why = format!("VM size '{}' is too small for a node", proposal.spec.vm_size);
            Err(PoolRefusal::parameter("V-1", "agentPoolProfile.vmSize", why, "a size with at least 2 vCPUs and 2 GiB of memory"))
        }
        _ => Ok(()),
    }
}

/// Windows does not run on arm64 (V-7).
pub(super) fn windows_on_arm(proposal: &Proposal) -> Result<(), PoolRefusal> {
    match refusal(proposal) {
        Some(SizeRefusal::WindowsOnArm64) => {
            let why = format!("Windows does not run on VM size '{}'", proposal.spec.vm_size);
            Err(PoolRefusal::parameter("V-7", "agentPoolProfile.vmSize", why, "a size with amd64 processors, or osType Linux"))
        }
        _ => Ok(()),
    }
}

/// The size is sold in the region (V-4).
pub(super) fn offered(proposal: &Proposal) -> Result<(), PoolRefusal> {
    let (Some(size), Some(region)) = (proposal.size, proposal.region) else {
        return Ok(());
    };
    let kept = proposal.old.is_some() && !super::resize::is_one(proposal);
    match kept || proposal.env.catalog.offered(region, size) {
        true => Ok(()),
        false => Err(not_allowed(proposal, "V-4")),
    }
}

/// 0 to 2048 GiB; an ephemeral disk fits the size (V-8).
pub(super) fn disk(proposal: &Proposal) -> Result<(), PoolRefusal> {
    let gib = proposal.spec.os_disk_size_gb;
    if gib > OS_DISK_MAX_GIB {
        let why = format!("osDiskSizeGB {gib} is out of range");
        return Err(PoolRefusal::parameter(
            "V-8",
            "agentPoolProfile.osDiskSizeGB",
            why,
            format!("0 to {OS_DISK_MAX_GIB}, 0 for the default"),
        ));
    }
    let ephemeral = proposal.spec.os_disk_type == "Ephemeral";
    match ephemeral && proposal.size.is_some_and(|size| !size.supports_ephemeral(gib)) {
        true => {
            let why = format!("VM size '{}' has no room for an ephemeral OS disk of {gib} GiB", proposal.spec.vm_size);
            let accepted = proposal.size.and_then(|size| size.temp_disk_gib);
            let accepted = accepted.map_or("Managed".to_owned(), |most| format!("Managed, or at most {most} GiB"));
            Err(PoolRefusal::parameter("V-8", "agentPoolProfile.osDiskType", why, accepted))
        }
        false => Ok(()),
    }
}
