//! Permission to take a pod or a node away: one ledger for users, upgrades, scaling and deletion.
//!
//! [`may_take`] says whether a node may be taken now, for which reason; [`grant`] whether a pod may be evicted, from live counts;
//! [`drain`] empties a machine with it, the one that has waited longest for a budget first. What was granted in a draft is in the counts
//! at once: no slack is granted twice.

mod budgets;
mod drain;
mod grant;
pub(crate) mod ledger;

pub use budgets::{Budgets, Disruption, FORM};
pub use drain::{
    Drained, cordon, drain, drain_for, grant_in_turn, is_emptied_by_another, match_cordon, match_taint, release, release_for,
    set_unschedulable,
};
pub use grant::{Grant, grant};
pub use ledger::{REPAIRS_PER_POOL, SYSTEM_READY_LEAST, Why, leaves_system, may_take, roll_of};

#[cfg(test)]
mod tests;
