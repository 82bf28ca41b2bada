//! The search for the lowest price: who must be looked at singly, who shares which site, how each site is packed.
//!
//! One pass of the three makes an answer; with more effort the pass is repeated in other styles and the cheapest answer is kept. What
//! finds no place is tried once more at the end, and said with what stops it.

use super::binpack::Class;
use super::bound::{Bound, bound};
use super::demand::{Demand, claims_devices};
use super::expander::expand;
use super::fleet::{Fleet, Step};
use super::improve::improve;
use super::pack::{Style, pack};
use super::repair::repair;
use super::rules::{Kind, Rules, Scope, refusal};
use super::share::share;
use super::site::{STANDING, Sites, fits};
use super::{Estimate, NewMachine, Preferences, Request, Search};
use crate::filter::node_affinity::Named;
use crate::filter::volumes::Places;
use crate::session::Session;
use nodelane_model::Name;
use std::collections::BTreeMap;

/// The style of the first pass.
const FIRST: Style = Style { sizes: 6, reach_percent: 150 };

/// Exchanges of pods that are looked at for each packing that is tried: about as much work.
const EXCHANGES_PER_PACKING: usize = 200_000;

/// Everything that does not change from pass to pass.
pub(super) struct Problem {
    pub session: Session,
    pub demand: Demand,
    pub sites: Sites,
    pub rules: Rules,
    /// Profile of each rule.
    pub profiles: Vec<u32>,
}

/// One pass: what stands where, and the order.
struct Outcome<'a> {
    fleet: Fleet<'a>,
    steps: Vec<Step>,
    /// Steps from here on are of pods that any machine of their site may take.
    free_from: usize,
    left: Vec<(u32, u32)>,
}

/// Answers a request.
pub fn estimate(request: &Request<'_>) -> Estimate {
    let problem = Problem::of(request);
    let base = problem.standing();
    let (classes, refused) = problem.sort_out(&base);
    let bound = problem.bound(&base, &classes);
    let outcome = match &request.search {
        Search::Expanders(chain) => {
            let (fleet, left) = expand(&base, request.templates, chain, &classes);
            let left = left.iter().flat_map(|(rule, shape, count)| std::iter::repeat_n((*rule, *shape), *count as usize)).collect();
            let steps = fleet.log.clone();
            Outcome { fleet, free_from: steps.len(), steps, left }.repaired(&base)
        }
        Search::Fast => problem.lowest_price(&base, &classes, &bound, 0),
        Search::Optimal(effort) => problem.lowest_price(&base, &classes, &bound, *effort),
    };
    // What is left costs nothing, and so it may not count in what the answer is measured by.
    let bound = if outcome.left.is_empty() { bound } else { problem.bound(&base, &problem.placed(&classes, &outcome.left)) };
    problem.answer(outcome, refused, bound.nano_usd)
}

/// Styles to try beyond the first.
fn styles() -> impl Iterator<Item = Style> {
    let reaches = [130, 110, 180, 220, 300, 120, 140, 160, 200, 250, 400, 100];
    (1..).flat_map(move |round| reaches.map(|reach_percent| Style { sizes: 3 + round * 3, reach_percent }))
}

fn pass<'a>(base: &Fleet<'a>, pods: &[(u32, u32)], worth: &[i64], value: &dyn Fn(&[i64]) -> i64, style: Style) -> Outcome<'a> {
    let mut fleet = base.clone();
    let rules = fleet.rules;
    let (singles, rest): (Vec<_>, Vec<_>) = pods.iter().copied().partition(|(rule, _)| rules.all[*rule as usize].kind == Kind::Single);
    let mut left = super::single::place(&mut fleet, &singles);
    let shares = share(&mut fleet, &rest, worth, value);
    left.extend(shares.left);
    let sites = fleet.sites.all.len();
    let mut queues: Vec<Vec<Step>> = vec![Vec::new(); rules.all.len() * sites];
    for (site, given) in shares.of.into_iter().enumerate() {
        let packed = pack(&mut fleet, site as u32, given, worth, value, style);
        packed.others.iter().for_each(|step| queues[step.rule as usize * sites + site].push(*step));
        left.extend(packed.left);
    }
    let turns = shares.turns.iter().filter_map(|(rule, site)| queues[*rule as usize * sites + *site as usize].pop());
    let others: Vec<Step> = turns.collect();
    for step in &others {
        fleet.count_on(&rules.all[step.rule as usize].moves, step.bin);
    }
    let mut steps = std::mem::take(&mut fleet.log);
    let free_from = steps.len();
    steps.extend(others);
    Outcome { fleet, steps, free_from, left }.repaired(base)
}

impl<'a> Outcome<'a> {
    /// Where something was left: in order again, with another look for it.
    fn repaired(self, base: &Fleet<'a>) -> Outcome<'a> {
        if self.left.is_empty() {
            return self;
        }
        let (mut fleet, left) = repair(base, &self.fleet, &self.steps, self.left);
        let steps = std::mem::take(&mut fleet.log);
        Outcome { fleet, free_from: steps.len(), steps, left }
    }
    fn price(&self) -> i64 {
        self.fleet.template.iter().map(|template| self.fleet.sites.price(*template)).sum()
    }
    fn rank(&self) -> (usize, i64, usize) {
        (self.left.len(), self.price(), self.fleet.len())
    }
}

impl Problem {
    pub fn of(request: &Request<'_>) -> Problem {
        let demand = Demand::of(request.pods, request.world.list(nodelane_model::Kind::Pod, None), &request.config, request.world);
        let mut session = Session::configured(request.world, request.config.clone());
        let profiles: Vec<u32> = demand.examples.iter().map(|at| session.profile(&request.pods[*at], true).unwrap_or_default()).collect();
        session.read_pods();
        let sites = Sites::of(&session, &profiles, &demand, request.templates, request.limits);
        let rules = Rules::compile(&session, &profiles, &sites, request.preferences == Preferences::Hard);
        Problem { session, demand, sites, rules, profiles }
    }
    /// What stands, with the pods on it.
    pub fn standing(&self) -> Fleet<'_> {
        let mut fleet = Fleet::new(&self.sites, &self.rules, &self.demand);
        for (row, site) in self.session.rows.iter().zip(&self.sites.of_node) {
            let (mut room, mut used) = (Vec::new(), Vec::new());
            self.demand.row(&row.allocatable, &mut room);
            self.demand.row(&row.used, &mut used);
            fleet.add_standing(*site, &room, &used);
        }
        for (profile, placed) in self.session.placed.iter().enumerate().filter(|(_, placed)| !placed.is_empty()) {
            let moves = self.rules.moves_of(&self.session, profile as u32);
            for (node, here) in placed {
                (0..here.staying + here.leaving).for_each(|_| fleet.count(&moves, *node));
            }
        }
        fleet
    }
    /// The classes that something could take, and the pods of the others with what stops them.
    pub fn sort_out(&self, base: &Fleet<'_>) -> (Vec<Class>, Vec<(usize, String)>) {
        let (mut classes, mut refused) = (Vec::new(), Vec::new());
        for ((rule, shape), members) in self.demand.classes.iter().zip(&self.demand.members) {
            match self.refusal(base, (*rule, *shape)) {
                None => classes.push((*rule, *shape, members.len() as u32)),
                Some(reason) => refused.extend(members.iter().map(|at| (*at as usize, reason.clone()))),
            }
        }
        (classes, refused)
    }
    /// Classes without the pods that are left.
    fn placed(&self, classes: &[Class], left: &[(u32, u32)]) -> Vec<Class> {
        let mut missing = vec![0; self.demand.classes.len()];
        left.iter().for_each(|(rule, shape)| missing[self.demand.class(*rule, *shape)] += 1);
        classes.iter().map(|(rule, shape, count)| (*rule, *shape, count - missing[self.demand.class(*rule, *shape)])).collect()
    }
    fn lowest_price<'b>(&self, base: &Fleet<'b>, classes: &[Class], bound: &Bound, effort: usize) -> Outcome<'b> {
        let unit = self.unit_prices(bound);
        let value = |row: &[i64]| row.iter().zip(&unit).map(|(amount, unit)| *amount as f64 * unit).sum::<f64>() as i64;
        let worth: Vec<i64> = (0..self.demand.shapes() as u32).map(|shape| value(self.demand.shape(shape))).collect();
        let mut classes = classes.to_vec();
        classes.sort_by_key(|(rule, shape, _)| (-worth[*shape as usize], *shape, *rule));
        let one_by_one = classes.iter().flat_map(|(rule, shape, count)| std::iter::repeat_n((*rule, *shape), *count as usize));
        let pods: Vec<(u32, u32)> = one_by_one.collect();
        let mut best = pass(base, &pods, &worth, &value, FIRST);
        for style in styles().take(effort) {
            let other = pass(base, &pods, &worth, &value, style);
            if other.rank() < best.rank() {
                best = other;
            }
        }
        // With limits two machines cannot change their sizes at once without asking for both.
        if effort > 0 && self.sites.limits.is_empty() {
            improve(&mut best.fleet, &mut best.steps, best.free_from, &value, effort * EXCHANGES_PER_PACKING);
        }
        best
    }
    /// Why no machine could ever take a pod.
    fn refusal(&self, base: &Fleet<'_>, (rule, shape): (u32, u32)) -> Option<String> {
        let own = &self.session.profiles[self.profiles[rule as usize] as usize];
        if !own.spec().scheduling_gates.is_empty() {
            return Some("waits for its scheduling gates".into());
        }
        if claims_devices(own.spec()) {
            return Some("claims devices by dynamic resource allocation, which is not estimated".into());
        }
        let need = self.demand.shape(shape);
        let of = &self.rules.all[rule as usize];
        let offered = |site: usize| self.sites.first(site as u32, need) < self.sites.all[site].sizes.len();
        if (0..self.sites.all.len()).any(|site| of.sites[site] && offered(site)) {
            return None;
        }
        let on_standing = |bin: u32| {
            let free: Vec<i64> = base.room(bin).iter().zip(base.used(bin)).map(|(room, used)| room - used).collect();
            of.sites[base.site[bin as usize] as usize] && fits(need, &free)
        };
        if (0..base.len() as u32).any(on_standing) {
            return None;
        }
        Some(self.words(rule, shape))
    }
    /// What the sites say to a pod, counted.
    pub fn words(&self, rule: u32, shape: u32) -> String {
        let own = &self.session.profiles[self.profiles[rule as usize] as usize];
        let (named, places) = (Named::by(own), Places::of(&self.session.world, own));
        let need = self.demand.shape(shape);
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for site in &self.sites.all {
            let Some(row) = &site.example else { continue };
            if let Some(refusal) = refusal(own, &named, places.as_ref(), row) {
                *counts.entry(refusal.reasons[0].to_string()).or_default() += site.sizes.len().max(1);
                continue;
            }
            for size in &site.sizes {
                let short = need.iter().zip(self.sites.room(*size)).position(|(need, room)| need > room && *need > 0);
                let reason =
                    short.map_or("a limit or a rule about other pods".into(), |at| format!("Insufficient {}", self.demand.resources[at]));
                *counts.entry(reason).or_default() += 1;
            }
        }
        let parts: Vec<String> = counts.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        format!("no kind of machine takes it: {}", if parts.is_empty() { "none is offered".into() } else { parts.join(", ") })
    }
    /// The bound over sizes, with a slot for each pod that must be alone among its like.
    fn bound(&self, base: &Fleet<'_>, classes: &[Class]) -> Bound {
        let width = self.demand.width();
        let mut total = vec![0; width];
        let mut apart: BTreeMap<usize, i64> = BTreeMap::new();
        for (rule, shape, count) in classes {
            let count = i64::from(*count);
            total.iter_mut().zip(self.demand.shape(*shape)).for_each(|(total, need)| *total += need * count);
            let of = &self.rules.all[*rule as usize];
            let alone = |counter: &&usize| matches!(self.rules.counters[**counter].scope, Scope::Host(_)) && of.moves.contains(counter);
            of.checks.zeros.iter().filter(alone).for_each(|counter| *apart.entry(*counter).or_default() += count);
        }
        for bin in 0..base.len() as u32 {
            let free = base.room(bin).iter().zip(base.used(bin)).map(|(room, used)| (room - used).max(0));
            total.iter_mut().zip(free).for_each(|(total, free)| *total = (*total - free).max(0));
        }
        let slots = apart.values().max().copied().unwrap_or(0) - base.len() as i64;
        total.push(slots.max(0));
        let sizes: Vec<u32> = self.sites.all.iter().flat_map(|site| site.sizes.iter().copied()).collect();
        let rooms: Vec<Vec<i64>> = sizes.iter().map(|size| self.sites.room(*size).iter().copied().chain([1]).collect()).collect();
        let prices: Vec<i64> = sizes.iter().map(|size| self.sites.price(*size)).collect();
        bound(&rooms, &prices, &total)
    }
    /// What CPU and memory are worth: halfway between what the bound says, where one of them may be free, and an even split.
    fn unit_prices(&self, bound: &Bound) -> Vec<f64> {
        let worth = |size: &u32| self.sites.room(*size).iter().zip(&bound.unit).map(|(room, unit)| *room as f64 * unit).sum::<f64>();
        let sizes = self.sites.all.iter().flat_map(|site| &site.sizes);
        let rate = |size: &u32| worth(size) / self.sites.price(*size).max(1) as f64;
        let best = sizes.max_by(|a, b| rate(a).total_cmp(&rate(b)).then(b.cmp(a)));
        let mut unit: Vec<f64> = bound.unit[..self.demand.width()].iter().map(|unit| unit * 0.5).collect();
        if let Some(best) = best {
            for (at, unit) in unit.iter_mut().enumerate().take(2) {
                *unit += self.sites.price(*best) as f64 / self.sites.room(*best)[at].max(1) as f64 * 0.25;
            }
        } else {
            unit.iter_mut().zip([1.0, 1e-6]).for_each(|(unit, even)| *unit = even);
        }
        unit
    }
    fn answer(&self, outcome: Outcome<'_>, refused: Vec<(usize, String)>, bound_nano_usd: i64) -> Estimate {
        let mut taken = vec![0; self.demand.classes.len()];
        let mut next = |rule: u32, shape: u32| {
            let class = self.demand.class(rule, shape);
            taken[class] += 1;
            self.demand.members[class][taken[class] - 1] as usize
        };
        let mut placed: Vec<Vec<usize>> = vec![Vec::new(); outcome.fleet.len()];
        let mut order = Vec::with_capacity(outcome.steps.len());
        for step in &outcome.steps {
            let at = next(step.rule, step.shape);
            placed[step.bin as usize].push(at);
            order.push(at);
        }
        let mut unplaced = refused;
        let mut words: BTreeMap<(u32, u32), String> = BTreeMap::new();
        for (rule, shape) in &outcome.left {
            let reason = words.entry((*rule, *shape)).or_insert_with(|| self.words(*rule, *shape)).clone();
            unplaced.push((next(*rule, *shape), reason));
        }
        unplaced.sort_unstable();
        let mut estimate = Estimate { order, unplaced, bound_nano_usd, price_nano_usd: outcome.price(), ..Estimate::default() };
        for (bin, pods) in placed.into_iter().enumerate() {
            match outcome.fleet.template[bin] {
                STANDING if pods.is_empty() => {}
                STANDING => {
                    let name: Name = self.session.name(bin as u32).clone();
                    estimate.standing.push((name, pods));
                }
                template => estimate.machines.push(NewMachine { template: template as usize, pods }),
            }
        }
        estimate
    }
}
