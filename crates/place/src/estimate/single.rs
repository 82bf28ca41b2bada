//! Pods whose rules look at single machines: one after the other, each on the machine whose price it raises least.
//!
//! Counts only grow, so a machine that a rule's counters refuse is never looked at again for that rule. In order of rules: even spreads
//! before the pods that only keep apart, pods that want others near last. Wishes, where they are to be kept, are kept heaviest first
//! while a machine, new or not, can keep them.

use super::fleet::{Fleet, Step};
use super::rules::{Checks, Wish};
use super::site::STANDING;
use std::collections::BTreeMap;

/// Machines that are compared for one pod at most: enough to find one that its needs complement.
const COMPARED: usize = 32;

/// A place for a pod.
enum Seat {
    On(u32, u32),
    New(u32, u32),
}

/// Machines that the counters of a rule, and of the wishes that are kept with it, have not refused.
#[derive(Default)]
struct Candidates {
    bins: Vec<u32>,
    seen: u32,
}

/// Places pods of single rules, given as rule and shape, the largest first; gives back those that found no place.
pub(super) fn place(fleet: &mut Fleet, pods: &[(u32, u32)]) -> Vec<(u32, u32)> {
    let rules = fleet.rules;
    let by_rule = |(rule, _): &(u32, u32)| {
        let checks = &rules.all[*rule as usize].checks;
        (checks.near.len(), checks.spreads.is_empty(), *rule)
    };
    let mut waiting = pods.to_vec();
    waiting.sort_by_key(by_rule);
    let mut candidates = BTreeMap::new();
    loop {
        let before = waiting.len();
        waiting.retain(|(rule, shape)| !place_one(fleet, &mut candidates, *rule, *shape));
        if waiting.is_empty() || waiting.len() == before {
            return waiting;
        }
    }
}

/// Puts a pod on a machine that there is, as it is; whether one took it.
pub(super) fn place_on_standing(fleet: &mut Fleet, rule: u32, shape: u32) -> bool {
    let rules = fleet.rules;
    let of = &rules.all[rule as usize];
    let need = fleet.demand.shape(shape);
    let takes = |bin: &u32| {
        let site = fleet.site[*bin as usize];
        let free = fleet.room(*bin).iter().zip(fleet.used(*bin));
        need.iter().zip(free).all(|(need, (room, used))| *need <= 0 || *need <= room - used)
            && of.sites[site as usize]
            && fleet.site_allows(&of.checks, site)
            && fleet.host_allows(&of.checks, *bin)
            && fleet.host_near(&of.checks, *bin)
    };
    let Some(bin) = (0..fleet.len() as u32).find(takes) else {
        return false;
    };
    fleet.load(bin, shape, 1);
    fleet.count(&of.moves, bin);
    fleet.log.push(Step { bin, rule, shape });
    true
}

type Known = BTreeMap<(u32, u64), Candidates>;

/// Wishes of a pod that can be kept at most: one bit each.
const WISH_LIMIT: usize = 64;

fn place_one(fleet: &mut Fleet, known: &mut Known, rule: u32, shape: u32) -> bool {
    let rules = fleet.rules;
    let of = &rules.all[rule as usize];
    let mut kept: Vec<&Wish> = Vec::new();
    let (mut mask, mut seat) = (0, None);
    // Each wish in turn, the heaviest first; a pod without wishes is looked for once.
    let wishes = if rules.hard { &of.wishes[..] } else { &[] };
    for (at, wish) in wishes.iter().enumerate().take(WISH_LIMIT) {
        kept.push(wish);
        match find(fleet, known.entry((rule, mask | 1 << at)).or_default(), rule, shape, &kept) {
            Some(found) => (mask, seat) = (mask | 1 << at, Some(found)),
            None => drop(kept.pop()),
        }
    }
    let seat = seat.or_else(|| find(fleet, known.entry((rule, mask)).or_default(), rule, shape, &kept));
    let bin = match seat {
        Some(Seat::On(bin, template)) => {
            fleet.resize(bin, template);
            bin
        }
        Some(Seat::New(site, template)) => fleet.open(site, template),
        None => return false,
    };
    fleet.load(bin, shape, 1);
    fleet.count(&of.moves, bin);
    fleet.log.push(Step { bin, rule, shape });
    fleet.close_full_sites();
    true
}

/// The place that costs least.
fn find(fleet: &Fleet, candidates: &mut Candidates, rule: u32, shape: u32, kept: &[&Wish]) -> Option<Seat> {
    let of = &fleet.rules.all[rule as usize];
    let checks: Vec<&Checks> = std::iter::once(&of.checks).chain(kept.iter().map(|wish| &wish.checks)).collect();
    let allowed = |site: usize| {
        let named = of.sites[site] && kept.iter().all(|wish| wish.sites[site]);
        named && checks.iter().all(|checks| fleet.site_allows(checks, site as u32))
    };
    let sites: Vec<bool> = (0..fleet.sites.all.len()).map(allowed).collect();
    if !sites.contains(&true) {
        return None;
    }
    let fresh = new_machine(fleet, &sites, shape).filter(|_| checks.iter().all(|checks| fleet.fresh_allows(checks)));
    let best = standing_machine(fleet, candidates, &checks, &sites, shape);
    match (best, fresh) {
        (Some((growth, bin, template)), Some((price, _, _))) if growth <= price => Some(Seat::On(bin, template)),
        (_, Some((_, site, template))) => Some(Seat::New(site, template)),
        (Some((_, bin, template)), None) => Some(Seat::On(bin, template)),
        (None, None) => None,
    }
}

/// Price, site and template of the cheapest new machine; of several sites the one with the fewest machines.
fn new_machine(fleet: &Fleet, sites: &[bool], shape: u32) -> Option<(i64, u32, u32)> {
    let need = fleet.demand.shape(shape);
    let of = |site: u32| Some((site, fleet.cheapest(site, need, STANDING)?));
    let found = (0..sites.len() as u32).filter(|site| sites[*site as usize]).filter_map(of);
    let priced = found.map(|(site, template)| (fleet.sites.price(template), fleet.bins_at[site as usize], site, template));
    priced.min().map(|(price, _, site, template)| (price, site, template))
}

/// What it adds to the price, the machine and its new template; of as many as are compared the first that adds least.
fn standing_machine(fleet: &Fleet, candidates: &mut Candidates, checks: &[&Checks], sites: &[bool], shape: u32) -> Option<(i64, u32, u32)> {
    candidates.bins.extend(candidates.seen..fleet.len() as u32);
    candidates.seen = fleet.len() as u32;
    let (mut best, mut compared, mut refused, mut scratch) = (None, 0, false, Vec::new());
    for candidate in &mut candidates.bins {
        let bin = *candidate;
        if !checks.iter().all(|checks| fleet.host_allows(checks, bin)) {
            *candidate = u32::MAX;
            refused = true;
            continue;
        }
        if sites[fleet.site[bin as usize] as usize]
            && checks.iter().all(|checks| fleet.host_near(checks, bin))
            && let Some((growth, template)) = fleet.growth(bin, shape, &mut scratch)
        {
            compared += 1;
            if best.is_none_or(|(least, _, _)| growth < least) {
                best = Some((growth, bin, template));
            }
            if compared == COMPARED {
                break;
            }
        }
    }
    if refused {
        candidates.bins.retain(|bin| *bin != u32::MAX);
    }
    best
}
