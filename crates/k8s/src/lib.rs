//! The Kubernetes contract without HTTP: kinds, discovery, patches, tables, selectors, statuses.
//!
//! Everything here is a pure function on bytes and JSON values; callers run it on their own threads, against a published
//! snapshot. Wire spelling and upstream's texts live here and nowhere else. Not here: HTTP, storage, admission, and the
//! decision whether a change may happen.

pub mod accept;
pub mod defaults;
pub mod discovery;
pub mod names;
pub mod object;
pub mod patch;
pub mod protobuf;
pub mod registry;
pub mod request;
pub mod scale;
pub mod schema;
pub mod selector;
pub mod status;
pub mod table;
pub mod watch;
