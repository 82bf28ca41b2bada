//! Pods: the one kind whose status column is a story.
//!
//! Order of the story: phase or reason, scheduling gates, init containers until the first that is not done, then the
//! containers from the last to the first, then deletion. Told from the typed document: a page has hundreds of pods.

use super::access::text_or;
use super::{AGE, Column, NAME, human_duration};
use crate::object::read;
use nodelane_model::pod::{Container, ContainerStatus, Phase, Terminated};
use nodelane_model::{Doc, Kind, Name, Pod, Time, codec};
use serde_json::{Value, json};

pub(super) const COLUMNS: &[Column] = &[
    NAME,
    Column::text("Ready", "Containers that are ready, of all."),
    Column::text("Status", "What the pod is doing."),
    Column::text("Restarts", "Restarts of its containers, and the time since the last."),
    AGE,
    Column::wide("IP", "Address of the pod."),
    Column::wide("Node", "Node that it is bound to."),
    Column::wide("Nominated Node", "Node on which preemption makes room for it."),
    Column::wide("Readiness Gates", "Readiness gates that hold, of all."),
];

/// The cells of a pod that is a JSON value; one that is no pod has none but its name.
pub(super) fn cells(object: &Value, now: Time) -> Vec<Value> {
    let mut object = object.clone();
    let read = read::prepare(Kind::Pod, &mut object).ok().and_then(|()| codec::from_value(Kind::Pod, &object).ok());
    let Some(mut cells) = read.and_then(|doc| Some(doc_cells(&doc, doc.as_pod()?, now))) else {
        return vec![super::access::name(&object)];
    };
    // A stored pod always has a phase; a foreign one may have none yet, which is no `Pending`.
    if text_or(&object, "/status/phase", "").is_empty() && cells[2] == "Pending" {
        cells[2] = "".into();
    }
    cells
}

/// The cells of a pod.
pub(super) fn doc_cells(doc: &Doc, pod: &Pod, now: Time) -> Vec<Value> {
    let story = Story::of(doc, pod);
    let restarts = match story.restarts.last {
        Some(last) if story.restarts.count > 0 => {
            format!("{} ({} ago)", story.restarts.count, human_duration(now.since(last)))
        }
        _ => story.restarts.count.to_string(),
    };
    let none = "<none>";
    let age = match doc.meta.created {
        Time(0) => "<unknown>".to_owned(),
        created => human_duration(now.since(created)),
    };
    let address = pod.status.rest.get("podIPs").map_or(none, |addresses| text_or(addresses, "/0/ip", none));
    let nominated = pod.status.nominated_node_name.as_str();
    vec![
        doc.key.name.as_str().into(),
        format!("{}/{}", story.ready, story.containers).into(),
        story.reason.into(),
        restarts.into(),
        age.into(),
        address.into(),
        pod.node.as_ref().map_or(none, Name::as_str).into(),
        if nominated.is_empty() { none } else { nominated }.into(),
        gates(pod).into(),
    ]
}

/// Completed pods carry a row condition.
pub(super) fn conditions(pod: &Value) -> Vec<Value> {
    match super::access::text(pod, "/status/phase") {
        "Succeeded" => phase_conditions(Phase::Succeeded),
        "Failed" => phase_conditions(Phase::Failed),
        _ => Vec::new(),
    }
}

/// The row conditions of a pod in a phase.
pub(super) fn phase_conditions(phase: Phase) -> Vec<Value> {
    let (reason, message) = match phase {
        Phase::Succeeded => ("Succeeded", "The pod has completed successfully."),
        Phase::Failed => ("Failed", "The pod failed."),
        Phase::Pending | Phase::Running | Phase::Unknown => return Vec::new(),
    };
    vec![json!({"type": "Completed", "status": "True", "reason": reason, "message": message})]
}

fn gates(pod: &Pod) -> String {
    let gates = pod.spec.rest.get("readinessGates").and_then(Value::as_array);
    let Some(gates) = gates.filter(|gates| !gates.is_empty()) else { return "<none>".to_owned() };
    let open = gates.iter().filter(|gate| holds(pod, text_or(gate, "/conditionType", "")));
    format!("{}/{}", open.count(), gates.len())
}

fn holds(pod: &Pod, kind: &str) -> bool {
    let condition = pod.status.conditions.iter().find(|condition| condition.kind == kind);
    condition.is_some_and(|condition| condition.status == "True")
}

#[derive(Clone, Copy, Default)]
struct Restarts {
    count: i64,
    last: Option<Time>,
}

impl Restarts {
    fn add(&mut self, status: &ContainerStatus) {
        self.count += i64::from(status.restart_count);
        let ended = status.last_state.terminated.as_ref().map(|end| end.finished_at);
        self.last = self.last.max(ended.filter(|at| *at != Time(0)));
    }
}

struct Story {
    reason: String,
    ready: usize,
    containers: usize,
    restarts: Restarts,
}

impl Story {
    fn of(doc: &Doc, pod: &Pod) -> Story {
        let status = &pod.status;
        let gated = status.conditions.iter().any(|condition| condition.kind == "PodScheduled" && condition.reason == "SchedulingGated");
        let reason = match () {
            () if gated => "SchedulingGated".to_owned(),
            () if !status.reason.is_empty() => status.reason.to_string(),
            () => format!("{:?}", status.phase),
        };
        let containers = pod.spec.containers.len() + sidecars(pod).count();
        let mut story = Story { reason, ready: 0, containers, restarts: Restarts::default() };
        let (initializing, sidecar_restarts) = story.init(pod);
        if !initializing || holds(pod, "Initialized") {
            story.restarts = sidecar_restarts;
            story.main(pod);
        }
        if doc.is_terminating() {
            if status.reason == "NodeLost" {
                story.reason = "Unknown".to_owned();
            } else if !status.is_terminal() {
                story.reason = "Terminating".to_owned();
            }
        }
        story
    }

    /// Walks the init containers. Returns whether one is still at work, and the restarts of the sidecars among those seen.
    fn init(&mut self, pod: &Pod) -> (bool, Restarts) {
        let mut sidecar_restarts = Restarts::default();
        let total = pod.spec.init_containers.len();
        for (index, status) in pod.status.init_container_statuses.iter().enumerate() {
            self.restarts.add(status);
            let sidecar = sidecars(pod).any(|container| container.name == status.name);
            if sidecar {
                sidecar_restarts.add(status);
            }
            let waiting = waiting_reason(status);
            self.reason = match &status.state.terminated {
                Some(end) if end.exit_code == 0 => continue,
                _ if sidecar && status.started => {
                    self.ready += usize::from(status.ready);
                    continue;
                }
                Some(end) => format!("Init:{}", end_reason(end)),
                None if !waiting.is_empty() && waiting != "PodInitializing" => format!("Init:{waiting}"),
                None => format!("Init:{index}/{total}"),
            };
            return (true, sidecar_restarts);
        }
        (false, sidecar_restarts)
    }

    fn main(&mut self, pod: &Pod) {
        let mut running = false;
        let mut error = None;
        for status in pod.status.container_statuses.iter().rev() {
            self.restarts.add(status);
            let waiting = waiting_reason(status);
            if !waiting.is_empty() {
                self.reason = waiting.to_owned();
            } else if let Some(end) = &status.state.terminated {
                self.reason = end_reason(end);
                if end.exit_code != 0 {
                    error = Some(self.reason.clone());
                }
            } else if status.ready && status.state.running.is_some() {
                running = true;
                self.ready += 1;
            }
        }
        // One container that is done does not make the pod done.
        if self.reason == "Completed" {
            if running && holds(pod, "Ready") {
                self.reason = "Running".to_owned();
            } else if let Some(error) = error {
                self.reason = error;
            } else if running {
                self.reason = "NotReady".to_owned();
            }
        }
    }
}

fn waiting_reason(status: &ContainerStatus) -> &str {
    status.state.waiting.as_ref().map_or("", |waiting| waiting.reason.as_str())
}

/// The init containers that keep running.
fn sidecars(pod: &Pod) -> impl Iterator<Item = &Container> {
    pod.spec.init_containers.iter().filter(|init| init.restart_policy.as_deref() == Some("Always"))
}

fn end_reason(end: &Terminated) -> String {
    let signal = end.rest.get("signal").and_then(Value::as_i64).unwrap_or_default();
    match (end.reason.as_str(), signal) {
        ("", 0) => format!("ExitCode:{}", end.exit_code),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}
