//! PodTopologySpread, constraints with `DoNotSchedule`: a domain may exceed the emptiest one by the allowed skew.
//!
//! Domains are those of nodes that have the labels of all constraints and pass the constraint's inclusion policies. Pods that are
//! terminating do not count. With fewer domains than `minDomains` the emptiest one counts as empty.

use crate::filter::{node_affinity, taint_toleration};
use crate::profile::Profile;
use crate::reason::{Plugin, Reason, Refusal};
use crate::selection::Selection;
use crate::session::Session;
use crate::tally::{CounterId, Moves, Tally};
use crate::topology::{By, Counter};
use nodelane_model::Name;
use nodelane_model::pod::SpreadConstraint;
use nodelane_world::NodeRow;

#[derive(Debug)]
struct Constraint {
    counter: CounterId,
    selection: Selection,
    inclusion: Inclusion,
    max_skew: i64,
    min_domains: u32,
    /// Whether the pod itself would count.
    counts_itself: bool,
}

/// The hard constraints of one profile.
#[derive(Debug, Default)]
pub(crate) struct SpreadFilter {
    constraints: Vec<Constraint>,
    /// The labels that a node must have for its pods to count.
    keys: Vec<Name>,
}

impl SpreadFilter {
    pub fn new(session: &mut Session, profile: u32, tally: &mut Tally) -> SpreadFilter {
        let own = &session.profiles[profile as usize];
        let class = own.class.clone();
        if !own.config.runs(Plugin::PodTopologySpread) {
            return SpreadFilter::default();
        }
        let hard = constraints_of(session, own, "DoNotSchedule");
        let keys: Vec<Name> = hard.iter().map(|(constraint, _)| constraint.topology_key.clone()).collect();
        let constraints = hard.iter().map(|(constraint, selection)| {
            let inclusion = Inclusion::of(constraint);
            let eligible = inclusion.eligible(session, profile, &keys);
            let topology = session.topologies.get(&session.rows, &session.roster, By::Label(constraint.topology_key.clone()));
            let counter = tally.push(Counter::of_spread(topology, Some(eligible)));
            Constraint {
                counter,
                counts_itself: selection.matches(&class.labels),
                selection: selection.clone(),
                inclusion,
                max_skew: i64::from(constraint.max_skew),
                min_domains: constraint.min_domains.unwrap_or(1).max(0) as u32,
            }
        });
        SpreadFilter { constraints: constraints.collect(), keys }
    }
    /// Takes up what a node has become, while none of its pods is counted.
    pub fn renew(&self, session: &Session, own: &Profile, tally: &mut Tally, node: u32) {
        for constraint in &self.constraints {
            tally.set_eligible(constraint.counter, node, constraint.inclusion.includes(session, own, &self.keys, node));
        }
    }
    pub fn moves(&self, other: &Profile, moves: &mut Moves) {
        let counting = self.constraints.iter().filter(|constraint| constraint.selection.counts(other));
        moves.extend(counting.map(|constraint| (constraint.counter, 1)));
    }
    pub fn check(&self, tally: &Tally, node: u32) -> Option<Refusal> {
        for constraint in &self.constraints {
            let counter = tally.get(constraint.counter);
            let Some(count) = counter.at(node) else {
                return Some(Refusal::lasting(Reason::SpreadLabelMissing));
            };
            let enough = counter.present() >= constraint.min_domains;
            let smallest = if enough { counter.smallest().unwrap_or(0) } else { 0 };
            if count + i64::from(constraint.counts_itself) - smallest > constraint.max_skew {
                return Some(Refusal::resolvable(Reason::SpreadSkew));
            }
        }
        None
    }
}

/// A pod's constraints of one kind with whom they count: its own, or those of the configuration for the pods of its services and sets.
/// The system's own default is soft, and not here.
pub(crate) fn constraints_of(session: &Session, own: &Profile, when_unsatisfiable: &str) -> Vec<(SpreadConstraint, Selection)> {
    let (written, config) = (&own.spec().topology_spread_constraints, own.config.clone());
    let wanted = |constraint: &&SpreadConstraint| constraint.when_unsatisfiable == when_unsatisfiable;
    if !written.is_empty() {
        let wanted = written.iter().filter(wanted);
        return wanted.map(|constraint| (constraint.clone(), Selection::of_constraint(own, constraint))).collect();
    }
    let wanted: Vec<&SpreadConstraint> = config.spread.iter().flatten().filter(wanted).collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    let selection = Selection::by_default(own, session);
    if selection.is_empty() { Vec::new() } else { wanted.into_iter().map(|constraint| (constraint.clone(), selection.clone())).collect() }
}

/// Whether a node has all these labels.
pub(crate) fn has_keys(row: &NodeRow, keys: &[Name]) -> bool {
    keys.iter().all(|key| row.doc.meta.labels.contains_key(key))
}

/// The inclusion policies of a constraint: of which nodes it counts the pods.
#[derive(Debug)]
pub(crate) struct Inclusion {
    by_affinity: bool,
    by_taints: bool,
}

impl Inclusion {
    pub fn of(constraint: &SpreadConstraint) -> Inclusion {
        Inclusion {
            by_affinity: constraint.node_affinity_policy.as_deref() != Some("Ignore"),
            by_taints: constraint.node_taints_policy.as_deref() == Some("Honor"),
        }
    }
    /// By node, with the labels that it must have.
    pub fn eligible(&self, session: &Session, profile: u32, keys: &[Name]) -> Vec<bool> {
        let own = &session.profiles[profile as usize];
        (0..session.rows.len() as u32).map(|node| self.includes(session, own, keys, node)).collect()
    }
    pub fn includes(&self, session: &Session, own: &Profile, keys: &[Name], node: u32) -> bool {
        let row = &session.rows[node as usize];
        let tolerated = || row.doc.as_node().is_some_and(|node| taint_toleration::check(own, node).is_none());
        session.roster.has(node)
            && has_keys(row, keys)
            && (!self.by_affinity || node_affinity::matches(own, row))
            && (!self.by_taints || tolerated())
    }
}
