//! A job's template, selector and mode are fixed; while it is suspended and has not started, where its pods may go is not.
//!
//! Compared as values, amounts as numbers; what may change is listed, everything else may not.
//! Not here: whether the new content is valid by itself.

use super::super::validate::{At, Errors};
use super::{changes, field, is_equal};

/// Parts of the template that a suspended job may change.
const SCHEDULING: [&str; 5] = ["spec.nodeSelector", "spec.tolerations", "spec.schedulingGates", "metadata", "spec.affinity.nodeAffinity"];

/// Complaints about a change of a job's `spec`.
pub fn check(old: &At, new: &At, errors: &mut Errors) {
    let (completions, parallelism) = (new.get("completions"), new.get("parallelism"));
    if new.get("completionMode").text() != "Indexed" {
        field(old, new, "completions", errors);
    } else if !is_equal(old.get("completions").value, completions.value) && completions.value != parallelism.value {
        errors.push(completions.invalid("can only be modified in tandem with spec.parallelism"));
    }
    field(old, new, "selector", errors);
    let template = new.get("template");
    let is_suspended = old.get("suspend").is_true();
    let in_resources = |path: &str| path.starts_with("spec.") && path.contains("ontainers[") && path.contains("].resources.");
    let is_free = |path: &str| is_suspended && (in_resources(path) || SCHEDULING.iter().any(|free| path.starts_with(free)));
    if changes(old.get("template").value, template.value, "").iter().any(|path| !is_free(path)) {
        errors.push(template.invalid("field is immutable"));
    }
    for name in ["completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy"] {
        field(old, new, name, errors);
    }
}
