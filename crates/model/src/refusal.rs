//! Why a change may not happen: one closed enum.
//!
//! Variants carry facts; codes and sentences are given in one match each by the rooms `arm` and `k8s`.

use crate::{Key, Name, Revision, Time};
use thiserror::Error;

/// Why a change may not happen.
#[derive(Clone, PartialEq, Debug, Error)]
pub enum Refusal {
    /// There is no such document.
    #[error("{0} does not exist")]
    NotFound(Key),
    /// The name is taken.
    #[error("{0} exists")]
    AlreadyExists(Key),
    /// The document has moved since the change was computed: compute it again.
    #[error("{key} has moved from revision {base}")]
    Stale {
        /// Which.
        key: Key,
        /// The revision that the change was computed from.
        base: Revision,
    },
    /// A given precondition (uid, revision) does not hold.
    #[error("{key}: {message}")]
    Precondition {
        /// Which.
        key: Key,
        /// What was expected and what is.
        message: Name,
    },
    /// Something is already so, or may not be so (Kubernetes objects).
    #[error("{key}: {field}: {message}")]
    Invalid {
        /// Which.
        key: Key,
        /// The field's path.
        field: Name,
        /// What is wrong.
        message: Name,
    },
    /// Not allowed for this principal or in this state (Kubernetes objects).
    #[error("{key}: {message}")]
    Forbidden {
        /// Which.
        key: Key,
        /// Why.
        message: Name,
    },
    /// A disruption budget has no slack for this pod.
    #[error("the budget {budget} needs {needed} healthy pods and has {healthy}")]
    BudgetBlocks {
        /// The pod.
        pod: Key,
        /// The budget.
        budget: Name,
        /// Healthy pods that it needs.
        needed: i32,
        /// Healthy pods that it has.
        healthy: i32,
    },
    /// The budget was not yet looked at.
    #[error("the budget {budget} is still being processed")]
    BudgetUnobserved {
        /// The pod.
        pod: Key,
        /// The budget.
        budget: Name,
    },
    /// More than one budget covers the pod.
    #[error("{0} has more than one budget")]
    TwoBudgets(Key),
    /// The namespace is going.
    #[error("namespace {namespace} is being terminated")]
    NamespaceTerminating {
        /// The document.
        key: Key,
        /// The namespace.
        namespace: Name,
    },
    /// The write could not be made durable; nothing has changed.
    #[error("the change could not be stored: {0}")]
    Unavailable(Name),
    /// A rule about pools or clusters.
    #[error("{0:?}")]
    Pool(PoolRefusal),
}

/// Why a change of a pool or cluster may not happen. The comment of each names its rule in aks-semantics.
#[derive(Clone, PartialEq, Debug)]
pub enum PoolRefusal {
    /// a condition on the eTag does not hold.
    EtagMismatch {
        /// The eTag as it is; `None` where there is no pool.
        current: Option<Name>,
    },
    /// LK-1: the pool's own operation runs.
    PoolBusy {
        /// The pool.
        pool: Name,
        /// What it is doing: its provisioning state.
        state: &'static str,
    },
    /// LK-2: an operation of the cluster runs.
    ClusterBusy {
        /// What it is doing: its provisioning state.
        state: &'static str,
    },
    /// LK-3: an operation of a pool runs, and the cluster is to change.
    ClusterBlockedByPool {
        /// The pool.
        pool: Name,
        /// What it is doing.
        state: &'static str,
    },
    /// LK-4: the pool is being deleted.
    PoolDeleting {
        /// The pool.
        pool: Name,
        /// What was asked for.
        asked: &'static str,
        /// Since when.
        since: Time,
        /// For how long, in milliseconds.
        elapsed_millis: i64,
    },
}
