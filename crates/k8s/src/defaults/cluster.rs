//! Defaults of namespaces, nodes, secrets, claims and limit ranges.
//!
//! Run on bodies before they are decoded; doing it twice changes nothing (kube-apiserver's own answers are in the tests).
//! Not here: validation.

use super::{Fields, each, field, put, text, within};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// A namespace: the label that carries its name. Its finalizer and phase are set when it is created.
pub fn namespace(object: &mut Fields) {
    within(object, "metadata", |metadata| {
        let name = text(metadata, "name").to_owned();
        if !name.is_empty() {
            within(metadata, "labels", |labels| drop(labels.insert("kubernetes.io/metadata.name".into(), name.into())));
        }
    });
}

/// A node: what pods may use is all there is, where nothing else is said.
pub fn node(object: &mut Fields) {
    if let Some(status) = field(object, "status")
        && let Some(capacity) = status.get("capacity").filter(|capacity| capacity.is_object()).cloned()
        && super::is_unsaid(status, "allocatable")
    {
        status.insert("allocatable".into(), capacity);
    }
}

/// A secret: its type, and plain text folded into `data`.
pub fn secret(object: &mut Fields) {
    put(object, "type", "Opaque");
    if let Some(Value::Object(plain)) = object.get("stringData").cloned() {
        within(object, "data", |data| {
            for (key, value) in plain {
                data.insert(key, STANDARD.encode(value.as_str().unwrap_or_default()).into());
            }
        });
        object.remove("stringData");
    }
}

/// A claim for a volume.
pub fn claim(object: &mut Fields) {
    within(object, "spec", |spec| put(spec, "volumeMode", "Filesystem"));
    within(object, "status", |status| put(status, "phase", "Pending"));
}

/// A limit range's `spec`: defaults follow the most, and requests the defaults, then the least.
pub fn limit_range(spec: &mut Fields) {
    for item in each(spec, "limits").filter(|item| text(item, "type") == "Container") {
        for (from, to) in [("max", "default"), ("default", "defaultRequest"), ("min", "defaultRequest")] {
            let amounts = field(item, from).cloned().unwrap_or_default();
            within(item, to, |target| {
                for (name, amount) in amounts {
                    target.entry(name).or_insert(amount);
                }
            });
        }
    }
}
