//! What the API server adds to a new job: a selector by the job's uid, and the labels that it selects by.
//!
//! Admission calls this for jobs of users, the cron job reconciler for its own.

use crate::claim::with;
use nodelane_model::selector::Selector;
use nodelane_model::{Body, Doc};
use std::collections::BTreeMap;

/// Generates a new job's selector and its template's labels from its name and uid, which must be set; a job with a selector of the
/// user's own (`manualSelector`) is left alone. Doing it twice is doing it once.
pub fn complete_job(doc: &mut Doc) {
    let uid = nodelane_model::Name::from(doc.meta.uid.to_string());
    let name = doc.key.name.clone();
    let Body::Job(job) = &mut doc.body else { return };
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
    job.spec.selector = Some(Selector {
        match_labels,
        ..job.spec.selector.take().unwrap_or_default()
    });
}
