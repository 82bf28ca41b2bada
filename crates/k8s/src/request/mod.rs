//! What a request says besides its verb and path: list, watch, write and delete options, continuation, bodies.
//!
//! Invariants: every parameter that is understood is validated, with upstream's answer (422 `ListOptions…`, 400 for what is
//! no number); none is silently ignored that would change the meaning of an answer. Parameters come as decoded pairs, the
//! first of a name counts. Not here: authentication, paths.

mod body;
mod delete;
mod list;
mod token;
mod write;

pub use body::{Body, MAX_BODY_BYTES, check_name, check_namespace, decode};
pub use delete::{DeleteOptions, Propagation};
pub use list::{ListOptions, Version, VersionMatch};
pub use token::ContinueToken;
pub use write::{FieldValidation, WriteOptions};

use crate::status::{FieldError, Status};

/// Decoded query parameters, in the order of the URL.
pub type Query<'a> = &'a [(String, String)];

fn first<'a>(query: Query<'a>, name: &str) -> Option<&'a str> {
    query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// Go's idea of a boolean parameter: only absence, `false` and `0` are false.
fn flag(query: Query<'_>, name: &str) -> Option<bool> {
    first(query, name).map(|value| !matches!(value, "false" | "0"))
}

/// An integer parameter, or the 400.
fn integer(query: Query<'_>, name: &str) -> Result<Option<i64>, Status> {
    let Some(text) = first(query, name).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let wrong = || Status::bad_request(format!("strconv.ParseInt: parsing {}: invalid syntax", crate::status::quote(text)));
    text.parse().map(Some).map_err(|_| wrong())
}

fn invalid_options(kind: &str, errors: &[FieldError]) -> Result<(), Status> {
    if errors.is_empty() { Ok(()) } else { Err(Status::invalid("meta.k8s.io", kind, "", errors)) }
}
