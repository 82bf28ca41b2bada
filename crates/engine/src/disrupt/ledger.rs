//! Whether a node may be taken from its users now, for a reason: the node's half of the ledger that [`grant`](super::grant) is the pods'
//! half of.
//!
//! Everyone who takes a node by choice asks here: rolls, repair, scale-down, deletion of machines. What was granted in a draft is on the
//! machine at once (its roll, its rung, its intent), so nothing is granted twice. What breaks by itself, is preempted or is driven off by
//! a taint is not voluntary and is not asked for. Not here: budgets of pods, and how a node is emptied.

use super::budgets::{Budgets, Disruption};
use crate::fleet;
use nodelane_model::machine::{CordonOwner, Intent, MachinePhase, Roll};
use nodelane_model::pool::{Mode, NodePool};
use nodelane_model::{Doc, Key, Machine, Name};
use nodelane_world::World;
use std::collections::BTreeSet;
use std::fmt;

/// Nodes of system pools that stay Ready whatever is taken by choice (aks-semantics section 9 item 1: one is enforced).
pub const SYSTEM_READY_LEAST: usize = 1;
/// Nodes of one pool that auto-repair works on at once, where the pool's mark does not say (AKS mends one node after the other).
pub const REPAIRS_PER_POOL: i32 = 1;

/// Why a node may not be taken now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Why {
    /// An operation of the pool or the cluster runs, and the node is its own.
    Operation {
        /// The pool.
        pool: Name,
        /// What the pool or cluster is doing.
        state: &'static str,
    },
    /// Auto-repair works on it.
    Repair,
    /// Too few Ready nodes would be left for the cluster's own services.
    SystemCapacity,
    /// The pool's mark allows no more.
    PoolBudget {
        /// The pool.
        pool: Name,
        /// The part of the mark: a reason, or `nodes` for all together.
        part: &'static str,
        /// Nodes that it allows at once.
        most: i32,
    },
    /// It is not the time for it.
    Window {
        /// The pool.
        pool: Name,
    },
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Operation { pool, state } => write!(f, "an operation runs on node pool {pool}, which is {state}"),
            Why::Repair => f.write_str("auto-repair works on the node"),
            Why::SystemCapacity => write!(f, "fewer than {SYSTEM_READY_LEAST} Ready node of the system node pools would be left"),
            Why::PoolBudget { pool, part, most } => {
                write!(f, "the disruption budget of node pool {pool} allows {part}={most} at once")
            }
            Why::Window { pool } => write!(f, "the maintenance window of node pool {pool} is closed"),
        }
    }
}

/// Whether a machine may be taken for a reason; `open` says for a pool whether its window is open.
pub fn may_take(world: &World, machine: &Key, reason: Disruption, open: impl Fn(&Name) -> bool) -> Result<(), Why> {
    let Some((doc, machine)) = world.get(machine).and_then(|doc| Some((doc, doc.as_machine()?))) else { return Ok(()) };
    let Some((pool_doc, pool)) = world.pool(&machine.pool) else { return Ok(()) };
    let name = &pool_doc.key.name;
    match reason {
        Disruption::Repair | Disruption::ScaleDown => owned(world, name, pool)?,
        Disruption::Upgrade | Disruption::Drift => {}
    }
    // Until auto-repair itself has seen the end of its rung.
    if machine.repair.as_ref().is_some_and(|repair| repair.rung.is_some()) {
        return Err(Why::Repair);
    }
    if serves_system(world, doc, machine) && system_left(world) <= SYSTEM_READY_LEAST {
        return Err(Why::SystemCapacity);
    }
    let of_itself = taken_for(world, machine);
    match exceeded(world, name, pool, reason, i32::from(of_itself != Some(reason)), i32::from(of_itself.is_none())) {
        Some(why) => Err(why),
        None if open(name) => Ok(()),
        None => Err(Why::Window { pool: name.clone() }),
    }
}

/// Whether a live operation of the pool, or of the cluster, owns the machines of a pool.
pub(crate) fn owned(world: &World, name: &Name, pool: &NodePool) -> Result<(), Why> {
    let of_cluster = world.cluster().filter(|cluster| cluster.state.operation.is_some());
    let state = match &pool.state.operation {
        Some(_) => Some(pool.provisioning_state()),
        None => of_cluster.map(|cluster| cluster.provisioning_state()),
    };
    state.map_or(Ok(()), |state| Err(Why::Operation { pool: name.clone(), state }))
}

/// The part of the pool's mark that so many more nodes would exceed, if one would.
pub(crate) fn exceeded(world: &World, name: &Name, pool: &NodePool, reason: Disruption, more: i32, more_of_all: i32) -> Option<Why> {
    let budgets = Budgets::of(&pool.spec.tags).unwrap_or_default();
    let most_of = |most: &nodelane_model::budget::IntOrPercent| {
        let total = world.machines_of(name).filter(|(_, machine)| machine.is_wanted() && !machine.surge).count();
        most.scaled_up(i32::try_from(total).unwrap_or(i32::MAX))
    };
    let own = match (budgets.most(reason), reason) {
        (Some(most), _) => Some(most_of(most)),
        (None, Disruption::Repair) => Some(REPAIRS_PER_POOL),
        (None, Disruption::Upgrade | Disruption::Drift | Disruption::ScaleDown) => None,
    };
    let over = |part: &'static str, most: i32, counts: &dyn Fn(Disruption) -> bool, more: i32| {
        let taken = world.machines_of(name).filter(|(_, machine)| taken_for(world, machine).is_some_and(counts)).count();
        (taken as i32 + more > most).then(|| Why::PoolBudget { pool: name.clone(), part, most })
    };
    let by_reason = own.and_then(|most| over(reason.word(), most, &|taken| taken == reason, more));
    by_reason.or_else(|| budgets.nodes.as_ref().and_then(|most| over("nodes", most_of(most), &|_| true, more_of_all)))
}

/// For what a machine is taken from its users now, if it is. One that goes with its pool, or is extra, is nobody's disruption.
pub(crate) fn taken_for(world: &World, machine: &Machine) -> Option<Disruption> {
    if machine.repair.as_ref().is_some_and(|repair| repair.is_under_way()) {
        return Some(Disruption::Repair);
    }
    if matches!(machine.roll, Some(Roll::Draining | Roll::Soaking | Roll::Reimaging)) {
        return Some(roll_of(world, machine));
    }
    let is_marked = machine.is_wanted() && machine.cordoned_by.contains(&CordonOwner::ScaleDown);
    let goes = machine.intent == Intent::Gone && !machine.surge && machine.phase != MachinePhase::Failed || is_marked;
    goes.then_some(Disruption::ScaleDown)
}

/// Whether a roll of a machine changes its version or only its image.
pub fn roll_of(world: &World, machine: &Machine) -> Disruption {
    let version = world.pool(&machine.pool).map(|(_, pool)| &pool.state.version);
    match machine.running.as_ref().map(|running| &running.version) == version {
        true => Disruption::Drift,
        false => Disruption::Upgrade,
    }
}

/// Ready nodes of system pools that nobody has taken: none, one, or more than [`SYSTEM_READY_LEAST`] (no more are counted).
pub(crate) fn system_left(world: &World) -> usize {
    let pools = world.pools().filter(|(_, pool)| pool.spec.mode == Mode::System);
    let machines = pools.flat_map(|(pool, _)| world.machines_of(&pool.key.name));
    machines.filter(|(doc, machine)| serves_system(world, doc, machine)).take(SYSTEM_READY_LEAST + 1).count()
}

/// Whether the cluster's own services can count on as many nodes as they need without these machines, or could not with them either.
pub fn leaves_system(world: &World, without: &BTreeSet<Name>) -> bool {
    let pools = world.pools().filter(|(_, pool)| pool.spec.mode == Mode::System);
    let serving = pools.flat_map(|(pool, _)| world.machines_of(&pool.key.name)).filter(|(doc, machine)| serves_system(world, doc, machine));
    let (leave, stay): (Vec<_>, Vec<_>) = serving.partition(|(doc, _)| without.contains(&doc.key.name));
    leave.is_empty() || stay.len() >= SYSTEM_READY_LEAST
}

/// Whether a machine is one of those that the cluster's own services can count on.
pub(crate) fn serves_system(world: &World, doc: &Doc, machine: &Machine) -> bool {
    let of_system = world.pool(&machine.pool).is_some_and(|(_, pool)| pool.spec.mode == Mode::System);
    of_system && machine.is_wanted() && taken_for(world, machine).is_none() && fleet::is_ready(world, doc)
}
