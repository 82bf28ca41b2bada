//! Pods per node and the addresses that nodes and pods take (aks-semantics P-1, P-4).
//!
//! All pools of the cluster share one node range and one pod range.

use super::Proposal;
use super::quota::held;
use nodelane_catalog::{PODS_PER_NODE_MAX, PODS_PER_NODE_MIN, PODS_PER_POOL_MIN};
use nodelane_model::pool::{NodePool, Power};
use nodelane_model::refusal::PoolRefusal;

/// Addresses of every subnet that Azure keeps for itself.
const AZURE_RESERVED: u64 = 5;
/// Each node of an overlay has a block of pod addresses of this prefix length.
const OVERLAY_BLOCK_BITS: u32 = 24;

/// 10 to 250 (P-1).
pub(super) fn pods_per_node(proposal: &Proposal) -> Result<(), PoolRefusal> {
    let max_pods = proposal.spec.max_pods;
    match (PODS_PER_NODE_MIN..=PODS_PER_NODE_MAX).contains(&max_pods) {
        true => Ok(()),
        false => Err(refusal(format!("maxPods {max_pods} is out of range"), format!("{PODS_PER_NODE_MIN} to {PODS_PER_NODE_MAX}"))),
    }
}

/// Below 30 pods a node, the pool as a whole holds 30 (P-1).
pub(super) fn pods_per_pool(proposal: &Proposal) -> Result<(), PoolRefusal> {
    let spec = proposal.spec;
    let pods = spec.max_pods * spec.count;
    match spec.max_pods >= PODS_PER_POOL_MIN || pods >= PODS_PER_POOL_MIN || spec.power == Power::Stopped {
        true => Ok(()),
        false => {
            let why = format!("{} nodes with maxPods {} hold {pods} pods", spec.count, spec.max_pods);
            let nodes = PODS_PER_POOL_MIN.div_ceil(spec.max_pods.max(1));
            Err(refusal(why, format!("maxPods {PODS_PER_POOL_MIN} or more, or at least {nodes} nodes")))
        }
    }
}

fn refusal(why: String, accepted: String) -> PoolRefusal {
    PoolRefusal::parameter("P-1", "agentPoolProfile.maxPods", why, accepted)
}

/// The subnets have addresses for all nodes, with an autoscaled pool's maximum in place of its count (P-4).
pub(super) fn addresses(proposal: &Proposal) -> Result<(), PoolRefusal> {
    let raised = proposal.old.is_none_or(|old| old.spec.max_count != proposal.spec.max_count);
    if proposal.step.adds == 0 && !raised {
        return Ok(());
    }
    let cluster = proposal.cluster;
    let overlay = cluster.network_plugin_mode.eq_ignore_ascii_case("overlay");
    let node_subnet = !overlay && cluster.network_plugin == "azure" && !proposal.spec.rest.contains_key("podSubnetID");
    let per_node = |max_pods: u32| if node_subnet { 1 + u64::from(max_pods) } else { 1 };
    let others = proposal.world.pools().filter(|(doc, _)| doc.key.name != *proposal.name);
    let (mut nodes, mut addresses) = (0, 0);
    for (doc, pool) in others {
        let most = u64::from(most_nodes(pool).max(held(proposal.world, &doc.key.name, pool)));
        nodes += most;
        addresses += most * per_node(pool.spec.max_pods);
    }
    let spec = proposal.spec;
    let most = u64::from(spec.max_count.filter(|_| spec.enable_auto_scaling).unwrap_or(spec.count) + proposal.step.surge);
    nodes += most;
    addresses += most * per_node(spec.max_pods);
    if let Some(room) = addresses_in(&cluster.node_cidr).map(|all| all.saturating_sub(AZURE_RESERVED))
        && addresses > room
    {
        return Err(too_many(addresses, room, &cluster.node_cidr, "aks-subnet"));
    }
    match blocks_in(&cluster.pod_cidr).filter(|blocks| overlay && nodes > *blocks) {
        Some(blocks) => Err(too_many(nodes << (32 - OVERLAY_BLOCK_BITS), blocks << (32 - OVERLAY_BLOCK_BITS), &cluster.pod_cidr, "pods")),
        None => Ok(()),
    }
}

fn most_nodes(pool: &NodePool) -> u32 {
    pool.spec.max_count.filter(|_| pool.spec.enable_auto_scaling).unwrap_or(pool.spec.count)
}

fn too_many(needed: u64, available: u64, cidr: &str, subnet: &str) -> PoolRefusal {
    PoolRefusal::SubnetSize { needed, available, cidr: cidr.into(), subnet: subnet.into() }
}

fn prefix_of(cidr: &str) -> Option<u32> {
    cidr.split_once('/')?.1.parse().ok().filter(|bits| *bits <= 32)
}

/// Addresses of a range.
fn addresses_in(cidr: &str) -> Option<u64> {
    prefix_of(cidr).map(|bits| 1 << (32 - bits))
}

/// Blocks of a node's size in a range.
fn blocks_in(cidr: &str) -> Option<u64> {
    prefix_of(cidr).map(|bits| if bits > OVERLAY_BLOCK_BITS { 0 } else { 1 << (OVERLAY_BLOCK_BITS - bits) })
}
