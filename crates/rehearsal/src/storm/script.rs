//! What happens in a storm, as data: lanes and apps to begin with, then steps at times. Written to and read from JSON.
//!
//! Steps name lanes and apps by number and pick nodes and pods by a number modulo how many there are: a step stays playable when others
//! are taken out.

use serde::{Deserialize, Serialize};

/// A storm.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Script {
    /// Seeds ids and latencies; two scripts may share it.
    pub seed: u64,
    /// Machines take minutes, as in Azure, not seconds.
    pub slow: bool,
    /// A sync takes at most this long.
    pub sync_millis: i64,
    /// How long the storm lasts.
    pub hours: i64,
    /// Pools; the first is there from the start and is a system pool.
    pub lanes: Vec<Lane>,
    /// Workloads.
    pub apps: Vec<App>,
    /// What happens, in order of time.
    pub steps: Vec<Step>,
}

/// A pool.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Lane {
    /// Its name.
    pub name: String,
    /// Whether it is there from the start.
    pub first: bool,
    /// Whether it is a system pool.
    pub system: bool,
    /// Eviction policy of a spot pool; empty for a regular one.
    pub spot: String,
    /// How many zones.
    pub zones: u32,
    /// Machines.
    pub count: u32,
    /// Bounds of an autoscaled pool.
    pub scaled: Option<(u32, u32)>,
    /// `maxSurge`; empty for the default.
    pub surge: String,
    /// `maxUnavailable`; empty for none.
    pub missing: String,
    /// Drain timeout; 0 for the default.
    pub drain_minutes: u32,
    /// Soak.
    pub soak_minutes: u32,
    /// Whether undrainable nodes are quarantined.
    pub quarantine: bool,
    /// Whether its nodes have an image older than the newest at the start.
    pub old_image: bool,
    /// Kubernetes minor version.
    pub minor: u32,
    /// Whether its nodes are tainted `lane=<name>:NoSchedule`.
    pub tainted: bool,
}

/// Sorts of workloads.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub enum Sort {
    /// A deployment.
    #[default]
    Deployment,
    /// A stateful set.
    StatefulSet,
    /// A daemon set.
    DaemonSet,
    /// A job.
    Job,
    /// Pods of their own.
    Bare,
}

/// A workload.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct App {
    /// Its name.
    pub name: String,
    /// Its sort.
    pub sort: Sort,
    /// Pods.
    pub replicas: u32,
    /// The lane that its pods go to; any where there is none.
    pub lane: Option<usize>,
    /// What a pod asks for.
    pub cpu_milli: u32,
    /// Its pods' priority.
    pub priority: i32,
    /// Its budget: `min 3`, `min 50%`, `max 1`, `max 25%`; empty for none.
    pub budget: String,
    /// Whether the budget lets unready pods go always.
    pub always_allow: bool,
    /// Seconds until a pod is ready.
    pub ready_after_seconds: u32,
    /// Grace of its pods.
    pub grace_seconds: u32,
}

/// One thing at a time.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Step {
    /// Milliseconds from the start of the storm.
    pub at: i64,
    /// What happens.
    pub what: What,
}

/// What a PUT changes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Put {
    /// Nothing.
    Same,
    /// Machines.
    Count(u32),
    /// The next minor version, or the newest patch.
    Version,
    /// A label of its nodes; 0 takes it off.
    Label(u32),
    /// A taint of its nodes, or none.
    Taint(bool),
    /// The upgrade settings of another lane.
    Settings(usize),
    /// Stopped.
    Stop,
    /// Started.
    Start,
    /// Autoscaled between bounds.
    Scaled(u32, u32),
    /// Not autoscaled.
    Manual,
    /// A system pool, or a user pool.
    System(bool),
}

/// How a PUT is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum How {
    /// As it is.
    Plain,
    /// With the eTag in `If-Match`.
    Match,
    /// With the eTag of the last PUT that named one.
    OldMatch,
    /// Computed from an older revision.
    Stale,
    /// Twice at once, the same request.
    Twice,
    /// With another one, of one machine more, computed from the same revision and naming the same eTag.
    Race,
}

/// What happens.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum What {
    /// A lane is added.
    Add(usize),
    /// A lane is put.
    Put(usize, Put, How),
    /// A lane gets the newest image.
    Image(usize),
    /// A lane is deleted; or with its budgets passed over.
    Delete(usize, bool),
    /// A lane's operation is aborted.
    Abort(usize),
    /// So many machines of a lane are deleted, from a pick on.
    Machines(usize, u32, u32),
    /// The last request about a pool is sent again.
    Repeat,
    /// The cluster is stopped.
    StopCluster,
    /// The cluster is started.
    StartCluster,
    /// The control plane goes up a minor version; or with all lanes of its version.
    UpgradeCluster(bool),
    /// The cluster's tags change.
    TagCluster(u32),
    /// A node is cordoned.
    Cordon(u32),
    /// A node is uncordoned.
    Uncordon(u32),
    /// A node is drained, as kubectl does it.
    Drain(u32),
    /// A pod is evicted.
    Evict(u32),
    /// A pod is deleted.
    DeletePod(u32),
    /// An app's budget becomes another; empty takes it away.
    Budget(usize, String),
    /// A second budget covers an app, or no more.
    Twin(usize),
    /// An app gets so many pods.
    Scale(usize, u32),
    /// An app's template changes.
    Rollout(usize),
    /// An app goes.
    Remove(usize),
    /// An app comes back.
    Create(usize),
    /// A fault: kind, lane (none for all), count (0 for no bound), rate, minutes.
    Fault(String, Option<usize>, u32, u32, u32),
    /// Every fault ends.
    Clear,
    /// The cloud answers "try again": percent, minutes.
    Flaky(u32, u32),
    /// The disk is full for so many seconds.
    Full(u32),
    /// The process dies with the write so many writes from now.
    Crash(u32),
}
