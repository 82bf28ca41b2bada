//! Label selectors, and the labels that they must match.
//!
//! One kind of complaint a function, in kube-apiserver's words and order (its own answers are in the tests).
//! Not here: defaults, and anything that needs another object.

use super::{At, Errors};
use crate::names::{label_key, label_value, labels};
use nodelane_model::selector::Selector;
use serde_json::Value;

/// A label selector; absent is fine. `loose_values`: label values are not looked at.
pub fn selector(at: &At, errors: &mut Errors) {
    let pairs = at.get("matchLabels");
    errors.extend(labels(Some(pairs.value), &pairs.path));
    for requirement in at.get("matchExpressions").items() {
        label_requirement(&requirement, errors);
    }
}

fn label_requirement(at: &At, errors: &mut Errors) {
    let values = at.get("values");
    match at.get("operator").text() {
        "In" | "NotIn" if values.is_empty() => {
            errors.push(values.required("must be specified when `operator` is 'In' or 'NotIn'"));
        }
        "In" | "NotIn" => {}
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            errors.push(values.forbidden("may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
        }
        "Exists" | "DoesNotExist" => {}
        _ => errors.push(at.get("operator").invalid("not a valid selector operator")),
    }
    let key = at.get("key");
    key.all_invalid(label_key(key.text()), errors);
    for value in values.items() {
        value.all_invalid(label_value(value.text()), errors);
    }
}

/// Whether upstream can make a selector of it.
pub fn is_usable(at: &At) -> bool {
    let mut errors = Errors::new();
    selector(at, &mut errors);
    errors.is_empty()
}

/// Whether the selector matches a map of labels; an absent one matches nothing, an empty one everything.
pub fn matches(at: &At, map: &Value) -> bool {
    if !at.is_set() {
        return false;
    }
    let selector: Selector = serde_json::from_value(at.value.clone()).unwrap_or_default();
    let labels = serde_json::from_value(map.clone()).unwrap_or_default();
    selector.matches(&labels)
}
