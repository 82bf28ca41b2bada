//! Defaults of the workload kinds. They never look at the pods' restart policy of a job: that one must be given, and
//! validation says so.
//!
//! Run on bodies before they are decoded; doing it twice changes nothing (kube-apiserver's own answers are in the tests).
//! Not here: validation.

use super::{Fields, each, field, is_unsaid, put, within};
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
    let bounds = [("maxUnavailable", json!("25%")), ("maxSurge", json!("25%"))];
    within(spec, "strategy", |strategy| rolling_update(strategy, &bounds));
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
    let bounds = [("maxUnavailable", json!(1)), ("maxSurge", json!(0))];
    within(spec, "updateStrategy", |strategy| rolling_update(strategy, &bounds));
}

fn rolling_update(strategy: &mut Fields, bounds: &[(&str, Value)]) {
    put(strategy, "type", "RollingUpdate");
    if super::text(strategy, "type") == "RollingUpdate" {
        within(strategy, "rollingUpdate", |update| {
            for (name, bound) in bounds {
                number(update, name, bound.clone());
            }
        });
    }
}

/// A stateful set's `spec`.
pub fn stateful_set(spec: &mut Fields) {
    super::pod::template(spec);
    put(spec, "podManagementPolicy", "OrderedReady");
    number(spec, "replicas", 1);
    number(spec, "revisionHistoryLimit", 10);
    within(spec, "updateStrategy", |strategy| {
        if super::text(strategy, "type").is_empty() {
            put(strategy, "type", "RollingUpdate");
            within(strategy, "rollingUpdate", |_| {});
        }
        if super::text(strategy, "type") == "RollingUpdate"
            && let Some(update) = field(strategy, "rollingUpdate")
        {
            number(update, "partition", 0);
        }
    });
    within(spec, "persistentVolumeClaimRetentionPolicy", |retention| {
        put(retention, "whenDeleted", "Retain");
        put(retention, "whenScaled", "Retain");
    });
    for claim in each(spec, "volumeClaimTemplates") {
        put(claim, "apiVersion", "v1");
        put(claim, "kind", "PersistentVolumeClaim");
        super::cluster::claim(claim);
    }
}

/// A job. Without labels it takes those of its template.
pub fn job(object: &mut Fields) {
    within(object, "spec", job_spec);
    let labels = object.get("spec").and_then(|spec| spec.pointer("/template/metadata/labels")).cloned();
    within(object, "metadata", |metadata| {
        let has_labels = field(metadata, "labels").is_some_and(|labels| !labels.is_empty());
        if let Some(labels @ Value::Object(_)) = labels.filter(|_| !has_labels) {
            metadata.insert("labels".into(), labels);
        }
    });
}

fn job_spec(spec: &mut Fields) {
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
}

/// A cron job's `spec`. The jobs' own defaults come when a job is made.
pub fn cron_job(spec: &mut Fields) {
    put(spec, "concurrencyPolicy", "Allow");
    number(spec, "suspend", false);
    number(spec, "successfulJobsHistoryLimit", 3);
    number(spec, "failedJobsHistoryLimit", 1);
    within(spec, "jobTemplate", |template| {
        within(template, "spec", |job| {
            super::pod::template(job);
            failure_policy(job);
        });
    });
}

fn failure_policy(spec: &mut Fields) {
    for rule in field(spec, "podFailurePolicy").into_iter().flat_map(|policy| each(policy, "rules")) {
        for pattern in each(rule, "onPodConditions") {
            put(pattern, "status", "True");
        }
    }
}
