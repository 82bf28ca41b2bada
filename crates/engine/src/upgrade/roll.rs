//! The middle of an upgrade: machines are emptied, wait out the soak, get their image, and come back.
//!
//! Before another machine is taken, those that still take pods are counted (UR-1). Progress is on the machines, so a crash at any point
//! finds how far each of them is.

use super::{advance, bounds, fail, force, is_behind, notify, replace, target, undrainable, unsurge};
use crate::disrupt::{self, Disruption, Drained, Why};
use crate::fleet::{self, extra, own};
use crate::operation::{PROVISION_LIMIT_MILLIS, error, provider_error};
use nodelane_model::machine::{CordonOwner, MachinePhase, Roll, Rolled};
use nodelane_model::operation::{Outcome, Progress, UpgradePhase};
use nodelane_model::{Doc, Key, Kind, Machine, NodePool, Time};
use nodelane_world::{Draft, List};
use std::sync::Arc;

/// Moves every machine that is under way, then takes as many more as may be missing.
pub fn step(draft: &mut Draft, key: &Key, pool: &NodePool) {
    replace::fill(draft, key, pool);
    for doc in own(&draft.world, &key.name) {
        let Some(roll) = doc.as_machine().and_then(|machine| machine.roll) else { continue };
        let moved = match roll {
            Roll::Draining => empty(draft, key, pool, &doc),
            Roll::Soaking => soak(draft, key, pool, &doc.key),
            Roll::Reimaging => come_back(draft, key, pool, &doc),
            Roll::Done | Roll::Undrainable => true,
        };
        if !moved {
            return; // The operation has ended.
        }
    }
    take_more(draft, key, pool);
    if draft.world.get(key).and_then(|doc| doc.as_pool()).is_none_or(|pool| pool.state.operation.is_none()) {
        return; // It has ended.
    }
    let machines = own(&draft.world, &key.name);
    let rolls = || machines.iter().filter_map(|doc| doc.as_machine());
    // Quarantined nodes may have used up the surge: then no further one can be taken.
    let may_take = bounds(pool, machines.len() as u32).surge == 0 || !extra(&draft.world, &key.name).is_empty();
    let under_way = rolls().any(|machine| in_flight(machine) || may_take && machine.roll.is_none() && is_behind(machine, pool));
    if rolls().any(|machine| machine.roll == Some(Roll::Undrainable)) && !under_way {
        return undrainable::finish(draft, key);
    }
    if rolls().all(|machine| !is_behind(machine, pool) && matches!(machine.roll, None | Some(Roll::Done))) {
        advance(draft, key);
        let operation = draft.world.get(key).and_then(|doc| doc.as_pool()).and_then(|pool| pool.state.operation.clone());
        if let Some(operation) = operation {
            unsurge(draft, key, pool, &operation);
        }
    }
}

fn in_flight(machine: &Machine) -> bool {
    matches!(machine.roll, Some(Roll::Draining | Roll::Soaking | Roll::Reimaging))
}

/// Starts on further machines, in order of instance, while enough others take pods (UR-1).
fn take_more(draft: &mut Draft, key: &Key, pool: &NodePool) {
    let machines = own(&draft.world, &key.name);
    let (mut flying, mut count) = (0, 0_u32);
    for doc in &machines {
        let flies = doc.as_machine().is_some_and(in_flight);
        flying += u32::from(flies);
        // What takes no pods for reasons of its own (broken, cordoned by a user, quarantined) is not what the roll takes away.
        count += u32::from(flies || fleet::is_schedulable(&draft.world, doc));
    }
    let limits = bounds(pool, machines.len() as u32);
    let to_go = |doc: &&Arc<Doc>| doc.as_machine().is_some_and(|machine| machine.roll.is_none() && is_behind(machine, pool));
    let left = machines.iter().filter(to_go).count() as u32;
    // One that took another's place has another in its own, as long as both together stay within what the pool allows (I3).
    let quarantined = machines.iter().filter(|doc| doc.as_machine().is_some_and(|machine| machine.roll == Some(Roll::Undrainable))).count();
    let room = limits.surge.max(limits.blocked).saturating_sub(quarantined as u32);
    (extra(&draft.world, &key.name).len() as u32..limits.surge.min(left + flying).min(room))
        .for_each(|_| drop(fleet::add(draft, key, true)));
    let surging = extra(&draft.world, &key.name);
    let came = surging.iter().filter(|doc| doc.as_machine().is_some_and(|machine| machine.phase != MachinePhase::Failed)).count();
    let batch = limits.surge.min(came as u32).max(limits.unavailable);
    let floor = count.saturating_sub(limits.unavailable) as usize;
    let mut taking_pods = machines.iter().chain(&surging).filter(|doc| fleet::is_schedulable(&draft.world, doc)).count();
    for doc in machines.iter().filter(to_go) {
        let loses = usize::from(fleet::is_schedulable(&draft.world, doc));
        if flying >= batch || taking_pods < floor + loses {
            break;
        }
        let reason = doc.as_machine().map_or(Disruption::Upgrade, |machine| disrupt::roll_of(&draft.world, machine));
        match disrupt::may_take(&draft.world, &doc.key, reason, |_| true) {
            Ok(()) => {}
            Err(Why::Repair) => continue, // Its turn comes when auto-repair has done what it does.
            Err(_) => break,
        }
        taking_pods -= loses;
        flying += 1;
        let name = doc.key.name.clone();
        let now = draft.now;
        fleet::change(draft, &doc.key, |machine| {
            machine.roll = Some(Roll::Draining);
            machine.rolled = Some(Rolled { since: now, done: None });
        });
        disrupt::cordon(draft, &doc.key, CordonOwner::Operation);
        notify(draft, &name, false, "Drain", &format!("Draining node: [{name}]"));
        empty(draft, key, pool, doc);
    }
    if flying == 0 && left > 0 && (quarantined == 0 || !surging.is_empty()) {
        stall(draft, key, floor + 1, taking_pods);
    }
}

/// Nothing is under way and nothing may be taken: somebody has cordoned or broken what stands in. It may come back for a while.
fn stall(draft: &mut Draft, key: &Key, expected: usize, actual: usize) {
    let all = fleet::wanted(&draft.world, &key.name);
    let failed = all.iter().filter_map(|doc| doc.as_machine()).find(|machine| machine.surge && machine.phase == MachinePhase::Failed);
    if let Some(failure) = failed.map(|machine| machine.failure.clone()) {
        return fail(draft, key, Outcome::Failed, provider_error(Progress::Upgrade(UpgradePhase::Rolling), failure));
    }
    let moved = all.iter().filter_map(|doc| doc.as_machine()).map(|machine| machine.phase_since).max().unwrap_or(draft.now);
    let phase_since =
        draft.world.get(key).and_then(|doc| doc.as_pool()?.state.operation.as_ref()).map_or(moved, |operation| operation.phase_since);
    let deadline = moved.max(phase_since).plus(PROVISION_LIMIT_MILLIS);
    if draft.now < deadline {
        return draft.world.work.wake(deadline, List::Operations, key.clone());
    }
    let message = format!("Not all nodes reached Ready state. Expected: {expected}, Actual: {actual}");
    fail(draft, key, Outcome::Failed, error("NodesNotReady", message));
}

/// `false` when the operation has ended.
fn empty(draft: &mut Draft, key: &Key, pool: &NodePool, doc: &Arc<Doc>) -> bool {
    let limits = bounds(pool, 1);
    if !limits.drains {
        return renew(draft, key, pool, &doc.key, draft.now);
    }
    let drained = force::drain(draft, key, &doc.key);
    match drained {
        Drained::Yes(since) if limits.soak_millis == 0 || draft.now >= since.plus(limits.soak_millis) => {
            return renew(draft, key, pool, &doc.key, since);
        }
        Drained::Yes(_) => {
            fleet::change(draft, &doc.key, |machine| machine.roll = Some(Roll::Soaking));
            let minutes = limits.soak_millis / 60_000;
            notify(draft, &doc.key.name, false, "Upgrade", &format!("Soak duration {minutes}m0s after draining node: {}", doc.key.name));
            return soak(draft, key, pool, &doc.key);
        }
        Drained::Leaving(_) | Drained::Blocked(_) => {
            let since = drain_since(draft, &doc.key).unwrap_or(draft.now);
            let deadline = since.plus(limits.drain_timeout_millis);
            if draft.now >= deadline {
                let all = bounds(pool, own(&draft.world, &key.name).len() as u32);
                return undrainable::give_up(draft, key, &doc.key, &drained, &all);
            }
            draft.world.work.wake(deadline, List::Operations, key.clone());
        }
    }
    true
}

fn drain_since(draft: &Draft, machine: &Key) -> Option<Time> {
    draft.world.get(machine)?.as_machine()?.drain.as_ref().map(|drain| drain.since)
}

fn soak(draft: &mut Draft, key: &Key, pool: &NodePool, machine: &Key) -> bool {
    // A user may have lifted the cordon meanwhile: what came since has to go first.
    let Drained::Yes(since) = disrupt::drain(draft, machine, false) else {
        fleet::change(draft, machine, |machine| machine.roll = Some(Roll::Draining));
        draft.world.work.add(List::Operations, key.clone());
        return true;
    };
    let until = since.plus(bounds(pool, 1).soak_millis);
    if draft.now >= until {
        return renew(draft, key, pool, machine, until);
    }
    draft.world.work.wake(until, List::Operations, key.clone());
    true
}

/// An emptied machine gets what it is to have: in place, or by another that takes its place where the size differs. `false` when the
/// operation has ended.
fn renew(draft: &mut Draft, key: &Key, pool: &NodePool, machine: &Key, since: Time) -> bool {
    let resized = draft.world.get(machine).and_then(|doc| doc.as_machine()).is_some_and(|machine| machine.size != pool.spec.vm_size);
    if resized {
        return replace::step(draft, key, pool, machine, since);
    }
    reimage(draft, pool, machine);
    true
}

/// The node goes, then its machine gets the new image: after a crash between the two the old node comes back and is taken again.
/// Daemons that were on it are garbage. Its new node is born without the operation's cordon, but with a user's.
fn reimage(draft: &mut Draft, pool: &NodePool, key: &Key) {
    draft.remove(&Key::global(Kind::Node, key.name.clone()));
    let (now, model) = (draft.now, target(pool));
    fleet::change(draft, key, |machine| {
        machine.model = model;
        machine.incarnation += 1;
        machine.roll = Some(Roll::Reimaging);
        machine.enter(MachinePhase::Reimaging, now);
        machine.cordoned_by.remove(&CordonOwner::Operation);
        machine.cordoned_by.remove(&CordonOwner::Quarantine);
    });
}

/// `false` when the operation has ended.
fn come_back(draft: &mut Draft, key: &Key, pool: &NodePool, doc: &Arc<Doc>) -> bool {
    let Some(machine) = doc.as_machine() else { return true };
    let deadline = machine.phase_since.plus(PROVISION_LIMIT_MILLIS);
    if machine.phase == MachinePhase::Failed {
        let error = provider_error(Progress::Upgrade(UpgradePhase::Rolling), machine.failure.clone());
        fail(draft, key, Outcome::Failed, error);
        return false;
    }
    if !is_behind(machine, pool) && fleet::is_ready(&draft.world, doc) {
        let now = draft.now;
        fleet::change(draft, &doc.key, |machine| {
            machine.roll = Some(Roll::Done);
            machine.drain = None;
            machine.rolled = machine.rolled.map(|rolled| Rolled { done: Some(now), ..rolled });
        });
    } else if draft.now >= deadline {
        fail(draft, key, Outcome::Failed, error("NodesNotReady", "Not all nodes reached Ready state. Expected: 1, Actual: 0"));
        return false;
    } else {
        draft.world.work.wake(deadline, List::Operations, key.clone());
    }
    true
}
