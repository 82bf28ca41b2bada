//! Heartbeats of nodes: `lastHeartbeatTime` of their conditions, computed whenever a node is shown.
//!
//! A kubelet reports an unchanged status every five minutes, so a Ready node shows the last full five minutes, another one the time
//! of its last change: its kubelet has been silent since. Invariant: no write and no watch event ever comes from a heartbeat.
//! Leases, which beat every ten seconds, are `lease`.

use nodelane_model::{Doc, Time};

/// Kubelet's `nodeStatusReportFrequency`.
const REPORT_MILLIS: i64 = 300_000;

/// The node with its heartbeats; `None` for other kinds.
pub fn beating(doc: &Doc, now: Time) -> Option<Doc> {
    let is_ready = doc.as_node()?.status.is_ready();
    let mut shown = doc.clone();
    let last_report = Time(now.0.div_euclid(REPORT_MILLIS) * REPORT_MILLIS);
    for condition in &mut shown.as_node_mut()?.status.conditions {
        let changed = condition.last_transition_time.unwrap_or(doc.meta.created);
        let beat = if is_ready { changed.max(last_report) } else { changed };
        condition.rest.insert("lastHeartbeatTime".into(), beat.whole_seconds().to_string().into());
    }
    Some(shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nodelane_model::pod::Condition;
    use nodelane_model::{Body, Key, Kind, Meta, Node};

    fn beat_of(ready: bool, now: Time) -> String {
        let mut node = Node::default();
        node.status.conditions.push(Condition::new("Ready", ready, Time(1_790_000_100_000)));
        let doc = Doc::new(Key::global(Kind::Node, "n"), 1, Meta::default(), Body::Node(Box::new(node)));
        let shown = nodelane_model::codec::to_value(&beating(&doc, now).expect("a node"));
        shown["status"]["conditions"][0]["lastHeartbeatTime"].as_str().expect("text").to_owned()
    }

    #[test]
    fn a_ready_node_beats_every_five_minutes_and_a_silent_one_stopped_when_it_changed() {
        // 1,790,000,100 is 14:15:00 UTC of 2026-09-21, a full five minutes.
        assert_eq!(beat_of(true, Time(1_790_000_399_999)), "2026-09-21T14:15:00Z");
        assert_eq!(beat_of(true, Time(1_790_000_400_000)), "2026-09-21T14:20:00Z");
        assert_eq!(beat_of(false, Time(1_790_000_400_000)), "2026-09-21T14:15:00Z");
    }
}
