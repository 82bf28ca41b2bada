//! From the server's answer to az's result: known fields only, in az's order and spelling, absent ones as null,
//! `properties` one level up, and `resourceGroup` from `id`.
//!
//! Invariant: two answers that differ only in unknown properties give the same result, as with az.

mod field;
mod tables;

use field::{Field, Kind};
use serde_json::Number;

use super::value::{Object, Value};

/// What kind of resource an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A node pool.
    Pool,
    /// A machine of a pool.
    Machine,
    /// The upgrade profile of a pool.
    UpgradeProfile,
}

impl Shape {
    fn fields(self) -> &'static [Field] {
        match self {
            Self::Pool => &tables::AGENT_POOL,
            Self::Machine => &tables::MACHINE,
            Self::UpgradeProfile => &tables::AGENT_POOL_UPGRADE_PROFILE,
        }
    }

    /// az's result for one resource.
    pub fn result(self, answer: &Value) -> Value {
        let mut result = shaped(answer, self.fields());
        add_resource_group(&mut result);
        result
    }

    /// az's result for a list of resources.
    pub fn results<'a>(self, answers: impl IntoIterator<Item = &'a Value>) -> Value {
        Value::List(answers.into_iter().map(|answer| self.result(answer)).collect())
    }
}

fn shaped(answer: &Value, fields: &'static [Field]) -> Value {
    if matches!(answer, Value::Null) {
        return Value::Null;
    }
    let mut object = Object::default();
    fill(&mut object, answer, fields);
    Value::Object(object)
}

fn fill(object: &mut Object, answer: &Value, fields: &'static [Field]) {
    for field in fields {
        let value = answer.field(field.wire);
        match field.kind {
            Kind::Flattened(inner) => fill(object, value, inner),
            _ => object.fields.push((field.name.to_owned(), read(value, &field.kind))),
        }
    }
}

fn read(value: &Value, kind: &Kind) -> Value {
    match (kind, value) {
        (Kind::Float, Value::Number(number)) => {
            let float = number.as_f64().and_then(Number::from_f64);
            float.map_or_else(|| value.clone(), Value::Number)
        }
        (Kind::Time, Value::Text(text)) => Value::Text(iso_format(text)),
        (Kind::Model(fields), _) => shaped(value, fields),
        (Kind::List(fields), Value::List(elements)) => Value::List(elements.iter().map(|element| shaped(element, fields)).collect()),
        (Kind::Dict(fields), Value::Object(object)) => {
            let entry = |(key, value): &(String, Value)| (key.clone(), shaped(value, fields));
            Value::Object(Object { fields: object.fields.iter().map(entry).collect(), selected: false })
        }
        _ => value.clone(),
    }
}

/// RFC 3339 as Python's `isoformat()` gives it back: microseconds or none, `+00:00` for `Z`.
fn iso_format(text: &str) -> String {
    let upper = text.to_uppercase();
    let Some(start) = upper.find('T') else {
        return text.to_owned();
    };
    let (clock, offset) = match upper[start..].find(['Z', '+', '-']) {
        Some(at) => upper.split_at(start + at),
        None => (upper.as_str(), ""),
    };
    let offset = if offset == "Z" { "+00:00" } else { offset };
    match clock.split_once('.') {
        Some((seconds, fraction)) if fraction.bytes().any(|digit| digit != b'0') => {
            format!("{seconds}.{fraction:0<6.6}{offset}")
        }
        Some((seconds, _)) => format!("{seconds}{offset}"),
        None => format!("{clock}{offset}"),
    }
}

/// az adds `resourceGroup` to everything that has a resource id, however deep.
fn add_resource_group(value: &mut Value) {
    match value {
        Value::List(elements) => elements.iter_mut().for_each(add_resource_group),
        Value::Object(object) => {
            let known = object.fields.iter().any(|(key, _)| key.eq_ignore_ascii_case("resourcegroup"));
            let group = object.get("id").and_then(Value::as_text).and_then(group_of);
            if let (false, Some(group)) = (known, group) {
                object.set("resourceGroup", Value::Text(group));
            }
            object.fields.iter_mut().for_each(|(_, value)| add_resource_group(value));
        }
        _ => {}
    }
}

fn group_of(id: &str) -> Option<String> {
    let parts: Vec<&str> = id.split('/').collect();
    let is_resource = parts.len() > 8 && parts[3].eq_ignore_ascii_case("resourcegroups");
    is_resource.then(|| parts[4].to_owned())
}
