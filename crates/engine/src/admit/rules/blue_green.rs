//! Blue-green upgrades of a pool (aks-semantics BG-1, BG-2): previews only, within their ranges, and not beside what rolls have.
//!
//! Quota, addresses and the limit of nodes count the whole new set as surge, so they need no rules here.

use super::Proposal;
use nodelane_model::pool::Priority;
use nodelane_model::refusal::PoolRefusal;

/// The first api-version that has them.
const SINCE: &str = "2025-08-02-preview";

/// The strategy may be asked for, and its settings are in their ranges.
pub(super) fn allowed(proposal: &Proposal) -> Result<(), PoolRefusal> {
    let spec = proposal.spec;
    let of = |spec: &nodelane_model::pool::PoolSpec| {
        [spec.rest.get("upgradeStrategy"), spec.rest.get("upgradeSettingsBlueGreen")].map(|value| value.cloned())
    };
    if proposal.old.map_or([None, None], |old| of(&old.spec)) == of(spec) {
        return Ok(());
    }
    if !proposal.origin.previews(SINCE) {
        let accepted = format!("api-version {SINCE} or a later preview");
        return Err(refusal("upgradeStrategy", "upgradeStrategy needs a preview api-version".into(), &accepted));
    }
    let Some(settings) = crate::upgrade::blue_green::settings(spec) else { return Ok(()) };
    let rolling = &spec.upgrade_settings;
    if rolling.max_unavailable.as_ref().is_some_and(|some| some.scaled_up(100) > 0)
        || rolling.undrainable_node_behavior.is_some_and(|it| it != Default::default())
    {
        return Err(refusal(
            "upgradeStrategy",
            "BlueGreen has no maxUnavailable and no undrainableNodeBehavior".into(),
            "one or the other",
        ));
    }
    if spec.priority == Priority::Spot {
        return Err(refusal("upgradeStrategy", "A spot pool cannot be upgraded blue-green".into(), "Rolling"));
    }
    let ranges = [
        ("drainTimeoutInMinutes", settings.drain_timeout, 1..=1440),
        ("batchSoakDurationInMinutes", settings.batch_soak, 0..=1440),
        ("finalSoakDurationInMinutes", settings.final_soak, 0..=10_080),
        ("minReadyPercent", settings.ready_percent, 0..=100),
    ];
    match ranges.iter().find(|(_, value, range)| !range.contains(value)) {
        Some((key, _, range)) => {
            let accepted = format!("{} to {}", range.start(), range.end());
            Err(refusal(&format!("upgradeSettingsBlueGreen.{key}"), format!("{key} is out of range"), &accepted))
        }
        None => Ok(()),
    }
}

fn refusal(property: &str, why: String, accepted: &str) -> PoolRefusal {
    PoolRefusal::parameter("BG-1", &format!("agentPoolProfile.{property}"), why, accepted)
}
