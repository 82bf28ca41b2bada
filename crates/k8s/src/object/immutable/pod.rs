//! A pod's `spec` hardly changes: images, a shorter deadline, more tolerations, fewer gates; and while gates hold it, where
//! it may go.
//!
//! Compared as values, amounts as numbers; what may change is listed, everything else may not.
//! Not here: whether the new content is valid by itself.

use super::super::validate::{At, Errors};
use super::{changes, first, with_changes};
use crate::status::FieldError;
use serde_json::Value;

const RULE: &str = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,\
                    `spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),\
                    `spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/// Complaints about a change of a pod's `spec`.
pub fn check(old: &At, new: &At, errors: &mut Errors) {
    for name in ["containers", "initContainers"] {
        let (old, new) = (old.get(name), new.get(name));
        if old.items().len() != new.items().len() {
            return errors.push(new.forbidden("pod updates may not add or remove containers"));
        }
        for image in new.items().iter().map(|container| container.get("image")) {
            if image.is_empty() {
                errors.push(image.required(""));
            } else if image.text().trim() != image.text() {
                errors.push(image.invalid("must not have leading or trailing whitespace"));
            }
        }
    }
    if !deadline(&old.get("activeDeadlineSeconds"), &new.get("activeDeadlineSeconds"), errors) {
        return;
    }
    tolerations(&old.get("tolerations"), &new.get("tolerations"), errors);
    let old_gates = old.get("schedulingGates").items();
    for gate in new.get("schedulingGates").items() {
        if !old_gates.iter().any(|old| old.value == gate.value) {
            let name = gate.get("name");
            errors.push(name.forbidden(&format!("only deletion is allowed, but found new scheduling gate '{}'", name.text())));
        }
    }
    let is_gated = !old_gates.is_empty();
    let is_free = |path: &str| match first(path) {
        "containers" | "initContainers" => path.ends_with("].image"),
        "activeDeadlineSeconds" | "tolerations" | "schedulingGates" => true,
        "nodeSelector" => is_gated && only_adds(old.get("nodeSelector").value, new.get("nodeSelector").value),
        "affinity" => is_gated && path.starts_with("affinity.nodeAffinity"),
        _ => false,
    };
    let changed: Vec<String> = changes(old.value, new.value, "").into_iter().filter(|path| !is_free(path)).collect();
    if !changed.is_empty() {
        errors.push(new.forbidden(&with_changes(RULE, &changed)));
    }
}

/// Whether looking further makes sense.
fn deadline(old: &At, new: &At, errors: &mut Errors) -> bool {
    match (old.int(), new.int()) {
        (Some(old), Some(seconds)) if seconds > old => {
            errors.push(new.invalid("must be less than or equal to previous value"));
            false
        }
        (Some(_), None) => {
            errors.push(FieldError::invalid(&new.path, Value::Null, "must not update from a positive integer to nil value"));
            true
        }
        _ => true,
    }
}

fn tolerations(old: &At, new: &At, errors: &mut Errors) {
    let without_seconds = |value: &Value| {
        let mut value = value.clone();
        if let Some(fields) = value.as_object_mut() {
            fields.remove("tolerationSeconds");
        }
        value
    };
    let new_ones: Vec<Value> = new.items().iter().map(|at| without_seconds(at.value)).collect();
    if !old.items().iter().all(|at| new_ones.contains(&without_seconds(at.value))) {
        errors.push(new.forbidden("existing toleration can not be modified except its tolerationSeconds"));
    }
}

fn only_adds(old: &Value, new: &Value) -> bool {
    let pairs = old.as_object().into_iter().flatten();
    pairs.into_iter().all(|(key, value)| new.get(key) == Some(value))
}
