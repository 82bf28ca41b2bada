//! NodeUnschedulable: a cordoned node takes only pods that tolerate the taint of cordoned nodes.
//!
//! The field `unschedulable` decides here, whether or not the node has the taint as well: that is the taint filter's. Evicting pods does
//! not help.

use crate::profile::Profile;
use crate::reason::{Plugin, Reason};
use nodelane_model::node::{Node, Taint};

pub(crate) fn check(profile: &Profile, node: &Node) -> Option<Reason> {
    if !node.spec.unschedulable || !profile.config.runs(Plugin::NodeUnschedulable) {
        return None;
    }
    let (key, effect) = ("node.kubernetes.io/unschedulable".into(), "NoSchedule".into());
    let taint = Taint { key, effect, ..Taint::default() };
    let tolerated = profile.spec().tolerations.iter().any(|toleration| toleration.tolerates(&taint));
    (!tolerated).then_some(Reason::Unschedulable)
}
