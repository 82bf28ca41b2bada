//! `metav1.Status`: every failure that the Kubernetes side of the process can tell a client.
//!
//! Invariants: message, reason, code and `details` are those of kube-apiserver 1.36 (tests compare with answers of the
//! real constructors); `details.kind` is the *resource* (`pods`), except in [`Status::invalid`] where it is the kind
//! (`Pod`), as upstream does it. Not here: which refusal becomes which Status (that match lives at the edge), HTTP headers
//! (`Retry-After` follows from [`Status::retry_after_seconds`]).

mod field;
mod refuse;

pub(crate) use field::quote;
pub use field::{Cause, FieldError, FieldPath};
pub use refuse::Precondition;
use serde::Serialize;
use serde_json::Value;

/// A group and a plural resource, as error texts name them: `pods`, `deployments.apps`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupResource<'a> {
    /// API group, empty for the core group.
    pub group: &'a str,
    /// Plural resource name.
    pub resource: &'a str,
}

impl std::fmt::Display for GroupResource<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.group.is_empty() { f.write_str(self.resource) } else { write!(f, "{}.{}", self.resource, self.group) }
    }
}

/// What the failure is about; all parts optional.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Details {
    /// Object name (for a timeout: the operation).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// API group.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// Resource or kind.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Object UID.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// The single reasons.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Cause>,
    /// Seconds to wait before the next attempt; 0 means unsaid.
    #[serde(skip_serializing_if = "is_zero")]
    pub retry_after_seconds: u32,
}

fn is_zero(seconds: &u32) -> bool {
    *seconds == 0
}

/// A failure as the wire shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// HTTP status code.
    pub code: u16,
    /// Machine-readable reason, `""` when upstream sends none.
    pub reason: &'static str,
    /// Text for people.
    pub message: String,
    /// What it is about. `Some(empty)` is sent as `{}`, as upstream does for a 429.
    pub details: Option<Box<Details>>,
    /// `metadata.continue`: the token with which an expired list may go on (inconsistently).
    pub continue_token: String,
}

#[derive(Serialize)]
struct ListMeta<'a> {
    #[serde(rename = "continue", skip_serializing_if = "str::is_empty")]
    continue_token: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    kind: &'a str,
    api_version: &'a str,
    metadata: ListMeta<'a>,
    status: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    message: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<&'a Details>,
    code: u16,
}

impl Serialize for Status {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Wire {
            kind: "Status",
            api_version: "v1",
            metadata: ListMeta { continue_token: &self.continue_token },
            status: "Failure",
            message: &self.message,
            reason: self.reason,
            details: self.details.as_deref(),
            code: self.code,
        }
        .serialize(serializer)
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Status {}

impl Status {
    /// The JSON body, keys in upstream's order.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a Status has string keys only")
    }

    /// The same as a value, for `ERROR` frames of a watch.
    pub fn to_value(&self) -> Value {
        serde_json::to_value(self).expect("a Status has string keys only")
    }

    /// Seconds for the `Retry-After` header, if the server named any.
    pub fn retry_after_seconds(&self) -> Option<u32> {
        self.details.as_ref().map(|details| details.retry_after_seconds).filter(|seconds| *seconds > 0)
    }

    fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Status {
        Status { code, reason, message: message.into(), details: None, continue_token: String::new() }
    }

    /// With empty details, as upstream's generic answers have them.
    fn bare(code: u16, reason: &'static str, message: impl Into<String>) -> Status {
        Status { details: Some(Box::default()), ..Status::new(code, reason, message) }
    }

    fn about(mut self, resource: GroupResource<'_>, name: &str) -> Status {
        let (group, kind) = (resource.group.to_owned(), resource.resource.to_owned());
        self.details = Some(Box::new(Details { name: name.to_owned(), group, kind, ..Details::default() }));
        self
    }

    /// Adds a cause to the details.
    pub fn with_cause(mut self, cause: Cause) -> Status {
        self.details.get_or_insert_default().causes.push(cause);
        self
    }
}

/// The answer of a delete that removed the object at once, and of the subresources that answer with a Status
/// (`binding`, `eviction`). `details` is `None` for those.
pub fn success(details: Option<&Details>, code: u16) -> Value {
    let mut body = serde_json::json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"});
    match details {
        Some(details) => body["details"] = serde_json::to_value(details).expect("string keys"),
        None => body["code"] = code.into(),
    }
    body
}
