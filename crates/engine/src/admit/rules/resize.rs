//! Another VM size in place (aks-semantics M-3): which sizes may follow which, and what a request may not change beside it.
//!
//! Only a preview api-version may ask; others get M-1's answer from `mutability`. The machines are replaced one after another, so a pool
//! without a surge cannot be resized. Not here: what a size must have for any pool (`size`), zones (`zone`), quota (`quota`).

use super::Proposal;
use nodelane_catalog::{ResizeRefusal, Size};
use nodelane_model::pool::{Power, Priority};
use nodelane_model::refusal::PoolRefusal;

/// The first api-version that may change a pool's size (M-1, M-3).
const SINCE: &str = "2026-01-02-preview";

/// Whether the pool is to have another size.
pub(super) fn is_one(proposal: &Proposal) -> bool {
    proposal.old.is_some_and(|old| !old.spec.vm_size.eq_ignore_ascii_case(&proposal.spec.vm_size))
}

/// Whether the request may ask for one at all.
pub(super) fn may_ask(proposal: &Proposal) -> bool {
    proposal.origin.previews(SINCE)
}

/// The size that the pool has; `None` where it keeps it.
pub(super) fn from(proposal: &Proposal) -> Option<&'static Size> {
    proposal.env.catalog.size(&proposal.old.filter(|_| is_one(proposal))?.spec.vm_size)
}

/// The new size can take the place of the old one.
pub(super) fn compatible(proposal: &Proposal) -> Result<(), PoolRefusal> {
    let (Some(from), Some(to)) = (from(proposal), proposal.size) else { return Ok(()) };
    let Some(why) = from.resize_refusal(to) else { return Ok(()) };
    let (why, accepted) = match why {
        ResizeRefusal::Arch => ("another processor architecture", format!("a size of {:?}", from.arch)),
        ResizeRefusal::Generation => ("another Hyper-V generation", format!("a size of generation {}", from.generation)),
        ResizeRefusal::GainsGpu => ("GPUs that the pool does not have", "a size without GPUs, or a new pool".to_owned()),
    };
    Err(refusal(format!("VM size '{}' has {why}; the pool has '{}'", to.name, from.name), accepted))
}

/// Nothing else that rolls or scales changes, and there is a surge to do it with (M-3).
pub(super) fn alone(proposal: &Proposal) -> Result<(), PoolRefusal> {
    let Some(old) = proposal.old.filter(|_| is_one(proposal)) else { return Ok(()) };
    let version = proposal.version.map(|version| version.to_string());
    if version.is_some_and(|version| version != old.state.version.as_str()) {
        return Err(refusal("VM size and Kubernetes version change in one request".into(), "one of them in a request".into()));
    }
    if proposal.spec.priority == Priority::Spot {
        return Err(refusal("a spot pool has no surge to be resized with".into(), "a new spot pool of that size".into()));
    }
    let rolls = proposal.spec.power == Power::Running && proposal.spec.count > 0;
    match rolls && proposal.step.surge == 0 {
        true => Err(PoolRefusal::parameter(
            "M-3",
            "agentPoolProfile.upgradeSettings.maxSurge",
            "a pool is resized with surge machines, and maxSurge is 0",
            "a maxSurge of 1 or more",
        )),
        false => Ok(()),
    }
}

fn refusal(why: String, accepted: String) -> PoolRefusal {
    PoolRefusal::parameter("M-3", "agentPoolProfile.vmSize", why, accepted)
}
