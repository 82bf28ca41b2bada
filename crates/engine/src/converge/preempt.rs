//! Spot machines that the cloud takes back (aks-semantics S-5, H-6).
//!
//! The notice is kept on the machine: for its thirty seconds a Linux node is cordoned and emptied as far as budgets allow. Then the
//! machine is gone and the pool's count falls (eviction policy Delete), or it is deallocated, is still counted and its node stays, not
//! ready (Deallocate). Nothing is refilled: a larger count, or the autoscaler, does that.

use super::lifecycle::SHUTDOWN;
use crate::{disrupt, fleet};
use nodelane_model::event::Notice;
use nodelane_model::machine::{Intent, MachinePhase};
use nodelane_model::node::Taint;
use nodelane_model::pool::{OsType, Priority};
use nodelane_model::{Key, Kind, Machine, Name, Time};
use nodelane_provider::Observation;
use nodelane_world::Draft;

/// Takes up what the cloud says of a spot machine; what does not fit the machine any more is passed over.
pub fn preempt(draft: &mut Draft, observation: &Observation) {
    match observation {
        Observation::Preempt { machine, at } => announce(draft, machine, *at),
        Observation::Evicted { machine } => evict(draft, machine),
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
        disrupt::drain(draft, key, false);
    }
}

fn evict(draft: &mut Draft, name: &Name) {
    let key = Key::global(Kind::Machine, name.clone());
    let Some(machine) = draft.world.get(&key).and_then(|doc| doc.as_machine()).cloned() else { return };
    let lives = matches!(machine.phase, MachinePhase::Running | MachinePhase::Reimaging | MachinePhase::Starting);
    if machine.preempted.is_none() || !lives {
        return;
    }
    let keeps = draft.world.pool(&machine.pool).is_some_and(|(_, pool)| pool.spec.eviction_policy == "Deallocate");
    if keeps { deallocate(draft, &key) } else { take(draft, &key, &machine) }
}

/// The machine and its node are gone; the count falls, unless an operation has left the machine out of it already.
fn take(draft: &mut Draft, key: &Key, machine: &Machine) {
    draft.remove(&Key::global(Kind::Node, key.name.clone()));
    draft.remove(key);
    draft.update(&Key::global(Kind::NodePool, machine.pool.clone()), |doc| {
        if let Some(pool) = doc.as_pool_mut() {
            let counted = !machine.surge && pool.state.operation.as_ref().is_none_or(|operation| !operation.victims.contains(&key.name));
            pool.spec.count -= u32::from(counted && machine.intent != Intent::Gone).min(pool.spec.count);
        }
    });
}

fn deallocate(draft: &mut Draft, key: &Key) {
    let now = draft.now;
    fleet::change(draft, key, |machine| {
        machine.preempted = None;
        machine.roll = None;
        if machine.intent == Intent::Run {
            machine.intent = Intent::Stop;
        }
        machine.enter(MachinePhase::Stopped, now);
    });
    disrupt::release(draft, key);
    let taint = Taint { key: SHUTDOWN.into(), effect: "NoSchedule".into(), time_added: Some(now.whole_seconds()), ..Taint::default() };
    draft.update(&Key::global(Kind::Node, key.name.clone()), |doc| {
        if let Some(node) = doc.as_node_mut().filter(|node| !node.spec.taints.iter().any(|other| other.same_place(&taint))) {
            node.spec.taints.push(taint);
        }
    });
}
