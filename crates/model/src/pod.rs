//! Pods: what they ask for, where they are, how they fare.
//!
//! The specification is shared between the pods of one template; what differs per pod (the node, the status) is beside it. Properties
//! that nothing here decides on stay in `rest` and come back unchanged.

use crate::meta::is_false;
use crate::quantity::Resources;
use crate::selector::{Requirement, Selector};
use crate::{Labels, Name, Rest, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Priority classes that every cluster has, with their values; only these may begin with `system-`.
pub const SYSTEM_CLASSES: [(&str, i32); 2] = [("system-cluster-critical", 2_000_000_000), ("system-node-critical", 2_000_001_000)];

/// A pod.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Pod {
    /// What was asked for; without the node.
    pub spec: Arc<PodSpec>,
    /// The node it is bound to.
    pub node: Option<Name>,
    /// How it fares.
    pub status: PodStatus,
}

/// A template that pods are stamped from.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct PodTemplate {
    /// Labels of the pods.
    pub labels: Labels,
    /// Annotations of the pods.
    pub annotations: Labels,
    /// Specification of the pods.
    pub spec: Arc<PodSpec>,
}

#[derive(Serialize, Deserialize)]
struct TemplateShape {
    #[serde(default)]
    metadata: TemplateMeta,
    #[serde(default)]
    spec: Arc<PodSpec>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct TemplateMeta {
    #[serde(default, skip_serializing_if = "no_labels")]
    labels: Labels,
    #[serde(default, skip_serializing_if = "no_labels")]
    annotations: Labels,
}

fn no_labels(labels: &Labels) -> bool {
    labels.is_empty()
}

impl Serialize for PodTemplate {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let metadata = TemplateMeta { labels: self.labels.clone(), annotations: self.annotations.clone() };
        TemplateShape { metadata, spec: self.spec.clone() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PodTemplate {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<PodTemplate, D::Error> {
        let TemplateShape { metadata, spec } = TemplateShape::deserialize(deserializer)?;
        Ok(PodTemplate { labels: metadata.labels, annotations: metadata.annotations, spec })
    }
}

/// What a pod asks for.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodSpec {
    /// Containers that run at the same time.
    pub containers: Vec<Container>,
    /// Containers that run before; with `restartPolicy: Always` a sidecar.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub init_containers: Vec<Container>,
    /// Labels that the node must have.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<Name, Name>,
    /// Node, pod and anti-affinity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Affinity>,
    /// Taints that it puts up with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tolerations: Vec<Toleration>,
    /// How evenly its kind is spread.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub topology_spread_constraints: Vec<SpreadConstraint>,
    /// Priority; resolved from the class on admission.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// Name of the priority class.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub priority_class_name: Name,
    /// `PreemptLowerPriority` or `Never`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preemption_policy: Option<Name>,
    /// `Always`, `OnFailure` or `Never`.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub restart_policy: Name,
    /// Seconds between SIGTERM and SIGKILL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub termination_grace_period_seconds: Option<i64>,
    /// Seconds after which an active pod is failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_deadline_seconds: Option<i64>,
    /// Who schedules it.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub scheduler_name: Name,
    /// Names of gates that keep it from being scheduled.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scheduling_gates: Vec<Gate>,
    /// What running it costs beyond its containers.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub overhead: Resources,
    /// Requests and limits of the pod as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<ContainerResources>,
    /// Whether it uses the node's network, so that container ports are host ports.
    #[serde(skip_serializing_if = "is_false")]
    pub host_network: bool,
    /// Volumes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Volume>,
    /// The operating system it says it needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os: Option<PodOs>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// A scheduling gate.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Gate {
    /// The gate's name.
    pub name: Name,
}

/// The operating system that a pod is for.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PodOs {
    /// `linux` or `windows`.
    pub name: Name,
}

/// One container.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Container {
    /// The container's name.
    pub name: Name,
    /// Its image.
    pub image: Name,
    /// Entry point.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<Name>,
    /// Arguments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<Name>,
    /// Requests and limits.
    pub resources: ContainerResources,
    /// Ports.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<ContainerPort>,
    /// `Always` on an init container makes it a sidecar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart_policy: Option<Name>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// Requests and limits.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerResources {
    /// What is set aside.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub requests: Resources,
    /// What may not be exceeded.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: Resources,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// A port of a container.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerPort {
    /// Port inside.
    pub container_port: i32,
    /// Port on the node; 0 for none.
    #[serde(skip_serializing_if = "is_zero")]
    pub host_port: i32,
    /// Address on the node.
    #[serde(rename = "hostIP", skip_serializing_if = "Name::is_empty")]
    pub host_ip: Name,
    /// `TCP`, `UDP` or `SCTP`.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub protocol: Name,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

fn is_zero(value: &i32) -> bool {
    *value == 0
}

/// A volume; its source is in `rest` under its own name.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Volume {
    /// The volume's name.
    pub name: Name,
    /// The source.
    #[serde(flatten)]
    pub rest: Rest,
}

/// A taint that a pod puts up with.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Toleration {
    /// Key; empty matches all.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub key: Name,
    /// `Equal` (when empty) or `Exists`.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub operator: Name,
    /// Value.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub value: Name,
    /// Effect; empty matches all.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub effect: Name,
    /// For how long a NoExecute taint is tolerated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub toleration_seconds: Option<i64>,
}

impl Toleration {
    /// Whether it tolerates a taint.
    pub fn tolerates(&self, taint: &crate::node::Taint) -> bool {
        (self.effect.is_empty() || self.effect == taint.effect)
            && (self.key.is_empty() || self.key == taint.key)
            && match self.operator.as_str() {
                "Exists" => true,
                "" | "Equal" => !self.key.is_empty() && self.value == taint.value,
                _ => false,
            }
    }
}

/// Affinity of a pod.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Affinity {
    /// Which nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_affinity: Option<NodeAffinity>,
    /// Near which pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_affinity: Option<PodAffinity>,
    /// Away from which pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_anti_affinity: Option<PodAffinity>,
}

/// Which nodes a pod wants.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeAffinity {
    /// Terms of which one must hold.
    #[serde(rename = "requiredDuringSchedulingIgnoredDuringExecution", skip_serializing_if = "Option::is_none")]
    pub required: Option<NodeSelector>,
    /// Terms that add to a node's score.
    #[serde(rename = "preferredDuringSchedulingIgnoredDuringExecution", skip_serializing_if = "Vec::is_empty")]
    pub preferred: Vec<PreferredNode>,
}

/// Terms of which one must hold.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeSelector {
    /// The terms.
    pub node_selector_terms: Vec<NodeTerm>,
}

/// Requirements on a node; all must hold, and an empty term holds for none.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeTerm {
    /// On labels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub match_expressions: Vec<Requirement>,
    /// On fields; only `metadata.name`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub match_fields: Vec<Requirement>,
}

/// A wish for a node.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PreferredNode {
    /// 1 to 100.
    pub weight: i32,
    /// The wish.
    pub preference: NodeTerm,
}

/// Nearness to other pods.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PodAffinity {
    /// Terms that must all hold.
    #[serde(rename = "requiredDuringSchedulingIgnoredDuringExecution", skip_serializing_if = "Vec::is_empty")]
    pub required: Vec<PodTerm>,
    /// Terms that add to a node's score.
    #[serde(rename = "preferredDuringSchedulingIgnoredDuringExecution", skip_serializing_if = "Vec::is_empty")]
    pub preferred: Vec<PreferredPod>,
}

/// Which pods, and in which domain.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodTerm {
    /// The pods; absent matches none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_selector: Option<Selector>,
    /// Namespaces by name; with no selector and no names the pod's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<Name>,
    /// Namespaces by label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace_selector: Option<Selector>,
    /// The node label whose values are the domains.
    pub topology_key: Name,
    /// Keys whose values the incoming pod's labels give.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub match_label_keys: Vec<Name>,
    /// Keys whose values must differ from the incoming pod's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mismatch_label_keys: Vec<Name>,
}

/// A wish for nearness.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PreferredPod {
    /// 1 to 100.
    pub weight: i32,
    /// The wish.
    pub pod_affinity_term: PodTerm,
}

/// How evenly pods are spread over domains.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SpreadConstraint {
    /// The largest allowed difference.
    pub max_skew: i32,
    /// The node label whose values are the domains.
    pub topology_key: Name,
    /// `DoNotSchedule` or `ScheduleAnyway`.
    pub when_unsatisfiable: Name,
    /// Which pods count; absent counts none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_selector: Option<Selector>,
    /// How many domains there must be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_domains: Option<i32>,
    /// `Honor` (when absent) or `Ignore`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_affinity_policy: Option<Name>,
    /// `Honor` or `Ignore` (when absent).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_taints_policy: Option<Name>,
    /// Keys whose values the incoming pod's labels give.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub match_label_keys: Vec<Name>,
}

/// Where a pod is in its life.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub enum Phase {
    /// Not yet running.
    #[default]
    Pending,
    /// At least one container runs.
    Running,
    /// All containers ended well.
    Succeeded,
    /// All containers ended, one badly.
    Failed,
    /// The kubelet cannot be asked.
    Unknown,
}

/// How a pod fares.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodStatus {
    /// Where it is in its life.
    pub phase: Phase,
    /// Conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Address of the node.
    #[serde(rename = "hostIP", skip_serializing_if = "Name::is_empty")]
    pub host_ip: Name,
    /// Address of the pod.
    #[serde(rename = "podIP", skip_serializing_if = "Name::is_empty")]
    pub pod_ip: Name,
    /// When the kubelet took it up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// Its containers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub container_statuses: Vec<ContainerStatus>,
    /// Its init containers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub init_container_statuses: Vec<ContainerStatus>,
    /// Where room is being made for it.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub nominated_node_name: Name,
    /// `Guaranteed`, `Burstable` or `BestEffort`.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub qos_class: Name,
    /// A word for why it is in this phase.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub reason: Name,
    /// A sentence for why it is in this phase.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub message: Name,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

impl PodStatus {
    /// Whether the condition `Ready` is true.
    pub fn is_ready(&self) -> bool {
        self.conditions.iter().any(|c| c.kind == "Ready" && c.status == "True")
    }
    /// Whether it has ended and will not run again.
    pub fn is_terminal(&self) -> bool {
        matches!(self.phase, Phase::Succeeded | Phase::Failed)
    }
}

/// One aspect of an object's state.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Condition {
    /// Which aspect.
    #[serde(rename = "type")]
    pub kind: Name,
    /// `True`, `False` or `Unknown`.
    pub status: Name,
    /// When the status last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<Time>,
    /// When it was last updated (deployments).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_update_time: Option<Time>,
    /// A word for why.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub reason: Name,
    /// A sentence for why.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub message: Name,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

impl Condition {
    /// A condition that changed at `at`.
    pub fn new(kind: &str, status: bool, at: Time) -> Condition {
        let status = if status { "True" } else { "False" };
        Condition { kind: kind.into(), status: status.into(), last_transition_time: Some(at.whole_seconds()), ..Condition::default() }
    }
    /// The same with a reason and a message.
    pub fn because(self, reason: &str, message: &str) -> Condition {
        Condition { reason: reason.into(), message: message.into(), ..self }
    }
    /// Puts it in the place of the one of its kind; the time moves only with the status.
    pub fn set_in(mut self, conditions: &mut Vec<Condition>) {
        match conditions.iter_mut().find(|old| old.kind == self.kind) {
            Some(old) => {
                if old.status == self.status {
                    self.last_transition_time = old.last_transition_time;
                }
                *old = self;
            }
            None => conditions.push(self),
        }
    }
}

/// How one container fares.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerStatus {
    /// The container's name.
    pub name: Name,
    /// Whether it is ready.
    pub ready: bool,
    /// How often it was restarted.
    pub restart_count: i32,
    /// Whether it has started.
    pub started: bool,
    /// Its image.
    pub image: Name,
    /// Its image's id.
    #[serde(rename = "imageID")]
    pub image_id: Name,
    /// Its id.
    #[serde(rename = "containerID", skip_serializing_if = "Name::is_empty")]
    pub container_id: Name,
    /// Waiting, running or terminated.
    pub state: ContainerState,
    /// How the last run ended.
    #[serde(skip_serializing_if = "ContainerState::is_empty")]
    pub last_state: ContainerState,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// Waiting, running or terminated: at most one is set.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerState {
    /// Not yet running.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// Runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running: Option<Running>,
    /// Has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terminated: Option<Terminated>,
}

impl ContainerState {
    fn is_empty(&self) -> bool {
        self.waiting.is_none() && self.running.is_none() && self.terminated.is_none()
    }
}

/// A container that waits.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Waiting {
    /// A word for why.
    pub reason: Name,
    /// A sentence for why.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub message: Name,
}

/// A container that runs.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Running {
    /// Since when.
    pub started_at: Time,
}

/// A container that has ended.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Terminated {
    /// Exit code.
    pub exit_code: i32,
    /// A word for why.
    pub reason: Name,
    /// From when.
    pub started_at: Time,
    /// Until when.
    pub finished_at: Time,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}
