//! Deployments, replica sets, stateful sets and daemon sets.
//!
//! One kind of complaint a function, in kube-apiserver's words and order (its own answers are in the tests).
//! Not here: defaults, and anything that needs another object.

use super::bound::{at_most_all, count_or_percent, number};
use super::selector::{is_usable, matches, selector};
use super::{At, Errors, pod};
use crate::status::FieldError;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const MISMATCH: &str = "`selector` does not match template `labels`";

/// A deployment's `spec`.
pub fn deployment(spec: &At, errors: &mut Errors) {
    spec.get("replicas").not_negative(errors);
    own_selector(spec, "deployment", "invalid label selector", errors);
    template(spec, "ReplicaSet", &BTreeSet::new(), errors);
    let strategy = spec.get("strategy");
    let update = strategy.get("rollingUpdate");
    match strategy.get("type").text() {
        "Recreate" if update.is_set() => {
            errors.push(update.forbidden("may not be specified when strategy `type` is 'Recreate'"));
        }
        "Recreate" => {}
        "RollingUpdate" => {
            let (most_missing, most_extra) = (update.get("maxUnavailable"), update.get("maxSurge"));
            count_or_percent(&most_missing, errors);
            count_or_percent(&most_extra, errors);
            if number(&most_missing) == 0 && number(&most_extra) == 0 {
                errors.push(most_missing.invalid("may not be 0 when `maxSurge` is 0"));
            }
            at_most_all(&most_missing, errors);
        }
        _ => errors.push(FieldError::not_supported(&strategy.path, shown_strategy(&strategy), &["Recreate", "RollingUpdate"])),
    }
    spec.get("minReadySeconds").not_negative(errors);
    spec.get("revisionHistoryLimit").not_negative(errors);
    let (deadline, ready) = (spec.get("progressDeadlineSeconds"), spec.get("minReadySeconds"));
    deadline.not_negative(errors);
    if deadline.int().is_some_and(|seconds| seconds <= ready.int().unwrap_or_default()) {
        errors.push(deadline.invalid("must be greater than minReadySeconds"));
    }
}

/// A replica set's `spec`. Upstream's words speak of a deployment here too.
pub fn replica_set(spec: &At, errors: &mut Errors) {
    spec.get("replicas").not_negative(errors);
    spec.get("minReadySeconds").not_negative(errors);
    own_selector(spec, "deployment", "invalid label selector", errors);
    template(spec, "ReplicaSet", &BTreeSet::new(), errors);
}

/// A stateful set's `spec`; claims and the service's name are looked at once, because they never change.
pub fn stateful_set(spec: &At, is_new: bool, errors: &mut Errors) {
    let management = spec.get("podManagementPolicy");
    if !matches!(management.text(), "OrderedReady" | "Parallel") {
        errors.push(management.invalid("must be 'OrderedReady' or 'Parallel'"));
    }
    let strategy = spec.get("updateStrategy");
    let update = strategy.get("rollingUpdate");
    match strategy.get("type").text() {
        "OnDelete" if update.is_set() => errors.push(update.invalid("only allowed for updateStrategy 'RollingUpdate'")),
        "OnDelete" => {}
        "RollingUpdate" => {
            update.get("partition").not_negative(errors);
            count_or_percent(&update.get("maxUnavailable"), errors);
            at_most_all(&update.get("maxUnavailable"), errors);
        }
        _ => {
            let why = "must be 'RollingUpdate' or 'OnDelete'";
            errors.push(FieldError::invalid(&strategy.path, shown_strategy(&strategy), why));
        }
    }
    let retention = spec.get("persistentVolumeClaimRetentionPolicy");
    for field in ["whenDeleted", "whenScaled"] {
        let at = retention.get(field);
        if !matches!(at.text(), "Retain" | "Delete") {
            errors.push(at.unsupported(&["Retain", "Delete"]));
        }
    }
    spec.get("replicas").not_negative(errors);
    spec.get("minReadySeconds").not_negative(errors);
    spec.get("ordinals").get("start").not_negative(errors);
    let service = spec.get("serviceName");
    if is_new && !service.is_empty() {
        service.all_invalid(crate::names::dns1123_label(service.text()), errors);
    }
    own_selector(spec, "statefulset", "", errors);
    let claims = spec.get("volumeClaimTemplates").items();
    let claims: BTreeSet<&str> = claims.iter().map(|claim| claim.get("metadata").get("name").text()).collect();
    template(spec, "StatefulSet", &claims, errors);
}

/// A daemon set's `spec`.
pub fn daemon_set(spec: &At, errors: &mut Errors) {
    let own = spec.get("selector");
    selector(&own, errors);
    let labels = spec.get("template").get("metadata").get("labels");
    if is_usable(&own) && !matches(&own, labels.value) {
        errors.push(labels.invalid(MISMATCH));
    }
    if own.is_set() && is_without_terms(&own) {
        errors.push(own.invalid("empty selector is invalid for daemonset"));
    }
    pod_template(spec, "DaemonSet", &BTreeSet::new(), errors);
    spec.get("minReadySeconds").not_negative(errors);
    let strategy = spec.get("updateStrategy");
    match strategy.get("type").text() {
        "OnDelete" => {}
        "RollingUpdate" => {
            let update = strategy.get("rollingUpdate");
            let (missing, extra) = (update.get("maxUnavailable"), update.get("maxSurge"));
            count_or_percent(&missing, errors);
            count_or_percent(&extra, errors);
            at_most_all(&missing, errors);
            at_most_all(&extra, errors);
            match (number(&missing) != 0, number(&extra) != 0) {
                (true, true) => errors.push(extra.invalid("may not be set when maxUnavailable is non-zero")),
                (false, false) => errors.push(missing.required("cannot be 0 when maxSurge is 0")),
                _ => {}
            }
        }
        _ => errors.push(FieldError::not_supported(&strategy.path, shown_strategy(&strategy), &["RollingUpdate", "OnDelete"])),
    }
    spec.get("revisionHistoryLimit").not_negative(errors);
}

fn is_without_terms(at: &At) -> bool {
    at.get("matchLabels").is_empty() && at.get("matchExpressions").is_empty()
}

fn own_selector(spec: &At, owner: &str, unusable: &str, errors: &mut Errors) {
    let own = spec.get("selector");
    if !own.is_set() {
        errors.push(own.required(""));
    } else {
        selector(&own, errors);
        if is_without_terms(&own) {
            errors.push(own.invalid(&format!("empty selector is invalid for {owner}")));
        }
    }
    if own.is_set() && !is_usable(&own) {
        errors.push(own.invalid(unusable));
    }
}

fn template(spec: &At, owner: &str, claims: &BTreeSet<&str>, errors: &mut Errors) {
    let own = spec.get("selector");
    if own.is_set() && !is_usable(&own) {
        return; // Upstream does not look further than a selector that it cannot read.
    }
    let labels = spec.get("template").get("metadata").get("labels");
    let takes_all = own.is_set() && is_without_terms(&own);
    if !takes_all && !matches(&own, labels.value) {
        errors.push(labels.invalid(MISMATCH));
    }
    pod_template(spec, owner, claims, errors);
}

fn pod_template(spec: &At, owner: &str, claims: &BTreeSet<&str>, errors: &mut Errors) {
    let template = spec.get("template");
    pod::template(&template, claims, errors);
    let restart = template.get("spec").get("restartPolicy");
    if restart.text() != "Always" {
        errors.push(restart.unsupported(&["Always"]));
    }
    let deadline = template.get("spec").get("activeDeadlineSeconds");
    if deadline.is_set() {
        errors.push(deadline.forbidden(&format!("activeDeadlineSeconds in {owner} is not Supported")));
    }
}

/// A strategy as upstream's internal type prints it.
fn shown_strategy(at: &At) -> Value {
    json!({"Type": at.get("type").text(), "RollingUpdate": at.get("rollingUpdate").value})
}
