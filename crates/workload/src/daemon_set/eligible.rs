//! Which nodes should run a daemon, and how a daemon's pod is tied to its node.
//!
//! Node selector, required affinity and taints decide, as upstream; room on the node does not: the scheduler finds out. A taint
//! NoSchedule keeps new pods away and lets those that are there stay; NoExecute does not.

use nodelane_model::pod::{Affinity, NodeAffinity, NodeSelector, NodeTerm, PodSpec, PodTemplate, Toleration};
use nodelane_model::selector::Requirement;
use nodelane_model::{Doc, Name};
use std::sync::Arc;

/// Taints that every daemon puts up with.
const TOLERATED: [(&str, &str); 6] = [
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
];
const NETWORK: (&str, &str) = ("node.kubernetes.io/network-unavailable", "NoSchedule");
const NODE_NAME: &str = "metadata.name";

/// A daemon's specification with the tolerations that all daemons get.
pub(super) struct Daemon {
    pub(super) spec: Arc<PodSpec>,
}

impl Daemon {
    pub(super) fn of(template: &PodTemplate) -> Daemon {
        let mut spec = template.spec.clone();
        let inner = Arc::make_mut(&mut spec);
        let network = inner.host_network.then_some(NETWORK);
        for (key, effect) in TOLERATED.into_iter().chain(network) {
            let toleration = Toleration { key: key.into(), operator: "Exists".into(), effect: effect.into(), ..Toleration::default() };
            let same = |old: &Toleration| old.key == key && old.effect == effect && old.operator == "Exists";
            match inner.tolerations.iter_mut().find(|old| same(old)) {
                Some(old) => *old = toleration,
                None => inner.tolerations.push(toleration),
            }
        }
        Daemon { spec }
    }

    /// Whether a node should run the daemon, and whether a pod that is there may stay.
    pub(super) fn verdict(&self, node: &Doc) -> (bool, bool) {
        let named = self.spec.rest.get("nodeName").and_then(|name| name.as_str());
        if named.is_some_and(|name| !name.is_empty() && name != node.key.name) || !selects(&self.spec, node) {
            return (false, false);
        }
        let taints = || node.as_node().into_iter().flat_map(|node| &node.spec.taints);
        let tolerated = |taint| self.spec.tolerations.iter().any(|toleration| toleration.tolerates(taint));
        let may_stay = taints().filter(|taint| taint.effect == "NoExecute").all(tolerated);
        (may_stay && taints().filter(|taint| taint.effect == "NoSchedule").all(tolerated), may_stay)
    }
}

fn selects(spec: &PodSpec, node: &Doc) -> bool {
    let required = spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.as_ref()?.required.as_ref());
    spec.node_selector.iter().all(|(key, value)| node.meta.labels.get(key) == Some(value))
        && required.is_none_or(|required| required.node_selector_terms.iter().any(|term| holds(term, node)))
}

fn holds(term: &NodeTerm, node: &Doc) -> bool {
    let is_empty = term.match_expressions.is_empty() && term.match_fields.is_empty();
    let field = |field: &Requirement| field.key == NODE_NAME && field.holds(Some(&node.key.name));
    !is_empty && term.match_expressions.iter().all(|it| it.matches(&node.meta.labels)) && term.match_fields.iter().all(field)
}

/// Ties a pod to a node, in place of all required terms.
pub(super) fn tie(spec: &mut PodSpec, node: &Name) {
    let field = Requirement { key: NODE_NAME.into(), operator: "In".into(), values: vec![node.clone()] };
    let term = NodeTerm { match_fields: vec![field], ..NodeTerm::default() };
    let affinity = spec.affinity.get_or_insert_with(Affinity::default).node_affinity.get_or_insert_with(NodeAffinity::default);
    affinity.required = Some(NodeSelector { node_selector_terms: vec![term] });
}

/// The node that a daemon's pod is on or tied to.
pub(super) fn target_of(doc: &Doc) -> Option<Name> {
    let pod = doc.as_pod()?;
    if pod.node.is_some() {
        return pod.node.clone();
    }
    let required = pod.spec.affinity.as_ref()?.node_affinity.as_ref()?.required.as_ref()?;
    let mut fields = required.node_selector_terms.iter().flat_map(|term| &term.match_fields);
    fields.find(|field| field.key == NODE_NAME && field.operator == "In")?.values.first().cloned()
}
