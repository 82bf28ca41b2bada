//! What an update may not change, per kind, in upstream's words.
//!
//! Both sides come as they are stored, so that what a default or a type writes anew is no change; amounts are compared as
//! numbers. Where upstream appends the difference of its internal types, the changed fields are named instead.

use super::validate::{At, Errors, is_same};
use crate::status::{FieldError, FieldPath};
use nodelane_model::Kind;
use serde_json::Value;
use std::collections::BTreeSet;

mod job;
mod pod;
mod service;

/// Changed fields that are named at most.
const NAMED_CHANGES: usize = 8;

/// Complaints about an update of the object.
pub fn main(kind: Kind, before: &Value, after: &Value, errors: &mut Errors) {
    let (old, new) = (At::root(before), At::root(after));
    let (old_spec, new_spec) = (old.get("spec"), new.get("spec"));
    match kind {
        Kind::Pod => pod::check(&old_spec, &new_spec, errors),
        Kind::Deployment | Kind::ReplicaSet | Kind::DaemonSet => field(&old_spec, &new_spec, "selector", errors),
        Kind::StatefulSet => {
            const FREE: [&str; 7] = [
                "replicas",
                "ordinals",
                "template",
                "updateStrategy",
                "revisionHistoryLimit",
                "persistentVolumeClaimRetentionPolicy",
                "minReadySeconds",
            ];
            if changes(old_spec.value, new_spec.value, "").iter().any(|path| !FREE.contains(&first(path))) {
                let why = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', \
                           'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and \
                           'minReadySeconds' are forbidden";
                errors.push(new_spec.forbidden(why));
            }
        }
        Kind::Job => job::check(&old_spec, &new_spec, errors),
        Kind::Service => service::check(&old_spec, &new_spec, errors),
        Kind::Secret | Kind::ConfigMap => data(kind, &old, &new, errors),
        Kind::PersistentVolumeClaim => claim(&old, &new, errors),
        Kind::StorageClass => {
            for name in ["parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"] {
                field(&old, &new, name, errors);
            }
        }
        Kind::PriorityClass => {
            if old.get("value").value != new.get("value").value {
                errors.push(new.get("value").forbidden("may not be changed in an update."));
            }
            field(&old, &new, "preemptionPolicy", errors);
        }
        Kind::Node => node(&old_spec, &new_spec, errors),
        _ => {}
    }
}

/// Complaints about an update of the status.
pub fn status(kind: Kind, before: &Value, after: &Value, errors: &mut Errors) {
    if kind == Kind::Pod {
        field(&At::root(before).get("status"), &At::root(after).get("status"), "qosClass", errors);
    }
}

fn field(old: &At, new: &At, name: &str, errors: &mut Errors) {
    let (old, new) = (old.get(name), new.get(name));
    if !is_equal(old.value, new.value) {
        errors.push(FieldError::immutable(&new.path, new.value.clone()));
    }
}

fn data(kind: Kind, old: &At, new: &At, errors: &mut Errors) {
    if kind == Kind::Secret {
        field(old, new, "type", errors);
    }
    if !old.get("immutable").is_true() {
        return;
    }
    let why = "field is immutable when `immutable` is set";
    if !new.get("immutable").is_true() {
        errors.push(new.get("immutable").forbidden(why));
    }
    let is_empty = |at: &At| at.is_empty();
    for name in ["data", "binaryData"] {
        let (old, new) = (old.get(name), new.get(name));
        if !(is_empty(&old) && is_empty(&new)) && old.value != new.value {
            errors.push(new.forbidden(why));
        }
    }
}

/// A claim's `spec` is fixed, but for its volume, set once, and the size of a bound claim, which may grow.
fn claim(old: &At, new: &At, errors: &mut Errors) {
    let is_bound = old.get("status").get("phase").text() == "Bound";
    let was_unbound = old.get("spec").get("volumeName").is_empty();
    // A class may be given once to a claim that has none, as the default one would be.
    let had_no_class = !old.get("spec").get("storageClassName").is_set();
    let is_free = |path: &str| match first(path) {
        "volumeName" => was_unbound,
        "storageClassName" => had_no_class,
        "volumeAttributesClassName" => is_bound,
        "resources" => is_bound && path == "resources.requests.storage",
        _ => false,
    };
    let (old_spec, new_spec) = (old.get("spec"), new.get("spec"));
    let changed: Vec<String> = changes(old_spec.value, new_spec.value, "").into_iter().filter(|path| !is_free(path)).collect();
    if !changed.is_empty() {
        let why = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
        errors.push(new_spec.forbidden(&with_changes(why, &changed)));
    }
    let size = |at: &At| {
        let amount = at.get("resources").get("requests").get("storage").value.clone();
        serde_json::from_value::<nodelane_model::Quantity>(amount).ok().and_then(|amount| amount.units()).unwrap_or_default()
    };
    let held = old.get("status").get("capacity").get("storage").value.clone();
    let held = serde_json::from_value::<nodelane_model::Quantity>(held).ok().and_then(|amount| amount.units()).unwrap_or_default();
    if size(&new_spec) < size(&old_spec) && size(&new_spec) <= held {
        let at = new_spec.get("resources").get("requests").get("storage");
        errors.push(at.forbidden("field can not be less than status.capacity"));
    }
    let mode = FieldPath::new("volumeMode");
    if old_spec.get("volumeMode").value != new_spec.get("volumeMode").value {
        errors.push(FieldError::immutable(&mode, new_spec.get("volumeMode").value.clone()));
    }
}

fn node(old: &At, new: &At, errors: &mut Errors) {
    let set_once = [("podCIDRs", "podCIDR"), ("providerID", "providerID")];
    for (name, word) in set_once {
        let (old, new) = (old.get(name), new.get(name));
        if !old.is_empty() && old.value != new.value {
            errors.push(new.forbidden(&format!("node updates may not change {word} except from \"\" to valid")));
        }
    }
}

/// Whether two values mean the same: equal, or equal amounts where amounts are.
fn is_equal(old: &Value, new: &Value) -> bool {
    changes(old, new, "").is_empty()
}

/// The paths of what differs, in order; the root's path is empty.
fn changes(old: &Value, new: &Value, path: &str) -> Vec<String> {
    match (old, new) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            let null = Value::Null;
            let below = |key: &String| {
                if path.is_empty() { key.clone() } else { format!("{path}.{key}") }
            };
            keys.into_iter().flat_map(|key| changes(a.get(key).unwrap_or(&null), b.get(key).unwrap_or(&null), &below(key))).collect()
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let pairs = a.iter().zip(b).enumerate();
            pairs.flat_map(|(index, (a, b))| changes(a, b, &format!("{path}[{index}]"))).collect()
        }
        _ if old == new => Vec::new(),
        _ if path.contains("requests.") || path.contains("limits.") || path.starts_with("overhead.") => {
            if is_same(old, new) {
                Vec::new()
            } else {
                vec![path.to_owned()]
            }
        }
        _ => vec![path.to_owned()],
    }
}

/// The first segment of a path.
fn first(path: &str) -> &str {
    path.split(['.', '[']).next().unwrap_or_default()
}

fn with_changes(why: &str, changed: &[String]) -> String {
    let mut named: Vec<String> = changed.iter().take(NAMED_CHANGES).map(|path| format!("spec.{path}")).collect();
    if changed.len() > NAMED_CHANGES {
        named.push("…".to_owned());
    }
    format!("{why}\nchanged: {}", named.join(", "))
}
