//! Sets how many machines autoscaled pools have, as cluster-autoscaler does on AKS (aks-semantics 3).
//!
//! Pods that no node takes, after placing had its turn, bring machines; nodes that are of no need go. It writes machines and never takes a
//! pool's operation slot, and it leaves alone what a live operation owns. Nothing is looked at periodically: the scan interval is how far
//! apart looks are at least, and a look happens only when something it depends on has changed or a deadline has come.
//!
//! What is remembered here is soft: losing it delays and never harms.

pub mod cooldown;
pub mod down;
pub mod minimum;
pub mod options;
pub mod profile;

pub use cooldown::Cooldowns;
pub use profile::{Profile, Strategy};

use crate::{Env, cluster_key};
use nodelane_model::operation::Progress;
use nodelane_model::pool::{NodePool, Power};
use nodelane_model::{Key, Time};
use nodelane_world::{Draft, List};
use std::collections::BTreeSet;

/// What autoscaling remembers. Soft: losing it delays and never harms.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// When what came, went and failed last.
    pub cooldowns: Cooldowns,
    /// Machines, pools and the cluster that are to be looked at in this look: they changed, or it is time.
    pub changed: BTreeSet<Key>,
    /// What the removal of nodes remembers.
    pub down: down::Memory,
}

/// One look; gives back the units of work.
pub fn plan(draft: &mut Draft, env: &Env, memory: &mut Memory, budget: usize) -> usize {
    memory.changed.clear();
    while let Some(key) = draft.world.work.take_after(List::Autoscale, None) {
        memory.changed.insert(key);
    }
    let Some(profile) = draft
        .world
        .cluster()
        .filter(|cluster| cluster.spec.power == Power::Running)
        .map(|cluster| options::of_cluster(cluster, env.autoscaler))
    else {
        return 0;
    };
    down::plan(draft, env, memory, &profile, budget)
}

/// Whether a pool is autoscaled and lives.
pub fn is_autoscaled(pool: &NodePool) -> bool {
    pool.exists() && pool.spec.enable_auto_scaling && pool.spec.power == Power::Running && pool.state.deletion_started.is_none()
}

/// Whether machines of a pool may come or go now: it is autoscaled, and no operation is at work that counts its machines.
pub fn may_scale(pool: &NodePool) -> bool {
    let lets = |progress: Progress| matches!(progress, Progress::Update(_));
    is_autoscaled(pool) && pool.state.operation.as_ref().is_none_or(|operation| lets(operation.progress))
}

/// Looks again at a time.
pub fn wake(draft: &mut Draft, at: Time) {
    draft.world.work.wake(at, List::Autoscale, cluster_key());
}
