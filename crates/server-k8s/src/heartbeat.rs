//! Heartbeats of nodes: `lastHeartbeatTime` of their conditions, computed whenever a node is shown.
//!
//! A kubelet reports an unchanged status every five minutes, so a node shows the last full five minutes; one that nothing is known of
//! (Ready is Unknown) shows the last before it was lost. Invariant: no write and no watch event ever comes from a heartbeat.
//! Leases, which beat every ten seconds, are `lease`.

use nodelane_model::{Doc, Time};

/// Kubelet's `nodeStatusReportFrequency`.
const REPORT_MILLIS: i64 = 300_000;

/// The node with its heartbeats; `None` for other kinds.
pub fn beating(doc: &Doc, now: Time) -> Option<Doc> {
    let lost = doc.as_node()?.status.conditions.iter().find(|condition| condition.kind == "Ready" && condition.status == "Unknown");
    let lost = lost.map(|condition| condition.last_transition_time.unwrap_or(doc.meta.created));
    let mut shown = doc.clone();
    let last_report = Time(lost.unwrap_or(now).0.div_euclid(REPORT_MILLIS) * REPORT_MILLIS);
    for condition in &mut shown.as_node_mut()?.status.conditions {
        let changed = condition.last_transition_time.unwrap_or(doc.meta.created);
        let beat = if lost.is_some() { last_report.max(doc.meta.created) } else { last_report.max(changed) };
        condition.rest.insert("lastHeartbeatTime".into(), beat.whole_seconds().to_string().into());
    }
    Some(shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nodelane_model::pod::Condition;
    use nodelane_model::{Body, Key, Kind, Meta, Node};

    fn beat_of(status: &str, now: Time) -> String {
        let mut node = Node::default();
        node.status.conditions.push(Condition { status: status.into(), ..Condition::new("Ready", true, Time(1_790_000_150_000)) });
        let doc = Doc::new(Key::global(Kind::Node, "n"), 1, Meta::default(), Body::Node(Box::new(node)));
        let shown = nodelane_model::codec::to_value(&beating(&doc, now).expect("a node"));
        shown["status"]["conditions"][0]["lastHeartbeatTime"].as_str().expect("text").to_owned()
    }

    #[test]
    fn a_node_beats_every_five_minutes_and_a_lost_one_did_before_it_was_lost() {
        // 1,790,000,100 is 14:15:00 UTC of 2026-09-21, a full five minutes; the condition changed 50 seconds later.
        assert_eq!(beat_of("True", Time(1_790_000_399_999)), "2026-09-21T14:15:50Z");
        assert_eq!(beat_of("True", Time(1_790_000_400_000)), "2026-09-21T14:20:00Z");
        assert_eq!(beat_of("False", Time(1_790_000_400_000)), "2026-09-21T14:20:00Z");
        assert_eq!(beat_of("Unknown", Time(1_790_000_900_000)), "2026-09-21T14:15:00Z");
    }
}
