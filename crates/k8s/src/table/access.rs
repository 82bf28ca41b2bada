//! Reading documents for printing: pointers with defaults, ages, and the small phrases that columns share.
//!
//! Invariant: a missing or mistyped field prints as upstream's zero value, never fails.

use super::human_duration;
use nodelane_model::Time;
use serde_json::Value;

/// Text at a pointer, `""` when there is none.
pub(super) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Text at a pointer, or a placeholder when it is missing or empty.
pub(super) fn text_or<'a>(object: &'a Value, pointer: &str, placeholder: &'a str) -> &'a str {
    Some(text(object, pointer)).filter(|text| !text.is_empty()).unwrap_or(placeholder)
}

/// Integer at a pointer, 0 when there is none.
pub(super) fn integer(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or_default()
}

/// Boolean at a pointer, false when there is none.
pub(super) fn boolean(object: &Value, pointer: &str) -> bool {
    object.pointer(pointer).and_then(Value::as_bool).unwrap_or_default()
}

/// List at a pointer, empty when there is none.
pub(super) fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Entries of an object at a pointer.
pub(super) fn len(object: &Value, pointer: &str) -> usize {
    object.pointer(pointer).and_then(Value::as_object).map_or(0, serde_json::Map::len)
}

/// The name cell.
pub(super) fn name(object: &Value) -> Value {
    text(object, "/metadata/name").into()
}

/// Is the object being deleted?
pub(super) fn is_deleting(object: &Value) -> bool {
    !text(object, "/metadata/deletionTimestamp").is_empty()
}

/// The age cell.
pub(super) fn age(object: &Value, now: Time) -> Value {
    since(object, "/metadata/creationTimestamp", now).into()
}

/// Time since a timestamp, `<unknown>` when there is none.
pub(super) fn since(object: &Value, pointer: &str, now: Time) -> String {
    match Time::parse(text(object, pointer)) {
        Some(then) => human_duration(now.since(then)),
        None => "<unknown>".to_owned(),
    }
}

/// The status of a condition, `None` when it is not there.
pub(super) fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a str> {
    let condition = list(object, "/status/conditions").iter().find(|condition| text(condition, "/type") == kind)?;
    Some(text(condition, "/status"))
}

/// Is a condition `True`?
pub(super) fn holds(object: &Value, kind: &str) -> bool {
    condition(object, kind) == Some("True")
}

/// Texts of a list, joined by commas.
pub(super) fn joined<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    texts.collect::<Vec<_>>().join(",")
}

/// A label map as `a=1,b=2`, `<none>` when empty.
pub(super) fn labels(object: &Value, pointer: &str) -> String {
    let map = object.pointer(pointer).and_then(Value::as_object);
    let pairs: Vec<String> =
        map.into_iter().flatten().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
    if pairs.is_empty() { "<none>".to_owned() } else { pairs.join(",") }
}

/// At most three texts, then `+ n more...`; `empty` when there is none.
pub(super) fn first_three(texts: &[String], empty: &str) -> String {
    match texts.len() {
        0 => empty.to_owned(),
        1..=3 => texts.join(","),
        more => format!("{} + {} more...", texts[..3].join(","), more - 3),
    }
}
