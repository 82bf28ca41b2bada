//! Spot machines that the cloud takes back (aks-semantics S-5, H-6).
//!
//! The notice is kept on the machine: for its thirty seconds a Linux node is cordoned and emptied as far as budgets allow. Then the
//! machine is gone and the pool's count falls (eviction policy Delete), or it is deallocated, is still counted and its node stays, not
//! ready (Deallocate). Nothing is refilled: a larger count, or the autoscaler, does that.

use super::lifecycle::SHUTDOWN;
use super::scheduled;
use crate::{disrupt, fleet};
use nodelane_model::event::Notice;
use nodelane_model::machine::{CordonOwner, Intent, MachinePhase};
use nodelane_model::node::Taint;
use nodelane_model::pool::{OsType, Priority};
use nodelane_model::{Happening, Key, Kind, Machine, Name, Time};
use nodelane_provider::Observation;
use nodelane_world::Draft;

/// Takes up what the cloud says unasked; what does not fit the machine any more is passed over.
pub fn preempt(draft: &mut Draft, observation: &Observation) {
    match observation {
        Observation::Preempt { machine, at } => announce(draft, machine, *at),
        Observation::Evicted { machine } => evict(draft, machine),
        Observation::Scheduled { machine, event } => scheduled::announce(draft, machine, event),
        Observation::Happened { machine, happening } => scheduled::happen(draft, machine, *happening),
    }
}

fn announce(draft: &mut Draft, name: &Name, at: Time) {
    let key = Key::global(Kind::Machine, name.clone());
    let Some(machine) = draft.world.get(&key).and_then(|doc| doc.as_machine()) else { return };
    let spot = draft.world.pool(&machine.pool).is_some_and(|(_, pool)| pool.spec.priority == Priority::Spot);
    if !spot || machine.phase != MachinePhase::Running || machine.preempted.is_some() {
        return;
    }
    fleet::change(draft, &key, |machine| machine.preempted = Some(at));
    scheduled::show(draft, name, Some((Happening::Preempt, at)));
    draft.notify(&Notice {
        about: Key::global(Kind::Node, name.clone()),
        warning: true,
        reason: "PreemptScheduled",
        message: format!("Preempt Scheduled: {}", at.whole_seconds()).into(),
        component: "custom-scheduledevents-preempt-plugin-monitor",
    });
}

/// Empties the node of a machine that has had its notice; only Linux nodes are drained for scheduled events.
pub(super) fn empty(draft: &mut Draft, key: &Key, machine: &Machine) {
    let linux = draft.world.pool(&machine.pool).is_some_and(|(_, pool)| pool.spec.os_type == OsType::Linux);
    if linux && machine.preempted.is_some() {
        disrupt::drain_for(draft, key, CordonOwner::Disruption, false);
    }
}

fn evict(draft: &mut Draft, name: &Name) {
    let key = Key::global(Kind::Machine, name.clone());
    let Some(machine) = draft.world.get(&key).and_then(|doc| doc.as_machine()).cloned() else { return };
    let lives = matches!(
        machine.phase,
        MachinePhase::Running | MachinePhase::Reimaging | MachinePhase::Starting | MachinePhase::Rebooting | MachinePhase::Redeploying
    );
    if machine.preempted.is_none() || !lives {
        return;
    }
    let keeps = draft.world.pool(&machine.pool).is_some_and(|(_, pool)| pool.spec.eviction_policy == "Deallocate");
    if keeps { deallocate(draft, &key, &machine) } else { take(draft, &key, &machine) }
}

/// The machine and its node are gone. The count falls first, unless an operation has left the machine out of it already, and the pool
/// keeps for which machine: after a crash in between it does not fall again.
pub(super) fn take(draft: &mut Draft, key: &Key, machine: &Machine) {
    let lives = |name: &Name| draft.world.get(&Key::global(Kind::Machine, name.clone())).is_some();
    let gone: Vec<Name> = draft.world.pool(&machine.pool).map(|(_, pool)| pool.state.taken.clone()).unwrap_or_default();
    let gone: Vec<Name> = gone.into_iter().filter(|name| !lives(name)).collect();
    draft.update(&Key::global(Kind::NodePool, machine.pool.clone()), |doc| {
        let Some(pool) = doc.as_pool_mut().filter(|pool| !pool.state.taken.contains(&key.name)) else { return };
        let counted = !machine.surge && pool.state.operation.as_ref().is_none_or(|operation| !operation.victims.contains(&key.name));
        pool.spec.count -= u32::from(counted && machine.intent != Intent::Gone).min(pool.spec.count);
        pool.state.taken.retain(|name| !gone.contains(name));
        pool.state.taken.push(key.name.clone());
    });
    draft.remove(&Key::global(Kind::Node, key.name.clone()));
    draft.remove(key);
}

/// The node first: after a crash in between the machine is deallocated once more.
fn deallocate(draft: &mut Draft, key: &Key, machine: &Machine) {
    let now = draft.now;
    let held = machine.cordoned_by.iter().any(|owner| !matches!(owner, CordonOwner::Operation | CordonOwner::Disruption));
    let taint = Taint { key: SHUTDOWN.into(), effect: "NoSchedule".into(), time_added: Some(now.whole_seconds()), ..Taint::default() };
    draft.update(&Key::global(Kind::Node, key.name.clone()), |doc| {
        let Some(node) = doc.as_node_mut() else { return };
        node.spec.unschedulable &= held;
        disrupt::match_taint(&mut node.spec.taints, node.spec.unschedulable, now.whole_seconds());
        if !node.spec.taints.iter().any(|other| other.same_place(&taint)) {
            node.spec.taints.push(taint);
        }
    });
    fleet::change(draft, key, |machine| {
        machine.preempted = None;
        machine.drain = None;
        machine.roll = None;
        machine.cordoned_by.remove(&CordonOwner::Operation);
        machine.cordoned_by.remove(&CordonOwner::Disruption);
        if machine.intent == Intent::Run {
            machine.intent = Intent::Stop;
        }
        machine.enter(MachinePhase::Stopped, now);
    });
}
