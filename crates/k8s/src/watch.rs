//! Frames of a watch: one JSON object a line.
//!
//! Invariant: an object is encoded once by its owner; a frame only wraps the bytes. Bookmarks carry a revision and nothing
//! else; the one that ends the initial events of a streaming list says so in an annotation. Not here: tables in a watch
//! (table::event_table gives the object), cursors, timeouts.

use crate::status::Status;
use serde_json::{Value, json};

/// What happened, as this watcher sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventType {
    /// The object appeared, or came to match the selector.
    Added,
    /// The object changed.
    Modified,
    /// The object is gone, or no longer matches; the frame shows its last matching state, at the revision of the change.
    Deleted,
    /// Nothing happened up to this revision.
    Bookmark,
}

impl EventType {
    const fn word(self) -> &'static str {
        match self {
            EventType::Added => "ADDED",
            EventType::Modified => "MODIFIED",
            EventType::Deleted => "DELETED",
            EventType::Bookmark => "BOOKMARK",
        }
    }

    /// What a watcher with a selector sees of a change, given whether the old and the new state match. `None`: nothing.
    pub const fn seen(old_matches: bool, new_matches: bool) -> Option<EventType> {
        match (old_matches, new_matches) {
            (false, true) => Some(EventType::Added),
            (true, true) => Some(EventType::Modified),
            (true, false) => Some(EventType::Deleted),
            (false, false) => None,
        }
    }
}

/// One frame, with its newline; `object` is JSON.
pub fn frame(event: EventType, object: &[u8]) -> Vec<u8> {
    wrap(event.word(), object)
}

/// The frame of a failure, after which the stream ends (410 `Expired`, mostly).
pub fn error_frame(status: &Status) -> Vec<u8> {
    wrap("ERROR", &status.to_bytes())
}

fn wrap(word: &str, object: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(object.len() + word.len() + 24);
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(word.as_bytes());
    out.extend_from_slice(b"\",\"object\":");
    out.extend_from_slice(object);
    out.extend_from_slice(b"}\n");
    out
}

/// The object of a bookmark. `initial_events_end`: it ends the initial events of a streaming list.
pub fn bookmark(api_version: &str, kind: &str, revision: u64, initial_events_end: bool) -> Value {
    let mut metadata = json!({"resourceVersion": revision.to_string()});
    if initial_events_end {
        metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
    }
    json!({"kind": kind, "apiVersion": api_version, "metadata": metadata})
}
