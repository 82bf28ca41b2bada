//! How many pods may be extra or missing while a deployment rolls, and how many the new set may have.
//!
//! All numbers are of pods. A deployment that recreates has neither surge nor pods that may be missing: it stops everything instead.

use super::Rollout;
use nodelane_model::Key;
use nodelane_model::budget::IntOrPercent;

/// Both bounds where nothing is said.
const QUARTER: IntOrPercent = IntOrPercent::Percent(25);

impl Rollout<'_> {
    pub(super) fn is_rolling(&self) -> bool {
        self.body().spec.strategy.kind != "Recreate"
    }
    /// Surge rounds up, unavailable down; where both come to nothing one may be missing.
    fn fences(&self) -> (i32, i32) {
        let rolling = self.body().spec.strategy.rolling_update.clone().unwrap_or_default();
        let surge = rolling.max_surge.unwrap_or(QUARTER).scaled_up(self.wanted());
        let unavailable = rolling.max_unavailable.unwrap_or(QUARTER).scaled_down(self.wanted());
        (surge, if surge == 0 && unavailable == 0 { 1 } else { unavailable })
    }
    pub(super) fn max_surge(&self) -> i32 {
        if self.is_rolling() { self.fences().0 } else { 0 }
    }
    pub(super) fn max_unavailable(&self) -> i32 {
        if self.is_rolling() && self.wanted() > 0 { self.fences().1.min(self.wanted()) } else { 0 }
    }
    pub(super) fn min_available(&self) -> i32 {
        self.wanted() - self.max_unavailable()
    }
    /// Pods that a set has or may make: one that was scaled down keeps its place until its pods are on their way out. Upstream
    /// counts what was asked for, and so exceeds the surge for a moment.
    fn occupied(&self, key: &Key) -> i32 {
        self.size(key).max(self.set(key).status.replicas)
    }
    /// What the new set, of this size, may grow to beside all sets.
    pub(super) fn room_for_new(&self, all: &[Key], size: i32) -> i32 {
        if !self.is_rolling() {
            return self.wanted();
        }
        let room = self.wanted() + self.max_surge() - self.sum(all, Self::occupied);
        size + room.min(self.wanted() - size).max(0)
    }
}
