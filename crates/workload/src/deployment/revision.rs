//! The replica set of a template: found, made, numbered; and the history of those before it.
//!
//! A set is the template's where all but the hash label is equal, so a template that comes back finds its old set, which then gets
//! the next number and remembers the ones that it had.

use super::Rollout;
use crate::claim::{controlled_meta, with};
use crate::notice::namespace_takes;
use crate::stamp::template_hash;
use nodelane_model::pod::{Condition, PodTemplate};
use nodelane_model::selector::Selector;
use nodelane_model::workload::{ReplicaSet, ReplicaSetSpec};
use nodelane_model::{Body, Doc, Key, Kind, Labels, Name};
use std::collections::BTreeMap;
use std::sync::Arc;

const HASH: &str = "pod-template-hash";
pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";
const HISTORY: &str = "deployment.kubernetes.io/revision-history";
pub(super) const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
pub(super) const MAXIMUM: &str = "deployment.kubernetes.io/max-replicas";
/// Annotations of a deployment that its replica sets do not get.
const OWN: [&str; 6] =
    ["kubectl.kubernetes.io/last-applied-configuration", "deprecated.deployment.rollback.to", REVISION, HISTORY, DESIRED, MAXIMUM];

/// Whether two templates are the same but for the hash label.
pub(super) fn same(set: &PodTemplate, template: &PodTemplate) -> bool {
    let plain = |labels: &Labels| labels.iter().filter(|(key, _)| *key != HASH).map(|(k, v)| (k.clone(), v.clone())).collect::<Vec<_>>();
    (Arc::ptr_eq(&set.spec, &template.spec) || set.spec == template.spec)
        && set.annotations == template.annotations
        && plain(&set.labels) == plain(&template.labels)
}

/// The revision that a replica set's or deployment's annotation gives.
pub(super) fn number(annotations: &BTreeMap<Name, Name>) -> i64 {
    annotations.get(REVISION).and_then(|text| text.parse().ok()).unwrap_or(0)
}

impl Rollout<'_> {
    fn next_revision(&self) -> i64 {
        self.old.iter().map(|key| number(&self.set_doc(key).meta.annotations)).max().unwrap_or(0) + 1
    }

    /// Brings annotations and the revision of the new set, if there is one, and of the deployment up to date.
    pub(super) fn renew_revision(&mut self) {
        let Some(key) = self.new.clone() else { return };
        let revision = self.next_revision();
        let mut set = (**self.set_doc(&key)).clone();
        self.annotate(&mut set, revision, true);
        let least = self.body().spec.min_ready_seconds;
        let body = set.as_replica_set_mut().expect("it is a replica set");
        if body.spec.min_ready_seconds.unwrap_or(0) != least.unwrap_or(0) {
            body.spec.min_ready_seconds = least;
            set.meta.generation += 1;
        }
        if set != **self.set_doc(&key) {
            self.draft.put(set);
        }
        let revision = number(&self.set_doc(&key).meta.annotations);
        self.set_revision(revision);
        if self.has_deadline() && self.condition("Progressing").is_none() {
            let message = format!("Found new replica set {:?}", key.name.as_str());
            self.set_progress(Some(true), "FoundNewReplicaSet", message);
        }
    }

    /// The set of the present template; made, with as many pods as there is room for, where there is none.
    pub(super) fn ensure_new(&mut self) -> Option<Key> {
        if self.new.is_none() {
            self.create_new();
        } else {
            self.renew_revision();
        }
        self.new.clone()
    }

    fn create_new(&mut self) {
        if !namespace_takes(self.draft, &self.doc.key.namespace) {
            return;
        }
        let spec = self.body().spec.clone();
        let collisions = self.body().status.rest.get("collisionCount").and_then(|count| count.as_i64());
        let hash = template_hash(&spec.template, collisions);
        let key = Key::new(Kind::ReplicaSet, self.doc.key.namespace.clone(), format!("{}-{hash}", self.doc.key.name));
        if self.draft.world.get(&key).is_some() {
            // Someone else's: the next pass tries the next hash.
            self.body_mut().status.rest.insert("collisionCount".into(), (collisions.unwrap_or(0) + 1).into());
            let doc = self.doc.key.clone();
            return crate::again(self.draft, &doc);
        }
        let labels = with(&spec.template.labels, &[(HASH, hash.clone())]);
        let mut selector: Selector = spec.selector;
        selector.match_labels.insert(HASH.into(), hash);
        let size = self.room_for_new(&self.old.clone(), 0);
        let body = ReplicaSetSpec {
            replicas: Some(size),
            selector,
            template: PodTemplate { labels: labels.clone(), ..spec.template },
            min_ready_seconds: spec.min_ready_seconds.filter(|seconds| *seconds != 0),
            ..ReplicaSetSpec::default()
        };
        let meta = controlled_meta(&self.doc, labels, Labels::default(), 1);
        let body = Body::ReplicaSet(Box::new(ReplicaSet { spec: body, ..ReplicaSet::default() }));
        let mut set = Doc::new(key.clone(), 0, meta, body);
        let revision = self.next_revision();
        self.annotate(&mut set, revision, false);
        self.draft.create(key.clone(), set.meta, set.body);
        if size > 0 {
            self.say("ScalingReplicaSet", format!("Scaled up replica set {} from 0 to {size}", key.name));
        }
        self.set_revision(revision);
        if self.has_deadline() {
            self.set_progress(Some(true), "NewReplicaSetCreated", format!("Created new replica set {:?}", key.name.as_str()));
        }
        self.new = Some(key);
    }

    /// Copies the deployment's annotations, numbers the set, and keeps the numbers that it had.
    fn annotate(&self, set: &mut Doc, revision: i64, exists: bool) {
        let mut notes = (*set.meta.annotations).clone();
        let copied = self.doc.meta.annotations.iter().filter(|(key, _)| !OWN.contains(&key.as_str()));
        notes.extend(copied.map(|(key, value)| (key.clone(), value.clone())));
        let before = number(&notes);
        if before < revision
            && let Some(old) = notes.insert(REVISION.into(), revision.to_string().into())
        {
            let history = notes.get(HISTORY).filter(|history| !history.is_empty());
            let history = history.map_or(old.to_string(), |history| format!("{history},{old}"));
            notes.insert(HISTORY.into(), history.into());
        }
        if !exists {
            notes.extend(self.size_notes());
        }
        if notes != *set.meta.annotations {
            set.meta.annotations = Arc::new(notes);
        }
    }

    /// What a set's annotations say of the deployment's size.
    pub(super) fn size_notes(&self) -> [(Name, Name); 2] {
        let most = self.wanted() + self.max_surge();
        [(DESIRED.into(), self.wanted().to_string().into()), (MAXIMUM.into(), most.to_string().into())]
    }

    fn set_revision(&mut self, revision: i64) {
        if revision > 0 && number(&self.doc.meta.annotations) != revision {
            self.doc.meta.annotations = with(&self.doc.meta.annotations, &[(REVISION, revision.to_string().into())]);
        }
    }

    /// Removes the oldest sets beyond the history limit that have no pods.
    pub(super) fn clean_up(&mut self) {
        let Some(limit) = self.body().spec.revision_history_limit.filter(|limit| *limit != i32::MAX) else {
            return;
        };
        let mut idle: Vec<Key> = self.old.iter().filter(|key| !self.set_doc(key).is_terminating()).cloned().collect();
        idle.sort_by_key(|key| number(&self.set_doc(key).meta.annotations));
        let surplus = idle.len().saturating_sub(limit.max(0) as usize);
        for key in idle.into_iter().take(surplus) {
            let (set, doc) = (self.set(&key), self.set_doc(&key));
            let seen = doc.meta.generation <= set.status.observed_generation;
            if set.status.replicas == 0 && self.size(&key) == 0 && seen {
                crate::delete::delete(self.draft, &key, None, None);
                if self.draft.world.get(&key).is_none() {
                    self.old.retain(|old| *old != key);
                }
            }
        }
    }

    pub(super) fn condition(&self, kind: &str) -> Option<&Condition> {
        self.body().status.conditions.iter().find(|condition| condition.kind == kind)
    }
}
