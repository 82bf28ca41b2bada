//! Rolls a pool's machines onto another version or image (aks-semantics 4.2 to 4.4).
//!
//! Surge machines come, old ones are emptied and reimaged in place batch by batch, the surge machines go. Before a node is taken the
//! count is looked at: Ready nodes that take pods never fall below `count - maxUnavailable` (UR-1). A node that cannot be emptied in
//! time ends the roll as its pool's settings say (UD-2); the next request resumes it and skips what is done. Surge machines that a roll
//! left behind are emptied within budgets after its end, and go: no end of a roll overspends a budget.

pub mod blue_green;
pub(crate) mod bounds;
pub mod force;
mod replace;
mod roll;
mod undrainable;

pub use bounds::{Bounds, DRAIN_TIMEOUT_MINUTES, bounds};

use crate::Env;
use crate::disrupt;
use crate::fleet::{self, extra, own};
use crate::operation::{PROVISION_LIMIT_MILLIS, end, error, provider_error};
use nodelane_model::event::Notice;
use nodelane_model::machine::{CordonOwner, Intent, MachineModel, MachinePhase};
use nodelane_model::operation::{Fallback, Operation, OperationError, Outcome, Progress, UpgradePhase};
use nodelane_model::pool::{Mode, Power};
use nodelane_model::{Doc, Key, Kind, Machine, Name, NodePool, Time};
use nodelane_world::{Draft, List, World};
use std::sync::Arc;

/// Takes the next step of an upgrade; gives back the units of work.
pub fn step(draft: &mut Draft, _env: &Env, key: &Key, phase: UpgradePhase) -> usize {
    let Some(pool) = draft.world.get(key).and_then(|doc| doc.as_pool()).cloned() else { return 1 };
    let Some(operation) = pool.state.operation.clone() else { return 1 };
    let units = draft.world.machines_of(&key.name).count().max(1);
    match phase {
        // Every upgrade begins as a roll would; one of another kind enters its own first phase.
        UpgradePhase::Surging if blue_green::settings(&pool.spec).is_some() => enter(draft, key, UpgradePhase::Greening),
        UpgradePhase::Surging => surge(draft, key, &pool, &operation),
        UpgradePhase::Rolling => roll::step(draft, key, &pool),
        UpgradePhase::Unsurging => unsurge(draft, key, &pool, &operation),
        UpgradePhase::Greening | UpgradePhase::Moving | UpgradePhase::Settling | UpgradePhase::Retiring => {
            blue_green::step(draft, key, &pool, &operation, phase)
        }
    }
    units
}

/// What the pool's machines are to have.
pub fn target(pool: &NodePool) -> MachineModel {
    MachineModel { version: pool.state.version.clone(), image: pool.state.image.clone() }
}

/// Whether a machine still is to be rolled; one that is deallocated boots with the new model when it is started.
pub fn is_behind(machine: &Machine, pool: &NodePool) -> bool {
    let state = &pool.state;
    let has = |model: &MachineModel| (&model.version, &model.image) == (&state.version, &state.image);
    let same_size = machine.size.eq_ignore_ascii_case(&pool.spec.vm_size);
    machine.intent != Intent::Stop && !(same_size && machine.running.as_ref().is_some_and(has))
}

/// Brings the pool to its count and adds the extra machines; the roll begins when all of them are Ready.
fn surge(draft: &mut Draft, key: &Key, pool: &NodePool, operation: &Operation) {
    if let Some(failed) = prepare(draft, key, pool, operation) {
        return fail(draft, key, Outcome::Failed, provider_error(operation.progress, failed.failure));
    }
    let machines = own(&draft.world, &key.name);
    let behind = machines.iter().filter_map(|doc| doc.as_machine()).filter(|machine| is_behind(machine, pool)).count() as u32;
    let complete = machines.len() >= pool.spec.count as usize;
    if pool.spec.power == Power::Stopped || behind == 0 && complete {
        return end(draft, key, Outcome::Succeeded, None);
    }
    let wished = bounds(pool, pool.spec.count).surge.min(behind) as usize;
    let surging = extra(&draft.world, &key.name);
    let deadline = operation.phase_since.plus(PROVISION_LIMIT_MILLIS);
    if surging.iter().filter_map(|doc| doc.as_machine()).any(|machine| machine.size != pool.spec.vm_size) {
        return await_departure(draft, key, deadline); // They could not take another's place.
    }
    for doc in &surging {
        disrupt::release(draft, &doc.key); // What an earlier roll left is of use again.
    }
    if let Some(failed) = surging.iter().find(|doc| doc.as_machine().is_some_and(|machine| machine.phase == MachinePhase::Failed)) {
        let failed = failed.clone();
        return surge_failed(draft, key, pool, operation, &failed);
    }
    (machines.len()..pool.spec.count as usize).for_each(|_| drop(fleet::add(draft, key, false)));
    (surging.len()..wished).for_each(|_| drop(fleet::add(draft, key, true)));
    let new = |doc: &&Arc<Doc>| doc.as_machine().is_some_and(|machine| machine.phase_since >= operation.phase_since);
    let (own, surging) = (own(&draft.world, &key.name), extra(&draft.world, &key.name));
    let awaited: Vec<_> = own.iter().filter(new).chain(&surging).collect();
    let ready = awaited.iter().filter(|doc| fleet::is_ready(&draft.world, doc)).count();
    if ready == awaited.len() {
        for doc in &surging {
            let name = &doc.key.name;
            let message = format!("Created a surge node [{name} {0}] for agentpool {0}", key.name);
            notify(draft, name, false, "Surge", &message);
        }
        advance(draft, key);
        roll::step(draft, key, pool);
    } else if draft.now >= deadline {
        let message = format!("Not all nodes reached Ready state. Expected: {}, Actual: {ready}", awaited.len());
        fail(draft, key, Outcome::Failed, error("NodesNotReady", message));
    } else {
        draft.world.work.wake(deadline, List::Operations, key.clone());
    }
}

/// Extra machines that are of no use are emptied and go, before others come.
fn await_departure(draft: &mut Draft, key: &Key, deadline: Time) {
    match dismiss(draft, key) {
        Some((machine, drained)) if draft.now >= deadline => {
            let message = undrainable::message(&draft.world, &machine, &drained);
            fail(draft, key, Outcome::Failed, error("UpgradeFailed", message));
        }
        _ => draft.world.work.wake(deadline, List::Operations, key.clone()),
    }
}

/// Puts a pool's own machines in order before a roll; gives one that could not be made in this very operation.
///
/// Machines beyond the count (replacements of quarantined ones, for example) serve as extra ones, and go with them. Machines that never
/// came are forgotten. A stopped machine boots with the new model (aks-semantics ST-1, UR-3).
fn prepare(draft: &mut Draft, key: &Key, pool: &NodePool, operation: &Operation) -> Option<Machine> {
    let mut surplus = own(&draft.world, &key.name).len().saturating_sub(pool.spec.count as usize);
    let mut failed = None;
    for doc in own(&draft.world, &key.name).iter().rev() {
        let Some(machine) = doc.as_machine().cloned() else { continue };
        let never_came = machine.phase == MachinePhase::Failed && machine.running.is_none();
        let spare = surplus > 0 && !machine.cordoned_by.contains(&CordonOwner::Quarantine);
        surplus -= usize::from(spare);
        fleet::change(draft, &doc.key, |machine| {
            machine.roll = None; // What an earlier roll left.
            if !disrupt::is_emptied_by_another(machine, CordonOwner::Operation) {
                machine.drain = None;
            }
            if never_came || spare && machine.phase == MachinePhase::Failed {
                machine.intent = Intent::Gone;
            }
            machine.surge = spare && machine.intent != Intent::Gone;
            if pool.spec.power == Power::Stopped || machine.intent == Intent::Stop {
                machine.model = target(pool);
                machine.size = pool.spec.vm_size.clone(); // What is deallocated is resized as it is.
            }
        });
        if never_came && machine.phase_since >= operation.phase_since {
            failed = Some(machine);
        }
    }
    failed
}

/// No room for the surge: from 1.35 on one machine is tried, then in place if the pool says how many may be missing; before 1.35 only
/// the latter, else the upgrade fails (aks-semantics US-3, US-4).
fn surge_failed(draft: &mut Draft, key: &Key, pool: &NodePool, operation: &Operation, failed: &Arc<Doc>) {
    let failure = failed.as_machine().and_then(|machine| machine.failure.clone());
    // What has not come yet is not waited for: its failure would be taken for that of the next attempt.
    for doc in extra(&draft.world, &key.name) {
        if doc.as_machine().is_some_and(|machine| machine.phase != MachinePhase::Running) {
            fleet::change(draft, &doc.key, |machine| machine.intent = Intent::Gone);
        }
    }
    let Some(attempt) = bounds::next_attempt(pool, operation.attempt) else {
        return fail(draft, key, Outcome::Failed, provider_error(operation.progress, failure));
    };
    let (at, because) = (draft.now, failure.map(|failure| failure.code).unwrap_or_default());
    draft.update(key, |doc| {
        if let Some(operation) = doc.as_pool_mut().and_then(|pool| pool.state.operation.as_mut()) {
            operation.attempt = attempt;
            operation.fallbacks.push(Fallback { at, because, surge: u32::from(attempt == bounds::SURGE_OF_ONE) });
        }
    });
}

/// The roll is over: extra machines are emptied and go, and with the last of them the operation ends.
fn unsurge(draft: &mut Draft, key: &Key, pool: &NodePool, operation: &Operation) {
    let waiting = dismiss(draft, key);
    let deadline = operation.phase_since.plus(bounds(pool, 1).drain_timeout_millis);
    if let Some((machine, drained)) = waiting {
        if draft.now >= deadline {
            let message = undrainable::message(&draft.world, &machine, &drained);
            return fail(draft, key, Outcome::Failed, error("UpgradeFailed", message));
        }
        draft.world.work.wake(deadline, List::Operations, key.clone());
    } else if !draft.world.machines_of(&key.name).any(|(_, machine)| machine.surge || machine.intent == Intent::Gone) {
        end(draft, key, Outcome::Succeeded, None);
    }
}

/// Empties extra machines within budgets and lets those go that are empty; gives the first that is not. While one of the pool's own is
/// still on its way back, they stand in for it (UR-1).
pub(crate) fn dismiss(draft: &mut Draft, key: &Key) -> Option<(Key, disrupt::Drained)> {
    let extra = extra(&draft.world, &key.name);
    let first = extra.first()?;
    if let Some(until) = own(&draft.world, &key.name).iter().filter_map(|doc| back_by(draft, doc)).max() {
        draft.world.work.wake(until, List::Operations, key.clone());
        return Some((first.key.clone(), disrupt::Drained::Leaving(Name::default())));
    }
    if is_last_system_node(&draft.world, key) {
        return Some((first.key.clone(), disrupt::Drained::Leaving(Name::default())));
    }
    let mut waiting = None;
    for doc in &extra {
        match force::drain(draft, key, &doc.key) {
            disrupt::Drained::Yes(_) => fleet::change(draft, &doc.key, |machine| machine.intent = Intent::Gone),
            other => waiting = waiting.or(Some((doc.key.clone(), other))),
        }
    }
    waiting
}

/// Whether only extra machines of a system pool take pods: they stay until one of the pools' own does (invariant I4).
fn is_last_system_node(world: &World, key: &Key) -> bool {
    let is_system = |pool: &NodePool| pool.spec.mode == Mode::System;
    let takes_pods = |name: &Name| own(world, name).iter().any(|doc| fleet::is_schedulable(world, doc));
    world.pool(&key.name).is_some_and(|(_, pool)| is_system(pool))
        && extra(world, &key.name).iter().any(|doc| fleet::is_schedulable(world, doc))
        && !world.pools().any(|(doc, pool)| is_system(pool) && takes_pods(&doc.key.name))
}

/// Until when a machine that is being reimaged, or whose node is not yet Ready since, may still come back.
fn back_by(draft: &Draft, doc: &Doc) -> Option<Time> {
    let machine = doc.as_machine()?;
    let until = machine.phase_since.plus(PROVISION_LIMIT_MILLIS);
    let away = machine.phase == MachinePhase::Reimaging || machine.phase == MachinePhase::Running && !fleet::is_ready(&draft.world, doc);
    (away && draft.now < until).then_some(until)
}

/// Ends the roll badly: what it held is let go, and extra machines begin to go.
fn fail(draft: &mut Draft, key: &Key, outcome: Outcome, error: OperationError) {
    let_go(draft, key);
    end(draft, key, outcome, Some(error));
}

/// The pool's own machines are let go where they are; extra ones begin to go, which may outlast the operation.
pub(crate) fn let_go(draft: &mut Draft, key: &Key) {
    for doc in own(&draft.world, &key.name) {
        disrupt::release(draft, &doc.key);
        fleet::change(draft, &doc.key, |machine| machine.roll = None);
    }
    dismiss(draft, key);
}

fn enter(draft: &mut Draft, key: &Key, phase: UpgradePhase) {
    let now = draft.now;
    draft.update(key, |doc| {
        if let Some(operation) = doc.as_pool_mut().and_then(|pool| pool.state.operation.as_mut()) {
            operation.progress = Progress::Upgrade(phase);
            operation.phase_since = now;
        }
    });
}

fn advance(draft: &mut Draft, key: &Key) {
    let now: Time = draft.now;
    draft.update(key, |doc| {
        if let Some(operation) = doc.as_pool_mut().and_then(|pool| pool.state.operation.as_mut()) {
            operation.advance(now);
        }
    });
}

pub(crate) fn notify(draft: &mut Draft, node: &Name, warning: bool, reason: &'static str, message: &str) {
    let about = Key::global(Kind::Node, node.clone());
    draft.notify(&Notice { about, warning, reason, message: message.into(), component: "upgrader" });
}
