//! Machines: one virtual machine of a pool, wanted and had.
//!
//! `intent` and `model` are what the engine wants, `phase` and `running` what the provider said. Machines are documents of their own
//! so that a roll over a thousand of them rewrites small documents, and so that a crash at any point finds what was asked for.

use crate::{Name, Renewed, Repair, Repaired, ScheduledEvent, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A machine; its name is its node's.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Machine {
    /// The pool it belongs to.
    pub pool: Name,
    /// Instance id in the pool's scale set.
    pub instance: u32,
    /// Zone number; empty for a regional machine.
    #[serde(default, skip_serializing_if = "Name::is_empty")]
    pub zone: Name,
    /// VM size.
    pub size: Name,
    /// What it is to have.
    pub model: MachineModel,
    /// What it is to do.
    pub intent: Intent,
    /// What the provider last said.
    pub phase: MachinePhase,
    /// Since when.
    pub phase_since: Time,
    /// What it has, once it has booted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<MachineModel>,
    /// Counts images put on it.
    #[serde(default)]
    pub incarnation: u32,
    /// Counts its boots; names its boot id.
    #[serde(default)]
    pub boots: u32,
    /// When the cloud takes it: a spot machine that has had its notice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preempted: Option<Time>,
    /// What the platform is about to do to it, beside preemption.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled: Option<ScheduledEvent>,
    /// Whether it is extra, for a roll.
    #[serde(default, skip_serializing_if = "crate::meta::is_false")]
    pub surge: bool,
    /// Who wants no new pods on it; the node's bit is the union.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub cordoned_by: BTreeSet<CordonOwner>,
    /// How far it is in being emptied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain: Option<Drain>,
    /// How far it is in a roll.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roll: Option<Roll>,
    /// When the roll that it is in, or was in last, took it and was done with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolled: Option<Rolled>,
    /// What of the pool's labels and taints the node was last given, so that what the pool drops can be taken off.
    #[serde(default)]
    pub applied: Applied,
    /// Why the provider's last call failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<MachineFailure>,
    /// What auto-repair does about its node, which was Ready and is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repair: Option<Repair>,
    /// Rungs of auto-repair that it has seen, the newest last; at most [`REPAIRS_LIMIT`](crate::repair::REPAIRS_LIMIT).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repairs: Vec<Repaired>,
    /// When it last booted, was imaged, changed its host, since it was made.
    #[serde(default, skip_serializing_if = "is_default")]
    pub renewed: Renewed,
}

fn is_default(renewed: &Renewed) -> bool {
    *renewed == Renewed::default()
}

/// What a node was given by its pool.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Applied {
    /// Keys of labels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<Name>,
    /// Taints, as the pool spells them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub taints: Vec<Name>,
}

/// What is on a machine.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct MachineModel {
    /// Full Kubernetes version.
    pub version: Name,
    /// Node image.
    pub image: Name,
}

/// What a machine is to do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Intent {
    /// Live.
    Run,
    /// Be deallocated.
    Stop,
    /// Be gone.
    Gone,
}

/// What the provider last said of a machine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum MachinePhase {
    /// Nothing was asked of the provider yet, or its answer is awaited.
    Requested,
    /// It runs; whether its node is Ready is the node's to say.
    Running,
    /// A new image is being put on it.
    Reimaging,
    /// It boots again, to be mended.
    Rebooting,
    /// It moves to another host, to be mended.
    Redeploying,
    /// It is being deallocated.
    Stopping,
    /// It is deallocated.
    Stopped,
    /// It is being started.
    Starting,
    /// It is being deleted.
    Deleting,
    /// The provider could not make it.
    Failed,
}

impl MachinePhase {
    /// Whether a machine is paid for: from its allocation until it is deallocated or deleted.
    pub fn is_billed(self) -> bool {
        match self {
            MachinePhase::Running
            | MachinePhase::Reimaging
            | MachinePhase::Rebooting
            | MachinePhase::Redeploying
            | MachinePhase::Stopping
            | MachinePhase::Starting
            | MachinePhase::Deleting => true,
            MachinePhase::Requested | MachinePhase::Stopped | MachinePhase::Failed => false,
        }
    }
}

/// Who wants no new pods on a machine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum CordonOwner {
    /// A user, by kubectl. Nobody else removes it.
    User,
    /// The operation that runs on the pool.
    Operation,
    /// An upgrade that could not empty it (undrainable node behaviour Cordon).
    Quarantine,
    /// The autoscaler, which has no need of it.
    ScaleDown,
    /// The platform is about to take or move it (aks-semantics H-6).
    Disruption,
}

/// How far a machine is in being emptied.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Drain {
    /// Since when.
    pub since: Time,
    /// Since when it is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<Time>,
    /// What holds it up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked: Option<Blocked>,
}

/// What holds up a drain.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Blocked {
    /// The pod, as namespace/name.
    pub pod: Name,
    /// The budget's name; several, joined by a comma, where more than one covers the pod.
    pub budget: Name,
    /// Since when this very budget has held up this very pod.
    #[serde(default)]
    pub since: Time,
}

/// How far a machine is in a roll.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Roll {
    /// It is being emptied.
    Draining,
    /// It is empty and waits for the soak to pass.
    Soaking,
    /// It gets its image, and its node is to become Ready.
    Reimaging,
    /// It is done.
    Done,
    /// It could not be emptied.
    Undrainable,
}

/// When a roll took a machine, and when it was done with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Rolled {
    /// When it was taken.
    pub since: Time,
    /// When its node was Ready again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<Time>,
}

/// Why the provider could not do what was asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MachineFailure {
    /// The provider's code, such as `ZonalAllocationFailed`.
    pub code: Name,
    /// Its sentence.
    pub message: Name,
}

impl Drain {
    /// Notes what holds it up; since when stays where it is the same as before.
    pub fn hold_up(&mut self, blocked: Option<Blocked>) {
        let same = |new: &Blocked, old: &Blocked| (&new.pod, &new.budget) == (&old.pod, &old.budget);
        let before = self.blocked.take();
        self.blocked = blocked.map(|new| match before {
            Some(old) if same(&new, &old) => old,
            _ => new,
        });
    }
}

impl Machine {
    /// A machine that nothing was asked of the provider for yet.
    pub fn requested(pool: &str, instance: u32, size: &str, model: MachineModel, now: Time) -> Machine {
        Machine {
            pool: pool.into(),
            instance,
            zone: Name::default(),
            size: size.into(),
            model,
            intent: Intent::Run,
            phase: MachinePhase::Requested,
            phase_since: now,
            running: None,
            incarnation: 0,
            boots: 0,
            preempted: None,
            scheduled: None,
            surge: false,
            cordoned_by: BTreeSet::new(),
            drain: None,
            roll: None,
            rolled: None,
            applied: Applied::default(),
            failure: None,
            repair: None,
            repairs: Vec::new(),
            renewed: Renewed::default(),
        }
    }
    /// Enters a phase.
    pub fn enter(&mut self, phase: MachinePhase, now: Time) {
        self.phase = phase;
        self.phase_since = now;
    }
    /// Whether it is meant to live.
    pub fn is_wanted(&self) -> bool {
        self.intent == Intent::Run
    }
    /// Whether the provider works on it at auto-repair's wish.
    pub fn is_being_repaired(&self) -> bool {
        self.repair.as_ref().is_some_and(|repair| repair.rung.is_some_and(|(rung, _)| rung.phase() == self.phase))
    }
    /// Whether it has what it is to have.
    pub fn is_current(&self) -> bool {
        self.running.as_ref() == Some(&self.model)
    }
}
