//! Why a node is not removed: cluster-autoscaler's reasons, the union of its lists (aks-semantics SD-2b, section 9).
//!
//! The words are upstream's; which rule gives which reason is in the files of the rules. What AKS never says has its word all the same:
//! the set is closed, and what is counted or explained by reason knows all of it.

use super::drainability::Block;
use nodelane_model::Key;

/// Why a node is not removed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Unremovable {
    /// Its annotation says that it must not.
    ScaleDownDisabledAnnotation,
    /// It is not ready, and such nodes stay; AKS lets them go.
    ScaleDownUnreadyDisabled,
    /// The autoscaler does not rule its pool, or an operation is at work on it.
    NotAutoscaled,
    /// It has not been of no need for long enough.
    NotUnneededLongEnough,
    /// It has not been unready for long enough.
    NotUnreadyLongEnough,
    /// Its pool is at its minimum.
    NodeGroupMinSizeReached,
    /// As many nodes are on their way out as may be at once.
    NodeGroupMaxDeletionCountReached,
    /// Nodes that may only go together cannot; there are none such on AKS.
    AtomicScaleDownFailed,
    /// The cluster would have too little CPU or memory; AKS sets no such limit.
    MinimalResourceLimitExceeded,
    /// It is on its way out already.
    CurrentlyBeingDeleted,
    /// Too much of it is asked for.
    NotUnderutilized,
    /// It may go, but others go first.
    NotUnneededOtherReason,
    /// It was found a moment ago that it cannot go.
    RecentlyUnremovable,
    /// This pod finds no other place.
    NoPlaceToMovePods {
        /// The pod.
        pod: Key,
    },
    /// This pod keeps it.
    BlockedByPod {
        /// The pod.
        pod: Key,
        /// Why.
        block: Block,
    },
    /// This pod is to end by itself first.
    BlockedByOnCompletionPod {
        /// The pod.
        pod: Key,
    },
    /// Nothing is known of the node.
    NoNodeInfo,
    /// Its share of use cannot be worked out.
    UnexpectedError,
}

impl Unremovable {
    /// cluster-autoscaler's word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Unremovable::ScaleDownDisabledAnnotation => "ScaleDownDisabledAnnotation",
            Unremovable::ScaleDownUnreadyDisabled => "ScaleDownUnreadyDisabled",
            Unremovable::NotAutoscaled => "NotAutoscaled",
            Unremovable::NotUnneededLongEnough => "NotUnneededLongEnough",
            Unremovable::NotUnreadyLongEnough => "NotUnreadyLongEnough",
            Unremovable::NodeGroupMinSizeReached => "NodeGroupMinSizeReached",
            Unremovable::NodeGroupMaxDeletionCountReached => "NodeGroupMaxDeletionCountReached",
            Unremovable::AtomicScaleDownFailed => "AtomicScaleDownFailed",
            Unremovable::MinimalResourceLimitExceeded => "MinimalResourceLimitExceeded",
            Unremovable::CurrentlyBeingDeleted => "CurrentlyBeingDeleted",
            Unremovable::NotUnderutilized => "NotUnderutilized",
            Unremovable::NotUnneededOtherReason => "NotUnneededOtherReason",
            Unremovable::RecentlyUnremovable => "RecentlyUnremovable",
            Unremovable::NoPlaceToMovePods { .. } => "NoPlaceToMovePods",
            Unremovable::BlockedByPod { .. } => "BlockedByPod",
            Unremovable::BlockedByOnCompletionPod { .. } => "BlockedByOnCompletionPod",
            Unremovable::NoNodeInfo => "NoNodeInfo",
            Unremovable::UnexpectedError => "UnexpectedError",
        }
    }
    /// The pod that keeps the node, where it is one.
    pub fn pod(&self) -> Option<&Key> {
        match self {
            Unremovable::NoPlaceToMovePods { pod }
            | Unremovable::BlockedByPod { pod, .. }
            | Unremovable::BlockedByOnCompletionPod { pod } => Some(pod),
            _ => None,
        }
    }
    /// Why that pod keeps it, where the pod is at fault.
    pub fn block(&self) -> Option<Block> {
        match self {
            Unremovable::BlockedByPod { block, .. } => Some(*block),
            _ => None,
        }
    }
}
