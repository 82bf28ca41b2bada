//! Claims, storage classes, priority classes, nodes' taints.
//!
//! One kind of complaint a function, in kube-apiserver's words and order (its own answers are in the tests).
//! Not here: defaults, and anything that needs another object.

use super::selector::selector;
use super::{At, Errors, amount};
use crate::status::FieldError;
use nodelane_model::pod::SYSTEM_CLASSES;

pub use super::toleration::taints;

const MODES: [&str; 4] = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
/// The highest priority that a user may give; what is above is the system's.
const PRIORITY_LIMIT: i64 = 1_000_000_000;

/// A claim's `spec`.
pub fn claim(spec: &At, errors: &mut Errors) {
    let modes = spec.get("accessModes");
    if modes.is_empty() {
        errors.push(modes.required("at least 1 access mode is required"));
    }
    selector(&spec.get("selector"), errors);
    for mode in modes.items().iter().filter(|mode| !MODES.contains(&mode.text())) {
        errors.push(FieldError::not_supported(&modes.path, mode.text(), &MODES));
    }
    let alone = modes.items().iter().any(|mode| mode.text() == "ReadWriteOncePod");
    if alone && modes.items().len() > 1 {
        errors.push(modes.forbidden("may not use ReadWriteOncePod with other access modes"));
    }
    let resources = spec.get("resources");
    let size = resources.get("requests").get("storage");
    let size = At { value: size.value, path: resources.path.key("storage") }; // as upstream spells it
    if size.is_set() {
        amount::positive(&size, errors);
    } else {
        errors.push(size.required(""));
    }
    let mode = spec.get("volumeMode");
    if !matches!(mode.text(), "Block" | "Filesystem") {
        errors.push(mode.unsupported(&["Block", "Filesystem"]));
    }
}

/// A storage class.
pub fn storage_class(root: &At, errors: &mut Errors) {
    if root.get("provisioner").is_empty() {
        errors.push(root.get("provisioner").required(""));
    }
    root.get("reclaimPolicy").one_of(&["Delete", "Retain"], errors);
    root.get("volumeBindingMode").one_of(&["Immediate", "WaitForFirstConsumer"], errors);
}

/// A priority class.
pub fn priority_class(root: &At, errors: &mut Errors) {
    let name = root.get("metadata").get("name");
    if name.text().starts_with("system-") {
        if !SYSTEM_CLASSES.iter().any(|(known, _)| *known == name.text()) {
            let why = format!(
                "priority class names with 'system-' prefix are reserved for system use only. error: {} is not a known system \
                 priority class",
                name.text()
            );
            errors.push(name.forbidden(&why));
        }
    } else if root.get("value").int().is_some_and(|value| value > PRIORITY_LIMIT) {
        let why = format!("maximum allowed value of a user defined priority is {PRIORITY_LIMIT}");
        errors.push(root.get("value").forbidden(&why));
    }
    root.get("preemptionPolicy").one_of(&["PreemptLowerPriority", "Never"], errors);
}
