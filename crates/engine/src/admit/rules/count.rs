//! How many: nodes of a pool, nodes of a cluster, pools of a cluster (aks-semantics L-1, L-4, L-6).
//!
//! A stopped pool is judged by its remembered count.

use super::Proposal;
use super::quota::held;
use nodelane_catalog::{MAX_NODES_PER_CLUSTER, MAX_NODES_PER_POOL, MAX_POOLS_PER_CLUSTER};
use nodelane_model::pool::{Mode, Power};
use nodelane_model::refusal::PoolRefusal;

/// Nodes of a pool at most.
pub(in super::super) const MOST: u32 = MAX_NODES_PER_POOL;

/// 0 to 1000, 1 to 1000 for a system pool (L-2, L-4).
pub(super) fn range(proposal: &Proposal) -> Result<(), PoolRefusal> {
    let min = u32::from(proposal.spec.mode == Mode::System);
    match (min..=MOST).contains(&proposal.spec.count) {
        true => Ok(()),
        false => Err(PoolRefusal::CountOutOfRange { count: proposal.spec.count.into(), min, max: MOST }),
    }
}

/// A new pool runs (ST-1).
pub(super) fn new_runs(proposal: &Proposal) -> Result<(), PoolRefusal> {
    match proposal.old.is_none() && proposal.spec.power == Power::Stopped {
        true => {
            let why = "A new agent pool cannot be stopped";
            Err(PoolRefusal::parameter("ST-1", "agentPoolProfile.powerState", why, "Running"))
        }
        false => Ok(()),
    }
}

/// A stopped pool keeps its count (ST-1).
pub(super) fn not_while_stopped(proposal: &Proposal) -> Result<(), PoolRefusal> {
    let stopped = proposal.old.is_some_and(|old| old.spec.power == Power::Stopped);
    // A start raises an autoscaled pool to its minimum (MS-3).
    let raised = proposal.spec.power == Power::Running && proposal.spec.enable_auto_scaling;
    match stopped && !raised && proposal.old.is_some_and(|old| old.spec.count != proposal.spec.count) {
        true => Err(PoolRefusal::NotAllowed {
            rule: "ST-1",
            why: "A stopped agent pool cannot be scaled.".into(),
            accepted: "the pool is started first".into(),
        }),
        false => Ok(()),
    }
}

/// A roll has room for its extra machines (L-6).
pub(super) fn room_for_surge(proposal: &Proposal) -> Result<(), PoolRefusal> {
    let (count, surge) = (proposal.spec.count, proposal.step.surge);
    match proposal.step.rolls && surge > 0 && count + surge > MOST {
        true => {
            let why = format!("{count} nodes and {surge} surge nodes are more than the {MOST} that a node pool may have");
            let accepted = format!("a maxSurge of at most {}, or maxUnavailable instead", MOST.saturating_sub(count));
            Err(PoolRefusal::parameter("L-6", "agentPoolProfile.upgradeSettings.maxSurge", why, accepted))
        }
        false => Ok(()),
    }
}

/// The cluster has room for the pool and its machines (L-1).
pub(super) fn pools_and_nodes(proposal: &Proposal) -> Result<(), PoolRefusal> {
    let pools = proposal.world.pools().count() as u32;
    if proposal.old.is_none() && pools >= MAX_POOLS_PER_CLUSTER {
        return Err(limit(format!("The cluster has {pools} agent pools."), format!("at most {MAX_POOLS_PER_CLUSTER} agent pools")));
    }
    if proposal.step.adds == 0 {
        return Ok(());
    }
    let nodes: u32 = proposal.world.pools().map(|(doc, pool)| held(proposal.world, &doc.key.name, pool)).sum();
    match nodes + proposal.step.adds > MAX_NODES_PER_CLUSTER {
        true => {
            let why = format!("The cluster has {nodes} nodes, and {} more are asked for.", proposal.step.adds);
            Err(limit(why, format!("at most {MAX_NODES_PER_CLUSTER} nodes in a cluster")))
        }
        false => Ok(()),
    }
}

fn limit(why: String, accepted: String) -> PoolRefusal {
    PoolRefusal::parameter("L-1", "agentPoolProfile.count", why.trim_end_matches('.'), accepted)
}
