//! A service keeps the first address that it was given, unless it becomes a mere name or stops being one.
//!
//! Compared as values, amounts as numbers; what may change is listed, everything else may not.
//! Not here: whether the new content is valid by itself.

use super::super::validate::{At, Errors};
use crate::status::FieldError;

/// Complaints about a change of a service's `spec`.
pub fn check(old: &At, new: &At, errors: &mut Errors) {
    let is_name = |spec: &At| spec.get("type").text() == "ExternalName";
    let (before, after) = (old.get("clusterIPs"), new.get("clusterIPs"));
    if is_name(old) || is_name(new) || before.is_empty() {
        return;
    }
    let path = after.path.index(0);
    if after.is_empty() {
        errors.push(FieldError::invalid(&path, after.value.clone(), "primary clusterIP can not be unset"));
    } else if before.value.get(0) != after.value.get(0) {
        errors.push(FieldError::invalid(&path, after.value.clone(), "may not change once set"));
    }
}
