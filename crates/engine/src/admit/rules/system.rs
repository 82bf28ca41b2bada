//! What a system pool must be, and that one remains (aks-semantics SP-1 to SP-3).
//!
//! A change from User to System meets every rule here, because rules judge what the pool is to be.

use super::super::Ask;
use super::Proposal;
use nodelane_model::pool::{Mode, OsType, Power};
use nodelane_model::refusal::PoolRefusal;
use nodelane_model::{Name, NodePool};
use nodelane_world::World;

const RULE: &str = "SP-3";

fn is_system(proposal: &Proposal) -> bool {
    proposal.spec.mode == Mode::System
}

/// Linux only.
pub(super) fn linux(proposal: &Proposal) -> Result<(), PoolRefusal> {
    match is_system(proposal) && proposal.spec.os_type == OsType::Windows {
        true => Err(PoolRefusal::parameter(RULE, "agentPoolProfile.osType", "A system node pool must be Linux", "Linux, or mode User")),
        false => Ok(()),
    }
}

/// Never stopped on its own.
pub(super) fn running(proposal: &Proposal) -> Result<(), PoolRefusal> {
    match is_system(proposal) && proposal.spec.power == Power::Stopped {
        true => {
            let why = "A system node pool cannot be stopped";
            Err(PoolRefusal::parameter(RULE, "agentPoolProfile.powerState", why, "Running, or mode User; a cluster stops as a whole"))
        }
        false => Ok(()),
    }
}

/// The autoscaler keeps one machine.
pub(super) fn autoscale_minimum(proposal: &Proposal) -> Result<(), PoolRefusal> {
    let spec = proposal.spec;
    match is_system(proposal) && spec.enable_auto_scaling && spec.min_count == Some(0) {
        true => Err(PoolRefusal::parameter(RULE, "agentPoolProfile.minCount", "A system node pool keeps at least one node", "1 or more")),
        false => Ok(()),
    }
}

/// No machine is missing during a roll.
pub(super) fn unavailable(proposal: &Proposal) -> Result<(), PoolRefusal> {
    let some = proposal.spec.upgrade_settings.max_unavailable.as_ref().is_some_and(|unavailable| unavailable.scaled_up(100) > 0);
    match is_system(proposal) && some {
        true => {
            let why = "A system node pool cannot have maxUnavailable";
            Err(PoolRefusal::parameter(RULE, "agentPoolProfile.upgradeSettings.maxUnavailable", why, "0, with maxSurge above 0"))
        }
        false => Ok(()),
    }
}

/// The last system pool stays one (SP-2).
pub(super) fn mode_of_the_last(proposal: &Proposal) -> Result<(), PoolRefusal> {
    let was_system = proposal.old.is_some_and(|old| old.spec.mode == Mode::System);
    match was_system && !is_system(proposal) && !another_remains(proposal.world, proposal.name) {
        true => Err(PoolRefusal::LastSystemPool),
        false => Ok(()),
    }
}

/// Whether the cluster keeps a system pool without this one (SP-1). A pool that is being deleted does not count.
pub(in super::super) fn check_another_remains(ask: &Ask, name: &Name) -> Result<(), PoolRefusal> {
    let world = &ask.draft.world;
    let is_system = world.pool(name).is_some_and(|(_, pool)| pool.spec.mode == Mode::System);
    let refusal = PoolRefusal::LastSystemPool;
    match is_system && !another_remains(world, name) && !ask.env.excuses(&refusal) {
        true => Err(refusal),
        false => Ok(()),
    }
}

fn another_remains(world: &World, name: &Name) -> bool {
    let stays = |pool: &NodePool| pool.spec.mode == Mode::System && pool.state.deletion_started.is_none();
    world.pools().any(|(doc, pool)| doc.key.name != *name && stays(pool))
}
