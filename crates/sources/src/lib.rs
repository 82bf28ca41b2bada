//! Reads foreign worlds into ours: what other tools print about clusters becomes documents and a world.
//!
//! Nothing here decides anything, and nothing is changed that was read: an object that cannot be read is named, a kind that placing
//! does not need is counted. Secrets are never read, wherever they stand. Reading files and speaking to servers is the caller's.

mod dump;
pub mod kubeconfig;
mod live;
mod objects;
mod pools;
mod scheduler;

pub use dump::read as read_dump;
pub use live::{LISTS, OWN_LISTS};
pub use objects::{Objects, Unreadable, kubernetes_version, world};
pub use scheduler::{Invalid, scheduler_config};
