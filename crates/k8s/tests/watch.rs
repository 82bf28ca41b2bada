//! Watch frames; shapes observed with kube-apiserver 1.36.2.
//!
//! Expected values come from a real peer or from the documents that the case names, never from our own output.
//! Not here: what other test files of this room cover.

use nodelane_k8s::status::Status;
use nodelane_k8s::watch::{EventType, bookmark, error_frame, frame};
use serde_json::{Value, json};

#[test]
fn a_frame_is_one_line_around_the_encoded_object() {
    let line = frame(EventType::Modified, br#"{"kind":"Pod"}"#);
    assert_eq!(line, b"{\"type\":\"MODIFIED\",\"object\":{\"kind\":\"Pod\"}}\n");
}

#[test]
fn the_bookmark_behind_initial_events_says_so() {
    let wanted = json!({"kind": "ConfigMap", "apiVersion": "v1",
        "metadata": {"resourceVersion": "612", "annotations": {"k8s.io/initial-events-end": "true"}}});
    assert_eq!(bookmark("v1", "ConfigMap", 612, true), wanted);
    assert_eq!(bookmark("v1", "ConfigMap", 612, false)["metadata"], json!({"resourceVersion": "612"}));
}

#[test]
fn an_object_that_leaves_the_selector_is_deleted_for_the_watcher() {
    assert_eq!(EventType::seen(true, false), Some(EventType::Deleted));
    assert_eq!(EventType::seen(false, true), Some(EventType::Added));
    assert_eq!(EventType::seen(true, true), Some(EventType::Modified));
    assert_eq!(EventType::seen(false, false), None);
}

#[test]
fn a_failure_in_the_stream_is_an_error_frame_with_a_status() {
    let line = error_frame(&Status::expired_watch(1, 5));
    let value: Value = serde_json::from_slice(&line).expect("JSON");
    assert_eq!((&value["type"], &value["object"]["code"], line.last()), (&json!("ERROR"), &json!(410), Some(&b'\n')));
}
