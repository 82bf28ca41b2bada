//! What a provider's answer means for a machine and its node.
//!
//! An answer that no longer fits what the machine's document asks for is passed over: it belongs to an intention that was given up.
//! Not here: what is done about a failure; operations decide that.

use crate::autoscale;
use nodelane_model::machine::{CordonOwner, MachineFailure, MachinePhase};
use nodelane_model::{Key, Kind, Machine, Time};
use nodelane_provider::{Completion, Failure, Verb};
use nodelane_world::Draft;

/// Takes up an answer; one that is not awaited any more is passed over.
pub fn observe(draft: &mut Draft, completion: &Completion) {
    let key = Key::global(Kind::Machine, completion.call.machine.clone());
    let awaited = draft.world.get(&key).and_then(|doc| nodelane_provider::call_for(doc));
    if awaited.is_none_or(|call| (call.verb, call.incarnation) != (completion.call.verb, completion.call.incarnation)) {
        return;
    }
    let verb = completion.call.verb;
    let done = match &completion.result {
        Ok(()) => true,
        Err(Failure::NotFound) => matches!(verb, Verb::Delete | Verb::Deallocate),
        Err(_) => false,
    };
    if done && verb == Verb::Delete {
        draft.remove(&Key::global(Kind::Node, key.name.clone()));
        draft.remove(&key);
        return;
    }
    if done && verb == Verb::Deallocate {
        let by_autoscaler = |machine: &Machine| machine.cordoned_by.contains(&CordonOwner::ScaleDown);
        if draft.world.get(&key).and_then(|doc| doc.as_machine()).is_some_and(by_autoscaler) {
            autoscale::down::park(draft, &key);
        } else {
            draft.remove(&Key::global(Kind::Node, key.name.clone()));
        }
    }
    let now = draft.now;
    draft.update(&key, |doc| {
        if let Some(machine) = doc.as_machine_mut() {
            match &completion.result {
                Err(failure) if !done => fail(machine, verb, failure, now),
                _ => succeed(machine, verb, now),
            }
        }
    });
}

fn succeed(machine: &mut Machine, verb: Verb, now: Time) {
    machine.failure = None;
    match verb {
        Verb::Create | Verb::Reimage | Verb::Start | Verb::Reboot | Verb::Redeploy => {
            if !matches!(verb, Verb::Reboot | Verb::Redeploy) {
                machine.running = Some(machine.model.clone());
            }
            let renewed = &mut machine.renewed;
            renewed.booted = Some(now).filter(|_| verb != Verb::Create);
            renewed.imaged = if verb == Verb::Reimage { Some(now) } else { renewed.imaged };
            renewed.hosted = if verb == Verb::Redeploy { Some(now) } else { renewed.hosted };
            machine.boots += 1;
            machine.enter(MachinePhase::Running, now);
        }
        Verb::Deallocate => machine.enter(MachinePhase::Stopped, now),
        Verb::Delete => {}
    }
}

fn fail(machine: &mut Machine, verb: Verb, failure: &Failure, now: Time) {
    let (code, message) = match failure {
        // The call is named anew by its time, so it is submitted again.
        Failure::Throttled { retry_after_millis } => return machine.phase_since = now.plus(*retry_after_millis),
        Failure::Transient(_) => return machine.phase_since = now.plus(TRANSIENT_RETRY_MILLIS),
        Failure::CapacityShort { code, message } | Failure::Permanent { code, message } => (code.clone(), message.clone()),
        Failure::NotFound => ("NotFound".into(), "The virtual machine was not found.".into()),
    };
    machine.failure = Some(MachineFailure { code, message });
    let repairs = machine.is_being_repaired();
    match verb {
        // It is as broken as it was: auto-repair takes its next rung.
        Verb::Reboot | Verb::Redeploy => machine.enter(MachinePhase::Running, now),
        Verb::Reimage if repairs => machine.enter(MachinePhase::Running, now),
        // A machine that could not be removed is asked to go again.
        Verb::Delete => machine.phase_since = now.plus(TRANSIENT_RETRY_MILLIS),
        Verb::Create | Verb::Reimage | Verb::Start | Verb::Deallocate => machine.enter(MachinePhase::Failed, now),
    }
}

/// Pause before a call that failed for no lasting reason is made again.
const TRANSIENT_RETRY_MILLIS: i64 = 5_000;
