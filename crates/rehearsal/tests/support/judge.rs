//! What must hold at every event, recomputed from the events alone: no status, no row and no index of ours is believed.
//!
//! Budgets are judged from pods and from the scale that the test says their app has; nodes from their conditions and specification.

use super::takes_pods;
use nodelane_control::Event;
use nodelane_model::budget::IntOrPercent;
use nodelane_model::{Doc, Key, Kind, Time};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Documents as of an event.
pub type Docs = BTreeMap<Key, Arc<Doc>>;

/// Healthy pods of an app: Ready, not terminating, on a node that is there.
pub fn healthy(docs: &Docs, app: &str) -> i32 {
    let of = |doc: &&Arc<Doc>| doc.key.kind == Kind::Pod && doc.meta.labels.get("app").is_some_and(|label| label == app);
    let counts = |doc: &&Arc<Doc>| {
        doc.as_pod().is_some_and(|pod| {
            let there = pod.node.as_ref().is_some_and(|node| docs.contains_key(&Key::global(Kind::Node, node.clone())));
            pod.status.is_ready() && there && !doc.is_terminating()
        })
    };
    docs.values().filter(of).filter(counts).count() as i32
}

/// Bounds that a run is held to.
#[derive(Default)]
pub struct Judge {
    /// The pool.
    pub pool: &'static str,
    /// Fewest nodes that are Ready and take pods.
    pub least_ready: usize,
    /// Most nodes; 0 for any number.
    pub most_nodes: usize,
    /// Apps with the scale that their budgets count from.
    pub apps: Vec<(&'static str, i32)>,
}

impl Judge {
    /// Judges every event after the first `since`.
    pub fn judge(&self, events: &[(Time, Event)], since: usize) {
        let mut docs = Docs::new();
        for (index, (at, event)) in events.iter().enumerate() {
            match (&event.old, &event.new) {
                (_, Some(new)) => drop(docs.insert(new.key.clone(), new.clone())),
                (Some(old), None) => drop(docs.remove(&old.key)),
                (None, None) => {}
            }
            if index >= since {
                self.judge_nodes(&docs, *at, event);
                self.judge_budgets(&docs, *at, event);
            }
        }
    }
    fn judge_nodes(&self, docs: &Docs, at: Time, event: &Event) {
        let nodes: Vec<_> = docs
            .values()
            .filter(|doc| doc.meta.labels.get("agentpool").is_some_and(|pool| pool == self.pool))
            .filter_map(|doc| doc.as_node())
            .collect();
        let ready = nodes.iter().filter(|node| takes_pods(node)).count();
        assert!(ready >= self.least_ready, "{ready} nodes take pods at {at}, revision {}: {:?}", event.revision, event.key());
        assert!(self.most_nodes == 0 || nodes.len() <= self.most_nodes, "{} nodes at {at}, revision {}", nodes.len(), event.revision);
    }
    fn judge_budgets(&self, docs: &Docs, at: Time, event: &Event) {
        for doc in docs.values() {
            let Some(budget) = doc.as_budget() else { continue };
            let Some((app, scale)) = self.apps.iter().find(|(app, _)| *app == doc.key.name) else { continue };
            let least = match (&budget.spec.min_available, &budget.spec.max_unavailable) {
                (Some(IntOrPercent::Int(least)), _) => *least,
                (_, Some(IntOrPercent::Int(most))) => scale - most,
                other => panic!("no test has such a budget: {other:?}"),
            };
            let healthy = healthy(docs, app);
            assert!(
                healthy >= least,
                "{healthy} pods of {app} are healthy, {least} must be: at {at}, revision {} {:?}",
                event.revision,
                event.key()
            );
        }
    }
}
