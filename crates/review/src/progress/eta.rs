//! When a roll should end, reckoned from itself: the median time that its nodes have taken so far, and how many go at once.
//!
//! The median, so that one node that waited for a budget does not count for all. Nothing is said before the first node is done, and of a
//! node that is held up: its budget decides, not its history.

use super::{NodePhase, NodeProgress};
use nodelane_engine::upgrade::Bounds;
use nodelane_model::Time;
use nodelane_model::machine::Rolled;

/// Sets when each node should be done; gives when the last of them should.
pub fn reckon(nodes: &mut [NodeProgress], history: impl Iterator<Item = Rolled>, limits: &Bounds, now: Time) -> Option<Time> {
    let history: Vec<Rolled> = history.collect();
    let took = median(history.iter().filter_map(|rolled| Some(rolled.done?.since(rolled.since))).collect())?;
    let batch = limits.surge.max(limits.unavailable).max(1) as usize;
    let (mut slots, mut held_up) = (Vec::new(), false);
    for node in nodes.iter_mut().filter(|node| is_under_way(node.phase)) {
        held_up |= node.blocked_by.is_some();
        if node.blocked_by.is_none() {
            node.eta = Some(taken(node, limits).plus(took).max(now));
            slots.extend(node.eta);
        }
    }
    slots.resize(slots.len().max(batch), now);
    for node in nodes.iter_mut().filter(|node| node.phase == NodePhase::Waiting && !node.extra) {
        let Some(free) = slots.iter_mut().min() else { break };
        *free = free.plus(took);
        node.eta = Some(*free);
    }
    slots.into_iter().max().filter(|_| !held_up)
}

fn is_under_way(phase: NodePhase) -> bool {
    matches!(phase, NodePhase::Draining | NodePhase::Soaking | NodePhase::Reimaging)
}

/// When a node was taken, as far as its phase shows it.
fn taken(node: &NodeProgress, limits: &Bounds) -> Time {
    match node.phase {
        NodePhase::Reimaging => Time(node.since.0.saturating_sub(limits.soak_millis)),
        _ => node.since,
    }
}

/// The lower median, in milliseconds.
fn median(mut millis: Vec<i64>) -> Option<i64> {
    millis.sort_unstable();
    millis.get(millis.len().checked_sub(1)? / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_is_the_lower_one() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![5]), Some(5));
        assert_eq!(median(vec![9, 1, 5]), Some(5));
        assert_eq!(median(vec![9, 1, 5, 100]), Some(5));
    }
}
