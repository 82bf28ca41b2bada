//! Which nodes a label puts together, and counts of pods by such domains.
//!
//! A topology is a label key; nodes with the same value of it are one domain. Counters move with each pod that is bound, so no verdict
//! goes through the pods again.

use nodelane_model::Name;
use nodelane_world::NodeRow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The domain of a node that lacks the label.
pub(crate) const NONE: u32 = u32::MAX;

/// How one label key divides the nodes.
#[derive(Debug)]
pub(crate) struct Topology {
    /// Domain by node; `NONE` where the label is missing.
    pub domain_of: Vec<u32>,
    /// How many domains there are.
    pub domains: usize,
    /// Whether every domain is a single node, as with host names.
    pub singletons: bool,
}

impl Topology {
    fn of(nodes: &[NodeRow], key: &str) -> Topology {
        let mut ids: BTreeMap<&Name, u32> = BTreeMap::new();
        let mut labelled = 0;
        let domain_of = nodes.iter().map(|row| {
            let Some(value) = row.doc.meta.labels.get(key) else {
                return NONE;
            };
            labelled += 1;
            let next = ids.len() as u32;
            *ids.entry(value).or_insert(next)
        });
        let domain_of: Vec<u32> = domain_of.collect();
        Topology { domain_of, domains: ids.len(), singletons: ids.len() == labelled }
    }
    /// All nodes one domain.
    pub fn of_all(nodes: &[NodeRow]) -> Topology {
        Topology { domain_of: vec![0; nodes.len()], domains: 1, singletons: false }
    }
    /// Every node a domain of its own, whatever the value of its label.
    fn by_node(nodes: &[NodeRow], key: &str) -> Topology {
        let labelled = |row: &NodeRow| row.doc.meta.labels.contains_key(key);
        let domain_of = nodes.iter().zip(0..).map(|(row, at)| if labelled(row) { at } else { NONE }).collect();
        Topology { domain_of, domains: nodes.len(), singletons: true }
    }
}

/// The topologies that a session has met.
#[derive(Debug, Default)]
pub(crate) struct Topologies {
    by_key: BTreeMap<Name, Arc<Topology>>,
    by_node: Option<Arc<Topology>>,
}

impl Topologies {
    pub fn by_key(&mut self, nodes: &[NodeRow], key: &Name) -> Arc<Topology> {
        if let Some(known) = self.by_key.get(key) {
            return known.clone();
        }
        let made = Arc::new(Topology::of(nodes, key));
        self.by_key.insert(key.clone(), made.clone());
        made
    }
    pub fn by_node(&mut self, nodes: &[NodeRow], key: &str) -> Arc<Topology> {
        self.by_node.get_or_insert_with(|| Arc::new(Topology::by_node(nodes, key))).clone()
    }
}

/// Counts by domain.
#[derive(Clone, Debug)]
pub(crate) struct Counter {
    pub topology: Arc<Topology>,
    counts: Vec<i64>,
    /// The sum over all domains.
    pub total: i64,
    /// Nodes whose pods count; absent where all do.
    eligible: Option<Arc<Vec<bool>>>,
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
            let nodes = counter.topology.domain_of.iter().zip(&eligible);
            let mut present: Vec<u32> = nodes.filter(|(domain, ok)| **ok && **domain != NONE).map(|(domain, _)| *domain).collect();
            present.sort_unstable();
            present.dedup();
            if !present.is_empty() {
                counter.levels.insert(0, present.len() as u32);
            }
            counter.eligible = Some(Arc::new(eligible));
        }
        counter
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
        if domain == NONE || self.eligible.as_ref().is_some_and(|eligible| !eligible[node as usize]) {
            return;
        }
        let count = &mut self.counts[domain as usize];
        if !self.levels.is_empty() {
            let level = self.levels.entry(*count).or_default();
            *level = level.saturating_sub(1);
            if *level == 0 {
                self.levels.remove(count);
            }
            *self.levels.entry(*count + by).or_default() += 1;
        }
        *count += by;
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
        Arc::new(Topology { domain_of: vec![0, 0, 1, NONE], domains: 2, singletons: false })
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
}
