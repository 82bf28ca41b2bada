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
    /// LK-5: the cluster is stopped.
    ClusterStopped {
        /// The cluster's provisioning state.
        state: &'static str,
    },
    /// E23: the cluster has no such pool.
    PoolNotFound {
        /// The pool.
        pool: Name,
        /// The cluster.
        cluster: Name,
    },
    /// E10: a parameter has a value that it may not have.
    Parameter {
        /// The rule.
        rule: &'static str,
        /// The parameter, as AKS names it.
        parameter: Name,
        /// What is wrong with the value.
        why: Name,
        /// What would be accepted.
        accepted: Name,
    },
    /// The state of pool or cluster does not allow it (E14).
    NotAllowed {
        /// The rule.
        rule: &'static str,
        /// Why.
        why: Name,
        /// What would be accepted.
        accepted: Name,
    },
    /// L-4: the count is out of its range.
    CountOutOfRange {
        /// The count.
        count: i64,
        /// The least.
        min: u32,
        /// The most.
        max: u32,
    },
    /// V-2: too small a size for a system pool.
    SystemSizeTooSmall {
        /// The pool.
        pool: Name,
    },
    /// V-4, V-6: the size is not to be had.
    SizeNotAllowed {
        /// The rule.
        rule: &'static str,
        /// The pool.
        pool: Name,
        /// The region.
        location: Name,
    },
    /// Z-2: zones that the size or region does not have.
    ZonesNotSupported(Box<UnsupportedZones>),
    /// M-1: a property that is fixed at creation would change.
    PropertyChange {
        /// The rule: M-1, or O-3 for the OS SKU of a Windows pool.
        rule: &'static str,
        /// The property, as on the wire.
        property: Name,
    },
    /// LB-4: the prefix is AKS's own.
    LabelPrefixReserved {
        /// The label's key.
        key: Name,
    },
    /// LB-5: a namespace of Kubernetes without an allowed prefix.
    LabelNamespaceReserved {
        /// The label's key.
        key: Name,
        /// Its value.
        value: Name,
    },
    /// T-2: a taint that would keep system pods off a system pool.
    SystemTaint,
    /// SP-1, SP-2: the last system pool would go.
    LastSystemPool,
    /// SP-1: a cluster without a system pool was asked for.
    NoSystemPool,
    /// UV-1: the pool's version is above that of the control plane.
    AboveControlPlane {
        /// The pool's full version.
        pool: Name,
        /// The control plane's full version.
        control_plane: Name,
    },
    /// UV-2: the pool's version lags too far behind that of the control plane.
    TooFarBehind {
        /// The pool's full version.
        pool: Name,
        /// The control plane's full version.
        control_plane: Name,
        /// How many minor versions it may lag.
        minors: u32,
    },
    /// UV-4: the version is not on offer.
    VersionNotSupported {
        /// As it was asked for.
        version: Name,
        /// Whether it was asked for a pool.
        for_pool: bool,
    },
    /// UV-3, UV-4: the cluster or pool may not go from one version to the other.
    UpgradePath {
        /// The rule.
        rule: &'static str,
        /// The full version as it is.
        from: Name,
        /// The full version that was asked for.
        to: Name,
        /// Where it may go.
        available: Vec<Name>,
    },
    /// UV-6: pools' versions in a cluster's request are neither all as they are nor all the control plane's.
    PoolVersionsMixed,
    /// US-3: `maxSurge` and `maxUnavailable` are both above 0, or both 0.
    SurgeAndUnavailable {
        /// Whether both are 0.
        both_zero: bool,
    },
    /// UF-2: budgets that no eviction can ever satisfy, as namespace/name.
    UnsatisfiableBudgets(Vec<Name>),
    /// E2: the family's vCPUs are used up.
    FamilyQuota {
        /// vCPUs that the change needs.
        requested: u64,
        /// vCPUs that are left.
        remaining: u64,
        /// The family.
        family: Name,
        /// The region.
        location: Name,
    },
    /// E2: the region's vCPUs are used up.
    RegionQuota {
        /// vCPUs that the change needs.
        requested: u64,
        /// vCPUs that are left.
        remaining: u64,
        /// The region.
        location: Name,
    },
    /// E8, P-4: more addresses than the subnet has.
    SubnetSize {
        /// Addresses that are needed.
        needed: u64,
        /// Addresses that there are.
        available: u64,
        /// The subnet's address range.
        cidr: Name,
        /// The subnet's name.
        subnet: Name,
    },
    /// The pool, or one of the cluster's, is protected from deletion.
    DeletionProtected {
        /// The pool.
        pool: Name,
        /// The tag that says so.
        tag: &'static str,
    },
    /// The pool is another's to change.
    ManagedByAnother {
        /// The pool.
        pool: Name,
        /// Whose it is.
        manager: Name,
        /// The tag that says so.
        tag: &'static str,
    },
    /// E9: the subscription's policy forbids it.
    Policy {
        /// What was asked for.
        resource: Name,
        /// Which part of the policy, and what it allows.
        why: Name,
    },
}

/// Zones that were asked for and are not there.
#[derive(Clone, PartialEq, Debug)]
pub struct UnsupportedZones {
    /// The cluster.
    pub cluster: Name,
    /// Its resource group.
    pub group: Name,
    /// The pool.
    pub pool: Name,
    /// The region.
    pub location: Name,
    /// Zones that were asked for and are not there.
    pub zones: Vec<Name>,
    /// Zones that are there.
    pub supported: Vec<Name>,
}

impl PoolRefusal {
    /// The rule of aks-semantics that refuses.
    pub fn rule(&self) -> &'static str {
        match self {
            PoolRefusal::Parameter { rule, .. }
            | PoolRefusal::NotAllowed { rule, .. }
            | PoolRefusal::SizeNotAllowed { rule, .. }
            | PoolRefusal::PropertyChange { rule, .. }
            | PoolRefusal::UpgradePath { rule, .. } => rule,
            PoolRefusal::EtagMismatch { .. } => "X-1",
            PoolRefusal::PoolBusy { .. } => "LK-1",
            PoolRefusal::ClusterBusy { .. } => "LK-2",
            PoolRefusal::ClusterBlockedByPool { .. } => "LK-3",
            PoolRefusal::PoolDeleting { .. } => "LK-4",
            PoolRefusal::ClusterStopped { .. } => "LK-5",
            PoolRefusal::PoolNotFound { .. } => "E23",
            PoolRefusal::CountOutOfRange { .. } => "L-4",
            PoolRefusal::SystemSizeTooSmall { .. } => "V-2",
            PoolRefusal::ZonesNotSupported(_) => "Z-2",
            PoolRefusal::LabelPrefixReserved { .. } => "LB-4",
            PoolRefusal::LabelNamespaceReserved { .. } => "LB-5",
            PoolRefusal::SystemTaint => "T-2",
            PoolRefusal::LastSystemPool | PoolRefusal::NoSystemPool => "SP-1",
            PoolRefusal::AboveControlPlane { .. } => "UV-1",
            PoolRefusal::TooFarBehind { .. } => "UV-2",
            PoolRefusal::VersionNotSupported { .. } => "UV-4",
            PoolRefusal::PoolVersionsMixed => "UV-6",
            PoolRefusal::SurgeAndUnavailable { .. } => "US-3",
            PoolRefusal::UnsatisfiableBudgets(_) => "UF-2",
            PoolRefusal::FamilyQuota { .. } | PoolRefusal::RegionQuota { .. } => "E2",
            PoolRefusal::SubnetSize { .. } => "P-4",
            PoolRefusal::Policy { .. } => "E9",
            PoolRefusal::DeletionProtected { tag, .. } | PoolRefusal::ManagedByAnother { tag, .. } => tag,
        }
    }
    /// A parameter has a value that it may not have.
    pub fn parameter(rule: &'static str, parameter: &str, why: impl Into<Name>, accepted: impl Into<Name>) -> PoolRefusal {
        PoolRefusal::Parameter { rule, parameter: parameter.into(), why: why.into(), accepted: accepted.into() }
    }
}

impl From<PoolRefusal> for Refusal {
    fn from(refusal: PoolRefusal) -> Refusal {
        Refusal::Pool(refusal)
    }
}
