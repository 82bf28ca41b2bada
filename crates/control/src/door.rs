//! How the rooms that speak HTTP see a running cell: a published world to read, a way in for changes, and a feed to follow.
//!
//! Reading never waits for the cell. A change waits until its answer may leave (that is, until it is durable).

use crate::{Event, FeedGone};
use nodelane_model::change::{Accepted, Change, Origin};
use nodelane_model::{Refusal, Revision, Time};
use nodelane_world::World;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// A future that may go to another thread.
pub type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A running cell, from outside.
pub trait Door: Send + Sync + 'static {
    /// The newest durable world.
    fn world(&self) -> Arc<World>;
    /// The time.
    fn now(&self) -> Time;
    /// Asks for a change; done when the answer is durable.
    fn submit(&self, change: Change, origin: Origin) -> Later<Result<Accepted, Refusal>>;
    /// At most `limit` events after a revision, in order.
    fn events_after(&self, revision: Revision, limit: usize) -> Result<Vec<Event>, FeedGone>;
    /// Done when the published revision is beyond this one; at once if it is.
    fn moved(&self, beyond: Revision) -> Later<Revision>;
}
