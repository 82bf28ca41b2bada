//! The filters of kube-scheduler's default profile, one file per plugin, in its order.
//!
//! The first four look at the node alone and hold for a whole run. Ports and resources change with what is bound to the node, spread and
//! affinity with what is bound anywhere, by counters; volumes do all three. Not here: dynamic resources.

pub(crate) mod inter_pod_affinity;
pub(crate) mod node_affinity;
pub(crate) mod node_name;
pub(crate) mod node_ports;
pub(crate) mod node_unschedulable;
pub(crate) mod resources_fit;
pub(crate) mod taint_toleration;
pub(crate) mod topology_spread;
pub(crate) mod volumes;

use crate::profile::Profile;
use crate::reason::{Plugin, Reason, Refusal};
use nodelane_world::NodeRow;

/// What the filters say that look at the node alone.
pub(crate) fn lasting(profile: &Profile, named: &node_affinity::Named, row: &NodeRow) -> Option<Refusal> {
    if !named.includes(&row.doc.key.name) {
        return Some(Refusal::lasting(Reason::NotAmongNamed));
    }
    let node = row.doc.as_node()?;
    let tainted = || if profile.config.runs(Plugin::TaintToleration) { taint_toleration::check(profile, node) } else { None };
    let reason = node_unschedulable::check(profile, node)
        .or_else(|| node_name::check(profile, row))
        .or_else(tainted)
        .or_else(|| node_affinity::check(profile, row));
    reason.map(Refusal::lasting)
}

/// What the filters say that look at what is taken of the node.
pub(crate) fn taken(profile: &Profile, row: &NodeRow) -> Option<Refusal> {
    node_ports::check(profile, row).or_else(|| resources_fit::check(profile, row))
}
