//! vCPUs that the subscription has left, by family and in the region (aks-semantics E2, US-5).
//!
//! Counted over all pools of this cluster and what the subscription's other clusters have. Stopped pools hold none. Spot machines are
//! counted with their family.

use super::Proposal;
use nodelane_catalog::Size;
use nodelane_model::Name;
use nodelane_model::machine::Intent;
use nodelane_model::pool::{NodePool, Power};
use nodelane_model::refusal::PoolRefusal;
use nodelane_world::World;

/// Machines of a pool that count: those that run, or as many as were asked for where not all run yet.
pub(super) fn held(world: &World, name: &Name, pool: &NodePool) -> u32 {
    if pool.spec.power == Power::Stopped {
        return 0;
    }
    let running = super::machines(world, name).filter(|machine| machine.intent == Intent::Run).count() as u32;
    match pool.spec.enable_auto_scaling && pool.state.operation.is_none() {
        true => running,
        false => running.max(pool.spec.count),
    }
}

/// The family has enough left.
pub(super) fn family(proposal: &Proposal) -> Result<(), PoolRefusal> {
    let Some((size, requested)) = requested(proposal, |from, size| from.quota_family == size.quota_family) else {
        return Ok(());
    };
    let used = used(proposal, |other| other.quota_family == size.quota_family);
    let elsewhere = proposal.env.used_elsewhere.get(size.quota_family).copied().unwrap_or(0);
    let remaining = proposal.env.quotas.family(size.quota_family).saturating_sub(used + elsewhere);
    match requested > remaining {
        true => Err(PoolRefusal::FamilyQuota { requested, remaining, family: size.quota_family.into(), location: location(proposal) }),
        false => Ok(()),
    }
}

/// The region has enough left.
pub(super) fn region(proposal: &Proposal) -> Result<(), PoolRefusal> {
    let Some((_, requested)) = requested(proposal, |_, _| true) else {
        return Ok(());
    };
    let elsewhere: u64 = proposal.env.used_elsewhere.values().sum();
    let remaining = proposal.env.quotas.region.saturating_sub(used(proposal, |_| true) + elsewhere);
    match requested > remaining {
        true => Err(PoolRefusal::RegionQuota { requested, remaining, location: location(proposal) }),
        false => Ok(()),
    }
}

/// vCPUs that come on top. Those of a resize are what all machines and the surge need at last, without what goes where that `counts` too.
fn requested(proposal: &Proposal, counts: impl Fn(&Size, &Size) -> bool) -> Option<(&'static Size, u64)> {
    let size = proposal.size.filter(|_| proposal.step.adds > 0)?;
    let vcpus = |machines: u32, size: &Size| u64::from(machines) * u64::from(size.vcpu);
    let Some((from, old)) = super::resize::from(proposal).zip(proposal.old) else {
        return Some((size, vcpus(proposal.step.adds, size)));
    };
    let count = held(proposal.world, proposal.name, old);
    let goes = if counts(from, size) { vcpus(count, from) } else { 0 };
    // At its worst when the surge is there and nothing has gone yet, or when all are of the larger size.
    let most = vcpus(proposal.step.surge, size).max(vcpus(count + proposal.step.surge, size).saturating_sub(goes));
    Some((size, most))
}

fn used(proposal: &Proposal, counts: impl Fn(&Size) -> bool) -> u64 {
    let pools = proposal.world.pools();
    let vcpus = pools.map(|(doc, pool)| match proposal.env.catalog.size(&pool.spec.vm_size).filter(|size| counts(size)) {
        Some(size) => u64::from(size.vcpu) * u64::from(held(proposal.world, &doc.key.name, pool)),
        None => 0,
    });
    vcpus.sum()
}

fn location(proposal: &Proposal) -> Name {
    proposal.cluster.location.clone()
}
