//! The only place of the live process where the time of day is read.
//!
//! Everything else takes the time as a parameter, in seconds since 1970-01-01T00:00:00Z.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since the Unix epoch; 0 on a machine whose clock stands before it.
pub fn unix_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}
