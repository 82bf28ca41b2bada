//! The bounds of an autoscaled pool (aks-semantics MS-2).
//!
//! That the count lies between them is not asked: below the minimum it is raised, above the maximum nothing is removed (MS-3).

use super::Proposal;
use super::count::MOST;
use nodelane_model::refusal::PoolRefusal;

/// Both bounds with the autoscaler, none without; 0 <= min <= max <= 1000, and max at least 1.
pub(super) fn bounds(proposal: &Proposal) -> Result<(), PoolRefusal> {
    let spec = proposal.spec;
    let refuse = |parameter: &str, why: &str, accepted: String| Err(PoolRefusal::parameter("MS-2", parameter, why, accepted));
    match (spec.enable_auto_scaling, spec.min_count, spec.max_count) {
        (false, None, None) => Ok(()),
        (false, min, _) => {
            let parameter = if min.is_some() { "agentPoolProfile.minCount" } else { "agentPoolProfile.maxCount" };
            refuse(
                parameter,
                "minCount and maxCount must be null when enableAutoScaling is false",
                "null, or enableAutoScaling true".into(),
            )
        }
        (true, Some(min), Some(max)) if min > max => {
            refuse("agentPoolProfile.minCount", "minCount must not be greater than maxCount", format!("0 to {max}"))
        }
        (true, Some(_), Some(max)) if !(1..=MOST).contains(&max) => {
            refuse("agentPoolProfile.maxCount", "maxCount is out of range", format!("1 to {MOST}"))
        }
        (true, Some(_), Some(_)) => Ok(()),
        (true, min, _) => {
            let parameter = if min.is_none() { "agentPoolProfile.minCount" } else { "agentPoolProfile.maxCount" };
            refuse(parameter, "minCount and maxCount are required when enableAutoScaling is true", format!("0 to {MOST}"))
        }
    }
}
