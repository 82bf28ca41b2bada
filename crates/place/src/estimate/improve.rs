//! Making an answer cheaper by exchanging pods between machines of one site.
//!
//! What decides whether an order is legal is which rule comes to which machine at which turn. Two pods of one rule can change places without
//! changing that; pods that any machine of the site may take can go to any other of it. An exchange is made where it lowers the price, or
//! keeps it and brings the room that is left together on one machine, until that one can be smaller. The work is counted in exchanges looked at.

use super::fleet::{Fleet, Step};
use super::site::STANDING;

/// Exchanges pods; steps from `free_from` on are of pods that any machine of their site may take. Gives the exchanges looked at.
pub(super) fn improve(fleet: &mut Fleet<'_>, steps: &mut [Step], free_from: usize, value: &dyn Fn(&[i64]) -> i64, budget: usize) -> usize {
    let mut search = Exchange { items: vec![Vec::new(); fleet.len()], fleet, steps, free_from, value, looked: 0, budget };
    for (at, step) in search.steps.iter().enumerate() {
        search.items[step.bin as usize].push(at as u32);
    }
    let sites = search.fleet.sites.all.len() as u32;
    let of_site = |search: &Exchange<'_, '_>, site: u32| -> Vec<u32> {
        let new = |bin: &u32| search.fleet.site[*bin as usize] == site && search.fleet.template[*bin as usize] != STANDING;
        (0..search.fleet.len() as u32).filter(new).collect()
    };
    let mut open: Vec<Vec<u32>> = (0..sites).map(|site| of_site(&search, site)).collect();
    while !open.is_empty() && search.looked < budget {
        open.retain(|bins| search.sweep(bins) && search.looked < budget);
    }
    search.looked
}

struct Exchange<'f, 'a> {
    fleet: &'f mut Fleet<'a>,
    steps: &'f mut [Step],
    free_from: usize,
    value: &'f dyn Fn(&[i64]) -> i64,
    /// Steps by machine.
    items: Vec<Vec<u32>>,
    looked: usize,
    budget: usize,
}

/// What a machine would be: its template, its price, the worth of its room.
type Stand = (u32, i64, i64);

impl Exchange<'_, '_> {
    /// Every pair of machines once; whether anything was exchanged.
    fn sweep(&mut self, bins: &[u32]) -> bool {
        let mut changed = false;
        for (at, a) in bins.iter().enumerate() {
            for b in &bins[at + 1..] {
                if self.looked >= self.budget {
                    return changed;
                }
                changed |= self.pair(*a, *b);
            }
        }
        changed
    }
    fn stand(&mut self, bin: u32, shift: &[i64], sign: i64) -> Option<Stand> {
        let used: Vec<i64> = self.fleet.used(bin).iter().zip(shift).map(|(used, shift)| used + sign * shift).collect();
        let site = self.fleet.site[bin as usize];
        let sizes = &self.fleet.sites.all[site as usize].sizes;
        let template = *sizes.get(self.fleet.sites.first(site, &used))?;
        let free: Vec<i64> = self.fleet.sites.room(template).iter().zip(&used).map(|(room, used)| room - used).collect();
        Some((template, self.fleet.sites.price(template), (self.value)(&free)))
    }
    /// The first exchange between two machines that pays.
    fn pair(&mut self, a: u32, b: u32) -> bool {
        let rank = |a: Stand, b: Stand| (a.1 + b.1, -(i128::from(a.2).pow(2) + i128::from(b.2).pow(2)));
        let nothing = vec![0; self.fleet.width];
        let (Some(now_a), Some(now_b)) = (self.stand(a, &nothing, 1), self.stand(b, &nothing, 1)) else { return false };
        let now = rank(now_a, now_b);
        let with_none = |items: &[u32]| items.iter().copied().map(Some).chain([None]).collect::<Vec<Option<u32>>>();
        let (of_a, of_b) = (with_none(&self.items[a as usize]), with_none(&self.items[b as usize]));
        for x in &of_a {
            for y in &of_b {
                if !self.may_exchange(*x, *y) {
                    continue;
                }
                self.looked += 1;
                let shape = |fleet: &Fleet<'_>, item: &Option<u32>, at: usize| {
                    item.map_or(0, |item| fleet.demand.shape(self.steps[item as usize].shape)[at])
                };
                // What a gains is what b loses.
                let shift: Vec<i64> = (0..self.fleet.width).map(|at| shape(self.fleet, y, at) - shape(self.fleet, x, at)).collect();
                let (Some(then_a), Some(then_b)) = (self.stand(a, &shift, 1), self.stand(b, &shift, -1)) else { continue };
                if rank(then_a, then_b) < now {
                    self.exchange(a, *x, b, *y);
                    self.fleet.resize(a, then_a.0);
                    self.fleet.resize(b, then_b.0);
                    return true;
                }
            }
        }
        false
    }
    fn may_exchange(&self, x: Option<u32>, y: Option<u32>) -> bool {
        let free = |item: u32| item as usize >= self.free_from;
        match (x, y) {
            (None, None) => false,
            (Some(one), None) | (None, Some(one)) => free(one),
            (Some(x), Some(y)) => {
                let (a, b) = (self.steps[x as usize], self.steps[y as usize]);
                a.shape != b.shape && ((free(x) && free(y)) || a.rule == b.rule)
            }
        }
    }
    fn exchange(&mut self, a: u32, x: Option<u32>, b: u32, y: Option<u32>) {
        for (item, from, to) in [(x, a, b), (y, b, a)] {
            if let Some(item) = item {
                let shape = self.steps[item as usize].shape;
                self.fleet.load(from, shape, -1);
                self.fleet.load(to, shape, 1);
            }
        }
        let free = |item: Option<u32>| item.is_none_or(|item| item as usize >= self.free_from);
        if free(x) && free(y) {
            for (item, from, to) in [(x, a, b), (y, b, a)] {
                if let Some(item) = item {
                    self.steps[item as usize].bin = to;
                    self.items[from as usize].retain(|other| *other != item);
                    self.items[to as usize].push(item);
                }
            }
        } else if let (Some(x), Some(y)) = (x, y) {
            // The turn and the machine of each rule stay; the pods change places.
            let shape = self.steps[x as usize].shape;
            self.steps[x as usize].shape = std::mem::replace(&mut self.steps[y as usize].shape, shape);
        }
    }
}
