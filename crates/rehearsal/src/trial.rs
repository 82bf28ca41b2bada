//! A change of a pool, tried on a copy of the cluster until it is over.
//!
//! The change is asked for by the caller, as ARM would; then time passes until the pool's operation has ended and the pods that it moved
//! have their nodes, or until no end is in sight. Not here: the words of the change, and what is told of the run (`review::forecast`).

use crate::{Rehearsal, Seat};
use nodelane_model::operation::{Ended, Outcome};
use nodelane_model::{Name, NodePool, Time, Uid};
use nodelane_review::forecast::{Course, Watch};
use nodelane_world::World;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Longer than any roll that goes on: 1,000 machines one after the other at 3 minutes are 50 hours only without any surge.
const LONGEST_MILLIS: i64 = 48 * 3_600_000;
/// What pods may take to find their nodes when the operation is over; pods that need a machine of the autoscaler get it in that time.
const SETTLE_MILLIS: i64 = 10 * 60_000;

/// A cell that a change is about to be asked of.
pub struct Trial {
    seat: Arc<Seat>,
    pool: Name,
    /// Operations that are not this change's.
    known: BTreeSet<Uid>,
    start: Time,
    watch: Watch,
}

/// How a run ended.
pub struct End {
    /// From the request to the operation's end; `None` where it did not end, 0 where none was needed.
    pub millis: Option<i64>,
    /// How the operation ended, where it did not succeed.
    pub failure: Option<Ended>,
    /// What the run did.
    pub course: Course,
    /// The world at its end.
    pub world: World,
}

impl Trial {
    /// Of a pool, which need not exist yet.
    pub fn new(seat: Arc<Seat>, pool: &str) -> Trial {
        let mut rehearsal = seat.enter();
        let now = rehearsal.now();
        rehearsal.run_until(now);
        rehearsal.events.clear();
        let (start, world) = (rehearsal.now(), rehearsal.world().clone());
        drop(rehearsal);
        let known = world.pool(pool).map(|(_, pool)| operations(pool).map(|(id, _)| id).collect()).unwrap_or_default();
        Trial { seat, pool: pool.into(), known, start, watch: Watch::new(&world, pool) }
    }

    /// Nothing happens: the change was refused.
    pub fn stay(self) -> Course {
        let rehearsal = self.seat.enter();
        self.watch.finish(rehearsal.now(), rehearsal.world())
    }

    /// Lets time pass until the change is over.
    pub fn finish(mut self) -> End {
        let seat = self.seat.clone();
        let mut rehearsal = seat.enter();
        let until = self.start.plus(LONGEST_MILLIS);
        self.take(&mut rehearsal);
        let mut over = ended(rehearsal.world(), &self.pool, &self.known);
        while over.is_none()
            && let Some(next) = rehearsal.next_at().filter(|next| *next <= until)
        {
            rehearsal.run_until(next);
            self.take(&mut rehearsal);
            over = ended(rehearsal.world(), &self.pool, &self.known);
        }
        let took = over.is_some().then(|| rehearsal.now().since(self.start));
        let settled = rehearsal.now().plus(SETTLE_MILLIS);
        while over.is_some()
            && self.watch.waits()
            && let Some(next) = rehearsal.next_at().filter(|next| *next <= settled)
        {
            rehearsal.run_until(next);
            self.take(&mut rehearsal);
        }
        let (now, world) = (rehearsal.now(), rehearsal.world().clone());
        let failure = over.flatten().filter(|ended| ended.outcome != Outcome::Succeeded);
        End { millis: took, failure, course: self.watch.finish(now, &world), world }
    }

    fn take(&mut self, rehearsal: &mut Rehearsal) {
        let events = std::mem::take(&mut rehearsal.events);
        rehearsal.reports.clear();
        for (at, event) in &events {
            self.watch.follow(*at, event.old.as_ref(), event.new.as_ref(), rehearsal.world());
        }
        self.watch.rest();
    }
}

fn operations(pool: &NodePool) -> impl Iterator<Item = (Uid, Option<&Ended>)> {
    let all = pool.state.history.iter().chain(&pool.state.operation).chain(&pool.state.successor);
    all.map(|operation| (operation.id, operation.ended.as_ref()))
}

/// Whether no operation of the change runs, and how the last one ended.
fn ended(world: &World, pool: &str, known: &BTreeSet<Uid>) -> Option<Option<Ended>> {
    let Some((_, pool)) = world.pool(pool) else { return Some(None) };
    let is_over = pool.state.operation.is_none() && pool.state.successor.is_none();
    is_over.then(|| operations(pool).filter(|(id, _)| !known.contains(id)).last().and_then(|(_, ended)| ended.cloned()))
}
