//! TaintToleration: taints with the effects NoSchedule and NoExecute keep pods away that do not tolerate them.
//!
//! One taint that is not tolerated is enough, whatever the number. PreferNoSchedule is a score. Evicting pods over NoExecute taints is
//! not placing.

use crate::profile::Profile;
use crate::reason::Reason;
use nodelane_model::node::Node;

pub(crate) fn check(profile: &Profile, node: &Node) -> Option<Reason> {
    let keeps_away = |effect: &str| effect == "NoSchedule" || effect == "NoExecute";
    let mut taints = node.spec.taints.iter().filter(|taint| keeps_away(&taint.effect));
    let untolerated = taints.any(|taint| !profile.spec().tolerations.iter().any(|toleration| toleration.tolerates(taint)));
    untolerated.then_some(Reason::UntoleratedTaint)
}
