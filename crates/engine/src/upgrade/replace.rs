//! A machine of another size takes the place of an emptied one (aks-semantics M-3): the old name goes, unlike with a new image.
//!
//! What comes was an extra machine and is Ready before what it replaces goes, so that a size that is not to be had costs nothing. Two
//! writes in this order: the old one goes, the new one becomes the pool's own. A crash between the two leaves the pool one short, and
//! [`fill`] makes up for it at the next look.

use super::{fail, is_behind};
use crate::fleet::{self, extra, own};
use crate::operation::{PROVISION_LIMIT_MILLIS, error};
use nodelane_model::machine::{Intent, Roll};
use nodelane_model::operation::Outcome;
use nodelane_model::{Doc, Key, Kind, NodePool, Time};
use nodelane_world::{Draft, List};
use std::sync::Arc;

/// Replaces a machine that has been ready for it since then, as soon as another can take its place; `false` when the operation has ended.
pub fn step(draft: &mut Draft, key: &Key, pool: &NodePool, machine: &Key, since: Time) -> bool {
    if stand_in(draft, key, pool).is_some() {
        draft.remove(&Key::global(Kind::Node, machine.name.clone()));
        fleet::change(draft, machine, |machine| machine.intent = Intent::Gone);
        fill(draft, key, pool);
        return true;
    }
    let deadline = since.plus(PROVISION_LIMIT_MILLIS);
    if draft.now >= deadline {
        fail(draft, key, Outcome::Failed, error("NodesNotReady", "Not all nodes reached Ready state. Expected: 1, Actual: 0"));
        return false;
    }
    draft.world.work.wake(deadline, List::Operations, key.clone());
    true
}

/// Extra machines become the pool's own where it has too few of these.
pub fn fill(draft: &mut Draft, key: &Key, pool: &NodePool) {
    let now = draft.now;
    while own(&draft.world, &key.name).len() < pool.spec.count as usize
        && let Some(doc) = stand_in(draft, key, pool)
    {
        fleet::change(draft, &doc.key, |machine| {
            machine.surge = false;
            machine.roll = Some(Roll::Done);
            machine.rolled = Some(nodelane_model::machine::Rolled { since: machine.phase_since, done: Some(now) });
        });
    }
}

/// The first extra machine that has all that the pool's are to have, and takes pods.
fn stand_in(draft: &Draft, key: &Key, pool: &NodePool) -> Option<Arc<Doc>> {
    let fits =
        |doc: &Arc<Doc>| fleet::is_schedulable(&draft.world, doc) && doc.as_machine().is_some_and(|machine| !is_behind(machine, pool));
    extra(&draft.world, &key.name).into_iter().find(fits)
}
