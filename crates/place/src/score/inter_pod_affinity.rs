//! InterPodAffinity, preferred terms: the pod's own, and those of pods that are there about it.
//!
//! A required affinity term of a pod that is there counts as preferred with weight 1, or as configured (`hardPodAffinityWeight`).

use super::{Candidate, MAX};
use crate::filter::inter_pod_affinity::counters;
use crate::profile::Profile;
use crate::selection::{own_term_matches, their_term_matches};
use crate::session::Session;
use crate::tally::{CounterId, Moves, Tally};
use nodelane_model::Name;
use nodelane_model::pod::PodTerm;
use std::collections::BTreeMap;

/// The preferred terms around one profile; weights by topology key.
#[derive(Debug, Default)]
pub(crate) struct AffinityScore {
    weights: BTreeMap<Name, CounterId>,
}

impl AffinityScore {
    pub fn new(session: &mut Session, profile: u32, tally: &mut Tally) -> AffinityScore {
        let own = &session.profiles[profile as usize];
        if is_skipped(own) {
            return AffinityScore::default();
        }
        let mut keys: Vec<Name> = preferred(own).map(|(term, _)| term.topology_key.clone()).collect();
        for at in &session.affine {
            keys.extend(theirs(session, own, &session.profiles[*at as usize]).map(|(term, _)| term.topology_key.clone()));
        }
        AffinityScore { weights: counters(session, tally, keys) }
    }
    /// `None` where a term of the other profile counts by a key that was not known when this was built.
    pub fn moves(&self, session: &Session, own: &Profile, other: &Profile, moves: &mut Moves) -> Option<()> {
        if is_skipped(own) {
            return Some(());
        }
        for (term, weight) in preferred(own).filter(|(term, _)| own_term_matches(session, own, term, other)) {
            moves.push((self.weights[&term.topology_key], weight));
        }
        for (term, weight) in theirs(session, own, other) {
            moves.push((*self.weights.get(&term.topology_key)?, weight));
        }
        Some(())
    }
    /// The normalised score of each candidate.
    pub fn scores(&self, tally: &Tally, candidates: &[Candidate]) -> Vec<i64> {
        if self.weights.is_empty() {
            return vec![0; candidates.len()];
        }
        let at = |node: u32| self.weights.values().filter_map(|id| tally.get(*id).at(node)).sum::<i64>();
        let raw: Vec<i64> = candidates.iter().map(|candidate| at(candidate.node)).collect();
        let least = raw.iter().copied().min().unwrap_or(0);
        let span = raw.iter().copied().max().unwrap_or(0) - least;
        let scaled = |raw: i64| {
            if span > 0 { (MAX as f64 * ((raw - least) as f64 / span as f64)) as i64 } else { 0 }
        };
        raw.into_iter().map(scaled).collect()
    }
}

/// Whether the plugin has nothing to say about a pod.
fn is_skipped(own: &Profile) -> bool {
    let config = &own.config;
    config.weights.inter_pod_affinity == 0 || (config.ignore_preferred_terms_of_existing_pods && preferred(own).next().is_none())
}

/// A pod's preferred terms, anti-affinity with negative weight.
fn preferred(of: &Profile) -> impl Iterator<Item = (&PodTerm, i64)> {
    let near = of.preferred_near().iter().map(|wish| (&wish.pod_affinity_term, i64::from(wish.weight)));
    let away = of.preferred_away().iter().map(|wish| (&wish.pod_affinity_term, -i64::from(wish.weight)));
    near.chain(away)
}

/// The terms of another pod that are about this one.
fn theirs<'a>(session: &Session, own: &Profile, other: &'a Profile) -> impl Iterator<Item = (&'a PodTerm, i64)> {
    let weight = own.config.hard_pod_affinity_weight;
    let required = other.required_near().iter().filter(move |_| weight > 0).map(move |term| (term, weight));
    required.chain(preferred(other)).filter(|(term, _)| their_term_matches(session, other, term, own))
}
