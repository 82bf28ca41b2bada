//! A job's pods: how many there should be, which indexes they work on, and how long to wait after a failure.
//!
//! The wait is computed from the failed pods that are still there; a job whose failed pods were deleted by hand starts its waits anew.

use super::track::index_of;
use super::{INDEX, Run, TRACKING};
use crate::claim::{controlled, with};
use crate::delete::delete;
use crate::notice::namespace_takes;
use crate::rank::{count_by_node, victims};
use crate::stamp::Stamp;
use nodelane_model::pod::Phase;
use nodelane_model::{Doc, Kind, Name, Time};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// 10 s after the first failure, twice as long after each further one, six minutes at most (the Job documentation's figures).
const BACKOFF_SECONDS: i64 = 10;
const BACKOFF_LIMIT_SECONDS: i64 = 360;

impl Run<'_> {
    /// Makes what is missing, or deletes what is too much.
    pub(super) fn manage(&mut self) {
        let active = self.active.len();
        let parallelism = self.spec.parallelism.unwrap_or(1).max(0) as usize;
        let wanted = match self.spec.completions {
            Some(completions) => parallelism.min((completions - self.status.succeeded).max(0) as usize),
            None if self.status.succeeded > 0 => active.min(parallelism),
            None => parallelism,
        };
        self.remove_excess(active.saturating_sub(wanted));
        if active >= wanted || !namespace_takes(self.draft, &self.doc.key.namespace) {
            return;
        }
        match self.backoff_until() {
            Some(at) if at > self.draft.now => crate::wake(self.draft, at, &self.doc.key),
            _ => self.create(wanted - active),
        }
    }

    /// Deletes active pods that are too much; they count neither as failed nor as succeeded.
    pub(super) fn remove_excess(&mut self, count: usize) {
        if count == 0 {
            return;
        }
        let on_node = count_by_node(self.active.iter());
        let excess = victims(self.active.clone(), count, &on_node, self.draft.now);
        let mut names: Vec<Name> = Vec::new();
        for pod in &excess {
            self.draft.update(&pod.key, |doc| doc.meta.finalizers.retain(|held| held != TRACKING));
            delete(self.draft, &pod.key, None, None);
            names.push(pod.key.name.clone());
        }
        let gone: BTreeSet<&Name> = names.iter().collect();
        self.active.retain(|doc| !gone.contains(&doc.key.name));
        let left = |pod: &&Arc<Doc>| self.draft.world.get(&pod.key).is_some();
        self.terminating += excess.iter().filter(left).count() as i32;
        self.spent += names.len();
        self.say_each("SuccessfulDelete", "Deleted pod: ", &names);
        self.count_active();
    }

    fn create(&mut self, missing: usize) {
        let count = missing.min(self.units.saturating_sub(self.spent));
        if count < missing {
            crate::again(self.draft, &self.doc.key);
        }
        let mut stamp = Stamp::of(&self.draft.world, &self.spec.template, self.doc);
        stamp.finalizers.push(TRACKING.into());
        let mut names = Vec::with_capacity(count);
        if self.is_indexed() {
            for index in self.pending_indexes(count) {
                let pod = self.index(&stamp, index).generate(self.draft, &format!("{}-{index}-", self.doc.key.name));
                names.push(pod.key.name.clone());
                self.active.push(pod);
            }
        } else {
            for _ in 0..count {
                let pod = stamp.generate(self.draft, &format!("{}-", self.doc.key.name));
                names.push(pod.key.name.clone());
                self.active.push(pod);
            }
        }
        self.spent += names.len();
        self.say_each("SuccessfulCreate", "Created pod: ", &names);
        self.count_active();
    }

    fn pending_indexes(&self, count: usize) -> Vec<i32> {
        let busy: BTreeSet<i32> = self.active.iter().filter_map(|doc| index_of(doc)).collect();
        let free = |index: &i32| !busy.contains(index) && !self.completed.0.contains(index);
        (0..self.spec.completions.unwrap_or(0)).filter(free).take(count).collect()
    }

    /// What a pod has of its own index: annotation, label, host name and the variable `JOB_COMPLETION_INDEX`.
    fn index(&self, stamp: &Stamp, index: i32) -> Stamp {
        let mut stamp = stamp.clone();
        let text: Name = index.to_string().into();
        stamp.annotations = with(&stamp.annotations, &[(INDEX, text.clone())]);
        stamp.labels = with(&stamp.labels, &[(INDEX, text)]);
        let spec = Arc::make_mut(&mut stamp.spec);
        spec.rest.insert("hostname".into(), format!("{}-{index}", self.doc.key.name).into());
        let field = json!({"fieldRef": {"apiVersion": "v1", "fieldPath": format!("metadata.labels['{INDEX}']")}});
        for container in spec.containers.iter_mut().chain(&mut spec.init_containers) {
            let env = container.rest.entry("env").or_insert_with(|| Value::Array(Vec::new()));
            if let Some(env) = env.as_array_mut()
                && !env.iter().any(|entry| entry["name"] == "JOB_COMPLETION_INDEX")
            {
                env.push(json!({"name": "JOB_COMPLETION_INDEX", "valueFrom": field}));
            }
        }
        stamp
    }

    /// Until when no pod is made because of those that failed since the last one succeeded.
    fn backoff_until(&self) -> Option<Time> {
        let pods = controlled(&self.draft.world, self.doc, Kind::Pod);
        let ended = |well: bool| {
            let is = move |doc: &&Arc<Doc>| match doc.as_pod().map(|pod| pod.status.phase) {
                Some(Phase::Succeeded) => well,
                Some(Phase::Failed) => !well,
                _ => false,
            };
            pods.iter().filter(is).map(|doc| finished_at(doc))
        };
        let last_success = ended(true).max().unwrap_or(Time(i64::MIN));
        let failures: Vec<Time> = ended(false).filter(|at| *at > last_success).collect();
        let doublings = failures.len().checked_sub(1)?.min(16); // 2^16 is far beyond the limit.
        let seconds = (BACKOFF_SECONDS << doublings).min(BACKOFF_LIMIT_SECONDS);
        failures.iter().max().map(|last| last.plus(seconds * 1000))
    }
}

/// When a pod ended: its last container's end, or what comes closest.
fn finished_at(doc: &Doc) -> Time {
    let pod = doc.as_pod();
    let ends = pod.into_iter().flat_map(|pod| &pod.status.container_statuses);
    let last = ends.filter_map(|status| status.state.terminated.as_ref()).map(|end| end.finished_at).max();
    let ready = pod.and_then(|pod| pod.status.conditions.iter().find(|c| c.kind == "Ready")?.last_transition_time);
    let asked = doc.meta.deleted.map(|at| at.plus(-1000 * doc.meta.grace_seconds.unwrap_or(0)));
    last.or(asked).or(ready).unwrap_or(doc.meta.created)
}
