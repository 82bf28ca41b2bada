//! Taints with the effect NoExecute: who may stay on a node, and for how long.
//!
//! Planners over nodes call [`evict_tainted`] for each node that they touch; a toleration that ends is a wake of the node's machine.
//! The time counts from when the taint was added (`timeAdded`) or the pod came to the node, whichever is later; a taint without a time
//! counts from the first look only if its writer stamps it, so admission should.

use crate::delete::delete;
use crate::notice::Voice;
use nodelane_model::node::Taint;
use nodelane_model::pod::{Condition, PodSpec};
use nodelane_model::{Doc, Key, Kind, Name, Pod, Time};
use nodelane_world::{Draft, List};
use std::sync::Arc;

/// Deletes the pods that may not stay on a node (event TaintManagerEviction); those that may for a while are looked at again then.
pub fn evict_tainted(draft: &mut Draft, node: &Name) {
    let Some(row) = draft.world.node(node).cloned() else {
        return;
    };
    let taints: Vec<&Taint> =
        row.doc.as_node().into_iter().flat_map(|node| &node.spec.taints).filter(|taint| taint.effect == "NoExecute").collect();
    if taints.is_empty() {
        return;
    }
    let pods: Vec<Arc<Doc>> = draft.world.pods_on(node).filter(|doc| !doc.is_terminating()).cloned().collect();
    for doc in pods {
        let Some(pod) = doc.as_pod() else { continue };
        match leaves_at(pod, &doc, &taints, draft.now) {
            Some(at) if at <= draft.now => evict(draft, &doc.key),
            Some(at) => draft.world.work.wake(at, List::Machines, Key::global(Kind::Machine, node.clone())),
            None => {}
        }
    }
}

/// When a pod must leave; `None` where it may stay.
fn leaves_at(pod: &Pod, doc: &Doc, taints: &[&Taint], now: Time) -> Option<Time> {
    let Some(seconds) = tolerated_seconds(&pod.spec, taints) else {
        return Some(now);
    };
    let bound = pod.status.conditions.iter().find(|c| c.kind == "PodScheduled" && c.status == "True");
    let came = bound.and_then(|bound| bound.last_transition_time).unwrap_or(doc.meta.created);
    let since = taints.iter().map(|taint| taint.time_added.unwrap_or(now)).max()?.max(came);
    seconds.map(|seconds| since.plus(seconds.max(0) * 1000))
}

/// For how long all taints are tolerated: `None` where one is not, `Some(None)` where all are forever.
fn tolerated_seconds(spec: &PodSpec, taints: &[&Taint]) -> Option<Option<i64>> {
    let mut least = None;
    for taint in taints {
        let toleration = spec.tolerations.iter().find(|toleration| toleration.tolerates(taint))?;
        least = match (least, toleration.toleration_seconds) {
            (Some(a), Some(b)) => Some(i64::min(a, b)),
            (a, b) => a.or(b),
        };
    }
    Some(least)
}

fn evict(draft: &mut Draft, key: &Key) {
    let now = draft.now;
    let message = format!("Marking for deletion Pod {}/{}", key.namespace, key.name);
    Voice { about: key, component: "taint-eviction-controller" }.say(draft, "TaintManagerEviction", message);
    draft.update(key, |doc| {
        let condition = Condition::new("DisruptionTarget", true, now);
        let condition = condition.because("DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint");
        if let Some(pod) = doc.as_pod_mut() {
            condition.set_in(&mut pod.status.conditions);
        }
    });
    delete(draft, key, None, None);
}
