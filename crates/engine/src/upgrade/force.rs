//! Upgrades that pass over disruption budgets, because the cluster's upgrade settings say so until a time (aks-semantics UD-5).
//!
//! The setting lives in the cluster's `upgradeSettings.overrideSettings`: `forceUpgrade` and `until`. Nothing is kept that says "now it is
//! over": whether it is in force is asked at each use. What is evicted against a budget is said in an event on its node and marked on the
//! operation, so that it is in the log. Not here: what else AKS lets the setting pass over (removed APIs: none that is served here).

use crate::disrupt::{self, Drained, Grant, grant};
use nodelane_model::cluster::ClusterSpec;
use nodelane_model::operation::Progress;
use nodelane_model::refusal::PoolRefusal;
use nodelane_model::{Key, Operation, Time};
use nodelane_world::{Draft, World};
use serde_json::Value;

/// For how long it is in force where no time is given.
pub const DEFAULT_MILLIS: i64 = 3 * 24 * 3_600_000;

fn override_settings(spec: &ClusterSpec) -> Option<&serde_json::Map<String, Value>> {
    spec.properties.get("upgradeSettings")?.get("overrideSettings")?.as_object()
}

/// Whether the cluster's settings ask for it at all, whatever the time.
pub fn is_asked(spec: &ClusterSpec) -> bool {
    override_settings(spec).and_then(|settings| settings.get("forceUpgrade")).and_then(Value::as_bool) == Some(true)
}

/// Until when it is in force; `None` where it is not now.
pub fn until(spec: &ClusterSpec, now: Time) -> Option<Time> {
    let until = Time::parse(override_settings(spec)?.get("until")?.as_str()?)?;
    (is_asked(spec) && now < until).then_some(until)
}

/// Judges the settings that a request brings, and gives them their default end.
///
/// # Errors
/// An end that is not a time, or that is new and not in the future.
pub fn settle(spec: &mut ClusterSpec, old: Option<&ClusterSpec>, now: Time) -> Result<(), PoolRefusal> {
    if !is_asked(spec) || old.is_some_and(|old| override_settings(old) == override_settings(spec)) {
        return Ok(());
    }
    let refusal = |why: String| {
        let accepted = "a time in the future, such as 2026-01-02T15:04:05Z, or none for three days from now";
        PoolRefusal::parameter("UD-5", "upgradeSettings.overrideSettings.until", why, accepted)
    };
    let given = override_settings(spec).and_then(|settings| settings.get("until")).filter(|given| !given.is_null()).cloned();
    match given.as_ref().map(|given| given.as_str().and_then(Time::parse)) {
        Some(None) => return Err(refusal("until is not a time".into())),
        Some(Some(until)) if until <= now => return Err(refusal(format!("until {until} is not in the future"))),
        Some(Some(_)) => return Ok(()),
        None => {}
    }
    let settings = spec.properties.get_mut("upgradeSettings").and_then(|settings| settings.get_mut("overrideSettings"));
    if let Some(settings) = settings.and_then(Value::as_object_mut) {
        settings.insert("until".into(), now.whole_seconds().plus(DEFAULT_MILLIS).to_string().into());
    }
    Ok(())
}

/// Empties a machine of an upgrade: within budgets, unless the cluster's settings pass over them now.
pub(super) fn drain(draft: &mut Draft, pool: &Key, machine: &Key) -> Drained {
    let rolls = |operation: &Operation| matches!(operation.progress, Progress::Upgrade(_)) && !operation.abort_requested;
    let runs = draft.world.pool(&pool.name).is_some_and(|(_, pool)| pool.state.operation.as_ref().is_some_and(rolls));
    let until = draft.world.cluster().and_then(|cluster| until(&cluster.spec, draft.now)).filter(|_| runs);
    let Some(until) = until else {
        return disrupt::drain(draft, machine, false); // What an upgrade has left behind is nobody's hurry.
    };
    let held: Vec<Key> = held_up(&draft.world, machine);
    let drained = disrupt::drain(draft, machine, true);
    let evicted = |pod: &&Key| draft.world.get(pod).is_none_or(|doc| doc.is_terminating());
    for pod in held.iter().filter(evicted).cloned().collect::<Vec<_>>() {
        let message =
            format!("Evicted in spite of its disruption budget, as the upgrade settings' override allows until {until}: {}", pod.name);
        super::notify(draft, &machine.name, true, "Drain", &message);
        draft.update(pool, |doc| {
            if let Some(operation) = doc.as_pool_mut().and_then(|pool| pool.state.operation.as_mut()) {
                operation.ignore_budgets = true;
            }
        });
    }
    drained
}

/// Pods on a machine that no budget lets go.
fn held_up(world: &World, machine: &Key) -> Vec<Key> {
    let pods = world.pods_on(&machine.name).filter(|pod| grant(world, pod) != Grant::Allowed);
    pods.map(|pod| pod.key.clone()).collect()
}
