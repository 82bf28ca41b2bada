//! The mark of nodes of no need that have not been so for long enough: pods go elsewhere if they can.
//!
//! AKS sets it: `DeletionCandidateOfClusterAutoscaler`, PreferNoSchedule, with the second since when. At most ten nodes get or lose it in
//! one look, as upstream.

use super::{eligible, machine_key};
use crate::autoscale::{self, Profile};
use nodelane_model::node::Taint;
use nodelane_model::{Key, Kind, Name, Time};
use nodelane_world::{Draft, List, World};
use std::collections::{BTreeMap, BTreeSet};

/// The taint of a node of no need.
pub const DELETION_CANDIDATE: &str = "DeletionCandidateOfClusterAutoscaler";
/// Nodes that get or lose the taint in one look, at most (`max-bulk-soft-taint-count`).
const NODES_PER_LOOK: usize = 10;

/// Brings taints in line: those of nodes that changed, and of nodes of no need; new ones only where no delay keeps nodes of the pool from
/// going. What is left over is for the next look.
pub fn run(draft: &mut Draft, memory: &mut autoscale::Memory, profile: &Profile, changed: &BTreeSet<Name>) {
    let (now, world, down) = (draft.now, draft.world.clone(), &mut memory.down);
    let ends = |name: &&Name| !down.unneeded.contains_key(*name) && marked_since(&world, name).is_some();
    let spared: BTreeSet<Name> = changed.iter().chain(&down.tainted).filter(ends).cloned().collect();
    let mut left = NODES_PER_LOOK;
    for name in &spared {
        if left > 0 {
            left -= 1;
            set(draft, name, false);
            down.tainted.remove(name);
        }
    }
    let mut later = (left == 0 && !spared.is_empty()).then(|| now.plus(1));
    let mut delays: BTreeMap<&Name, Option<Time>> = BTreeMap::new();
    for (name, unneeded) in &down.unneeded {
        if down.tainted.contains(name) {
            continue;
        }
        let until = *delays.entry(&unneeded.pool).or_insert_with(|| memory.cooldowns.until(profile, &unneeded.pool).filter(|at| *at > now));
        match until {
            Some(at) => later = Some(later.map_or(at, |later| later.min(at))),
            None if left == 0 => {
                later = Some(now.plus(1));
                break;
            }
            None => {
                // One that had it before a restart keeps its time.
                if marked_since(&world, name).is_none() {
                    left -= 1;
                    set(draft, name, true);
                }
                down.tainted.insert(name.clone());
            }
        }
    }
    if let Some(at) = later {
        down.call_at(at);
    }
}

fn set(draft: &mut Draft, name: &Name, sets: bool) {
    let now = draft.now;
    draft.update(&Key::global(Kind::Node, name.clone()), |doc| {
        let Some(node) = doc.as_node_mut() else { return };
        node.spec.taints.retain(|taint| taint.key != DELETION_CANDIDATE);
        if sets {
            let value = now.0.div_euclid(1000).to_string().into();
            let taint = Taint { key: DELETION_CANDIDATE.into(), value, effect: "PreferNoSchedule".into(), time_added: None };
            node.spec.taints.push(taint);
        }
    });
    // This is no news to whoever looks at nodes that changed.
    draft.world.work.done(List::Autoscale, &machine_key(name));
}

/// Since when a node that still lives has had the taint.
pub fn marked_since(world: &World, name: &Name) -> Option<Time> {
    if eligible::machine_of(world, name).is_some_and(|(machine, _)| eligible::is_leaving(machine)) {
        return None;
    }
    let node = world.node(name)?.doc.as_node()?;
    let taint = node.spec.taints.iter().find(|taint| taint.key == DELETION_CANDIDATE)?;
    Some(Time(taint.value.parse::<i64>().ok()?.saturating_mul(1000)))
}
