//! A world at a time: all that a decision may look at.
//!
//! The time is a field, so that the same snapshot gives the same answer, today and in a rehearsal.
//! Not here: where the time comes from.

use crate::World;
use nodelane_model::Time;

/// A world with a time.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The state.
    pub world: World,
    /// The time. A field, not a clock: the same snapshot gives the same plan.
    pub now: Time,
}
