//! Events in two shapes: core/v1, which is kept, and events.k8s.io/v1, which renames its fields.
//!
//! One document, one revision, one watch; only names of fields differ.
//! Not here: who writes events.

use serde_json::{Map, Value, json};

/// Names of a field in core/v1 and in events.k8s.io/v1.
const RENAMED: &[(&str, &str)] = &[
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("count", "deprecatedCount"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("source", "deprecatedSource"),
    ("reportingComponent", "reportingController"),
];

/// Turns a core/v1 event into the shape of events.k8s.io/v1.
pub fn events_v1(event: &mut Value) {
    let Some(map) = event.as_object_mut() else { return };
    rename(map, |(core, v1)| (core, v1));
    map.insert("apiVersion".into(), "events.k8s.io/v1".into());
    map.entry("eventTime").or_insert(Value::Null);
}

/// Turns an events.k8s.io/v1 event into the shape of core/v1.
pub fn events_core(event: &mut Value) {
    let Some(map) = event.as_object_mut() else { return };
    rename(map, |(core, v1)| (v1, core));
    map.insert("apiVersion".into(), "v1".into());
    map.entry("source").or_insert_with(|| json!({}));
}

fn rename(map: &mut Map<String, Value>, order: impl Fn((&'static str, &'static str)) -> (&'static str, &'static str)) {
    for pair in RENAMED {
        let (from, to) = order(*pair);
        if let Some(value) = map.remove(from) {
            map.insert(to.into(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_comes_back_as_it_was() {
        let core = json!({"apiVersion": "v1", "kind": "Event", "involvedObject": {"name": "a"}, "message": "m", "source": {"component": "c"}, "count": 2});
        let mut event = core.clone();
        events_v1(&mut event);
        assert_eq!((&event["regarding"]["name"], &event["note"], &event["deprecatedCount"]), (&json!("a"), &json!("m"), &json!(2)));
        event.as_object_mut().unwrap().remove("eventTime");
        events_core(&mut event);
        assert_eq!(event, core);
    }
}
