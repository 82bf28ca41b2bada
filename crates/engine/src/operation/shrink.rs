//! Fewer machines: choosing which go, emptying them, letting them go.
//!
//! Victims are chosen once and kept in the operation, so that a crash does not choose others. A machine goes only after it was emptied,
//! but for the calls that skip draining by contract (aks-semantics MS-6, DL-1).

use super::ending::{end, end_with, error, go_minutes};
use crate::disrupt::{self, Drained};
use crate::fleet;
use nodelane_model::machine::{CordonOwner, Intent, MachinePhase};
use nodelane_model::operation::{Outcome, Progress};
use nodelane_model::{Doc, Key, Kind, Name, Operation, Time};
use nodelane_world::{Draft, List, World};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How long a deletion or scale-in waits for a node to be emptied (aks-semantics DL-1: 10 minutes seen).
pub const SHRINK_DRAIN_LIMIT_MILLIS: i64 = 10 * 60_000;

/// Scale-in: chooses the machines that go, once, then empties them.
pub fn choose_and_drain(draft: &mut Draft, key: &Key) -> usize {
    let Some((operation, count)) = live(draft, key) else { return 1 };
    if operation.victims.is_empty() {
        let living = fleet::own(&draft.world, &key.name);
        let surplus = living.len().saturating_sub(count as usize);
        let victims = choose(&draft.world, &key.name, surplus);
        if victims.is_empty() {
            end(draft, key, Outcome::Succeeded, None);
            return 1;
        }
        set_operation(draft, key, |operation| operation.victims.clone_from(&victims));
    }
    let Some((operation, _)) = live(draft, key) else { return 1 };
    drain_machines(draft, key, &operation, false)
}

/// Deletion: empties every machine, unless budgets are passed over.
pub fn drain_all(draft: &mut Draft, key: &Key) -> usize {
    let Some((mut operation, _)) = live(draft, key) else { return 1 };
    operation.victims =
        draft.world.machines_of(&key.name).filter(|(_, m)| m.phase == MachinePhase::Running).map(|(doc, _)| doc.key.name.clone()).collect();
    let ignore_budgets = operation.ignore_budgets;
    drain_machines(draft, key, &operation, ignore_budgets)
}

fn drain_machines(draft: &mut Draft, key: &Key, operation: &Operation, ignore_budgets: bool) -> usize {
    let mut waiting = Vec::new();
    for name in &operation.victims {
        let machine = Key::global(Kind::Machine, name.clone());
        let phase = draft.world.get(&machine).and_then(|doc| doc.as_machine()).map(|machine| machine.phase);
        if phase.is_none_or(|phase| phase == MachinePhase::Stopped) {
            continue; // Nothing runs there.
        }
        match disrupt::drain(draft, &machine, ignore_budgets) {
            Drained::Yes(_) => {}
            other => waiting.push((machine, other)),
        }
    }
    let deadline = operation.phase_since.plus(SHRINK_DRAIN_LIMIT_MILLIS);
    if waiting.is_empty() {
        advance(draft, key);
    } else if draft.now >= deadline {
        let (machine, drained) = &waiting[0];
        fail_drain(draft, key, operation, machine, drained);
    } else {
        draft.world.work.wake(deadline, List::Operations, key.clone());
    }
    operation.victims.len().max(1)
}

/// The victims go (after a drain, or at once for deleteMachines); ends when they are gone.
pub fn remove(draft: &mut Draft, key: &Key) -> usize {
    let Some((operation, _)) = live(draft, key) else { return 1 };
    let keys: Vec<Key> = operation.victims.iter().map(|name| Key::global(Kind::Machine, name.clone())).collect();
    let mut left = 0;
    for machine in &keys {
        if draft.world.get(machine).is_some() {
            fleet::change(draft, machine, |machine| machine.intent = Intent::Gone);
            left += 1;
        }
    }
    if left == 0 {
        end(draft, key, Outcome::Succeeded, None);
    }
    keys.len().max(1)
}

/// Every machine goes; then the pool does, and leaves a tombstone for those who poll its operations.
pub fn remove_all(draft: &mut Draft, key: &Key) -> usize {
    let keys: Vec<Key> = draft.world.machines_of(&key.name).map(|(doc, _)| doc.key.clone()).collect();
    for machine in &keys {
        fleet::change(draft, machine, |machine| machine.intent = Intent::Gone);
    }
    if keys.is_empty() {
        let now = draft.now;
        end_with(draft, key, Outcome::Succeeded, None, |pool| pool.state.gone = Some(now));
    }
    keys.len().max(1)
}

/// Which machines a scale-in takes (aks-semantics MS-5): those of no use (quarantined, failed, deallocated), then
/// those that are not Ready, then from the fullest zone the highest instance.
pub(super) fn choose(world: &World, pool: &Name, surplus: usize) -> Vec<Name> {
    let mut left: Vec<Arc<Doc>> = fleet::own(world, pool);
    let mut victims = Vec::new();
    while victims.len() < surplus && !left.is_empty() {
        let mut zones: BTreeMap<Name, usize> = BTreeMap::new();
        for machine in left.iter().filter_map(|doc| doc.as_machine()) {
            *zones.entry(machine.zone.clone()).or_default() += 1;
        }
        let rank = |doc: &Arc<Doc>| {
            let machine = doc.as_machine()?;
            let useless = machine.cordoned_by.contains(&CordonOwner::Quarantine)
                || matches!(machine.phase, MachinePhase::Failed | MachinePhase::Stopped);
            Some((useless, !fleet::is_ready(world, doc), zones[&machine.zone], machine.instance))
        };
        let best = (0..left.len()).max_by_key(|index| rank(&left[*index])).unwrap_or(0);
        victims.push(left.remove(best).key.name.clone());
    }
    victims
}

/// A node could not be emptied in time: nothing more is taken, what was cordoned takes pods again.
fn fail_drain(draft: &mut Draft, key: &Key, operation: &Operation, machine: &Key, drained: &Drained) {
    let (_, pod) = drained.waits_for().split_once('/').unwrap_or_default();
    let waited = go_minutes(operation.phase_since, draft.now);
    let inner = format!("Node '{}' failed to be drained with error: 'Drain did not complete pods [{pod}] within {waited}'", machine.name);
    let code = if matches!(operation.progress, Progress::Delete(_)) { "DeleteVMSSAgentPoolFailed" } else { "ScaleVMSSAgentPoolFailed" };
    for name in &operation.victims {
        disrupt::release(draft, &Key::global(Kind::Machine, name.clone()));
    }
    end(draft, key, Outcome::Failed, Some(error(code, format!("PodDrainFailure: {inner}"))));
}

fn live(draft: &Draft, key: &Key) -> Option<(Operation, u32)> {
    let pool = draft.world.get(key)?.as_pool()?;
    Some((pool.state.operation.clone()?, pool.spec.count))
}

fn set_operation(draft: &mut Draft, key: &Key, change: impl FnOnce(&mut Operation)) {
    draft.update(key, |doc| {
        if let Some(operation) = doc.as_pool_mut().and_then(|pool| pool.state.operation.as_mut()) {
            change(operation);
        }
    });
}

fn advance(draft: &mut Draft, key: &Key) {
    let now: Time = draft.now;
    let victims: Vec<Name> = live(draft, key).map(|(operation, _)| operation.victims).unwrap_or_default();
    set_operation(draft, key, |operation| {
        operation.advance(now);
    });
    // The next phase is entered in the same pass; what it waits for puts the pool back on the list.
    if victims.is_empty() {
        remove_all(draft, key)
    } else {
        remove(draft, key)
    };
}
