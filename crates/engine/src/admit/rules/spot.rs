//! Spot pools (aks-semantics S-1, S-2, S-4, SP-3).
//!
//! That priority, policy and price are fixed is in mutability; the taint of every spot pool is set, not judged (S-3).

use super::Proposal;
use nodelane_model::pool::{Mode, Priority};
use nodelane_model::refusal::PoolRefusal;

/// Digits behind the point of a price.
const DECIMALS: usize = 5;

fn is_spot(proposal: &Proposal) -> bool {
    proposal.spec.priority == Priority::Spot
}

/// A system pool is never spot (SP-3, S-1).
pub(super) fn not_system(proposal: &Proposal) -> Result<(), PoolRefusal> {
    match is_spot(proposal) && proposal.spec.mode == Mode::System {
        true => {
            let why = "A system node pool cannot have scaleSetPriority Spot";
            Err(PoolRefusal::parameter("SP-3", "agentPoolProfile.scaleSetPriority", why, "Regular, or mode User"))
        }
        false => Ok(()),
    }
}

/// -1, or above 0 with five decimals; nothing of the kind on a regular pool (S-2).
pub(super) fn price(proposal: &Proposal) -> Result<(), PoolRefusal> {
    let spec = proposal.spec;
    if !is_spot(proposal) {
        return match spec.spot_max_price.is_empty() && spec.eviction_policy.is_empty() {
            true => Ok(()),
            false => {
                let why = "spotMaxPrice and scaleSetEvictionPolicy can only be set when scaleSetPriority is Spot";
                Err(PoolRefusal::parameter("S-2", "agentPoolProfile.spotMaxPrice", why, "null, or scaleSetPriority Spot"))
            }
        };
    }
    let text = spec.spot_max_price.as_str();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_price =
        digits(whole) && digits(fraction) && fraction.len() <= DECIMALS && text.bytes().any(|byte| (b'1'..=b'9').contains(&byte));
    match text == "-1" || is_price {
        true => Ok(()),
        false => {
            let why = format!("spotMaxPrice {text} is not valid");
            Err(PoolRefusal::parameter("S-2", "agentPoolProfile.spotMaxPrice", why, "-1, or a price above 0 with at most 5 decimals"))
        }
    }
}

/// No surge (S-4).
pub(super) fn surge(proposal: &Proposal) -> Result<(), PoolRefusal> {
    match is_spot(proposal) && proposal.spec.upgrade_settings.max_surge.is_some() {
        true => Err(PoolRefusal::parameter("S-4", "agentPoolProfile.upgrade.maxSurge", "Spot pools can't set max surge", "no maxSurge")),
        false => Ok(()),
    }
}

/// The size is sold as spot (S-1).
pub(super) fn capacity(proposal: &Proposal) -> Result<(), PoolRefusal> {
    match is_spot(proposal) && proposal.size.is_some_and(|size| !size.spot_capable) {
        true => {
            let why = format!("VM size '{}' is not sold as Spot", proposal.spec.vm_size);
            Err(PoolRefusal::parameter("S-1", "agentPoolProfile.vmSize", why, "Regular, or a size with spot capacity"))
        }
        false => Ok(()),
    }
}
