//! Whether a pod lets its node go: the rules of cluster-autoscaler, in its order (aks-semantics SD-2).
//!
//! The first rule that decides holds. The verdict is about one pod as the world is at a time; where only time can change it, it says when.
//! Not here: whether the pod finds another place.

use crate::autoscale::profile::{BLOCKING_SYSTEM_POD_MILLIS, Profile};
use nodelane_model::pod::{Phase, Pod};
use nodelane_model::{Doc, Key, Kind, OwnerRef, Time};
use nodelane_world::World;

const SAFE_TO_EVICT: &str = "cluster-autoscaler.kubernetes.io/safe-to-evict";
const SAFE_VOLUMES: &str = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes";
const DAEMON_POD: &str = "cluster-autoscaler.kubernetes.io/daemonset-pod";
const MIRROR: &str = "kubernetes.io/config.mirror";
/// Beyond its grace, a pod on its way out counts for so long (aks-semantics SD-2).
const LONG_TERMINATING_MILLIS: i64 = 30_000;
/// Replicas below which a pod's owner keeps its node (`min-replica-count`, which AKS leaves at 0).
const MIN_REPLICAS: i32 = 0;
const DEFAULT_GRACE_SECONDS: i64 = 30;

/// What is to become of a pod whose node goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It does not count.
    Ignored,
    /// It goes with the node.
    Daemon,
    /// It has to find another place.
    Moves,
    /// It is to end by itself first.
    Waits,
    /// It keeps the node.
    Blocks(Block),
}

/// Why a pod keeps its node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Block {
    /// The owner that it names is gone.
    ControllerNotFound,
    /// Its owner has too few replicas.
    MinReplicasReached,
    /// Nobody who is known to do so would make it anew.
    NotReplicated,
    /// It is a system pod that no budget covers.
    UnmovableKubeSystemPod,
    /// It says that it must not be evicted.
    NotSafeToEvictAnnotation,
    /// It keeps data on the node.
    LocalStorageRequested,
    /// A budget that covers it has no slack.
    NotEnoughPdb,
}

impl Block {
    /// Every reason, in the order of the rules.
    pub const ALL: [Block; 7] = [
        Block::ControllerNotFound,
        Block::MinReplicasReached,
        Block::NotReplicated,
        Block::UnmovableKubeSystemPod,
        Block::NotSafeToEvictAnnotation,
        Block::LocalStorageRequested,
        Block::NotEnoughPdb,
    ];
    /// cluster-autoscaler's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Block::ControllerNotFound => "ControllerNotFound",
            Block::MinReplicasReached => "MinReplicasReached",
            Block::NotReplicated => "NotReplicated",
            Block::UnmovableKubeSystemPod => "UnmovableKubeSystemPod",
            Block::NotSafeToEvictAnnotation => "NotSafeToEvictAnnotation",
            Block::LocalStorageRequested => "LocalStorageRequested",
            Block::NotEnoughPdb => "NotEnoughPdb",
        }
    }
}

/// What is to become of a pod whose node goes now.
pub fn fate(world: &World, profile: &Profile, doc: &Doc, now: Time) -> Fate {
    let Some(pod) = doc.as_pod() else { return Fate::Ignored };
    if is_mirror(doc) || is_long_terminating(doc, pod, now) {
        return Fate::Ignored;
    }
    if let Some(block) = missing_owner(world, doc, MIN_REPLICAS) {
        return Fate::Blocks(block);
    }
    if is_daemon(doc) {
        return Fate::Daemon;
    }
    let says = |value: &str| doc.meta.annotations.get(SAFE_TO_EVICT).is_some_and(|annotation| annotation == value);
    if says("true") || is_terminal(pod) {
        // A pod that has ended takes no place: cluster-autoscaler never sees it.
        return if pod.status.is_terminal() { Fate::Ignored } else { Fate::Moves };
    }
    if says("on-completion") {
        return Fate::Waits;
    }
    match blocks(world, profile, doc, pod, says("false"), now) {
        Some(block) => Fate::Blocks(block),
        None => Fate::Moves,
    }
}

/// The rules that only keep a node.
fn blocks(world: &World, profile: &Profile, doc: &Doc, pod: &Pod, says_no: bool, now: Time) -> Option<Block> {
    let known = |owner: &OwnerRef| matches!(owner.kind.as_str(), "ReplicationController" | "Job" | "ReplicaSet" | "StatefulSet");
    if !doc.meta.controller().is_some_and(known) {
        return Some(Block::NotReplicated);
    }
    let is_system = profile.skip_nodes_with_system_pods && doc.key.namespace == "kube-system";
    if is_system && now <= released_at(doc) && world.budgets_of(doc).next().is_none() {
        return Some(Block::UnmovableKubeSystemPod);
    }
    if says_no {
        return Some(Block::NotSafeToEvictAnnotation);
    }
    if profile.skip_nodes_with_local_storage && has_local_storage(doc, pod) {
        return Some(Block::LocalStorageRequested);
    }
    let spent = |budget: &std::sync::Arc<Doc>| nodelane_workload::budget_status(world, budget).disruptions_allowed < 1;
    world.budgets_of(doc).any(spent).then_some(Block::NotEnoughPdb)
}

/// Until when a system pod without a budget keeps its node.
pub fn released_at(doc: &Doc) -> Time {
    doc.meta.created.plus(BLOCKING_SYSTEM_POD_MILLIS)
}

/// Whether a pod stands for one that a kubelet runs by itself.
pub fn is_mirror(doc: &Doc) -> bool {
    doc.meta.annotations.contains_key(MIRROR)
}

/// Whether a pod belongs to its node rather than to a workload.
pub fn is_daemon(doc: &Doc) -> bool {
    doc.meta.controller().is_some_and(|owner| owner.kind == "DaemonSet")
        || doc.meta.annotations.get(DAEMON_POD).is_some_and(|value| value == "true")
}

/// Whether a pod should have been gone for a while.
pub fn is_long_terminating(doc: &Doc, pod: &Pod, now: Time) -> bool {
    ignored_from(doc, pod).is_some_and(|from| from <= now)
}

/// From when on a pod on its way out does not count any more: its grace and half a minute after the time that it was given.
pub fn ignored_from(doc: &Doc, pod: &Pod) -> Option<Time> {
    let grace_seconds = pod.spec.termination_grace_period_seconds.unwrap_or(DEFAULT_GRACE_SECONDS);
    doc.meta.deleted.map(|deleted| deleted.plus(grace_seconds * 1000 + LONG_TERMINATING_MILLIS + 1))
}

/// Whether a pod will not run again.
fn is_terminal(pod: &Pod) -> bool {
    let policy = pod.spec.restart_policy.as_str();
    pod.status.phase == Phase::Failed || pod.status.phase == Phase::Succeeded && matches!(policy, "Never" | "OnFailure")
}

/// What is wrong with the owner that a pod names, where it is of a kind that is looked up.
fn missing_owner(world: &World, doc: &Doc, min_replicas: i32) -> Option<Block> {
    let owner = doc.meta.controller()?;
    let in_apps = owner.api_version.starts_with("apps/");
    let kind = match owner.kind.as_str() {
        // There are none here, so it cannot be found.
        "ReplicationController" => return Some(Block::ControllerNotFound),
        "DaemonSet" if in_apps => Kind::DaemonSet,
        "Job" => Kind::Job,
        "ReplicaSet" => Kind::ReplicaSet,
        "StatefulSet" if in_apps => Kind::StatefulSet,
        _ => return None,
    };
    let Some(owner) = world.get(&Key::new(kind, doc.key.namespace.clone(), owner.name.clone())) else {
        return Some(Block::ControllerNotFound);
    };
    let replicas = owner.as_replica_set().and_then(|set| set.spec.replicas);
    replicas.is_some_and(|replicas| replicas < min_replicas).then_some(Block::MinReplicasReached)
}

/// Whether a pod keeps data on its node that it does not declare to be of no worth.
fn has_local_storage(doc: &Doc, pod: &Pod) -> bool {
    let declared = doc.meta.annotations.get(SAFE_VOLUMES).map(|names| names.as_str()).unwrap_or_default();
    pod.spec.volumes.iter().any(|volume| {
        let in_memory = |source: &serde_json::Value| source.get("medium").and_then(|medium| medium.as_str()) == Some("Memory");
        let is_local = volume.rest.contains_key("hostPath") || volume.rest.get("emptyDir").is_some_and(|source| !in_memory(source));
        is_local && !declared.split(',').any(|name| name == volume.name)
    })
}

#[cfg(test)]
mod tests;
