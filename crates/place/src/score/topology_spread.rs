//! PodTopologySpread, constraints with `ScheduleAnyway`: the fewer matching pods in a node's domains, the better.
//!
//! Pods without constraints are spread over hosts (skew 3) and zones (skew 5) with the pods of their services and of their replica set
//! or stateful set, as kube-scheduler does unless it is configured otherwise. The weight of a topology is the logarithm of how many domains the nodes that fit
//! have; hosts are counted per node whatever the inclusion policies say.

use super::{Candidate, MAX};
use crate::filter::topology_spread::{Inclusion, constraints_of, has_keys};
use crate::profile::Profile;
use crate::selection::Selection;
use crate::session::Session;
use crate::tally::{CounterId, Moves, Tally};
use crate::topology::{By, Counter, NONE};
use nodelane_model::Name;
use nodelane_model::pod::SpreadConstraint;

const HOST: &str = "kubernetes.io/hostname";
const ZONE: &str = "topology.kubernetes.io/zone";

#[derive(Debug)]
struct Constraint {
    counter: CounterId,
    selection: Selection,
    /// Absent where every node counts.
    inclusion: Option<Inclusion>,
    max_skew: i64,
    is_host: bool,
}

/// The soft constraints of one profile.
#[derive(Debug, Default)]
pub(crate) struct SpreadScore {
    constraints: Vec<Constraint>,
    /// Nodes that lack one of the labels get nothing; absent for the default constraints, where a node may lack a zone.
    complete: Option<Vec<bool>>,
    /// Those labels.
    keys: Vec<Name>,
}

impl SpreadScore {
    pub fn new(session: &mut Session, profile: u32, tally: &mut Tally) -> SpreadScore {
        let own = &session.profiles[profile as usize];
        if own.config.weights.topology_spread == 0 {
            return SpreadScore::default();
        }
        let by_system = own.spec().topology_spread_constraints.is_empty() && own.config.spread.is_none();
        let soft: Vec<(SpreadConstraint, Selection)> = if by_system {
            let selection = Selection::by_default(own, session);
            if selection.is_empty() { Vec::new() } else { defaults().map(|constraint| (constraint, selection.clone())).to_vec() }
        } else {
            constraints_of(session, own, "ScheduleAnyway")
        };
        let keys: Vec<Name> =
            if by_system { Vec::new() } else { soft.iter().map(|(constraint, _)| constraint.topology_key.clone()).collect() };
        let complete = (!by_system).then(|| session.rows.iter().map(|row| has_keys(row, &keys)).collect());
        let constraints = soft.into_iter().map(|(constraint, selection)| {
            let is_host = constraint.topology_key == HOST;
            let inclusion = (!is_host).then(|| Inclusion::of(&constraint));
            let eligible = inclusion.as_ref().map(|inclusion| inclusion.eligible(session, profile, &keys));
            let by = if is_host { By::Node(Name::new_static(HOST)) } else { By::Label(constraint.topology_key.clone()) };
            let counter = Counter::of_spread(session.topologies.get(&session.rows, &session.roster, by), eligible);
            Constraint { counter: tally.push(counter), selection, inclusion, max_skew: i64::from(constraint.max_skew), is_host }
        });
        SpreadScore { constraints: constraints.collect(), complete, keys }
    }
    /// Takes up what a node has become, while none of its pods is counted.
    pub fn renew(&mut self, session: &Session, own: &Profile, tally: &mut Tally, node: u32) {
        for constraint in &self.constraints {
            if let Some(inclusion) = &constraint.inclusion {
                tally.set_eligible(constraint.counter, node, inclusion.includes(session, own, &self.keys, node));
            }
        }
        if let Some(complete) = &mut self.complete {
            complete.resize(session.rows.len(), false);
            complete[node as usize] = has_keys(&session.rows[node as usize], &self.keys);
        }
    }
    pub fn moves(&self, other: &Profile, moves: &mut Moves) {
        let counting = self.constraints.iter().filter(|constraint| constraint.selection.counts(other));
        moves.extend(counting.map(|constraint| (constraint.counter, 1)));
    }
    /// The normalised score of each candidate.
    pub fn scores(&self, tally: &Tally, candidates: &[Candidate]) -> Vec<i64> {
        if self.constraints.is_empty() {
            return vec![0; candidates.len()];
        }
        let counts = |candidate: &&Candidate| self.complete.as_ref().is_none_or(|complete| complete[candidate.node as usize]);
        let scored: Vec<&Candidate> = candidates.iter().filter(counts).collect();
        let weights: Vec<f64> = self.constraints.iter().map(|constraint| weight(constraint, tally, &scored)).collect();
        let raw = |candidate: &Candidate| {
            let mut sum = 0.0;
            for (constraint, weight) in self.constraints.iter().zip(&weights) {
                if let Some(count) = tally.get(constraint.counter).at(candidate.node) {
                    sum += count as f64 * weight + (constraint.max_skew - 1) as f64;
                }
            }
            f64::round(sum) as i64
        };
        let raw: Vec<Option<i64>> = candidates.iter().map(|candidate| counts(&candidate).then(|| raw(candidate))).collect();
        let least = raw.iter().flatten().copied().min().unwrap_or(0);
        let most = raw.iter().flatten().copied().max().unwrap_or(0).max(0);
        let scaled = |raw: i64| {
            if most == 0 { MAX } else { MAX * (most + least - raw) / most }
        };
        raw.into_iter().map(|raw| raw.map_or(0, scaled)).collect()
    }
}

/// Spreading for pods that say nothing about it.
fn defaults() -> [SpreadConstraint; 2] {
    [(HOST, 3), (ZONE, 5)].map(|(key, max_skew)| SpreadConstraint {
        max_skew,
        topology_key: key.into(),
        when_unsatisfiable: "ScheduleAnyway".into(),
        ..SpreadConstraint::default()
    })
}

/// The logarithm of two more than the domains of the nodes that are scored.
fn weight(constraint: &Constraint, tally: &Tally, scored: &[&Candidate]) -> f64 {
    let topology = &tally.get(constraint.counter).topology;
    let domain = |candidate: &&Candidate| topology.domain_of[candidate.node as usize];
    let nodes = |some: &mut dyn Iterator<Item = &&Candidate>| some.map(|candidate| candidate.size as usize).sum::<usize>();
    let size = if constraint.is_host {
        nodes(&mut scored.iter())
    } else if topology.singletons {
        let without = scored.iter().any(|candidate| domain(candidate) == NONE);
        nodes(&mut scored.iter().filter(|candidate| domain(candidate) != NONE)) + usize::from(without)
    } else {
        let mut domains: Vec<u32> = scored.iter().map(domain).collect();
        domains.sort_unstable();
        domains.dedup();
        domains.len()
    };
    ((size + 2) as f64).ln()
}
