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
use crate::topology::Counter;
use nodelane_model::pod::SpreadConstraint;

#[derive(Debug)]
struct Constraint {
    counter: CounterId,
    selection: Selection,
    max_skew: i64,
    min_domains: u32,
    /// Whether the pod itself would count.
    counts_itself: bool,
}

/// The hard constraints of one profile.
#[derive(Debug, Default)]
pub(crate) struct SpreadFilter {
    constraints: Vec<Constraint>,
}

impl SpreadFilter {
    pub fn new(session: &mut Session, profile: u32, tally: &mut Tally) -> SpreadFilter {
        let own = &session.profiles[profile as usize];
        let class = own.class.clone();
        if !own.config.runs(Plugin::PodTopologySpread) {
            return SpreadFilter::default();
        }
        let hard = constraints_of(session, own, "DoNotSchedule");
        let complete = have_keys(session, hard.iter().map(|(constraint, _)| constraint.topology_key.as_str()));
        let constraints = hard.iter().map(|(constraint, selection)| {
            let eligible = eligible(session, profile, constraint, &complete);
            let topology = session.topologies.by_key(&session.rows, &constraint.topology_key);
            let counter = tally.push(Counter::of_spread(topology, Some(eligible)));
            Constraint {
                counter,
                counts_itself: selection.matches(&class.labels),
                selection: selection.clone(),
                max_skew: i64::from(constraint.max_skew),
                min_domains: constraint.min_domains.unwrap_or(1).max(0) as u32,
            }
        });
        SpreadFilter { constraints: constraints.collect() }
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

/// Which nodes have all these labels.
pub(crate) fn have_keys<'a>(session: &Session, keys: impl Iterator<Item = &'a str> + Clone) -> Vec<bool> {
    session.rows.iter().map(|row| keys.clone().all(|key| row.doc.meta.labels.contains_key(key))).collect()
}

/// Which of the `complete` nodes pass the inclusion policies of a constraint.
pub(crate) fn eligible(session: &Session, profile: u32, constraint: &SpreadConstraint, complete: &[bool]) -> Vec<bool> {
    let profile = &session.profiles[profile as usize];
    let by_affinity = constraint.node_affinity_policy.as_deref() != Some("Ignore");
    let by_taints = constraint.node_taints_policy.as_deref() == Some("Honor");
    let nodes = session.rows.iter().zip(complete).map(|(row, complete)| {
        let tolerated = || row.doc.as_node().is_some_and(|node| taint_toleration::check(profile, node).is_none());
        *complete && (!by_affinity || node_affinity::matches(profile, row)) && (!by_taints || tolerated())
    });
    nodes.collect()
}
