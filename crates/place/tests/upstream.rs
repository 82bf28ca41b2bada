//! kube-scheduler's own verdicts, node by node: which fit, why the others do not, the event's text and the scores.
//!
//! The files under `golden` hold scenarios, written and random, and what the plugins of kube-scheduler 1.36.3, run as a library over the same objects,
//! said about them. `nodes` is `["ok"]` or plugin, status code and reasons; `*prefilter*` is a refusal before any node was asked.

mod scenarios;

use nodelane_place::{Refusal, Scores, Verdict, explain};
use scenarios::{Scenario, world_of};
use std::collections::BTreeMap;

/// A refusal as the oracle prints it, with the reasons sorted: upstream goes through a map there.
fn printed(refusal: &Refusal) -> Vec<String> {
    use nodelane_place::Reason;
    if refusal.reasons == [Reason::NotAmongNamed] {
        return vec!["PreFilterResult".into(), "excluded".into()];
    }
    let code = if refusal.resolvable { "Unschedulable" } else { "UnschedulableAndUnresolvable" };
    let mut reasons: Vec<String> = refusal.reasons.iter().map(ToString::to_string).collect();
    reasons.sort();
    [vec![format!("{:?}", refusal.plugin()), code.into()], reasons].concat()
}

fn as_oracle(verdict: &Verdict) -> BTreeMap<String, Vec<String>> {
    let line = |node: &Result<Scores, Refusal>| match node {
        Ok(_) => vec!["ok".into()],
        Err(refusal) => printed(refusal),
    };
    let mut nodes: BTreeMap<String, Vec<String>> = verdict.nodes.iter().map(|(name, node)| (name.to_string(), line(node))).collect();
    if let Some(reason) = verdict.diagnosis.as_ref().and_then(|diagnosis| diagnosis.before.as_ref()) {
        let refusal = vec![format!("{:?}", reason.plugin()), "UnschedulableAndUnresolvable".into(), reason.to_string()];
        nodes.insert("*prefilter*".into(), refusal);
    }
    nodes
}

fn differences(scenario: &Scenario) -> Vec<String> {
    let (world, pod) = world_of(&scenario.input);
    let (verdict, oracle) = (explain(&world, &pod), &scenario.oracle);
    let mut found = Vec::new();
    let nodes = as_oracle(&verdict);
    let mut theirs = oracle.nodes.clone();
    theirs.values_mut().filter(|line| line.len() > 3).for_each(|line| line[2..].sort());
    if nodes != theirs {
        let differs = |name: &&String| nodes.get(*name) != theirs.get(*name);
        let names = theirs.keys().chain(nodes.keys()).filter(differs);
        found.extend(names.map(|name| format!("{name}: {:?}, oracle {:?}", nodes.get(name), theirs.get(name))));
    }
    let event = verdict.diagnosis.as_ref().map(|diagnosis| diagnosis.message()).unwrap_or_default();
    if event != oracle.event {
        found.push(format!("{event}\n  oracle: {}", oracle.event));
    }
    for (name, node) in &verdict.nodes {
        let (ours, theirs) = (node.as_ref().ok().map(Scores::total), oracle.scores.get(name.as_str()).copied());
        if ours != theirs {
            found.push(format!("{name}: {node:?}, oracle {theirs:?} {:?}", oracle.parts.get(name.as_str())));
        }
    }
    let victims: Vec<String> = verdict.victims.iter().map(|key| format!("{}/{}", key.namespace, key.name)).collect();
    if (verdict.nominated.as_deref(), &victims) != (oracle.nominated.as_deref(), &oracle.victims) {
        found.push(format!("room on {:?} by {victims:?}, oracle {:?} by {:?}", verdict.nominated, oracle.nominated, oracle.victims));
    }
    let nominated = scenario.input.pod["status"]["nominatedNodeName"].as_str();
    let best = match nominated.and_then(|name| oracle.scores.get(name)) {
        Some(there) => Some(there),
        None => oracle.scores.values().max(),
    };
    if verdict.chosen.as_ref().and_then(|name| oracle.scores.get(name.as_str())) != best {
        found.push(format!("chose {:?}", verdict.chosen));
    }
    found
}

fn compare(text: &str) -> usize {
    let scenarios: Vec<Scenario> = serde_json::from_str(text).expect("the golden file is readable");
    let mut wrong = Vec::new();
    for (at, scenario) in scenarios.iter().enumerate() {
        let found = differences(scenario);
        if !found.is_empty() {
            wrong.push(format!("scenario {at} {}:\n  {}", scenario.name, found.join("\n  ")));
        }
    }
    assert!(wrong.is_empty(), "{} of {} scenarios differ\n{}", wrong.len(), scenarios.len(), wrong[..wrong.len().min(8)].join("\n"));
    scenarios.len()
}

/// One rule of one plugin each; the names say which.
#[test]
fn each_plugin_refuses_and_scores_as_kube_schedulers_does() {
    assert!(compare(include_str!("golden/plugins-1.36.3.json")) >= 70);
}

/// Claims, volumes, classes and limits; written and random.
#[test]
fn volumes_decide_as_kube_schedulers_plugins_do() {
    assert!(compare(include_str!("golden/volumes-1.36.3.json")) >= 400);
}

/// Worlds that found a difference, or a mutant that the other scenarios let live.
#[test]
fn what_was_once_missed_is_kube_schedulers_too() {
    assert!(compare(include_str!("golden/found-1.36.3.json")) >= 2);
}

/// Random nodes, bound pods and one pending pod, with several plugins at work.
#[test]
fn every_verdict_text_and_score_is_kube_schedulers() {
    assert!(compare(include_str!("golden/scenarios-1.36.3.json")) >= 300);
}

/// Full nodes and a pod that is more urgent than some of what is on them: who would have to go, and where.
#[test]
fn room_is_made_where_and_by_whom_kube_scheduler_makes_it() {
    assert!(compare(include_str!("golden/preemption-1.36.3.json")) >= 300);
}
