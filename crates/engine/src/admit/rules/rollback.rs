//! Going back to the version and image that a pool had before (aks-semantics RB-1): when that is allowed.
//!
//! What a PUT has to name to be a rollback is decided in `admit::rollback`. Skew, quota and budgets are judged as for any roll.

use super::Proposal;
use nodelane_catalog::OsSku;
use nodelane_model::Name;
use nodelane_model::pool::UsedVersion;
use nodelane_model::refusal::PoolRefusal;

/// The first api-versions that may ask for one.
const SINCE: (&str, &str) = ("2026-04-01", "2025-08-02-preview");

/// How long after the upgrade it may be undone.
const LIMIT_DAYS: i64 = 7;
const LIMIT_MILLIS: i64 = LIMIT_DAYS * 24 * 60 * 60 * 1000;

/// A rollback is allowed now.
pub(super) fn allowed(proposal: &Proposal) -> Result<(), PoolRefusal> {
    let Some(back) = &proposal.step.back_to else { return Ok(()) };
    let origin = proposal.origin;
    // The system's own changes name no api-version.
    if !origin.api_version.is_empty() && origin.api_version.as_str() < SINCE.0 && !origin.previews(SINCE.1) {
        let accepted = format!("api-version {} or {}, or a later one", SINCE.0, SINCE.1);
        return Err(refusal(format!("An agent pool cannot be rolled back with api-version {}.", origin.api_version), accepted));
    }
    if !has_sku(proposal, back) {
        let current = proposal.old.map(|old| old.state.image.clone()).unwrap_or_default();
        return Err(image(&back.node_image_version, &current));
    }
    if let Some(channel) = channel(proposal) {
        let why = format!("The agent pool cannot be rolled back while the cluster's auto-upgrade channel is '{channel}'.");
        return Err(refusal(why, "autoUpgradeProfile.upgradeChannel 'none', then the same request".into()));
    }
    if proposal.now.since(back.timestamp) > LIMIT_MILLIS {
        let (version, image, left) = (&back.orchestrator_version, &back.node_image_version, back.timestamp);
        let why = format!("The agent pool left version {version} with image {image} at {left}, more than {LIMIT_DAYS} days ago.");
        return Err(refusal(why, "a rollback within 7 days after the upgrade".into()));
    }
    match proposal.env.catalog.resolve_version(&back.orchestrator_version) {
        Some(_) => Ok(()),
        None => Err(PoolRefusal::VersionNotSupported { version: back.orchestrator_version.clone(), for_pool: true }),
    }
}

/// The refusal of an image that a pool may not have.
pub(in super::super) fn image(asked: &str, current: &str) -> PoolRefusal {
    let why = format!("NodeImageVersion '{asked}' is not accepted. NodeImageVersion can only be current version '{current}' or 'latest'");
    refusal(why, format!("'{current}' or 'latest'"))
}

pub(in super::super) fn refusal(why: String, accepted: String) -> PoolRefusal {
    PoolRefusal::NotAllowed { rule: "RB-1", why: why.into(), accepted: accepted.into() }
}

/// Whether the image is one of the OS SKU that the pool has, at the version that it comes with.
fn has_sku(proposal: &Proposal, back: &UsedVersion) -> bool {
    let image = proposal.env.catalog.image(&back.node_image_version);
    let sku = OsSku::from_name(&proposal.spec.os_sku);
    let effective = sku.zip(back.orchestrator_version.parse().ok()).and_then(|(sku, version)| sku.effective(version).ok());
    let kept = proposal.old.is_some_and(|old| old.spec.os_sku == proposal.spec.os_sku);
    kept && image.is_some_and(|image| Some(image.os_sku) == effective)
}

/// The channel that moves the cluster's version, if any does.
fn channel(proposal: &Proposal) -> Option<Name> {
    let profile = proposal.cluster.properties.get("autoUpgradeProfile")?;
    let channel = profile.get("upgradeChannel")?.as_str()?;
    (!channel.is_empty() && !channel.eq_ignore_ascii_case("none")).then(|| channel.into())
}
