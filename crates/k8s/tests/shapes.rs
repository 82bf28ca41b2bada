//! One document in two shapes, against a real kube-apiserver 1.36.2 (`golden/shapes.json`).
//!
//! Expected values come from a real peer or from the documents that the case names, never from our own output.
//! Not here: what other test files of this room cover.

use nodelane_k8s::registry::{events_core, events_v1};
use nodelane_k8s::scale;
use serde_json::{Value, json};

fn golden(part: &str) -> Value {
    let all: Value = serde_json::from_str(include_str!("golden/shapes.json")).expect("golden file");
    all[part].clone()
}

#[test]
fn an_event_is_the_same_in_both_groups_but_for_names() {
    let mut event = golden("event");
    events_v1(&mut event);
    assert_eq!(event, golden("event_v1"));
    events_core(&mut event);
    assert_eq!(event, golden("event"));
}

#[test]
fn a_scale_shows_the_replicas_and_the_selector_of_its_deployment() {
    assert_eq!(scale::of(&golden("deployment")), golden("scale"));
}

#[test]
fn a_scale_may_not_ask_for_less_than_nothing() {
    assert_eq!(scale::replicas(&golden("scale")), Ok(2));
    assert_eq!(scale::replicas(&json!({"spec": {}})), Ok(0));
    let error = scale::replicas(&json!({"metadata": {"name": "web"}, "spec": {"replicas": -1}})).expect_err("422");
    // Observed.
    let text = "Scale.autoscaling \"web\" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0";
    assert_eq!((error.code, error.message.as_str()), (422, text));
}
