//! The first stage: whether a node may be looked at as one that goes (aks-semantics SD-1 a), and which of its pods would have to move.
//!
//! Looks at the node, its machine, its pool and its own pods; where those pods could go is the second stage.

use super::drainability::{self, Block, Fate};
use super::reason::Unremovable;
use super::utilization::{self, Utilization};
use crate::autoscale::profile::Profile;
use crate::autoscale::{may_scale, options};
use nodelane_model::machine::{CordonOwner, Intent, MachinePhase};
use nodelane_model::{Doc, Key, Kind, Machine, Name, NodePool, Time};
use nodelane_world::World;
use std::borrow::Cow;
use std::sync::Arc;

/// The annotation by which a user keeps a node.
pub const SCALE_DOWN_DISABLED: &str = "cluster-autoscaler.kubernetes.io/scale-down-disabled";

/// The machine of a node and its pool.
pub fn machine_of<'a>(world: &'a World, node: &Name) -> Option<(&'a Machine, &'a NodePool)> {
    let machine = world.get(&Key::global(Kind::Machine, node.clone()))?.as_machine()?;
    Some((machine, world.pool(&machine.pool)?.1))
}

/// The profile as it holds for a node.
pub fn profile_of<'a>(world: &World, profile: &'a Profile, node: &Name) -> Cow<'a, Profile> {
    machine_of(world, node).map_or(Cow::Borrowed(profile), |(_, pool)| options::of_pool(profile, &pool.spec))
}

/// Whether a machine is on its way out: marked, or let go.
pub fn is_leaving(machine: &Machine) -> bool {
    machine.intent != Intent::Run || is_marked(machine)
}

/// Whether the autoscaler empties a machine that still lives.
pub fn is_marked(machine: &Machine) -> bool {
    machine.intent == Intent::Run && machine.cordoned_by.contains(&CordonOwner::ScaleDown)
}

/// Whether a node may be looked at as one that goes, and how much of it is asked for; with the profile of its pool.
pub fn check<'a>(world: &World, profile: &'a Profile, node: &Name, now: Time) -> (Cow<'a, Profile>, Result<Utilization, Unremovable>) {
    let found = machine_of(world, node);
    let own = found.map_or(Cow::Borrowed(profile), |(_, pool)| options::of_pool(profile, &pool.spec));
    let standing = check_machine(world, &own, node, found, now);
    (own, standing)
}

fn check_machine(
    world: &World,
    profile: &Profile,
    node: &Name,
    found: Option<(&Machine, &NodePool)>,
    now: Time,
) -> Result<Utilization, Unremovable> {
    let row = world.node(node).ok_or(Unremovable::NoNodeInfo)?;
    let (machine, pool) = found.ok_or(Unremovable::NotAutoscaled)?;
    if is_leaving(machine) || machine.phase != MachinePhase::Running {
        return Err(Unremovable::CurrentlyBeingDeleted);
    }
    if is_disabled(&row.doc) {
        return Err(Unremovable::ScaleDownDisabledAnnotation);
    }
    if !may_scale(pool) || machine.surge {
        return Err(Unremovable::NotAutoscaled);
    }
    let utilization = utilization::of(world, row, profile, now).ok_or(Unremovable::UnexpectedError)?;
    if utilization.is_low(profile) { Ok(utilization) } else { Err(Unremovable::NotUnderutilized) }
}

/// Whether a node is Ready.
pub fn is_ready(world: &World, node: &Name) -> bool {
    world.node(node).and_then(|row| row.doc.as_node()).is_some_and(|node| node.status.is_ready())
}

/// Whether a user keeps the node.
pub fn is_disabled(node: &Doc) -> bool {
    node.meta.annotations.get(SCALE_DOWN_DISABLED).is_some_and(|value| value == "true")
}

/// Pods of a node that have to find another place; the first that keeps the node, where one does.
pub fn movable(world: &World, profile: &Profile, node: &Name, now: Time) -> Result<Vec<Arc<Doc>>, Unremovable> {
    let mut pods = Vec::new();
    for doc in world.pods_on(node) {
        match drainability::fate(world, profile, doc, now) {
            Fate::Ignored | Fate::Daemon => {}
            Fate::Moves => pods.push(doc.clone()),
            Fate::Waits => return Err(Unremovable::BlockedByOnCompletionPod { pod: doc.key.clone() }),
            Fate::Blocks(block) => return Err(Unremovable::BlockedByPod { pod: doc.key.clone(), block }),
        }
    }
    Ok(pods)
}

/// Whether a pod of a node has to go elsewhere first, or keeps it.
pub fn has_movable(world: &World, profile: &Profile, node: &Name, now: Time) -> bool {
    world.pods_on(node).any(|doc| !matches!(drainability::fate(world, profile, doc, now), Fate::Ignored | Fate::Daemon))
}

/// When the mere passing of time may change why a node stays.
pub fn released_at(world: &World, why: &Unremovable) -> Option<Time> {
    match why {
        Unremovable::BlockedByPod { pod, block: Block::UnmovableKubeSystemPod } => {
            world.get(pod).map(|doc| drainability::released_at(doc).plus(1))
        }
        _ => None,
    }
}

/// When the next pod of a node has been on its way out for so long that it does not count any more.
pub fn ages_at(world: &World, node: &Name, now: Time) -> Option<Time> {
    world.node(node).filter(|row| row.leaving > 0)?;
    world.pods_on(node).filter_map(|doc| drainability::ignored_from(doc, doc.as_pod()?)).filter(|at| *at > now).min()
}
