//! Pods and pod templates.
//!
//! One kind of complaint a function, in kube-apiserver's words and order (its own answers are in the tests).
//! Not here: defaults, and anything that needs another object.

use super::{At, Errors, affinity, container, toleration, volume};
use crate::names::{dns1123_label, dns1123_subdomain, label_key, labels};
use crate::status::FieldError;
use std::collections::BTreeSet;

const RESTART: [&str; 3] = ["Always", "OnFailure", "Never"];
const DNS: [&str; 4] = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];

/// The `spec` of a pod; `is_new` when it is being created.
pub fn pod(spec: &At, is_new: bool, errors: &mut Errors) {
    pod_spec(spec, true, &BTreeSet::new(), errors);
    if is_new && !spec.get("nodeName").is_empty() && !spec.get("schedulingGates").is_empty() {
        errors.push(spec.get("nodeName").forbidden("cannot be set until all schedulingGates have been cleared"));
    }
}

/// A `template`; `claims` are volumes that its owner adds.
pub fn template(at: &At, claims: &BTreeSet<&str>, errors: &mut Errors) {
    let metadata = at.get("metadata");
    errors.extend(labels(Some(metadata.get("labels").value), &at.get("labels").path));
    pod_spec(&at.get("spec"), false, claims, errors);
}

fn pod_spec(spec: &At, is_pod: bool, claims: &BTreeSet<&str>, errors: &mut Errors) {
    let (containers, init) = (spec.get("containers"), spec.get("initContainers"));
    let mut volumes = volume::volumes(&spec.get("volumes"), errors);
    volumes.extend(claims);
    container::containers(&containers, &volumes, errors);
    container::init_containers(&init, &containers, &volumes, errors);
    super::amount::requirements(&spec.get("resources"), errors);
    if spec.get("hostNetwork").is_true() {
        host_network(&containers, is_pod, errors);
    }
    spec.get("restartPolicy").one_of(&RESTART, errors);
    spec.get("dnsPolicy").one_of(&DNS, errors);
    errors.extend(labels(Some(spec.get("nodeSelector").value), &spec.get("nodeSelector").path));
    affinity::affinity(&spec.get("affinity"), errors);
    gates(&spec.get("schedulingGates"), errors);
    affinity::spread(&spec.get("topologySpreadConstraints"), errors);
    named(spec, "serviceAccountName", dns1123_subdomain, errors);
    named(spec, "nodeName", dns1123_subdomain, errors);
    let deadline = spec.get("activeDeadlineSeconds");
    if deadline.int().is_some_and(|seconds| !(1..=i64::from(i32::MAX)).contains(&seconds)) {
        errors.push(deadline.invalid("must be between 1 and 2147483647, inclusive"));
    }
    named(spec, "hostname", dns1123_label, errors);
    named(spec, "subdomain", dns1123_label, errors);
    toleration::tolerations(&spec.get("tolerations"), errors);
    named(spec, "priorityClassName", dns1123_subdomain, errors);
    let preemption = spec.get("preemptionPolicy");
    if preemption.is_set() {
        preemption.one_of(&["PreemptLowerPriority", "Never"], errors);
    }
    let os = spec.get("os");
    match os.get("name").text() {
        "" if os.is_set() => errors.push(os.get("name").required("")),
        "" | "linux" | "windows" => {}
        other => errors.push(FieldError::not_supported(&os.path, other, &["linux", "windows"])),
    }
}

fn named(spec: &At, field: &str, rule: impl Fn(&str) -> Vec<String>, errors: &mut Errors) {
    let at = spec.get(field);
    if !at.is_empty() {
        at.all_invalid(rule(at.text()), errors);
    }
}

/// On the node's network a container's port is the node's; a template may leave it open.
fn host_network(containers: &At, is_pod: bool, errors: &mut Errors) {
    for port in containers.items().iter().flat_map(|container| container.get("ports").items()) {
        let (inside, outside) = (port.get("containerPort").int().unwrap_or_default(), port.get("hostPort").int().unwrap_or_default());
        if (is_pod || outside != 0) && inside != outside {
            errors.push(FieldError::invalid(&port.get("hostPort").path, outside, "must match `containerPort` when `hostNetwork` is true"));
        }
    }
}

fn gates(list: &At, errors: &mut Errors) {
    let mut seen = BTreeSet::new();
    for at in list.items() {
        let name = at.get("name").text();
        let invalid = |why: &String| FieldError::invalid(&at.path, name, why);
        errors.extend(label_key(name).iter().map(invalid));
        if !seen.insert(name) {
            errors.push(FieldError::duplicate(&at.path, name));
        }
    }
}
