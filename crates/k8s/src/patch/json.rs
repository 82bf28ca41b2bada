//! JSON patch, RFC 6902, with the liberties that upstream's implementation takes.
//!
//! Those are: `replace` of a missing member sets it, `copy` from a missing member copies null, `test` of a missing member
//! against null holds, a missing `value` is null, negative list indexes count from the end;
//! `test` compares as written, so 1 and 1.0 differ. Every failure is the same 422
//! without a reason (observed with kube-apiserver 1.36), so there is one error here.

use super::{PatchError, json_error, json_type};
use serde_json::Value;

/// Upstream's bound on the work of one patch.
pub const MAX_OPERATIONS: usize = 10_000;

/// A parsed patch.
pub(super) type Operations = Vec<serde_json::Map<String, Value>>;

/// Parses and bounds a patch body.
pub(super) fn parse(body: &[u8]) -> Result<Operations, PatchError> {
    let malformed = |text: String| PatchError::Malformed(format!("error decoding patch: {text}"));
    let wrong = |value: &Value, into: &str| malformed(format!("json: cannot unmarshal {} into Go value of type {into}", json_type(value)));
    let operations = match serde_json::from_slice(body).map_err(|error| malformed(json_error(&error)))? {
        Value::Array(operations) => operations,
        Value::Null => Vec::new(),
        other => return Err(wrong(&other, "[]handlers.jsonPatchOp")),
    };
    if operations.len() > MAX_OPERATIONS {
        return Err(PatchError::TooManyOperations(operations.len()));
    }
    operations
        .into_iter()
        .map(|operation| match operation {
            Value::Object(operation) => Ok(operation),
            other => Err(wrong(&other, "handlers.jsonPatchOp")),
        })
        .collect()
}

/// The patched document.
pub(super) fn apply(original: &Value, operations: Operations) -> Result<Value, PatchError> {
    let mut document = original.clone();
    for operation in operations {
        step(&mut document, &operation).ok_or(PatchError::Rejected)?;
    }
    Ok(document)
}

/// One operation; `None` when it does not apply.
fn step(document: &mut Value, operation: &serde_json::Map<String, Value>) -> Option<()> {
    let path = operation.get("path")?.as_str()?;
    let from = || operation.get("from").and_then(Value::as_str);
    let value = || operation.get("value").cloned().unwrap_or(Value::Null);
    match operation.get("op")?.as_str()? {
        "add" => add(document, path, value()),
        "remove" => remove(document, path).map(drop),
        "replace" => replace(document, path, value()),
        "move" => {
            let moved = remove(document, from()?)?;
            add(document, path, moved)
        }
        "copy" => {
            let copied = look(document, from()?)?.cloned().unwrap_or(Value::Null);
            add(document, path, copied)
        }
        "test" => {
            let found = look(document, path)?.unwrap_or(&Value::Null);
            (*found == value()).then_some(())
        }
        _ => None,
    }
}

/// The container of the last segment, and that segment unescaped.
fn parent<'a>(document: &'a mut Value, path: &str) -> Option<(&'a mut Value, String)> {
    let mut segments = path.strip_prefix('/')?.split('/').map(|part| part.replace("~1", "/").replace("~0", "~"));
    let mut at = document;
    let mut segment = segments.next()?;
    for next in segments {
        at = match at {
            Value::Object(map) => map.get_mut(&segment)?,
            Value::Array(list) => {
                let index = index(&segment, list.len())?;
                list.get_mut(index)?
            }
            _ => return None,
        };
        segment = next;
    }
    Some((at, segment))
}

/// `Some(None)`: the container exists, the member does not. The whole document has the empty path.
fn look<'a>(document: &'a mut Value, path: &str) -> Option<Option<&'a Value>> {
    if path.is_empty() {
        return Some(Some(document));
    }
    match parent(document, path)? {
        (Value::Object(map), key) => Some(map.get(&key)),
        (Value::Array(list), key) => {
            let index = index(&key, list.len())?;
            list.get(index).map(Some)
        }
        _ => None,
    }
}

/// A list position below `len`; negative ones count from the end.
fn index(segment: &str, len: usize) -> Option<usize> {
    let number: i64 = segment.parse().ok()?;
    let position = if number < 0 { number + i64::try_from(len).ok()? } else { number };
    usize::try_from(position).ok().filter(|position| *position < len)
}

fn add(document: &mut Value, path: &str, value: Value) -> Option<()> {
    if path.is_empty() {
        *document = value;
        return Some(());
    }
    match parent(document, path)? {
        (Value::Object(map), key) => {
            map.insert(key, value);
        }
        (Value::Array(list), key) if key == "-" => list.push(value),
        (Value::Array(list), key) => {
            let at = index(&key, list.len() + 1)?;
            list.insert(at, value);
        }
        _ => return None,
    }
    Some(())
}

fn remove(document: &mut Value, path: &str) -> Option<Value> {
    match parent(document, path)? {
        (Value::Object(map), key) => map.remove(&key),
        (Value::Array(list), key) => {
            let at = index(&key, list.len())?;
            Some(list.remove(at))
        }
        _ => None,
    }
}

fn replace(document: &mut Value, path: &str, value: Value) -> Option<()> {
    if path.is_empty() {
        *document = value;
        return Some(());
    }
    match parent(document, path)? {
        (Value::Object(map), key) => {
            map.insert(key, value);
        }
        (Value::Array(list), key) => {
            let at = index(&key, list.len())?;
            list[at] = value;
        }
        _ => return None,
    }
    Some(())
}
