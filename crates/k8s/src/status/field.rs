//! Field errors: the single complaints of a validation, in Kubernetes' words.
//!
//! Invariant: `Display` gives `path: Kind of complaint: value: detail`, and [`FieldError::cause`] the machine form with the
//! same text behind the path. Not here: the rules themselves.

use serde::Serialize;
use serde_json::Value;
use std::fmt;

/// One reason in `details.causes`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// Machine-readable, `""` when there is none.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub reason: &'static str,
    /// For people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Path of the field, empty when none is meant.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub field: String,
}

/// A path such as `spec.containers[0].resources[cpu]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldPath(String);

impl FieldPath {
    /// The path of a top-level field.
    pub fn new(name: &str) -> FieldPath {
        FieldPath(name.to_owned())
    }

    /// Path of a member.
    pub fn child(&self, name: &str) -> FieldPath {
        if self.0.is_empty() { FieldPath(name.to_owned()) } else { FieldPath(format!("{}.{name}", self.0)) }
    }

    /// Path of a list item.
    pub fn index(&self, index: usize) -> FieldPath {
        FieldPath(format!("{}[{index}]", self.0))
    }

    /// Path of a map entry.
    pub fn key(&self, key: &str) -> FieldPath {
        FieldPath(format!("{}[{key}]", self.0))
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "<nil>" } else { &self.0 })
    }
}

/// One complaint about one field.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldError {
    path: FieldPath,
    reason: &'static str,
    title: &'static str,
    value: Option<Value>,
    detail: String,
}

impl FieldError {
    fn new(path: &FieldPath, reason: &'static str, title: &'static str, value: Option<Value>, detail: &str) -> Self {
        FieldError { path: path.clone(), reason, title, value, detail: detail.to_owned() }
    }

    /// The field must be there. `detail` may be empty.
    pub fn required(path: &FieldPath, detail: &str) -> Self {
        Self::new(path, "FieldValueRequired", "Required value", None, detail)
    }

    /// The value is malformed or out of range.
    pub fn invalid(path: &FieldPath, value: impl Into<Value>, detail: &str) -> Self {
        Self::new(path, "FieldValueInvalid", "Invalid value", Some(value.into()), detail)
    }

    /// The value has the wrong JSON type.
    pub fn type_invalid(path: &FieldPath, value: impl Into<Value>, detail: &str) -> Self {
        Self::new(path, "FieldValueTypeInvalid", "Invalid value", Some(value.into()), detail)
    }

    /// The value is none of a closed set.
    pub fn not_supported(path: &FieldPath, value: impl Into<Value>, supported: &[&str]) -> Self {
        let quoted: Vec<String> = supported.iter().map(|word| quote(word)).collect();
        let detail = if quoted.is_empty() { String::new() } else { format!("supported values: {}", quoted.join(", ")) };
        Self::new(path, "FieldValueNotSupported", "Unsupported value", Some(value.into()), &detail)
    }

    /// The value occurs twice.
    pub fn duplicate(path: &FieldPath, value: impl Into<Value>) -> Self {
        Self::new(path, "FieldValueDuplicate", "Duplicate value", Some(value.into()), "")
    }

    /// What the value names does not exist.
    pub fn not_found(path: &FieldPath, value: impl Into<Value>) -> Self {
        Self::new(path, "FieldValueNotFound", "Not found", Some(value.into()), "")
    }

    /// The field may not be set, or not be changed.
    pub fn forbidden(path: &FieldPath, detail: &str) -> Self {
        Self::new(path, "FieldValueForbidden", "Forbidden", None, detail)
    }

    /// The value has more bytes than allowed.
    pub fn too_long(path: &FieldPath, limit_bytes: usize) -> Self {
        let unit = if limit_bytes == 1 { "byte" } else { "bytes" };
        let detail = format!("may not be more than {limit_bytes} {unit}");
        Self::new(path, "FieldValueTooLong", "Too long", None, &detail)
    }

    /// The list has more items than allowed.
    pub fn too_many(path: &FieldPath, found: usize, limit: usize) -> Self {
        let unit = if limit == 1 { "item" } else { "items" };
        let detail = format!("must have at most {limit} {unit}");
        Self::new(path, "FieldValueTooMany", "Too many", Some(found.into()), &detail)
    }

    /// The field does not change after creation; `value` is the new one.
    pub fn immutable(path: &FieldPath, value: impl Into<Value>) -> Self {
        Self::invalid(path, value, "field is immutable")
    }

    /// Everything behind the path.
    pub fn body(&self) -> String {
        let mut text = self.title.to_owned();
        if let Some(value) = &self.value {
            let shown = value.as_str().map_or_else(|| value.to_string(), quote);
            text.push_str(&format!(": {shown}"));
        }
        if !self.detail.is_empty() {
            text.push_str(&format!(": {}", self.detail));
        }
        text
    }

    /// The machine form.
    pub fn cause(&self) -> Cause {
        Cause { reason: self.reason, message: self.body(), field: self.path.to_string() }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.body())
    }
}

/// A string in double quotes, with Go's escapes (`%q`) for quotes, backslashes and control characters.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            c if (c as u32) < 0x20 || c as u32 == 0x7f => out.push_str(&format!("\\x{:02x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
