//! What no planner may do about taking nodes: more of a pool than its mark allows, the system's last ones, an operation's own.
//!
//! Judges the taking, not what follows from it: a node that was taken rightly goes on its way when others break meanwhile. The same
//! counts as the ledger that granted it (`disrupt::ledger`), on the world before and after.

use super::{Breach, machine};
use crate::disrupt::{Disruption, ledger};
use nodelane_model::machine::{CordonOwner, Roll};
use nodelane_model::report::Planner;
use nodelane_model::{Key, Kind, Machine, Name};
use nodelane_world::{World, Write};
use std::collections::{BTreeMap, BTreeSet};

/// More nodes of a pool were taken for a reason than its mark allows.
pub const POOL_BUDGET: &str = "nodes taken stay within the pool's disruption budget";
/// A Ready node was taken and none of the system pools is left (invariant I4).
pub const SYSTEM_READY: &str = "one node of the system pools stays Ready";
/// Auto-repair worked on a machine of a pool with a live operation.
pub const OWNED: &str = "repair leaves an operation's machines alone";

/// The first rule that a planner's taking of nodes breaks.
pub(super) fn judge(base: &World, head: &World, planner: Planner, writes: &[Write]) -> Option<Breach> {
    let mut taken: BTreeMap<(Name, Disruption), &Key> = BTreeMap::new();
    let mut seen: BTreeSet<&Key> = BTreeSet::new();
    for write in writes.iter().filter(|write| write.key.kind == Kind::Machine && seen.insert(&write.key)) {
        let Some(old) = machine(base.get(&write.key)) else { continue };
        let Some(reason) = begins(base, planner, old, machine(head.get(&write.key))) else { continue };
        let breach = |rule: &'static str| Some(Breach { planner, rule, subject: write.key.clone() });
        let pool = base.pool(&old.pool).map(|(_, pool)| pool);
        if reason == Disruption::Repair && pool.is_some_and(|pool| ledger::owned(base, &old.pool, pool).is_err()) {
            return breach(OWNED);
        }
        let served = base.get(&write.key).is_some_and(|doc| ledger::serves_system(base, doc, old));
        if served && ledger::system_left(head) == 0 {
            return breach(SYSTEM_READY);
        }
        taken.insert((old.pool.clone(), reason), &write.key);
    }
    let over = |world: &World, name: &Name, reason: Disruption| {
        world.pool(name).is_some_and(|(_, pool)| ledger::exceeded(world, name, pool, reason, 0, 0).is_some())
    };
    let broken = taken.into_iter().find(|((name, reason), _)| over(head, name, *reason));
    broken.map(|(_, key)| Breach { planner, rule: POOL_BUDGET, subject: key.clone() })
}

/// For what a planner takes a machine by choice, if it does: nobody chose what a user's own deletion or scale-in takes.
fn begins(base: &World, planner: Planner, old: &Machine, new: Option<&Machine>) -> Option<Disruption> {
    let is_mended = |machine: &Machine| machine.repair.as_ref().is_some_and(|repair| repair.rung.is_some());
    let rolls = |machine: &Machine| matches!(machine.roll, Some(Roll::Draining | Roll::Soaking | Roll::Reimaging));
    if new.is_some_and(is_mended) && !is_mended(old) {
        return Some(Disruption::Repair);
    }
    if new.is_some_and(rolls) && !rolls(old) {
        return Some(ledger::roll_of(base, old));
    }
    let is_marked = |machine: &Machine| machine.cordoned_by.contains(&CordonOwner::ScaleDown);
    (planner == Planner::Autoscale && new.is_some_and(is_marked) && !is_marked(old)).then_some(Disruption::ScaleDown)
}
