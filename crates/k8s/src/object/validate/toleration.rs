//! Tolerations and taints.
//!
//! One kind of complaint a function, in kube-apiserver's words and order (its own answers are in the tests).
//! Not here: defaults, and anything that needs another object.

use super::{At, Errors};
use crate::names::{label_key, label_value};

const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

/// A list of tolerations.
pub fn tolerations(list: &At, errors: &mut Errors) {
    for at in list.items() {
        let (key, operator, value, effect) = (at.get("key"), at.get("operator"), at.get("value"), at.get("effect"));
        if !key.is_empty() {
            key.all_invalid(label_key(key.text()), errors);
        } else if operator.text() != "Exists" {
            let why = "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
            errors.push(operator.invalid(why));
        }
        if at.get("tolerationSeconds").is_set() && effect.text() != "NoExecute" {
            errors.push(effect.invalid("effect must be 'NoExecute' when `tolerationSeconds` is set"));
        }
        let about_value = |why: &str| crate::status::FieldError::invalid(&operator.path, value.text(), why);
        match operator.text() {
            "Equal" | "" => {
                let complaints = label_value(value.text());
                if !complaints.is_empty() {
                    errors.push(about_value(&complaints.join(";")));
                }
            }
            "Exists" if !value.is_empty() => errors.push(about_value("value must be empty when `operator` is 'Exists'")),
            "Exists" => {}
            _ => errors.push(operator.unsupported(&["Equal", "Exists"])),
        }
        if !effect.is_empty() {
            effect.one_of(&EFFECTS, errors);
        }
    }
}

/// A node's taints. Upstream's path is `metadata.taints`, though they are in `spec`.
pub fn taints(list: &At, errors: &mut Errors) {
    let list = At { value: list.value, path: crate::status::FieldPath::new("metadata").child("taints") };
    let mut seen = Vec::new();
    for at in list.items() {
        let (key, value, effect) = (at.get("key"), at.get("value"), at.get("effect"));
        key.all_invalid(label_key(key.text()), errors);
        let complaints = label_value(value.text());
        if !complaints.is_empty() {
            errors.push(value.invalid(&complaints.join(";")));
        }
        effect.one_of(&EFFECTS, errors);
        let place = (key.text(), effect.text());
        if seen.contains(&place) {
            errors.push(at.duplicate());
        }
        seen.push(place);
    }
}
