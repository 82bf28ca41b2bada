//! When nodes may go again after something came, went or failed (aks-semantics AL-1).
//!
//! Soft memory: what is forgotten with a restart lets a node go sooner, within all other rules.

use super::profile::Profile;
use nodelane_model::{Name, Time};
use std::collections::BTreeMap;

/// The last times, of the cluster or of one pool.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Last {
    scale_up: Option<Time>,
    deletion: Option<Time>,
    failure: Option<Time>,
}

/// The last times of the cluster and of each pool.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Cooldowns {
    cluster: Last,
    pools: BTreeMap<Name, Last>,
}

impl Cooldowns {
    /// A pool got machines.
    pub fn note_scale_up(&mut self, pool: &Name, now: Time) {
        self.note(pool, |last| last.scale_up = Some(now));
    }
    /// A machine of the pool was let go.
    pub fn note_deletion(&mut self, pool: &Name, now: Time) {
        self.note(pool, |last| last.deletion = Some(now));
    }
    /// A machine of the pool could not be let go.
    pub fn note_failure(&mut self, pool: &Name, now: Time) {
        self.note(pool, |last| last.failure = Some(now));
    }
    fn note(&mut self, pool: &Name, set: impl Fn(&mut Last)) {
        set(&mut self.cluster);
        set(self.pools.entry(pool.clone()).or_default());
    }
    /// The first moment at which a machine of the pool may go; `None` where nothing holds it up. It may be over.
    pub fn until(&self, profile: &Profile, pool: &Name) -> Option<Time> {
        let last = if profile.scale_down_delay_is_local { self.pools.get(pool).copied().unwrap_or_default() } else { self.cluster };
        let after = |at: Option<Time>, millis: i64| at.map(|at| at.plus(millis));
        [
            after(last.scale_up, profile.scale_down_delay_after_add_millis),
            after(last.deletion, profile.scale_down_delay_after_delete_millis),
            after(last.failure, profile.scale_down_delay_after_failure_millis),
        ]
        .into_iter()
        .flatten()
        .max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_delay_holds_for_all_pools_unless_delays_are_local() {
        let mut cooldowns = Cooldowns::default();
        let mut profile = Profile::default();
        assert_eq!(cooldowns.until(&profile, &"a".into()), None);
        cooldowns.note_scale_up(&"a".into(), Time(0));
        cooldowns.note_failure(&"a".into(), Time(480_000));
        assert_eq!(cooldowns.until(&profile, &"b".into()), Some(Time(660_000)));
        profile.scale_down_delay_is_local = true;
        assert_eq!(cooldowns.until(&profile, &"b".into()), None);
        assert_eq!(cooldowns.until(&profile, &"a".into()), Some(Time(660_000)));
    }
}
