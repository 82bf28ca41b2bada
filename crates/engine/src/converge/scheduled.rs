//! Azure's scheduled events beside preemption: what is about to happen is shown on the node, and a move to another host empties it
//! (aks-semantics H-6, H-10).
//!
//! Freeze, Reboot and Terminate are shown and nothing is done about them, as AKS has it; only Linux nodes are emptied. Afterwards the node
//! takes pods again. Not here: AKS's opt-in to empty a node before a Freeze.

use super::preempt;
use crate::{disrupt, fleet};
use nodelane_model::event::Notice;
use nodelane_model::machine::{CordonOwner, MachinePhase};
use nodelane_model::pod::Condition;
use nodelane_model::pool::OsType;
use nodelane_model::{Happening, Key, Kind, Machine, Name, ScheduledEvent, Time};
use nodelane_world::Draft;

/// Something is going to happen to a machine.
pub(super) fn announce(draft: &mut Draft, name: &Name, event: &ScheduledEvent) {
    let key = Key::global(Kind::Machine, name.clone());
    let Some(machine) = draft.world.get(&key).and_then(|doc| doc.as_machine()) else { return };
    if machine.phase != MachinePhase::Running || machine.scheduled.is_some() {
        return;
    }
    fleet::change(draft, &key, |machine| machine.scheduled = Some(event.clone()));
    show(draft, name, Some((event.happening, event.at)));
    let (reason, component) = match event.happening {
        Happening::Freeze => ("FreezeScheduled", "custom-scheduledevents-consolidated-plugin-monitor"),
        Happening::Reboot => ("RebootScheduled", "custom-scheduledevents-consolidated-plugin-monitor"),
        Happening::Redeploy => ("RedeployScheduled", "custom-scheduledevents-consolidated-plugin-monitor"),
        Happening::Terminate => ("TerminateScheduled", "custom-scheduledevents-consolidated-plugin-monitor"),
        Happening::Preempt => ("PreemptScheduled", "custom-scheduledevents-preempt-plugin-monitor"),
    };
    let message = format!("{} Scheduled: {}", event.happening.word(), event.at.whole_seconds()).into();
    draft.notify(&Notice { about: Key::global(Kind::Node, name.clone()), warning: true, reason, message, component });
}

/// The node's condition `VMEventScheduled`, as the node problem detector sets it; a node that never had an event has none.
pub(super) fn show(draft: &mut Draft, name: &Name, event: Option<(Happening, Time)>) {
    let now = draft.now.whole_seconds();
    let condition = match event {
        Some((happening, at)) => Condition::new("VMEventScheduled", true, now)
            .because(&format!("{}Scheduled", happening.word()), &format!("{} Scheduled: {}", happening.word(), at.whole_seconds())),
        None => Condition::new("VMEventScheduled", false, now).because("NoVMEventScheduled", "VM has no scheduled event"),
    };
    draft.update(&Key::global(Kind::Node, name.clone()), |doc| {
        if let Some(node) = doc.as_node_mut() {
            condition.set_in(&mut node.status.conditions);
        }
    });
}

/// Empties the node of a machine that is about to be moved.
pub(super) fn empty(draft: &mut Draft, key: &Key, machine: &Machine) {
    let moves = machine.scheduled.as_ref().is_some_and(|event| event.happening == Happening::Redeploy);
    let linux = draft.world.pool(&machine.pool).is_some_and(|(_, pool)| pool.spec.os_type == OsType::Linux);
    if moves && linux {
        disrupt::drain_for(draft, key, CordonOwner::Disruption, false);
    }
}

/// It has happened.
pub(super) fn happen(draft: &mut Draft, name: &Name, happening: Happening) {
    let key = Key::global(Kind::Machine, name.clone());
    let Some(machine) = draft.world.get(&key).and_then(|doc| doc.as_machine()).cloned() else { return };
    if machine.scheduled.as_ref().is_none_or(|event| event.happening != happening || event.at > draft.now) {
        return;
    }
    if happening == Happening::Terminate {
        return preempt::take(draft, &key, &machine);
    }
    let now = draft.now;
    fleet::change(draft, &key, |machine| {
        machine.scheduled = None;
        if matches!(happening, Happening::Reboot | Happening::Redeploy) {
            machine.boots += 1;
            machine.renewed.booted = Some(now);
        }
        if happening == Happening::Redeploy {
            machine.renewed.hosted = Some(now);
        }
    });
    show(draft, name, None);
    if happening == Happening::Redeploy && machine.cordoned_by.contains(&CordonOwner::Disruption) {
        disrupt::release_for(draft, &key, CordonOwner::Disruption);
    }
}
