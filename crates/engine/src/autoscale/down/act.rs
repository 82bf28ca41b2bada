//! Which nodes of no need go now (aks-semantics SD-1, SD-3, SD-4b, AL-1).
//!
//! Those that have been of no need for strictly longer than they must, after the delays, with no pool below its minimum: empty ones
//! first, as many at once as may be, then one with pods. Each is marked in its machine's document before anything is done to its node.

use super::reason::Unremovable;
use super::utilization::{self, Utilization};
use super::{COMPONENT, Memory, drain, eligible, matures_at};
use crate::autoscale::profile::{MAX_DRAIN_PARALLELISM, Profile};
use crate::autoscale::{self, Cooldowns, Strategy, minimum, options};
use crate::disrupt::{self, Disruption};
use nodelane_model::event::Notice;
use nodelane_model::report::{Planner, Reason, Report};
use nodelane_model::{Key, Kind, Machine, Name, Time};
use nodelane_world::{Draft, World};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// A pool whose nodes may go.
struct Lane {
    profile: Profile,
    minimum: u32,
    /// Machines meant to live, those that are marked left out.
    stay: u32,
    /// The same by zone.
    zones: BTreeMap<Name, u32>,
    next_change: Option<Time>,
    cooldown: Option<Time>,
}

impl Lane {
    fn of(world: &World, profile: &Profile, cooldowns: &Cooldowns, name: &Name, now: Time) -> Option<Lane> {
        let (_, pool) = world.pool(name)?;
        let mut zones: BTreeMap<Name, u32> = BTreeMap::new();
        for (_, machine) in world.machines_of(name).filter(|(_, machine)| !machine.surge && !eligible::is_leaving(machine)) {
            *zones.entry(machine.zone.clone()).or_default() += 1;
        }
        Some(Lane {
            profile: options::of_pool(profile, &pool.spec).into_owned(),
            minimum: minimum::at(pool, now),
            stay: zones.values().sum(),
            zones,
            next_change: minimum::next_change(pool, now),
            cooldown: cooldowns.until(profile, name).filter(|until| *until > now),
        })
    }
}

/// A node that has been of no need for long enough.
struct Ripe {
    name: Name,
    pool: Name,
    zone: Name,
    since: Time,
    utilization: Utilization,
    is_empty: bool,
}

/// Marks the nodes that go now, and says when the next may.
pub fn run(draft: &mut Draft, memory: &mut autoscale::Memory, profile: &Profile) {
    let now = draft.now;
    let mut lanes: BTreeMap<Name, Lane> = BTreeMap::new();
    let mut ripe = ripe(&draft.world, &mut memory.down, profile, &memory.cooldowns, &mut lanes, now);
    if memory.down.paused {
        return;
    }
    let draining =
        |name: &&Name| !draft.world.get(&super::machine_key(name)).and_then(|doc| doc.as_machine()).is_some_and(drain::is_of_empty);
    let mut draining = memory.down.marked.iter().filter(draining).count() as u32;
    let mut leaving = memory.down.marked.len() as u32;
    let most = profile.max_empty_bulk_delete;
    while leaving < most
        && let Some(next) = choose(&ripe, &lanes, draining, profile.strategy)
    {
        let ripe = ripe.swap_remove(next);
        let Some(lane) = lanes.get_mut(&ripe.pool) else { continue };
        lane.stay -= 1;
        if let Some(zone) = lane.zones.get_mut(&ripe.zone) {
            *zone -= 1;
        }
        leaving += 1;
        draining += u32::from(!ripe.is_empty);
        mark(draft, memory, &lane.profile, &ripe);
    }
}

/// Nodes of no need that may go now, but for how many; the next time that this is asked for is noted.
fn ripe(
    world: &World,
    down: &mut Memory,
    profile: &Profile,
    cooldowns: &Cooldowns,
    lanes: &mut BTreeMap<Name, Lane>,
    now: Time,
) -> Vec<Ripe> {
    let (mut ripe, mut calls) = (Vec::new(), Vec::new());
    for (name, unneeded) in &down.unneeded {
        if !lanes.contains_key(&unneeded.pool) {
            let Some(lane) = Lane::of(world, profile, cooldowns, &unneeded.pool, now) else { continue };
            lanes.insert(unneeded.pool.clone(), lane);
        }
        let lane = &lanes[&unneeded.pool];
        let at = matures_at(&lane.profile, unneeded.since, unneeded.is_ready);
        if now < at {
            calls.push(at);
            continue;
        }
        calls.extend(lane.cooldown);
        calls.extend(lane.next_change);
        if lane.cooldown.is_some() {
            continue;
        }
        let zone = eligible::machine_of(world, name).map(|(machine, _)| machine.zone.clone());
        let utilization = world.node(name).and_then(|row| utilization::of(world, row, &lane.profile, now));
        if let (Some(zone), Some(utilization)) = (zone, utilization) {
            let (pool, is_empty) = (unneeded.pool.clone(), unneeded.is_empty());
            ripe.push(Ripe { name: name.clone(), pool, zone, since: unneeded.since, utilization, is_empty });
        }
    }
    calls.into_iter().for_each(|at| down.call_at(at));
    ripe
}

/// Why a node that is of no need since a time does not go yet: its time, its pool, or how many go already.
pub fn not_yet(world: &World, profile: &Profile, name: &Name, since: Time, now: Time) -> Result<(), (Unremovable, Option<Time>)> {
    let Some((machine, pool)) = eligible::machine_of(world, name) else { return Ok(()) };
    let is_ready = eligible::is_ready(world, name);
    let at = matures_at(&options::of_pool(profile, &pool.spec), since, is_ready);
    if now < at {
        let why = if is_ready { Unremovable::NotUnneededLongEnough } else { Unremovable::NotUnreadyLongEnough };
        return Err((why, Some(at)));
    }
    if staying(world, &machine.pool) <= minimum::at(pool, now) {
        return Err((Unremovable::NodeGroupMinSizeReached, minimum::next_change(pool, now)));
    }
    let leaving = world.pools().flat_map(|(doc, _)| world.machines_of(&doc.key.name)).filter(|(_, machine)| eligible::is_marked(machine));
    if leaving.count() >= profile.max_empty_bulk_delete as usize {
        return Err((Unremovable::NodeGroupMaxDeletionCountReached, None));
    }
    Ok(())
}

/// Machines of a pool that are meant to live and are not marked.
pub fn staying(world: &World, pool: &Name) -> u32 {
    let stays = |machine: &Machine| !machine.surge && !eligible::is_leaving(machine);
    world.machines_of(pool).filter(|(_, machine)| stays(machine)).count() as u32
}

/// The next to go: empty ones before others, then the longest of no need and the emptiest; among equals, from the fullest zone where the
/// strategy looks at zones (aks-semantics 8 row 7).
fn choose(ripe: &[Ripe], lanes: &BTreeMap<Name, Lane>, draining: u32, strategy: Strategy) -> Option<usize> {
    let may = |ripe: &Ripe| {
        let lane = &lanes[&ripe.pool];
        lane.stay > lane.minimum && (ripe.is_empty || draining < MAX_DRAIN_PARALLELISM)
    };
    let rank = |ripe: &Ripe| {
        let zone = lanes[&ripe.pool].zones.get(&ripe.zone).copied().unwrap_or(0);
        let fullest = if strategy == Strategy::Better { zone } else { 0 };
        // Empty nodes are equal; others by what they hold.
        let share = if ripe.is_empty { 0 } else { ripe.utilization.share.to_bits() };
        (!ripe.is_empty, share, Reverse(fullest), ripe.since, ripe.name.clone())
    };
    (0..ripe.len()).filter(|at| may(&ripe[*at])).min_by_key(|at| rank(&ripe[*at]))
}

/// A node is to go: its machine says so, its node takes no pods, and its users are told.
fn mark(draft: &mut Draft, memory: &mut autoscale::Memory, profile: &Profile, ripe: &Ripe) {
    let now = draft.now;
    let pods = eligible::movable(&draft.world, profile, &ripe.name, now);
    // Documents may have moved since it was found to be of no need in this very look.
    let Ok(pods) = pods.map(|pods| pods.iter().map(|pod| pod.key.name.clone()).collect::<Vec<_>>()) else { return };
    let key = Key::global(Kind::Machine, ripe.name.clone());
    if let Err(why) = disrupt::may_take(&draft.world, &key, Disruption::ScaleDown, |_| true) {
        let declined = Reason::Held { why: why.to_string().into() };
        return draft.report(Report { planner: Planner::Autoscale, subject: key, declined });
    }
    drain::begin(draft, &ripe.name, pods.is_empty());
    if draft.world.node(&ripe.name).is_some() {
        let message = "marked the node as toBeDeleted/unschedulable".into();
        draft.notify(&Notice { about: node_key(&ripe.name), warning: false, reason: "ScaleDown", message, component: COMPONENT });
    }
    if pods.is_empty() {
        say(draft, "ScaleDownEmpty", format!("Scale-down: removing empty node {:?}", ripe.name.as_str()));
    } else {
        let text =
            format!("Scale-down: removing node {}, utilization: {}, pods to reschedule: {}", ripe.name, ripe.utilization, pods.join(","));
        say(draft, "ScaleDown", text);
    }
    memory.cooldowns.note_deletion(&ripe.pool, now);
    memory.down.forget(&ripe.name);
    memory.down.marked.insert(ripe.name.clone());
}

/// An event on the autoscaler's ConfigMap.
pub fn say(draft: &mut Draft, reason: &'static str, message: String) {
    let about = Key::new(Kind::ConfigMap, "kube-system", "cluster-autoscaler-status");
    draft.notify(&Notice { about, warning: false, reason, message: message.into(), component: COMPONENT });
}

pub fn node_key(name: &Name) -> Key {
    Key::global(Kind::Node, name.clone())
}

#[cfg(test)]
mod tests;
