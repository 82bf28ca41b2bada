//! What must go: documents whose owners are gone, that terminate, or whose node is gone.
//!
//! Owners that wait for their dependents (foreground) do not count as owners that keep a document. Our own kinds (pools, machines) end
//! by operations and are left alone. What a finalizer of someone else holds waits for them.

use crate::claim::{controller_of, disown, offer};
use crate::delete::{FOREGROUND, ORPHAN, delete, may_go, remove};
use crate::job::TRACKING;
use nodelane_model::change::Propagation;
use nodelane_model::pod::{Condition, Phase};
use nodelane_model::{Doc, Key, Kind, OwnerRef, Uid};
use nodelane_world::{Draft, World};
use std::sync::Arc;

pub(crate) fn reconcile(draft: &mut Draft, key: &Key) -> usize {
    let Some(doc) = draft.world.get(key).cloned().filter(|doc| doc.key.kind >= Kind::Node) else {
        return 0;
    };
    let units = if doc.is_terminating() { finish(draft, &doc) } else { collect(draft, &doc) };
    if key.kind == Kind::Pod {
        strand(draft, key);
    }
    units
}

/// Whether an owner keeps a document: it exists (or may, being of a kind that is not stored here) and is not waiting for it to go.
fn keeps(world: &World, owner: &OwnerRef) -> bool {
    owner.known_kind().is_none()
        || Uid::parse(&owner.uid).and_then(|uid| world.by_uid(uid)).is_some_and(|doc| !(doc.is_terminating() && holds(doc, FOREGROUND)))
}

/// Whether a finalizer holds a document.
pub(crate) fn holds(doc: &Doc, finalizer: &str) -> bool {
    doc.meta.finalizers.iter().any(|held| held == finalizer)
}

/// A document that is not terminating: deleted where nobody keeps it.
fn collect(draft: &mut Draft, doc: &Doc) -> usize {
    if doc.meta.owners.is_empty() || doc.meta.owners.iter().any(|owner| keeps(&draft.world, owner)) {
        return 0;
    }
    let awaited = doc.meta.owners.iter().filter_map(|owner| Uid::parse(&owner.uid)).any(|uid| draft.world.by_uid(uid).is_some());
    let has_dependents = draft.world.owned_by(doc.meta.uid).next().is_some();
    let propagation = (awaited && has_dependents).then_some(Propagation::Foreground);
    delete(draft, &doc.key, None, propagation);
    1
}

/// A document that is terminating: its own finalizers are worked off, then it goes.
fn finish(draft: &mut Draft, doc: &Doc) -> usize {
    let mut units = 0;
    let dependents: Vec<Arc<Doc>> = draft.world.owned_by(doc.meta.uid).cloned().collect();
    let mut let_go = Vec::new();
    if holds(doc, ORPHAN) {
        for dependent in &dependents {
            disown(draft, &dependent.key, doc.meta.uid);
            offer(draft, &dependent.key);
            units += 1;
        }
        let_go.push(ORPHAN);
    } else if holds(doc, FOREGROUND) {
        for dependent in dependents.iter().filter(|dependent| !dependent.is_terminating()) {
            if dependent.meta.owners.iter().any(|owner| keeps(&draft.world, owner)) {
                disown(draft, &dependent.key, doc.meta.uid);
            } else {
                collect(draft, dependent);
            }
            units += 1;
        }
        let uid = doc.meta.uid.to_string();
        let blocks = |owner: &OwnerRef| owner.uid == uid && owner.block_owner_deletion;
        if !draft.world.owned_by(doc.meta.uid).any(|dependent| dependent.meta.owners.iter().any(blocks)) {
            let_go.push(FOREGROUND);
        }
    }
    if holds(doc, TRACKING) && controller_of(&draft.world, doc).is_none() {
        let_go.push(TRACKING); // No job is left to count the pod.
    }
    let Some(now) = draft.update(&doc.key, |doc| doc.meta.finalizers.retain(|held| !let_go.contains(&held.as_str()))) else {
        return units;
    };
    if may_go(&now) {
        remove(draft, &doc.key);
    }
    units + 1
}

/// A pod whose node is gone has no kubelet that would end it: it is failed and goes at once.
fn strand(draft: &mut Draft, key: &Key) {
    let Some(doc) = draft.world.get(key).cloned() else {
        return;
    };
    let Some(node) = doc.as_pod().and_then(|pod| pod.node.as_ref()) else {
        return;
    };
    if draft.world.node(node).is_some() {
        return;
    }
    let now = draft.now;
    draft.update(key, |doc| {
        let Some(pod) = doc.as_pod_mut().filter(|pod| !pod.status.is_terminal()) else {
            return;
        };
        pod.status.phase = Phase::Failed;
        let condition = Condition::new("DisruptionTarget", true, now);
        condition.because("DeletionByPodGC", "PodGC: node no longer exists").set_in(&mut pod.status.conditions);
    });
    delete(draft, key, Some(0), None);
}
