//! PATCH bodies: what the content types mean, and one door to the three dialects.
//!
//! Invariants: a patch is applied to the *stored shape* of a document; nulls in a result are removed, as decoding into
//! upstream's structs does. All three refuse what they cannot do and never half-apply. Source of texts: kube-apiserver 1.36.
//! Not here: server-side apply (415), isolation of `status`, admission, retries when the document moved.

mod json;
mod list;
mod merge;
mod schema;
mod strategic;

use crate::registry::Resource;
use crate::status::Status;
use serde_json::Value;

pub use json::MAX_OPERATIONS;

/// The dialects, by content type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// RFC 6902, `application/json-patch+json`
    Json,
    /// RFC 7386, `application/merge-patch+json`
    Merge,
    /// `application/strategic-merge-patch+json`, built-in kinds only
    Strategic,
}

impl Dialect {
    /// The dialect of a content type for this kind, or the 415.
    pub fn of(content_type: &str, resource: &Resource) -> Result<Dialect, Status> {
        let media = content_type.split(';').next().unwrap_or_default().trim();
        match media {
            "application/json-patch+json" => Ok(Dialect::Json),
            "application/merge-patch+json" => Ok(Dialect::Merge),
            "application/strategic-merge-patch+json" if resource.strategic_patch => Ok(Dialect::Strategic),
            "application/strategic-merge-patch+json" => {
                Err(Status::unsupported_media_type_among(&["application/json-patch+json", "application/merge-patch+json"]))
            }
            _ => Err(Status::unsupported_media_type()),
        }
    }
}

/// Why a patch was not applied; each becomes one Status.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// The body is malformed: 400 with this text.
    #[error("{0}")]
    Malformed(String),
    /// A JSON patch operation failed (missing path, failed test): 422, whose text upstream keeps to itself.
    #[error("the server rejected our request due to an error in our request")]
    Rejected,
    /// More operations than [`MAX_OPERATIONS`]: 413.
    #[error("The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {0}")]
    TooManyOperations(usize),
    /// A strategic patch contradicts the schema or itself: 500 with this text, as upstream answers.
    #[error("{0}")]
    Contradiction(String),
}

impl From<PatchError> for Status {
    fn from(error: PatchError) -> Status {
        match error {
            PatchError::Malformed(text) => Status::bad_request(text),
            PatchError::Rejected => Status::rejected(),
            PatchError::TooManyOperations(found) => Status::patch_too_long(MAX_OPERATIONS, found),
            PatchError::Contradiction(text) => Status::unknown(text),
        }
    }
}

/// The patched document. `kind` is the Kubernetes kind (it chooses the merge keys of a strategic patch); `original` is
/// left alone.
pub fn apply(dialect: Dialect, kind: &str, original: &Value, body: &[u8]) -> Result<Value, PatchError> {
    let mut patched = match dialect {
        Dialect::Json => json::apply(original, json::parse(body)?)?,
        Dialect::Merge => merge::apply(original.clone(), object(body, "error decoding patch: ")?.into()),
        Dialect::Strategic => strategic::apply(original, object(body, "")?, schema::root(kind))?,
    };
    remove_nulls(&mut patched);
    Ok(patched)
}

fn object(body: &[u8], prefix: &str) -> Result<serde_json::Map<String, Value>, PatchError> {
    let malformed = |text: String| PatchError::Malformed(format!("{prefix}{text}"));
    match serde_json::from_slice(body) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(other) => {
            Err(malformed(format!("json: cannot unmarshal {} into Go value of type map[string]interface {{}}", json_type(&other))))
        }
        Err(error) => Err(malformed(json_error(&error))),
    }
}

/// Upstream's name of a JSON type, for error texts.
fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The text of a syntax error: upstream's for a cut body, ours otherwise.
fn json_error(error: &serde_json::Error) -> String {
    if error.is_eof() { "unexpected end of JSON input".to_owned() } else { error.to_string() }
}

fn remove_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(remove_nulls);
        }
        Value::Array(list) => list.iter_mut().for_each(remove_nulls),
        _ => {}
    }
}
