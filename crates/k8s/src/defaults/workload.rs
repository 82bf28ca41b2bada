//! Defaults of the workload kinds. They never look at the pods' restart policy of a job: that one must be given, and
//! validation says so.

use super::{Fields, each, field, inner, is_unsaid, put, spec};
use serde_json::{Value, json};

fn number(fields: &mut Fields, name: &str, value: impl Into<Value>) {
    if is_unsaid(fields, name) {
        fields.insert(name.to_owned(), value.into());
    }
}

/// A deployment's `spec`.
pub fn deployment(spec: &mut Fields) {
    super::pod::template(spec);
    number(spec, "replicas", 1);
    number(spec, "revisionHistoryLimit", 10);
    number(spec, "progressDeadlineSeconds", 600);
    rolling_update(inner(spec, "strategy"), &[("maxUnavailable", json!("25%")), ("maxSurge", json!("25%"))]);
}

/// A replica set's `spec`.
pub fn replica_set(spec: &mut Fields) {
    super::pod::template(spec);
    number(spec, "replicas", 1);
}

/// A daemon set's `spec`.
pub fn daemon_set(spec: &mut Fields) {
    super::pod::template(spec);
    number(spec, "revisionHistoryLimit", 10);
    rolling_update(inner(spec, "updateStrategy"), &[("maxUnavailable", json!(1)), ("maxSurge", json!(0))]);
}

fn rolling_update(strategy: &mut Fields, bounds: &[(&str, Value)]) {
    put(strategy, "type", "RollingUpdate");
    if super::text(strategy, "type") == "RollingUpdate" {
        let update = inner(strategy, "rollingUpdate");
        for (name, bound) in bounds {
            number(update, name, bound.clone());
        }
    }
}

/// A stateful set's `spec`.
pub fn stateful_set(spec: &mut Fields) {
    super::pod::template(spec);
    put(spec, "podManagementPolicy", "OrderedReady");
    number(spec, "replicas", 1);
    number(spec, "revisionHistoryLimit", 10);
    let strategy = inner(spec, "updateStrategy");
    if super::text(strategy, "type").is_empty() {
        put(strategy, "type", "RollingUpdate");
        inner(strategy, "rollingUpdate");
    }
    if super::text(strategy, "type") == "RollingUpdate"
        && let Some(update) = field(strategy, "rollingUpdate")
    {
        number(update, "partition", 0);
    }
    let retention = inner(spec, "persistentVolumeClaimRetentionPolicy");
    put(retention, "whenDeleted", "Retain");
    put(retention, "whenScaled", "Retain");
    for claim in each(spec, "volumeClaimTemplates") {
        put(claim, "apiVersion", "v1");
        put(claim, "kind", "PersistentVolumeClaim");
        super::cluster::claim(claim);
    }
}

/// A job. Without labels it takes those of its template.
pub fn job(object: &mut Fields) {
    let spec = spec(object);
    super::pod::template(spec);
    if is_unsaid(spec, "completions") && is_unsaid(spec, "parallelism") {
        number(spec, "completions", 1);
    }
    number(spec, "parallelism", 1);
    let per_index = !is_unsaid(spec, "backoffLimitPerIndex");
    number(spec, "backoffLimit", if per_index { i32::MAX } else { 6 });
    number(spec, "completionMode", "NonIndexed");
    number(spec, "suspend", false);
    number(spec, "manualSelector", false);
    let by_policy = !is_unsaid(spec, "podFailurePolicy");
    number(spec, "podReplacementPolicy", if by_policy { "Failed" } else { "TerminatingOrFailed" });
    failure_policy(spec);
    let labels = spec.get("template").and_then(|template| template.pointer("/metadata/labels")).cloned();
    let metadata = inner(object, "metadata");
    let has_labels = field(metadata, "labels").is_some_and(|labels| !labels.is_empty());
    if let Some(labels @ Value::Object(_)) = labels.filter(|_| !has_labels) {
        metadata.insert("labels".into(), labels);
    }
}

/// A cron job's `spec`. The jobs' own defaults come when a job is made.
pub fn cron_job(spec: &mut Fields) {
    put(spec, "concurrencyPolicy", "Allow");
    number(spec, "suspend", false);
    number(spec, "successfulJobsHistoryLimit", 3);
    number(spec, "failedJobsHistoryLimit", 1);
    let job = inner(inner(spec, "jobTemplate"), "spec");
    super::pod::template(job);
    failure_policy(job);
}

fn failure_policy(spec: &mut Fields) {
    for rule in field(spec, "podFailurePolicy").into_iter().flat_map(|policy| each(policy, "rules")) {
        for pattern in each(rule, "onPodConditions") {
            put(pattern, "status", "True");
        }
    }
}
