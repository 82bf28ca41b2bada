//! Mends machines whose node was Ready and is not (aks-semantics H-1 to H-4).
//!
//! Two timers one after the other: the node is unhealthy when it was not Ready for the whole detection frame, and the first rung is taken
//! when it then stays so. Reboot, reimage and (Linux) redeploy follow each other, each given time to help, in at most three cycles and an
//! hour. How far that is stands on the machine, so it goes on after a crash. The fuse and the ledger say when a rung may be taken.

mod fuse;
mod ladder;
mod settings;
mod spared;

pub use fuse::{CLUSTER_PARALLEL, UNHEALTHY_ALWAYS_FINE, UNHEALTHY_PERCENT};
pub use ladder::{CYCLES, LAST_RUNG_MILLIS, OVERALL_MILLIS};
pub use settings::{DETECTION_MILLIS, FORM, PERSISTENCE_MILLIS, Settings};

use crate::{Env, cluster_key, fleet};
use nodelane_model::machine::MachinePhase;
use nodelane_model::{Doc, Key, Kind, Machine, Repair, Time};
use nodelane_world::{Draft, List, World};
use std::sync::Arc;

/// Reconciles machines from the worklist, at most `budget`, then lets the next of them be taken; gives back how many were looked at.
pub fn plan(draft: &mut Draft, _env: &Env, budget: usize) -> usize {
    let (mut spent, mut last, mut turn) = (0, None, false);
    while spent < budget
        && let Some(key) = draft.world.work.take_after(List::Repairs, last.as_ref())
    {
        turn |= key.kind == Kind::Cluster || look(draft, &key);
        // What was just changed would be found again at once: it is settled, unless someone else touches it.
        draft.world.work.done(List::Repairs, &key);
        spent += 1;
        last = Some(key);
    }
    if turn {
        take_next(draft);
        draft.world.work.done(List::Repairs, &cluster_key());
    }
    spent
}

/// A node that was Ready is not: the time of its machine begins to count. Written before the node, so that a crash between the two
/// forgets nothing.
pub fn note_loss(draft: &mut Draft, old: &Doc, new: &Doc) {
    let is_ready = |doc: &Doc| doc.as_node().is_some_and(|node| node.status.is_ready());
    if !is_ready(old) || is_ready(new) {
        return;
    }
    let now = draft.now;
    fleet::change(draft, &Key::global(Kind::Machine, new.key.name.clone()), |machine| {
        if machine.is_wanted() && machine.phase == MachinePhase::Running {
            machine.repair.get_or_insert_with(|| Repair::of_loss(now));
        }
    });
}

/// One machine: what has come of its rung, and whether it is time for the next. `true` if somebody may be taken now.
fn look(draft: &mut Draft, key: &Key) -> bool {
    let Some(doc) = draft.world.get(key).cloned() else { return true };
    let Some((machine, repair)) = doc.as_machine().and_then(|machine| Some((machine, machine.repair.as_ref()?))) else { return true };
    if !machine.is_wanted() || machine.phase == MachinePhase::Failed {
        fleet::change(draft, key, |machine| machine.repair = None); // Operations see to it.
        return true;
    }
    if let Some((rung, _)) = repair.rung {
        if machine.phase == rung.phase() {
            return false;
        }
        let comes_back = machine.phase_since.plus(PERSISTENCE_MILLIS);
        if machine.phase == MachinePhase::Running && draft.world.node(&key.name).is_none() && draft.now < comes_back {
            draft.world.work.wake(comes_back, List::Repairs, key.clone()); // The node is about to come again.
            return false;
        }
        ladder::end(draft, &doc, machine, rung);
        return look(draft, key);
    }
    if fleet::is_ready(&draft.world, &doc) {
        ladder::close(draft, key);
        return true;
    }
    if machine.phase != MachinePhase::Running || repair.given_up.is_some() {
        return false;
    }
    let Some(due) = due(&draft.world, machine, repair) else { return false };
    if draft.now < due {
        draft.world.work.wake(due, List::Repairs, key.clone());
    }
    draft.now >= due
}

/// When the next rung is to be taken if the node stays as it is; `None` where the pool has none of it.
fn due(world: &World, machine: &Machine, repair: &Repair) -> Option<Time> {
    let settings = world.pool(&machine.pool).and_then(|(_, pool)| Settings::of(&pool.spec.tags).ok()).unwrap_or_default();
    let unhealthy = repair.rested.unwrap_or(repair.since.plus(settings.detection_millis));
    (!settings.is_off).then(|| unhealthy.plus(settings.persistence_millis))
}

/// Takes the next rung of every machine that may have it, those that were lost first before the others.
fn take_next(draft: &mut Draft) {
    let mut waiting: Vec<(Time, Arc<Doc>)> = Vec::new();
    for (doc, machine) in draft.world.repairing() {
        if let Some(repair) = &machine.repair
            && is_waiting(&draft.world, doc, machine, repair)
            && due(&draft.world, machine, repair).is_some_and(|due| due <= draft.now)
        {
            waiting.push((repair.since, doc.clone()));
        }
    }
    waiting.sort_by(|a, b| (a.0, &a.1.key).cmp(&(b.0, &b.1.key)));
    let mut fuse = fuse::Fuse::default();
    for (_, doc) in waiting {
        let Some(machine) = doc.as_machine() else { continue };
        if ladder::is_exhausted(draft, machine) {
            ladder::give_up(draft, &doc, machine);
            continue;
        }
        match fuse.check(&draft.world, &doc, machine) {
            Ok(()) => {
                ladder::begin(draft, &doc, machine);
                fuse.count(machine);
            }
            Err(fuse::Held::Own(why) | fuse::Held::Pool(why)) => ladder::hold(draft, &doc, machine, &why),
            Err(fuse::Held::Silently) => {}
        }
    }
}

/// Whether nothing is under way on a machine whose node is not Ready, and it was not given up.
fn is_waiting(world: &World, doc: &Doc, machine: &Machine, repair: &Repair) -> bool {
    let still = machine.is_wanted() && machine.phase == MachinePhase::Running && repair.rung.is_none() && repair.given_up.is_none();
    still && !fleet::is_ready(world, doc)
}

#[cfg(test)]
mod tests;
