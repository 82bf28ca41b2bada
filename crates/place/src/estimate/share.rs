//! Which site for whom: pods whose rules look at zones and the like, and those without any, before anyone asks which machine.
//!
//! Each pod goes where its rules allow it at its turn; the turns are the order in which they are placed in the end. Of the sites allowed, the
//! one whose amounts are cheapest, then the one that keeps most wishes, then the one that has the least for its machines.

use super::fleet::Fleet;
use super::rules::Kind;

/// What a site is given.
#[derive(Clone, Debug, Default)]
pub(super) struct Share {
    /// Rule and shape, to be checked against each machine.
    pub fillers: Vec<(u32, u32)>,
    /// Rule and shape, for any machine.
    pub others: Vec<(u32, u32)>,
}

/// How pods are shared.
#[derive(Debug, Default)]
pub(super) struct Shares {
    pub of: Vec<Share>,
    /// Rule and site of those that any machine may take, in the order of their turns.
    pub turns: Vec<(u32, u32)>,
    /// Those that no site takes.
    pub left: Vec<(u32, u32)>,
}

struct Scale<'a> {
    /// What a shape is worth, in nano US dollars.
    worth: &'a [i64],
    /// What an hour of one nano US dollar's worth costs at a site; none where nothing is offered.
    cost: Vec<Option<i64>>,
    /// Worth of what was given to a site, and of the room that stands empty there.
    given: Vec<i64>,
    room: Vec<i64>,
    /// Machines that must be there for other pods.
    bins: Vec<u32>,
}

/// Shares pods given as rule and shape, the largest first.
pub(super) fn share(fleet: &mut Fleet, pods: &[(u32, u32)], worth: &[i64], value: &dyn Fn(&[i64]) -> i64) -> Shares {
    let mut shares = Shares { of: vec![Share::default(); fleet.sites.all.len()], ..Shares::default() };
    let mut scale = Scale::of(fleet, worth, value);
    let rules = fleet.rules;
    let turn = |(rule, _): &(u32, u32)| {
        let rule = &rules.all[*rule as usize];
        (rule.kind, rule.checks.near.len(), rule.checks.spreads.is_empty())
    };
    let mut waiting = pods.to_vec();
    waiting.sort_by_key(turn);
    loop {
        let before = waiting.len();
        waiting.retain(|(rule, shape)| {
            let Some(site) = scale.site(fleet, *rule, *shape) else {
                return true;
            };
            let of = &rules.all[*rule as usize];
            fleet.count_at(&of.moves, site);
            scale.given[site as usize] += worth[*shape as usize];
            let share = &mut shares.of[site as usize];
            if of.kind == Kind::Filler {
                share.fillers.push((*rule, *shape));
            } else {
                share.others.push((*rule, *shape));
                shares.turns.push((*rule, site));
            }
            false
        });
        if waiting.is_empty() || waiting.len() == before {
            break;
        }
    }
    shares.left = waiting;
    shares
}

impl Scale<'_> {
    fn of<'a>(fleet: &Fleet, worth: &'a [i64], value: &dyn Fn(&[i64]) -> i64) -> Scale<'a> {
        let cost = |sizes: &Vec<u32>| {
            let per = |size: &u32| fleet.sites.price(*size).saturating_mul(1000) / value(fleet.sites.room(*size)).max(1);
            sizes.iter().map(per).min()
        };
        let mut scale = Scale {
            worth,
            cost: fleet.sites.all.iter().map(|site| cost(&site.sizes)).collect(),
            given: vec![0; fleet.sites.all.len()],
            room: vec![0; fleet.sites.all.len()],
            bins: fleet.bins_at.clone(),
        };
        for bin in 0..fleet.len() as u32 {
            let site = fleet.site[bin as usize] as usize;
            scale.given[site] += value(fleet.used(bin));
            if fleet.sites.price(fleet.template[bin as usize]) == 0 {
                scale.room[site] += value(fleet.room(bin));
            }
        }
        scale
    }
    fn site(&self, fleet: &Fleet, rule: u32, shape: u32) -> Option<u32> {
        let of = &fleet.rules.all[rule as usize];
        let allowed = (0..fleet.sites.all.len()).filter(|site| of.sites[*site] && fleet.site_allows(&of.checks, *site as u32));
        let ranked = allowed.filter_map(|site| {
            let sizes = &fleet.sites.all[site].sizes;
            let offered = fleet.open[site] && fleet.sites.first(site as u32, fleet.demand.shape(shape)) < sizes.len();
            let roomy = self.given[site] + self.worth[shape as usize] <= self.room[site];
            let cost = if roomy { 0 } else { self.cost[site].filter(|_| offered)? };
            let kept = of.wishes.iter().filter(|wish| wish.sites[site] && fleet.site_allows(&wish.checks, site as u32));
            let wishes: i64 = kept.map(|wish| wish.weight).sum();
            // Machines that must be there are filled evenly; where there need not be any, few are better than many.
            let (given, bins) = (self.given[site], i64::from(self.bins[site]));
            let crowd = if bins > 0 { given / bins } else { -given };
            Some((cost, -wishes, bins == 0, crowd, site as u32))
        });
        ranked.min().map(|(.., site)| site)
    }
}
