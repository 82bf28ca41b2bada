//! Amounts of resources: names, signs, whole numbers, requests against limits.
//!
//! One kind of complaint a function, in kube-apiserver's words and order (its own answers are in the tests).
//! Not here: defaults, and anything that needs another object.

use super::{At, Errors};
use crate::names::label_key;
use crate::status::FieldError;
use nodelane_model::Quantity;
use serde_json::Value;

fn quantity(value: &Value) -> Option<Quantity> {
    serde_json::from_value(value.clone()).ok()
}

fn milli(value: &Value) -> Option<i64> {
    quantity(value)?.milli()
}

/// Whether a value reads as an amount: the one thing that fails while decoding upstream.
pub fn malformed(value: &Value) -> bool {
    milli(value).is_none()
}

/// Whether two amounts are the same number, however written.
pub fn is_same(a: &Value, b: &Value) -> bool {
    a == b || milli(a).is_some() && milli(a) == milli(b)
}

/// As upstream shows an amount: in its canonical form where that is a plain number or thousandths.
fn shown(value: &Value) -> String {
    let Some(quantity) = quantity(value) else {
        return value.to_string();
    };
    let has_suffix = quantity.0.ends_with(|c: char| c.is_ascii_alphabetic() && c != 'm');
    match quantity.milli().filter(|_| !has_suffix) {
        Some(milli) => Quantity::from_milli(milli).0.to_string(),
        None => quantity.0.to_string(),
    }
}

fn is_native(name: &str) -> bool {
    !name.contains('/') || name.contains("kubernetes.io/")
}

fn is_huge_page(name: &str) -> bool {
    name.starts_with("hugepages-")
}

/// Whether more may be promised than there is: not so for devices and huge pages.
fn may_overcommit(name: &str) -> bool {
    is_native(name) && !is_huge_page(name)
}

fn resource_name(name: &str, at: &At, errors: &mut Errors) {
    let invalid = |why: &str| FieldError::invalid(&at.path, name, why);
    let complaints = label_key(name);
    if !complaints.is_empty() {
        return errors.extend(complaints.iter().map(|why| invalid(why)));
    }
    const STANDARD: [&str; 6] = ["cpu", "memory", "ephemeral-storage", "storage", "pods", "services"];
    if !name.contains('/') {
        if !STANDARD.contains(&name) && !is_huge_page(name) {
            errors.push(invalid("must be a standard resource type or fully qualified"));
        }
        if !STANDARD[..3].contains(&name) && !is_huge_page(name) {
            errors.push(invalid("must be a standard resource for containers"));
        }
    } else if !is_native(name) && name.starts_with("requests.") {
        errors.push(invalid("doesn't follow extended resource name standard"));
    }
}

fn amount(name: &str, at: &At, errors: &mut Errors) {
    let milli = milli(at.value).unwrap_or_default();
    let invalid = |why: &str| FieldError::invalid(&at.path, shown(at.value), why);
    if milli < 0 {
        errors.push(invalid("must be greater than or equal to 0"));
    }
    if !is_native(name) && milli % 1000 != 0 {
        errors.push(invalid("must be an integer"));
    }
}

/// Requests and limits of a container.
pub fn requirements(at: &At, errors: &mut Errors) {
    let (limits, requests) = (at.get("limits"), at.get("requests"));
    for (name, limit) in limits.entries() {
        resource_name(name, &limit, errors);
        amount(name, &limit, errors);
    }
    for (name, request) in requests.entries() {
        resource_name(name, &request, errors);
        amount(name, &request, errors);
        let limit = limits.value.get(name);
        let (asked, most) = (milli(request.value), limit.and_then(milli));
        let against = |rule: &str| {
            let why = format!("must be {rule} {name} limit of {}", limit.map(shown).unwrap_or_default());
            FieldError::invalid(&requests.path, shown(request.value), &why)
        };
        match most {
            Some(_) if asked != most && !may_overcommit(name) => errors.push(against("equal to")),
            Some(_) if asked > most => errors.push(against("less than or equal to")),
            Some(_) => {}
            None if !may_overcommit(name) => errors.push(limits.required("Limit must be set for non overcommitable resources")),
            None => {}
        }
    }
    let names: Vec<&str> = limits.entries().into_iter().chain(requests.entries()).map(|(name, _)| name).collect();
    if names.iter().any(|name| is_huge_page(name)) && !names.iter().any(|name| matches!(*name, "cpu" | "memory")) {
        errors.push(at.forbidden("HugePages require cpu or memory"));
    }
}

/// An amount that must be above 0.
pub fn positive(at: &At, errors: &mut Errors) {
    if milli(at.value).unwrap_or_default() <= 0 {
        errors.push(FieldError::invalid(&at.path, shown(at.value), "must be greater than zero"));
    }
}
