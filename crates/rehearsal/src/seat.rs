//! A cell on virtual time behind the door that the rooms with HTTP use: the same routes, merges and refusals as live.
//!
//! A change is answered at once, with all that follows from it at the same instant. Nobody watches: there are no events to follow.

use crate::Rehearsal;
use nodelane_control::{Door, Event, FeedGone, Later};
use nodelane_model::change::{Accepted, Change, Origin};
use nodelane_model::{Refusal, Revision, Time};
use nodelane_world::World;
use std::sync::{Arc, Mutex, MutexGuard};

/// A rehearsal that several may hold.
pub struct Seat(Mutex<Rehearsal>);

impl Seat {
    /// Takes a rehearsal in.
    pub fn new(rehearsal: Rehearsal) -> Arc<Seat> {
        Arc::new(Seat(Mutex::new(rehearsal)))
    }
    /// The rehearsal, for as long as the guard lives.
    pub fn enter(&self) -> MutexGuard<'_, Rehearsal> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Door for Seat {
    fn world(&self) -> Arc<World> {
        Arc::new(self.enter().world().clone())
    }
    fn now(&self) -> Time {
        self.enter().now()
    }
    fn submit(&self, change: Change, origin: Origin) -> Later<Result<Accepted, Refusal>> {
        Box::pin(std::future::ready(self.enter().request(change, origin)))
    }
    fn events_after(&self, revision: Revision, _limit: usize) -> Result<Vec<Event>, FeedGone> {
        Err(FeedGone { floor: revision })
    }
    fn moved(&self, _beyond: Revision) -> Later<Revision> {
        Box::pin(std::future::ready(self.enter().world().revision))
    }
}
