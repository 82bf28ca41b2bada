//! Scenario files: a world, what happens to it when, and what must hold.
//!
//! The shape is published as `docs/rehearsal.schema.json`. Keys that are not known are refused with their place and with those that
//! are. Files that a scenario names are read once, by the caller (`resolve`), before anything runs.

mod locate;
mod pool;
mod read;
mod span;

pub use locate::{Bad, Part, locate};
pub use pool::{POOL_PROPERTIES, Pool};
pub use read::read;
pub use span::{Moment, Span};

use nodelane_model::{Name, Time};
use serde::Deserialize;
use serde_json::Value;

/// A scenario.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// When it begins.
    pub start: Time,
    /// What ids and latencies are drawn from.
    pub seed: u64,
    /// When it ends.
    pub until: Moment,
    /// What there is at the beginning.
    pub world: WorldSource,
    /// What happens, in any order.
    pub timeline: Vec<Step>,
    /// What must hold.
    pub assert: Vec<Assertion>,
}

/// Where the world comes from: exactly one of the three.
#[derive(Clone, Debug)]
pub enum WorldSource {
    /// The data folder of a server, running or stopped; it is only read.
    DataDir(String),
    /// A dump of a cluster, and what `az aks nodepool list` printed.
    Snapshot {
        /// The dump.
        dump: String,
        /// The list of pools.
        pools: Option<String>,
    },
    /// Clusters made for the scenario.
    Clusters(Vec<ClusterSource>),
}

/// A cluster made for a scenario.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ClusterSource {
    /// Its name; it is in the group `lanes`.
    #[serde(default = "first_cluster")]
    pub name: Name,
    /// Its region.
    #[serde(default = "first_location")]
    pub location: Name,
    /// The version of its control plane; the catalogue's default if not given.
    #[serde(default)]
    pub kubernetes_version: Option<Name>,
    /// Its pools.
    pub pools: Vec<Pool>,
    /// What is applied to it at the start.
    #[serde(default)]
    pub manifests: Vec<Manifest>,
}

fn first_cluster() -> Name {
    "dev".into()
}

fn first_location() -> Name {
    "eastus".into()
}

/// Objects: a file or folder, or the objects themselves.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Value")]
pub enum Manifest {
    /// A file, or a folder with files, as a path from the scenario's folder.
    Path(String),
    /// YAML that was written into the scenario.
    Text(String),
    /// Objects.
    Objects(Vec<Value>),
}

/// One thing that happens.
#[derive(Clone, Debug)]
pub struct Step {
    /// When.
    pub at: Moment,
    /// Where, in a scenario with several clusters.
    pub cluster: Option<Name>,
    /// What.
    pub deed: Deed,
}

/// What happens.
#[derive(Clone, Debug)]
pub enum Deed {
    /// A manifest is applied.
    Apply(Manifest),
    /// The words behind `nodelane nodepool`.
    Change(String),
    /// A workload is scaled.
    Load(Load),
    /// The words behind `nodelane fault set`.
    Fault(String),
}

/// A workload that grows or shrinks.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// `web`, `shop/web`, `Deployment/web` or `shop/Deployment/web`.
    pub workload: String,
    /// Replicas at the end.
    pub replicas: u32,
    /// How long it takes to get there, step by step; at once if not given.
    #[serde(default)]
    pub over: Option<Span>,
}

/// Something that must hold.
#[derive(Clone, Debug)]
pub enum Assertion {
    /// A metric stays within bounds.
    Metric {
        /// Which.
        metric: Metric,
        /// Of a pool; `cluster/pool` where several clusters have one of that name.
        pool: Option<Name>,
        /// Of a workload's pods.
        workload: Option<Name>,
        /// The highest value allowed; seconds for durations.
        max: Option<f64>,
        /// The lowest value allowed; seconds for durations.
        min: Option<f64>,
    },
    /// Every operation of a kind ends within a time.
    Operation {
        /// Its kind, such as `upgrade`.
        operation: Name,
        /// Only of this pool.
        pool: Option<Name>,
        /// How long it may take.
        ends_within: Span,
    },
}

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Nodes.
    Nodes,
    /// Nodes that are not Ready.
    Unready,
    /// US dollars an hour.
    Price,
    /// From creation to binding, the 95th of a hundred pods.
    PendingP95,
    /// From creation to binding, the longest.
    PendingMax,
    /// Pods taken although a budget needed them.
    BudgetViolations,
    /// Nodes removed or reimaged, an hour.
    Churn,
    /// Operations that failed.
    OperationsFailed,
}

impl Metric {
    /// Every metric, in order.
    pub const ALL: [Metric; 8] = [
        Metric::Nodes,
        Metric::Unready,
        Metric::Price,
        Metric::PendingP95,
        Metric::PendingMax,
        Metric::BudgetViolations,
        Metric::Churn,
        Metric::OperationsFailed,
    ];
    /// As a scenario spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Metric::Nodes => "nodes",
            Metric::Unready => "unready",
            Metric::Price => "price",
            Metric::PendingP95 => "pending_p95",
            Metric::PendingMax => "pending_max",
            Metric::BudgetViolations => "budget_violations",
            Metric::Churn => "churn",
            Metric::OperationsFailed => "operations_failed",
        }
    }
    /// Whether it is a duration.
    pub const fn is_duration(self) -> bool {
        matches!(self, Metric::PendingP95 | Metric::PendingMax)
    }
}

impl Scenario {
    /// When it ends.
    pub fn end(&self) -> Time {
        self.until.after(self.start)
    }
    /// Every manifest with its place, to be read before a run.
    pub fn manifests_mut(&mut self) -> Vec<(Vec<Part>, &mut Manifest)> {
        let mut all = Vec::new();
        if let WorldSource::Clusters(clusters) = &mut self.world {
            for (c, cluster) in clusters.iter_mut().enumerate() {
                for (m, manifest) in cluster.manifests.iter_mut().enumerate() {
                    let place = vec!["world".into(), "clusters".into(), c.into(), "manifests".into(), m.into()];
                    all.push((place, manifest));
                }
            }
        }
        for (s, step) in self.timeline.iter_mut().enumerate() {
            if let Deed::Apply(manifest) = &mut step.deed {
                all.push((vec!["timeline".into(), s.into(), "apply".into()], manifest));
            }
        }
        all
    }
}
