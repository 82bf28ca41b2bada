//! What a run leaves: rows from which every metric can be computed again, and nothing of where or when it ran.
//!
//! Field names are the contract of `nodelane rehearse -o json`. What never happened is null. Rows stand in the order in which things
//! happened, and at one instant in the order of clusters and names.

mod budgets;
mod decisions;
mod pods;
mod pools;
mod watcher;

pub use watcher::Recorder;

use nodelane_model::{Name, Time};
use serde::{Serialize, Serializer};

/// What a run leaves.
#[derive(Clone, Debug, Serialize)]
pub struct Record {
    /// The seed.
    pub seed: u64,
    /// When it began.
    pub start: Time,
    /// When it ended.
    pub until: Time,
    /// A row a pool at the start, and whenever it changed.
    pub timeline: Vec<PoolRow>,
    /// Every pod that there was.
    pub pods: Vec<PodRow>,
    /// Every operation that there was.
    pub operations: Vec<OperationRow>,
    /// What was decided.
    pub decisions: Vec<DecisionRow>,
    /// Whether the assertions hold.
    pub asserts: Vec<crate::measure::AssertRow>,
    /// Writes of documents that the run made.
    #[serde(skip)]
    pub changes: u64,
}

/// A pool from a moment on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct PoolRow {
    /// From when.
    pub at: Time,
    /// Cluster.
    pub cluster: Name,
    /// Pool.
    pub pool: Name,
    /// Its nodes.
    pub nodes: u32,
    /// Those that are Ready.
    pub ready: u32,
    /// What its machines cost: millionths of a US dollar an hour; written in US dollars.
    #[serde(rename = "pricePerHour", serialize_with = "dollars")]
    pub micro_usd_per_hour: i64,
}

fn dollars<S: Serializer>(micro: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(*micro as f64 / 1e6)
}

/// A pod.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct PodRow {
    /// Namespace.
    pub namespace: Name,
    /// Name.
    pub name: Name,
    /// The workload that it belongs to: the topmost of its owners; null for a pod of its own.
    pub workload: Option<Name>,
    /// The kind of the workload.
    #[serde(skip)]
    pub workload_kind: Name,
    /// When it was made; the start, for pods from before.
    pub created: Time,
    /// When it got its node; the start, for pods that had one.
    pub bound: Option<Time>,
    /// Its node.
    pub node: Option<Name>,
    /// When it was gone.
    pub deleted: Option<Time>,
}

/// A long-running operation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct OperationRow {
    /// Cluster.
    pub cluster: Name,
    /// Pool; null for an operation of the cluster itself.
    pub pool: Option<Name>,
    /// What it does, such as `upgrade`.
    pub kind: &'static str,
    /// When it was accepted.
    pub start: Time,
    /// When it ended.
    pub end: Option<Time>,
    /// How it ended: `Succeeded`, `Failed` or `Canceled`.
    pub outcome: Option<&'static str>,
}

/// Something that was decided.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct DecisionRow {
    /// When.
    pub at: Time,
    /// Who decided.
    pub planner: Name,
    /// About what, as `cluster/pool/machine`, `cluster/namespace/name` and so on.
    pub subject: Name,
    /// What.
    pub action: Name,
    /// Why.
    pub reason: Name,
}
