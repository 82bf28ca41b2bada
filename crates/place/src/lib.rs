//! Which node, and why not the others: placing pods as kube-scheduler does, by its default profile of 1.36 or by a [`Config`].
//!
//! [`plan`] binds what is pending in a [`Draft`](nodelane_world::Draft); [`explain`] answers for one pod by the same predicates. Each
//! plugin is a file under `filter` and `score`; all texts are made in `diagnosis`. Verdicts are kept per profile of pods on a board
//! that follows what is bound, so a pod costs what changed.
//!
//! Claims that wait for a pod are given its node and bound by others (`workload`) before the pod is. A pod that fits nowhere may have
//! room made for it: `preempt` finds where and at whose expense, `nominate` writes it.
//!
//! Not here: dynamic resources (such pods are refused), other scheduler names than the default.

mod board;
mod config;
mod diagnosis;
pub mod estimate;
mod explain;
mod filter;
#[cfg(test)]
mod fixture;
mod follow;
mod groups;
mod images;
mod nominate;
mod plan;
mod preempt;
mod profile;
mod reason;
mod roster;
mod score;
mod selection;
mod session;
mod tally;
mod topology;
mod vacate;
mod victims;

pub use config::{Balance, Config, Strategy, Weights};
pub use diagnosis::{Diagnosis, Preemption};
pub use explain::{Answer, Room, Verdict, explain, explain_with};
pub use plan::{Evict, Memory, plan};
pub use reason::{Plugin, Reason, Refusal};
pub use score::Scores;
pub use vacate::{Vacancies, Vacating};
