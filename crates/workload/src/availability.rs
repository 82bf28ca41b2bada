//! When a pod counts: active, ready, available.
//!
//! Kubernetes' own three questions, answered once for all workloads. A pod that is ready becomes available by the mere passing of
//! time, so who waits for it asks when, and wakes then.

use nodelane_model::{Doc, Pod, Time};

/// Whether a pod still counts for its workload: neither ended nor on its way out.
pub(crate) fn is_active(doc: &Doc) -> bool {
    !doc.is_terminating() && doc.as_pod().is_some_and(|pod| !pod.status.is_terminal())
}

/// Since when a pod is ready, where it is.
pub(crate) fn ready_since(pod: &Pod) -> Option<Time> {
    let ready = pod.status.conditions.iter().find(|c| c.kind == "Ready" && c.status == "True")?;
    Some(ready.last_transition_time.unwrap_or_default())
}

/// From when on a ready pod is available: `min_ready_seconds` after it became ready.
pub(crate) fn available_at(pod: &Pod, min_ready_seconds: i32) -> Option<Time> {
    ready_since(pod).map(|since| since.plus(i64::from(min_ready_seconds) * 1000))
}

/// Whether a pod is available now.
pub(crate) fn is_available(doc: &Doc, min_ready_seconds: i32, now: Time) -> bool {
    doc.as_pod().and_then(|pod| available_at(pod, min_ready_seconds)).is_some_and(|at| min_ready_seconds == 0 || at <= now)
}

/// When the next pod that is ready becomes available.
pub(crate) fn next_available<'a>(pods: impl Iterator<Item = &'a Doc>, min_ready_seconds: i32, now: Time) -> Option<Time> {
    if min_ready_seconds == 0 {
        return None;
    }
    pods.filter_map(|doc| available_at(doc.as_pod()?, min_ready_seconds)).filter(|at| *at > now).min()
}
