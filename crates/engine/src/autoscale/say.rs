//! What autoscaling says on pods and on its ConfigMap, in cluster-autoscaler's words (scheduler-and-autoscaler: texts).
//!
//! The same event is not written again within five minutes. Events of many pods are told over several turns, so that a burst of fifty
//! thousand does not hold up a cell; beyond as many as are kept at all they are dropped.

use super::profile::DUPLICATE_EVENT_MILLIS;
use nodelane_model::event::Notice;
use nodelane_model::{Key, Kind, Name};
use nodelane_world::Draft;
use std::collections::VecDeque;

const COMPONENT: &str = "cluster-autoscaler";
/// Events that wait to be written: as many as a world keeps.
const UNTOLD_LIMIT: usize = 10_000;

/// The ConfigMap that shows the autoscaler's state.
pub fn status_key() -> Key {
    Key::new(Kind::ConfigMap, "kube-system", "cluster-autoscaler-status")
}

/// Events that are still to be written.
#[derive(Clone, Debug, Default)]
pub struct Untold(VecDeque<(Key, &'static str, Name)>);

impl Untold {
    /// An event on a pod, to be written soon.
    pub fn add(&mut self, pod: &Key, reason: &'static str, message: &Name) {
        if self.0.len() < UNTOLD_LIMIT {
            self.0.push_back((pod.clone(), reason, message.clone()));
        }
    }
    /// Writes at most `budget`; gives how many.
    pub fn tell(&mut self, draft: &mut Draft, budget: usize) -> usize {
        let count = budget.min(self.0.len());
        for (about, reason, message) in self.0.drain(..count) {
            if draft.world.get(&about).is_some() {
                draft.notify_once_in(DUPLICATE_EVENT_MILLIS, &Notice { about, warning: false, reason, message, component: COMPONENT });
            }
        }
        count
    }
}

/// An event on the ConfigMap.
pub fn on_status(draft: &mut Draft, warning: bool, reason: &'static str, message: String) {
    let notice = Notice { about: status_key(), warning, reason, message: message.into(), component: COMPONENT };
    draft.notify_once_in(DUPLICATE_EVENT_MILLIS, &notice);
}

/// A span as Go prints durations of whole seconds: `15m0s`, `1h0m30s`.
pub fn go_duration(millis: i64) -> String {
    let seconds = millis / 1_000;
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{seconds}s"),
        _ => format!("{hours}h{minutes}m{seconds}s"),
    }
}
