//! Why a pod waits and what would let it run, or why it is where it is.
//!
//! The answer is data with the shape that users see, and a text for a terminal. A pod that is bound is asked about as if it were to be
//! placed now, without itself. Reasons are the first refusal of each node, by the plugin that gave it, as kube-scheduler counts them.
//! Pods behind a scheduling gate are refused by the gate alone: no change of the closed set opens it.

mod add_pool;
mod candidate;
mod edit;
#[cfg(test)]
mod exhaustive;
mod lane;
mod newcomer;
mod search;
mod text;

use lane::Lane;
use nodelane_catalog::Catalog;
use nodelane_engine::admit::Quotas;
use nodelane_model::{Doc, Key, Kind, Name};
use nodelane_place::{Config, Diagnosis, Refusal, Room, Scores, Verdict};
use nodelane_world::Snapshot;
use search::Question;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The taint of a cordoned node.
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";
/// Taints that say what is wrong with a node: tolerating them would place the pod where it cannot run.
const STATE_TAINTS: [&str; 2] = ["node.kubernetes.io/", "node.cloudprovider.kubernetes.io/"];

/// What an answer needs beside the world.
#[derive(Clone, Debug, Default)]
pub struct Means {
    /// What the cloud offers.
    pub catalog: Catalog,
    /// Quotas of the subscription; `None` where they are not known.
    pub usage: Option<Usage>,
    /// How the scheduler is configured.
    pub scheduler: Arc<Config>,
}

impl Means {
    /// A room that places as the scheduler is configured.
    fn room(&self) -> Room {
        let mut room = Room::default();
        room.config = self.scheduler.clone();
        room
    }
}

/// Quotas with what is used of them.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    /// The limits.
    pub quotas: Quotas,
    /// vCPUs in use by family, in the whole subscription.
    pub used: BTreeMap<Name, u64>,
}

/// There is no such pod.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unknown {
    /// Its namespace and name.
    pub pod: String,
    /// Pods of that name elsewhere, or with a similar name in the namespace; a few.
    pub similar: Vec<String>,
}

/// The answer for one pod.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// `namespace/name`.
    pub pod: String,
    /// Whether it has a node.
    pub bound: bool,
    /// The text of the event that kube-scheduler writes; `null` where it writes none.
    pub event: Option<String>,
    /// By pool, in order of name; nodes of no pool under an empty name.
    pub pools: Vec<PoolView>,
    /// The smallest changes that would let it run, the best first; without changes where it runs by itself.
    pub fixes: Vec<Fix>,
    /// Where it is, for a bound pod.
    pub landed: Option<Landed>,
}

/// A pool as the pod meets it.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolView {
    /// Its name.
    pub pool: String,
    /// How many nodes it has.
    pub nodes: usize,
    /// Why they refuse the pod, the most frequent first.
    pub refusals: Vec<Refused>,
    /// What a new node of it would say; `null` where there cannot be one.
    pub new_node: Option<NewNode>,
    /// What stops a new node, each beginning with the kind of limit: `max count`, `count`, `quota`, `zone out`, `backoff`, `stopped`.
    pub limits: Vec<String>,
}

/// What a new node would say.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct NewNode {
    /// Whether the pod would fit.
    pub fits: bool,
    /// Why not.
    pub refusals: Vec<Refused>,
}

/// A reason with the number of nodes that give it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Refused {
    /// The plugin of kube-scheduler.
    pub plugin: String,
    /// Its reason, in kube-scheduler's words.
    pub reason: String,
    /// How many nodes.
    pub count: usize,
}

/// Changes that let the pod run.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fix {
    /// All of them are needed.
    pub changes: Vec<Change>,
    /// Where it lands then.
    pub lands: Landing,
    /// What the nodes that come cost, in US dollars an hour; `null` where it is not known.
    pub price_per_hour: Option<f64>,
    /// Whether the pod was placed in a fork with the changes made; what was not is not told.
    pub verified: bool,
}

/// One change.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Change {
    /// One of the closed set: `tolerateTaint`, `dropSelector`, `widenSelector`, `dropAffinityTerm`, `widenAffinityTerm`, `relaxSpread`,
    /// `lowerRequest`, `raiseMax`, `raiseCount`, `startPool`, `uncordonNode`, `raiseQuota`, `addPool`.
    pub kind: &'static str,
    /// A path in the pod, a pool, a node or a quota family.
    pub target: String,
    /// What it is now.
    pub from: Value,
    /// What it is to be.
    pub to: Value,
}

/// A pool and a node.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Landing {
    /// The pool.
    pub pool: String,
    /// The node; `null` for one that comes with the fix.
    pub node: Option<String>,
}

/// Where a bound pod is.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Landed {
    /// Its node.
    pub node: String,
    /// Nodes that it would fit now, the best first.
    pub feasible: Vec<String>,
    /// By node: the score of each plugin with its weight, and their `total`.
    pub scores: BTreeMap<String, BTreeMap<&'static str, i64>>,
}

/// The pods that wait for a node, in order of namespace and name.
pub fn pending(snapshot: &Snapshot) -> Vec<Key> {
    let waits = |doc: &&Arc<Doc>| doc.as_pod().is_some_and(|pod| pod.node.is_none() && !pod.status.is_terminal()) && !doc.is_terminating();
    snapshot.world.list(Kind::Pod, None).filter(waits).map(|doc| doc.key.clone()).collect()
}

/// The answers for all pods that wait, in order of namespace and name. Pods of one template and owner are asked about once.
pub fn explain_pending(snapshot: &Snapshot, means: &Means) -> Vec<Explanation> {
    let mut known: BTreeMap<(usize, usize, Name, Option<Name>), Explanation> = BTreeMap::new();
    let (mut answers, mut room) = (Vec::new(), means.room());
    for key in pending(snapshot) {
        let Some((doc, pod)) = snapshot.world.get(&key).and_then(|doc| Some((doc, doc.as_pod()?))) else { continue };
        let owner = doc.meta.controller().map(|owner| owner.uid.clone());
        // The snapshot keeps the shared parts alive, so their addresses are theirs alone.
        let alike = (Arc::as_ptr(&pod.spec) as usize, Arc::as_ptr(&doc.meta.labels) as usize, key.namespace.clone(), owner);
        if !known.contains_key(&alike) {
            let Ok(answer) = answer(snapshot, means, &mut room, &key.namespace, &key.name) else { continue };
            known.insert(alike.clone(), answer);
        }
        answers.extend(known.get(&alike).map(|answer| Explanation { pod: format!("{}/{}", key.namespace, key.name), ..answer.clone() }));
    }
    answers
}

/// Why a pod waits and what would let it run, or why it is where it is.
///
/// # Errors
/// Where there is no such pod.
pub fn explain(snapshot: &Snapshot, means: &Means, namespace: &str, name: &str) -> Result<Explanation, Unknown> {
    answer(snapshot, means, &mut means.room(), namespace, name)
}

/// The same, by a room that may have answered before.
fn answer(snapshot: &Snapshot, means: &Means, room: &mut Room, namespace: &str, name: &str) -> Result<Explanation, Unknown> {
    let key = Key::new(Kind::Pod, namespace, name);
    let Some((doc, pod)) = snapshot.world.get(&key).and_then(|doc| Some((doc, doc.as_pod()?))) else {
        return Err(unknown(snapshot, namespace, name));
    };
    let asked = pod.node.as_ref().map(|_| without_itself(snapshot, doc));
    let (snapshot, doc) = asked.as_ref().map_or((snapshot, doc), |(snapshot, doc)| (snapshot, doc));
    let lanes = lane::lanes(snapshot, means);
    let question = Question { snapshot, means, lanes: &lanes, pod: doc };
    let gated = doc.as_pod().is_some_and(|pod| !pod.spec.scheduling_gates.is_empty());
    let verdict = room.explain(&snapshot.world, doc);
    let mut explanation = Explanation {
        pod: format!("{namespace}/{name}"),
        bound: pod.node.is_some(),
        event: verdict.diagnosis.as_ref().map(|diagnosis| Diagnosis::note(&diagnosis.message())),
        pools: lanes.iter().filter_map(|lane| view(&question, room, lane, &verdict, gated)).collect(),
        fixes: Vec::new(),
        landed: pod.node.as_ref().map(|node| landed(node, &verdict)),
    };
    match &pod.node {
        Some(node) => explanation.event = Some(format!("Successfully assigned {namespace}/{name} to {node}")),
        None if gated => explanation.event = Some(GATED.to_owned()),
        None => explanation.fixes = search::smallest(&question, room).into_iter().map(fix).collect(),
    }
    Ok(explanation)
}

/// What kube-scheduler says of a pod with gates, in its condition; it writes no event.
const GATED: &str = "Scheduling is blocked due to non-empty scheduling gates";

fn unknown(snapshot: &Snapshot, namespace: &str, name: &str) -> Unknown {
    let stem = name.split('-').next().unwrap_or(name);
    let all = || snapshot.world.list(Kind::Pod, None).map(|doc| &doc.key);
    let elsewhere = all().filter(|key| key.name == name);
    let alike = all().filter(|key| key.namespace == namespace && key.name.starts_with(stem));
    Unknown {
        pod: format!("{namespace}/{name}"),
        similar: elsewhere.chain(alike).take(3).map(|key| format!("{}/{}", key.namespace, key.name)).collect(),
    }
}

/// The world without a bound pod, and the pod without its node.
fn without_itself(snapshot: &Snapshot, doc: &Arc<Doc>) -> (Snapshot, Arc<Doc>) {
    let mut world = snapshot.world.clone();
    world.remove(&doc.key, doc.revision);
    let mut free = (**doc).clone();
    if let Some(pod) = free.as_pod_mut() {
        pod.node = None;
    }
    (Snapshot { world, now: snapshot.now }, Arc::new(free))
}

fn view(question: &Question, room: &mut Room, lane: &Lane, verdict: &Verdict, gated: bool) -> Option<PoolView> {
    if lane.pool.is_none() && lane.nodes.is_empty() {
        return None;
    }
    let refusals = match verdict.diagnosis.as_ref().and_then(|diagnosis| diagnosis.before.as_ref()) {
        _ if gated => vec![Refused { plugin: "SchedulingGates".into(), reason: GATED.into(), count: lane.nodes.len() }],
        Some(reason) => {
            vec![Refused { plugin: format!("{:?}", reason.plugin()), reason: reason.to_string(), count: lane.nodes.len() }]
        }
        None => counted(lane.nodes.iter().filter_map(|name| verdict.nodes.get(name)?.as_ref().err())),
    };
    let mut world = question.snapshot.world.clone();
    let came = newcomer::add(&mut world, question.means, lane, 1);
    let new_node = came.first().map(|name| {
        let answer = room.ask(&world, question.pod);
        let before = answer.diagnosis().and_then(|diagnosis| diagnosis.before.as_ref());
        let said = answer.node(name);
        let before = before.map(|reason| Refused { plugin: format!("{:?}", reason.plugin()), reason: reason.to_string(), count: 1 });
        let refusals = before.into_iter().chain(counted(said.and_then(Result::err).into_iter()));
        NewNode { fits: said.is_some_and(|said| said.is_ok()), refusals: refusals.collect() }
    });
    Some(PoolView { pool: lane.name.to_string(), nodes: lane.nodes.len(), refusals, new_node, limits: lane.limits.clone() })
}

fn counted<'a>(refusals: impl Iterator<Item = &'a Refusal>) -> Vec<Refused> {
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    for reason in refusals.flat_map(|refusal| &refusal.reasons) {
        *counts.entry((format!("{:?}", reason.plugin()), reason.to_string())).or_default() += 1;
    }
    let mut counted: Vec<Refused> = counts.into_iter().map(|((plugin, reason), count)| Refused { plugin, reason, count }).collect();
    counted.sort_by_key(|refused| std::cmp::Reverse(refused.count));
    counted
}

fn fix(found: search::Found) -> Fix {
    Fix {
        changes: found.edits.iter().map(edit::Edit::shown).collect(),
        lands: Landing { pool: found.pool.to_string(), node: found.node.map(|node| node.to_string()) },
        price_per_hour: found.price.map(|micro| micro as f64 / 1e6),
        verified: true,
    }
}

fn landed(node: &Name, verdict: &Verdict) -> Landed {
    let mut feasible: Vec<(i64, &Name, &Scores)> =
        verdict.nodes.iter().filter_map(|(name, said)| said.as_ref().ok().map(|scores| (scores.total(), name, scores))).collect();
    feasible.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    Landed {
        node: node.to_string(),
        feasible: feasible.iter().map(|(_, name, _)| name.to_string()).collect(),
        scores: feasible.into_iter().map(|(_, name, scores)| (name.to_string(), by_plugin(scores))).collect(),
    }
}

fn by_plugin(scores: &Scores) -> BTreeMap<&'static str, i64> {
    BTreeMap::from([
        ("NodeResourcesFit", scores.least_allocated),
        ("NodeResourcesBalancedAllocation", scores.balanced_allocation),
        ("ImageLocality", scores.image_locality),
        ("TaintToleration", scores.taint_toleration),
        ("NodeAffinity", scores.node_affinity),
        ("PodTopologySpread", scores.topology_spread),
        ("InterPodAffinity", scores.inter_pod_affinity),
        ("total", scores.total()),
    ])
}
