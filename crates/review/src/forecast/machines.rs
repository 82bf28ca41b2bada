//! Which machines a change brings, takes and images again, and how many a pool has at most on the way.
//!
//! What is there before and after decides: a surge machine that comes and goes is `extra`, neither added nor removed. A machine that the
//! provider could not make does not count. All pools count, for a change of one can make the autoscaler change another; the counts
//! before, after and at the peak are of the pool that changes.

use super::SHOWN;
use nodelane_model::machine::MachinePhase;
use nodelane_model::{Doc, Kind, Name};
use nodelane_world::World;
use serde::Serialize;
use std::collections::BTreeSet;

/// How many, and the first of them by name.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Names {
    /// All of them.
    pub count: usize,
    /// At most [`SHOWN`].
    pub names: Vec<Name>,
}

/// Machines of a change.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Machines {
    /// The pool's machines now.
    pub before: usize,
    /// The most that it has at once.
    pub peak: usize,
    /// When all is over.
    pub after: usize,
    /// There after, not before.
    pub added: Names,
    /// There before, not after.
    pub removed: Names,
    /// There before and after, with another image between.
    pub reimaged: Names,
    /// Came and went.
    pub extra: Names,
}

pub(super) struct Tally {
    pool: Name,
    now: BTreeSet<Name>,
    before: usize,
    peak: usize,
    came: BTreeSet<Name>,
    imaged: BTreeSet<Name>,
}

impl Tally {
    pub(super) fn new(world: &World, pool: &str) -> Tally {
        let now: BTreeSet<Name> =
            world.machines_of(&pool.into()).filter(|(doc, _)| counts(doc)).map(|(doc, _)| doc.key.name.clone()).collect();
        Tally { pool: pool.into(), before: now.len(), peak: now.len(), now, came: BTreeSet::new(), imaged: BTreeSet::new() }
    }
    pub(super) fn machine(&mut self, old: Option<&Doc>, new: Option<&Doc>) {
        let Some(doc) = new.or(old) else { return };
        let (name, machine) = (&doc.key.name, doc.as_machine());
        if old.is_none() {
            self.came.insert(name.clone());
        }
        if machine.is_some_and(|machine| machine.phase == MachinePhase::Reimaging) {
            self.imaged.insert(name.clone());
        }
        if machine.is_some_and(|machine| machine.pool == self.pool) {
            match new.is_some_and(counts) {
                true => drop(self.now.insert(name.clone())),
                false => drop(self.now.remove(name)),
            }
            self.peak = self.peak.max(self.now.len());
        }
    }
    pub(super) fn finish(self, before: &World, after: &World) -> Machines {
        let all = |world: &World| -> BTreeSet<Name> {
            world.list(Kind::Machine, None).filter(|doc| counts(doc)).map(|doc| doc.key.name.clone()).collect()
        };
        let (old, new) = (all(before), all(after));
        let extra = self.came.iter().filter(|name| !old.contains(*name) && !new.contains(*name));
        Machines {
            before: self.before,
            peak: self.peak,
            after: self.now.len(),
            added: names(new.difference(&old)),
            removed: names(old.difference(&new)),
            reimaged: names(old.intersection(&new).filter(|name| self.imaged.contains(*name))),
            extra: names(extra),
        }
    }
}

fn names<'a>(all: impl Iterator<Item = &'a Name>) -> Names {
    let mut names = Names::default();
    for name in all {
        names.count += 1;
        if names.names.len() < SHOWN {
            names.names.push(name.clone());
        }
    }
    names
}

fn counts(doc: &Doc) -> bool {
    doc.as_machine().is_some_and(|machine| machine.phase != MachinePhase::Failed)
}
