//! Where machines may stand: sites, and at each the sizes that it offers.
//!
//! A site is what no rule of any pending pod can tell apart: same relevant labels, same taints. Machines of one site differ in size alone,
//! so a machine may change its size until the end. Sizes stand in order of price; those that another beats in price and room are left out.

use super::demand::Demand;
use super::{Limit, Template};
use crate::filter::node_affinity::Named;
use crate::filter::volumes::Places;
use crate::profile::Profile;
use crate::session::Session;
use nodelane_model::Name;
use nodelane_model::node::Taint;
use nodelane_world::{NodeRow, World};
use std::collections::{BTreeMap, BTreeSet};

/// The label that every machine has a value of its own for.
pub(super) const HOSTNAME: &str = "kubernetes.io/hostname";
/// No template: a machine that stands already.
pub(super) const STANDING: u32 = u32::MAX;

/// One site.
#[derive(Debug, Default)]
pub(super) struct Site {
    /// A template or node that stands for all.
    pub example: Option<NodeRow>,
    /// Templates, cheapest first.
    pub sizes: Vec<u32>,
    /// Whether a dearer size always has more of everything.
    chain: bool,
}

/// All sites.
#[derive(Debug)]
pub(super) struct Sites {
    pub all: Vec<Site>,
    /// Rows of what pods may use, by template.
    rooms: Vec<i64>,
    pub prices: Vec<i64>,
    /// What a machine takes of which limit, by template.
    pub takes: Vec<Vec<(usize, i64)>>,
    pub limits: Vec<i64>,
    /// The site of each template, and of each standing node.
    pub of_template: Vec<u32>,
    pub of_node: Vec<u32>,
    width: usize,
}

type Signature = (Vec<Option<Name>>, Vec<Taint>, bool, Option<Name>);

impl Sites {
    pub fn of(session: &Session, rules: &[u32], demand: &Demand, templates: &[Template], limits: &[Limit]) -> Sites {
        let profiles = || rules.iter().map(|rule| &session.profiles[*rule as usize]);
        let keys: BTreeSet<Name> =
            profiles().flat_map(|profile| relevant_keys(&session.world, profile)).chain([Name::new_static(HOSTNAME)]).collect();
        let by_name = profiles().any(|profile| matches!(Named::by(profile), Named::Only(_)));
        let signature = |row: &NodeRow, standing: bool| -> Signature {
            let node = row.doc.as_node();
            let labels = &row.doc.meta.labels;
            let values =
                keys.iter().map(|key| if key == HOSTNAME { labels.get(key).map(|_| key.clone()) } else { labels.get(key).cloned() });
            let name = (standing && by_name).then(|| row.doc.key.name.clone());
            (
                values.collect(),
                node.map(|node| node.spec.taints.clone()).unwrap_or_default(),
                node.is_some_and(|n| n.spec.unschedulable),
                name,
            )
        };
        let mut sites = Sites {
            all: Vec::new(),
            rooms: Vec::new(),
            prices: templates.iter().map(|template| template.price_nano_usd).collect(),
            takes: templates.iter().map(|template| template.takes.clone()).collect(),
            limits: limits.iter().map(|limit| limit.left).collect(),
            of_template: Vec::new(),
            of_node: Vec::new(),
            width: demand.width(),
        };
        let mut known: BTreeMap<Signature, u32> = BTreeMap::new();
        let mut find = |all: &mut Vec<Site>, row: &NodeRow, signature: Signature| {
            *known.entry(signature).or_insert_with(|| {
                all.push(Site { example: Some(row.clone()), ..Site::default() });
                all.len() as u32 - 1
            })
        };
        for (template, at) in templates.iter().zip(0..) {
            let mut signature = signature(&template.row, false);
            // Whatever the template says, a machine has a host name once it stands.
            for (key, value) in keys.iter().zip(&mut signature.0).filter(|(key, _)| *key == HOSTNAME) {
                *value = Some(key.clone());
            }
            let site = find(&mut sites.all, &template.row, signature);
            sites.of_template.push(site);
            sites.all[site as usize].sizes.push(at);
            demand.row(&template.row.allocatable, &mut sites.rooms);
            let start = sites.rooms.len() - sites.width;
            let mut taken = Vec::new();
            demand.row(&template.row.used, &mut taken);
            sites.rooms[start..].iter_mut().zip(taken).for_each(|(room, taken)| *room -= taken);
        }
        for row in &session.rows {
            let site = find(&mut sites.all, row, signature(row, true));
            sites.of_node.push(site);
        }
        sites.sort(templates);
        sites
    }
    fn sort(&mut self, templates: &[Template]) {
        let (rooms, width, limited) = (&self.rooms, self.width, &self.takes);
        let room = |size: u32| &rooms[size as usize * width..][..width];
        let beats = |a: u32, b: u32| room(a).iter().zip(room(b)).all(|(a, b)| a >= b);
        for site in &mut self.all {
            site.sizes.sort_by_key(|size| {
                let template = &templates[*size as usize];
                (template.price_nano_usd, template.is_spot(), &template.size, &template.zone, *size)
            });
            let mut kept: Vec<u32> = Vec::new();
            site.chain = true;
            for size in std::mem::take(&mut site.sizes) {
                let is_beaten = |by: &u32| limited[*by as usize].is_empty() && beats(*by, size);
                // While each has more than all before it, only the last can beat the next.
                let grows = kept.last().is_none_or(|last| beats(size, *last));
                let beaten = if site.chain && grows { kept.last().is_some_and(is_beaten) } else { kept.iter().any(is_beaten) };
                if !beaten {
                    site.chain &= grows;
                    kept.push(size);
                }
            }
            site.sizes = kept;
        }
    }
    /// What pods may use of a machine of this template.
    pub fn room(&self, template: u32) -> &[i64] {
        &self.rooms[template as usize * self.width..][..self.width]
    }
    pub fn price(&self, template: u32) -> i64 {
        if template == STANDING { 0 } else { self.prices[template as usize] }
    }
    /// The place in a site's order of the cheapest size that holds this much, whatever the limits.
    pub fn first(&self, site: u32, need: &[i64]) -> usize {
        let site = &self.all[site as usize];
        let fits = |size: &u32| fits(need, self.room(*size));
        if site.chain {
            return site.sizes.partition_point(|size| !fits(size));
        }
        site.sizes.iter().position(fits).unwrap_or(site.sizes.len())
    }
}

/// Whether a row of needs is within a row of room; what is not asked for is never short.
pub(super) fn fits(need: &[i64], room: &[i64]) -> bool {
    need.iter().zip(room).all(|(need, room)| need <= room || *need <= 0)
}

/// The node labels that decide anything for a pod.
fn relevant_keys(world: &World, profile: &Profile) -> Vec<Name> {
    let spec = profile.spec();
    let mut keys: Vec<Name> = spec.node_selector.keys().cloned().collect();
    keys.extend(Places::of(world, profile).iter().flat_map(Places::keys));
    let by_default = profile.config.spread.iter().flatten();
    keys.extend(spec.topology_spread_constraints.iter().chain(by_default).map(|constraint| constraint.topology_key.clone()));
    for affinity in profile.node_affinity().into_iter().chain(&profile.config.added_affinity) {
        let required = affinity.required.iter().flat_map(|required| &required.node_selector_terms);
        let terms = required.chain(affinity.preferred.iter().map(|preferred| &preferred.preference));
        keys.extend(terms.flat_map(|term| &term.match_expressions).map(|requirement| requirement.key.clone()));
    }
    let terms = profile.required_near().iter().chain(profile.required_away());
    keys.extend(terms.map(|term| term.topology_key.clone()));
    let preferred = profile.preferred_near().iter().chain(profile.preferred_away());
    keys.extend(preferred.map(|preferred| preferred.pod_affinity_term.topology_key.clone()));
    keys
}
