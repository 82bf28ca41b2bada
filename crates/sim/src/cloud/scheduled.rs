//! Scheduled events beside preemption: the platform says what it is about to do to machines, and does it (aks-semantics H-6).
//!
//! A fault `scheduled-event` strikes once: at its beginning plus its notice, every running machine that it concerns and draws (with a count
//! those of the lowest lot), those that came in between too. So what is due follows from documents and time, over a restart as well.

use crate::fault::active;
use nodelane_model::machine::MachinePhase;
use nodelane_model::{Doc, FaultKind, Key, Kind, Machine, Name, ScheduledEvent, Time};
use nodelane_provider::Observation;
use nodelane_world::World;
use std::collections::BTreeSet;
use std::sync::Arc;

/// After how long something is said again that the documents do not show.
const REPEAT_MILLIS: i64 = 2_000;

/// Events that are due.
#[derive(Default)]
pub struct Scheduled {
    /// When to look for machines that a fault concerns.
    look_at: BTreeSet<Time>,
    due: BTreeSet<(Time, Name)>,
}

fn runs(machine: &Machine) -> bool {
    machine.phase == MachinePhase::Running
}

impl Scheduled {
    /// Follows one change of a document.
    pub fn follow(&mut self, old: Option<&Arc<Doc>>, new: &Arc<Doc>, now: Time) {
        if new.key.kind == Kind::Fault {
            self.look_at.insert(now);
        }
        let Some(machine) = new.as_machine() else { return };
        if runs(machine) && !old.and_then(|old| old.as_machine()).is_some_and(runs) {
            self.look_at.insert(now);
        }
        if let Some(event) = &machine.scheduled {
            self.due.insert((event.at.max(now), new.key.name.clone()));
        }
    }
    /// When something happens next.
    pub fn next_at(&self) -> Option<Time> {
        [self.look_at.first().copied(), self.due.first().map(|(at, _)| *at)].into_iter().flatten().min()
    }
    /// What happens by `now`.
    pub fn advance(&mut self, world: &World, now: Time) -> Vec<Observation> {
        let mut said = Vec::new();
        if self.look_at.first().is_some_and(|at| *at <= now) {
            self.look_at.retain(|at| *at > now);
            announce(world, now, &mut said);
            if !said.is_empty() {
                self.look_at.insert(now.plus(REPEAT_MILLIS));
            }
        }
        while self.due.first().is_some_and(|(at, _)| *at <= now)
            && let Some((_, name)) = self.due.pop_first()
        {
            let machine = world.get(&Key::global(Kind::Machine, name.clone())).and_then(|doc| doc.as_machine());
            if let Some(event) = machine.and_then(|machine| machine.scheduled.as_ref()).filter(|event| event.at <= now) {
                self.due.insert((now.plus(REPEAT_MILLIS), name.clone()));
                said.push(Observation::Happened { machine: name, happening: event.happening });
            }
        }
        said
    }
}

/// Machines that a fault concerns and that do not know of it yet.
fn announce(world: &World, now: Time, said: &mut Vec<Observation>) {
    for fault in active(world, now).filter(|fault| fault.kind == FaultKind::ScheduledEvent) {
        let at = fault.since.plus(fault.notice_millis(fault.event));
        if now >= at {
            continue;
        }
        let machines = world.pools().flat_map(|(pool, _)| world.machines_of(&pool.key.name));
        let mut hit: Vec<(u64, &Name, &Machine)> = machines
            .filter(|(doc, machine)| runs(machine) && fault.concerns(&doc.key.name, &machine.pool, &machine.zone))
            .filter(|(doc, _)| fault.draws(&doc.key.name, 0))
            .map(|(doc, machine)| (fault.lot(&doc.key.name, 0), &doc.key.name, machine))
            .collect();
        hit.sort_unstable_by_key(|(lot, name, _)| (*lot, (*name).clone()));
        let most = fault.left.map_or(usize::MAX, |left| usize::try_from(left).unwrap_or(usize::MAX));
        for (_, name, _) in hit.into_iter().take(most).filter(|(.., machine)| machine.scheduled.is_none()) {
            said.push(Observation::Scheduled { machine: name.clone(), event: ScheduledEvent { happening: fault.event, at } });
        }
    }
}
