//! The scores of kube-scheduler's default profile, one file per plugin: integers from 0 to 100, weighted and summed.
//!
//! Three parts depend on the node alone (allocation, balance, images). The others are normalised over all nodes that fit, so they are
//! computed for candidates together: a candidate stands for `size` nodes that all these parts cannot tell apart.

pub(crate) mod allocation;
pub(crate) mod balanced_allocation;
pub(crate) mod image_locality;
pub(crate) mod inter_pod_affinity;
pub(crate) mod least_allocated;
pub(crate) mod node_affinity;
pub(crate) mod taint_toleration;
pub(crate) mod topology_spread;

/// The best that a plugin gives.
pub(crate) const MAX: i64 = 100;

/// Nodes that fit and that the normalised parts cannot tell apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    /// The best of them.
    pub node: u32,
    /// How many they are.
    pub size: u32,
}

/// What each plugin gives a node, weights included; those of the default profile are named.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Scores {
    /// NodeResourcesFit, weight 1; LeastAllocated unless it is configured otherwise.
    pub least_allocated: i64,
    /// NodeResourcesBalancedAllocation, weight 1.
    pub balanced_allocation: i64,
    /// ImageLocality, weight 1.
    pub image_locality: i64,
    /// TaintToleration, weight 3.
    pub taint_toleration: i64,
    /// NodeAffinity, weight 2.
    pub node_affinity: i64,
    /// PodTopologySpread, weight 2.
    pub topology_spread: i64,
    /// InterPodAffinity, weight 2.
    pub inter_pod_affinity: i64,
}

impl Scores {
    /// The sum, by which nodes are chosen.
    pub fn total(&self) -> i64 {
        self.least_allocated
            + self.balanced_allocation
            + self.image_locality
            + self.taint_toleration
            + self.node_affinity
            + self.topology_spread
            + self.inter_pod_affinity
    }
}

/// Scales counts to 0 up to 100 by the largest; `reverse` makes the largest the worst.
pub(crate) fn normalise(counts: &mut [i64], reverse: bool) {
    let largest = counts.iter().copied().max().unwrap_or(0).max(0);
    for count in counts {
        let scaled = if largest == 0 { 0 } else { MAX * *count / largest };
        *count = if reverse { MAX - scaled } else { scaled };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_scaled_by_the_largest_and_reversed_where_fewer_is_better() {
        // kube-scheduler's own DefaultNormalizeScore, worked by hand.
        let mut counts = [1, 2, 4, 0];
        normalise(&mut counts, false);
        assert_eq!(counts, [25, 50, 100, 0]);
        let mut counts = [1, 3, 0];
        normalise(&mut counts, true);
        assert_eq!(counts, [67, 0, 100]);
        let mut counts = [0, 0];
        normalise(&mut counts, true);
        assert_eq!(counts, [100, 100]);
    }
}
