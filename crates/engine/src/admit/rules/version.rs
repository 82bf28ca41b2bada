//! Kubernetes versions of a pool against what is on offer and against the control plane (aks-semantics UV-1, UV-2, UV-4, UV-5).
//!
//! A pool whose version does not change is not judged: it may have fallen behind what is on offer.

use super::Proposal;
use nodelane_catalog::{Catalog, Version};
use nodelane_model::refusal::PoolRefusal;
use nodelane_world::World;

/// Minor versions that a pool may lag behind, for control planes from 1.28 on, and before.
const SKEW: (u32, u32) = (3, 2);

/// How many minor versions a pool may lag behind a control plane (UV-2; section 9 item 3).
pub(in super::super) fn skew_of(control_plane: Version) -> u32 {
    if control_plane.release() >= (1, 28) { SKEW.0 } else { SKEW.1 }
}

/// The full version that a text names (UV-5). The alias of the control plane's own minor is never above the control plane.
pub(in super::super) fn resolve(catalog: &Catalog, world: &World, text: &str) -> Option<Version> {
    let version = catalog.resolve_version(text)?;
    let control_plane: Option<Version> = world.cluster().and_then(|cluster| cluster.state.version.parse().ok());
    let is_alias = text.matches('.').count() == 1;
    match control_plane.filter(|control_plane| is_alias && control_plane.release() == version.release()) {
        Some(control_plane) => Some(version.min(control_plane)),
        None => Some(version),
    }
}

fn moved(proposal: &Proposal) -> Option<Version> {
    let unchanged = proposal.old.is_some_and(|old| Some(old.state.version.as_str()) == proposal.version.map(|v| v.to_string()).as_deref());
    proposal.version.filter(|_| !unchanged)
}

/// The version is on offer (UV-4).
pub(super) fn on_offer(proposal: &Proposal) -> Result<(), PoolRefusal> {
    match proposal.version {
        Some(_) => Ok(()),
        None => Err(PoolRefusal::VersionNotSupported { version: proposal.spec.orchestrator_version.clone(), for_pool: true }),
    }
}

/// Not above the control plane, to the patch (UV-1).
pub(super) fn control_plane(proposal: &Proposal) -> Result<(), PoolRefusal> {
    match moved(proposal).filter(|version| *version > proposal.control_plane) {
        Some(version) => Err(PoolRefusal::AboveControlPlane {
            pool: version.to_string().into(),
            control_plane: proposal.control_plane.to_string().into(),
        }),
        None => Ok(()),
    }
}

/// Not too far behind the control plane (UV-2).
pub(super) fn skew(proposal: &Proposal) -> Result<(), PoolRefusal> {
    let minors = skew_of(proposal.control_plane);
    match moved(proposal).filter(|version| version.minor + minors < proposal.control_plane.minor) {
        Some(version) => Err(PoolRefusal::TooFarBehind {
            pool: version.to_string().into(),
            control_plane: proposal.control_plane.to_string().into(),
            minors,
        }),
        None => Ok(()),
    }
}

/// Never down, but in a rollback (UV-4, RB-1).
pub(super) fn no_downgrade(proposal: &Proposal) -> Result<(), PoolRefusal> {
    let from: Option<Version> = proposal.old.and_then(|old| old.state.version.parse().ok());
    let (Some(from), Some(to)) = (from, moved(proposal)) else {
        return Ok(());
    };
    if to >= from || proposal.step.back_to.is_some() {
        return Ok(());
    }
    let releases = proposal.env.catalog.releases().iter().map(|release| release.version);
    let available = releases.filter(|version| *version > from && *version <= proposal.control_plane);
    Err(PoolRefusal::UpgradePath {
        rule: "UV-4",
        from: from.to_string().into(),
        to: to.to_string().into(),
        available: available.map(|version| version.to_string().into()).collect(),
    })
}
