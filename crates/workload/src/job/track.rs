//! Counting pods once: uid into the status, finalizer off the pod, uid into the count.
//!
//! Each step is a write of its own, and whichever was the last before a crash, the next pass goes on from there. Completed indexes need
//! no uids: adding one twice is adding it once.

use super::{INDEX, Run, TRACKING};
use crate::claim::controlled;
use crate::garbage::holds;
use nodelane_model::pod::Phase;
use nodelane_model::{Doc, Kind};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const UNCOUNTED: &str = "uncountedTerminatedPods";

/// Whether a pod counts as succeeded, as failed, or not yet. One that is on its way out counts as failed (replacement policy
/// `TerminatingOrFailed`).
fn verdict(doc: &Doc) -> Option<bool> {
    match doc.as_pod()?.status.phase {
        Phase::Succeeded => Some(true),
        Phase::Failed => Some(false),
        _ => doc.is_terminating().then_some(false),
    }
}

/// A pod's completion index.
pub(super) fn index_of(doc: &Doc) -> Option<i32> {
    doc.meta.annotations.get(INDEX)?.parse().ok()
}

impl Run<'_> {
    pub(super) fn is_indexed(&self) -> bool {
        self.spec.completion_mode.as_deref() == Some("Indexed")
    }

    /// Counts what ended, and sorts out what is active.
    pub(super) fn track(&mut self) {
        let pods = controlled(&self.draft.world, self.doc, Kind::Pod);
        let [mut succeeded, mut failed] = ["succeeded", "failed"].map(|part| self.uncounted(part));
        let ended: Vec<_> = pods.iter().filter(|doc| holds(doc, TRACKING)).filter_map(|doc| Some((doc, verdict(doc)?))).collect();
        for (doc, well) in &ended {
            match (well, index_of(doc)) {
                (true, Some(index)) if self.is_indexed() => drop(self.completed.0.insert(index)),
                (true, _) => drop(succeeded.insert(doc.meta.uid.to_string())),
                (false, _) => drop(failed.insert(doc.meta.uid.to_string())),
            }
        }
        self.write_indexes();
        if !ended.is_empty() {
            self.status.rest.insert(UNCOUNTED.into(), json!({"succeeded": succeeded, "failed": failed}));
            let status = self.status.clone();
            self.draft.update(&self.doc.key, |doc| doc.as_job_mut().expect("it was one").status = status);
            for (doc, _) in &ended {
                self.draft.update(&doc.key, |doc| doc.meta.finalizers.retain(|held| held != TRACKING));
            }
        }
        self.status.succeeded += succeeded.len() as i32;
        self.status.failed += failed.len() as i32;
        self.status.rest.insert(UNCOUNTED.into(), json!({}));
        self.terminating = pods.iter().filter(|doc| doc.is_terminating() && !is_ended(doc)).count() as i32;
        self.active = pods.into_iter().filter(|doc| crate::availability::is_active(doc)).collect();
        self.count_active();
    }

    /// What the status says of pods that still run.
    pub(super) fn count_active(&mut self) {
        let ready = self.active.iter().filter(|doc| doc.as_pod().is_some_and(|pod| pod.status.is_ready())).count();
        self.status.active = self.active.len() as i32;
        self.status.ready = Some(ready as i32);
        self.status.rest.insert("terminating".into(), self.terminating.into());
    }

    fn write_indexes(&mut self) {
        if self.is_indexed() && !self.completed.0.is_empty() {
            self.status.succeeded = self.completed.0.len() as i32;
            self.status.rest.insert("completedIndexes".into(), self.completed.to_text().into());
        }
    }

    fn uncounted(&self, part: &str) -> BTreeSet<String> {
        let uids = self.status.rest.get(UNCOUNTED).and_then(|uncounted| uncounted.get(part)?.as_array());
        uids.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    }
}

fn is_ended(doc: &Doc) -> bool {
    doc.as_pod().is_some_and(|pod| pod.status.is_terminal())
}
