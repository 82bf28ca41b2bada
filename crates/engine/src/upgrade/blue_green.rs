//! Blue-green upgrades (aks-semantics BG-1, BG-2): a full green set comes, the blue one is emptied by batches, and goes only at the end.
//!
//! Green machines are the pool's extra ones until the last phase, so that blue is the pool until then: whatever fails, or an abort,
//! lets blue take pods again, sends green away and gives the pool its old version back. Beyond AKS the roll turns back by itself where
//! a gate does not hold at the end of a soak. Not here: who may ask for it (`admit`).

use super::{advance, bounds, is_behind, let_go, notify, prepare};
use crate::disrupt::{self, Drained};
use crate::fleet::{self, extra, own};
use crate::operation::{PROVISION_LIMIT_MILLIS, end, end_with, error, provider_error};
use nodelane_model::budget::IntOrPercent;
use nodelane_model::machine::{CordonOwner, Intent, MachinePhase, Roll, Rolled};
use nodelane_model::operation::{Operation, OperationError, Outcome, Progress, UpgradePhase};
use nodelane_model::pool::{PoolSpec, Power};
use nodelane_model::{Doc, Key, NodePool, Time};
use nodelane_world::{Draft, List};
use serde_json::Value;
use std::sync::Arc;

/// How a blue-green upgrade goes; times in minutes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Blue machines that are emptied at once.
    pub batch: IntOrPercent,
    /// How long a drain may take.
    pub drain_timeout: u32,
    /// How long is waited after a batch.
    pub batch_soak: u32,
    /// How long is waited before blue goes.
    pub final_soak: u32,
    /// Percent of the green machines that must be Ready at the end of each soak (ours).
    pub ready_percent: u32,
    /// Pods created since the upgrade began that may have no node at the end of each soak (ours); any number where it is absent.
    pub pending_pods: Option<u32>,
}

/// Percent of the green machines that must be Ready where the pool does not say.
const READY_PERCENT: u32 = 90;

/// The pool's settings; `None` where it is upgraded by rolls.
pub fn settings(spec: &PoolSpec) -> Option<Settings> {
    spec.rest.get("upgradeStrategy")?.as_str().filter(|strategy| strategy.eq_ignore_ascii_case("BlueGreen"))?;
    let given = |key: &str| spec.rest.get("upgradeSettingsBlueGreen").and_then(|settings| settings.get(key));
    let number = |key: &str| given(key).and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok());
    let batch = given("drainBatchSize").and_then(|size| match size {
        Value::String(text) => IntOrPercent::parse(text),
        other => IntOrPercent::parse(&other.to_string()),
    });
    Some(Settings {
        batch: batch.unwrap_or(IntOrPercent::Percent(10)),
        drain_timeout: number("drainTimeoutInMinutes").unwrap_or(30),
        batch_soak: number("batchSoakDurationInMinutes").unwrap_or(15),
        final_soak: number("finalSoakDurationInMinutes").unwrap_or(60),
        ready_percent: number("minReadyPercent").unwrap_or(READY_PERCENT),
        pending_pods: number("maxPendingPods"),
    })
}

/// Takes the next step of a blue-green upgrade.
pub fn step(draft: &mut Draft, key: &Key, pool: &NodePool, operation: &Operation, phase: UpgradePhase) {
    let Some(settings) = settings(&pool.spec) else { return };
    match phase {
        UpgradePhase::Greening => green(draft, key, pool, operation),
        UpgradePhase::Moving => move_pods(draft, key, pool, operation, &settings),
        UpgradePhase::Settling => settle(draft, key, pool, operation, &settings),
        UpgradePhase::Retiring => retire(draft, key, pool),
        UpgradePhase::Surging | UpgradePhase::Rolling | UpgradePhase::Unsurging => {}
    }
}

/// The full green set comes; where it does not, blue was not touched.
fn green(draft: &mut Draft, key: &Key, pool: &NodePool, operation: &Operation) {
    if let Some(failed) = prepare(draft, key, pool, operation) {
        return roll_back(draft, key, operation, provider_error(operation.progress, failed.failure));
    }
    let blue = blue(draft, key, pool);
    if pool.spec.power == Power::Stopped || blue.is_empty() {
        return end(draft, key, Outcome::Succeeded, None);
    }
    let came = extra(&draft.world, &key.name);
    if let Some(failed) = came.iter().filter_map(|doc| doc.as_machine()).find(|machine| machine.phase == MachinePhase::Failed) {
        let failure = failed.failure.clone();
        return roll_back(draft, key, operation, provider_error(operation.progress, failure));
    }
    came.iter().for_each(|doc| disrupt::release(draft, &doc.key));
    (came.len()..blue.len()).for_each(|_| drop(fleet::add(draft, key, true)));
    let green = extra(&draft.world, &key.name);
    let ready = green.iter().filter(|doc| fleet::is_schedulable(&draft.world, doc)).count();
    let deadline = operation.phase_since.plus(PROVISION_LIMIT_MILLIS);
    if ready == green.len() {
        for doc in &green {
            let name = &doc.key.name;
            notify(draft, name, false, "Surge", &format!("Created a surge node [{name} {0}] for agentpool {0}", key.name));
        }
        blue.iter().for_each(|doc| disrupt::cordon(draft, &doc.key, CordonOwner::Operation));
        advance(draft, key);
    } else if draft.now >= deadline {
        let message = format!("Not all nodes reached Ready state. Expected: {}, Actual: {ready}", green.len());
        roll_back(draft, key, operation, error("NodesNotReady", message));
    } else {
        draft.world.work.wake(deadline, List::Operations, key.clone());
    }
}

/// Blue is emptied by batches, with a soak and a look at the gates after each.
fn move_pods(draft: &mut Draft, key: &Key, pool: &NodePool, operation: &Operation, settings: &Settings) {
    let blue = blue(draft, key, pool);
    let timeout = i64::from(settings.drain_timeout) * 60_000;
    for doc in blue.iter().filter(|doc| roll(doc) == Some(Roll::Draining)) {
        match super::force::drain(draft, key, &doc.key) {
            Drained::Yes(_) => fleet::change(draft, &doc.key, |machine| machine.roll = Some(Roll::Soaking)),
            drained => {
                let deadline = doc.as_machine().and_then(|machine| machine.rolled).map_or(draft.now, |rolled| rolled.since).plus(timeout);
                if draft.now >= deadline {
                    let message = super::undrainable::message(&draft.world, &doc.key, &drained);
                    return roll_back(draft, key, operation, error("UpgradeFailed", message));
                }
                draft.world.work.wake(deadline, List::Operations, key.clone());
            }
        }
    }
    let blue = self::blue(draft, key, pool);
    if blue.iter().any(|doc| roll(doc) == Some(Roll::Draining)) {
        return;
    }
    let emptied = blue.iter().filter(|doc| roll(doc) == Some(Roll::Soaking));
    let last = emptied.filter_map(|doc| doc.as_machine()?.drain.as_ref()?.done).max();
    if let Some(last) = last
        && !soaked(draft, key, pool, operation, settings, last.plus(i64::from(settings.batch_soak) * 60_000))
    {
        return;
    }
    for doc in blue.iter().filter(|doc| roll(doc) == Some(Roll::Soaking)) {
        fleet::change(draft, &doc.key, |machine| machine.roll = Some(Roll::Done));
    }
    let size = settings.batch.scaled_up(blue.len() as i32).max(1) as usize;
    let batch: Vec<_> = blue.iter().filter(|doc| roll(doc).is_none()).take(size).cloned().collect();
    if batch.is_empty() {
        advance(draft, key);
        draft.world.work.add(List::Operations, key.clone());
    }
    let now = draft.now;
    for doc in &batch {
        let name = &doc.key.name;
        fleet::change(draft, &doc.key, |machine| {
            machine.roll = Some(Roll::Draining);
            machine.rolled = Some(Rolled { since: now, done: None });
        });
        notify(draft, name, false, "Drain", &format!("Draining node: [{name}]"));
        let soak = format!("Soak duration {}m0s after draining node: {name}", settings.batch_soak);
        notify(draft, name, false, "Upgrade", &soak);
        draft.world.work.add(List::Operations, key.clone());
    }
}

/// Blue is empty: it may still take over again.
fn settle(draft: &mut Draft, key: &Key, pool: &NodePool, operation: &Operation, settings: &Settings) {
    let until = operation.phase_since.plus(i64::from(settings.final_soak) * 60_000);
    if soaked(draft, key, pool, operation, settings, until) {
        advance(draft, key);
        draft.world.work.add(List::Operations, key.clone());
    }
}

/// Green becomes the pool, and blue goes. Any order of the writes ends alike: what is behind is blue, what is extra is green.
fn retire(draft: &mut Draft, key: &Key, pool: &NodePool) {
    let now = draft.now;
    for doc in extra(&draft.world, &key.name) {
        fleet::change(draft, &doc.key, |machine| {
            machine.surge = false;
            machine.roll = Some(Roll::Done);
            machine.rolled = Some(Rolled { since: machine.phase_since, done: Some(now) });
        });
    }
    for doc in blue(draft, key, pool) {
        fleet::change(draft, &doc.key, |machine| machine.intent = Intent::Gone);
    }
    if !draft.world.machines_of(&key.name).any(|(_, machine)| machine.intent == Intent::Gone) {
        end(draft, key, Outcome::Succeeded, None);
    }
}

/// Whether a soak is over and the gates hold at its end; turns back where they do not.
fn soaked(draft: &mut Draft, key: &Key, pool: &NodePool, operation: &Operation, settings: &Settings, until: Time) -> bool {
    if draft.now < until {
        draft.world.work.wake(until, List::Operations, key.clone());
        return false;
    }
    match unhealthy(draft, key, pool, operation, settings) {
        None => true,
        Some(why) => {
            roll_back(draft, key, operation, error("UpgradeFailed", format!("The upgrade was rolled back: {why}.")));
            false
        }
    }
}

/// The gate that does not hold, if any.
fn unhealthy(draft: &Draft, key: &Key, pool: &NodePool, operation: &Operation, settings: &Settings) -> Option<String> {
    let green = extra(&draft.world, &key.name);
    let wanted = green.len().max(blue(draft, key, pool).len()); // Whatever became of a new node, as many are needed as go.
    let ready = green.iter().filter(|doc| fleet::is_ready(&draft.world, doc)).count() as u32;
    let least = (wanted as u32 * settings.ready_percent).div_ceil(100);
    if ready < least {
        return Some(format!("{ready} of {wanted} new nodes are Ready, and {least} must be"));
    }
    let new = |key: &Key| draft.world.get(key).is_some_and(|doc| doc.meta.created >= operation.started.whole_seconds());
    let most = settings.pending_pods?;
    let pending = draft.world.work.pending.iter().filter(|(_, _, key)| new(key)).count() as u32;
    (pending > most).then(|| format!("{pending} pods that were created since it began have no node, and {most} may"))
}

/// Blue takes pods again, green goes, and the pool is to have what it had.
fn roll_back(draft: &mut Draft, key: &Key, operation: &Operation, error: OperationError) {
    let_go(draft, key);
    end_with(draft, key, Outcome::Failed, Some(error), |pool| restore(pool, operation));
}

/// Gives a pool back the version and image that the operation began with, where it can still go back.
pub(crate) fn restore(pool: &mut NodePool, operation: &Operation) {
    let may = matches!(operation.progress, Progress::Upgrade(UpgradePhase::Greening | UpgradePhase::Moving | UpgradePhase::Settling));
    let began_with = pool.state.recently_used.first().filter(|used| may && used.timestamp == operation.started).cloned();
    if let Some(used) = began_with {
        pool.state.recently_used.remove(0);
        pool.spec.orchestrator_version = used.orchestrator_version.clone();
        (pool.state.version, pool.state.image) = (used.orchestrator_version, used.node_image_version);
    }
}

/// The pool's own machines that do not have what they are to have, in order of instance.
fn blue(draft: &Draft, key: &Key, pool: &NodePool) -> Vec<Arc<Doc>> {
    let behind = |doc: &Arc<Doc>| doc.as_machine().is_some_and(|machine| is_behind(machine, pool));
    own(&draft.world, &key.name).into_iter().filter(behind).collect()
}

fn roll(doc: &Doc) -> Option<Roll> {
    doc.as_machine()?.roll
}

/// Extra machines of a pool of so many: as many again.
pub(super) fn limits(pool: &NodePool, count: u32, settings: &Settings) -> bounds::Bounds {
    bounds::Bounds {
        surge: count,
        unavailable: 0,
        blocked: 0,
        drain_timeout_millis: i64::from(settings.drain_timeout) * 60_000,
        soak_millis: i64::from(settings.batch_soak) * 60_000,
        undrainable: pool.spec.upgrade_settings.undrainable_node_behavior.unwrap_or_default(),
        drains: true,
    }
}
