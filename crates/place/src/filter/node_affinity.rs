//! NodeAffinity: node selector and required terms; terms that name nodes narrow the search before any node is looked at.
//!
//! Terms are alternatives, requirements within one must all hold, an empty term holds for no node. Nodes that are not named are counted
//! under a reason of their own. Preferred terms are a score. What the configuration
//! adds for every pod is asked first.

use crate::profile::Profile;
use crate::reason::{Plugin, Reason};
use nodelane_model::Name;
use nodelane_model::pod::NodeTerm;
use nodelane_world::NodeRow;
use std::collections::BTreeSet;

const NODE_NAME: &str = "metadata.name";

/// The nodes that the required terms name.
#[derive(Debug)]
pub(crate) enum Named {
    /// At least one term names none, so any may match.
    Any,
    /// Only these can match; empty where each term contradicts itself.
    Only(BTreeSet<Name>),
}

impl Named {
    pub fn by(profile: &Profile) -> Named {
        let required =
            profile.node_affinity().filter(|_| profile.config.runs(Plugin::NodeAffinity)).and_then(|affinity| affinity.required.as_ref());
        let Some(terms) = required.map(|required| &required.node_selector_terms).filter(|terms| !terms.is_empty()) else {
            return Named::Any;
        };
        let mut all = BTreeSet::new();
        for term in terms {
            let fields = term.match_fields.iter().filter(|field| field.key == NODE_NAME && field.operator == "In");
            let sets = fields.map(|field| field.values.iter().cloned().collect::<BTreeSet<Name>>());
            match sets.reduce(|a, b| &a & &b) {
                Some(names) => all.extend(names),
                None => return Named::Any,
            }
        }
        Named::Only(all)
    }
    pub fn includes(&self, node: &Name) -> bool {
        match self {
            Named::Any => true,
            Named::Only(names) => names.contains(node),
        }
    }
    /// Why the pod is refused before any node is looked at.
    pub fn conflict(&self) -> Option<Reason> {
        matches!(self, Named::Only(names) if names.is_empty()).then_some(Reason::AffinityConflict)
    }
}

pub(crate) fn check(profile: &Profile, row: &NodeRow) -> Option<Reason> {
    if !profile.config.runs(Plugin::NodeAffinity) {
        return None;
    }
    let added = profile.config.added_affinity.as_ref().and_then(|affinity| affinity.required.as_ref());
    if added.is_some_and(|added| !added.node_selector_terms.iter().any(|term| term_matches(term, row))) {
        return Some(Reason::EnforcedAffinity);
    }
    (!matches(profile, row)).then_some(Reason::NodeAffinity)
}

/// Whether node selector and required terms hold for a node.
pub(crate) fn matches(profile: &Profile, row: &NodeRow) -> bool {
    let labels = &row.doc.meta.labels;
    profile.spec().node_selector.iter().all(|(key, value)| labels.get(key) == Some(value))
        && profile
            .node_affinity()
            .and_then(|affinity| affinity.required.as_ref())
            .is_none_or(|required| required.node_selector_terms.iter().any(|term| term_matches(term, row)))
}

/// Whether one term holds for a node; an empty one holds for none.
pub(crate) fn term_matches(term: &NodeTerm, row: &NodeRow) -> bool {
    let on_name = |key: &Name| (key == NODE_NAME).then_some(&row.doc.key.name);
    !(term.match_expressions.is_empty() && term.match_fields.is_empty())
        && term.match_expressions.iter().all(|requirement| requirement.matches(&row.doc.meta.labels))
        && term.match_fields.iter().all(|requirement| requirement.holds(on_name(&requirement.key)))
}
