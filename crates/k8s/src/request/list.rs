//! Options of list and watch.
//!
//! `resourceVersion` has three meanings: unset (list: the newest; watch: from the newest, with the present objects first),
//! `0` (anything that is at hand), a number. With `resourceVersionMatch` a list may ask for exactly that revision.

use super::{ContinueToken, Query, first, flag, integer, invalid_options};
use crate::selector::{FieldSelector, FieldSet, LabelSelector};
use crate::status::{FieldError, FieldPath, Status, quote};

/// The revision that a client names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Version {
    /// Nothing was said.
    #[default]
    Unset,
    /// `0`
    Any,
    /// A revision.
    At(u64),
}

/// How a list takes [`Version::At`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionMatch {
    /// At that revision, or 410.
    Exact,
    /// At that revision or a later one. Also the meaning when nothing is said.
    NotOlderThan,
}

/// Options of a list or a watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListOptions {
    /// `labelSelector`
    pub labels: LabelSelector,
    /// `fieldSelector`
    pub fields: FieldSelector,
    /// `watch`
    pub watch: bool,
    /// `allowWatchBookmarks`
    pub bookmarks: bool,
    /// `resourceVersion`
    pub version: Version,
    /// `resourceVersionMatch`
    pub version_match: Option<VersionMatch>,
    /// `sendInitialEvents` (watch): present objects first, then a bookmark that says so.
    pub initial_events: Option<bool>,
    /// `timeoutSeconds`; `None` leaves it to the server.
    pub timeout_seconds: Option<u64>,
    /// `limit`; `None` for no limit.
    pub limit: Option<usize>,
    /// `continue`
    pub continue_token: Option<ContinueToken>,
}

impl ListOptions {
    /// Reads and validates the parameters for a kind with these fields; the error is the 400, 422 or 500 of upstream.
    /// `watch` tells that the verb is watch whatever the parameter says (`/watch/` paths).
    pub fn parse(query: Query<'_>, fields: FieldSet, watch: bool) -> Result<ListOptions, Status> {
        let text = |name: &str| first(query, name).unwrap_or_default();
        let labels = LabelSelector::parse(text("labelSelector")).map_err(Status::bad_request)?;
        let fields = FieldSelector::parse(text("fieldSelector"), fields).map_err(Status::bad_request)?;
        let limit = integer(query, "limit")?;
        let timeout = integer(query, "timeoutSeconds")?;
        let watch = watch || flag(query, "watch").unwrap_or(false);
        let initial_events = flag(query, "sendInitialEvents");
        let errors = if watch { watch_errors(query, initial_events) } else { list_errors(query, initial_events) };
        invalid_options("ListOptions", &errors)?;
        let version = version(text("resourceVersion")).map_err(|why| match watch {
            true => Status::unknown(why),
            false => Status::bad_request(format!("invalid resource version: {why}")),
        })?;
        let continue_token = match text("continue") {
            "" => None,
            token => Some(ContinueToken::decode(token)?),
        };
        if continue_token.is_some() && matches!(version, Version::At(_)) {
            return Err(Status::bad_request("specifying resource version is not allowed when using continue"));
        }
        Ok(ListOptions {
            labels,
            fields,
            watch,
            bookmarks: flag(query, "allowWatchBookmarks").unwrap_or(false),
            version,
            version_match: match text("resourceVersionMatch") {
                "Exact" => Some(VersionMatch::Exact),
                "NotOlderThan" => Some(VersionMatch::NotOlderThan),
                _ => None,
            },
            initial_events,
            timeout_seconds: timeout.and_then(|seconds| u64::try_from(seconds).ok()).filter(|seconds| *seconds > 0),
            limit: limit.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit > 0),
            continue_token,
        })
    }
}

impl Version {
    /// Reads the `resourceVersion` of a get; the error is upstream's bare 500.
    pub fn parse(text: &str) -> Result<Version, Status> {
        version(text).map_err(Status::unknown)
    }
}

fn version(text: &str) -> Result<Version, String> {
    match text {
        "" => Ok(Version::Unset),
        "0" => Ok(Version::Any),
        number => match number.parse() {
            Ok(revision) if !number.starts_with('+') => Ok(Version::At(revision)),
            _ => {
                let shown = quote(number);
                Err(format!("resourceVersion: Invalid value: {shown}: strconv.ParseUint: parsing {shown}: invalid syntax"))
            }
        },
    }
}

fn list_errors(query: Query<'_>, initial_events: Option<bool>) -> Vec<FieldError> {
    let text = |name: &str| first(query, name).unwrap_or_default();
    let path = FieldPath::new("resourceVersionMatch");
    let forbidden = |why: &str| FieldError::forbidden(&path, why);
    let mut errors = Vec::new();
    let wanted = text("resourceVersionMatch");
    if !wanted.is_empty() {
        if text("resourceVersion").is_empty() {
            errors.push(forbidden("resourceVersionMatch is forbidden unless resourceVersion is provided"));
        }
        if !text("continue").is_empty() {
            errors.push(forbidden("resourceVersionMatch is forbidden when continue is provided"));
        }
        if !matches!(wanted, "Exact" | "NotOlderThan") {
            errors.push(FieldError::not_supported(&path, wanted, &["Exact", "NotOlderThan", ""]));
        }
        if wanted == "Exact" && text("resourceVersion") == "0" {
            errors.push(forbidden("resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\""));
        }
    }
    if initial_events.is_some() {
        let path = FieldPath::new("sendInitialEvents");
        errors.push(FieldError::forbidden(&path, "sendInitialEvents is forbidden for list"));
    }
    errors
}

fn watch_errors(query: Query<'_>, initial_events: Option<bool>) -> Vec<FieldError> {
    let text = |name: &str| first(query, name).unwrap_or_default();
    let path = FieldPath::new("resourceVersionMatch");
    let forbidden = |why: &str| FieldError::forbidden(&path, why);
    let mut errors = Vec::new();
    let wanted = text("resourceVersionMatch");
    if initial_events.is_some() && wanted != "NotOlderThan" {
        errors.push(forbidden("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"));
    }
    if !wanted.is_empty() {
        if initial_events.is_none() {
            let why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
            errors.push(forbidden(why));
        }
        if wanted != "NotOlderThan" {
            errors.push(FieldError::not_supported(&path, wanted, &["NotOlderThan"]));
        }
        if !text("continue").is_empty() {
            errors.push(forbidden("resourceVersionMatch is forbidden when continue is provided"));
        }
    }
    errors
}
