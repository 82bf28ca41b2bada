//! Which pods go first when there are too many: Kubernetes' order for replica sets and jobs.
//!
//! Unbound, then pending, then not ready, then cheap to delete (`controller.kubernetes.io/pod-deletion-cost`), then doubled up on a
//! node, then ready for a shorter time, then restarted more often, then younger. Times count by powers of two, so that scaling down
//! does not always take the newest zone's pods; ties go by uid. Kubernetes' comparison is not transitive where ready times of one
//! power differ (uid first there, restarts first elsewhere); this one is: restarts first.

use crate::availability::ready_since;
use nodelane_model::pod::Phase;
use nodelane_model::{Doc, Name, Time};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The first `count` pods to delete. `on_node` counts the related active pods of each node.
pub(crate) fn victims(mut pods: Vec<Arc<Doc>>, count: usize, on_node: &BTreeMap<Name, usize>, now: Time) -> Vec<Arc<Doc>> {
    if count < pods.len() {
        pods.sort_by_cached_key(|doc| rank(doc, on_node, now));
        pods.truncate(count);
    }
    pods
}

/// How many of these pods each node holds.
pub(crate) fn count_by_node<'a>(pods: impl Iterator<Item = &'a Arc<Doc>>) -> BTreeMap<Name, usize> {
    let mut on_node = BTreeMap::new();
    for node in pods.filter_map(|doc| doc.as_pod()?.node.as_ref()) {
        *on_node.entry(node.clone()).or_default() += 1;
    }
    on_node
}

fn rank(doc: &Doc, on_node: &BTreeMap<Name, usize>, now: Time) -> impl Ord + use<> {
    let pod = doc.as_pod();
    let node = pod.and_then(|pod| pod.node.as_ref());
    let phase = match pod.map(|pod| pod.status.phase) {
        Some(Phase::Pending) => 0,
        Some(Phase::Unknown) => 1,
        _ => 2,
    };
    let cost = doc.meta.annotations.get("controller.kubernetes.io/pod-deletion-cost");
    let cost: i64 = cost.and_then(|cost| cost.parse::<i32>().ok()).unwrap_or(0).into();
    let related = node.and_then(|node| on_node.get(node)).copied().unwrap_or(0);
    let ready = pod.and_then(ready_since);
    let restarts = pod.and_then(|pod| pod.status.container_statuses.iter().map(|status| status.restart_count).max());
    (
        (node.is_some(), phase, ready.is_some(), cost, Reverse(related)),
        (ready.map(|since| age_rank(since, now)), Reverse(restarts.unwrap_or(0))),
        (age_rank(doc.meta.created, now), doc.meta.uid),
    )
}

/// The power of two of an age in nanoseconds; -1 for none.
fn age_rank(since: Time, now: Time) -> i64 {
    match now.since(since) {
        millis if millis > 0 => i64::from((i128::from(millis) * 1_000_000).ilog2()),
        _ => -1,
    }
}
