//! Sets how many machines autoscaled pools have, as cluster-autoscaler does on AKS (aks-semantics 3).
//!
//! Pods that no node takes, after placing had its turn, bring machines; nodes that are of no need go. It writes machines and never takes a
//! pool's operation slot, and it leaves alone what a live operation owns. Nothing is looked at periodically: the scan interval is how far
//! apart looks are at least, and a look happens only when something it depends on has changed or a deadline has come.
//!
//! What is remembered here is soft: losing it delays and never harms.

mod apply;
pub mod backoff;
mod balance;
pub mod cooldown;
pub mod down;
pub mod groups;
mod mend;
pub mod minimum;
pub mod options;
mod pending;
mod priority;
pub mod profile;
mod refusal;
pub mod say;
mod select;
pub mod status;
mod template;
pub mod up;
pub mod watch;
mod why;

pub use cooldown::Cooldowns;
pub use groups::Skip;
pub use profile::{Profile, Strategy};
pub use why::{Growth, why_not_grow};

use crate::{Env, cluster_key};
use nodelane_model::operation::Progress;
use nodelane_model::pool::{NodePool, Power};
use nodelane_model::{Key, Kind, Name, Revision, Time};
use nodelane_world::{Draft, List, World};
use std::collections::BTreeSet;

/// What autoscaling remembers. Soft: losing it delays and never harms.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// When what came, went and failed last.
    pub cooldowns: Cooldowns,
    /// Machines, pools and the cluster that are to be looked at in this turn: they changed, or it is time.
    pub changed: BTreeSet<Key>,
    /// The state of every machine.
    pub watch: watch::Watch,
    /// Whether a machine's state is another since the last turn.
    pub has_moved: bool,
    /// Whether the last look found pods that need a node.
    pub needs_nodes: bool,
    /// Whether any pool is autoscaled, once that was looked up.
    is_in_use: Option<bool>,
    /// What the removal of nodes remembers.
    pub down: down::Memory,
    looks: up::Looks,
    untold: say::Untold,
    status: status::Memory,
    profile: Option<(Revision, Profile)>,
}

/// One turn; gives back the units of work. `settled` is whether placing has looked at every pending pod: if not, who waits may still fit.
pub fn plan(draft: &mut Draft, env: &Env, memory: &mut Memory, settled: bool, budget: usize) -> usize {
    memory.changed.clear();
    while let Some(key) = draft.world.work.take_after(List::Autoscale, None) {
        memory.changed.insert(key);
    }
    let Some(profile) = profile(&draft.world, env, memory) else { return 0 };
    if memory.changed.iter().any(|key| matches!(key.kind, Kind::NodePool | Kind::Cluster)) {
        memory.is_in_use = None;
    }
    let is_in_use = *memory.is_in_use.get_or_insert_with(|| draft.world.pools().any(|(_, pool)| is_autoscaled(pool)));
    for pool in memory.changed.iter().filter(|key| key.kind == Kind::NodePool) {
        mend::forget(draft, pool);
    }
    let Memory { watch, changed, .. } = memory;
    let world = &draft.world;
    memory.has_moved = watch.follow(world, changed, draft.now, |pool| provision_limit(world, &profile, pool));
    let mut spent = memory.untold.tell(draft, budget);
    let is_unhealthy = groups::is_unhealthy(&memory.watch.total(), &profile);
    if is_in_use {
        if let Some(at) = memory.watch.next_deadline() {
            wake(draft, at);
        }
        if is_unhealthy && memory.has_moved {
            say::on_status(draft, true, "ClusterUnhealthy", "Cluster is unhealthy".into());
        } else if settled && !is_unhealthy {
            spent += up::plan(draft, env, memory, &profile);
        }
    }
    // What is under way goes on whatever happens.
    memory.down.paused = is_unhealthy || !settled;
    spent += down::plan(draft, env, memory, &profile, budget.saturating_sub(spent));
    if is_in_use {
        status::write(draft, memory, &profile);
    }
    spent
}

/// The profile of a cluster that runs, read anew when its document has changed.
fn profile(world: &World, env: &Env, memory: &mut Memory) -> Option<Profile> {
    let doc = world.get(&cluster_key())?;
    let cluster = doc.as_cluster().filter(|cluster| cluster.spec.power == Power::Running && cluster.state.gone.is_none())?;
    if memory.profile.as_ref().is_none_or(|(revision, _)| *revision != doc.revision) {
        memory.profile = Some((doc.revision, options::of_cluster(cluster, env.autoscaler)));
    }
    memory.profile.as_ref().map(|(_, profile)| profile.clone())
}

/// How long a machine of a pool may take to become a Ready node, in milliseconds.
fn provision_limit(world: &World, profile: &Profile, pool: &Name) -> i64 {
    world.pool(pool).map_or(profile.max_node_provision_millis, |(_, pool)| options::of_pool(profile, &pool.spec).max_node_provision_millis)
}

/// Whether a pool is autoscaled and lives.
pub fn is_autoscaled(pool: &NodePool) -> bool {
    pool.exists() && pool.spec.enable_auto_scaling && pool.spec.power == Power::Running && pool.state.deletion_started.is_none()
}

/// Whether machines of a pool may come or go now: it is autoscaled, and no operation is at work that counts its machines.
pub fn may_scale(pool: &NodePool) -> bool {
    let lets = |progress| matches!(progress, Progress::Update(_));
    is_autoscaled(pool) && pool.state.operation.as_ref().is_none_or(|operation| lets(operation.progress))
}

/// Looks again at a time.
pub fn wake(draft: &mut Draft, at: Time) {
    draft.world.work.wake(at, List::Autoscale, cluster_key());
}
