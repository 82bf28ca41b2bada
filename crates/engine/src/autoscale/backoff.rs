//! Pauses of pools that could not grow (aks-semantics AL-6): five minutes, twice as long each time, half an hour at most.
//!
//! Kept in the pool's document, where everyone can read the cause and a restart does not lose it. Switching autoscaling off ends it
//! (CA-3).

use super::profile::{BACKOFF_RESET_MILLIS, INITIAL_BACKOFF_MILLIS, LONGEST_BACKOFF_MILLIS};
use nodelane_model::pool::Backoff;
use nodelane_model::{Name, NodePool, Time};

/// The pause after a failure, given the one before.
pub fn after(before: Option<&Backoff>, code: Name, message: Name, now: Time) -> Backoff {
    let millis = match before.filter(|before| now.since(before.failed) <= BACKOFF_RESET_MILLIS) {
        None => INITIAL_BACKOFF_MILLIS,
        // Machines asked for together fail together: that is one failure.
        Some(before) if before.until >= now => before.millis,
        Some(before) => (before.millis * 2).min(LONGEST_BACKOFF_MILLIS),
    };
    Backoff { until: now.plus(millis), millis, failed: now, code, message }
}

/// The pause that a pool is in.
pub fn of(pool: &NodePool, now: Time) -> Option<&Backoff> {
    pool.state.backoff.as_ref().filter(|backoff| backoff.until > now)
}

/// Whether codes speak of room that there is not, rather than of another fault.
pub fn class(code: &str) -> &'static str {
    const OUT_OF_RESOURCE: [&str; 5] =
        ["AllocationFailed", "ZonalAllocationFailed", "OverconstrainedAllocationRequest", "QuotaExceeded", "SkuNotAvailable"];
    if OUT_OF_RESOURCE.contains(&code) { "OutOfResource" } else { "Other" }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    fn minutes(failures: &[i64]) -> Vec<i64> {
        let mut before: Option<Backoff> = None;
        let each = failures.iter().map(|at| {
            let next = after(before.as_ref(), "c".into(), "m".into(), Time(at * MINUTE));
            before = Some(next.clone());
            next.millis / MINUTE
        });
        each.collect()
    }

    #[test]
    fn pauses_double_up_to_half_an_hour_and_are_forgotten_after_three_hours() {
        // aks-semantics AL-6: 5, 10, 20, 30, 30; a failure during the pause keeps its length; forgotten 3 h after the last failure.
        assert_eq!(minutes(&[0, 6, 17, 38, 69]), [5, 10, 20, 30, 30]);
        assert_eq!(minutes(&[0, 1, 4]), [5, 5, 5]);
        assert_eq!(minutes(&[0, 6, 6 + 181]), [5, 10, 5]);
    }
}
