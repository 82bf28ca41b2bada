//! Making room: the pods that must go are told and deleted, and the pod that they go for is nominated for their node.
//!
//! As kube-scheduler 1.36 does it: less urgent pods that waited for the same node lose their nomination, each victim gets the condition
//! `DisruptionTarget` and the event `Preempted` and is deleted with its own grace (not evicted: budgets were weighed, not asked), and
//! pods that are leaving already are left alone. The pod itself is bound once it fits, like any other.

use crate::plan::{COMPONENT, Evict};
use crate::session::Session;
use crate::victims::Way;
use nodelane_model::event::Notice;
use nodelane_model::pod::Condition;
use nodelane_model::{Doc, Key, Name};
use nodelane_world::Draft;
use std::sync::Arc;

/// Makes room for a pod; gives how many pods were asked to go. The nomination itself is the caller's to write.
pub(crate) fn make_room(draft: &mut Draft, session: &mut Session, way: &Way, pod: &Doc, profile: u32, evict: Evict) -> usize {
    let staying: Vec<&Arc<Doc>> = way.victims.iter().filter(|victim| !victim.is_terminating()).collect();
    if !staying.is_empty() {
        dismiss_less_urgent(draft, session, way.node, session.profiles[profile as usize].priority());
    }
    for victim in &staying {
        preempt(draft, session, way.node, pod, victim, evict);
    }
    if let Some(node) = session.nominated_node(pod) {
        session.dismiss(&pod.key, node);
    }
    session.nominate(&pod.key, profile, way.node);
    staying.len()
}

fn preempt(draft: &mut Draft, session: &mut Session, node: u32, pod: &Doc, victim: &Arc<Doc>, evict: Evict) {
    let (key, now) = (&victim.key, draft.now);
    let message = format!("{COMPONENT}: preempting to accommodate a higher priority pod");
    let condition = Condition::new("DisruptionTarget", true, now).because("PreemptionByScheduler", &message);
    draft.update(key, |doc| {
        if let Some(pod) = doc.as_pod_mut() {
            pod.status.conditions.retain(|other| other.kind != condition.kind);
            pod.status.conditions.push(condition);
        }
    });
    let message: Name = format!("Preempted by pod {} on node {}", pod.meta.uid, session.name(node)).into();
    draft.notify(&Notice { about: key.clone(), warning: false, reason: "Preempted", message, component: COMPONENT });
    evict(draft, key);
    if let Some(profile) = session.profile(victim, false) {
        session.end(profile, node, draft.world.get(key).is_none());
    }
}

/// Less urgent pods that wait for the node may not fit there any more, and should look elsewhere at once.
fn dismiss_less_urgent(draft: &mut Draft, session: &mut Session, node: u32, priority: i32) {
    let less_urgent = session.nominees.get(&node).into_iter().flatten().filter(|nominee| nominee.priority < priority);
    let keys: Vec<Key> = less_urgent.map(|nominee| nominee.key.clone()).collect();
    for key in keys {
        session.dismiss(&key, node);
        draft.update(&key, |doc| {
            if let Some(pod) = doc.as_pod_mut() {
                pod.status.nominated_node_name = Name::default();
            }
        });
    }
}

/// Whether all of these pods are gone.
pub(crate) fn are_gone(draft: &Draft, way: &Way) -> bool {
    way.victims.iter().all(|victim| draft.world.get(&victim.key).is_none())
}
