//! Deletion, as the API server does it: at once, with grace, or once its finalizers let go.
//!
//! A bound pod gets a deletion time (now + grace) and its kubelet removes it then; an unbound or ended pod, or one with no grace, goes
//! at once. Everything else goes at once too unless a finalizer holds it. A second request may only shorten the grace.

use nodelane_model::change::Propagation;
use nodelane_model::{Body, Doc, Key, Kind, Name};
use nodelane_world::{Draft, List};
use serde_json::{Value, json};

/// Holds an owner until its blocking dependents are gone.
pub(crate) const FOREGROUND: &str = "foregroundDeletion";
/// Holds an owner until its dependents were let go.
pub(crate) const ORPHAN: &str = "orphan";

/// Deletes a document as `DELETE` does. `grace` is in seconds and for pods; absent, a pod's own grace counts (30 where it has none).
/// Absent `propagation` leaves the document's finalizers as they are, which means background for most.
pub fn delete(draft: &mut Draft, key: &Key, grace: Option<i64>, propagation: Option<Propagation>) {
    let Some(old) = draft.world.get(key).cloned() else {
        return;
    };
    let mut doc = (*old).clone();
    if let Some(propagation) = propagation {
        doc.meta.finalizers.retain(|finalizer| finalizer != FOREGROUND && finalizer != ORPHAN);
        match propagation {
            Propagation::Background => {}
            Propagation::Foreground => doc.meta.finalizers.push(Name::new(FOREGROUND)),
            Propagation::Orphan => doc.meta.finalizers.push(Name::new(ORPHAN)),
        }
    }
    let mut grace = grace_of(&doc, grace);
    let mut asked = draft.now.whole_seconds();
    if let (Some(at), Some(before)) = (doc.meta.deleted, doc.meta.grace_seconds) {
        grace = grace.min(before);
        asked = at.plus(-before * 1000);
    } else if doc.meta.generation > 0 {
        doc.meta.generation += 1; // The wish to go is a wish.
    }
    doc.meta.deleted = Some(asked.plus(grace * 1000));
    doc.meta.grace_seconds = Some(grace);
    if key.kind == Kind::Namespace {
        doc.meta.grace_seconds = None;
        set_terminating(&mut doc);
    }
    if may_go(&doc) {
        remove(draft, key);
    } else if doc != *old {
        draft.put(doc);
    }
}

fn grace_of(doc: &Doc, asked: Option<i64>) -> i64 {
    match doc.as_pod() {
        Some(pod) if pod.node.is_some() && !pod.status.is_terminal() => {
            asked.or(pod.spec.termination_grace_period_seconds).unwrap_or(30).max(0)
        }
        _ => 0,
    }
}

/// Whether nothing holds a document whose deletion was asked for.
pub(crate) fn may_go(doc: &Doc) -> bool {
    let held = match doc.key.kind {
        Kind::Pod => grace_of(doc, doc.meta.grace_seconds) > 0,
        Kind::Namespace => doc
            .as_opaque()
            .and_then(|rest| rest.get("spec")?.get("finalizers")?.as_array())
            .is_some_and(|finalizers| !finalizers.is_empty()),
        _ => false,
    };
    doc.is_terminating() && doc.meta.finalizers.is_empty() && !held
}

/// Removes a document. What a namespace always has is made again.
pub(crate) fn remove(draft: &mut Draft, key: &Key) {
    draft.remove(key);
    if crate::namespace::has_always(key) {
        let namespace = Key::global(Kind::Namespace, key.namespace.clone());
        if draft.world.get(&namespace).is_some() {
            draft.world.work.add(List::Owners, namespace);
        }
    }
}

fn set_terminating(doc: &mut Doc) {
    if let Body::Opaque(rest) = &mut doc.body {
        let status = rest.entry("status").or_insert_with(|| json!({}));
        if let Some(status) = status.as_object_mut() {
            status.insert("phase".into(), Value::from("Terminating"));
        }
    }
}
