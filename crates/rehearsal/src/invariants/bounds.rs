//! I11: what is kept is bounded: finished operations, events, versions and names that pools remember.
//!
//! The bounds are those of the contract and of the glossary. Not here: queues and rings of a live process, which no storm has.

use super::{Findings, Invariant, View};
use nodelane_control::Event;
use nodelane_model::{Kind, Time};

/// Finished operations of a pool or cluster (GLOSSARY: the last sixteen).
const HISTORY: usize = 16;
/// Versions that a pool remembers.
const VERSIONS: usize = 4;
/// Events of a cluster.
const EVENTS: usize = 10_000;
/// One in so many events counts all of them: counting is linear.
const COUNTED_EVERY: u64 = 512;

pub(super) fn judge(findings: &mut Findings, view: &View, at: Time, event: &Event) {
    let Some(new) = &event.new else { return };
    if let Some(pool) = new.as_pool() {
        let state = &pool.state;
        let bounded = state.history.len() <= HISTORY && state.recently_used.len() <= VERSIONS && state.taken.len() <= 64;
        findings.check(Invariant::Bound, at, bounded, || {
            format!(
                "{} keeps {} operations, {} versions, {} names",
                new.key,
                state.history.len(),
                state.recently_used.len(),
                state.taken.len()
            )
        });
    }
    if let Some(cluster) = new.as_cluster() {
        let kept = cluster.state.history.len();
        findings.check(Invariant::Bound, at, kept <= HISTORY, || format!("the cluster keeps {kept} operations"));
    }
    if new.key.kind == Kind::Event && event.revision.is_multiple_of(COUNTED_EVERY) {
        let count = view.list(Kind::Event).count();
        findings.check(Invariant::Bound, at, count <= EVENTS, || format!("{count} events are kept"));
    }
}
