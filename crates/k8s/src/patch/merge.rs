//! JSON merge patch, RFC 7386: objects merge, null deletes, everything else replaces.
//!
//! Lists are replaced as a whole; to change one item, a client sends a strategic or a JSON patch.

use serde_json::{Map, Value};

/// The merged document.
pub(super) fn apply(target: Value, patch: Value) -> Value {
    let Value::Object(patch) = patch else { return patch };
    let mut merged = match target {
        Value::Object(map) => map,
        _ => Map::new(),
    };
    for (key, value) in patch {
        if value.is_null() {
            merged.remove(&key);
        } else {
            let before = merged.remove(&key).unwrap_or(Value::Null);
            merged.insert(key, apply(before, value));
        }
    }
    Value::Object(merged)
}
