//! Reads foreign worlds into ours: what other tools print about clusters becomes documents and a world.
//!
//! Nothing here decides anything, and nothing is changed that was read: an object that cannot be read is named, a kind that placing
//! does not need is counted. Secrets are never read, wherever they stand. Reading files and speaking to servers is the caller's.

mod objects;
mod scheduler;

pub use objects::{Objects, Unreadable, world};
pub use scheduler::{Invalid, scheduler_config};
