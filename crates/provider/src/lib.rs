//! What a backend of machines is: calls by name, answered later.
//!
//! A call is a function of a machine's document ([`call_for`]), named by machine, verb and incarnation: submitting it twice is the
//! same as once, so that a crash between a document and its call costs nothing. Answers come back as [`Completion`]s.
//!
//! Not here: any backend, any waiting. The simulated one is in `sim`.

use nodelane_model::machine::{Intent, MachineModel, MachinePhase};
use nodelane_model::{Doc, Happening, Name, ScheduledEvent, Time};
use thiserror::Error;

/// What is asked of a backend.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Verb {
    /// Make the machine and boot it.
    Create,
    /// Put another image on it and boot it.
    Reimage,
    /// Release it but keep its disk.
    Deallocate,
    /// Boot it again.
    Start,
    /// Remove it.
    Delete,
    /// Boot it again as it is.
    Reboot,
    /// Move it to another host and boot it there.
    Redeploy,
}

/// One call to a backend.
#[derive(Clone, PartialEq, Debug)]
pub struct Call {
    /// The machine's name.
    pub machine: Name,
    /// What is asked.
    pub verb: Verb,
    /// Which image of the machine this is about; keeps late answers apart.
    pub incarnation: u32,
    /// Its pool.
    pub pool: Name,
    /// Its size.
    pub size: Name,
    /// Its zone; empty for none.
    pub zone: Name,
    /// What is to be on it.
    pub model: MachineModel,
    /// When the call was decided; latencies count from here, over restarts too.
    pub since: Time,
}

/// The answer to a call.
#[derive(Clone, PartialEq, Debug)]
pub struct Completion {
    /// The call.
    pub call: Call,
    /// Whether it was done.
    pub result: Result<(), Failure>,
}

/// What a backend says unasked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Observation {
    /// A spot machine is taken at a time: Azure's scheduled event `Preempt`.
    Preempt {
        /// The machine's name.
        machine: Name,
        /// When.
        at: Time,
    },
    /// A spot machine was taken.
    Evicted {
        /// The machine's name.
        machine: Name,
    },
    /// The platform is about to do something to a machine: Azure's other scheduled events.
    Scheduled {
        /// The machine's name.
        machine: Name,
        /// What, and when.
        event: ScheduledEvent,
    },
    /// The platform has done it.
    Happened {
        /// The machine's name.
        machine: Name,
        /// What.
        happening: Happening,
    },
}

/// Why a backend could not do what was asked; variants follow what the caller does next.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum Failure {
    /// Ask again after a while.
    #[error("throttled for {retry_after_millis} ms")]
    Throttled {
        /// How long to wait.
        retry_after_millis: i64,
    },
    /// There is no room for such a machine: another zone, size or priority may have some.
    #[error("{code}: {message}")]
    CapacityShort {
        /// Azure's code.
        code: Name,
        /// Its sentence.
        message: Name,
    },
    /// There is no such machine.
    #[error("there is no such machine")]
    NotFound,
    /// It may work the next time.
    #[error("{0}")]
    Transient(Name),
    /// It will not work.
    #[error("{code}: {message}")]
    Permanent {
        /// Azure's code.
        code: Name,
        /// Its sentence.
        message: Name,
    },
}

/// A backend of machines.
pub trait Provider {
    /// Takes a call; a call that is under way or done is not begun again.
    fn submit(&mut self, call: Call, now: Time);
    /// The answers that have come by `now`.
    fn poll(&mut self, now: Time) -> Vec<Completion>;
    /// When the next answer is expected, where that is known.
    fn next_at(&self) -> Option<Time>;
}

/// The call that a machine's document asks for, if its answer is awaited.
pub fn call_for(doc: &Doc) -> Option<Call> {
    let machine = doc.as_machine()?;
    let verb = match (machine.phase, machine.intent) {
        // One that is to be stopped is made first: there is nothing yet to stop.
        (MachinePhase::Requested, Intent::Run | Intent::Stop) => Verb::Create,
        (MachinePhase::Requested, Intent::Gone) => return None,
        (MachinePhase::Reimaging, _) => Verb::Reimage,
        (MachinePhase::Stopping, _) => Verb::Deallocate,
        (MachinePhase::Starting, _) => Verb::Start,
        (MachinePhase::Deleting, _) => Verb::Delete,
        (MachinePhase::Rebooting, _) => Verb::Reboot,
        (MachinePhase::Redeploying, _) => Verb::Redeploy,
        (MachinePhase::Running | MachinePhase::Stopped | MachinePhase::Failed, _) => return None,
    };
    Some(Call {
        machine: doc.key.name.clone(),
        verb,
        incarnation: machine.incarnation,
        pool: machine.pool.clone(),
        size: machine.size.clone(),
        zone: machine.zone.clone(),
        model: machine.model.clone(),
        since: machine.phase_since,
    })
}
