//! Why a pool does not grow: the autoscaler's own answer, in a shape for users and in words.
//!
//! The reason is cluster-autoscaler's, the sentence ours: what holds, and what would change it. What keeps every pod away comes first; where
//! nothing does, what a new node would say to the pods that wait.

use crate::Means;
use crate::idle::with_machines;
use nodelane_engine::Env;
use nodelane_engine::autoscale::{Growth, Skip, why_not_grow};
use nodelane_model::pool::Power;
use nodelane_world::Snapshot;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// How a pool stands with the autoscaler.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolStanding {
    /// The pool.
    pub pool: String,
    /// The name of its scale set, by which events call it.
    pub group: String,
    /// Machines that are meant to run.
    pub count: u32,
    /// The least, for now.
    pub min: u32,
    /// The most.
    pub max: u32,
    /// Whether a pod that fits a new node would bring one.
    pub can_grow: bool,
    /// Why none comes, in cluster-autoscaler's words; `null` where a pod that fits would bring one.
    pub reason: Option<String>,
    /// The same in a sentence, with what would change it.
    pub message: String,
    /// The pause after machines could not be had; `null` where there is none.
    pub backoff: Option<Pause>,
    /// Pods that wait for a node.
    pub waiting: usize,
    /// Those of them that a new node of the pool would take.
    pub fitting: usize,
    /// What it would say to the others, by how many.
    pub refusals: BTreeMap<String, usize>,
}

/// A pause after machines could not be had.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pause {
    /// Until when.
    pub until: String,
    /// The provider's code, or `timeout`.
    pub code: String,
    /// Its sentence.
    pub message: String,
}

/// How a pool stands; `None` where there is no such pool.
pub fn pool_standing(snapshot: &Snapshot, means: &Means, pool: &str) -> Option<PoolStanding> {
    let snapshot = with_machines(snapshot);
    let mut env = Env { catalog: means.catalog, ..Env::default() };
    if let Some(usage) = &means.usage {
        env.quotas = usage.quotas.clone();
        // What is used includes this cluster, which is counted by itself.
        env.used_elsewhere = usage.used.clone();
        let mut own = BTreeMap::new();
        nodelane_engine::admit::count_vcpus(&snapshot.world, &env.catalog, &mut own);
        for (family, used) in own {
            env.used_elsewhere.entry(family).and_modify(|all| *all = all.saturating_sub(used));
        }
    }
    let growth = why_not_grow(&snapshot.world, &env, &pool.into(), snapshot.now)?;
    let skip = growth.group.skip.as_ref();
    Some(PoolStanding {
        pool: pool.to_owned(),
        group: growth.group.id.to_string(),
        count: growth.group.counts.target(),
        min: growth.group.min,
        max: growth.group.max,
        can_grow: skip.is_none(),
        reason: skip.map(Skip::text),
        message: sentence(&growth),
        backoff: growth.backoff.as_ref().map(|backoff| Pause {
            until: backoff.until.to_string(),
            code: backoff.code.to_string(),
            message: backoff.message.to_string(),
        }),
        waiting: growth.waiting,
        fitting: growth.fitting,
        refusals: growth.refusals,
    })
}

/// What holds, and what would change it.
fn sentence(growth: &Growth) -> String {
    let (group, spec) = (&growth.group, &growth.group.pool.spec);
    let name = &group.name;
    match &group.skip {
        Some(Skip::NotAutoscaled) if spec.power == Power::Stopped => format!("Pool {name} is stopped: starting it would let it grow."),
        Some(Skip::NotAutoscaled) if !spec.enable_auto_scaling => {
            format!("Pool {name} is scaled by hand: `az aks nodepool update --enable-cluster-autoscaler` would let it grow by itself.")
        }
        Some(Skip::NotAutoscaled) => format!("Pool {name} is going."),
        Some(Skip::NotReady) if group.pool.state.operation.is_some() => {
            format!("An operation is at work on pool {name}, which is {}: it may grow when that is over.", group.pool.provisioning_state())
        }
        Some(Skip::NotReady) => format!("Too many nodes of pool {name} are not ready: it may grow when they are, or are gone."),
        Some(Skip::Backoff) => {
            let why = growth.backoff.as_ref().map(|backoff| format!("{}, until {}", backoff.code, backoff.until)).unwrap_or_default();
            format!("Machines of pool {name} could not be had a while ago ({why}): switching its autoscaler off and on ends the pause.")
        }
        Some(Skip::MaxReached) => {
            format!("Pool {name} has {} machines and may have {}: a higher maxCount would let it grow.", group.counts.target(), group.max)
        }
        Some(Skip::TotalReached) => "The cluster has as many nodes as it may.".to_owned(),
        Some(Skip::Quota(of)) => {
            format!("Too few vCPUs are left in the quota of {of} for one more machine of pool {name}: a higher quota would let it grow.")
        }
        None if growth.waiting == 0 => format!("Nothing keeps pool {name} from growing, but no pod waits for a node."),
        None if growth.fitting == 0 => format!("None of the {} pods that wait would fit a new node of pool {name}.", growth.waiting),
        None => format!(
            "A new node of pool {name} would take {} of {} pods that wait: it grows at the autoscaler's next look, unless another pool is chosen or machines are on their way.",
            growth.fitting, growth.waiting
        ),
    }
}

impl fmt::Display for PoolStanding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Pool {}: {} machines ({} to {}).", self.pool, self.count, self.min, self.max)?;
        if let Some(reason) = &self.reason {
            writeln!(f, "  It does not grow: {reason}.")?;
        }
        writeln!(f, "  {}", self.message)?;
        if let Some(pause) = &self.backoff {
            writeln!(f, "  The last failure: {}: {}", pause.code, pause.message)?;
        }
        for (reason, pods) in &self.refusals {
            writeln!(f, "  {pods} of the pods that wait would meet: {reason}")?;
        }
        Ok(())
    }
}
