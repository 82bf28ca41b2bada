//! Makes a script that fails smaller, while it still breaks the same invariant.
//!
//! Halves of the steps are left out, then quarters, down to single ones; then apps and lanes, then settings. What is left is what matters.

use super::play::play;
use super::script::Script;
use crate::invariants::Invariant;

/// Plays at most: shrinking is for people who wait.
const PLAYS: usize = 400;

/// The smallest script found that still breaks the invariant.
pub fn shrink(script: &Script, invariant: Invariant) -> Script {
    let mut best = script.clone();
    let mut plays = 0;
    let mut fails = |script: &Script| {
        plays += 1;
        plays <= PLAYS && play(script).violation().is_some_and(|violation| violation.invariant == invariant)
    };
    let mut size = best.steps.len().div_ceil(2);
    while size > 0 {
        let mut from = 0;
        while from < best.steps.len() {
            let mut trial = best.clone();
            trial.steps.drain(from..(from + size).min(best.steps.len()));
            if fails(&trial) {
                best = trial;
            } else {
                from += size;
            }
        }
        size = if size == 1 { 0 } else { size.div_ceil(2) };
    }
    for index in (0..best.apps.len()).rev() {
        let mut trial = best.clone();
        // Steps name apps by number: an app without pods is as good as none.
        trial.apps[index].replicas = 0;
        trial.apps[index].budget.clear();
        if index + 1 == trial.apps.len() {
            trial.apps.pop();
        }
        if fails(&trial) {
            best = trial;
        }
    }
    let simpler: [fn(&mut Script); 5] = [
        |script| drop(script.lanes.pop()),
        |script| script.slow = false,
        |script| script.sync_millis = 0,
        |script| script.lanes.iter_mut().for_each(|lane| lane.zones = 0),
        |script| script.hours = script.steps.last().map_or(1, |step| step.at / 3_600_000 + 1),
    ];
    for change in simpler {
        let mut trial = best.clone();
        change(&mut trial);
        if !trial.lanes.is_empty() && fails(&trial) {
            best = trial;
        }
    }
    best
}
