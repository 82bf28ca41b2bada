//! Which pods a rule is about: label selectors with what is merged into them, and the terms of affinity between pods.
//!
//! `matchLabelKeys` of affinity terms are not read here: the API server merges them into the selector when the pod is created, and
//! kube-scheduler relies on it. Those of spread constraints are, as there.

use crate::profile::Profile;
use crate::session::Session;
use nodelane_model::pod::{PodTerm, SpreadConstraint};
use nodelane_model::{Kind, Labels, Name, selector::Selector};
use std::collections::BTreeMap;

/// Pods of one namespace by their labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Selection {
    namespace: Name,
    /// Whether an absent selector rules everything out.
    nothing: bool,
    equals: BTreeMap<Name, Name>,
    selectors: Vec<Selector>,
}

impl Selection {
    /// The pods that a spread constraint of a pod counts.
    pub fn of_constraint(profile: &Profile, constraint: &SpreadConstraint) -> Selection {
        let keys = constraint.match_label_keys.iter();
        let equals = keys.filter_map(|key| profile.labels().get(key).map(|value| (key.clone(), value.clone())));
        Selection {
            namespace: profile.namespace().clone(),
            nothing: constraint.label_selector.is_none(),
            equals: equals.collect(),
            selectors: constraint.label_selector.iter().cloned().collect(),
        }
    }
    /// The pods that are spread with a pod by default: those of its services and of its replica set or stateful set.
    pub fn by_default(profile: &Profile, session: &Session) -> Selection {
        let mut selection = Selection { namespace: profile.namespace().clone(), ..Selection::default() };
        for doc in session.world.list(Kind::Service, Some(profile.namespace())) {
            if nodelane_world::serves(doc, profile.labels()) {
                let pairs = doc.as_opaque().and_then(|rest| rest.get("spec")?.get("selector")?.as_object()).into_iter().flatten();
                selection.equals.extend(pairs.filter_map(|(key, value)| Some((key.into(), Name::new(value.as_str()?)))));
            }
        }
        let owner = profile.owner.as_ref().and_then(|key| session.world.get(key));
        let of_set = owner.and_then(|doc| doc.as_replica_set().map(|set| &set.spec.selector));
        let of_stateful = owner.and_then(|doc| doc.as_stateful_set().map(|set| &set.spec.selector));
        selection.selectors.extend(of_set.or(of_stateful).cloned());
        selection
    }
    /// Whether it has no requirement.
    pub fn is_empty(&self) -> bool {
        !self.nothing && self.equals.is_empty() && self.selectors.iter().all(Selector::is_empty)
    }
    /// Whether it selects a pod with these labels, wherever it is.
    pub fn matches(&self, labels: &Labels) -> bool {
        !self.nothing
            && self.equals.iter().all(|(key, value)| labels.get(key) == Some(value))
            && self.selectors.iter().all(|selector| selector.matches(labels))
    }
    /// Whether a pod counts; a selection without requirements counts none.
    pub fn counts(&self, other: &Profile) -> bool {
        !self.is_empty() && self.namespace == *other.namespace() && self.matches(other.labels())
    }
}

/// Whether a term of a pod that is to be placed is about another pod. A namespace selector that a namespace without labels would match
/// (empty, or by absence) matches every namespace: kube-scheduler asks it about no labels after it has looked for namespaces.
pub(crate) fn own_term_matches(session: &Session, of: &Profile, term: &PodTerm, other: &Profile) -> bool {
    let by_label = |selector: &Selector| {
        selector.matches(&BTreeMap::new()) || session.namespace(other.namespace()).is_some_and(|labels| selector.matches(labels))
    };
    term_matches(of, term, other, by_label)
}

/// Whether a term of a bound pod is about a pod that is to be placed.
pub(crate) fn their_term_matches(session: &Session, of: &Profile, term: &PodTerm, other: &Profile) -> bool {
    let by_label = |selector: &Selector| match session.namespace(other.namespace()) {
        Some(labels) => selector.matches(labels),
        None => selector.matches(&BTreeMap::new()),
    };
    term_matches(of, term, other, by_label)
}

fn term_matches(of: &Profile, term: &PodTerm, other: &Profile, by_label: impl Fn(&Selector) -> bool) -> bool {
    let here = match (&term.namespaces[..], &term.namespace_selector) {
        ([], None) => of.namespace() == other.namespace(),
        (names, selector) => names.contains(other.namespace()) || selector.as_ref().is_some_and(by_label),
    };
    here && term.label_selector.as_ref().is_some_and(|selector| selector.matches(other.labels()))
}
