//! The nouns of node pools and the words of deciding about them.
//!
//! Everything stored is a [`Doc`]: a key, metadata and a typed [`Body`]. Everything a user may ask is a [`Change`], everything that
//! may be refused a [`Refusal`], everything the engine decides an action on documents with a [`Report`]. The serde names of the bodies
//! are the stored shape, which is that of a Kubernetes custom resource; what clients see is spelled by the rooms `arm` and `k8s`.
//!
//! Not here: defaults, validation, wire texts, behaviour. This room depends on no other.

pub mod budget;
pub mod change;
pub mod cluster;
pub mod codec;
pub mod doc;
pub mod event;
pub mod fault;
pub mod hash;
pub mod key;
pub mod machine;
pub mod maintenance;
pub mod meta;
pub mod node;
pub mod operation;
pub mod pod;
pub mod pool;
pub mod quantity;
pub mod refusal;
pub mod repair;
pub mod report;
pub mod scheduled;
pub mod selector;
pub mod time;
pub mod volume;
pub mod workload;

pub use budget::Budget;
pub use change::{Change, Origin, Principal};
pub use cluster::Cluster;
pub use doc::{Body, Doc, Revision};
pub use event::Event;
pub use fault::{Fault, FaultKind};
pub use key::{Key, Kind, Name};
pub use machine::Machine;
pub use meta::{Labels, Meta, OwnerRef, Uid};
pub use node::Node;
pub use operation::Operation;
pub use pod::Pod;
pub use pool::NodePool;
pub use quantity::Quantity;
pub use refusal::Refusal;
pub use repair::{Renewed, Repair, Repaired, Rung};
pub use report::{Reason, Report};
pub use scheduled::{Happening, ScheduledEvent};
pub use time::Time;

/// Properties that this version has no type for: kept and given back unchanged.
pub type Rest = serde_json::Map<String, serde_json::Value>;
