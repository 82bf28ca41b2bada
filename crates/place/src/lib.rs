//! Which node, and why not the others: placing pods as kube-scheduler's default profile (1.36) does.
//!
//! [`plan`] binds what is pending in a [`Draft`](nodelane_world::Draft); [`explain`] answers for one pod by the same predicates. Each
//! plugin is a file under `filter` and `score`; all texts are made in `diagnosis`. Verdicts are kept per profile of pods on a board
//! that follows what is bound, so a pod costs what changed.
//!
//! Claims that wait for a pod are given its node and bound by others (`workload`) before the pod is. Not here yet: preemption (its outcome is foretold, nobody is evicted), nominated nodes,
//! dynamic resources (such pods are refused), other scheduler names than the default.

mod board;
mod diagnosis;
mod explain;
mod filter;
#[cfg(test)]
mod fixture;
mod plan;
mod preempt;
mod profile;
mod reason;
mod score;
mod selection;
mod session;
mod tally;
mod topology;

pub use diagnosis::{Diagnosis, Preemption};
pub use explain::{Verdict, explain};
pub use plan::{Memory, plan};
pub use reason::{Plugin, Reason, Refusal};
pub use score::Scores;
