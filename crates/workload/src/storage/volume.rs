//! Volumes: free, bound, or left by their claim, and then kept or gone as their policy says.
//!
//! `Delete` is carried out for volumes of the drivers that are simulated; `Retain` leaves a volume Released, for a person to look at.

use super::provision::{PROVISIONER_PROTECTION, is_simulated};
use super::{VOLUME_PROTECTION, let_go};
use crate::delete::delete;
use nodelane_model::{Doc, Key, Kind, Name};
use nodelane_world::Draft;

pub(super) fn reconcile(draft: &mut Draft, doc: &Doc) {
    let Some(volume) = doc.as_persistent_volume() else { return };
    let claim_ref = volume.spec.claim_ref.as_ref();
    let claim = claim_ref.and_then(|kept| {
        let key = Key::new(Kind::PersistentVolumeClaim, kept.namespace.clone(), kept.name.clone());
        draft.world.get(&key).filter(|claim| kept.is(claim)).cloned()
    });
    let has_it = claim.as_ref().and_then(|claim| claim.as_volume_claim()).is_some_and(|claim| claim.spec.volume_name == doc.key.name);
    if doc.is_terminating() {
        (!has_it).then(|| let_go(draft, &doc.key, &[VOLUME_PROTECTION, PROVISIONER_PROTECTION]));
        return;
    }
    let phase = match (claim_ref, claim) {
        (None, _) => "Available",
        (Some(kept), _) if kept.uid.is_empty() && !has_it => "Available",
        (Some(_), Some(_)) if has_it => "Bound",
        (Some(_), Some(_)) => return, // The claim has yet to take it.
        (Some(_), None) => "Released",
    };
    set_phase(draft, &doc.key, phase);
    let driver = volume.spec.csi.as_ref().map(|csi| csi.driver.as_str());
    if phase == "Released" && volume.spec.persistent_volume_reclaim_policy == "Delete" && driver.is_some_and(is_simulated) {
        delete(draft, &doc.key, None, None);
        let_go(draft, &doc.key, &[VOLUME_PROTECTION, PROVISIONER_PROTECTION]);
    }
}

pub(super) fn set_phase(draft: &mut Draft, key: &Key, phase: &'static str) {
    draft.update(key, |doc| {
        if let Some(volume) = doc.as_persistent_volume_mut() {
            volume.status.phase = Name::new_static(phase);
        }
    });
}
