//! Jobs: pods that run to their end.
//!
//! Each pod is counted once, whatever becomes of it: the finalizer `batch.kubernetes.io/job-tracking` holds an ended pod until its uid is
//! in the status ([`track`]). One pass counts, judges, then makes or deletes pods, and writes the status once. Not acted on: pod failure
//! policies, success policies, a backoff limit per index.

pub(crate) mod complete;
mod indexes;
mod judge;
mod pods;
mod track;

use crate::delete::delete;
use indexes::Indexes;
use nodelane_model::change::Propagation;
use nodelane_model::pod::Condition;
use nodelane_model::workload::{Job, JobSpec, JobStatus};
use nodelane_model::{Doc, Key, Time};
use nodelane_world::Draft;
use std::sync::Arc;

/// The finalizer that holds a pod until its job has counted it.
pub(crate) const TRACKING: &str = "batch.kubernetes.io/job-tracking";
/// The label and annotation with a pod's completion index.
const INDEX: &str = "batch.kubernetes.io/job-completion-index";

/// A job being reconciled. `status` is written back at the end.
struct Run<'a> {
    draft: &'a mut Draft,
    doc: &'a Doc,
    spec: &'a JobSpec,
    status: JobStatus,
    completed: Indexes,
    active: Vec<Arc<Doc>>,
    /// Pods that are on their way out but still run.
    terminating: i32,
    units: usize,
    spent: usize,
}

/// How a finished job ended: `Complete` or `Failed`.
pub(crate) fn outcome(job: &Job) -> Option<&Condition> {
    job.status.conditions.iter().find(|c| c.status == "True" && (c.kind == "Complete" || c.kind == "Failed"))
}

pub(crate) fn reconcile(draft: &mut Draft, key: &Key, units: usize) -> usize {
    let Some(doc) = draft.world.get(key).cloned() else {
        return 0;
    };
    let Some(job) = doc.as_job() else { return 0 };
    let spec = &job.spec;
    if let Some(selector) = &spec.selector {
        crate::claim::claim(draft, &doc, selector, nodelane_model::Kind::Pod, job.status == JobStatus::default());
    }
    let mut run = Run {
        draft,
        doc: &doc,
        spec,
        status: job.status.clone(),
        completed: Indexes::of(&job.status),
        active: Vec::new(),
        terminating: 0,
        units,
        spent: 0,
    };
    run.track();
    if outcome(job).is_none() && !doc.is_terminating() {
        run.go();
    }
    let Run { draft, status, spent, .. } = run;
    if status != job.status {
        draft.update(key, |doc| doc.as_job_mut().expect("it was one").status = status);
    }
    expire(draft, key);
    spent
}

/// Deletes a finished job once its time is over.
fn expire(draft: &mut Draft, key: &Key) {
    let Some(doc) = draft.world.get(key).cloned().filter(|doc| !doc.is_terminating()) else {
        return;
    };
    let Some(job) = doc.as_job() else { return };
    let (Some(end), Some(seconds)) = (outcome(job), job.spec.ttl_seconds_after_finished) else {
        return;
    };
    let at = end.last_transition_time.unwrap_or_default().plus(i64::from(seconds) * 1000);
    if at <= draft.now {
        delete(draft, key, None, Some(Propagation::Foreground));
    } else {
        crate::wake(draft, at, key);
    }
}

impl Run<'_> {
    fn now(&self) -> Time {
        self.draft.now.whole_seconds()
    }
}
