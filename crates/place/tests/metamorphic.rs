//! What must not matter to a verdict does not: nodes and pods without a bearing on it, and names.
//!
//! The worlds are those of the golden files, changed. An irrelevant node takes no pods (`pods: "0"`), so that it is never among those
//! that are scored, and has neither labels, so that it is of no topology domain, nor images. It may still not be cordoned or tainted: it
//! is told by what it lacks. One figure counts every node of a cluster, ImageLocality's, and is left out where nodes have images.
//! An irrelevant pod is on such a node, has ended, or has no node. A name decides among equals only: renaming may move a choice to
//! another node as good, and nothing else.

mod scenarios;

use nodelane_model::Name;
use nodelane_place::{Diagnosis, Preemption, Reason, Refusal, Scores, Verdict, explain};
use scenarios::{Input, Scenario, world_of};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// Every other world, where it has nodes, with its verdict as it is: all of them are 20 seconds.
static WORLDS: LazyLock<Vec<(Input, Verdict)>> = LazyLock::new(|| {
    let texts = [
        include_str!("golden/plugins-1.36.3.json"),
        include_str!("golden/scenarios-1.36.3.json"),
        include_str!("golden/preemption-1.36.3.json"),
        include_str!("golden/volumes-1.36.3.json"),
    ];
    let read = |text: &&str| serde_json::from_str::<Vec<Scenario>>(text).expect("the golden file is readable");
    let inputs = texts.iter().flat_map(read).step_by(2).map(|scenario| scenario.input).filter(|input| !input.nodes.is_empty());
    inputs.map(|input| (input.clone(), verdict(&input))).collect()
});

fn verdict(input: &Input) -> Verdict {
    let (world, pod) = world_of(input);
    explain(&world, &pod)
}

/// Changes every world and compares the verdicts; a change may find nothing to do in a world, but not in all.
fn hold(
    change: impl Fn(&Input) -> Option<Input>,
    expected: impl Fn(&Input, Verdict) -> Verdict,
    seen: impl Fn(&Input, Verdict) -> Verdict,
) {
    let (mut changed, mut wrong) = (0, Vec::new());
    for (at, (input, before)) in WORLDS.iter().enumerate() {
        let Some(other) = change(input) else { continue };
        changed += 1;
        let (before, after) = (expected(input, before.clone()), seen(input, verdict(&other)));
        if before != after {
            wrong.push(format!("world {at}: {}\n  was {before:?}\n  is  {after:?}", input.pod));
        }
    }
    assert!(wrong.is_empty(), "{} of {changed} worlds\n{}", wrong.len(), wrong[..wrong.len().min(3)].join("\n"));
    assert!(changed >= 200, "{changed} worlds");
}

fn as_it_is(_: &Input, verdict: Verdict) -> Verdict {
    verdict
}

/// Before and after every other node by name.
const IRRELEVANT: [&str; 2] = ["0-irrelevant", "zz-irrelevant"];

fn with_irrelevant_nodes(input: &Input) -> Input {
    let mut other = input.clone();
    let node = |name: &str| json!({"metadata": {"name": name}, "spec": {}, "status": {"allocatable": {"cpu": "64", "memory": "64Gi", "pods": "0"}}});
    other.nodes.extend(IRRELEVANT.map(node));
    other
}

/// The verdict as it were without the irrelevant nodes, each of which must have refused.
fn without_irrelevant_nodes(input: &Input, mut verdict: Verdict) -> Verdict {
    let refusals: Vec<Refusal> = IRRELEVANT.iter().filter_map(|name| verdict.nodes.remove(*name)?.err()).collect();
    if let Some(diagnosis) = &mut verdict.diagnosis {
        assert_eq!(refusals.len(), if diagnosis.before.is_none() { IRRELEVANT.len() } else { 0 });
        diagnosis.nodes -= IRRELEVANT.len();
        for refusal in &refusals {
            refusal.reasons.iter().for_each(|reason| take_one(&mut diagnosis.reasons, reason));
            if let Preemption::Hopeless(reasons) = &mut diagnosis.preemption {
                take_one(reasons, if refusal.resolvable { &Reason::NoVictims } else { &Reason::PreemptionNoHelp });
            }
        }
    }
    without_images(input, verdict)
}

fn take_one(reasons: &mut BTreeMap<Reason, usize>, reason: &Reason) {
    let count = reasons.get_mut(reason).expect("the refusal was counted");
    *count -= 1;
    reasons.retain(|_, count| *count > 0);
}

/// Without what ImageLocality says, and the choice that follows from it, where nodes have images.
fn without_images(input: &Input, mut verdict: Verdict) -> Verdict {
    if input.nodes.iter().any(|node| node["status"]["images"].is_array()) {
        verdict.nodes.values_mut().flatten().for_each(|scores| scores.image_locality = 0);
        verdict.chosen = verdict.chosen.map(|_| Name::default());
    }
    verdict
}

#[test]
fn an_irrelevant_node_changes_no_verdict_of_the_others() {
    hold(|input| Some(with_irrelevant_nodes(input)), without_images, without_irrelevant_nodes);
}

/// The pod in question, as one that is somewhere already and gives up nothing: too urgent to be a victim, without claims of its own.
fn twin(input: &Input, name: &str) -> Value {
    let mut pod = input.pod.clone();
    pod["metadata"]["name"] = json!(name);
    pod["metadata"]["uid"] = json!(name);
    pod["spec"]["priority"] = json!(2_000_000_000);
    for (part, field) in [("spec", "volumes"), ("spec", "nodeName"), ("status", "nominatedNodeName")] {
        pod.get_mut(part).and_then(Value::as_object_mut).map(|part| part.remove(field));
    }
    pod
}

#[test]
fn pods_on_nodes_without_labels_change_no_verdict_of_the_other_nodes() {
    let change = |input: &Input| {
        let mut other = with_irrelevant_nodes(input);
        for node in IRRELEVANT {
            let mut pod = twin(input, node);
            pod["spec"]["nodeName"] = json!(node);
            other.pods.push(pod);
        }
        Some(other)
    };
    hold(change, without_images, without_irrelevant_nodes);
}

#[test]
fn pods_that_have_ended_and_pods_without_a_node_change_nothing() {
    let change = |input: &Input| {
        let mut other = input.clone();
        for (at, pod) in input.pods.iter().filter(|pod| pod["spec"]["nodeName"].is_string()).enumerate() {
            let mut ended = pod.clone();
            ended["metadata"]["name"] = json!(format!("ended-{at}"));
            ended["metadata"]["uid"] = json!(format!("ended-{at}"));
            ended["status"]["phase"] = json!(["Succeeded", "Failed"][at % 2]);
            other.pods.push(ended);
        }
        let node = &input.nodes[0]["metadata"]["name"];
        let mut ended = twin(input, "ended");
        ended["spec"]["nodeName"] = node.clone();
        ended["status"] = json!({"phase": "Failed"});
        other.pods.extend([ended, twin(input, "waiting")]);
        Some(other)
    };
    hold(change, as_it_is, as_it_is);
}

#[test]
fn pods_of_another_namespace_without_terms_count_for_resources_alone() {
    let mentions = |input: &Input, word: &str| [&input.pod].into_iter().chain(&input.pods).any(|pod| pod.to_string().contains(word));
    let change = |input: &Input| {
        if mentions(input, "namespaceSelector") || mentions(input, "\"namespaces\"") {
            return None; // Such terms may reach any namespace.
        }
        let mut other = input.clone();
        for (at, node) in input.nodes.iter().enumerate() {
            // One that takes a place must not take the last: there is room for as many more.
            let room = &mut other.nodes[at]["status"]["allocatable"]["pods"];
            let pods: i64 = room.as_str().and_then(|room| room.parse().ok()).unwrap_or(0);
            *room = json!((pods + 1).to_string());
            let (labels, name) = (&input.pod["metadata"]["labels"], format!("far-{at}"));
            other.pods.push(json!({
                "metadata": {"name": name, "uid": name, "namespace": "far-away", "labels": labels},
                "spec": {"nodeName": node["metadata"]["name"], "priority": 2_000_000_000, "containers": [
                    {"name": "c", "image": "pause", "resources": {"requests": {"cpu": "0", "memory": "0"}}}]},
            }));
        }
        Some(other)
    };
    hold(change, as_it_is, as_it_is);
}

/// Whose names come to stand in the opposite order.
#[derive(Clone, Copy, PartialEq)]
enum Reverse {
    None,
    Nodes,
    Pods,
}

/// Names old and new, of nodes and placed pods: a word that is such a name as a whole is another wherever it stands, labels and selectors too.
struct Renaming(BTreeMap<String, String>);

impl Renaming {
    /// New names that stand in the order of the old ones, or in the opposite.
    fn of(input: &Input, reverse: Reverse) -> Renaming {
        let name = |value: &Value| value["metadata"]["name"].as_str().expect("it has a name").to_owned();
        let [nodes, pods] = [&input.nodes, &input.pods].map(|values| values.iter().map(name).collect::<BTreeSet<_>>());
        let mut map = BTreeMap::new();
        for (prefix, names, reverse) in [("node", nodes, reverse == Reverse::Nodes), ("pod", pods.clone(), reverse == Reverse::Pods)] {
            let count = names.len();
            let number = |at| if reverse { count - at } else { at };
            map.extend(names.into_iter().enumerate().map(|(at, old)| (old, format!("{prefix}{:03}", number(at)))));
        }
        // The claims of ephemeral volumes are named after their pods.
        for claim in input.pvcs.iter().map(name) {
            let owner = pods.iter().find(|pod| claim.strip_prefix(pod.as_str()).is_some_and(|rest| rest.starts_with('-')));
            if let Some(owner) = owner {
                map.insert(claim.clone(), format!("{}{}", map[owner], &claim[owner.len()..]));
            }
        }
        Renaming(map)
    }
    fn word(&self, old: &str) -> String {
        self.0.get(old).cloned().unwrap_or_else(|| old.to_owned())
    }
    fn text(&self, old: &str) -> String {
        old.split_inclusive(['"', '/'])
            .map(|part| {
                let word = part.trim_end_matches(['"', '/']);
                self.word(word) + &part[word.len()..]
            })
            .collect()
    }
    fn value(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.word(text),
            Value::Array(values) => values.iter_mut().for_each(|value| self.value(value)),
            Value::Object(fields) => {
                let old = std::mem::take(fields);
                fields.extend(old.into_iter().map(|(key, mut value)| {
                    self.value(&mut value);
                    (self.word(&key), value)
                }));
            }
            _ => {}
        }
    }
    fn input(&self, input: &Input) -> Input {
        let mut other = input.clone();
        let Input { nodes, pods, pod, namespaces, services, replica_sets, pvs, pvcs, storage_classes, csi_nodes, pdbs } = &mut other;
        let lists = [nodes, pods, namespaces, services, replica_sets, pvs, pvcs, storage_classes, csi_nodes, pdbs];
        lists.into_iter().flatten().chain([pod]).for_each(|value| self.value(value));
        other
    }
}

/// What of a verdict is to stay, in words; the choice by what makes it as good as another.
#[derive(PartialEq, Debug)]
struct Gist {
    nodes: BTreeMap<String, Result<Scores, (Vec<String>, bool)>>,
    message: Option<String>,
    /// The score of the choice.
    chosen: Option<i64>,
    /// How many would go, the urgency of each and when the first of the most urgent started; of equal pods the first by name goes.
    room: Option<(usize, Vec<i64>, String)>,
    /// The choice, where room is made and who goes, as far as names in this order say.
    names: Vec<String>,
}

fn gist(input: &Input, verdict: &Verdict, words: &Renaming, reverse: Reverse) -> Gist {
    let refusal = |refusal: &Refusal| {
        let mut reasons: Vec<String> = refusal.reasons.iter().map(|reason| words.text(&reason.to_string())).collect();
        reasons.sort();
        (reasons, refusal.resolvable)
    };
    let line = |(name, node): (&Name, &Result<Scores, Refusal>)| (words.word(name), node.as_ref().map(|scores| *scores).map_err(refusal));
    let total = |name: &Name| verdict.nodes.get(name).and_then(|node| Some(node.as_ref().ok()?.total()));
    let victim = |key: &nodelane_model::Key| {
        let is_it = |pod: &&Value| pod["metadata"]["name"] == *key.name && pod["metadata"]["namespace"] == *key.namespace;
        let pod = input.pods.iter().find(is_it).expect("a victim is a pod");
        (pod["spec"]["priority"].as_i64().unwrap_or(0), pod["status"]["startTime"].as_str().unwrap_or("~").to_owned())
    };
    let victims: Vec<(i64, String)> = verdict.victims.iter().map(victim).collect();
    let highest = victims.iter().map(|(priority, _)| *priority).max().unwrap_or(0);
    let first = victims.iter().filter(|(priority, _)| *priority == highest).map(|(_, started)| started.clone()).min();
    let room = (verdict.nominated.is_some() && reverse != Reverse::Pods)
        .then(|| (victims.len(), victims.iter().map(|(priority, _)| *priority).collect(), first.unwrap_or_default()));
    let chosen = verdict.chosen.as_ref().filter(|_| reverse != Reverse::Nodes);
    let nominated = verdict.nominated.as_ref().filter(|_| reverse == Reverse::None);
    let gone = verdict.victims.iter().filter(|_| reverse == Reverse::None).map(|key| &key.name);
    let names = chosen.into_iter().chain(nominated).chain(gone).map(|name| words.word(name)).collect();
    let message = verdict.diagnosis.as_ref().map(Diagnosis::message).map(|message| words.text(&message));
    Gist { nodes: verdict.nodes.iter().map(line).collect(), message, chosen: verdict.chosen.as_ref().and_then(total), room, names }
}

fn renamed_alike(reverse: Reverse) {
    let (same, mut wrong) = (Renaming(BTreeMap::new()), Vec::new());
    for (at, (input, before)) in WORLDS.iter().enumerate() {
        let renaming = Renaming::of(input, reverse);
        let other = renaming.input(input);
        let before = gist(input, before, &renaming, reverse);
        let after = gist(&other, &verdict(&other), &same, reverse);
        if before != after {
            wrong.push(format!("world {at}: {}\n  was {before:?}\n  is  {after:?}", input.pod));
        }
    }
    assert!(wrong.is_empty(), "{} worlds\n{}", wrong.len(), wrong[..wrong.len().min(3)].join("\n"));
}

#[test]
fn new_names_in_the_same_order_change_nothing_but_names() {
    renamed_alike(Reverse::None);
}

#[test]
fn nodes_in_the_opposite_order_change_nothing_but_ties() {
    renamed_alike(Reverse::Nodes);
}

#[test]
fn pods_in_the_opposite_order_change_nothing_but_who_of_equals_goes() {
    renamed_alike(Reverse::Pods);
}
