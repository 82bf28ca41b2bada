//! Machines with what they hold, and the counters that rules are checked against.
//!
//! Every machine of the answer is thought to stand empty from the start, and new ones may always come: by host name the emptiest domain
//! counts as empty, and a zone on offer is a domain before it has a machine. That is never laxer than kube-scheduler, which counts the
//! machines that stand; so every step in the order of the log is legal there.

use super::demand::Demand;
use super::rules::{Checks, Rules, Scope};
use super::site::{STANDING, Sites, fits};

/// A pod that was put on a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub bin: u32,
    pub rule: u32,
    pub shape: u32,
}

/// Machines, standing and new.
#[derive(Clone)]
pub(super) struct Fleet<'a> {
    pub sites: &'a Sites,
    pub rules: &'a Rules,
    pub demand: &'a Demand,
    pub width: usize,
    pub site: Vec<u32>,
    /// The template that a machine has for now.
    pub template: Vec<u32>,
    /// What is taken, a row a machine.
    used: Vec<i64>,
    /// What there is of standing machines, a row each; those come first.
    standing: Vec<i64>,
    /// Counts by machine, a row each.
    host: Vec<u32>,
    /// Counts by domain, a row a counter.
    pub counts: Vec<Vec<i64>>,
    totals: Vec<i64>,
    /// How many machines a site has.
    pub bins_at: Vec<u32>,
    /// Whether a site may still get machines.
    pub open: Vec<bool>,
    pub left: Vec<i64>,
    /// Whether the machines that there are now are all that there will be, so that only their domains count.
    pub complete: bool,
    /// What was put where, in an order that is legal.
    pub log: Vec<Step>,
}

impl<'a> Fleet<'a> {
    pub fn new(sites: &'a Sites, rules: &'a Rules, demand: &'a Demand) -> Fleet<'a> {
        let of_site = sites.all.len();
        Fleet {
            sites,
            rules,
            demand,
            width: demand.width(),
            site: Vec::new(),
            template: Vec::new(),
            used: Vec::new(),
            standing: Vec::new(),
            host: Vec::new(),
            counts: rules.counters.iter().map(|counter| vec![0; counter.domains.max(1)]).collect(),
            totals: vec![0; rules.counters.len()],
            bins_at: vec![0; of_site],
            open: sites.all.iter().map(|site| !site.sizes.is_empty()).collect(),
            left: sites.limits.clone(),
            complete: false,
            log: Vec::new(),
        }
    }
    pub fn len(&self) -> usize {
        self.site.len()
    }
    pub fn used(&self, bin: u32) -> &[i64] {
        &self.used[bin as usize * self.width..][..self.width]
    }
    /// What there is of a machine as it is for now.
    pub fn room(&self, bin: u32) -> &[i64] {
        match self.template[bin as usize] {
            STANDING => &self.standing[bin as usize * self.width..][..self.width],
            template => self.sites.room(template),
        }
    }
    /// Adds a machine that stands already.
    pub fn add_standing(&mut self, site: u32, room: &[i64], used: &[i64]) {
        self.add(site, STANDING);
        self.standing.extend_from_slice(room);
        let start = self.used.len() - self.width;
        self.used[start..].copy_from_slice(used);
    }
    fn add(&mut self, site: u32, template: u32) -> u32 {
        let bin = self.site.len() as u32;
        self.site.push(site);
        self.template.push(template);
        self.used.resize(self.used.len() + self.width, 0);
        self.host.resize(self.host.len() + self.rules.host_slots, 0);
        self.bins_at[site as usize] += 1;
        bin
    }
    /// Adds an empty machine of a template.
    pub fn open(&mut self, site: u32, template: u32) -> u32 {
        self.take(template, 1);
        self.add(site, template)
    }
    fn take(&mut self, template: u32, times: i64) {
        if template != STANDING {
            for (limit, amount) in &self.sites.takes[template as usize] {
                self.left[*limit] -= amount * times;
            }
        }
    }
    /// Changes what a machine is.
    pub fn resize(&mut self, bin: u32, template: u32) {
        let old = std::mem::replace(&mut self.template[bin as usize], template);
        if old != template {
            self.take(old, -1);
            self.take(template, 1);
        }
    }
    /// The cheapest template of a site with this much room, for a machine that gives back the one it has.
    pub fn cheapest(&self, site: u32, need: &[i64], held: u32) -> Option<u32> {
        let sizes = &self.sites.all[site as usize].sizes;
        let from = self.sites.first(site, need);
        sizes[from.min(sizes.len())..].iter().copied().find(|size| fits(need, self.sites.room(*size)) && self.may_take(*size, held))
    }
    /// Whether the limits leave another machine of a template, once the one that is held is given back.
    pub fn may_take(&self, template: u32, held: u32) -> bool {
        self.sites.takes[template as usize].iter().all(|(limit, amount)| {
            let back = if held == STANDING {
                0
            } else {
                self.sites.takes[held as usize].iter().filter(|(of, _)| of == limit).map(|(_, back)| back).sum()
            };
            self.left[*limit] + back >= *amount
        })
    }
    /// What a machine would be once a pod has come, and what that adds to its price.
    pub fn growth(&self, bin: u32, shape: u32, scratch: &mut Vec<i64>) -> Option<(i64, u32)> {
        scratch.clear();
        scratch.extend(self.used(bin).iter().zip(self.demand.shape(shape)).map(|(used, need)| used + need));
        let held = self.template[bin as usize];
        let need = self.demand.shape(shape);
        let within = scratch.iter().zip(self.room(bin)).zip(need).all(|((sum, room), need)| sum <= room || *need <= 0);
        if within {
            return Some((0, held));
        }
        if held == STANDING {
            return None;
        }
        let template = self.cheapest(self.site[bin as usize], scratch, held)?;
        Some((self.sites.price(template) - self.sites.price(held), template))
    }
    /// The checks that look at domains of many machines.
    pub fn site_allows(&self, checks: &Checks, site: u32) -> bool {
        let site = site as usize;
        let at = |counter: usize| self.rules.counters[counter].domain_of[site].map(|domain| self.counts[counter][domain as usize]);
        let by_site = |counter: &usize| self.rules.counters[*counter].scope == Scope::Sites;
        let even = checks.spreads.iter().filter(|spread| by_site(&spread.counter)).all(|spread| {
            at(spread.counter).is_some_and(|count| count <= self.emptiest(spread.counter, spread.min_domains) + spread.slack)
        });
        even && checks.zeros.iter().filter(|counter| by_site(counter)).all(|counter| at(*counter).is_none_or(|count| count == 0))
            && (checks.near.iter().filter(|counter| by_site(counter)).all(|counter| at(*counter).is_some_and(|count| count > 0))
                || (checks.may_be_first
                    && self.is_first(checks)
                    && checks.near.iter().all(|at| self.rules.counters[*at].domain_of[site].is_some())))
    }
    fn is_first(&self, checks: &Checks) -> bool {
        checks.near.iter().all(|counter| self.totals[*counter] == 0)
    }
    /// The smallest count over the domains that there are or may be.
    fn emptiest(&self, counter: usize, min_domains: usize) -> i64 {
        let (of, counts) = (&self.rules.counters[counter], &self.counts[counter]);
        let (mut smallest, mut seen) = (i64::MAX, [0_u64; 4]);
        let mut domains = 0;
        for (site, domain) in of.domain_of.iter().enumerate() {
            let Some(domain) = domain.filter(|_| of.eligible[site] && ((self.open[site] && !self.complete) || self.bins_at[site] > 0))
            else {
                continue;
            };
            smallest = smallest.min(counts[domain as usize]);
            // 256 domains are told apart; more are more than any constraint asks for.
            let (word, bit) = ((domain as usize / 64) % 4, 1 << (domain % 64));
            domains += usize::from(seen[word] & bit == 0);
            seen[word] |= bit;
        }
        if domains < min_domains || smallest == i64::MAX { 0 } else { smallest }
    }
    /// The checks that look at one machine, but for those that may come true later.
    pub fn host_allows(&self, checks: &Checks, bin: u32) -> bool {
        let site = self.site[bin as usize] as usize;
        let row = bin as usize * self.rules.host_slots;
        let at = |counter: usize| match self.rules.counters[counter].scope {
            Scope::Host(slot) => self.rules.counters[counter].domain_of[site].map(|_| i64::from(self.host[row + slot])).or(Some(-1)),
            Scope::Sites => None,
        };
        checks.spreads.iter().all(|spread| {
            at(spread.counter)
                .is_none_or(|count| count >= 0 && count <= spread.slack + self.emptiest_host(spread.counter, spread.min_domains))
        }) && checks.zeros.iter().all(|counter| at(*counter).is_none_or(|count| count <= 0))
    }
    /// The smallest count by machine: none while there may be new ones.
    fn emptiest_host(&self, counter: usize, min_domains: usize) -> i64 {
        let of = &self.rules.counters[counter];
        let Scope::Host(slot) = of.scope else { return 0 };
        if !self.complete {
            return 0;
        }
        let counts = (0..self.len()).filter(|bin| {
            let site = self.site[*bin] as usize;
            of.eligible[site] && of.domain_of[site].is_some()
        });
        let (least, machines) =
            counts.fold((u32::MAX, 0), |(least, machines), bin| (least.min(self.host[bin * self.rules.host_slots + slot]), machines + 1));
        if machines < min_domains || least == u32::MAX { 0 } else { i64::from(least) }
    }
    /// Whether the pods that a pod wants on its own machine are there.
    pub fn host_near(&self, checks: &Checks, bin: u32) -> bool {
        let row = bin as usize * self.rules.host_slots;
        let here = checks.near.iter().all(|counter| match self.rules.counters[*counter].scope {
            Scope::Host(slot) => self.host[row + slot] > 0,
            Scope::Sites => true,
        });
        here || (checks.may_be_first && self.is_first(checks))
    }
    /// Whether a machine that is empty satisfies the checks that look at one machine.
    pub fn fresh_allows(&self, checks: &Checks) -> bool {
        let by_host = |counter: &usize| self.rules.counters[*counter].scope != Scope::Sites;
        checks.spreads.iter().filter(|spread| by_host(&spread.counter)).all(|spread| spread.slack >= 0)
            && (!checks.near.iter().any(by_host) || (checks.may_be_first && self.is_first(checks)))
    }
    /// Counts a pod that stands or comes.
    pub fn count(&mut self, moves: &[usize], bin: u32) {
        self.count_at(moves, self.site[bin as usize]);
        self.count_on(moves, bin);
    }
    /// Counts a pod by domains of many machines alone: which machine of the site is open.
    pub fn count_at(&mut self, moves: &[usize], site: u32) {
        for counter in moves {
            let of = &self.rules.counters[*counter];
            if let (Some(domain), true) = (of.domain_of[site as usize], of.eligible[site as usize]) {
                self.totals[*counter] += 1;
                if of.scope == Scope::Sites {
                    self.counts[*counter][domain as usize] += 1;
                }
            }
        }
    }
    /// Counts a pod by machine alone, once its machine is known.
    pub fn count_on(&mut self, moves: &[usize], bin: u32) {
        let (site, row) = (self.site[bin as usize] as usize, bin as usize * self.rules.host_slots);
        for counter in moves {
            if let Scope::Host(slot) = self.rules.counters[*counter].scope
                && self.rules.counters[*counter].eligible[site]
            {
                self.host[row + slot] += 1;
            }
        }
    }
    /// Takes (1) or gives back (-1) what a shape needs of a machine.
    pub fn load(&mut self, bin: u32, shape: u32, times: i64) {
        let start = bin as usize * self.width;
        let need = self.demand.shape(shape);
        self.used[start..start + self.width].iter_mut().zip(need).for_each(|(used, need)| *used += need * times);
    }
    /// A site that may get no more machines and has none is no domain any more, and never will be.
    pub fn close_full_sites(&mut self) {
        for site in 0..self.open.len() {
            if self.open[site] && !self.sites.limits.is_empty() {
                self.open[site] = self.sites.all[site].sizes.iter().any(|size| self.may_take(*size, STANDING));
            }
        }
    }
}
