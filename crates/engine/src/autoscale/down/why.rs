//! Why a node is not removed, asked of a snapshot and answered by the predicates that decide.
//!
//! A snapshot does not hold what the autoscaler remembers; since when a node is of no need is what its soft taint says. A node that may
//! go and has no such taint yet is kept by a delay, or others go first. Of several reasons the one is named that is asked first.

use super::reason::Unremovable;
use super::utilization::{self, Utilization};
use super::{act, eligible, soft_taint};
use crate::Env;
use crate::autoscale::options;
use nodelane_model::{Name, Time};
use nodelane_place::{Vacancies, Vacating};
use nodelane_world::{Snapshot, World};
use std::collections::BTreeSet;

/// How a node stands.
#[derive(Clone, PartialEq, Debug)]
pub struct Standing {
    /// The node.
    pub node: Name,
    /// Its pool; empty where it has none.
    pub pool: Name,
    /// How much of it is asked for, where that can be worked out.
    pub utilization: Option<Utilization>,
    /// Since when it is of no need.
    pub since: Option<Time>,
    /// When the reason ends by itself, where that is known.
    pub until: Option<Time>,
    /// Pods that would have to move.
    pub pods: usize,
    /// Where those would go; empty where they cannot.
    pub destinations: BTreeSet<Name>,
    /// Why it is not removed; `None` where it goes at the next look.
    pub why: Option<Unremovable>,
}

/// How nodes stand, in the order in which they are named.
pub fn why(snapshot: &Snapshot, env: &Env, nodes: &[Name]) -> Vec<Standing> {
    let mut vacancies = Vacancies::default();
    let mut open = vacancies.open(&snapshot.world, &env.scheduler, &[]);
    nodes.iter().map(|node| standing(snapshot, env, &mut open, node)).collect()
}

fn standing(snapshot: &Snapshot, env: &Env, open: &mut Vacating, node: &Name) -> Standing {
    let Snapshot { world, now } = snapshot;
    let cluster = world.cluster().cloned().unwrap_or_default();
    let profile = options::of_cluster(&cluster, env.autoscaler);
    let own = eligible::profile_of(world, &profile, node);
    let mut standing = Standing {
        node: node.clone(),
        pool: eligible::machine_of(world, node).map(|(machine, _)| machine.pool.clone()).unwrap_or_default(),
        utilization: world.node(node).and_then(|row| utilization::of(world, row, &own, *now)),
        since: soft_taint::marked_since(world, node),
        until: None,
        pods: 0,
        destinations: BTreeSet::new(),
        why: None,
    };
    let why = eligible::check(world, &own, node, *now).and_then(|_| {
        let pods = eligible::movable(world, &own, node, *now)?;
        standing.pods = pods.len();
        standing.destinations = open.would_vacate(node, &pods).map_err(|pod| Unremovable::NoPlaceToMovePods { pod })?;
        Ok(())
    });
    let why = why.and_then(|()| {
        let since = standing.since.ok_or_else(|| not_tainted(world, &standing, *now))?;
        act::not_yet(world, &profile, node, since, *now).map_err(|(why, until)| {
            standing.until = until;
            why
        })
    });
    standing.why = why.err();
    if let Some(why) = &standing.why {
        standing.until = standing.until.or(eligible::released_at(world, why).filter(|at| at > now));
    }
    standing
}

/// What keeps a node that may go and is not told so: its pool's minimum, or a delay or other nodes that go first.
fn not_tainted(world: &World, standing: &Standing, now: Time) -> Unremovable {
    let at_minimum =
        world.pool(&standing.pool).is_some_and(|(_, pool)| act::staying(world, &standing.pool) <= crate::autoscale::minimum::at(pool, now));
    if at_minimum { Unremovable::NodeGroupMinSizeReached } else { Unremovable::NotUnneededOtherReason }
}

#[cfg(test)]
mod tests;
