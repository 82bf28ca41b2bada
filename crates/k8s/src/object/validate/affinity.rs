//! Affinity, node selectors, spreading.
//!
//! One kind of complaint a function, in kube-apiserver's words and order (its own answers are in the tests).
//! Not here: defaults, and anything that needs another object.

use super::selector::selector;
use super::{At, Errors};
use crate::names::{dns1123_label, dns1123_subdomain, label_key, label_value};
use crate::status::FieldError;

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

/// `spec.affinity`.
pub fn affinity(at: &At, errors: &mut Errors) {
    let node = at.get("nodeAffinity");
    let required = node.get(REQUIRED);
    if required.is_set() {
        let terms = required.get("nodeSelectorTerms");
        if terms.is_empty() {
            errors.push(terms.required("must have at least one node selector term"));
        }
        for term in terms.items() {
            node_term(&term, true, errors);
        }
    }
    for wish in node.get(PREFERRED).items() {
        weight(&wish, errors);
        node_term(&wish.get("preference"), false, errors);
    }
    for name in ["podAffinity", "podAntiAffinity"] {
        for term in at.get(name).get(REQUIRED).items() {
            pod_term(&term, errors);
        }
        for wish in at.get(name).get(PREFERRED).items() {
            weight(&wish, errors);
            pod_term(&wish.get("podAffinityTerm"), errors);
        }
    }
}

fn weight(wish: &At, errors: &mut Errors) {
    let weight = wish.get("weight").int().unwrap_or_default();
    if !(1..=100).contains(&weight) {
        errors.push(FieldError::invalid(&wish.get("weight").path, weight, "must be in the range 1-100"));
    }
}

fn node_term(term: &At, strict_values: bool, errors: &mut Errors) {
    for at in term.get("matchExpressions").items() {
        let values = at.get("values");
        let (count, operator) = (values.items().len(), at.get("operator"));
        match operator.text() {
            "In" | "NotIn" if count == 0 => {
                errors.push(values.required("must be specified when `operator` is 'In' or 'NotIn'"));
            }
            "Exists" | "DoesNotExist" if count > 0 => {
                errors.push(values.forbidden("may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
            }
            "Gt" | "Lt" if count != 1 => {
                errors.push(values.required("must be specified single value when `operator` is 'Lt' or 'Gt'"));
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
            _ => errors.push(operator.invalid("not a valid selector operator")),
        }
        at.get("key").all_invalid(label_key(at.get("key").text()), errors);
        for value in values.items().into_iter().filter(|_| strict_values) {
            value.all_invalid(label_value(value.text()), errors);
        }
    }
    for at in term.get("matchFields").items() {
        let (values, operator, key) = (at.get("values"), at.get("operator"), at.get("key"));
        match operator.text() {
            "In" | "NotIn" if values.items().len() != 1 => {
                errors.push(values.required("must be only one value when `operator` is 'In' or 'NotIn' for node field selector"));
            }
            "In" | "NotIn" => {}
            _ => errors.push(operator.invalid("not a valid selector operator")),
        }
        if key.text() == "metadata.name" {
            for value in values.items() {
                value.all_invalid(dns1123_subdomain(value.text()), errors);
            }
        } else {
            errors.push(key.invalid("not a valid field selector key"));
        }
    }
}

fn pod_term(term: &At, errors: &mut Errors) {
    selector(&term.get("labelSelector"), errors);
    selector(&term.get("namespaceSelector"), errors);
    for name in term.get("namespaces").items() {
        let path = term.path.child("namespace");
        errors.extend(dns1123_label(name.text()).iter().map(|why| FieldError::invalid(&path, name.text(), why)));
    }
    let key = term.get("topologyKey");
    if key.is_empty() {
        errors.push(key.required("can not be empty"));
    }
    key.all_invalid(label_key(key.text()), errors);
}

/// `spec.topologySpreadConstraints`.
pub fn spread(list: &At, errors: &mut Errors) {
    let items = list.items();
    for (index, at) in items.iter().enumerate() {
        let (skew, key, action, domains) = (at.get("maxSkew"), at.get("topologyKey"), at.get("whenUnsatisfiable"), at.get("minDomains"));
        let positive = |at: &At, errors: &mut Errors| {
            if at.int().unwrap_or_default() <= 0 {
                errors.push(FieldError::invalid(&at.path, at.int().unwrap_or_default(), "must be greater than zero"));
            }
        };
        positive(&skew, errors);
        if key.is_empty() {
            errors.push(key.required("can not be empty"));
        }
        if !matches!(action.text(), "DoNotSchedule" | "ScheduleAnyway") {
            errors.push(action.unsupported(&["DoNotSchedule", "ScheduleAnyway"]));
        }
        let is_same = |other: &At| other.get("topologyKey").text() == key.text() && other.get("whenUnsatisfiable").text() == action.text();
        if items[index + 1..].iter().any(is_same) {
            let shown = format!("{{{}, {}}}", key.text(), action.text());
            errors.push(FieldError::duplicate(&at.path.child("{topologyKey, whenUnsatisfiable}"), shown));
        }
        if domains.is_set() {
            positive(&domains, errors);
            if action.text() != "DoNotSchedule" {
                let why = format!("can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {}", action.text());
                errors.push(domains.invalid(&why));
            }
        }
        for policy in [at.get("nodeAffinityPolicy"), at.get("nodeTaintsPolicy")] {
            if policy.is_set() && !matches!(policy.text(), "Honor" | "Ignore") {
                errors.push(policy.unsupported(&["Honor", "Ignore"]));
            }
        }
        selector(&at.get("labelSelector"), errors);
    }
}
