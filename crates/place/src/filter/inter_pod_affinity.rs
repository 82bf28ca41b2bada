//! InterPodAffinity, required terms: the pod's own, and the anti-affinity of pods that are already there.
//!
//! The affinity terms must all match one pod for it to count. A pod that no counted pod exists for, but that matches its own terms, may
//! be the first of its kind. Terminating pods count.

use crate::profile::Profile;
use crate::reason::{Plugin, Reason, Refusal};
use crate::selection::{own_term_matches, their_term_matches};
use crate::session::Session;
use crate::tally::{CounterId, Moves, Tally};
use crate::topology::{By, Counter};
use nodelane_model::Name;
use nodelane_model::pod::PodTerm;
use std::collections::BTreeMap;

/// The required terms around one profile; counters by topology key.
#[derive(Debug, Default)]
pub(crate) struct AffinityFilter {
    near: BTreeMap<Name, CounterId>,
    away: BTreeMap<Name, CounterId>,
    theirs: BTreeMap<Name, CounterId>,
    /// Whether the pod matches its own affinity terms.
    may_be_first: bool,
}

impl AffinityFilter {
    pub fn new(session: &mut Session, profile: u32, tally: &mut Tally) -> AffinityFilter {
        let own = &session.profiles[profile as usize];
        if !own.config.runs(Plugin::InterPodAffinity) {
            return AffinityFilter::default();
        }
        let keys = |terms: &[PodTerm]| terms.iter().map(|term| term.topology_key.clone()).collect::<Vec<Name>>();
        let (near, away) = (keys(own.required_near()), keys(own.required_away()));
        let may_be_first = is_near(session, own, own);
        let others = session.affine.iter().map(|at| &session.profiles[*at as usize]);
        let theirs: Vec<Name> = others.flat_map(|other| against(session, own, other)).map(|term| term.topology_key.clone()).collect();
        let mut counters = |keys: Vec<Name>| counters(session, tally, keys);
        AffinityFilter { near: counters(near), away: counters(away), theirs: counters(theirs), may_be_first }
    }
    /// `None` where a term of the other profile counts by a key that was not known when this was built.
    pub fn moves(&self, session: &Session, own: &Profile, other: &Profile, moves: &mut Moves) -> Option<()> {
        if !own.config.runs(Plugin::InterPodAffinity) {
            return Some(());
        }
        if !self.near.is_empty() && is_near(session, own, other) {
            moves.extend(self.near.values().map(|id| (*id, 1)));
        }
        for term in own.required_away().iter().filter(|term| own_term_matches(session, own, term, other)) {
            moves.push((self.away[&term.topology_key], 1));
        }
        for term in against(session, own, other) {
            moves.push((*self.theirs.get(&term.topology_key)?, 1));
        }
        Some(())
    }
    /// Whether nothing is to be asked: no terms of its own, and no pod there that has any against it. Then kube-scheduler leaves the plugin
    /// out, and with it what pods want that only wait for room.
    pub fn is_idle(&self, tally: &Tally) -> bool {
        self.near.is_empty() && self.away.is_empty() && self.theirs.values().all(|id| tally.get(*id).total == 0)
    }
    pub fn check(&self, tally: &Tally, node: u32) -> Option<Refusal> {
        let counts = |ids: &BTreeMap<Name, CounterId>| ids.values().map(|id| tally.get(*id).at(node)).collect::<Vec<_>>();
        if !self.near.is_empty() {
            let near = counts(&self.near);
            let none_anywhere = || self.near.values().all(|id| tally.get(*id).total == 0);
            let here = near.iter().all(|count| count.is_some_and(|count| count > 0));
            if near.contains(&None) || !(here || (self.may_be_first && none_anywhere())) {
                return Some(Refusal::lasting(Reason::PodAffinity));
            }
        }
        let any = |ids: &BTreeMap<Name, CounterId>| ids.values().any(|id| tally.get(*id).at(node).is_some_and(|count| count > 0));
        if any(&self.away) {
            return Some(Refusal::resolvable(Reason::PodAntiAffinity));
        }
        any(&self.theirs).then(|| Refusal::resolvable(Reason::ExistingAntiAffinity))
    }
}

/// Whether another pod matches all affinity terms.
fn is_near(session: &Session, own: &Profile, other: &Profile) -> bool {
    let terms = own.required_near();
    !terms.is_empty() && terms.iter().all(|term| own_term_matches(session, own, term, other))
}

/// The anti-affinity terms of another pod that are about this one.
fn against<'a>(session: &Session, own: &Profile, other: &'a Profile) -> impl Iterator<Item = &'a PodTerm> {
    other.required_away().iter().filter(|term| their_term_matches(session, other, term, own))
}

/// One counter per key.
pub(crate) fn counters(session: &mut Session, tally: &mut Tally, keys: Vec<Name>) -> BTreeMap<Name, CounterId> {
    let mut made = BTreeMap::new();
    for key in keys {
        made.entry(key).or_insert_with_key(|key| {
            tally.push(Counter::new(session.topologies.get(&session.rows, &session.roster, By::Label(key.clone()))))
        });
    }
    made
}
