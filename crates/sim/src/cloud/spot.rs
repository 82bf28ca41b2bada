//! Spot machines are taken back: thirty seconds' notice, or what the fault says, then they are gone (aks-semantics S-5).
//!
//! While a fault `spot-evict` lasts, every running spot machine that it concerns and draws gets its notice, those that come later too; with
//! a count the machines of the lowest lot. The notice is on the machine's document, so an eviction outlives a restart, and the fault.

use crate::fault::{Ledger, active};
use nodelane_model::machine::MachinePhase;
use nodelane_model::pool::Priority;
use nodelane_model::{Doc, FaultKind, Happening, Key, Kind, Machine, Name, Time};
use nodelane_provider::Observation;
use nodelane_world::World;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// After how long something is said again that the documents do not show.
const REPEAT_MILLIS: i64 = 2_000;

/// Evictions that are due.
#[derive(Default)]
pub struct Evictions {
    /// When to look for machines that a fault hits.
    look_at: BTreeSet<Time>,
    /// Notices that were given and are not on the machines' documents yet.
    given: BTreeMap<Name, Time>,
    due: BTreeSet<(Time, Name)>,
}

fn runs(doc: &Doc) -> bool {
    doc.as_machine().is_some_and(|machine| machine.phase == MachinePhase::Running)
}

impl Evictions {
    /// Follows one change of a document.
    pub fn follow(&mut self, old: Option<&Arc<Doc>>, new: &Arc<Doc>, now: Time) {
        match new.key.kind {
            Kind::Fault => drop(self.look_at.insert(now)),
            Kind::Machine => {
                if runs(new) && !old.is_some_and(|old| runs(old)) {
                    self.look_at.insert(now);
                }
                if let Some(at) = new.as_machine().and_then(|machine| machine.preempted) {
                    self.given.remove(&new.key.name);
                    self.due.insert((at.max(now), new.key.name.clone()));
                }
            }
            _ => {}
        }
    }
    /// When something happens next.
    pub fn next_at(&self) -> Option<Time> {
        [self.look_at.first().copied(), self.due.first().map(|(at, _)| *at)].into_iter().flatten().min()
    }
    /// What happens by `now`.
    pub fn advance(&mut self, world: &World, ledger: &mut Ledger, now: Time) -> Vec<Observation> {
        let mut said = Vec::new();
        if self.look_at.first().is_some_and(|at| *at <= now) {
            self.look_at.retain(|at| *at > now);
            self.notify(world, ledger, now, &mut said);
        }
        while self.due.first().is_some_and(|(at, _)| *at <= now)
            && let Some((_, name)) = self.due.pop_first()
        {
            let machine = world.get(&Key::global(Kind::Machine, name.clone())).and_then(|doc| doc.as_machine());
            if machine.is_some_and(|machine| machine.preempted.is_some_and(|at| at <= now)) {
                self.due.insert((now.plus(REPEAT_MILLIS), name.clone()));
                said.push(Observation::Evicted { machine: name });
            }
        }
        said
    }
    fn notify(&mut self, world: &World, ledger: &mut Ledger, now: Time, said: &mut Vec<Observation>) {
        for fault in active(world, now).filter(|fault| fault.kind == FaultKind::SpotEvict) {
            let mut hit: Vec<(u64, Name)> = spot_machines(world)
                .filter(|(name, machine)| fault.concerns(name, &machine.pool, &machine.zone) && fault.draws(name, machine.boots))
                .map(|(name, machine)| (fault.lot(name, machine.boots), name.clone()))
                .collect();
            hit.sort_unstable();
            for (_, name) in hit {
                // What was said a moment ago is being taken up.
                let again = self.given.get(&name).copied();
                if again.is_none_or(|given| given.plus(REPEAT_MILLIS) <= now) && (again.is_some() || ledger.take(&fault)) {
                    self.given.insert(name.clone(), now);
                    self.look_at.insert(now.plus(REPEAT_MILLIS));
                    said.push(Observation::Preempt { machine: name, at: now.plus(fault.notice_millis(Happening::Preempt)) });
                }
            }
        }
    }
}

/// Running spot machines that have had no notice.
fn spot_machines(world: &World) -> impl Iterator<Item = (&Name, &Machine)> {
    let pools = world.pools().filter(|(_, pool)| pool.spec.priority == Priority::Spot);
    let machines = pools.flat_map(|(pool, _)| world.machines_of(&pool.key.name));
    let open = |machine: &Machine| machine.phase == MachinePhase::Running && machine.preempted.is_none();
    machines.filter(move |(_, machine)| open(machine)).map(|(doc, machine)| (&doc.key.name, machine))
}
