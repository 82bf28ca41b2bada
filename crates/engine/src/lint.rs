//! What no planner may do, whatever it believes: the last look at a plan before it is written.
//!
//! Judges what a planner's writes *change*, never what the world already is, or repair would be stopped just when it is needed. Costs
//! what the writes cost. A planner that breaks a rule loses its writes and pauses, as one that broke down does; the others go on.

mod taking;

pub use taking::{OWNED, POOL_BUDGET, SYSTEM_READY};

use crate::fleet;
use nodelane_model::machine::{CordonOwner, Intent, MachinePhase};
use nodelane_model::operation::{ClusterPhase, Progress, UpgradePhase};
use nodelane_model::pool::Mode;
use nodelane_model::report::Planner;
use nodelane_model::{Doc, Key, Kind, Machine, Name, NodePool, Operation};
use nodelane_world::{World, Write};
use std::collections::{BTreeMap, BTreeSet};

/// A rule that a planner broke, and with what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Breach {
    /// Who.
    pub planner: Planner,
    /// Which rule.
    pub rule: &'static str,
    /// The document.
    pub subject: Key,
}

/// A planner wrote a document of a kind that is not its own.
pub const KINDS: &str = "a planner writes only its own kinds";
/// A machine of a pool that lives was let go, and nobody had asked for it (invariant I7).
pub const UNASKED: &str = "no machine of a living pool goes unasked";
/// More pods were evicted than a budget allowed (invariant I5).
pub const BUDGET: &str = "evictions stay within budgets";
/// A pool got more machines than its count and its surge, or than its autoscaler may have (invariant I3).
pub const COUNT: &str = "machines stay within count and surge";
/// The autoscaler took a machine of a pool that it does not rule, or one too many.
pub const MINIMUM: &str = "autoscaled machines stay above the minimum";
/// The last system pool went, and the cluster stays (invariant I4).
pub const SYSTEM: &str = "one system pool remains";

/// Judges what a planner wrote; `base` is the world that it started from, `head` what it made of it.
pub fn judge(base: &World, head: &World, planner: Planner, writes: &[Write]) -> Result<(), Breach> {
    let breach = |rule: &'static str, subject: &Key| Breach { planner, rule, subject: subject.clone() };
    for write in writes {
        if !owns(planner, write.key.kind) {
            return Err(breach(KINDS, &write.key));
        }
        let goes = match write.key.kind {
            Kind::Machine if lets_go(write) && !may_go(base, head, write) => match planner {
                Planner::Autoscale => (!may_shrink(base, head, write)).then_some(MINIMUM),
                _ => Some(UNASKED),
            },
            Kind::NodePool if ends_last_system_pool(head, write) => Some(SYSTEM),
            _ => None,
        };
        if let Some(rule) = goes {
            return Err(breach(rule, &write.key));
        }
    }
    if let Some(breach) = taking::judge(base, head, planner, writes) {
        return Err(breach);
    }
    if let Some(budget) = overspent(base, head, planner, writes) {
        return Err(breach(BUDGET, &budget));
    }
    match overgrown(base, head, planner, writes) {
        Some(pool) => Err(breach(COUNT, &Key::global(Kind::NodePool, pool))),
        None => Ok(()),
    }
}

fn owns(planner: Planner, kind: Kind) -> bool {
    let own = matches!(kind, Kind::Cluster | Kind::NodePool | Kind::Machine);
    let account = matches!(kind, Kind::Fault | Kind::Subscription | Kind::ResourceGroup | Kind::ClusterEntry);
    match planner {
        Planner::Operation | Planner::Repair | Planner::Upgrade => own || matches!(kind, Kind::Node | Kind::Pod | Kind::Event),
        Planner::Autoscale => own || matches!(kind, Kind::Node | Kind::Pod | Kind::Event | Kind::ConfigMap),
        Planner::Converge => matches!(kind, Kind::Machine | Kind::Node | Kind::Pod | Kind::Event),
        Planner::Workload | Planner::Place => !own && !account && kind != Kind::Node,
    }
}

fn machine(doc: Option<&std::sync::Arc<Doc>>) -> Option<&Machine> {
    doc.and_then(|doc| doc.as_machine())
}

/// Whether a write is what lets a machine go.
fn lets_go(write: &Write) -> bool {
    let stays = |machine: &Machine| machine.intent != Intent::Gone;
    machine(write.old.as_ref()).is_some_and(stays) && !machine(write.new.as_ref()).is_some_and(stays)
}

/// Whether a machine may be let go: its pool is gone or going, it failed, it was extra, or an operation names it.
fn may_go(base: &World, head: &World, write: &Write) -> bool {
    let Some(old) = machine(write.old.as_ref()) else { return true };
    // A machine that another of the pool's new size replaces (aks-semantics M-3).
    let resized = head.pool(&old.pool).is_some_and(|(_, pool)| pool.spec.vm_size != old.size);
    let asked = |operation: &Operation| match operation.progress {
        Progress::Delete(_) => true,
        Progress::Upgrade(UpgradePhase::Retiring) => true,
        Progress::Upgrade(_) => resized,
        Progress::Scale(_) | Progress::DeleteMachines(_) => operation.victims.contains(&write.key.name),
        // What was to go before, and could not be emptied.
        Progress::Stop(_) => base.pool(&old.pool).is_some_and(|(_, pool)| fleet::own(base, &old.pool).len() > pool.spec.count as usize),
        Progress::Create(_) | Progress::Update(_) | Progress::Start(_) | Progress::Cluster(_) => false,
    };
    let of = |world: &World| world.pool(&old.pool).is_none_or(|(_, pool)| pool.state.operation.iter().any(asked));
    old.surge || old.phase == MachinePhase::Failed || machine(write.new.as_ref()).is_some_and(|new| new.surge) || of(base) || of(head)
}

/// Whether the autoscaler may let a machine go: its pool is autoscaled and keeps its minimum, and the machine's document says that the
/// autoscaler has emptied it, or no node of it is Ready. One that is deallocated is none of those that the minimum counts.
fn may_shrink(base: &World, head: &World, write: &Write) -> bool {
    let Some((old, (_, pool))) = machine(write.old.as_ref()).and_then(|old| Some((old, head.pool(&old.pool)?))) else { return true };
    let living = |world: &World| world.machines_of(&old.pool).filter(|(_, machine)| machine.is_wanted() && !machine.surge).count();
    let least = (pool.spec.min_count.unwrap_or(0) as usize).min(living(base));
    let is_named = crate::autoscale::down::eligible::is_marked(old);
    let is_ready = || write.old.as_ref().is_some_and(|doc| fleet::is_ready(base, doc));
    crate::autoscale::may_scale(pool) && (old.intent == Intent::Stop || living(head) >= least && (is_named || !is_ready()))
}

fn ends_last_system_pool(head: &World, write: &Write) -> bool {
    let is_system = |pool: &NodePool| pool.exists() && pool.spec.mode == Mode::System;
    let was = write.old.as_ref().and_then(|doc| doc.as_pool()).is_some_and(is_system);
    let is = write.new.as_ref().and_then(|doc| doc.as_pool()).is_some_and(is_system);
    let going = head.cluster().is_none_or(|cluster| {
        let deletes = |operation: &Operation| operation.progress == Progress::Cluster(ClusterPhase::Deleting);
        cluster.state.gone.is_some() || cluster.state.operation.as_ref().is_some_and(deletes)
    });
    was && !is && !going && !head.pools().any(|(_, pool)| is_system(pool))
}

/// A budget that operations spent more of than there was. Workloads end pods of their own accord, and a taint asks no budget.
fn overspent(base: &World, head: &World, planner: Planner, writes: &[Write]) -> Option<Key> {
    if matches!(planner, Planner::Workload | Planner::Place | Planner::Converge) {
        return None;
    }
    let mut spent: BTreeMap<Key, i32> = BTreeMap::new();
    for write in writes.iter().filter(|write| write.key.kind == Kind::Pod) {
        let ends = write.new.as_ref().is_none_or(|new| new.is_terminating());
        let Some(old) = write.old.as_ref().filter(|old| ends && is_healthy(old) && !passes_over_budgets(base, head, old)) else { continue };
        for budget in base.budgets_of(old) {
            *spent.entry(budget.key.clone()).or_default() += 1;
        }
    }
    let allowed = |key: &Key| base.get(key).map_or(0, |doc| nodelane_workload::budget_status(base, doc).disruptions_allowed);
    spent.into_iter().find(|(key, count)| *count > allowed(key)).map(|(key, _)| key)
}

fn is_healthy(doc: &Doc) -> bool {
    !doc.is_terminating() && doc.as_pod().is_some_and(|pod| pod.status.is_ready() && !pod.status.is_terminal())
}

/// Whether a pod is on a pool whose deletion was asked to pass over budgets, or whose upgrade marks that it does where the cluster's
/// settings ask for it (aks-semantics DL-1, UD-5).
fn passes_over_budgets(base: &World, head: &World, pod: &Doc) -> bool {
    let node = pod.as_pod().and_then(|pod| pod.node.clone()).unwrap_or_default();
    let pool = machine(base.get(&Key::global(Kind::Machine, node))).map(|machine| machine.pool.clone()).unwrap_or_default();
    let marked = |world: &World| {
        let operation = world.pool(&pool).and_then(|(_, pool)| pool.state.operation.as_ref().map(|operation| operation.ignore_budgets));
        operation == Some(true)
    };
    let is_asked = base.cluster().is_some_and(|cluster| crate::upgrade::force::is_asked(&cluster.spec));
    marked(base) || is_asked && marked(head)
}

/// A pool that got machines beyond its count (of the autoscaler: its maximum), or extra ones beyond its surge.
fn overgrown(base: &World, head: &World, planner: Planner, writes: &[Write]) -> Option<Name> {
    let runs = |doc: Option<&std::sync::Arc<Doc>>| machine(doc).is_some_and(Machine::is_wanted);
    let comes = |write: &&Write| write.old.is_none() || runs(write.new.as_ref()) && !runs(write.old.as_ref());
    let new = writes.iter().filter(comes).filter_map(|write| machine(write.new.as_ref()));
    let pools: BTreeSet<Name> = new.map(|machine| machine.pool.clone()).collect();
    pools.into_iter().find(|name| {
        let Some((_, pool)) = head.pool(name) else { return true };
        let extra = |world: &World| fleet::extra(world, name).len();
        let surge = crate::upgrade::bounds(pool, pool.spec.count).surge as usize;
        // What is quarantined has another in its place; to the autoscaler those that are deallocated are none of the pool's size.
        let counts = |machine: &Machine| match planner {
            Planner::Autoscale => machine.is_wanted(),
            _ => !machine.cordoned_by.contains(&CordonOwner::Quarantine),
        };
        let own = |world: &World| fleet::own(world, name).iter().filter(|doc| doc.as_machine().is_some_and(counts)).count();
        let most = match planner {
            Planner::Autoscale if crate::autoscale::may_scale(pool) => pool.spec.max_count.unwrap_or(0),
            _ => pool.spec.count,
        };
        own(head) > own(base).max(most as usize) || extra(head) > extra(base).max(surge)
    })
}

#[cfg(test)]
mod tests;
