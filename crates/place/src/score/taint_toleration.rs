//! TaintToleration: the fewer taints with PreferNoSchedule that the pod does not tolerate, the better.
//!
//! The counts are scaled by the largest among the nodes that fit and reversed. Taints that keep pods away are a filter.

use crate::profile::Profile;
use nodelane_model::node::Node;

/// How many such taints a node has.
pub(crate) fn count(profile: &Profile, node: &Node) -> i64 {
    let taints = node.spec.taints.iter().filter(|taint| taint.effect == "PreferNoSchedule");
    taints.filter(|taint| !profile.spec().tolerations.iter().any(|toleration| toleration.tolerates(taint))).count() as i64
}
