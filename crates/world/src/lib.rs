//! The state in memory: every document once, the rows and indexes that deciding needs, and what is left to do.
//!
//! A [`World`] is a value: cloning it costs a few reference counts, and a clone may go to another thread. Indexes and rows are kept by
//! deltas and equal a rebuild. Worklists hold at least every subject whose reconciler would act: after a rebuild they hold all, and a
//! reconciler that finds nothing to do takes its subject off.
//!
//! A [`Draft`] is a world under change: what a planner writes is in it at once, so that no slack is spent twice, and when the plan is
//! taken the draft *is* the next head. No async, no IO, no clock, no randomness here.

mod class;
mod draft;
mod index;
mod ledger;
mod room;
mod silence;
mod snapshot;
mod storage;
mod volume;
mod work;

pub use class::{ClassId, PodClass};
pub use draft::{Draft, Write};
pub use index::World;
pub use ledger::{BudgetRow, serves};
pub use room::{Amounts, HostPort, NodeRow};
pub use silence::Silence;
pub use snapshot::Snapshot;
pub use volume::{ClaimUse, Disk, DiskKind, EphemeralOwner, VolumeUse};
pub use work::{List, Work};
