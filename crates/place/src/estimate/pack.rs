//! Filling the machines of one site: what any of them may take goes where it leaves least room unused.
//!
//! Machine by machine, several sizes are tried, each filled with what complements best what is in it, and the one that costs least beyond
//! the worth of its pods is kept. What is left when all machines that must be there are filled goes on new ones.

use super::fleet::{Fleet, Step};
use super::site::{STANDING, fits};

/// Shapes that are compared for one place at most.
const COMPARED: usize = 64;
/// One, in the fixed point of amounts relative to the largest size.
const ONE: i64 = 1 << 22;

/// How a site is packed; the variants that a search tries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    /// Sizes that are tried for a machine, above the smallest that holds what is in it.
    pub sizes: usize,
    /// The largest size that is tried, in percent of an even share of what is left.
    pub reach_percent: i64,
}

/// Pods of one site that any machine may take, by shape.
struct Pool {
    count: Vec<u32>,
    /// Rules of the pods of each shape.
    rules: Vec<Vec<u32>>,
    /// Shapes that are left, the largest first.
    alive: Vec<u32>,
    left: usize,
    worth: i64,
}

/// What packing a site came to.
#[derive(Debug, Default)]
pub(super) struct Packed {
    /// Rule, machine and shape of the pods that any machine could take.
    pub others: Vec<Step>,
    pub left: Vec<(u32, u32)>,
}

struct Packer<'f, 'a> {
    fleet: &'f mut Fleet<'a>,
    site: u32,
    pool: Pool,
    fillers: Vec<(u32, u32)>,
    worth: &'f [i64],
    value: &'f dyn Fn(&[i64]) -> i64,
    style: Style,
    /// Shapes relative to the largest size.
    relative: Vec<i64>,
    unit: Vec<i64>,
    packed: Packed,
}

/// Packs what a site was given; `worth` by shape, and of any row of amounts.
pub(super) fn pack<'a>(
    fleet: &mut Fleet<'a>,
    site: u32,
    given: super::share::Share,
    worth: &[i64],
    value: &dyn Fn(&[i64]) -> i64,
    style: Style,
) -> Packed {
    let bins: Vec<u32> = (0..fleet.len() as u32).filter(|bin| fleet.site[*bin as usize] == site).collect();
    let width = fleet.width;
    let mut unit = vec![1; width];
    for size in &fleet.sites.all[site as usize].sizes {
        unit.iter_mut().zip(fleet.sites.room(*size)).for_each(|(unit, room)| *unit = (*unit).max(*room));
    }
    for bin in &bins {
        unit.iter_mut().zip(fleet.room(*bin)).for_each(|(unit, room)| *unit = (*unit).max(*room));
    }
    let shapes = fleet.demand.shapes();
    let relative =
        (0..shapes as u32).flat_map(|shape| fleet.demand.shape(shape).iter().zip(&unit).map(|(need, unit)| relative(*need, *unit)));
    let relative: Vec<i64> = relative.collect();
    let pool = Pool::of(&given.others, shapes, worth);
    let mut packer = Packer { fleet, site, pool, fillers: given.fillers, worth, value, style, relative, unit, packed: Packed::default() };
    packer.fill_all(bins);
    packer.open_more();
    let Packer { pool, fillers, mut packed, .. } = packer;
    packed.left.extend(fillers);
    packed.left.extend(pool.rules.iter().enumerate().flat_map(|(shape, rules)| rules.iter().map(move |rule| (*rule, shape as u32))));
    packed
}

fn relative(amount: i64, unit: i64) -> i64 {
    (i128::from(amount) * i128::from(ONE) / i128::from(unit.max(1))) as i64
}

impl Pool {
    fn of(pods: &[(u32, u32)], shapes: usize, worth: &[i64]) -> Pool {
        let mut rules: Vec<Vec<u32>> = vec![Vec::new(); shapes];
        pods.iter().for_each(|(rule, shape)| rules[*shape as usize].push(*rule));
        let count: Vec<u32> = rules.iter().map(|rules| rules.len() as u32).collect();
        let mut alive: Vec<u32> = (0..shapes as u32).filter(|shape| count[*shape as usize] > 0).collect();
        alive.sort_by_key(|shape| (-worth[*shape as usize], *shape));
        let total = pods.iter().map(|(_, shape)| worth[*shape as usize]).sum();
        Pool { count, rules, alive, left: pods.len(), worth: total }
    }
}

impl Packer<'_, '_> {
    fn fill_all(&mut self, mut bins: Vec<u32>) {
        let fleet = &self.fleet;
        bins.sort_by_key(|bin| {
            (-i64::from(fleet.template[*bin as usize] == STANDING), -fleet.sites.price(fleet.template[*bin as usize]), *bin)
        });
        let mut loaded: i64 = bins.iter().map(|bin| (self.value)(fleet.used(*bin))).sum();
        let mut picks = Vec::new();
        for (at, bin) in bins.iter().enumerate() {
            if self.pool.left == 0 && self.fillers.is_empty() {
                break;
            }
            let rest = (bins.len() - at) as i64;
            let fillers_worth: i64 = self.fillers.iter().map(|(_, shape)| self.worth[*shape as usize]).sum();
            let target = (loaded + self.pool.worth + fillers_worth) / rest;
            loaded -= (self.value)(self.fleet.used(*bin));
            self.fill_with_fillers(*bin, self.fillers.len().div_ceil(rest as usize), target);
            let template = self.fleet.template[*bin as usize];
            if template == STANDING {
                let room = self.fleet.room(*bin).to_vec();
                self.fill(*bin, &room, &mut picks);
            } else {
                let best = self.best_size(*bin, target, rest == 1, &mut picks);
                self.fleet.resize(*bin, best);
                let room = self.fleet.room(*bin).to_vec();
                self.fill(*bin, &room, &mut picks);
            }
            self.commit(*bin, &picks);
        }
    }
    /// Puts pods on a machine that must be looked at one by one.
    fn fill_with_fillers(&mut self, bin: u32, count: usize, _target: i64) {
        let mut scratch = Vec::new();
        for _ in 0..count {
            let mut best: Option<(i64, usize, u32)> = None;
            let mut compared = 0;
            for (at, (rule, shape)) in self.fillers.iter().enumerate().rev() {
                if !self.fleet.host_allows(&self.fleet.rules.all[*rule as usize].checks, bin) {
                    continue;
                }
                let Some((growth, template)) = self.fleet.growth(bin, *shape, &mut scratch) else { continue };
                let excess = growth - self.worth[*shape as usize];
                if best.is_none_or(|(least, _, _)| excess < least) {
                    best = Some((excess, at, template));
                }
                compared += 1;
                if compared == COMPARED {
                    break;
                }
            }
            let Some((_, at, template)) = best else { return };
            let (rule, shape) = self.fillers.remove(at);
            self.fleet.resize(bin, template);
            self.fleet.load(bin, shape, 1);
            let moves = &self.fleet.rules.all[rule as usize].moves;
            self.fleet.count_on(moves, bin);
            self.fleet.log.push(Step { bin, rule, shape });
        }
    }
    /// The size that costs least beyond the worth of what fills it.
    fn best_size(&mut self, bin: u32, target: i64, is_last: bool, picks: &mut Vec<u32>) -> u32 {
        let held = self.fleet.template[bin as usize];
        let used = self.fleet.used(bin).to_vec();
        let sizes = &self.fleet.sites.all[self.site as usize].sizes;
        let first = self.fleet.sites.first(self.site, &used);
        let (mut best, mut tried) = ((i64::MAX, held), 0);
        for size in &sizes[first.min(sizes.len())..] {
            let room = self.fleet.sites.room(*size).to_vec();
            if !fits(&used, &room) || !self.fleet.may_take(*size, held) {
                continue;
            }
            let worth = (self.value)(&room);
            if tried > 0 && !is_last && (tried >= self.style.sizes || worth > target.saturating_mul(self.style.reach_percent) / 100) {
                break;
            }
            tried += 1;
            let price = self.fleet.sites.price(*size);
            let filled = self.fill(bin, &room, picks);
            let taken: i64 = (self.value)(&used) + picks.iter().map(|shape| self.worth[*shape as usize]).sum::<i64>();
            // Relative to what it holds: larger machines may leave more.
            let excess = relative(price - taken, taken.max(1));
            if excess < best.0 {
                best = (excess, *size);
            }
            if filled == self.pool.left {
                break;
            }
        }
        best.1
    }
    /// What would fill a machine of this room; gives the number of pods.
    fn fill(&mut self, bin: u32, room: &[i64], picks: &mut Vec<u32>) -> usize {
        picks.clear();
        let mut free: Vec<i64> = room.iter().zip(self.fleet.used(bin)).map(|(room, used)| room - used).collect();
        let mut near: Vec<i64> = free.clone();
        while picks.len() < self.pool.left {
            near.iter_mut().zip(&free).zip(&self.unit).for_each(|((near, free), unit)| *near = relative(*free, *unit));
            let Some(shape) = self.complement(&free, &near) else { break };
            self.pool.count[shape as usize] -= 1;
            free.iter_mut().zip(self.fleet.demand.shape(shape)).for_each(|(free, need)| *free -= need);
            picks.push(shape);
        }
        picks.iter().for_each(|shape| self.pool.count[*shape as usize] += 1);
        picks.len()
    }
    /// The shape that points most where the free room does.
    fn complement(&self, free: &[i64], near: &[i64]) -> Option<u32> {
        let width = self.fleet.width;
        let (mut best, mut compared) = (None, 0);
        for shape in &self.pool.alive {
            let at = *shape as usize;
            if self.pool.count[at] == 0 || !fits(self.fleet.demand.shape(*shape), free) {
                continue;
            }
            let row = &self.relative[at * width..][..2];
            let score = i128::from(row[0]) * i128::from(near[0]) + i128::from(row[1]) * i128::from(near[1]);
            if best.is_none_or(|(most, _)| score > most) {
                best = Some((score, *shape));
            }
            compared += 1;
            if compared == COMPARED {
                break;
            }
        }
        best.map(|(_, shape)| shape)
    }
    fn commit(&mut self, bin: u32, picks: &[u32]) {
        for shape in picks {
            let at = *shape as usize;
            self.pool.count[at] -= 1;
            let rule = self.pool.rules[at].pop().expect("counts are those of the rules");
            self.fleet.load(bin, *shape, 1);
            self.packed.others.push(Step { bin, rule, shape: *shape });
            self.pool.left -= 1;
            self.pool.worth -= self.worth[at];
            if self.pool.count[at] == 0 {
                self.pool.alive.retain(|other| other != shape);
            }
        }
        let used = self.fleet.used(bin).to_vec();
        let held = self.fleet.template[bin as usize];
        if held != STANDING
            && let Some(template) = self.fleet.cheapest(self.site, &used, held)
        {
            self.fleet.resize(bin, template);
        }
    }
    /// New machines for what is left.
    fn open_more(&mut self) {
        let mut picks = Vec::new();
        while self.pool.left > 0 || !self.fillers.is_empty() {
            let largest = self.pool.alive.first().copied().into_iter().chain(self.fillers.last().map(|(_, shape)| *shape));
            let need: Vec<i64> = largest
                .map(|shape| self.fleet.demand.shape(shape))
                .fold(vec![0; self.fleet.width], |sum, need| sum.iter().zip(need).map(|(sum, need)| (*sum).max(*need)).collect());
            let fleet = &self.fleet;
            let offered = fleet.sites.all[self.site as usize].sizes.iter().copied();
            let fitting = offered.filter(|size| fits(&need, fleet.sites.room(*size)) && fleet.may_take(*size, STANDING));
            let rate = |size: u32| relative(fleet.sites.price(size), (self.value)(fleet.sites.room(size)).max(1));
            let Some(size) = fitting.min_by_key(|size| rate(*size)) else { return };
            let before = (self.pool.left, self.fillers.len());
            let bin = self.fleet.open(self.site, size);
            self.fill_with_fillers(bin, self.fillers.len(), 0);
            let room = self.fleet.sites.room(size).to_vec();
            self.fleet.resize(bin, size);
            self.fill(bin, &room, &mut picks);
            self.commit(bin, &picks);
            if before == (self.pool.left, self.fillers.len()) {
                return;
            }
        }
    }
}
