//! A deployment whose size changed, or that is paused: its sets are scaled in proportion, without moving the rollout on.
//!
//! Sets remember the size that they were told in annotations; a set that remembers another one than the deployment's is how a change
//! of size shows.

use super::Rollout;
use super::revision::{DESIRED, MAXIMUM};
use nodelane_model::{Key, Name};
use std::cmp::Reverse;

impl Rollout<'_> {
    /// Whether the size that the active sets were told is no longer the deployment's.
    pub(super) fn is_scaled(&self) -> bool {
        self.active(&self.all()).iter().any(|key| self.noted(key, DESIRED).is_some_and(|told| told != self.wanted()))
    }

    fn noted(&self, key: &Key, note: &str) -> Option<i32> {
        self.set_doc(key).meta.annotations.get(note).and_then(|text| text.parse().ok())
    }

    pub(super) fn scale(&mut self) {
        if let Some(only) = self.active_or_latest() {
            self.resize(&only, self.wanted());
            return;
        }
        let Some(new) = self.new.clone() else {
            return self.scale_in_proportion();
        };
        let wanted = self.wanted();
        let saturated =
            self.size(&new) == wanted && self.noted(&new, DESIRED) == Some(wanted) && self.set(&new).status.available_replicas == wanted;
        if saturated {
            for key in self.active(&self.old) {
                self.resize(&key, 0);
            }
            return;
        }
        self.scale_in_proportion();
    }

    /// The one active set; with none active the newest; with several none.
    fn active_or_latest(&self) -> Option<Key> {
        match &self.active(&self.all())[..] {
            [] => self.new.clone().or_else(|| self.old.last().cloned()),
            [only] => Some(only.clone()),
            _ => None,
        }
    }

    fn scale_in_proportion(&mut self) {
        if !self.is_rolling() {
            return;
        }
        let mut active = self.active(&self.all());
        let allowed = if self.wanted() > 0 { self.wanted() + self.max_surge() } else { 0 };
        let to_add = allowed - self.sum(&active, Self::size);
        // The largest gets what rounding leaves over; of equals the newer grows and the older shrinks.
        let created = |key: &Key| self.set_doc(key).meta.created;
        match to_add > 0 {
            true => active.sort_by_key(|key| (Reverse(self.size(key)), Reverse(created(key)))),
            false => active.sort_by_key(|key| (Reverse(self.size(key)), created(key))),
        }
        let mut added = 0;
        let mut sizes: Vec<i32> = Vec::with_capacity(active.len());
        for key in &active {
            let share = self.share(key).clamp((to_add - added).min(0), (to_add - added).max(0));
            added += share;
            sizes.push(self.size(key) + share);
        }
        if let Some(largest) = sizes.first_mut() {
            *largest = (*largest + to_add - added).max(0);
        }
        for (key, size) in active.iter().zip(sizes) {
            self.rescale(key, size);
        }
    }

    /// By how much a set changes with the deployment: rounded half away from zero, as upstream.
    fn share(&self, key: &Key) -> i32 {
        let size = self.size(key);
        if self.wanted() == 0 {
            return -size;
        }
        let most = i64::from(self.wanted() + self.max_surge());
        let before = self.noted(key, MAXIMUM).filter(|most| *most > 0).unwrap_or(self.body().status.replicas);
        if before == 0 {
            return 0;
        }
        let before = i64::from(before);
        ((2 * i64::from(size) * most + before).div_euclid(2 * before)) as i32 - size
    }

    /// Scales a set and renews what its annotations say of the deployment's size; says whether its size changed.
    pub(super) fn rescale(&mut self, key: &Key, target: i32) -> bool {
        let before = self.size(key);
        let notes = self.size_notes();
        let generation_step = i64::from(before != target);
        self.draft.update(key, |doc| {
            let stale = notes.iter().any(|(note, value): &(Name, Name)| doc.meta.annotations.get(note) != Some(value));
            if stale {
                let mut all = (*doc.meta.annotations).clone();
                all.extend(notes);
                doc.meta.annotations = all.into();
            }
            doc.meta.generation += generation_step;
            doc.as_replica_set_mut().expect("it is a replica set").spec.replicas = Some(target);
        });
        if before != target {
            let way = if before < target { "up" } else { "down" };
            self.say("ScalingReplicaSet", format!("Scaled {way} replica set {} from {before} to {target}", key.name));
        }
        before != target
    }
}
