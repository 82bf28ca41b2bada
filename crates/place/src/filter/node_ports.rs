//! NodePorts: a host port is one pod's.

use crate::profile::Profile;
use crate::reason::{Reason, Refusal};
use nodelane_world::NodeRow;

pub(crate) fn check(profile: &Profile, row: &NodeRow) -> Option<Refusal> {
    let mut ports = profile.class.ports.iter();
    let taken = ports.any(|port| row.ports.keys().any(|taken| taken.clashes(port)));
    taken.then(|| Refusal::resolvable(Reason::PortsTaken))
}
