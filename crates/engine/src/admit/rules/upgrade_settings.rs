//! How a pool is rolled (aks-semantics US-3, UD-1).
//!
//! Drain timeouts are taken from 1 minute on, as the wire model has them. What the settings amount to is in the room's `upgrade`.

use super::Proposal;
use nodelane_model::pool::Priority;
use nodelane_model::refusal::PoolRefusal;

/// Minutes that a drain may take.
const DRAIN_MINUTES: std::ops::RangeInclusive<u32> = 1..=1440;
/// Minutes that an emptied node may wait, at most.
const SOAK_MINUTES_MAX: u32 = 30;

/// The first api-version in which a pool may name both, the one as fallback of the other; the sources give no date, so it is that of the
/// preview that brought blue-green upgrades (BG-1).
const BOTH_SINCE: &str = "2025-08-02-preview";

/// Exactly one of surge and unavailable is above 0 (US-3); both may be in a preview, and remain where they are. A spot pool has neither.
pub(super) fn surge_or_unavailable(proposal: &Proposal) -> Result<(), PoolRefusal> {
    let settings = &proposal.spec.upgrade_settings;
    let amount = |value: &Option<nodelane_model::budget::IntOrPercent>| value.as_ref().map(|value| value.scaled_up(100));
    let same = |old: &nodelane_model::NodePool| {
        let old = &old.spec.upgrade_settings;
        (&old.max_surge, &old.max_unavailable) == (&settings.max_surge, &settings.max_unavailable)
    };
    let may_both = proposal.origin.previews(BOTH_SINCE) || proposal.old.is_some_and(same);
    if proposal.spec.priority == Priority::Spot {
        return Ok(());
    }
    match (amount(&settings.max_surge), amount(&settings.max_unavailable).unwrap_or(0)) {
        (Some(surge), unavailable) if surge > 0 && unavailable > 0 && !may_both => {
            Err(PoolRefusal::SurgeAndUnavailable { both_zero: false })
        }
        (Some(0), 0) => Err(PoolRefusal::SurgeAndUnavailable { both_zero: true }),
        // Without a surge of its own the pool has none beside an unavailable machine, and the default otherwise.
        (Some(_) | None, _) => Ok(()),
    }
}

/// 1 to 1440 minutes (UD-1).
pub(super) fn drain(proposal: &Proposal) -> Result<(), PoolRefusal> {
    let minutes = proposal.spec.upgrade_settings.drain_timeout_in_minutes;
    match minutes.is_none_or(|minutes| DRAIN_MINUTES.contains(&minutes)) {
        true => Ok(()),
        false => Err(refusal("drainTimeoutInMinutes", "1 to 1440 minutes")),
    }
}

/// 0 to 30 minutes (UD-1).
pub(super) fn soak(proposal: &Proposal) -> Result<(), PoolRefusal> {
    let minutes = proposal.spec.upgrade_settings.node_soak_duration_in_minutes;
    match minutes.is_none_or(|minutes| minutes <= SOAK_MINUTES_MAX) {
        true => Ok(()),
        false => Err(refusal("nodeSoakDurationInMinutes", "0 to 30 minutes")),
    }
}

/// Nodes that may be given up, where what becomes of them is said (UD-3).
pub(super) fn blocked(proposal: &Proposal) -> Result<(), PoolRefusal> {
    let settings = &proposal.spec.upgrade_settings;
    match settings.max_blocked_nodes.is_some() && settings.undrainable_node_behavior.is_none() {
        true => {
            let parameter = "agentPoolProfile.upgradeSettings.maxBlockedNodes";
            let why = "maxBlockedNodes needs undrainableNodeBehavior";
            Err(PoolRefusal::parameter("UD-3", parameter, why, "undrainableNodeBehavior Schedule or Cordon beside it"))
        }
        false => Ok(()),
    }
}

fn refusal(property: &str, accepted: &str) -> PoolRefusal {
    let parameter = format!("agentPoolProfile.upgradeSettings.{property}");
    PoolRefusal::parameter("UD-1", &parameter, format!("{property} is out of range"), accepted)
}
