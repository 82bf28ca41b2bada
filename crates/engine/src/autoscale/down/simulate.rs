//! The second stage: which nodes could go together, each with a place for every pod that has to move (aks-semantics SD-1 b).
//!
//! Nodes that are of no need already are asked first, the longest first, then the emptiest; each that goes takes no pods of those after
//! it, and what it sends away has its place taken. Nodes that could not go are not asked again for five minutes. Pods of nodes that are
//! being drained get their places before anyone.

use super::drainability::{Fate, fate};
use super::reason::Unremovable;
use super::{Held, Memory, Unneeded, eligible};
use crate::Env;
use crate::autoscale::options;
use crate::autoscale::profile::{Profile, UNREMOVABLE_RECHECK_MILLIS};
use nodelane_model::{Name, Time};
use nodelane_place::Vacating;
use nodelane_world::World;
use std::collections::{BTreeMap, BTreeSet};

/// Finds the nodes of no need; gives back how many nodes were asked.
pub fn run(world: &World, env: &Env, down: &mut Memory, profile: &Profile, now: Time) -> usize {
    let order = order(down);
    let mut vacancies = std::mem::take(&mut down.vacancies);
    let mut open = vacancies.open(world, &env.scheduler, &order.iter().collect::<Vec<_>>());
    for name in &down.marked {
        open.close(name);
    }
    for name in &down.marked {
        // All of them, whether one finds a place or not: who is evicted goes where there is room.
        for pod in world.pods_on(name).filter(|pod| !matches!(fate(world, profile, pod, now), Fate::Ignored | Fate::Daemon)) {
            let _ = open.vacate(name, std::slice::from_ref(pod));
        }
    }
    let before = std::mem::take(&mut down.unneeded);
    down.destinations.clear();
    let mut occupied = BTreeSet::new();
    let empty: Vec<Name> = down.candidates.empty.iter().filter(|name| !down.held.contains_key(*name)).cloned().collect();
    for name in empty.iter().chain(&order) {
        // What others send their pods to stays.
        if occupied.len() >= profile.non_empty_candidates || down.destinations.contains(name) || down.held.contains_key(name) {
            continue;
        }
        match ask(world, &mut open, down, profile, name, now) {
            Ok((pool, namespaces)) => {
                if !namespaces.is_empty() {
                    occupied.insert(name);
                }
                let since = before.get(name).map_or(now, |unneeded| unneeded.since);
                let is_ready = eligible::is_ready(world, name);
                down.unneeded.insert(name.clone(), Unneeded { since, pool, is_ready, namespaces });
            }
            Err(why) => {
                let recheck = now.plus(UNREMOVABLE_RECHECK_MILLIS);
                let released = eligible::released_at(world, &why).map(|at| at.max(recheck));
                down.held.insert(name.clone(), Held { until: released.unwrap_or(recheck), why, may_differ: released.is_some() });
            }
        }
    }
    open.close_into(&mut vacancies);
    down.vacancies = vacancies;
    empty.len() + order.len()
}

/// Nodes with pods to move: those of no need, the longest first, then the emptiest.
fn order(down: &Memory) -> Vec<Name> {
    let known: BTreeMap<(Time, &Name), ()> = (down.unneeded.iter())
        .filter(|(name, _)| down.candidates.by_name.get(*name).is_some_and(|(_, is_empty)| !is_empty))
        .map(|(name, unneeded)| ((unneeded.since, name), ()))
        .collect();
    let others = down.candidates.occupied.iter().map(|(_, name)| name).filter(|name| !down.unneeded.contains_key(*name));
    known.into_keys().map(|(_, name)| name).chain(others).cloned().collect()
}

/// Whether a node could go beside those that go already; gives its pool and the namespaces of the pods that would move.
fn ask(
    world: &World,
    open: &mut Vacating,
    down: &mut Memory,
    profile: &Profile,
    name: &Name,
    now: Time,
) -> Result<(Name, BTreeSet<Name>), Unremovable> {
    let (machine, pool) = eligible::machine_of(world, name).ok_or(Unremovable::NotAutoscaled)?;
    let pods = eligible::movable(world, &options::of_pool(profile, &pool.spec), name, now)?;
    let destinations = open.vacate(name, &pods).map_err(|pod| Unremovable::NoPlaceToMovePods { pod })?;
    down.destinations.extend(destinations);
    let mut namespaces = BTreeSet::new();
    for pod in &pods {
        if !namespaces.contains(&pod.key.namespace) {
            namespaces.insert(pod.key.namespace.clone());
        }
    }
    Ok((machine.pool.clone(), namespaces))
}
