//! The only place of the live process where the time of day is read.
//!
//! Everything else takes the time as a parameter, in seconds since 1970-01-01T00:00:00Z.

#![allow(clippy::disallowed_methods, reason = "the one place where the time is read")]

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Seconds since the Unix epoch; 0 on a machine whose clock stands before it.
pub fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}

/// The time, as documents have it; never before `floor`, so that it does not go back where the machine's clock does.
pub fn now(floor: nodelane_model::Time) -> nodelane_model::Time {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    floor.max(nodelane_model::Time(elapsed.as_millis() as i64))
}

/// Seconds since it was made, for commands that say how long they took.
pub fn stopwatch() -> impl Fn() -> f64 {
    let start = Instant::now();
    move || start.elapsed().as_secs_f64()
}
