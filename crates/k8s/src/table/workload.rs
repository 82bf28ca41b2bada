//! Deployments, ReplicaSets, StatefulSets, DaemonSets, Jobs, CronJobs.
//!
//! Invariant: counts come from `status` alone, as the controllers wrote them; nothing is counted here. Selectors print in the
//! notation of `labelSelector`, so that they can be pasted into `kubectl get -l`.

use super::access::{age, boolean, holds, integer, is_deleting, joined, labels, list, name, since, text, text_or};
use super::{AGE, Column, NAME, human_duration};
use crate::selector::LabelSelector;
use nodelane_model::Time;
use serde_json::Value;

const CONTAINERS: Column = Column::wide("Containers", "Names of the template's containers.");
const IMAGES: Column = Column::wide("Images", "Images of the template's containers.");
const SELECTOR: Column = Column::wide("Selector", "Labels of the pods that belong to it.");
const DESIRED: Column = Column::integer("Desired", "Pods that should be.");
const CURRENT: Column = Column::integer("Current", "Pods that are.");
const READY: Column = Column::integer("Ready", "Pods that are ready.");
const READY_OF: Column = Column::text("Ready", "Pods that are ready, of those desired.");

pub(super) const DEPLOYMENT: &[Column] = &[
    NAME,
    READY_OF,
    Column::text("Up-to-date", "Pods of the newest template."),
    Column::text("Available", "Pods that have been ready long enough."),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
];

pub(super) fn deployment(object: &Value, now: Time) -> Vec<Value> {
    let selector = selector(object, "/spec/selector").unwrap_or_else(|| "<invalid>".to_owned());
    let mut cells = vec![
        name(object),
        format!("{}/{}", integer(object, "/status/readyReplicas"), replicas(object)).into(),
        integer(object, "/status/updatedReplicas").into(),
        integer(object, "/status/availableReplicas").into(),
        age(object, now),
    ];
    cells.extend(containers(object, "/spec/template/spec/containers"));
    cells.push(selector.into());
    cells
}

pub(super) const REPLICA_SET: &[Column] = &[NAME, DESIRED, CURRENT, READY, AGE, CONTAINERS, IMAGES, SELECTOR];

pub(super) fn replica_set(object: &Value, now: Time) -> Vec<Value> {
    let mut cells = vec![
        name(object),
        replicas(object).into(),
        integer(object, "/status/replicas").into(),
        integer(object, "/status/readyReplicas").into(),
        age(object, now),
    ];
    cells.extend(containers(object, "/spec/template/spec/containers"));
    cells.push(selector_cell(object, "/spec/selector"));
    cells
}

pub(super) const STATEFUL_SET: &[Column] = &[NAME, READY_OF, AGE, CONTAINERS, IMAGES];

pub(super) fn stateful_set(object: &Value, now: Time) -> Vec<Value> {
    let ready = format!("{}/{}", integer(object, "/status/readyReplicas"), replicas(object));
    let mut cells = vec![name(object), ready.into(), age(object, now)];
    cells.extend(containers(object, "/spec/template/spec/containers"));
    cells
}

pub(super) const DAEMON_SET: &[Column] = &[
    NAME,
    DESIRED,
    CURRENT,
    READY,
    Column::integer("Up-to-date", "Pods of the newest template."),
    Column::integer("Available", "Pods that have been ready long enough."),
    Column::text("Node Selector", "Labels of the nodes that get a pod."),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
];

pub(super) fn daemon_set(object: &Value, now: Time) -> Vec<Value> {
    let count = |field: &str| Value::from(integer(object, &format!("/status/{field}")));
    let mut cells = vec![
        name(object),
        count("desiredNumberScheduled"),
        count("currentNumberScheduled"),
        count("numberReady"),
        count("updatedNumberScheduled"),
        count("numberAvailable"),
        labels(object, "/spec/template/spec/nodeSelector").into(),
        age(object, now),
    ];
    cells.extend(containers(object, "/spec/template/spec/containers"));
    cells.push(selector_cell(object, "/spec/selector"));
    cells
}

pub(super) const JOB: &[Column] = &[
    NAME,
    Column::text("Status", "How far the job is."),
    Column::text("Completions", "Pods that succeeded, of those wanted."),
    Column::text("Duration", "Time that the job took or has taken."),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
];

pub(super) fn job(object: &Value, now: Time) -> Vec<Value> {
    let succeeded = integer(object, "/status/succeeded");
    let completions = match (object.pointer("/spec/completions"), integer(object, "/spec/parallelism")) {
        (Some(wanted), _) if wanted.is_i64() => format!("{succeeded}/{wanted}"),
        (_, parallelism) if parallelism > 1 => format!("{succeeded}/1 of {parallelism}"),
        _ => format!("{succeeded}/1"),
    };
    let time = |field: &str| Time::parse(text(object, &format!("/status/{field}")));
    let duration = match (time("startTime"), time("completionTime")) {
        (None, _) => String::new(),
        (Some(start), end) => human_duration(end.unwrap_or(now).since(start)),
    };
    let mut cells = vec![name(object), job_status(object).into(), completions.into(), duration.into(), age(object, now)];
    cells.extend(containers(object, "/spec/template/spec/containers"));
    cells.push(selector_cell(object, "/spec/selector"));
    cells
}

fn job_status(job: &Value) -> &'static str {
    match () {
        () if holds(job, "Complete") => "Complete",
        () if holds(job, "Failed") => "Failed",
        () if is_deleting(job) => "Terminating",
        () if holds(job, "Suspended") => "Suspended",
        () if holds(job, "FailureTarget") => "FailureTarget",
        () if holds(job, "SuccessCriteriaMet") => "SuccessCriteriaMet",
        () => "Running",
    }
}

pub(super) const CRON_JOB: &[Column] = &[
    NAME,
    Column::text("Schedule", "When jobs start, in cron's notation."),
    Column::text("Timezone", "Time zone of the schedule."),
    Column::boolean("Suspend", "Whether no further jobs start."),
    Column::integer("Active", "Jobs that run."),
    Column::text("Last Schedule", "Time since the last job started."),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
];

pub(super) fn cron_job(object: &Value, now: Time) -> Vec<Value> {
    let last = match text(object, "/status/lastScheduleTime") {
        "" => "<none>".to_owned(),
        _ => since(object, "/status/lastScheduleTime", now),
    };
    let mut cells = vec![
        name(object),
        text(object, "/spec/schedule").into(),
        text_or(object, "/spec/timeZone", "<none>").into(),
        if boolean(object, "/spec/suspend") { "True" } else { "False" }.into(),
        list(object, "/status/active").len().into(),
        last.into(),
        age(object, now),
    ];
    cells.extend(containers(object, "/spec/jobTemplate/spec/template/spec/containers"));
    cells.push(selector_cell(object, "/spec/jobTemplate/spec/selector"));
    cells
}

/// Desired pods; the API's default is one.
fn replicas(object: &Value) -> i64 {
    object.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1)
}

fn containers(object: &Value, pointer: &str) -> [Value; 2] {
    ["/name", "/image"].map(|field| joined(list(object, pointer).iter().map(|item| text(item, field))).into())
}

/// The selector's text; `None` when it cannot be read.
fn selector(object: &Value, pointer: &str) -> Option<String> {
    let spec = object.pointer(pointer)?;
    LabelSelector::from_spec(spec).ok().map(|selector| selector.to_string())
}

fn selector_cell(object: &Value, pointer: &str) -> Value {
    match object.pointer(pointer) {
        None => "<none>".into(),
        Some(_) => match selector(object, pointer) {
            None => "<error>".into(),
            Some(text) if text.is_empty() => "<none>".into(),
            Some(text) => text.into(),
        },
    }
}
