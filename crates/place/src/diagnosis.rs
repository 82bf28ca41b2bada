//! Why a pod fits no node, counted, and the one function that words it as kube-scheduler does.
//!
//! The texts of 1.34, 1.35 and 1.36 are the same, so there is no version here. Where room is made for the pod, the text ends with the
//! reasons: kube-scheduler says nothing of its success.

use crate::reason::Reason;
use std::collections::BTreeMap;
use std::fmt::{self, Write};

/// What making room by preemption comes to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Preemption {
    /// It was not reached: the pod was refused before any node was looked at.
    NotReached,
    /// The scheduler is configured without it.
    Off,
    /// The pod's policy is `Never`.
    Never,
    /// Room is being made on the node that it is nominated for.
    Waiting,
    /// Evicting less urgent pods would make room on a node.
    Possible,
    /// It would not, with the reasons by number of nodes.
    Hopeless(BTreeMap<Reason, usize>),
}

/// Why a pod fits no node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnosis {
    /// How many nodes there are.
    pub nodes: usize,
    /// Why the pod was refused before any node was looked at.
    pub before: Option<Reason>,
    /// Reasons by number of nodes.
    pub reasons: BTreeMap<Reason, usize>,
    /// What preemption comes to.
    pub preemption: Preemption,
}

/// Bytes of an event's note that kube-scheduler writes at most (`NoteLengthLimit`).
const NOTE_LIMIT: usize = 1024;

impl Diagnosis {
    /// The full text, as in the condition `PodScheduled`.
    pub fn message(&self) -> String {
        if self.nodes == 0 {
            return "no nodes available to schedule pods".into();
        }
        let mut text = match &self.before {
            Some(reason) => format!("0/{} nodes are available: {reason}.", self.nodes),
            None => histogram(self.nodes, &self.reasons),
        };
        // Dynamic resource allocation is asked about preemption first; where no node was looked at it misses its own state.
        match &self.preemption {
            Preemption::NotReached => text.push_str(" not found"),
            Preemption::Possible => {}
            Preemption::Off => text.push_str(" no new claims to deallocate"),
            Preemption::Never => {
                text.push_str(" no new claims to deallocate, preemption: not eligible due to preemptionPolicy=Never.");
            }
            Preemption::Waiting => {
                text.push_str(" no new claims to deallocate, preemption: not eligible due to a terminating pod on the nominated node.");
            }
            Preemption::Hopeless(reasons) => {
                text.push_str(" no new claims to deallocate, preemption: ");
                text.push_str(&histogram(self.nodes, reasons));
            }
        }
        text
    }
    /// The text of the event `FailedScheduling`: the full one, cut at 1,024 bytes.
    pub fn note(message: &str) -> String {
        const SUFFIX: &str = " ...";
        if message.len() <= NOTE_LIMIT {
            return message.into();
        }
        let end = (0..=NOTE_LIMIT - SUFFIX.len()).rev().find(|end| message.is_char_boundary(*end)).unwrap_or(0);
        format!("{}{SUFFIX}", &message[..end])
    }
}

/// `0/3 nodes are available: 1 Insufficient cpu, 2 …`: counts and reasons sorted as texts, so that `10 x` is before `2 y`.
fn histogram(nodes: usize, reasons: &BTreeMap<Reason, usize>) -> String {
    let mut parts: Vec<String> = reasons.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    parts.sort();
    let mut text = format!("0/{nodes} nodes are available:");
    if !parts.is_empty() {
        let _ = write!(text, " {}.", parts.join(", "));
    }
    text
}

/// A reason in kube-scheduler's words (spec: scheduler-and-autoscaler, "Texts").
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Insufficient(resource) => return write!(f, "Insufficient {resource}"),
            Reason::ClaimMissing(claim) => return write!(f, "persistentvolumeclaim \"{claim}\" not found"),
            Reason::ClaimAwaited(claim) => {
                return write!(f, "waiting for ephemeral volume controller to create the persistentvolumeclaim \"{claim}\"");
            }
            Reason::ClaimLost { claim, volume } => {
                return write!(f, "persistentvolumeclaim \"{claim}\" bound to non-existent persistentvolume \"{volume}\"");
            }
            Reason::ClaimTerminating(claim) => return write!(f, "persistentvolumeclaim \"{claim}\" is being deleted"),
            Reason::ClaimOfAnother { claim, pod } => return write!(f, "PVC {claim} was not created for pod {pod} (pod is not owner)"),
            Reason::VolumeNotFound(volume) => return write!(f, "persistentvolume \"{volume}\" not found"),
            Reason::ClaimsUnbound => "pod has unbound immediate PersistentVolumeClaims",
            Reason::DiskTaken => "node(s) had no available disk",
            Reason::ClaimInUse => {
                "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod"
            }
            Reason::TooManyVolumes => "node(s) exceed max volume count",
            Reason::VolumeElsewhere => "node(s) didn't match PersistentVolume's node affinity",
            Reason::NoVolumeToBind => "node(s) didn't find available persistent volumes to bind",
            Reason::VolumeMissing => "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)",
            Reason::VolumeZone => "node(s) had no available volume zone",
            Reason::DeviceClaims => "pod has resource claims, and devices are not simulated",
            Reason::Unschedulable => "node(s) were unschedulable",
            Reason::OtherNodeNamed => "node(s) didn't match the requested node name",
            Reason::UntoleratedTaint => "node(s) had untolerated taint(s)",
            Reason::NodeAffinity => "node(s) didn't match Pod's node affinity/selector",
            Reason::EnforcedAffinity => "node(s) didn't match scheduler-enforced node affinity",
            Reason::NotAmongNamed => "node(s) didn't satisfy plugin(s) [NodeAffinity]",
            Reason::AffinityConflict => "pod affinity terms conflict",
            Reason::PortsTaken => "node(s) didn't have free ports for the requested pod ports",
            Reason::TooManyPods => "Too many pods",
            Reason::SpreadLabelMissing => "node(s) didn't match pod topology spread constraints (missing required label)",
            Reason::SpreadSkew => "node(s) didn't match pod topology spread constraints",
            Reason::PodAffinity => "node(s) didn't match pod affinity rules",
            Reason::PodAntiAffinity => "node(s) didn't match pod anti-affinity rules",
            Reason::ExistingAntiAffinity => "node(s) didn't satisfy existing pods anti-affinity rules",
            Reason::NoVictims => "No preemption victims found for incoming pod",
            Reason::PreemptionNoHelp => "Preemption is not helpful for scheduling",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagnosis(reasons: &[(Reason, usize)]) -> Diagnosis {
        Diagnosis { nodes: 12, before: None, reasons: reasons.iter().cloned().collect(), preemption: Preemption::Possible }
    }

    #[test]
    fn counts_and_reasons_are_sorted_as_texts() {
        let reasons = [(Reason::Insufficient("cpu".into()), 2), (Reason::UntoleratedTaint, 10)];
        let text = "0/12 nodes are available: 10 node(s) had untolerated taint(s), 2 Insufficient cpu.";
        assert_eq!(diagnosis(&reasons).message(), text);
    }

    #[test]
    fn an_events_note_ends_at_1024_bytes_and_never_within_a_letter() {
        let exact = "x".repeat(1024);
        assert_eq!(Diagnosis::note(&exact), exact);
        let long = Diagnosis::note(&"x".repeat(1025));
        assert_eq!((long.len(), &long[1019..]), (1024, "x ..."));
        assert_eq!(Diagnosis::note(&"é".repeat(600)).len(), 1024);
        assert_eq!(Diagnosis::note(&format!("x{}", "é".repeat(600))).len(), 1023);
    }
}
