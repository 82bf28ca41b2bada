//! PodDisruptionBudgets, ResourceQuotas, and the scale subresource: what limits and moves numbers of pods.
//!
//! A quota's resources print in the order of their names, limits apart from the rest. Not here: computing any of it.

use super::access::{age, integer, name};
use super::{AGE, Column, NAME};
use nodelane_model::Time;
use serde_json::Value;

pub(super) const DISRUPTION: &[Column] = &[
    NAME,
    Column::text("Min Available", "Pods that must stay."),
    Column::text("Max Unavailable", "Pods that may be missing."),
    Column::integer("Allowed Disruptions", "Pods that may be taken away now."),
    AGE,
];

pub(super) fn disruption(object: &Value, now: Time) -> Vec<Value> {
    let bound = |field: &str| match object.pointer(field) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => "N/A".to_owned(),
    };
    vec![
        name(object),
        bound("/spec/minAvailable").into(),
        bound("/spec/maxUnavailable").into(),
        integer(object, "/status/disruptionsAllowed").into(),
        age(object, now),
    ]
}

pub(super) const QUOTA: &[Column] =
    &[NAME, Column::text("Request", "Used and allowed, by resource."), Column::text("Limit", "Used and allowed limits, by resource."), AGE];

pub(super) fn quota(object: &Value, now: Time) -> Vec<Value> {
    let hard = object.pointer("/status/hard").and_then(Value::as_object);
    let (limits, requests): (Vec<_>, Vec<_>) = hard.into_iter().flatten().partition(|(resource, _)| resource.starts_with("limits."));
    let cell = |entries: Vec<(&String, &Value)>| {
        let used =
            |resource: &str| object.pointer("/status/used").and_then(|used| used.get(resource)).and_then(Value::as_str).unwrap_or("0");
        let texts: Vec<String> = entries
            .into_iter()
            .map(|(resource, hard)| format!("{resource}: {}/{}", used(resource), hard.as_str().unwrap_or_default()))
            .collect();
        Value::from(texts.join(", "))
    };
    vec![name(object), cell(requests), cell(limits), age(object, now)]
}

pub(super) const SCALE: &[Column] = &[
    Column::text("Name", "Name of the scaled object."),
    Column::integer("Desired", "Pods that should be."),
    Column::integer("Available", "Pods that are."),
    AGE,
];

pub(super) fn scale(object: &Value, now: Time) -> Vec<Value> {
    let desired = integer(object, "/spec/replicas");
    vec![name(object), desired.into(), integer(object, "/status/replicas").into(), age(object, now)]
}
