//! Zones (aks-semantics Z-1, Z-2): a subset of those of the region in which the size is sold.
//!
//! That they are fixed is in mutability. A pool without zones is regional.

use super::Proposal;
use nodelane_model::Name;
use nodelane_model::refusal::{PoolRefusal, UnsupportedZones};

/// Every zone is there.
pub(super) fn supported(proposal: &Proposal) -> Result<(), PoolRefusal> {
    let (Some(region), Some(size)) = (proposal.region, proposal.size) else {
        return Ok(());
    };
    if proposal.old.is_some() && !super::resize::is_one(proposal) {
        return Ok(());
    }
    let supported = proposal.env.catalog.zones(region, size);
    let asked = &proposal.spec.availability_zones;
    let zones: Vec<Name> = asked.iter().filter(|zone| !supported.contains(&zone.as_str())).cloned().collect();
    if zones.is_empty() {
        return Ok(());
    }
    Err(PoolRefusal::ZonesNotSupported(Box::new(UnsupportedZones {
        cluster: proposal.cluster.name.clone(),
        group: proposal.cluster.resource_group.clone(),
        pool: proposal.name.clone(),
        location: proposal.cluster.location.clone(),
        zones,
        supported: supported.iter().map(|zone| Name::from(*zone)).collect(),
    })))
}
