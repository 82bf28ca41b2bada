//! kube-scheduler's own verdicts, node by node: which fit, why the others do not, the event's text and the scores.
//!
//! The files under `golden` hold scenarios, written and random, and what the plugins of kube-scheduler 1.36.3, run as a library over the same objects,
//! said about them; one file has the words of 1.35.4 and 1.34.4. `nodes` is `["ok"]` or plugin, status code and reasons; `*prefilter*` is a refusal before any node was asked.

mod scenarios;

use nodelane_place::{Config, Refusal, Scores, Verdict, explain, explain_with};
use scenarios::{Input, Oracle, Scenario, world_of};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

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

/// What a verdict of the scheduler of a release differs in; scenarios of a release are named by it, others are of the newest.
fn differences(scenario: &Scenario) -> Vec<String> {
    let (world, pod) = world_of(&scenario.input);
    let config = Arc::new(Config::default()).of_release(&scenario.name);
    let (verdict, oracle) = (explain_with(&world, &pod, &config), &scenario.oracle);
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
    compare_all(&serde_json::from_str::<Vec<Scenario>>(text).expect("the golden file is readable"))
}

fn compare_all(scenarios: &[Scenario]) -> usize {
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

/// What the schedulers of earlier releases say to a world.
#[derive(Deserialize)]
struct Earlier {
    input: Input,
    oracles: BTreeMap<String, Oracle>,
}

/// Every text that the golden worlds bring out of the plugins, asked of 1.34 and 1.35: they say what 1.36 says. Scores are their own.
#[test]
fn verdicts_texts_and_victims_are_those_of_earlier_releases_too() {
    let worlds: Vec<Earlier> = serde_json::from_str(include_str!("golden/texts-1.34-1.35.json")).expect("the golden file is readable");
    let asked = worlds.into_iter().flat_map(|Earlier { input, oracles }| {
        oracles.into_iter().map(move |(name, oracle)| Scenario { name, input: input.clone(), oracle })
    });
    let asked: Vec<Scenario> = asked.collect();
    assert!(asked.iter().filter(|scenario| scenario.oracle.scores.len() > 1).count() >= 40);
    assert!(compare_all(&asked) >= 200);
}

/// Devices are out of the comparison: here is no driver that could give them, and the refusal says so.
#[test]
fn a_pod_that_claims_devices_is_refused_before_any_node_is_asked() {
    for (claims, refused) in [(json!([{"name": "gpu", "resourceClaimName": "gpu"}]), true), (json!([]), false)] {
        let pod = json!({"metadata": {"name": "p", "namespace": "default"}, "spec": {
            "resourceClaims": claims, "containers": [{"name": "c", "image": "pause"}]}});
        let node = json!({"metadata": {"name": "n"}, "spec": {}, "status": {"allocatable": {"cpu": "2", "memory": "4Gi", "pods": "9"}}});
        let input = serde_json::from_value(json!({"nodes": [node], "pods": [], "pod": pod})).expect("it is a world");
        let (world, pod) = world_of(&input);
        let event = explain(&world, &pod).diagnosis.map(|diagnosis| diagnosis.message());
        // The reason is our own; what is around it is as for every refusal before the nodes.
        let expected = "0/1 nodes are available: pod has resource claims, and devices are not simulated. not found";
        assert_eq!(event, refused.then(|| expected.into()), "scenario of devices: {claims}");
    }
}
