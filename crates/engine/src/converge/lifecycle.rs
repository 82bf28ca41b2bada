//! What follows from a node's Ready condition, as kube-controller-manager's node controller does it.
//!
//! A node whose kubelet says that it is not ready is tainted `not-ready`, one whose kubelet is silent `unreachable`, each with NoSchedule
//! and NoExecute (aks-semantics H-5); pods on it are no longer ready. It holds in the very write that changes the condition, so no pod is
//! placed in between. Not here: who notices the silence (the driver's world does), and eviction by taint (`workload`).

use nodelane_model::event::Notice;
use nodelane_model::node::Taint;
use nodelane_model::pod::Condition;
use nodelane_model::{Doc, Key, Name, Node, Time};
use nodelane_world::Draft;
use std::sync::Arc;

const NOT_READY: &str = "node.kubernetes.io/not-ready";
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
/// The cloud's own word for a node whose machine is deallocated.
pub const SHUTDOWN: &str = "node.cloudprovider.kubernetes.io/shutdown";

/// Gives a node the taints of its Ready condition and takes the others; a node without the condition is left alone.
pub fn match_condition(node: &mut Node, now: Time) {
    let Some(ready) = node.status.conditions.iter().find(|condition| condition.kind == "Ready") else { return };
    let wanted = match ready.status.as_str() {
        "True" => "",
        "False" => NOT_READY,
        _ => UNREACHABLE,
    };
    let is_ready = wanted.is_empty();
    let taints = &mut node.spec.taints;
    taints.retain(|taint| match taint.key.as_str() {
        NOT_READY | UNREACHABLE => taint.key == wanted,
        SHUTDOWN => !is_ready,
        _ => true,
    });
    for effect in ["NoSchedule", "NoExecute"].into_iter().filter(|_| !is_ready) {
        let taint = Taint { key: wanted.into(), effect: effect.into(), time_added: Some(now.whole_seconds()), ..Taint::default() };
        if !taints.iter().any(|other| other.same_place(&taint)) {
            taints.push(taint);
        }
    }
}

/// Says that a node was Ready and is not any more.
pub fn note_loss(draft: &mut Draft, old: &Doc, new: &Doc) {
    if is_ready(old) && !is_ready(new) {
        draft.notify(&notice(&new.key, false, format!("Node {} status is now: NodeNotReady", new.key.name).into()));
    }
}

fn is_ready(node: &Doc) -> bool {
    node.as_node().is_some_and(|node| node.status.is_ready())
}

fn notice(about: &Key, warning: bool, message: Name) -> Notice {
    Notice { about: about.clone(), warning, reason: "NodeNotReady", message, component: "node-controller" }
}

/// Pods on a node that is lost are not ready; their kubelet, which speaks for them otherwise, takes that back when it can.
pub fn mark_pods(draft: &mut Draft, node: &Doc) {
    let lost = |condition: &Condition| condition.kind == "Ready" && condition.status == "Unknown";
    if !node.as_node().is_some_and(|node| node.status.conditions.iter().any(lost)) {
        return;
    }
    let name = &node.key.name;
    let ready = |doc: &&Arc<Doc>| doc.as_pod().is_some_and(|pod| pod.status.is_ready());
    let pods: Vec<Key> = draft.world.pods_on(name).filter(ready).map(|doc| doc.key.clone()).collect();
    let now = draft.now.whole_seconds();
    for key in pods {
        draft.update(&key, |doc| {
            let conditions = doc.as_pod_mut().map(|pod| pod.status.conditions.iter_mut());
            for condition in conditions.into_iter().flatten().filter(|condition| condition.kind == "Ready") {
                condition.status = "False".into();
                condition.last_transition_time = Some(now);
            }
        });
        draft.notify(&notice(&key, true, "Node is not ready".into()));
    }
}
