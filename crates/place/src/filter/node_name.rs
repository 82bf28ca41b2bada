//! NodeName: a pod that names a node goes there and nowhere else.
//!
//! Pods with a name are bound already, so this only answers questions about them.

use crate::profile::Profile;
use crate::reason::{Plugin, Reason};
use nodelane_world::NodeRow;

pub(crate) fn check(profile: &Profile, row: &NodeRow) -> Option<Reason> {
    let other = profile.node.as_ref().is_some_and(|name| *name != row.doc.key.name);
    (other && profile.config.runs(Plugin::NodeName)).then_some(Reason::OtherNodeNamed)
}
