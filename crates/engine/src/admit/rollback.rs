//! Rollback (aks-semantics RB-1): a PUT that names the version and the image that the pool had before, both of them.
//!
//! Only the last pair counts, and none that a rollback left: going forward again is an upgrade. Whether it is allowed now is for
//! `rules::rollback`; how the machines get there is the roll of any upgrade.

use super::update::ASKED_IMAGE;
use super::{Ask, rules, upgrade};
use nodelane_model::pool::{PoolSpec, PoolState, UsedVersion};
use nodelane_model::{NodePool, Refusal, Time};
use serde_json::Value;

/// Versions and images that a pool remembers: RB-1 needs one, a blue-green rollback that turns back a second one.
const RECENTLY_USED_LIMIT: usize = 4;

/// What a PUT goes back to; `None` where it is no rollback.
pub(super) fn wanted(old: &NodePool, spec: &PoolSpec) -> Option<UsedVersion> {
    let state = &old.state;
    let kept = spec.orchestrator_version == old.spec.orchestrator_version;
    let version = if kept { &state.version } else { &spec.orchestrator_version };
    let image = spec.rest.get(ASKED_IMAGE).and_then(Value::as_str).unwrap_or(&state.image);
    let names = |used: &&UsedVersion| used.orchestrator_version == *version && used.node_image_version == image;
    old.before().filter(names).filter(|_| *version != state.version || image != state.image).cloned()
}

/// Judges the image that a PUT names, where it is not the pool's own.
pub(super) fn check_image(ask: &Ask, old: &NodePool, spec: &PoolSpec) -> Result<(), Refusal> {
    let Some(asked) = spec.rest.get(ASKED_IMAGE).map(|asked| asked.as_str().unwrap_or_default()) else {
        return Ok(());
    };
    let newest = upgrade::newest_image(&ask.env.catalog, spec, &old.state.version);
    if asked == "latest" || newest.as_deref() == Some(asked) || wanted(old, spec).is_some() {
        return Ok(());
    }
    if old.state.recently_used.first().is_some_and(|used| used.rolled_back && used.node_image_version == asked) {
        let why = "The agent pool was rolled back already: two rollbacks cannot follow each other.";
        return Err(rules::rollback::refusal(why.into(), "an upgrade".into()).into());
    }
    Err(rules::rollback::image(asked, &old.state.image).into())
}

/// Remembers what a pool has, before it gets something else.
pub(super) fn remember(state: &mut PoolState, now: Time, rolled_back: bool) {
    let (version, image) = (state.version.clone(), state.image.clone());
    let used = UsedVersion { orchestrator_version: version, node_image_version: image, timestamp: now, rolled_back };
    state.recently_used.insert(0, used);
    state.recently_used.truncate(RECENTLY_USED_LIMIT);
}
