//! The nodes that fit, in groups that counters and normalised scores cannot tell apart, the best of each at hand.
//!
//! Within a group the best node is the top of a heap by score, the first by name of several. Entries that no longer hold are skipped when
//! they come up, and are swept out when they are the most. Order by name is the roster's: it holds between nodes whoever comes.

use std::collections::BTreeMap;

/// The group of a node that does not fit.
const NOWHERE: u32 = u32::MAX;

/// The group of a node, and its score within.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Spot {
    group: u32,
    score: i64,
}

#[derive(Debug, Default)]
struct Group {
    size: u32,
    heap: Vec<(i64, u32)>,
}

/// The best node of a group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Top {
    pub group: u32,
    pub node: u32,
    pub score: i64,
    /// How many nodes are in the group.
    pub size: u32,
}

/// Groups of nodes.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    spots: Vec<Spot>,
    groups: Vec<Group>,
    by_signature: BTreeMap<Vec<i64>, u32>,
    /// The one that was looked up last.
    last: Option<(Vec<i64>, u32)>,
}

impl Groups {
    /// Makes room for nodes up to that number; new ones fit nowhere.
    pub fn grow(&mut self, numbers: usize) {
        self.spots.resize(numbers, Spot { group: NOWHERE, score: 0 });
    }
    /// Whether most groups are those of long ago.
    pub fn is_crowded(&self) -> bool {
        self.groups.len() > 2 * self.spots.len() + 64
    }
    /// The group of a node, where it fits.
    pub fn of(&self, node: u32) -> Option<u32> {
        Some(self.spots[node as usize].group).filter(|group| *group != NOWHERE)
    }
    /// Puts a node in the group of a signature with a score, or nowhere. `ranks`: order by name.
    pub fn set(&mut self, ranks: &[u32], node: u32, place: Option<(&[i64], i64)>) {
        let spot = match place {
            Some((signature, score)) => Spot { group: self.group(signature), score },
            None => Spot { group: NOWHERE, score: 0 },
        };
        let old = std::mem::replace(&mut self.spots[node as usize], spot);
        if old == spot {
            return;
        }
        if old.group != NOWHERE {
            self.groups[old.group as usize].size -= 1;
        }
        if spot.group != NOWHERE {
            let group = &mut self.groups[spot.group as usize];
            group.size += 1;
            if group.heap.len() > 2 * group.size as usize + 64 {
                let spots = &self.spots;
                group.heap.retain(|(score, node)| spots[*node as usize] == Spot { group: spot.group, score: *score });
                group.heap.push((spot.score, node));
                // The best first is a heap too.
                group.heap.sort_unstable_by_key(|entry| std::cmp::Reverse(key(entry, ranks)));
                group.heap.dedup();
            } else {
                push(&mut group.heap, ranks, (spot.score, node));
            }
        }
    }
    fn group(&mut self, signature: &[i64]) -> u32 {
        if let Some((last, group)) = &self.last
            && last == signature
        {
            return *group;
        }
        let group = match self.by_signature.get(signature) {
            Some(known) => *known,
            None => {
                let next = self.groups.len() as u32;
                self.by_signature.insert(signature.to_vec(), next);
                self.groups.push(Group::default());
                next
            }
        };
        self.last = Some((signature.to_vec(), group));
        group
    }
    /// The best node of each group that has any.
    pub fn tops(&mut self, ranks: &[u32]) -> Vec<Top> {
        let mut tops = Vec::with_capacity(16);
        for (at, group) in (0..).zip(&mut self.groups).filter(|(_, group)| group.size > 0) {
            while let Some((score, node)) = group.heap.first().copied() {
                if self.spots[node as usize] == (Spot { group: at, score }) {
                    tops.push(Top { group: at, node, score, size: group.size });
                    break;
                }
                pop(&mut group.heap, ranks);
            }
        }
        tops
    }
}

/// What entries of a heap are compared by; the greatest is the best.
fn key((score, node): &(i64, u32), ranks: &[u32]) -> (i64, std::cmp::Reverse<u32>) {
    (*score, std::cmp::Reverse(ranks[*node as usize]))
}

fn is_better(a: (i64, u32), b: (i64, u32), ranks: &[u32]) -> bool {
    a.0 > b.0 || (a.0 == b.0 && ranks[a.1 as usize] < ranks[b.1 as usize])
}

fn push(heap: &mut Vec<(i64, u32)>, ranks: &[u32], entry: (i64, u32)) {
    heap.push(entry);
    let last = heap.len() - 1;
    rise(heap, ranks, last);
}

fn rise(heap: &mut [(i64, u32)], ranks: &[u32], mut at: usize) {
    while at > 0 && is_better(heap[at], heap[(at - 1) / 2], ranks) {
        heap.swap(at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
}

/// Drops the best. The hole sinks to the bottom and is filled with the last, which mostly belongs there: half the comparisons.
fn pop(heap: &mut Vec<(i64, u32)>, ranks: &[u32]) {
    let Some(last) = heap.pop().filter(|_| !heap.is_empty()) else { return };
    let (mut hole, mut child) = (0, 1);
    while child < heap.len() {
        if child + 1 < heap.len() && is_better(heap[child + 1], heap[child], ranks) {
            child += 1;
        }
        heap[hole] = heap[child];
        (hole, child) = (child, 2 * child + 1);
    }
    heap[hole] = last;
    rise(heap, ranks, hole);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_of_a_group_is_the_best_score_and_of_several_the_first_by_name_whatever_came_before() {
        // The node numbered 0 is the last by name.
        let ranks = [9, 1, 2, 3];
        let mut groups = Groups::default();
        groups.grow(4);
        let top = |groups: &mut Groups| groups.tops(&ranks).first().map(|top| (top.node, top.score, top.size));
        assert_eq!(top(&mut groups), None);
        for node in [0, 3, 2] {
            groups.set(&ranks, node, Some((&[7], 50)));
        }
        assert_eq!(top(&mut groups), Some((2, 50, 3)));
        for score in 0..1000 {
            groups.set(&ranks, 2, Some((&[7], score % 50)));
            assert_eq!(top(&mut groups), Some((3, 50, 3)));
        }
        assert!(groups.groups[0].heap.len() <= 2 * 3 + 65, "what no longer holds is swept out");
        groups.set(&ranks, 1, Some((&[8], 99)));
        groups.set(&ranks, 3, None);
        assert_eq!((top(&mut groups), groups.tops(&ranks).len()), (Some((0, 50, 2)), 2));
    }
}
