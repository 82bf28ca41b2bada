//! One step of a rollout: the new set up within the surge, or old sets down within what may be missing.
//!
//! One or the other per pass, never both: what was scaled is first seen in the sets' counts.

use super::Rollout;
use crate::claim::controlled;
use nodelane_model::{Key, Kind};

impl Rollout<'_> {
    /// One step of a rolling update: up first; down only where up had nothing to do.
    pub(super) fn roll(&mut self) {
        let Some(new) = self.ensure_new() else { return };
        let size = self.size(&new);
        let target = match size > self.wanted() {
            true => self.wanted(),
            false => self.room_for_new(&self.all(), size),
        };
        if self.resize(&new, target) {
            return;
        }
        if !self.retire_old(&new) && self.is_complete() {
            self.clean_up();
        }
    }

    /// Takes old sets down: pods that are not available first, for they serve no one, then as many as may be missing.
    fn retire_old(&mut self, new: &Key) -> bool {
        let old = self.active(&self.old);
        let pending = self.size(new) - self.available(new);
        let mut surplus = self.sum(&self.all(), Self::size) - self.min_available() - pending;
        if old.is_empty() || surplus <= 0 {
            return false;
        }
        let mut scaled = false;
        for key in &old {
            let broken = (self.size(key) - self.available(key)).min(surplus).max(0);
            surplus -= broken;
            scaled |= self.resize(key, self.size(key) - broken);
        }
        let mut spare = self.sum(&self.all(), Self::available) - self.min_available();
        for key in &old {
            let down = self.size(key).min(spare).max(0);
            spare -= down;
            scaled |= self.resize(key, self.size(key) - down);
        }
        scaled
    }

    /// One step of a recreation: all old pods gone before the first new one.
    pub(super) fn recreate(&mut self) {
        self.renew_revision();
        let old = self.old.clone();
        let mut scaled = false;
        for key in &old {
            scaled |= self.resize(key, 0);
        }
        if scaled || old.iter().any(|key| self.has_running_pods(key)) {
            return;
        }
        let Some(new) = self.ensure_new() else { return };
        self.resize(&new, self.wanted());
        if self.is_complete() {
            self.clean_up();
        }
    }

    fn has_running_pods(&self, key: &Key) -> bool {
        let pods = controlled(&self.draft.world, self.set_doc(key), Kind::Pod);
        pods.iter().any(|doc| doc.as_pod().is_some_and(|pod| !pod.status.is_terminal()))
    }

    /// Scales a set and says so; says whether it changed.
    pub(super) fn resize(&mut self, key: &Key, target: i32) -> bool {
        if self.size(key) == target {
            return false;
        }
        self.rescale(key, target)
    }
}
