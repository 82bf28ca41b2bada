//! Pods: the one kind whose status column is a story.
//!
//! Order of the story: phase or reason, scheduling gates, init containers until the first that is not done, then the
//! containers from the last to the first, then deletion.

use super::access::{age, boolean, holds, integer, is_deleting, list, name, text, text_or};
use super::{AGE, Column, NAME, human_duration};
use nodelane_model::Time;
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

pub(super) fn cells(pod: &Value, now: Time) -> Vec<Value> {
    let story = Story::of(pod);
    let restarts = match story.restarts.last {
        Some(last) if story.restarts.count > 0 => {
            format!("{} ({} ago)", story.restarts.count, human_duration(now.since(last)))
        }
        _ => story.restarts.count.to_string(),
    };
    let none = "<none>";
    vec![
        name(pod),
        format!("{}/{}", story.ready, story.containers).into(),
        story.reason.into(),
        restarts.into(),
        age(pod, now),
        text_or(pod, "/status/podIPs/0/ip", none).into(),
        text_or(pod, "/spec/nodeName", none).into(),
        text_or(pod, "/status/nominatedNodeName", none).into(),
        gates(pod).into(),
    ]
}

/// Completed pods carry a row condition.
pub(super) fn conditions(pod: &Value) -> Vec<Value> {
    let (reason, message) = match text(pod, "/status/phase") {
        "Succeeded" => ("Succeeded", "The pod has completed successfully."),
        "Failed" => ("Failed", "The pod failed."),
        _ => return Vec::new(),
    };
    vec![json!({"type": "Completed", "status": "True", "reason": reason, "message": message})]
}

fn gates(pod: &Value) -> String {
    let gates = list(pod, "/spec/readinessGates");
    if gates.is_empty() {
        return "<none>".to_owned();
    }
    let open = gates
        .iter()
        .filter(|gate| holds(pod, text(gate, "/conditionType")))
        .count();
    format!("{open}/{}", gates.len())
}

#[derive(Clone, Copy, Default)]
struct Restarts {
    count: i64,
    last: Option<Time>,
}

impl Restarts {
    fn add(&mut self, status: &Value) {
        self.count += integer(status, "/restartCount");
        self.last = self
            .last
            .max(Time::parse(text(status, "/lastState/terminated/finishedAt")));
    }
}

struct Story {
    reason: String,
    ready: usize,
    containers: usize,
    restarts: Restarts,
}

impl Story {
    fn of(pod: &Value) -> Story {
        let gated = list(pod, "/status/conditions").iter().any(|condition| {
            text(condition, "/type") == "PodScheduled" && text(condition, "/reason") == "SchedulingGated"
        });
        let phase = text(pod, "/status/phase");
        let mut story = Story {
            reason: if gated {
                "SchedulingGated"
            } else {
                text_or(pod, "/status/reason", phase)
            }
            .to_owned(),
            ready: 0,
            containers: list(pod, "/spec/containers").len() + sidecars(pod).count(),
            restarts: Restarts::default(),
        };
        let (initializing, sidecar_restarts) = story.init(pod);
        if !initializing || holds(pod, "Initialized") {
            story.restarts = sidecar_restarts;
            story.main(pod);
        }
        if is_deleting(pod) {
            if text(pod, "/status/reason") == "NodeLost" {
                story.reason = "Unknown".to_owned();
            } else if !matches!(phase, "Succeeded" | "Failed") {
                story.reason = "Terminating".to_owned();
            }
        }
        story
    }

    /// Walks the init containers. Returns whether one is still at work, and the restarts of the sidecars among those seen.
    fn init(&mut self, pod: &Value) -> (bool, Restarts) {
        let mut sidecar_restarts = Restarts::default();
        let total = list(pod, "/spec/initContainers").len();
        for (index, status) in list(pod, "/status/initContainerStatuses").iter().enumerate() {
            self.restarts.add(status);
            let sidecar = sidecars(pod).any(|name| name == text(status, "/name"));
            if sidecar {
                sidecar_restarts.add(status);
            }
            let terminated = status.pointer("/state/terminated");
            let waiting = text(status, "/state/waiting/reason");
            self.reason = match terminated {
                Some(end) if integer(end, "/exitCode") == 0 => continue,
                _ if sidecar && boolean(status, "/started") => {
                    self.ready += usize::from(boolean(status, "/ready"));
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

    fn main(&mut self, pod: &Value) {
        let mut running = false;
        let mut error = None;
        for status in list(pod, "/status/containerStatuses").iter().rev() {
            self.restarts.add(status);
            let waiting = text(status, "/state/waiting/reason");
            if !waiting.is_empty() {
                self.reason = waiting.to_owned();
            } else if let Some(end) = status.pointer("/state/terminated") {
                self.reason = end_reason(end);
                if integer(end, "/exitCode") != 0 {
                    error = Some(self.reason.clone());
                }
            } else if boolean(status, "/ready") && status.pointer("/state/running").is_some() {
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

/// Names of the init containers that keep running.
fn sidecars(pod: &Value) -> impl Iterator<Item = &str> {
    let inits = list(pod, "/spec/initContainers").iter();
    inits
        .filter(|init| text(init, "/restartPolicy") == "Always")
        .map(|init| text(init, "/name"))
}

fn end_reason(end: &Value) -> String {
    match (text(end, "/reason"), integer(end, "/signal")) {
        ("", 0) => format!("ExitCode:{}", integer(end, "/exitCode")),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}
