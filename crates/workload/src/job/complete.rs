//! What the API server adds to a new job: its defaults, a selector by the job's uid, and the labels that it selects by.
//!
//! Admission calls this for jobs of users, the cron job reconciler for its own.

use crate::claim::with;
use nodelane_model::selector::Selector;
use nodelane_model::workload::JobSpec;
use nodelane_model::{Body, Doc};
use std::collections::BTreeMap;

/// Generates a new job's selector and its template's labels from its name and uid, which must be set; a job with a selector of the
/// user's own (`manualSelector`) is left alone. Doing it twice is doing it once.
pub fn complete_job(doc: &mut Doc) {
    let uid = nodelane_model::Name::from(doc.meta.uid.to_string());
    let name = doc.key.name.clone();
    let Body::Job(job) = &mut doc.body else { return };
    defaults(&mut job.spec);
    if job.spec.manual_selector {
        return;
    }
    let labels = [
        ("batch.kubernetes.io/controller-uid", uid.clone()),
        ("batch.kubernetes.io/job-name", name.clone()),
        ("controller-uid", uid.clone()),
        ("job-name", name),
    ];
    job.spec.template.labels = with(&job.spec.template.labels, &labels);
    let match_labels = BTreeMap::from([("batch.kubernetes.io/controller-uid".into(), uid)]);
    job.spec.selector = Some(Selector { match_labels, ..job.spec.selector.take().unwrap_or_default() });
}

/// A cron job's template does not have them, and what a job was made with may not change later: without them, a job put back as it
/// is would be a changed one.
fn defaults(spec: &mut JobSpec) {
    if spec.completions.is_none() && spec.parallelism.is_none() {
        spec.completions = Some(1);
    }
    spec.parallelism.get_or_insert(1);
    let per_index = spec.rest.contains_key("backoffLimitPerIndex");
    spec.backoff_limit.get_or_insert(if per_index { i32::MAX } else { 6 });
    spec.completion_mode.get_or_insert_with(|| "NonIndexed".into());
    let replaced = if spec.rest.contains_key("podFailurePolicy") { "Failed" } else { "TerminatingOrFailed" };
    spec.rest.entry("podReplacementPolicy").or_insert(replaced.into());
}
