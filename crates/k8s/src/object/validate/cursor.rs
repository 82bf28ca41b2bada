//! A place in a document: the value and the path that leads there, so that a complaint is one word.
//!
//! Absent fields are null, which reads as empty text, no items and zero, as Go's decoder leaves them. Types were checked
//! before: a value of another type than asked for reads as absent.

use crate::status::{FieldError, FieldPath};
use serde_json::Value;

/// The complaints so far.
pub type Errors = Vec<FieldError>;

static NULL: Value = Value::Null;

/// A value and its path.
#[derive(Clone)]
pub struct At<'a> {
    /// The value.
    pub value: &'a Value,
    /// Its path.
    pub path: FieldPath,
}

impl<'a> At<'a> {
    /// The whole document.
    pub fn root(value: &'a Value) -> At<'a> {
        At { value, path: FieldPath::default() }
    }
    /// A field.
    pub fn get(&self, name: &str) -> At<'a> {
        At { value: self.value.get(name).unwrap_or(&NULL), path: self.path.child(name) }
    }
    /// The items of a list.
    pub fn items(&self) -> Vec<At<'a>> {
        let list = self.value.as_array().into_iter().flatten().enumerate();
        list.map(|(index, value)| At { value, path: self.path.index(index) }).collect()
    }
    /// The entries of a map, by key.
    pub fn entries(&self) -> Vec<(&'a str, At<'a>)> {
        let map = self.value.as_object().into_iter().flatten();
        map.map(|(key, value)| (key.as_str(), At { value, path: self.path.key(key) })).collect()
    }
    /// Text; empty where there is none.
    pub fn text(&self) -> &'a str {
        self.value.as_str().unwrap_or_default()
    }
    /// A whole number.
    pub fn int(&self) -> Option<i64> {
        self.value.as_i64()
    }
    /// Whether it is true.
    pub fn is_true(&self) -> bool {
        self.value.as_bool() == Some(true)
    }
    /// Whether it is there.
    pub fn is_set(&self) -> bool {
        !self.value.is_null()
    }
    /// Whether it is absent or has nothing in it.
    pub fn is_empty(&self) -> bool {
        match self.value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(list) => list.is_empty(),
            Value::Object(map) => map.is_empty(),
            _ => false,
        }
    }
    /// The value as complaints show it: absent text is shown as empty.
    fn shown(&self) -> Value {
        if self.is_set() { self.value.clone() } else { "".into() }
    }
    /// Malformed or out of range.
    pub fn invalid(&self, why: &str) -> FieldError {
        FieldError::invalid(&self.path, self.shown(), why)
    }
    /// Missing.
    pub fn required(&self, why: &str) -> FieldError {
        FieldError::required(&self.path, why)
    }
    /// May not be there.
    pub fn forbidden(&self, why: &str) -> FieldError {
        FieldError::forbidden(&self.path, why)
    }
    /// There twice.
    pub fn duplicate(&self) -> FieldError {
        FieldError::duplicate(&self.path, self.shown())
    }
    /// None of a closed set.
    pub fn unsupported(&self, words: &[&str]) -> FieldError {
        FieldError::not_supported(&self.path, self.shown(), words)
    }
    /// A complaint for each text about this value.
    pub fn all_invalid(&self, texts: Vec<String>, errors: &mut Errors) {
        errors.extend(texts.iter().map(|text| self.invalid(text)));
    }
    /// It must be one of these words.
    pub fn one_of(&self, words: &[&str], errors: &mut Errors) {
        if self.is_empty() {
            errors.push(self.required(""));
        } else if !words.contains(&self.text()) {
            errors.push(self.unsupported(words));
        }
    }
    /// It must not be below 0.
    pub fn not_negative(&self, errors: &mut Errors) {
        if self.int().is_some_and(|number| number < 0) {
            errors.push(self.invalid("must be greater than or equal to 0"));
        }
    }
    /// It must be a port number.
    pub fn port_number(&self, errors: &mut Errors) {
        if !(1..=65_535).contains(&self.int().unwrap_or_default()) {
            let error = FieldError::invalid(&self.path, self.int().unwrap_or_default(), "must be between 1 and 65535, inclusive");
            errors.push(error);
        }
    }
    /// It must be a port number or a port's name.
    pub fn port(&self, errors: &mut Errors) {
        match self.value {
            Value::String(name) => self.all_invalid(port_name(name), errors),
            _ => self.port_number(errors),
        }
    }
}

/// Complaints about a port's name.
pub fn port_name(name: &str) -> Vec<String> {
    let mut texts = Vec::new();
    if name.len() > 15 {
        texts.push("must be no more than 15 characters".to_owned());
    }
    let is_letter = |b: u8| b.is_ascii_lowercase();
    if name.is_empty() || !name.bytes().all(|b| is_letter(b) || b.is_ascii_digit() || b == b'-') {
        texts.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)".to_owned());
    }
    if !name.bytes().any(is_letter) {
        texts.push("must contain at least one letter (a-z)".to_owned());
    }
    if name.contains("--") {
        texts.push("must not contain consecutive hyphens".to_owned());
    }
    if name.starts_with('-') || name.ends_with('-') {
        texts.push("must not begin or end with a hyphen".to_owned());
    }
    texts
}
