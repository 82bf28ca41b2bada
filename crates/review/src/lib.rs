//! Questions and answers in our own words, from a snapshot and by the predicates that decide.
//!
//! [`explain`] says of one pod why it waits (or why it is where it is), pool by pool, and what the smallest changes are that would let it
//! run. Every change that is named was made in a fork of the world first, and the pod placed there. No async, no IO, no clock.
//! [`progress`] says how far a pool's operation is, node by node, and what holds it up.
//!
//! [`forecast`] says what a change of a pool would do, from a run of it on a copy of the world.
//!
//! [`node_standings`] says of nodes why the autoscaler does not remove them.
//!
//! Not here: reading worlds (`sources`), flags and streams (`cli`), the predicates themselves (`place`).

mod explain;
pub mod forecast;
mod growth;
mod idle;
pub mod progress;

#[cfg(test)]
extern crate self as nodelane_review; // The fixtures are shared with the tests beside the sources.

pub use explain::{
    Change, Explanation, Fix, Landed, Landing, Means, NewNode, PoolView, Refused, Unknown, Usage, explain, explain_pending, pending,
};
pub use growth::{Pause, PoolStanding, pool_standing};
pub use idle::{NodeStanding, node_standings, standings_table};
