//! The counters of one profile, and what each other profile's pods do to them.
//!
//! A plugin says once per other profile which of its counters such a pod moves and by how much; from then on a pod that is bound costs
//! a few additions. Whatever a plugin knows about pods on nodes is in here, so a copy of the tally is all that a what-if needs.

use crate::topology::{Counter, Topologies};

/// A counter of the tally.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct CounterId(pub usize);

/// What a pod does to the counters at its node.
pub(crate) type Moves = Vec<(CounterId, i64)>;

/// The counters of one profile.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    counters: Vec<Counter>,
}

impl Tally {
    pub fn push(&mut self, counter: Counter) -> CounterId {
        self.counters.push(counter);
        CounterId(self.counters.len() - 1)
    }
    pub fn get(&self, id: CounterId) -> &Counter {
        &self.counters[id.0]
    }
    pub fn is_empty(&self) -> bool {
        self.counters.is_empty()
    }
    /// Goes on with the topologies as nodes have come. `false` where what tells nodes apart has changed for old ones.
    pub fn renew(&mut self, topologies: &Topologies) -> bool {
        self.counters.iter_mut().all(|counter| counter.renew(topologies))
    }
    /// Whether a counter counts pods on a node from now on; none there is counted now.
    pub fn set_eligible(&mut self, id: CounterId, node: u32, is: bool) {
        self.counters[id.0].set_eligible(node, is);
    }
    /// Takes up (1) or takes away (-1) a pod on a node.
    pub fn apply(&mut self, moves: &Moves, node: u32, terminating: bool, times: i64) {
        for (id, by) in moves {
            let counter = &mut self.counters[id.0];
            if !(terminating && counter.alive_only) {
                counter.add(node, by * times);
            }
        }
    }
    /// What tells nodes apart in the counters; nodes with the same marks have the same counts everywhere.
    pub fn marks(&self, node: u32, out: &mut Vec<i64>) {
        out.extend(self.counters.iter().map(|counter| counter.mark(node)));
    }
}
