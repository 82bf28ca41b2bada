//! Deployments: replica sets that replace each other within bounds.
//!
//! One pass does what one sync of the upstream controller does: it makes, scales or retires replica sets, then writes the status in
//! one write. It decides on replica sets whose status is fresh: those that are still on the worklist are counted first, so bounds hold
//! against pods as they are, not as they were.

mod bounds;
mod revision;
mod rollout;
mod scale;
mod status;

use crate::claim::claim;
use crate::notice::Voice;
use nodelane_model::workload::{Deployment, ReplicaSet};
use nodelane_model::{Doc, Key, Kind};
use nodelane_world::{Draft, List};
use std::sync::Arc;

/// A deployment being reconciled. `doc` is the copy that is written back at the end.
struct Rollout<'a> {
    draft: &'a mut Draft,
    doc: Doc,
    /// The replica set of the present template.
    new: Option<Key>,
    /// All others, the oldest first.
    old: Vec<Key>,
}

pub(crate) fn reconcile(draft: &mut Draft, key: &Key) -> usize {
    let Some(doc) = draft.world.get(key).cloned() else {
        return 0;
    };
    let Some(body) = doc.as_deployment() else { return 0 };
    let is_new = body.status.observed_generation != doc.meta.generation;
    if body.spec.selector.is_empty() {
        return refuse(draft, &doc);
    }
    let mut sets = claim(draft, &doc, &body.spec.selector, Kind::ReplicaSet, is_new);
    let stale: Vec<Key> = sets.iter().map(|set| set.key.clone()).filter(|key| draft.world.work.list(List::Owners).contains(key)).collect();
    for key in &stale {
        crate::replica_set::observe(draft, key); // Its own pass, later, sets the wake.
    }
    sets.sort_by(|a, b| (a.meta.created, &a.key).cmp(&(b.meta.created, &b.key)));
    let before = draft.writes.len();
    let mut rollout = Rollout { draft, doc: (*doc).clone(), new: None, old: Vec::new() };
    rollout.sort_out(&sets);
    rollout.run();
    let Rollout { draft, doc: next, .. } = rollout;
    if next != *doc {
        draft.put(next);
    }
    if is_new {
        crate::budget::touch(draft, &key.namespace);
    }
    draft.writes.len() - before
}

fn refuse(draft: &mut Draft, doc: &Doc) -> usize {
    let message = "This deployment is selecting all pods. A non-empty selector is required.";
    if doc.as_deployment().is_some_and(|body| body.status.observed_generation != doc.meta.generation) {
        Voice { about: &doc.key, component: COMPONENT }.warn(draft, "SelectingAll", message);
        let generation = doc.meta.generation;
        draft.update(&doc.key, |doc| doc.as_deployment_mut().expect("it was one").status.observed_generation = generation);
    }
    1
}

const COMPONENT: &str = "deployment-controller";

impl Rollout<'_> {
    fn body(&self) -> &Deployment {
        self.doc.as_deployment().expect("reconcile looked")
    }
    fn body_mut(&mut self) -> &mut Deployment {
        self.doc.as_deployment_mut().expect("reconcile looked")
    }
    fn wanted(&self) -> i32 {
        self.body().spec.replicas.unwrap_or(1)
    }
    fn set_doc(&self, key: &Key) -> &Arc<Doc> {
        self.draft.world.get(key).expect("claimed sets stay for the pass")
    }
    fn set(&self, key: &Key) -> &ReplicaSet {
        self.set_doc(key).as_replica_set().expect("it is a replica set")
    }
    /// Replicas asked of a set.
    fn size(&self, key: &Key) -> i32 {
        self.set(key).spec.replicas.unwrap_or(1)
    }
    /// Available pods of a set that will stay.
    fn available(&self, key: &Key) -> i32 {
        self.set(key).status.available_replicas.min(self.size(key))
    }
    fn all(&self) -> Vec<Key> {
        self.old.iter().chain(&self.new).cloned().collect()
    }
    fn active(&self, keys: &[Key]) -> Vec<Key> {
        keys.iter().filter(|key| self.size(key) > 0).cloned().collect()
    }
    fn sum(&self, keys: &[Key], of: impl Fn(&Self, &Key) -> i32) -> i32 {
        keys.iter().map(|key| of(self, key)).sum()
    }
    fn say(&mut self, reason: &'static str, message: String) {
        let key = self.doc.key.clone();
        Voice { about: &key, component: COMPONENT }.say(self.draft, reason, message);
    }

    /// Which of the sets is that of the present template: the oldest that has it.
    fn sort_out(&mut self, sets: &[Arc<Doc>]) {
        let template = &self.body().spec.template;
        let is_new = |doc: &&Arc<Doc>| doc.as_replica_set().is_some_and(|set| revision::same(&set.spec.template, template));
        self.new = sets.iter().find(is_new).map(|doc| doc.key.clone());
        self.old = sets.iter().map(|doc| doc.key.clone()).filter(|key| Some(key) != self.new.as_ref()).collect();
    }

    fn run(&mut self) {
        if self.doc.is_terminating() {
            self.renew_revision();
            return self.sync_status();
        }
        self.note_pause();
        if self.body().spec.paused || self.is_scaled() {
            self.renew_revision();
            self.scale();
            if self.body().spec.paused {
                self.clean_up();
            }
            return self.sync_status();
        }
        match self.body().spec.strategy.kind.as_str() {
            "Recreate" => self.recreate(),
            _ => self.roll(),
        }
        self.sync_rollout_status();
    }
}
