//! Permission to take a pod or a node away: one ledger for users, upgrades, scaling and deletion.
//!
//! [`grant`] says whether a pod may be evicted now, from live counts; [`drain`] empties a machine with it. What was granted in a draft
//! is in the counts at once, because the evicted pod is terminating there: no slack is granted twice.

mod drain;
mod grant;

pub use drain::{Drained, cordon, drain, match_cordon, match_taint, release, release_for, set_unschedulable};
pub use grant::{Grant, grant};
