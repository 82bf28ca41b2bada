//! Another Kubernetes version, another image, another distribution: the machines are reimaged in a roll.
//!
//! Here it is decided that there is to be one, and with what; the roll itself is the planner's.

use super::pool::{Brought, Met, count, refused, repeat, verdict};
use super::update::{self, Wish};
use super::{Ask, pool, rules};
use nodelane_catalog::{Catalog, OsSku, Version};
use nodelane_model::change::Accepted;
use nodelane_model::operation::{Progress, UpgradePhase};
use nodelane_model::pool::{PoolSpec, Power};
use nodelane_model::refusal::PoolRefusal;
use nodelane_model::{Name, NodePool, Refusal};
use nodelane_world::World;
use serde_json::Value;

/// Properties whose change needs another image (aks-semantics M-2).
const REIMAGING: [&str; 3] = ["enableFIPS", "securityProfile", "artifactStreamingProfile"];

/// A roll from its start.
pub(super) fn begin() -> Progress {
    Progress::Upgrade(UpgradePhase::Surging)
}

/// The newest image for a pool at a version; `None` where there is none for its OS SKU or size.
pub(crate) fn newest_image(catalog: &Catalog, spec: &PoolSpec, version: &str) -> Option<Name> {
    let version: Version = version.parse().ok()?;
    let sku = OsSku::from_name(&spec.os_sku)?.effective(version).ok()?;
    let image = catalog.newest_image(sku)?.version(catalog.size(&spec.vm_size)?.image_variant())?;
    Some(image.into())
}

/// Whether what a PUT changes needs a roll to the newest image (aks-semantics M-2, UV-7, O-3).
///
/// Another spelling of the version that the pool has is no upgrade (aks-semantics UV-5).
pub(super) fn renews_image(ask: &Ask, old: &NodePool, spec: &PoolSpec, asked_image: Option<&Value>) -> bool {
    let respelled = spec.orchestrator_version != old.spec.orchestrator_version;
    let version = rules::resolve(&ask.env.catalog, &ask.draft.world, &spec.orchestrator_version);
    let moves = respelled && version.is_none_or(|version| version.to_string() != old.state.version.as_str());
    let differs = REIMAGING.iter().any(|key| spec.rest.get(*key) != old.spec.rest.get(*key));
    let resized = !spec.vm_size.eq_ignore_ascii_case(&old.spec.vm_size);
    moves || spec.os_sku != old.spec.os_sku || resized || differs || asked_image.is_some()
}

/// Whether machines still have another version or image than the pool is to have.
pub(super) fn is_unfinished(world: &World, name: &Name, pool: &NodePool) -> bool {
    rules::machines(world, name)
        .filter(|machine| machine.is_wanted())
        .any(|machine| machine.running.is_some() && crate::upgrade::is_behind(machine, pool))
}

/// Extra machines that a roll of a pool makes at most (aks-semantics US-1, UR-3).
pub(super) fn surge(spec: &PoolSpec, old: &NodePool, count: u32) -> u32 {
    if spec.power == Power::Stopped || count == 0 {
        return 0;
    }
    let pool = NodePool { spec: spec.clone(), state: old.state.clone() };
    crate::upgrade::bounds::bounds(&pool, count).surge
}

/// A roll together with a scale, a stop or a start in one request.
pub(super) fn not_with_a_scale() -> Refusal {
    PoolRefusal::NotAllowed {
        rule: "M-2",
        why: "Changing the version or image of an agent pool together with its count or power state is not allowed.".into(),
        accepted: "the version or image in one request, count or power state in another".into(),
    }
    .into()
}

/// The machines of a pool get the newest image of their version.
pub(super) fn image(ask: &mut Ask, name: &Name) -> Result<Accepted, Refusal> {
    if let Some(answer) = repeat(ask, name) {
        return Ok(answer);
    }
    pool::check_cluster(&ask.draft.world)?;
    let verdict = verdict(Met::of(&ask.draft.world, name), Brought::Image);
    if let Some(refusal) = refused(ask, name, verdict, "UpgradingNodeImageVersion") {
        return Err(refusal);
    }
    let Some((doc, old)) = ask.draft.world.pool(name).map(|(doc, pool)| (doc.clone(), pool.clone())) else {
        return Ok(ask.unchanged(None));
    };
    let is_newest = newest_image(&ask.env.catalog, &old.spec, &old.state.version).is_none_or(|newest| newest == old.state.image);
    if is_newest && !is_unfinished(&ask.draft.world, name, &old) {
        return Ok(ask.unchanged(Some(doc)));
    }
    let mut spec = old.spec.clone();
    spec.count = count(&ask.draft.world, name, &old);
    update::begin(ask, 0, name, &old, Wish { spec, progress: begin(), renews_image: true, image_only: true, back_to: None })
}
