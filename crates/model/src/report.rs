//! What a plan says about itself: counts, first witnesses, and what was declined and why.
//!
//! Reports are bounded: details are asked for, with the predicates that decided.

use crate::{Key, Name};

/// Who decided.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Planner {
    /// Advances long-running operations.
    Operation,
    /// Mends machines.
    Repair,
    /// Rolls machines.
    Upgrade,
    /// Keeps workloads' pods.
    Workload,
    /// Finds nodes for pods.
    Place,
    /// Sets counts of autoscaled pools.
    Autoscale,
    /// Makes machines and nodes as their pools say.
    Converge,
}

/// Why something was not done.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Reason {
    /// A disruption budget has no slack.
    BudgetBlocks {
        /// The budget.
        budget: Key,
    },
    /// More than one budget covers the pod.
    TwoBudgets,
    /// No node takes the pod.
    Unschedulable {
        /// The sentence that the pod's event has.
        message: Name,
    },
    /// The provider failed.
    Provider {
        /// Its code.
        code: Name,
    },
    /// A node may not be taken now.
    Held {
        /// Why, in a sentence.
        why: Name,
    },
    /// A rule about what plans may change was broken.
    Lint {
        /// The rule.
        rule: &'static str,
    },
}

/// One thing that a planner says.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Report {
    /// Who says it.
    pub planner: Planner,
    /// About what.
    pub subject: Key,
    /// What was declined, and why.
    pub declined: Reason,
}
