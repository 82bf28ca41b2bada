//! Why a node is refused: one closed enum, and the plugin of kube-scheduler that each reason belongs to.
//!
//! A reason says nothing about wording; every text is made in [`crate::diagnosis`]. Whether taking pods away could help is not part of
//! a reason: a node that lacks memory may be too small (it cannot) or merely full (it can), see [`Refusal::resolvable`].

use nodelane_model::Name;

/// The plugins of kube-scheduler's default profile that refuse nodes or pods here, in the order in which they are asked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Plugin {
    /// Cordoned nodes.
    NodeUnschedulable,
    /// The node that the pod names.
    NodeName,
    /// Taints.
    TaintToleration,
    /// Node selector and node affinity.
    NodeAffinity,
    /// Host ports.
    NodePorts,
    /// Resources and the number of pods.
    NodeResourcesFit,
    /// Claims that do not exist, disks and claims for one pod only.
    VolumeRestrictions,
    /// How many volumes a node attaches.
    NodeVolumeLimits,
    /// Claims, and where their volumes can be reached.
    VolumeBinding,
    /// Zones and regions of volumes.
    VolumeZone,
    /// Topology spread.
    PodTopologySpread,
    /// Affinity and anti-affinity between pods.
    InterPodAffinity,
    /// Claims for devices; all are refused.
    DynamicResources,
    /// Making room.
    DefaultPreemption,
}

/// Why a node, or a pod on every node, is refused.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Reason {
    /// The node is cordoned.
    Unschedulable,
    /// The pod names another node.
    OtherNodeNamed,
    /// A taint is not tolerated.
    UntoleratedTaint,
    /// Selector or affinity does not match.
    NodeAffinity,
    /// What the scheduler's configuration wants of nodes does not match.
    EnforcedAffinity,
    /// The pod's affinity names other nodes, so this one was not looked at.
    NotAmongNamed,
    /// The pod's affinity asks for two node names at once.
    AffinityConflict,
    /// A host port is taken.
    PortsTaken,
    /// The node runs as many pods as it may.
    TooManyPods,
    /// There is not enough of a resource.
    Insufficient(Name),
    /// A claim does not exist.
    ClaimMissing(Name),
    /// The claim of a generic ephemeral volume is not made yet.
    ClaimAwaited(Name),
    /// The volume of a claim is gone.
    ClaimLost {
        /// The claim.
        claim: Name,
        /// The volume that it had.
        volume: Name,
    },
    /// A claim is being deleted.
    ClaimTerminating(Name),
    /// The claim under an ephemeral volume's name is not the pod's.
    ClaimOfAnother {
        /// Namespace and name of the claim, with a slash between.
        claim: Name,
        /// The same of the pod.
        pod: Name,
    },
    /// A claim that waits for no pod is not bound.
    ClaimsUnbound,
    /// The volume that a claim names does not exist.
    VolumeNotFound(Name),
    /// A disk of the pod is in use here.
    DiskTaken,
    /// A claim that only one pod may use is in use.
    ClaimInUse,
    /// The node attaches as many volumes as it may.
    TooManyVolumes,
    /// A volume cannot be reached from here.
    VolumeElsewhere,
    /// No volume is free for a claim that waits, and none can be made here.
    NoVolumeToBind,
    /// A claim of an ephemeral volume has a volume that does not exist.
    VolumeMissing,
    /// A volume's zone or region is not the node's.
    VolumeZone,
    /// The pod claims devices dynamically, and they are not known here.
    DeviceClaims,
    /// The node lacks a label that a spread constraint counts by.
    SpreadLabelMissing,
    /// The pod would make the spread too uneven.
    SpreadSkew,
    /// The pods that it wants to be near are not here.
    PodAffinity,
    /// Pods that it wants to be away from are here.
    PodAntiAffinity,
    /// Pods here want to be away from it.
    ExistingAntiAffinity,
    /// Preemption: no pod here is less urgent.
    NoVictims,
    /// Preemption: no pod's leaving would change the verdict.
    PreemptionNoHelp,
}

impl Reason {
    /// The plugin that gives this reason.
    pub fn plugin(&self) -> Plugin {
        match self {
            Reason::Unschedulable => Plugin::NodeUnschedulable,
            Reason::OtherNodeNamed => Plugin::NodeName,
            Reason::UntoleratedTaint => Plugin::TaintToleration,
            Reason::NodeAffinity | Reason::EnforcedAffinity | Reason::NotAmongNamed | Reason::AffinityConflict => Plugin::NodeAffinity,
            Reason::PortsTaken => Plugin::NodePorts,
            Reason::TooManyPods | Reason::Insufficient(_) => Plugin::NodeResourcesFit,
            Reason::ClaimMissing(_) | Reason::DiskTaken | Reason::ClaimInUse => Plugin::VolumeRestrictions,
            Reason::TooManyVolumes => Plugin::NodeVolumeLimits,
            Reason::ClaimAwaited(_) | Reason::ClaimLost { .. } | Reason::ClaimTerminating(_) => Plugin::VolumeBinding,
            Reason::ClaimOfAnother { .. } | Reason::ClaimsUnbound => Plugin::VolumeBinding,
            Reason::VolumeElsewhere | Reason::NoVolumeToBind | Reason::VolumeMissing => Plugin::VolumeBinding,
            Reason::VolumeNotFound(_) | Reason::VolumeZone => Plugin::VolumeZone,
            Reason::DeviceClaims => Plugin::DynamicResources,
            Reason::SpreadLabelMissing | Reason::SpreadSkew => Plugin::PodTopologySpread,
            Reason::PodAffinity | Reason::PodAntiAffinity | Reason::ExistingAntiAffinity => Plugin::InterPodAffinity,
            Reason::NoVictims | Reason::PreemptionNoHelp => Plugin::DefaultPreemption,
        }
    }
}

/// A node's refusal by the first plugin that refuses it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Refusal {
    /// All reasons of that plugin; never empty.
    pub reasons: Vec<Reason>,
    /// Whether taking pods away could help (kube-scheduler's `Unschedulable`, not `UnschedulableAndUnresolvable`).
    pub resolvable: bool,
}

impl Refusal {
    pub(crate) fn lasting(reason: Reason) -> Refusal {
        Refusal { reasons: vec![reason], resolvable: false }
    }
    pub(crate) fn resolvable(reason: Reason) -> Refusal {
        Refusal { reasons: vec![reason], resolvable: true }
    }
    /// The plugin that refused.
    pub fn plugin(&self) -> Plugin {
        self.reasons[0].plugin()
    }
}
