//! Strategic merge patch: a merge patch in which lists may merge by a key, and in which directives rule.
//!
//! Directives: `$patch: replace|delete` in an object, `$patch: replace|delete` in a list item, `$retainKeys`,
//! `$setElementOrder/x`, `$deleteFromPrimitiveList/x`. Behaviour follows apimachinery 0.36 (golden cases from the real
//! implementation in tests), with one difference: directives inside a *new* list item are dropped instead of stored.

use super::list::{self, Merged};
use super::schema::{self, Field, Shape, Strategy};
use super::{PatchError, json_type};
use serde_json::{Map, Value};

pub(super) const PATCH: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const SET_ORDER: &str = "$setElementOrder";
const DELETE_FROM: &str = "$deleteFromPrimitiveList";

type Object = Map<String, Value>;

/// The patched document.
pub(super) fn apply(original: &Value, patch: Object, shape: Shape) -> Result<Value, PatchError> {
    let original = original.as_object().cloned().unwrap_or_default();
    merge_object(original, patch, shape).map(Value::Object)
}

/// Merges `patch` into `original`.
pub(super) fn merge_object(mut original: Object, mut patch: Object, shape: Shape) -> Result<Object, PatchError> {
    if let Some(directive) = patch.remove(PATCH) {
        return match directive.as_str() {
            Some("replace") => Ok(patch),
            Some("delete") => Ok(Object::new()),
            _ => {
                patch.insert(PATCH.to_owned(), directive.clone());
                Err(unknown_directive(&directive, &patch))
            }
        };
    }
    retain_keys(&mut original, &mut patch)?;
    set_orders(&mut original, &mut patch, shape)?;
    for (key, value) in patch {
        if let Some(name) = directive_field(&key, DELETE_FROM, "primitive")? {
            if let (Some(Value::Array(stored)), Value::Array(doomed)) = (original.get_mut(name), &value) {
                stored.retain(|item| !doomed.contains(item));
            }
            continue;
        }
        let field = schema::field(shape, &key);
        match (original.remove(&key), value) {
            (_, Value::Null) => {}
            (Some(Value::Object(stored)), Value::Object(new)) => {
                let merged = match field.strategy {
                    Strategy::Replace => new,
                    _ => merge_object(stored, new, field.shape)?,
                };
                original.insert(key, merged.into());
            }
            (Some(Value::Array(stored)), Value::Array(new)) => {
                original.insert(key, merge_list(stored, new, field)?.items.into());
            }
            (_, new) => {
                if let Some(new) = without_directives(new) {
                    original.insert(key, new);
                }
            }
        }
    }
    Ok(original)
}

fn merge_list(stored: Vec<Value>, patch: Vec<Value>, field: Field) -> Result<Merged, PatchError> {
    match field.strategy {
        Strategy::MergeBy(key) => list::merge_by_key(stored, patch, key, field.shape),
        Strategy::MergeSet => Ok(list::merge_set(stored, patch)),
        Strategy::Default | Strategy::Replace => Ok(Merged { items: patch, server_order: stored }),
    }
}

/// `$retainKeys`: what is not named goes away, and the patch may set only what is named.
fn retain_keys(original: &mut Object, patch: &mut Object) -> Result<(), PatchError> {
    let Some(directive) = patch.remove(RETAIN_KEYS) else {
        return Ok(());
    };
    let malformed = || PatchError::Malformed("invalid patch format of retainKeys".to_owned());
    let kept = directive.as_array().ok_or_else(malformed)?;
    let named = |key: &str| kept.iter().any(|kept| kept.as_str() == Some(key));
    let is_directive = |key: &str| key.starts_with(DELETE_FROM) || key.starts_with(SET_ORDER);
    if patch.iter().any(|(key, value)| !value.is_null() && !is_directive(key) && !named(key)) {
        return Err(malformed());
    }
    original.retain(|key, _| named(key));
    Ok(())
}

/// `$setElementOrder/x`: merges list `x` now, in the order that the patch wants; takes both keys out of the patch.
fn set_orders(original: &mut Object, patch: &mut Object, shape: Shape) -> Result<(), PatchError> {
    let keys: Vec<String> = patch.keys().filter(|key| key.starts_with(SET_ORDER)).cloned().collect();
    for directive in keys {
        let order = match patch.remove(&directive) {
            Some(Value::Array(order)) => order,
            other => return Err(not_a_list(other.as_ref())),
        };
        let Some(name) = directive_field(&directive, SET_ORDER, "setElementOrder")? else {
            continue;
        };
        let field = schema::field(shape, name);
        let key = match field.strategy {
            Strategy::MergeBy(key) => Some(key),
            _ => None,
        };
        let take = |map: &mut Object| match map.remove(name) {
            None => Ok(None),
            Some(Value::Array(list)) => Ok(Some(list)),
            Some(other) => Err(not_a_list(Some(&other))),
        };
        let (stored, new) = (take(original)?, take(patch)?);
        list::check_order(new.as_deref().unwrap_or_default(), &order, key)?;
        let Merged { items, server_order } = match (stored, new) {
            (None, None) => continue,
            (Some(stored), None) => Merged { items: stored.clone(), server_order: stored },
            (None, Some(new)) => {
                let items = new.into_iter().filter_map(without_directives).collect();
                Merged { items, server_order: Vec::new() }
            }
            (Some(stored), Some(new)) => merge_list(stored, new, field)?,
        };
        original.insert(name.to_owned(), list::arrange(items, &order, &server_order, key)?.into());
    }
    Ok(())
}

/// The field that a `$directive/field` key names; `None` when the key is no such directive.
fn directive_field<'a>(key: &'a str, directive: &str, title: &str) -> Result<Option<&'a str>, PatchError> {
    let Some(rest) = key.strip_prefix(directive) else {
        return Ok(None);
    };
    match rest.strip_prefix('/') {
        Some(field) => Ok(Some(field)),
        None => Err(PatchError::Malformed(format!("invalid patch format of {title} list"))),
    }
}

/// A new value as it is stored: objects that carry `$patch` vanish, other directives are dropped.
pub(super) fn without_directives(value: Value) -> Option<Value> {
    match value {
        Value::Object(map) if map.contains_key(PATCH) => None,
        Value::Object(map) => {
            let plain =
                map.into_iter().filter(|(key, _)| !key.starts_with(SET_ORDER) && !key.starts_with(DELETE_FROM) && key != RETAIN_KEYS);
            Some(plain.filter_map(|(key, value)| Some((key, without_directives(value)?))).collect())
        }
        Value::Array(list) => Some(list.into_iter().filter_map(without_directives).collect()),
        other => Some(other),
    }
}

fn not_a_list(found: Option<&Value>) -> PatchError {
    let found = match found {
        Some(Value::Number(number)) => {
            if number.is_f64() {
                "float64"
            } else {
                "int64"
            }
        }
        Some(Value::Object(_)) => "map[string]interface {}",
        Some(other) => json_type(other),
        None => "null",
    };
    PatchError::Contradiction(format!("expected a []interface {{}}, but received a {found}"))
}

pub(super) fn unknown_directive(directive: &Value, map: &Object) -> PatchError {
    let word = directive.as_str().map_or_else(|| directive.to_string(), str::to_owned);
    PatchError::Contradiction(format!("unknown patch type: {word} in map: {}", list::go_map(map)))
}
