//! Lists of a strategic merge patch: merging by key or as a set, and the order of the result.
//!
//! Order rule: items that the patch names stand in the patch's order, items that only the store has keep theirs, and the two
//! rows are woven so that an item of the store comes first only if it stood before the other in the store.

use super::PatchError;
use super::schema::Shape;
use super::strategic::{PATCH, merge_object, unknown_directive};
use serde_json::{Map, Value};

/// A merged list, and the order that an enclosing `$setElementOrder` takes for the store's.
pub(super) struct Merged {
    pub(super) items: Vec<Value>,
    pub(super) server_order: Vec<Value>,
}

/// Merges a list of objects by the member `key`.
pub(super) fn merge_by_key(mut stored: Vec<Value>, patch: Vec<Value>, key: &str, shape: Shape) -> Result<Merged, PatchError> {
    let stored_len = stored.len();
    let mut plain = Vec::new();
    let mut replace = false;
    for item in patch {
        let Value::Object(map) = item else {
            return Err(lists_of_different_items());
        };
        match map.get(PATCH) {
            None => plain.push(map),
            Some(Value::String(word)) if word == "delete" => {
                let doomed = map.get(key).ok_or_else(|| no_merge_key(&map, key))?;
                stored.retain(|item| item.get(key) != Some(doomed));
            }
            Some(Value::String(word)) if word == "replace" => replace = true,
            Some(Value::String(word)) if word == "merge" => {
                let text = "merging lists cannot yet be specified in the patch".to_owned();
                return Err(PatchError::Contradiction(text));
            }
            Some(other) => return Err(unknown_directive(other, &map)),
        }
    }
    if replace {
        let items: Vec<Value> = plain.into_iter().map(Value::Object).collect();
        items.iter().try_for_each(|item| key_of(item, key).map(drop))?;
        return Ok(Merged { items, server_order: stored });
    }
    let server_order = stored.clone();
    let mut order = Vec::with_capacity(plain.len());
    for map in plain {
        let name = map.get(key).cloned().ok_or_else(|| no_merge_key(&map, key))?;
        order.push(Value::Object(Map::from_iter([(key.to_owned(), name.clone())])));
        match stored.iter_mut().find(|item| item.get(key) == Some(&name)) {
            Some(Value::Object(existing)) => *existing = merge_object(std::mem::take(existing), map, shape)?,
            _ => stored.extend(super::strategic::without_directives(map.into())),
        }
    }
    // Upstream's new items fall into the places of the deleted ones, in the very array that it later takes for the store's
    // order; clients see the result, so it is part of the contract.
    let reused = stored.iter().take(stored_len).cloned().collect();
    Ok(Merged { items: arrange(stored, &order, &server_order, Some(key))?, server_order: reused })
}

/// Merges a list of scalars as a set.
pub(super) fn merge_set(stored: Vec<Value>, patch: Vec<Value>) -> Merged {
    let mut merged: Vec<Value> = Vec::with_capacity(stored.len() + patch.len());
    for item in stored.iter().chain(&patch) {
        if !merged.contains(item) {
            merged.push(item.clone());
        }
    }
    let items = arrange(merged, &patch, &stored, None).expect("scalars have no merge key to lack");
    Merged { items, server_order: stored }
}

/// Brings a merged list into order; see the rule above. With a `key`, `order` holds objects with that member.
pub(super) fn arrange(merged: Vec<Value>, order: &[Value], server_order: &[Value], key: Option<&str>) -> Result<Vec<Value>, PatchError> {
    let name = |item: &Value| -> Result<Value, PatchError> {
        match key {
            Some(key) => key_of(item, key).cloned(),
            None => Ok(item.clone()),
        }
    };
    let names = |list: &[Value]| list.iter().map(name).collect::<Result<Vec<_>, _>>();
    let (order, server_order) = (names(order)?, names(server_order)?);
    let place = |list: &[Value], name: &Value| list.iter().position(|other| other == name);
    let (mut wanted, mut others) = (Vec::new(), Vec::new());
    for item in merged {
        let name = name(&item)?;
        match place(&order, &name) {
            Some(at) => wanted.push((at, name, item)),
            None => others.push((place(&server_order, &name).unwrap_or(usize::MAX), name, item)),
        }
    }
    wanted.sort_by_key(|(at, _, _)| *at);
    others.sort_by_key(|(at, _, _)| *at);
    let mut out = Vec::with_capacity(wanted.len() + others.len());
    let (mut wanted, mut others) = (wanted.into_iter().peekable(), others.into_iter().peekable());
    while let (Some((_, new, _)), Some((at, _, _))) = (wanted.peek(), others.peek()) {
        let earlier = place(&server_order, new).is_some_and(|new_at| *at < new_at);
        let next = if earlier { others.next() } else { wanted.next() };
        out.extend(next.map(|(_, _, item)| item));
    }
    out.extend(wanted.chain(others).map(|(_, _, item)| item));
    Ok(out)
}

/// The patch's items must stand in the order that `$setElementOrder` names.
pub(super) fn check_order(patch: &[Value], order: &[Value], key: Option<&str>) -> Result<(), PatchError> {
    if patch.is_empty() || order.is_empty() {
        return Ok(());
    }
    let mut waiting = patch.iter().filter(|item| item.get(PATCH).is_none()).peekable();
    for wanted in order {
        let same = match (waiting.peek(), key) {
            (None, _) => break,
            (Some(item), Some(key)) => key_of(item, key)? == key_of(wanted, key)?,
            (Some(item), None) => *item == wanted,
        };
        if same {
            waiting.next();
        }
    }
    if waiting.peek().is_none() {
        return Ok(());
    }
    let (patch, order) = (go_list(patch), go_list(order));
    let text = format!("The order in patch list:\n{patch}\n doesn't match $setElementOrder list:\n{order}\n");
    Err(PatchError::Contradiction(text))
}

fn key_of<'a>(item: &'a Value, key: &str) -> Result<&'a Value, PatchError> {
    let map = item.as_object().ok_or_else(lists_of_different_items)?;
    map.get(key).ok_or_else(|| no_merge_key(map, key))
}

fn no_merge_key(map: &Map<String, Value>, key: &str) -> PatchError {
    PatchError::Contradiction(format!("map: {} does not contain declared merge key: {key}", go_map(map)))
}

fn lists_of_different_items() -> PatchError {
    PatchError::Contradiction("list element types are not identical: map[string]interface {}".to_owned())
}

/// A value as Go prints it (`%v`): `map[a:1 b:[x y]]`.
fn go(value: &Value) -> String {
    match value {
        Value::Object(map) => go_map(map),
        Value::Array(list) => go_list(list),
        Value::String(text) => text.clone(),
        Value::Null => "<nil>".to_owned(),
        other => other.to_string(),
    }
}

pub(super) fn go_map(map: &Map<String, Value>) -> String {
    let members: Vec<String> = map.iter().map(|(key, value)| format!("{key}:{}", go(value))).collect();
    format!("map[{}]", members.join(" "))
}

fn go_list(list: &[Value]) -> String {
    format!("[{}]", list.iter().map(go).collect::<Vec<_>>().join(" "))
}
