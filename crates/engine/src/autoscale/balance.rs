//! Pools that are alike, and how new machines are spread over them (aks-semantics SU-4, AL-5).
//!
//! Alike are pools whose new nodes differ in nothing but place, name and image. Free room is not compared: the nodes compared are empty.

use super::pending::IGNORED_LABELS;
use nodelane_model::node::Taint;
use nodelane_model::{Labels, Name};
use nodelane_place::estimate::Template;
use nodelane_world::{Amounts, NodeRow};
use std::collections::BTreeMap;

/// Largest difference in memory, in parts of a thousand (1.5 %), and in what pods may use (5 %).
const MEMORY_PERMILLE: i64 = 15;
const ALLOCATABLE_PERMILLE: i64 = 50;

/// Whether nodes of two pools are alike.
pub fn are_alike(a: &Template, b: &Template) -> bool {
    let capacity = |row: &NodeRow| row.doc.as_node().map(|node| Amounts::from_resources(&node.status.capacity)).unwrap_or_default();
    let (x, y) = (capacity(&a.row), capacity(&b.row));
    let (p, q) = (&a.row.allocatable, &b.row.allocatable);
    x.cpu_milli == y.cpu_milli
        && x.pods == y.pods
        && x.ephemeral_bytes == y.ephemeral_bytes
        && x.extended == y.extended
        && within(x.memory_bytes, y.memory_bytes, MEMORY_PERMILLE)
        && within(p.cpu_milli, q.cpu_milli, ALLOCATABLE_PERMILLE)
        && within(p.memory_bytes, q.memory_bytes, ALLOCATABLE_PERMILLE)
        && within(p.ephemeral_bytes, q.ephemeral_bytes, ALLOCATABLE_PERMILLE)
        && labels(&a.row.doc.meta.labels) == labels(&b.row.doc.meta.labels)
        && taints(&a.row) == taints(&b.row)
}

/// Whether two amounts differ by no more than so many parts of a thousand of the larger.
fn within(a: i64, b: i64, permille: i64) -> bool {
    (i128::from(a) - i128::from(b)).abs() * 1_000 <= i128::from(a.max(b)) * i128::from(permille)
}

fn labels(labels: &Labels) -> BTreeMap<&Name, &Name> {
    let is_place = |key: &Name| {
        let (prefix, name) = key.split_once('/').unwrap_or_default();
        ["topology.kubernetes.io", "failure-domain.beta.kubernetes.io"].contains(&prefix) && ["zone", "region"].contains(&name)
    };
    labels.iter().filter(|(key, _)| !IGNORED_LABELS.contains(&key.as_str()) && !is_place(key)).collect()
}

fn taints(row: &NodeRow) -> Vec<&Taint> {
    let mut taints: Vec<&Taint> = row.doc.as_node().iter().flat_map(|node| &node.spec.taints).collect();
    taints.sort_by_key(|taint| (&taint.key, &taint.effect));
    taints
}

/// New sizes after `count` more machines, each for the smallest pool that is below its maximum, the first of equals.
pub fn spread(sizes: &[(u32, u32)], count: u32) -> Vec<u32> {
    let mut new: Vec<u32> = sizes.iter().map(|(size, _)| *size).collect();
    for _ in 0..count {
        let open = (0..new.len()).filter(|at| new[*at] < sizes[*at].1);
        let Some(smallest) = open.min_by_key(|at| (new[*at], *at)) else { break };
        new[smallest] += 1;
    }
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_pool_grows_first_and_none_above_its_maximum() {
        // aks-semantics AL-5.
        assert_eq!(spread(&[(1, 100), (3, 100), (5, 100)], 5), [5, 4, 5]);
        assert_eq!(spread(&[(1, 2), (1, 10), (1, 10)], 6), [2, 4, 3]);
        assert_eq!(spread(&[(2, 2), (1, 3)], 9), [2, 3]);
    }

    #[test]
    fn shares_are_of_the_larger() {
        assert!(within(1_000, 950, 50) && !within(1_000, 949, 50) && within(0, 0, 15));
    }
}
