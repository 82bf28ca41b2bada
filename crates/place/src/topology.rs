//! Which nodes a label puts together, and counts of pods by such domains.
//!
//! A topology is a label key; nodes with the same value of it are one domain. Counters move with each pod that is bound, so no verdict
//! goes through the pods again.

use crate::roster::Roster;
use nodelane_model::Name;
use nodelane_world::NodeRow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The domain of a node that lacks the label.
pub(crate) const NONE: u32 = u32::MAX;

/// What puts nodes together.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum By {
    /// The value of this label.
    Label(Name),
    /// Nothing: every node with this label is a domain of its own, whatever the value.
    Node(Name),
    /// Everything: all nodes are one domain.
    All,
}

/// How nodes are divided, by their numbers.
#[derive(Clone, Debug)]
pub(crate) struct Topology {
    /// Its place among the session's.
    id: usize,
    /// Domain by node; `NONE` where the label is missing.
    pub domain_of: Vec<u32>,
    /// How many domains there are.
    pub domains: usize,
    /// Whether every domain is a single node, as with host names. Once it is not so it stays not so.
    pub singletons: bool,
}

/// The topologies that a session has met. A node keeps its domains for as long as it has its number.
#[derive(Debug, Default)]
pub(crate) struct Topologies {
    ids: BTreeMap<By, usize>,
    known: Vec<Known>,
}

#[derive(Debug)]
struct Known {
    by: By,
    domains: BTreeMap<Name, u32>,
    /// How many nodes are there, by domain; of label values alone.
    nodes_in: Vec<u32>,
    now: Arc<Topology>,
}

impl Known {
    fn new(by: By, id: usize, rows: &[NodeRow], roster: &Roster) -> Known {
        let now = Topology { id, domain_of: Vec::new(), domains: usize::from(by == By::All), singletons: by != By::All };
        let mut known = Known { by, domains: BTreeMap::new(), nodes_in: Vec::new(), now: Arc::new(now) };
        for (row, node) in rows.iter().zip(0..) {
            known.add(row);
            if roster.has(node) {
                known.count(node, true);
            }
        }
        known
    }
    /// Gives the next node by number its domain.
    fn add(&mut self, row: &NodeRow) {
        let node = self.now.domain_of.len() as u32;
        let labels = &row.doc.meta.labels;
        let domain = match &self.by {
            By::All => 0,
            By::Node(key) if labels.contains_key(key) => node,
            By::Node(_) => NONE,
            By::Label(key) => match labels.get(key) {
                None => NONE,
                Some(value) => match self.domains.get(value) {
                    Some(known) => *known,
                    None => {
                        self.domains.insert(value.clone(), self.nodes_in.len() as u32);
                        self.nodes_in.push(0);
                        self.nodes_in.len() as u32 - 1
                    }
                },
            },
        };
        let now = Arc::make_mut(&mut self.now);
        now.domain_of.push(domain);
        now.domains = match &self.by {
            By::All => 1,
            By::Node(_) => now.domain_of.len(),
            By::Label(_) => self.nodes_in.len(),
        };
    }
    /// Takes up that a node is there or went.
    fn count(&mut self, node: u32, is_here: bool) {
        let Some(nodes) = self.nodes_in.get_mut(self.now.domain_of[node as usize] as usize) else { return };
        *nodes = if is_here { *nodes + 1 } else { nodes.saturating_sub(1) };
        if *nodes > 1 && self.now.singletons {
            Arc::make_mut(&mut self.now).singletons = false;
        }
    }
}

impl Topologies {
    /// The topology as it is now.
    pub fn get(&mut self, rows: &[NodeRow], roster: &Roster, by: By) -> Arc<Topology> {
        let id = match self.ids.get(&by) {
            Some(id) => *id,
            None => {
                let id = self.known.len();
                self.known.push(Known::new(by.clone(), id, rows, roster));
                self.ids.insert(by, id);
                id
            }
        };
        self.known[id].now.clone()
    }
    /// The label's values by domain.
    pub fn values(&self, of: &Topology) -> impl Iterator<Item = Name> {
        let mut values: Vec<(u32, &Name)> = self.known[of.id].domains.iter().map(|(value, domain)| (*domain, value)).collect();
        values.sort_unstable();
        values.into_iter().map(|(_, value)| value.clone())
    }
    /// Takes up a node with the next number.
    pub fn add(&mut self, row: &NodeRow) {
        self.known.iter_mut().for_each(|known| known.add(row));
    }
    /// Takes up that a node is there or went.
    pub fn count(&mut self, node: u32, is_here: bool) {
        self.known.iter_mut().for_each(|known| known.count(node, is_here));
    }
}

/// Nodes whose pods a counter counts.
#[derive(Clone, Debug, Default)]
struct Eligible {
    nodes: Vec<bool>,
    /// How many they are by domain.
    by_domain: Vec<u32>,
}

/// Counts by domain.
#[derive(Clone, Debug)]
pub(crate) struct Counter {
    pub topology: Arc<Topology>,
    counts: Vec<i64>,
    /// The sum over all domains.
    pub total: i64,
    /// Nodes whose pods count; absent where all do.
    eligible: Option<Arc<Eligible>>,
    /// Whether pods that are terminating do not count.
    pub alive_only: bool,
    /// Number of domains by count, for the smallest; kept only where `eligible` domains are what matters.
    levels: BTreeMap<i64, u32>,
}

impl Counter {
    pub fn new(topology: Arc<Topology>) -> Counter {
        let counts = vec![0; topology.domains];
        Counter { topology, counts, total: 0, eligible: None, alive_only: false, levels: BTreeMap::new() }
    }
    /// A counter of live pods on eligible nodes, that knows its smallest count over the domains which have such a node.
    pub fn of_spread(topology: Arc<Topology>, eligible: Option<Vec<bool>>) -> Counter {
        let mut counter = Counter::new(topology);
        counter.alive_only = true;
        if let Some(eligible) = eligible {
            counter.eligible = Some(Arc::default());
            counter.grow();
            (0..).zip(eligible).for_each(|(node, is)| counter.set_eligible(node, is));
        }
        counter
    }
    /// Goes on with the topology as nodes have come. `false` where it says otherwise what was said of old ones.
    pub fn renew(&mut self, topologies: &Topologies) -> bool {
        let now = &topologies.known[self.topology.id].now;
        let holds = now.singletons == self.topology.singletons;
        self.topology = now.clone();
        self.counts.resize(now.domains, 0);
        self.grow();
        holds
    }
    fn grow(&mut self) {
        if let Some(eligible) = self.eligible.as_mut().map(Arc::make_mut) {
            eligible.nodes.resize(self.topology.domain_of.len(), false);
            eligible.by_domain.resize(self.topology.domains, 0);
        }
    }
    /// Whether pods on a node count from now on; none there is counted now.
    pub fn set_eligible(&mut self, node: u32, is: bool) {
        let Some(eligible) = self.eligible.as_mut() else { return };
        let domain = self.topology.domain_of[node as usize];
        if eligible.nodes[node as usize] == is || domain == NONE {
            return;
        }
        let eligible = Arc::make_mut(eligible);
        eligible.nodes[node as usize] = is;
        let nodes = &mut eligible.by_domain[domain as usize];
        *nodes = if is { *nodes + 1 } else { *nodes - 1 };
        let count = self.counts[domain as usize];
        match (*nodes, is) {
            (1, true) => *self.levels.entry(count).or_default() += 1,
            (0, false) => self.leave_level(count),
            _ => {}
        }
    }
    fn leave_level(&mut self, count: i64) {
        let level = self.levels.entry(count).or_default();
        *level = level.saturating_sub(1);
        if *level == 0 {
            self.levels.remove(&count);
        }
    }
    /// The count at a node's domain; `None` where the node has none.
    pub fn at(&self, node: u32) -> Option<i64> {
        match self.topology.domain_of[node as usize] {
            NONE => None,
            domain => Some(self.counts[domain as usize]),
        }
    }
    /// Counts `by` at a node's domain.
    pub fn add(&mut self, node: u32, by: i64) {
        let domain = self.topology.domain_of[node as usize];
        if domain == NONE || self.eligible.as_ref().is_some_and(|eligible| !eligible.nodes[node as usize]) {
            return;
        }
        let count = self.counts[domain as usize];
        if self.eligible.is_some() {
            self.leave_level(count);
            *self.levels.entry(count + by).or_default() += 1;
        }
        self.counts[domain as usize] += by;
        self.total += by;
    }
    /// The smallest count over the domains with an eligible node; `None` where there are none.
    pub fn smallest(&self) -> Option<i64> {
        self.levels.keys().next().copied()
    }
    /// How many domains have an eligible node.
    pub fn present(&self) -> u32 {
        self.levels.values().sum()
    }
    /// What tells nodes apart in this counter: the domain, or the count where each domain is one node.
    pub fn mark(&self, node: u32) -> i64 {
        match self.topology.domain_of[node as usize] {
            NONE => i64::MIN,
            domain if self.topology.singletons => self.counts[domain as usize],
            domain => i64::from(domain),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nodes 0 and 1 in one domain, 2 in another, 3 in none.
    fn topology() -> Arc<Topology> {
        Arc::new(Topology { id: 0, domain_of: vec![0, 0, 1, NONE], domains: 2, singletons: false })
    }

    #[test]
    fn a_domain_counts_for_all_its_nodes_and_a_node_without_one_for_none() {
        let mut counter = Counter::new(topology());
        [0, 1, 3].into_iter().for_each(|node| counter.add(node, 1));
        assert_eq!([0, 1, 2, 3].map(|node| counter.at(node)), [Some(2), Some(2), Some(0), None]);
        assert_eq!(counter.total, 2);
    }

    #[test]
    fn the_smallest_count_is_over_domains_with_an_eligible_node() {
        let mut counter = Counter::of_spread(topology(), Some(vec![true, false, true, true]));
        counter.add(0, 1);
        counter.add(1, 5);
        assert_eq!((counter.at(0), counter.smallest(), counter.present()), (Some(1), Some(0), 2));
        counter.add(2, 3);
        assert_eq!(counter.smallest(), Some(1));
        counter.add(0, -1);
        assert_eq!(counter.smallest(), Some(0));
        let nowhere = Counter::of_spread(topology(), Some(vec![false; 4]));
        assert_eq!((nowhere.smallest(), nowhere.present()), (None, 0));
    }

    #[test]
    fn a_domain_is_present_while_an_eligible_node_of_it_is() {
        let mut counter = Counter::of_spread(topology(), Some(vec![true, true, true, true]));
        counter.add(0, 2);
        counter.set_eligible(2, false);
        assert_eq!((counter.smallest(), counter.present()), (Some(2), 1));
        counter.set_eligible(1, false);
        assert_eq!((counter.smallest(), counter.present()), (Some(2), 1));
        counter.add(0, -2);
        counter.set_eligible(0, false);
        assert_eq!((counter.smallest(), counter.present()), (None, 0));
        counter.set_eligible(2, true);
        assert_eq!((counter.smallest(), counter.present()), (Some(0), 1));
    }
}
