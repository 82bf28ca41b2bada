//! Disruption budgets.
//!
//! One kind of complaint a function, in kube-apiserver's words and order (its own answers are in the tests).
//! Not here: defaults, and anything that needs another object.

use super::bound::{at_most_all, count_or_percent};
use super::selector::selector;
use super::{At, Errors};
use crate::status::FieldError;
use serde_json::json;

/// A budget's `spec`.
pub fn budget(spec: &At, errors: &mut Errors) {
    let (least, most) = (spec.get("minAvailable"), spec.get("maxUnavailable"));
    let policy = spec.get("unhealthyPodEvictionPolicy");
    if least.is_set() && most.is_set() {
        let shown = json!({
            "MinAvailable": least.value,
            "Selector": spec.get("selector").value,
            "MaxUnavailable": most.value,
            "UnhealthyPodEvictionPolicy": policy.value,
        });
        errors.push(FieldError::invalid(&spec.path, shown, "minAvailable and maxUnavailable cannot be both set"));
    }
    for bound in [least, most] {
        count_or_percent(&bound, errors);
        at_most_all(&bound, errors);
    }
    selector(&spec.get("selector"), errors);
    if policy.is_set() && !matches!(policy.text(), "AlwaysAllow" | "IfHealthyBudget") {
        errors.push(policy.unsupported(&["AlwaysAllow", "IfHealthyBudget"]));
    }
}
