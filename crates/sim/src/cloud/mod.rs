//! The simulated cloud: machines take a while, drawn by seed.
//!
//! The time of an answer is a function of the seed and the call, so a call that is submitted again after a crash is answered when it
//! would have been. Machines come in parallel.

pub mod scheduled;
pub mod spot;

use crate::BootProfile;
use nodelane_model::hash::Hash;
use nodelane_model::{Name, Time};
use nodelane_provider::{Call, Completion, Provider, Verb};
use std::collections::BTreeMap;

/// The simulated cloud.
pub struct Cloud {
    seed: u64,
    profile: BootProfile,
    due: BTreeMap<(Time, Name), Call>,
    under_way: BTreeMap<Name, (Time, Call)>,
    /// Whether the next call is slow, by an injected fault.
    pub(crate) slow: bool,
}

/// How much longer a machine takes under the fault `slow-boot`.
const SLOW_FACTOR: i64 = 10;

/// Whether a call ends with the machine booting.
pub(crate) fn boots(verb: Verb) -> bool {
    matches!(verb, Verb::Create | Verb::Reimage | Verb::Start | Verb::Reboot | Verb::Redeploy)
}

impl Cloud {
    /// A cloud with nothing under way.
    pub fn new(seed: u64, profile: BootProfile) -> Cloud {
        Cloud { seed, profile, due: BTreeMap::new(), under_way: BTreeMap::new(), slow: false }
    }
    /// Milliseconds from a call to its answer. Booting leaves out what the kubelet takes to become Ready.
    fn latency(&self, call: &Call) -> i64 {
        let boots = boots(call.verb);
        let (low, high) = match (self.profile, call.verb) {
            (BootProfile::Instant, _) => (0, 0),
            (BootProfile::Fast, Verb::Reboot) => (3_000, 5_000),
            (BootProfile::Azure, Verb::Reboot) => (60_000, 120_000),
            (BootProfile::Fast, Verb::Redeploy) => (8_000, 12_000),
            (BootProfile::Azure, Verb::Redeploy) => (180_000, 300_000),
            (BootProfile::Fast, Verb::Create | Verb::Reimage | Verb::Start) => (6_000, 10_000),
            (BootProfile::Fast, Verb::Deallocate | Verb::Delete) => (1_000, 2_000),
            (BootProfile::Azure, Verb::Create | Verb::Reimage | Verb::Start) => (90_000, 180_000),
            (BootProfile::Azure, Verb::Deallocate | Verb::Delete) => (30_000, 60_000),
        };
        let drawn =
            Hash::new(self.seed).text(&call.machine).number(call.verb as u64).number(u64::from(call.incarnation)).between(low, high);
        let drawn = if boots { (drawn - crate::kubelet::ready_lag_millis(self.profile)).max(0) } else { drawn };
        if self.slow && boots { drawn.max(1_000) * SLOW_FACTOR } else { drawn }
    }
}

impl Provider for Cloud {
    fn submit(&mut self, call: Call, now: Time) {
        if let Some((at, known)) = self.under_way.get(&call.machine) {
            if *known == call {
                return;
            }
            self.due.remove(&(*at, call.machine.clone())); // A newer wish for the same machine takes its place.
        }
        let at = call.since.plus(self.latency(&call)).max(now);
        self.due.insert((at, call.machine.clone()), call.clone());
        self.under_way.insert(call.machine.clone(), (at, call));
    }
    fn poll(&mut self, now: Time) -> Vec<Completion> {
        let mut answers = Vec::new();
        while let Some(entry) = self.due.first_entry()
            && entry.key().0 <= now
        {
            let call = entry.remove();
            self.under_way.remove(&call.machine);
            answers.push(Completion { call, result: Ok(()) });
        }
        answers
    }
    fn next_at(&self) -> Option<Time> {
        self.due.keys().next().map(|(at, _)| *at)
    }
}
