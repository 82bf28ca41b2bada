//! Long-running operations, as a small part of the document that they work on.
//!
//! An operation is never a task: everything that must survive a crash is here or on the machines. One phase enum per kind, one total
//! transition function without a wildcard, so that every phase of every kind is decided on in one place. Progress per machine is on
//! the [`Machine`](crate::Machine)s; here are only counts.

use crate::{Name, Time, Uid};
use serde::{Deserialize, Serialize};

/// Finished operations that a document keeps, for clients that poll late. A pool that is changed once a minute keeps a quarter of an hour.
pub const HISTORY_LIMIT: usize = 16;

/// A long-running operation.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Operation {
    /// What a client polls.
    pub id: Uid,
    /// What it does and how far it is.
    pub progress: Progress,
    /// When it was accepted.
    pub started: Time,
    /// When it entered its phase.
    pub phase_since: Time,
    /// Counts falls back to a humbler way (aks-semantics US-4).
    #[serde(default, skip_serializing_if = "no_attempt")]
    pub attempt: u32,
    /// Why it fell back, each time; at most two, for there are three ways.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fallbacks: Vec<Fallback>,
    /// Whether it was asked to stop.
    #[serde(default, skip_serializing_if = "crate::meta::is_false")]
    pub abort_requested: bool,
    /// The request's client id: a repeat of the same request gets the same answer.
    #[serde(default, skip_serializing_if = "Name::is_empty")]
    pub client_request_id: Name,
    /// Hash of the request's meaning, for the same purpose.
    #[serde(default)]
    pub request_hash: u64,
    /// An upgrade that keeps the Kubernetes version: ARM shows another state for it.
    #[serde(default, skip_serializing_if = "crate::meta::is_false")]
    pub image_only: bool,
    /// Machines that it takes away, where it chose or was given them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub victims: Vec<Name>,
    /// Whether disruption budgets are passed over.
    #[serde(default, skip_serializing_if = "crate::meta::is_false")]
    pub ignore_budgets: bool,
    /// What is restored if it is aborted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Before>,
    /// When and how it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

fn no_attempt(attempt: &u32) -> bool {
    *attempt == 0
}

/// A surge that found no room, and what is tried in its place (aks-semantics US-4).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Fallback {
    /// When.
    pub at: Time,
    /// The provider's code.
    pub because: Name,
    /// Extra machines from here on; 0 for in place.
    pub surge: u32,
}

/// What an aborted operation restores (arm-wire: an aborted stop restores Running and the count).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Before {
    /// Machines meant to live.
    pub count: u32,
}

/// How an operation ended.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Ended {
    /// When.
    pub at: Time,
    /// How.
    pub outcome: Outcome,
    /// Why, unless it succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<OperationError>,
}

/// How an operation ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Outcome {
    /// As asked.
    Succeeded,
    /// Not as asked.
    Failed,
    /// Stopped on request.
    Canceled,
}

/// Why an operation did not succeed, as its status shows it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OperationError {
    /// AKS's code.
    pub code: Name,
    /// AKS's sentence.
    pub message: Name,
}

macro_rules! phases {
    ($($(#[$doc:meta])* $kind:ident: $enum:ident { $($(#[$pdoc:meta])* $phase:ident),* $(,)? })*) => {
        /// What an operation does and how far it is.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
        pub enum Progress { $($(#[$doc])* $kind($enum)),* }
        $(
            /// Phases of such an operation, in order.
            #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
            pub enum $enum { $($(#[$pdoc])* $phase),* }
        )*
        impl Progress {
            /// Every kind in every phase.
            pub const ALL: &'static [Progress] = &[$($(Progress::$kind($enum::$phase)),*),*];
        }
    };
}

phases! {
    /// A new pool: its machines come.
    Create: CreatePhase {
        /// Machines are requested and become Ready.
        Provisioning
    }
    /// A change that leaves the machines as they are.
    Update: UpdatePhase {
        /// Labels, taints and settings reach the nodes.
        Applying
    }
    /// More or fewer machines.
    Scale: ScalePhase {
        /// Machines are requested and become Ready.
        Provisioning,
        /// Machines that go are emptied.
        Draining,
        /// Machines that go are deleted.
        Removing
    }
    /// Another Kubernetes version or another image: the machines are reimaged in a roll.
    Upgrade: UpgradePhase {
        /// Extra machines come.
        Surging,
        /// Machines are emptied and reimaged, batch by batch.
        Rolling,
        /// Extra machines are emptied and go.
        Unsurging,
        /// Blue-green: a full set of new machines comes.
        Greening,
        /// Blue-green: the old machines are emptied, batch by batch.
        Moving,
        /// Blue-green: all pods have moved, and the old machines may still take over again.
        Settling,
        /// Blue-green: the new machines are the pool, and the old ones go.
        Retiring
    }
    /// The pool's machines are deallocated.
    Stop: StopPhase {
        /// Machines are deallocated.
        Stopping
    }
    /// The pool's machines come back.
    Start: StartPhase {
        /// Machines are started and become Ready.
        Starting
    }
    /// The pool goes.
    Delete: DeletePhase {
        /// Machines are emptied.
        Draining,
        /// Machines are deleted.
        Removing
    }
    /// Named machines go, without a drain.
    DeleteMachines: DeleteMachinesPhase {
        /// Machines are deleted.
        Removing
    }
    /// The cluster's control plane gets another version, or the cluster is made, stopped, started or deleted.
    Cluster: ClusterPhase {
        /// The cluster and its first pools come.
        Creating,
        /// Settings are applied.
        Updating,
        /// The control plane is upgraded.
        Upgrading,
        /// Every pool is stopped.
        Stopping,
        /// Every pool is started.
        Starting,
        /// Every pool goes, then the cluster.
        Deleting
    }
}

impl Progress {
    /// The provisioning state that ARM shows while it runs (aks-semantics PS-1).
    pub const fn provisioning_state(self) -> &'static str {
        match self {
            Progress::Create(_) | Progress::Cluster(ClusterPhase::Creating) => "Creating",
            Progress::Update(_) | Progress::Cluster(ClusterPhase::Updating) => "Updating",
            Progress::Scale(_) => "Scaling",
            Progress::Upgrade(_) | Progress::Cluster(ClusterPhase::Upgrading) => "Upgrading",
            Progress::Stop(_) | Progress::Cluster(ClusterPhase::Stopping) => "Stopping",
            Progress::Start(_) | Progress::Cluster(ClusterPhase::Starting) => "Starting",
            Progress::Delete(_) | Progress::Cluster(ClusterPhase::Deleting) => "Deleting",
            Progress::DeleteMachines(_) => "Scaling",
        }
    }
    /// The next phase, or `None` when this one is the last. Total: no phase is left out.
    pub const fn next(self) -> Option<Progress> {
        match self {
            Progress::Create(CreatePhase::Provisioning) => None,
            Progress::Update(UpdatePhase::Applying) => None,
            Progress::Scale(ScalePhase::Provisioning) => None,
            Progress::Scale(ScalePhase::Draining) => Some(Progress::Scale(ScalePhase::Removing)),
            Progress::Scale(ScalePhase::Removing) => None,
            Progress::Upgrade(UpgradePhase::Surging) => Some(Progress::Upgrade(UpgradePhase::Rolling)),
            Progress::Upgrade(UpgradePhase::Rolling) => Some(Progress::Upgrade(UpgradePhase::Unsurging)),
            Progress::Upgrade(UpgradePhase::Unsurging | UpgradePhase::Retiring) => None,
            Progress::Upgrade(UpgradePhase::Greening) => Some(Progress::Upgrade(UpgradePhase::Moving)),
            Progress::Upgrade(UpgradePhase::Moving) => Some(Progress::Upgrade(UpgradePhase::Settling)),
            Progress::Upgrade(UpgradePhase::Settling) => Some(Progress::Upgrade(UpgradePhase::Retiring)),
            Progress::Stop(StopPhase::Stopping) => None,
            Progress::Start(StartPhase::Starting) => None,
            Progress::Delete(DeletePhase::Draining) => Some(Progress::Delete(DeletePhase::Removing)),
            Progress::Delete(DeletePhase::Removing) => None,
            Progress::DeleteMachines(DeleteMachinesPhase::Removing) => None,
            Progress::Cluster(_) => None,
        }
    }
}

impl Operation {
    /// The provisioning state that ARM shows while it runs.
    pub fn provisioning_state(&self) -> &'static str {
        match self.abort_requested {
            true => "Canceling",
            false if self.image_only => "UpgradingNodeImageVersion",
            false => self.progress.provisioning_state(),
        }
    }
    /// A new operation.
    pub fn begin(id: Uid, progress: Progress, now: Time) -> Operation {
        Operation {
            id,
            progress,
            started: now,
            phase_since: now,
            attempt: 0,
            fallbacks: Vec::new(),
            abort_requested: false,
            client_request_id: Name::default(),
            request_hash: 0,
            image_only: false,
            victims: Vec::new(),
            ignore_budgets: false,
            before: None,
            ended: None,
        }
    }
    /// Enters the next phase; `false` when there is none.
    pub fn advance(&mut self, now: Time) -> bool {
        match self.progress.next() {
            Some(next) => {
                self.progress = next;
                self.phase_since = now;
                true
            }
            None => false,
        }
    }
}
