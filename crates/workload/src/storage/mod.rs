//! Claims and volumes, as the controllers of Kubernetes and the storage drivers of AKS leave them.
//!
//! A claim is bound to a volume that is kept for it or free, or gets a new one from its class; one that waits for a pod gets it when the
//! scheduler has written the node. A volume whose claim is gone is kept or goes, as its policy says. What is in use does not go.
//! Not here: which node (`place`), attaching and mounting, resizing, snapshots, recycling.

mod bind;
mod ephemeral;
mod provision;
mod volume;

use crate::delete::{may_go, remove};
use nodelane_model::volume::{DEFAULT_CLASS, VolumeClaim};
use nodelane_model::{Body, Doc, Key, Kind, Meta, Name};
use nodelane_world::{Draft, World};
use std::sync::Arc;

/// Holds a claim while a pod on a node uses it.
const CLAIM_PROTECTION: &str = "kubernetes.io/pvc-protection";
/// Holds a volume while a claim has it.
const VOLUME_PROTECTION: &str = "kubernetes.io/pv-protection";
const CONTROLLER: &str = "persistentvolume-controller";

/// Binds, provisions, protects and reclaims; gives the units spent.
pub(crate) fn reconcile(draft: &mut Draft, key: &Key) -> usize {
    let Some(doc) = draft.world.get(key).cloned() else { return 0 };
    let before = draft.writes.len();
    match key.kind {
        Kind::PersistentVolumeClaim if doc.is_terminating() => {
            let in_use = draft.world.users_of(key).any(|pod| pod.as_pod().is_some_and(|pod| pod.node.is_some()));
            (!in_use).then(|| let_go(draft, key, &[CLAIM_PROTECTION]));
        }
        Kind::PersistentVolumeClaim => bind::claim(draft, &doc),
        Kind::PersistentVolume => volume::reconcile(draft, &doc),
        _ => ephemeral::create_claims(draft, &doc),
    }
    draft.writes.len() - before
}

/// Completes a new claim or volume as the admission of the API server does: the default class, and what protects it while in use.
pub fn complete_storage(world: &World, doc: &mut Doc) {
    let protection = if doc.key.kind == Kind::PersistentVolume { VOLUME_PROTECTION } else { CLAIM_PROTECTION };
    if !doc.meta.finalizers.iter().any(|held| held == protection) {
        doc.meta.finalizers.push(protection.into());
    }
    let needs_class = doc.storage_class().is_empty();
    if let Some(claim) = doc.as_volume_claim_mut().filter(|claim| needs_class && claim.spec.storage_class_name.is_none()) {
        claim.spec.storage_class_name = default_class(world);
    }
}

/// The default class: of several the newest, then the first by name.
fn default_class(world: &World) -> Option<Name> {
    let is_default = |doc: &&Arc<Doc>| doc.meta.annotations.get(DEFAULT_CLASS).is_some_and(|value| value == "true");
    let classes = world.list(Kind::StorageClass, None).filter(is_default);
    classes.min_by_key(|doc| (std::cmp::Reverse(doc.meta.created), doc.key.clone())).map(|doc| doc.key.name.clone())
}

/// Makes a claim for a controller.
pub(crate) fn create_claim(draft: &mut Draft, key: Key, meta: Meta, claim: VolumeClaim) {
    let mut doc = Doc::new(key, 0, meta, Body::PersistentVolumeClaim(Box::new(claim)));
    complete_storage(&draft.world, &mut doc);
    draft.create(doc.key, doc.meta, doc.body);
}

/// Takes finalizers off a document that is to go; it goes where none is left.
fn let_go(draft: &mut Draft, key: &Key, finalizers: &[&str]) {
    let left = draft.update(key, |doc| doc.meta.finalizers.retain(|held| !finalizers.contains(&held.as_str())));
    if left.is_some_and(|doc| may_go(&doc)) {
        remove(draft, key);
    }
}
