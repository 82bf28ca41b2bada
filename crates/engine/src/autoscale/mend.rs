//! Machines that did not come: removed at once, and their pool left alone for a while (aks-semantics CA-2b, CA-4, SU-6).
//!
//! A machine that the provider refused goes whatever the minimum; one that is late goes only above it. Both end in a pause of the pool, so
//! that the next look takes another one. Machines that an operation counts are its own business.

use super::watch::{State, asked};
use super::{Memory, backoff, groups, may_scale, minimum, say};
use crate::fleet;
use nodelane_model::machine::Intent;
use nodelane_model::{Key, Kind, Name, NodePool};
use nodelane_world::Draft;
use std::collections::BTreeMap;

/// Source errors that an event names.
const ERRORS_NAMED: usize = 3;

/// Removes what failed and what is late; gives how many pools that concerned.
pub fn mend(draft: &mut Draft, memory: &Memory) -> usize {
    let mut failed: BTreeMap<Name, Vec<Key>> = BTreeMap::new();
    let mut late: BTreeMap<Name, Vec<Key>> = BTreeMap::new();
    for (pool, key) in memory.watch.all(State::Failed) {
        failed.entry(pool.clone()).or_default().push(key.clone());
    }
    for (pool, key) in memory.watch.all(State::Late) {
        late.entry(pool.clone()).or_default().push(key.clone());
    }
    let mut concerned = 0;
    for (name, keys) in &failed {
        concerned += usize::from(remove_failed(draft, name, keys));
    }
    for (name, keys) in &late {
        concerned += usize::from(remove_late(draft, memory, name, keys));
    }
    concerned
}

fn scalable(draft: &Draft, name: &Name) -> Option<NodePool> {
    draft.world.pool(name).map(|(_, pool)| pool).filter(|pool| may_scale(pool)).cloned()
}

fn remove_failed(draft: &mut Draft, name: &Name, keys: &[Key]) -> bool {
    let Some(pool) = scalable(draft, name) else { return false };
    let mut causes: BTreeMap<Name, (u32, Vec<Name>)> = BTreeMap::new();
    for key in keys {
        let Some(machine) = draft.world.get(key).and_then(|doc| doc.as_machine()).filter(|machine| !machine.surge) else { continue };
        let (code, message) = machine.failure.clone().map(|failure| (failure.code, failure.message)).unwrap_or_default();
        let (count, messages) = causes.entry(code).or_default();
        *count += 1;
        if !messages.contains(&message) && messages.len() < ERRORS_NAMED {
            messages.push(message);
        }
        fleet::change(draft, key, |machine| machine.intent = Intent::Gone);
    }
    let id = groups::id(name, &pool);
    for (code, (count, messages)) in &causes {
        let class = backoff::class(code);
        let message = format!("Failed adding {count} nodes to group {id} due to {class}.{code}; source errors: {}", messages.join(", "));
        say::on_status(draft, true, "ScaleUpFailed", message);
        pause(draft, name, code.clone(), messages.first().cloned().unwrap_or_default());
    }
    !causes.is_empty()
}

fn remove_late(draft: &mut Draft, memory: &Memory, name: &Name, keys: &[Key]) -> bool {
    let Some(pool) = scalable(draft, name) else { return false };
    let now = draft.now;
    let since = keys.iter().filter_map(|key| draft.world.get(key)).filter_map(|doc| Some(asked(doc, doc.as_machine()?))).min();
    let spare = memory.watch.counts(name).target().saturating_sub(minimum::at(&pool, now)) as usize;
    let going = &keys[..spare.min(keys.len())];
    // Those that have to stay are counted as one failure, not as one in each turn.
    let is_known = pool.state.backoff.as_ref().is_some_and(|backoff| since.is_some_and(|since| backoff.failed > since));
    let Some(waited) = since.map(|since| now.since(since)).filter(|_| !going.is_empty() || !is_known) else { return false };
    let (id, waited) = (groups::id(name, &pool), say::go_duration(waited));
    say::on_status(draft, true, "ScaleUpTimedOut", format!("Nodes added to group {id} failed to register within {waited}"));
    pause(draft, name, "timeout".into(), format!("Scale-up timed out for node group {id} after {waited}").into());
    for key in going {
        fleet::change(draft, key, |machine| machine.intent = Intent::Gone);
        say::on_status(draft, false, "DeleteUnregistered", format!("Removed unregistered node {}", key.name));
    }
    true
}

fn pause(draft: &mut Draft, name: &Name, code: Name, message: Name) {
    let now = draft.now;
    draft.update(&Key::global(Kind::NodePool, name.clone()), |doc| {
        if let Some(pool) = doc.as_pool_mut() {
            pool.state.backoff = Some(backoff::after(pool.state.backoff.as_ref(), code, message, now));
        }
    });
}

/// Switching autoscaling off ends a pool's pause (aks-semantics CA-3).
pub fn forget(draft: &mut Draft, pool: &Key) {
    let is_off = |pool: &NodePool| !pool.spec.enable_auto_scaling && pool.state.backoff.is_some();
    if draft.world.get(pool).and_then(|doc| doc.as_pool()).is_some_and(is_off) {
        draft.update(pool, |doc| {
            if let Some(pool) = doc.as_pool_mut() {
                pool.state.backoff = None;
            }
        });
    }
}
