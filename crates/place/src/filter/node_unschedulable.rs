//! NodeUnschedulable: a cordoned node takes only pods that tolerate the taint of cordoned nodes.

use crate::profile::Profile;
use crate::reason::Reason;
use nodelane_model::node::{Node, Taint};

pub(crate) fn check(profile: &Profile, node: &Node) -> Option<Reason> {
    if !node.spec.unschedulable {
        return None;
    }
    let (key, effect) = ("node.kubernetes.io/unschedulable".into(), "NoSchedule".into());
    let taint = Taint {
        key,
        effect,
        ..Taint::default()
    };
    let tolerated = profile
        .spec()
        .tolerations
        .iter()
        .any(|toleration| toleration.tolerates(&taint));
    (!tolerated).then_some(Reason::Unschedulable)
}
