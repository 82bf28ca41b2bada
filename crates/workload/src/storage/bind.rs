//! Which volume a claim gets, and writing it on both.
//!
//! One that is kept for the claim goes first, then the smallest free one (only for claims that wait for no pod: for the others the
//! scheduler chooses), then a new one. Texts are those of Kubernetes' volume controller.

use super::volume::set_phase;
use super::{CONTROLLER, default_class, provision};
use crate::notice::Voice;
use nodelane_model::volume::{BIND_COMPLETED, BOUND_BY_CONTROLLER, ClaimRef, SELECTED_NODE, VolumeClaim};
use nodelane_model::{Doc, Key, Kind, Labels, Name};
use nodelane_world::Draft;
use std::sync::Arc;

pub(super) fn claim(draft: &mut Draft, doc: &Arc<Doc>) {
    let Some(claim) = doc.as_volume_claim() else { return };
    if claim.spec.volume_name.is_empty() {
        serve(draft, doc, claim);
        return;
    }
    let voice = Voice { about: &doc.key, component: CONTROLLER };
    let key = Key::global(Kind::PersistentVolume, claim.spec.volume_name.clone());
    let volume = draft.world.get(&key).cloned();
    let is_lost = doc.is_fully_bound() && claim.status.phase != "Lost";
    match volume.as_ref().and_then(|volume| volume.as_persistent_volume()) {
        None if is_lost => {
            set_claim_phase(draft, &doc.key, "Lost");
            voice.warn(draft, "ClaimLost", "Bound claim has lost its PersistentVolume. Data on the volume is lost!");
        }
        None => {}
        Some(volume) if volume.spec.claim_ref.as_ref().is_none_or(|kept| kept.is(doc)) => bind(draft, &key, &doc.key),
        Some(_) if is_lost => {
            set_claim_phase(draft, &doc.key, "Lost");
            voice.warn(draft, "ClaimMisbound", "Two claims are bound to the same volume, this one is bound incorrectly");
        }
        Some(_) if doc.is_fully_bound() => {}
        Some(_) => voice.warn(draft, "FailedBinding", format!("volume \"{}\" already bound to a different claim.", key.name)),
    }
}

/// A claim that names no volume.
fn serve(draft: &mut Draft, doc: &Arc<Doc>, claim: &VolumeClaim) {
    // A class that became the default later serves claims that came before it.
    let class = doc.storage_class();
    if class.is_empty()
        && claim.spec.storage_class_name.is_none()
        && let Some(name) = default_class(&draft.world)
    {
        draft.update(&doc.key, |doc| {
            if let Some(claim) = doc.as_volume_claim_mut() {
                claim.spec.storage_class_name = Some(name);
            }
        });
        draft.world.work.add(nodelane_world::List::Owners, doc.key.clone());
        return;
    }
    let class_doc = draft.world.get(&Key::global(Kind::StorageClass, class)).cloned();
    let waits = class_doc.as_ref().and_then(|doc| doc.as_storage_class()).is_some_and(|class| class.waits_for_consumer());
    if let Some(volume) = best(draft, doc, waits) {
        bind(draft, &volume, &doc.key);
        return;
    }
    let voice = Voice { about: &doc.key, component: CONTROLLER };
    if waits && !doc.meta.annotations.contains_key(SELECTED_NODE) {
        let (reason, message) = waited_for(draft, &doc.key);
        voice.say(draft, reason, message);
    } else if class.is_empty() {
        voice.say(draft, "FailedBinding", "no persistent volumes available for this claim and no storage class is set");
    } else {
        match class_doc {
            Some(class) => provision::provision(draft, doc, &class),
            None => voice.warn(draft, "ProvisioningFailed", format!("storageclass.storage.k8s.io \"{class}\" not found")),
        }
    }
}

/// The volume that is kept for a claim, else the smallest free one where nobody else chooses.
fn best(draft: &Draft, doc: &Doc, waits: bool) -> Option<Key> {
    let volumes = draft.world.volumes_for(doc);
    let key = |volume: &Arc<Doc>| {
        let volume = volume.as_persistent_volume();
        (volume.is_none_or(|volume| volume.spec.claim_ref.is_none()), volume.map(|volume| volume.size_bytes()))
    };
    let best = volumes.iter().min_by_key(|volume| key(volume))?;
    let is_free = key(best).0;
    (!(waits && is_free)).then(|| best.key.clone())
}

/// What a claim waits for, as its event says.
fn waited_for(draft: &Draft, claim: &Key) -> (&'static str, String) {
    let unbound = draft.world.users_of(claim).filter(|pod| pod.as_pod().is_some_and(|pod| pod.node.is_none()));
    let names: Vec<&str> = unbound.map(|pod| pod.key.name.as_str()).collect();
    match names[..] {
        [] => ("WaitForFirstConsumer", "waiting for first consumer to be created before binding".into()),
        [name] => ("WaitForPodScheduled", format!("waiting for pod {name} to be scheduled")),
        _ => ("WaitForPodScheduled", format!("waiting for pods {} to be scheduled", names.join(","))),
    }
}

/// Writes a volume and its claim on each other, the volume first.
pub(super) fn bind(draft: &mut Draft, volume: &Key, claim: &Key) {
    let Some(claim_doc) = draft.world.get(claim).cloned() else { return };
    let bound = draft.update(volume, |doc| {
        let Some(body) = doc.as_persistent_volume_mut() else { return };
        let kept = body.spec.claim_ref.as_ref().filter(|kept| kept.is(&claim_doc)).map(|kept| kept.uid.is_empty());
        if kept != Some(false) {
            body.spec.claim_ref = Some(ClaimRef::to(&claim_doc));
        }
        if kept.is_none() {
            annotate(&mut doc.meta.annotations, BOUND_BY_CONTROLLER);
        }
    });
    let Some(body) = bound.as_ref().and_then(|doc| doc.as_persistent_volume()) else { return };
    set_phase(draft, volume, "Bound");
    let (capacity, access_modes) = (body.spec.capacity.clone(), body.spec.access_modes.clone());
    draft.update(claim, |doc| {
        let Some(body) = doc.as_volume_claim_mut() else { return };
        let was_free = body.spec.volume_name.is_empty();
        body.spec.volume_name = volume.name.clone();
        if !(body.status.phase == "Bound" && body.status.capacity == capacity) {
            (body.status.phase, body.status.capacity, body.status.access_modes) = (Name::new_static("Bound"), capacity, access_modes);
        }
        if was_free {
            annotate(&mut doc.meta.annotations, BOUND_BY_CONTROLLER);
        }
        annotate(&mut doc.meta.annotations, BIND_COMPLETED);
    });
}

fn annotate(annotations: &mut Labels, key: &'static str) {
    if !annotations.contains_key(key) {
        Arc::make_mut(annotations).insert(Name::new_static(key), Name::new_static("yes"));
    }
}

fn set_claim_phase(draft: &mut Draft, key: &Key, phase: &'static str) {
    draft.update(key, |doc| {
        if let Some(claim) = doc.as_volume_claim_mut() {
            claim.status.phase = Name::new_static(phase);
        }
    });
}
