//! Whether a pod may be evicted now (upstream's eviction subresource; aks-semantics H-7).
//!
//! Pods that have ended, are pending or are terminating need no budget. A pod that two budgets cover cannot be evicted.

use nodelane_model::pod::Phase;
use nodelane_model::{Doc, Key, Refusal};
use nodelane_world::World;

/// Whether a pod may be evicted.
#[derive(Clone, PartialEq, Debug)]
pub enum Grant {
    /// It may.
    Allowed,
    /// A budget has no slack.
    Blocked {
        /// The budget.
        budget: Key,
        /// Healthy pods that it needs.
        needed: i32,
        /// Healthy pods that it has.
        healthy: i32,
    },
    /// More than one budget covers it.
    TwoBudgets {
        /// Their names, joined by a comma.
        budgets: String,
    },
}

impl Grant {
    /// The refusal that a user's eviction gets; `None` if it is allowed.
    pub fn refusal(self, pod: &Key) -> Option<Refusal> {
        match self {
            Grant::Allowed => None,
            Grant::Blocked { budget, needed, healthy } => {
                Some(Refusal::BudgetBlocks { pod: pod.clone(), budget: budget.name, needed, healthy })
            }
            Grant::TwoBudgets { .. } => Some(Refusal::TwoBudgets(pod.clone())),
        }
    }
}

/// Whether a pod may be evicted now.
pub fn grant(world: &World, doc: &Doc) -> Grant {
    let Some(pod) = doc.as_pod() else { return Grant::Allowed };
    if doc.is_terminating() || pod.status.is_terminal() || pod.status.phase == Phase::Pending {
        return Grant::Allowed;
    }
    let budgets: Vec<_> = world.budgets_of(doc).collect();
    match budgets.as_slice() {
        [] => Grant::Allowed,
        [budget] => {
            let status = nodelane_workload::budget_status(world, budget);
            let policy = budget.as_budget().and_then(|budget| budget.spec.unhealthy_pod_eviction_policy.as_deref());
            let enough = status.current_healthy >= status.desired_healthy && status.desired_healthy > 0;
            // A pod that is not ready is no loss, where the policy says so or the others suffice.
            if !pod.status.is_ready() && (policy == Some("AlwaysAllow") || enough) || status.disruptions_allowed > 0 {
                return Grant::Allowed;
            }
            Grant::Blocked { budget: budget.key.clone(), needed: status.desired_healthy, healthy: status.current_healthy }
        }
        several => {
            let names: Vec<&str> = several.iter().map(|budget| budget.key.name.as_str()).collect();
            Grant::TwoBudgets { budgets: names.join(",") }
        }
    }
}
