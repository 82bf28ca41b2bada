//! How much of a node is asked for (aks-semantics 3.2, AL-7).
//!
//! The larger share of CPU and memory that pods request of what is allocatable, or the share of GPUs on a node that has some. Mirror pods
//! count (AKS leaves `ignore-mirror-pods-utilization` off); pods that should have been gone for a while do not. Divisions are in f64, as
//! cluster-autoscaler's, over thousandths of a unit.

use super::drainability::{is_daemon, is_long_terminating};
use crate::autoscale::profile::Profile;
use nodelane_model::{Doc, Time};
use nodelane_world::{Amounts, NodeRow, World};
use std::fmt;
use std::sync::Arc;

const GPU: &str = "nvidia.com/gpu";
const GPU_LABELS: [&str; 2] = ["kubernetes.azure.com/accelerator", "accelerator"];

/// How much of a node is asked for.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Utilization {
    /// Share of its CPU.
    pub cpu: f64,
    /// Share of its memory.
    pub memory: f64,
    /// Share of its GPUs; the other two are 0 then.
    pub gpu: f64,
    /// The resource that decides.
    pub resource: &'static str,
    /// The share that decides.
    pub share: f64,
}

impl fmt::Display for Utilization {
    /// As Go prints cluster-autoscaler's own record of it, with the share of dynamic resources fourth.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{} {} {} 0 {} {}}}", self.cpu, self.memory, self.gpu, self.resource, self.share)
    }
}

impl Utilization {
    /// Whether a node with that much may go.
    pub fn is_low(&self, profile: &Profile) -> bool {
        let is_gpu = self.resource == GPU;
        let threshold = if is_gpu { profile.scale_down_gpu_utilization_threshold } else { profile.scale_down_utilization_threshold };
        self.share <= threshold
    }
}

/// How much of a node is asked for; `None` where it has no CPU or no memory to give.
pub fn of(world: &World, row: &NodeRow, profile: &Profile, now: Time) -> Option<Utilization> {
    let (mut used, mut daemons) = (row.used.clone(), Amounts::default());
    if row.leaving > 0 || profile.ignore_daemonsets_utilization {
        for doc in world.pods_on(&row.doc.key.name) {
            let Some(pod) = doc.as_pod().filter(|pod| !pod.status.is_terminal()) else { continue };
            let needs = || Amounts::of_pod(&pod.spec);
            if profile.ignore_daemonsets_utilization && is_daemon(doc) {
                used.add(&needs(), -1);
                daemons.add(&needs(), 1);
            } else if is_long_terminating(doc, pod, now) {
                used.add(&needs(), -1);
            }
        }
    }
    let share = |used: i64, all: i64, daemons: i64, in_milli: i64| {
        (all > 0).then(|| (used * in_milli) as f64 / ((all - daemons) * in_milli) as f64)
    };
    if has_gpus(&row.doc) {
        let amount = |amounts: &Amounts| amounts.extended.get(GPU).copied().unwrap_or(0);
        // A node whose GPUs do not report may go.
        let gpu = share(amount(&used), amount(&row.allocatable), amount(&daemons), 1000).unwrap_or(0.0);
        return Some(Utilization { gpu, resource: GPU, share: gpu, ..Utilization::default() });
    }
    let all = &row.allocatable;
    let cpu = share(used.cpu_milli, all.cpu_milli, daemons.cpu_milli, 1)?;
    let memory = share(used.memory_bytes, all.memory_bytes, daemons.memory_bytes, 1000)?;
    let (resource, share) = if cpu > memory { ("cpu", cpu) } else { ("memory", memory) };
    Some(Utilization { cpu, memory, gpu: 0.0, resource, share })
}

fn has_gpus(node: &Arc<Doc>) -> bool {
    GPU_LABELS.iter().any(|label| node.meta.labels.contains_key(*label))
}

#[cfg(test)]
mod tests;
