//! NodePorts: a host port is one pod's.
//!
//! The row counts the ports of all bound pods, those of sidecars and init containers included. Which ports clash, by address and
//! protocol, is the row's own rule.

use crate::profile::Profile;
use crate::reason::{Plugin, Reason, Refusal};
use nodelane_world::NodeRow;

pub(crate) fn check(profile: &Profile, row: &NodeRow) -> Option<Refusal> {
    let mut ports = profile.class.ports.iter();
    let taken = ports.any(|port| row.ports.keys().any(|taken| taken.clashes(port)));
    (taken && profile.config.runs(Plugin::NodePorts)).then(|| Refusal::resolvable(Reason::PortsTaken))
}
