//! Each option of a scheduler's configuration, read and placed by, against what kube-scheduler's plugins said with it.
//!
//! The golden file holds worlds in which the option matters: without it the real plugins of 1.36.3 said something else. It is written by
//! `conformance/differential/goldens.py`, from the oracle there.

use nodelane_model::Kind;
use nodelane_place::{Config, Reason, Refusal, Scores, explain_with};
use nodelane_sources::{Objects, scheduler_config};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

const MEMBERS: [(&str, Kind); 5] = [
    ("namespaces", Kind::Namespace),
    ("nodes", Kind::Node),
    ("pods", Kind::Pod),
    ("services", Kind::Service),
    ("replicaSets", Kind::ReplicaSet),
];

/// Nodes, event and scores as the oracle prints them; reasons in order.
fn verdict(input: &Value, config: &Arc<Config>) -> Value {
    let mut objects = Objects::default();
    for (member, kind) in MEMBERS {
        for object in input[member].as_array().into_iter().flatten() {
            objects.add_as(kind, object.clone()).expect("the golden file holds objects");
        }
    }
    let pod = Objects::default().add_as(Kind::Pod, input["pod"].clone()).expect("the golden file holds a pod");
    let verdict = explain_with(&objects.into_world(), &pod, config);
    let mut nodes: BTreeMap<String, Vec<String>> = verdict.nodes.iter().map(|(name, node)| (name.to_string(), line(node))).collect();
    if let Some(reason) = verdict.diagnosis.as_ref().and_then(|diagnosis| diagnosis.before.as_ref()) {
        let line = vec![format!("{:?}", reason.plugin()), "UnschedulableAndUnresolvable".into(), reason.to_string()];
        nodes.insert("*prefilter*".into(), line);
    }
    let scores = verdict.nodes.iter().filter_map(|(name, node)| Some((name.to_string(), node.as_ref().ok()?.total())));
    let event = verdict.diagnosis.as_ref().map_or(String::new(), |diagnosis| diagnosis.message());
    json!({"nodes": nodes, "event": event, "scores": scores.collect::<BTreeMap<String, i64>>()})
}

fn line(node: &Result<Scores, Refusal>) -> Vec<String> {
    let Err(refusal) = node else { return vec!["ok".into()] };
    if refusal.reasons == [Reason::NotAmongNamed] {
        return vec!["PreFilterResult".into(), "excluded".into()];
    }
    let code = if refusal.resolvable { "Unschedulable" } else { "UnschedulableAndUnresolvable" };
    let mut reasons: Vec<String> = refusal.reasons.iter().map(ToString::to_string).collect();
    reasons.sort();
    [vec![format!("{:?}", refusal.plugin()), code.into()], reasons].concat()
}

fn sorted(oracle: &Value) -> Value {
    let mut nodes: BTreeMap<String, Vec<String>> = serde_json::from_value(oracle["nodes"].clone()).expect("lists of words");
    nodes.values_mut().filter(|line| line.len() > 3).for_each(|line| line[2..].sort());
    json!({"nodes": nodes, "event": oracle["event"].as_str().unwrap_or_default(), "scores": oracle.get("scores").cloned().unwrap_or(json!({}))})
}

#[test]
fn every_option_changes_verdicts_and_scores_as_it_does_kube_schedulers() {
    let entries: Vec<Value> = serde_json::from_str(include_str!("golden/config-1.36.3.json")).expect("the golden file is readable");
    assert!(entries.len() > 80, "only {} worlds", entries.len());
    for entry in &entries {
        let (input, wanted) = (&entry["input"], sorted(&entry["oracle"]));
        let config = scheduler_config(&input["config"].to_string()).expect("a configuration that kube-scheduler takes");
        assert_eq!(verdict(input, &Arc::new(config)), wanted, "{}", entry["name"]);
        assert_ne!(verdict(input, &Arc::default()), wanted, "{} does not matter", entry["name"]);
    }
}
