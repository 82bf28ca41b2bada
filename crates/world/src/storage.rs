//! Indexes of volumes and claims: what is free by class, what is kept for which claim, what is unbound, and who uses it.
//!
//! Each is a function of one document, kept by deltas: nothing that binds or places goes through all volumes. Not here: the rules.

use crate::class::PodClass;
use crate::index::{World, range_of};
use crate::volume::EphemeralOwner;
use crate::work::List;
use imbl::OrdSet;
use nodelane_model::{Doc, Key, Kind, Name};
use std::sync::Arc;

/// Volumes and claims by what they are looked up by.
#[derive(Clone, Debug, Default)]
pub(crate) struct Storage {
    /// Volumes without a claim, by class.
    free: OrdSet<(Name, Key)>,
    /// Volumes with a claim, by it.
    of_claim: OrdSet<(Key, Key)>,
    /// Claims that are not fully bound, by class.
    unbound: OrdSet<(Name, Key)>,
    /// Pods by the claims that they use; ended pods use none.
    users: OrdSet<(Key, Key)>,
}

fn swap<P: Ord + Clone>(set: &mut OrdSet<(P, Key)>, prefix: P, key: &Key, is_new: bool) {
    let entry = (prefix, key.clone());
    if is_new {
        set.insert(entry)
    } else {
        set.remove(&entry)
    };
}

impl World {
    /// Volumes of a class that no claim has, in order of name.
    pub fn free_volumes(&self, class: &str) -> impl Iterator<Item = &Arc<Doc>> {
        range_of(&self.storage.free, Name::new(class)).filter_map(|key| self.get(key))
    }
    /// Volumes that are bound to a claim or kept for it, in order of name.
    pub fn volumes_of<'a>(&'a self, claim: &Key) -> impl Iterator<Item = &'a Arc<Doc>> + use<'a> {
        range_of(&self.storage.of_claim, claim.clone()).filter_map(|key| self.get(key))
    }
    /// Claims of a class that are not fully bound, in order.
    pub fn unbound_claims(&self, class: &str) -> impl Iterator<Item = &Arc<Doc>> {
        range_of(&self.storage.unbound, Name::new(class)).filter_map(|key| self.get(key))
    }
    /// Pods that use a claim and have not ended, bound or not, in order.
    pub fn users_of<'a>(&'a self, claim: &Key) -> impl Iterator<Item = &'a Arc<Doc>> + use<'a> {
        range_of(&self.storage.users, claim.clone()).filter_map(|key| self.get(key))
    }

    /// Volumes that could serve a claim as far as anything but nodes says, in order of name: those kept for it, and free ones of its class.
    pub fn volumes_for(&self, claim: &Doc) -> Vec<Arc<Doc>> {
        let class = claim.storage_class();
        let kept = self.volumes_of(&claim.key).filter(|volume| volume.storage_class() == class);
        let mut volumes: Vec<Arc<Doc>> = self.free_volumes(class).chain(kept).filter(|volume| may_serve(claim, volume)).cloned().collect();
        volumes.sort_by(|a, b| a.key.cmp(&b.key));
        volumes
    }

    pub(crate) fn note_storage(&mut self, old: Option<&Arc<Doc>>, new: Option<&Arc<Doc>>) {
        for (doc, is_new) in old.map(|doc| (doc, false)).into_iter().chain(new.map(|doc| (doc, true))) {
            match doc.key.kind {
                Kind::PersistentVolume => self.note_volume(doc, is_new),
                Kind::PersistentVolumeClaim => {
                    if !doc.is_fully_bound() {
                        swap(&mut self.storage.unbound, Name::new(doc.storage_class()), &doc.key, is_new);
                    }
                    let volumes: Vec<Key> = self.volumes_of(&doc.key).map(|doc| doc.key.clone()).collect();
                    volumes.into_iter().for_each(|key| self.work.add(List::Owners, key));
                }
                Kind::StorageClass => {
                    self.touch_unbound(&doc.key.name);
                    self.touch_unbound(&Name::default()); // It may be the default.
                }
                _ => {}
            }
        }
    }

    fn note_volume(&mut self, doc: &Doc, is_new: bool) {
        let Some(volume) = doc.as_persistent_volume() else { return };
        match &volume.spec.claim_ref {
            Some(claim) => {
                let claim = Key::new(Kind::PersistentVolumeClaim, claim.namespace.clone(), claim.name.clone());
                swap(&mut self.storage.of_claim, claim.clone(), &doc.key, is_new);
                if self.get(&claim).is_some() {
                    self.work.add(List::Owners, claim);
                }
            }
            None => {
                let class = Name::new(doc.storage_class());
                swap(&mut self.storage.free, class.clone(), &doc.key, is_new);
                self.touch_unbound(&class);
            }
        }
    }

    fn touch_unbound(&mut self, class: &Name) {
        let claims: Vec<Key> = range_of(&self.storage.unbound, class.clone()).cloned().collect();
        claims.into_iter().for_each(|key| self.work.add(List::Owners, key));
    }

    /// The claims that a pod uses, and the claims that it still has to get.
    pub(crate) fn note_claims(&mut self, old: Option<&Arc<Doc>>, new: Option<&Arc<Doc>>) {
        let uses = |doc: &Arc<Doc>| doc.as_pod().is_some_and(|pod| !pod.status.is_terminal());
        let same = |old: &Arc<Doc>, new: &Arc<Doc>| uses(old) == uses(new) && PodClass::key(old) == PodClass::key(new);
        if old.zip(new).is_some_and(|(old, new)| same(old, new)) {
            return;
        }
        for (doc, is_new) in old.map(|doc| (doc, false)).into_iter().chain(new.map(|doc| (doc, true))) {
            let Some(class) = Some(doc).filter(|doc| uses(doc) && has_claims(doc)).and_then(|doc| self.class(doc)) else { continue };
            for claim in &class.claims {
                swap(&mut self.storage.users, claim.key.clone(), &doc.key, is_new);
                if !is_new && self.get(&claim.key).is_some_and(|claim| claim.is_terminating()) {
                    self.work.add(List::Owners, claim.key.clone());
                }
            }
        }
        if let Some(pod) = new.filter(|pod| !pod.is_terminating() && EphemeralOwner::of(pod).is_some()) {
            self.work.add(List::Owners, pod.key.clone());
        }
    }
}

fn may_serve(claim: &Doc, volume: &Doc) -> bool {
    let Some((wanted, body)) = claim.as_volume_claim().zip(volume.as_persistent_volume()) else { return false };
    let mode = |mode: &Option<Name>| mode.clone().unwrap_or(Name::new_static("Filesystem"));
    let attributes = |name: &Option<Name>| name.clone().unwrap_or_default();
    let fits = body.size_bytes() >= wanted.size_bytes()
        && mode(&body.spec.volume_mode) == mode(&wanted.spec.volume_mode)
        && attributes(&body.spec.volume_attributes_class_name) == attributes(&wanted.spec.volume_attributes_class_name)
        && !volume.is_terminating();
    let is_free = || {
        body.status.phase == "Available"
            && wanted.spec.selector.as_ref().is_none_or(|selector| selector.matches(&volume.meta.labels))
            && wanted.spec.access_modes.iter().all(|mode| body.spec.access_modes.contains(mode))
    };
    fits && match &body.spec.claim_ref {
        Some(kept) => kept.is(claim),
        None => is_free(),
    }
}

fn has_claims(doc: &Doc) -> bool {
    let is_claim = |fields: &nodelane_model::Rest| fields.contains_key("persistentVolumeClaim") || fields.contains_key("ephemeral");
    doc.as_pod().is_some_and(|pod| pod.spec.volumes.iter().any(|volume| is_claim(&volume.rest)))
}
