//! How many machines of one group pods need, as cluster-autoscaler estimates it: first fit, the pods that ask for most first.
//!
//! Pods of one class are taken together: first the machines that the estimate has added so far, in order, then new ones, of which only the
//! last is looked at. A class ends at a new machine that stays empty or at a limit. Where a rule looks at other pods each pod is checked;
//! else a tree over the free room finds the first machine that fits. A group in several zones adds its machines evenly over them.

use super::fleet::{Fleet, Step};
use super::site::{STANDING, fits};

/// A group of templates that is scaled as one: a pool with its zones.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub name: nodelane_model::Name,
    pub templates: Vec<u32>,
}

/// What an estimate came to.
pub(super) struct Packing<'a> {
    pub fleet: Fleet<'a>,
    /// How many pods of each class given were placed.
    pub placed: Vec<u32>,
    /// Machines that were added and hold pods.
    pub machines: u32,
}

/// Pods alike: rule, shape, how many.
pub(super) type Class = (u32, u32, u32);

/// Estimates a group on top of what the fleet has; `classes` in any order.
pub(super) fn binpack<'a>(base: &Fleet<'a>, group: &Group, classes: &[Class]) -> Packing<'a> {
    let mut run =
        Run { fleet: base.clone(), group, first: base.len(), free: FreeTree::new(base.width), group_bins: vec![0; group.templates.len()] };
    let mut order: Vec<usize> = (0..classes.len()).collect();
    let room = base.sites.room(group.templates[0]);
    let score = |at: &usize| {
        let need = base.demand.shape(classes[*at].1);
        (0..2).map(|r| if room[r] > 0 { need[r] as f64 / room[r] as f64 } else { 0.0 }).sum::<f64>()
    };
    order.sort_by(|a, b| score(b).total_cmp(&score(a)).then(a.cmp(b)));
    let mut placed = vec![0; classes.len()];
    for at in order {
        let (rule, shape, count) = classes[at];
        let mut left = count;
        run.on_added(rule, shape, &mut left);
        run.on_new(rule, shape, &mut left);
        placed[at] = count - left;
    }
    // A machine is added for a pod only.
    let machines = (run.fleet.len() - run.first) as u32;
    Packing { fleet: run.fleet, placed, machines }
}

struct Run<'g, 'a> {
    fleet: Fleet<'a>,
    group: &'g Group,
    /// Machines before this one are not looked at.
    first: usize,
    free: FreeTree,
    /// Machines added by template of the group.
    group_bins: Vec<u32>,
}

impl Run<'_, '_> {
    fn looks_around(&self, rule: u32) -> bool {
        let checks = &self.fleet.rules.all[rule as usize].checks;
        !(checks.spreads.is_empty() && checks.zeros.is_empty() && checks.near.is_empty())
    }
    fn allows(&self, rule: u32, bin: u32) -> bool {
        let of = &self.fleet.rules.all[rule as usize];
        let site = self.fleet.site[bin as usize];
        of.sites[site as usize]
            && self.fleet.site_allows(&of.checks, site)
            && self.fleet.host_allows(&of.checks, bin)
            && self.fleet.host_near(&of.checks, bin)
    }
    fn on_added(&mut self, rule: u32, shape: u32, left: &mut u32) {
        let need = self.fleet.demand.shape(shape);
        let (careful, mut from) = (self.looks_around(rule), 0);
        while *left > 0 {
            let Some(at) = self.free.first(from, need) else { return };
            let bin = (self.first + at) as u32;
            if !self.allows(rule, bin) {
                from = at + 1;
                continue;
            }
            let times = if careful { 1 } else { self.free.times(at, need).min(*left) };
            self.put(bin, rule, shape, times);
            *left -= times;
            // A careful pod looks from the start again: what it did may have made room by its rules.
            from = if careful { 0 } else { at + 1 };
        }
    }
    fn on_new(&mut self, rule: u32, shape: u32, left: &mut u32) {
        let need = self.fleet.demand.shape(shape);
        let careful = self.looks_around(rule);
        while *left > 0 {
            let last = self.fleet.len().checked_sub(1).filter(|last| *last >= self.first).map(|last| last as u32);
            let fitting = last.filter(|bin| self.free.times(*bin as usize - self.first, need) > 0 && self.allows(rule, *bin));
            let bin = match fitting {
                Some(bin) => bin,
                None => match self.add(rule, shape) {
                    Some(bin) => bin,
                    None => return,
                },
            };
            let times = if careful { 1 } else { self.free.times(bin as usize - self.first, need).min(*left) };
            self.put(bin, rule, shape, times);
            *left -= times;
        }
    }
    /// A new machine that takes a pod, in the zone of the group that has the fewest of those that may.
    fn add(&mut self, rule: u32, shape: u32) -> Option<u32> {
        let (fleet, need) = (&self.fleet, self.fleet.demand.shape(shape));
        let of = &fleet.rules.all[rule as usize];
        let takes = |template: u32| {
            let site = fleet.sites.of_template[template as usize];
            of.sites[site as usize]
                && fits(need, fleet.sites.room(template))
                && fleet.may_take(template, STANDING)
                && fleet.site_allows(&of.checks, site)
                && fleet.fresh_allows(&of.checks)
        };
        let able = (0..self.group.templates.len()).filter(|at| takes(self.group.templates[*at]));
        let at = able.min_by_key(|at| (self.group_bins[*at], *at))?;
        let template = self.group.templates[at];
        self.group_bins[at] += 1;
        let bin = self.fleet.open(self.fleet.sites.of_template[template as usize], template);
        self.free.push(self.fleet.room(bin));
        self.fleet.close_full_sites();
        Some(bin)
    }
    fn put(&mut self, bin: u32, rule: u32, shape: u32, times: u32) {
        self.fleet.load(bin, shape, i64::from(times));
        let moves = &self.fleet.rules.all[rule as usize].moves;
        for _ in 0..times {
            if !moves.is_empty() {
                self.fleet.count(moves, bin);
            }
            self.fleet.log.push(Step { bin, rule, shape });
        }
        let free: Vec<i64> = self.fleet.room(bin).iter().zip(self.fleet.used(bin)).map(|(room, used)| room - used).collect();
        self.free.set(bin as usize - self.first, &free);
    }
}

/// Free room of machines in a row, with the largest of each amount over every aligned stretch of them.
struct FreeTree {
    width: usize,
    len: usize,
    /// Leaves that there is place for; a power of two.
    leaves: usize,
    rows: Vec<i64>,
}

impl FreeTree {
    fn new(width: usize) -> FreeTree {
        FreeTree { width, len: 0, leaves: 1, rows: vec![i64::MIN; 2 * width] }
    }
    fn row(&self, node: usize) -> &[i64] {
        &self.rows[node * self.width..][..self.width]
    }
    fn push(&mut self, free: &[i64]) {
        if self.len == self.leaves {
            let old: Vec<i64> = self.rows[self.leaves * self.width..].to_vec();
            self.leaves *= 2;
            self.rows = vec![i64::MIN; 2 * self.leaves * self.width];
            let start = self.leaves * self.width;
            self.rows[start..start + old.len()].copy_from_slice(&old);
            (1..self.leaves).rev().for_each(|node| self.renew(node));
        }
        self.len += 1;
        self.set(self.len - 1, free);
    }
    fn renew(&mut self, node: usize) {
        for at in 0..self.width {
            self.rows[node * self.width + at] = self.rows[2 * node * self.width + at].max(self.rows[(2 * node + 1) * self.width + at]);
        }
    }
    fn set(&mut self, at: usize, free: &[i64]) {
        let mut node = self.leaves + at;
        self.rows[node * self.width..][..self.width].copy_from_slice(free);
        while node > 1 {
            node /= 2;
            self.renew(node);
        }
    }
    /// The first machine from `from` on with this much free.
    fn first(&self, from: usize, need: &[i64]) -> Option<usize> {
        self.search(1, 0, self.leaves, from, need)
    }
    fn search(&self, node: usize, start: usize, span: usize, from: usize, need: &[i64]) -> Option<usize> {
        if start + span <= from || start >= self.len || !fits(need, self.row(node)) {
            return None;
        }
        if span == 1 {
            return Some(start);
        }
        let half = span / 2;
        self.search(2 * node, start, half, from, need).or_else(|| self.search(2 * node + 1, start + half, half, from, need))
    }
    /// How many times over a machine has this much free.
    fn times(&self, at: usize, need: &[i64]) -> u32 {
        let free = self.row(self.leaves + at);
        let times = need.iter().zip(free).filter(|(need, _)| **need > 0).map(|(need, free)| (free / need).max(0)).min();
        times.unwrap_or(i64::from(u32::MAX)).min(i64::from(u32::MAX)) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_finds_the_first_machine_with_enough_of_everything() {
        let mut tree = FreeTree::new(2);
        for free in [[5, 1], [1, 5], [4, 4], [9, 9], [4, 4]] {
            tree.push(&free);
        }
        assert_eq!(tree.first(0, &[3, 3]), Some(2));
        assert_eq!(tree.first(3, &[3, 3]), Some(3));
        assert_eq!(tree.first(0, &[10, 0]), None);
        assert_eq!(tree.times(3, &[4, 2]), 2);
        tree.set(2, &[0, 0]);
        assert_eq!(tree.first(0, &[3, 3]), Some(3));
        assert_eq!(tree.first(4, &[5, 0]), None);
    }
}
