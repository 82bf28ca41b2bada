//! Nodes that are of no need go (aks-semantics 3.4).
//!
//! A look judges the nodes that changed since the look before (`eligible`), asks where the pods of those that may go would find room
//! (`simulate`) only where an answer may have changed, and marks nodes that have been of no need for long enough (`act`); `drain` empties
//! and lets go what is marked. Looks are at least a scan interval apart, and there is none while nothing changes and no deadline comes.
//!
//! The marks are in machines' documents, so a restart goes on with them. What is remembered here is soft: since when nodes are of no
//! need begins anew, which delays and never harms.

mod act;
mod drain;
pub mod drainability;
pub mod eligible;
#[cfg(test)]
mod fixture;
pub mod reason;
mod simulate;
mod soft_taint;
pub mod utilization;
mod why;

pub use drain::park;
pub use reason::Unremovable;
pub use soft_taint::DELETION_CANDIDATE;
pub use why::{Standing, why};

use super::is_autoscaled;
use super::profile::Profile;
use crate::{Env, cluster_key};
use nodelane_model::pool::PoolSpec;
use nodelane_model::{Key, Kind, Name, Time};
use nodelane_place::Vacancies;
use nodelane_world::{Draft, List, World};
use std::collections::{BTreeMap, BTreeSet};

/// The taint of a node that goes.
pub const TO_BE_DELETED: &str = "ToBeDeletedByClusterAutoscaler";
/// Who says what happens to nodes.
const COMPONENT: &str = "cluster-autoscaler";

/// What is remembered of nodes that may go.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// Whether the cluster is too unhealthy for a node to be marked (aks-semantics AL-2).
    pub paused: bool,
    /// Whether every node was judged once.
    is_complete: bool,
    /// Nodes to judge at the next look, and namespaces whose budgets have moved.
    changed: BTreeSet<Name>,
    budgets: BTreeSet<Name>,
    /// What each autoscaled pool asked for when its nodes were judged.
    pools: BTreeMap<Name, PoolSpec>,
    /// The profile by which they were.
    profile: Option<Profile>,
    last_look: Option<Time>,
    /// When the passing of time alone calls for a look.
    due: Option<Time>,
    /// Nodes that may be looked at as such that go.
    candidates: Candidates,
    /// Nodes of no need.
    unneeded: BTreeMap<Name, Unneeded>,
    /// Nodes that were found not to be removable, and are not looked at again for a while.
    held: BTreeMap<Name, Held>,
    /// Where pods of nodes of no need would go.
    destinations: BTreeSet<Name>,
    /// Machines that are marked and still live.
    marked: BTreeSet<Name>,
    /// When evictions from marked machines were last tried.
    tried: BTreeMap<Name, Time>,
    /// Nodes that were given the mark of nodes of no need.
    tainted: BTreeSet<Name>,
    vacancies: Vacancies,
}

/// A node of no need.
#[derive(Clone, Debug)]
pub struct Unneeded {
    /// Since when.
    pub since: Time,
    /// Its pool.
    pool: Name,
    /// Whether it is ready.
    is_ready: bool,
    /// Namespaces of the pods that would have to move; none where there are no such pods.
    namespaces: BTreeSet<Name>,
}

impl Unneeded {
    /// Whether no pod would have to move.
    pub fn is_empty(&self) -> bool {
        self.namespaces.is_empty()
    }
}

/// A node that is not looked at again for a while.
#[derive(Clone, Debug)]
pub struct Held {
    /// Until when.
    pub until: Time,
    /// Why.
    pub why: Unremovable,
    /// Whether another look may find otherwise: something has changed since, or time alone will do.
    may_differ: bool,
}

/// Nodes that passed the first stage: the emptiest first, and those without pods that have to move apart.
#[derive(Clone, Debug, Default)]
struct Candidates {
    /// By name: the share that is asked for, as ordered bits, and whether it is empty.
    by_name: BTreeMap<Name, (u64, bool)>,
    empty: BTreeSet<Name>,
    occupied: BTreeSet<(u64, Name)>,
}

impl Candidates {
    /// Whether anything changed.
    fn set(&mut self, name: &Name, standing: Option<(f64, bool)>) -> bool {
        // Shares are never negative, so their bits order as they do.
        let standing = standing.map(|(share, is_empty)| (share.to_bits(), is_empty));
        let old = self.by_name.remove(name);
        match old {
            Some((_, true)) => self.empty.remove(name),
            Some((share, false)) => self.occupied.remove(&(share, name.clone())),
            None => false,
        };
        match standing {
            Some((_, true)) => self.empty.insert(name.clone()),
            Some((share, false)) => self.occupied.insert((share, name.clone())),
            None => false,
        };
        standing.map(|standing| self.by_name.insert(name.clone(), standing));
        old != standing
    }
}

impl Memory {
    /// Whether a node bears a mark of it, which goes on to be looked after where no pool is autoscaled any more.
    pub fn is_busy(&self) -> bool {
        !(self.marked.is_empty() && self.tainted.is_empty())
    }
    /// Nodes of no need, with since when.
    pub fn unneeded(&self) -> &BTreeMap<Name, Unneeded> {
        &self.unneeded
    }
    /// Nodes that are not looked at again for a while.
    pub fn held(&self) -> &BTreeMap<Name, Held> {
        &self.held
    }
    /// How many nodes of a pool are of no need.
    pub fn candidates(&self, pool: &Name) -> u32 {
        self.unneeded.values().filter(|unneeded| unneeded.pool == *pool).count() as u32
    }
    fn forget(&mut self, name: &Name) -> bool {
        self.held.remove(name);
        self.candidates.set(name, None) | self.unneeded.remove(name).is_some()
    }
    fn call_at(&mut self, at: Time) {
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }
}

/// One look, where it is time; gives back the units of work.
pub fn plan(draft: &mut Draft, env: &Env, memory: &mut super::Memory, profile: &Profile, _budget: usize) -> usize {
    let woken = gather(&draft.world, &memory.changed, &mut memory.down, profile) || memory.changed.contains(&cluster_key());
    let moved: Vec<Name> = memory.down.marked.iter().filter(|name| woken || memory.changed.contains(&machine_key(name))).cloned().collect();
    for name in &moved {
        drain::step(draft, memory, profile, name);
    }
    let down = &mut memory.down;
    let is_due = down.due.is_some_and(|due| due <= draft.now);
    if down.changed.is_empty() && down.budgets.is_empty() && !is_due {
        return moved.len();
    }
    let at = profile.next_scan(down.last_look, draft.now);
    if at > draft.now {
        super::wake(draft, at);
        return moved.len();
    }
    moved.len() + look(draft, env, memory, profile)
}

fn machine_key(name: &Name) -> Key {
    Key::global(Kind::Machine, name.clone())
}

/// Takes up what changed; whether that is everything, because nothing was remembered.
fn gather(world: &World, changed: &BTreeSet<Key>, down: &mut Memory, profile: &Profile) -> bool {
    if down.profile.as_ref() != Some(profile) {
        down.is_complete = false;
        down.profile = Some(profile.clone());
    }
    let is_new = !std::mem::replace(&mut down.is_complete, true);
    if is_new {
        let lanes = world.pools().filter(|(_, pool)| is_autoscaled(pool)).map(|(doc, _)| &doc.key.name);
        lanes.flat_map(|pool| world.machines_of(pool)).for_each(|(doc, _)| take_up(world, down, &doc.key.name));
    }
    for key in changed {
        match key.kind {
            Kind::Machine => take_up(world, down, &key.name),
            Kind::PodDisruptionBudget => drop(down.budgets.insert(key.namespace.clone())),
            Kind::NodePool => {
                let spec = world.pool(&key.name).filter(|(_, pool)| is_autoscaled(pool)).map(|(_, pool)| &pool.spec);
                if down.pools.get(&key.name) != spec {
                    world.machines_of(&key.name).for_each(|(doc, _)| take_up(world, down, &doc.key.name));
                    match spec {
                        Some(spec) => drop(down.pools.insert(key.name.clone(), spec.clone())),
                        None => drop(down.pools.remove(&key.name)),
                    }
                }
            }
            _ => {}
        }
    }
    is_new
}

fn take_up(world: &World, down: &mut Memory, name: &Name) {
    let machine = world.get(&machine_key(name)).and_then(|doc| doc.as_machine());
    if machine.is_some_and(eligible::is_marked) {
        down.marked.insert(name.clone());
    } else {
        down.marked.remove(name);
    }
    down.changed.insert(name.clone());
}

/// Judges what changed, finds what is of no need, marks what has been so for long enough, and says when to look again.
fn look(draft: &mut Draft, env: &Env, memory: &mut super::Memory, profile: &Profile) -> usize {
    let (now, down) = (draft.now, &mut memory.down);
    (down.last_look, down.due) = (Some(now), None);
    let changed = std::mem::take(&mut down.changed);
    let budgets = std::mem::take(&mut down.budgets);
    if !(changed.is_empty() && budgets.is_empty()) {
        down.held.values_mut().for_each(|held| held.may_differ = true);
    }
    let before = down.held.len();
    down.held.retain(|_, held| !held.may_differ || held.until > now);
    let mut is_stale = down.held.len() < before || changed.iter().any(|name| down.destinations.contains(name));
    is_stale |= down.unneeded.values().any(|unneeded| !unneeded.namespaces.is_disjoint(&budgets));
    for name in &changed {
        is_stale |= judge(draft, down, profile, name);
    }
    let mut units = changed.len();
    if is_stale {
        units += simulate::run(&draft.world, env, down, profile, now);
    }
    if let Some(until) = down.held.values().filter(|held| held.may_differ).map(|held| held.until).min() {
        down.call_at(until);
    }
    act::run(draft, memory, profile);
    soft_taint::run(draft, memory, profile, &changed);
    if let Some(due) = memory.down.due {
        super::wake(draft, due);
    }
    units
}

/// The first stage for one node; whether the second has to be asked again.
fn judge(draft: &mut Draft, down: &mut Memory, profile: &Profile, name: &Name) -> bool {
    let now = draft.now;
    let (own, standing) = eligible::check(&draft.world, profile, name, now);
    if let Some(unneeded) = down.unneeded.get_mut(name) {
        unneeded.is_ready = eligible::is_ready(&draft.world, name);
    }
    if let Some(at) = eligible::ages_at(&draft.world, name, now) {
        wake_for(draft, name, at);
    }
    let Ok(utilization) = standing else {
        drain::discard(draft, name);
        return down.forget(name);
    };
    if profile.strategy == super::Strategy::Better {
        // Something about the node is new, so what was found of it may not hold any more.
        down.held.remove(name);
    }
    let is_empty = !eligible::has_movable(&draft.world, &own, name, now);
    let is_new = down.candidates.set(name, Some((utilization.share, is_empty)));
    is_new || !is_empty && down.unneeded.contains_key(name)
}

/// When a node that is of no need since a time has been so for longer than it must: looks are whole scan intervals apart.
fn matures_at(profile: &Profile, since: Time, is_ready: bool) -> Time {
    let least = if is_ready { profile.scale_down_unneeded_millis } else { profile.scale_down_unready_millis };
    let interval = profile.scan_interval_millis.max(1);
    since.plus((least / interval + 1) * interval)
}

/// Asks for another look at a machine that is marked.
fn wake_for(draft: &mut Draft, name: &Name, at: Time) {
    draft.world.work.wake(at, List::Autoscale, machine_key(name));
}

#[cfg(test)]
mod tests;
