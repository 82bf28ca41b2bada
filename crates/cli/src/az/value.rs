//! A JSON value that remembers the order of its fields, as az's dictionaries do.
//!
//! Invariants: fields are unique; the last of two equal keys wins in the place of the first. `selected` marks the
//! result of a `--query` multiselect hash: tsv prints those in the order asked for, all others sorted by key.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

/// A JSON value with ordered fields.
#[derive(Clone, Debug)]
pub enum Value {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// Integer or float.
    Number(Number),
    /// Text.
    Text(String),
    /// Array.
    List(Vec<Value>),
    /// Object.
    Object(Object),
}

/// The fields of an object, in order.
#[derive(Clone, Debug, Default)]
pub struct Object {
    /// Name and value.
    pub fields: Vec<(String, Value)>,
    /// Made by a multiselect hash.
    pub selected: bool,
}

impl Object {
    /// The value of a field.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// Sets a field; an existing one keeps its place.
    pub fn set(&mut self, name: &str, value: Value) {
        match self.fields.iter_mut().find(|(key, _)| key == name) {
            Some((_, old)) => *old = value,
            None => self.fields.push((name.to_owned(), value)),
        }
    }

    /// The fields by name; names compare by code point, as in Python.
    pub fn sorted(&self) -> Vec<(&str, &Value)> {
        let mut fields: Vec<_> = self.fields.iter().map(|(key, value)| (key.as_str(), value)).collect();
        fields.sort_by_key(|(key, _)| *key);
        fields
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        self.fields.len() == other.fields.len() && self.fields.iter().all(|(key, value)| other.get(key) == Some(value))
    }
}

/// Numbers compare by value (`1 == 1.0`), objects without order.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(one), Self::Bool(two)) => one == two,
            (Self::Number(one), Self::Number(two)) => one == two || one.as_f64() == two.as_f64(),
            (Self::Text(one), Self::Text(two)) => one == two,
            (Self::List(one), Self::List(two)) => one == two,
            (Self::Object(one), Self::Object(two)) => one == two,
            _ => false,
        }
    }
}

impl Value {
    /// Text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A field of an object; `Null` when there is none or this is no object.
    pub fn field(&self, name: &str) -> &Value {
        match self {
            Self::Object(object) => object.get(name).unwrap_or(&Value::Null),
            _ => &Value::Null,
        }
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The elements, none if it is no list.
    pub fn elements(&self) -> &[Value] {
        match self {
            Self::List(elements) => elements,
            _ => &[],
        }
    }

    /// False are null, false and everything empty; 0 is true (JMESPath).
    pub fn is_truthy(&self) -> bool {
        match self {
            Self::Null | Self::Bool(false) => false,
            Self::Text(text) => !text.is_empty(),
            Self::List(elements) => !elements.is_empty(),
            Self::Object(object) => !object.fields.is_empty(),
            Self::Bool(true) | Self::Number(_) => true,
        }
    }

    /// As Python's `str()` writes it: table cells and tsv.
    pub fn python_str(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            other => other.python_repr(),
        }
    }

    fn python_repr(&self) -> String {
        match self {
            Self::Null => "None".to_owned(),
            Self::Bool(true) => "True".to_owned(),
            Self::Bool(false) => "False".to_owned(),
            Self::Number(number) => number_text(number),
            Self::Text(text) => text_repr(text),
            Self::List(elements) => {
                let elements: Vec<_> = elements.iter().map(Self::python_repr).collect();
                format!("[{}]", elements.join(", "))
            }
            Self::Object(object) => {
                let fields: Vec<_> =
                    object.fields.iter().map(|(key, value)| format!("{}: {}", text_repr(key), value.python_repr())).collect();
                let fields = format!("{{{}}}", fields.join(", "));
                if object.selected { format!("OrderedDict({fields})") } else { fields }
            }
        }
    }
}

/// A number as Python and JSON of Python write it: floats keep a point or an exponent of at least two digits.
pub(super) fn number_text(number: &Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() => float_text(float),
        _ => number.to_string(),
    }
}

fn float_text(float: f64) -> String {
    let magnitude = float.abs();
    if magnitude != 0.0 && !(1e-4..1e16).contains(&magnitude) {
        let scientific = format!("{float:e}");
        let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    format!("{float:?}")
}

fn text_repr(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut repr = String::from(quote);
    for ch in text.chars() {
        match ch {
            '\n' => repr.push_str("\\n"),
            '\r' => repr.push_str("\\r"),
            '\t' => repr.push_str("\\t"),
            '\\' => repr.push_str("\\\\"),
            _ if ch == quote => repr.extend(['\\', ch]),
            _ if ch.is_control() => repr.push_str(&format!("\\x{:02x}", ch as u32)),
            _ => repr.push(ch),
        }
    }
    repr.push(quote);
    repr
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }
    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::text(value))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = sequence.next_element()? {
            elements.push(element);
        }
        Ok(Value::List(elements))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Object::default();
        while let Some((key, value)) = map.next_entry::<String, Value>()? {
            object.set(&key, value);
        }
        Ok(Value::Object(object))
    }
}
