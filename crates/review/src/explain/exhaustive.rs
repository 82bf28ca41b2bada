//! On small worlds every set of up to three changes is tried: no set smaller than what is told lets the pod run, and what is told does.
//!
//! The changes to try are listed from the world and the pod, not from refusals: every taint, every key and every value that a node or a
//! new node has, every term and constraint, every request lowered to nothing but one unit, every cordon, every pool.

use super::edit::{Edit, Holder, Need, amount, edited, uncordon};
use super::lane::{self, Lane};
use super::search::{self, Question};
use super::{Means, STATE_TAINTS, add_pool, newcomer};
use nodelane_model::node::Taint;
use nodelane_model::{Doc, Key, Kind, Name};
use nodelane_world::Snapshot;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

#[path = "../../tests/support/mod.rs"]
mod support;
use support::Cluster;

/// Changes of one fix, as documented.
const MOST_EDITS: usize = 3;

/// What a pool brings when it grows, and the changes that takes.
type Growth<'a> = Option<(&'a Lane, u32, Vec<Edit>)>;

/// Whether the pod lands with these changes: on a new node where nodes come, so that they are not idle.
fn lands(question: &Question, edits: &[&Edit], growth: &Growth) -> bool {
    let mut world = question.snapshot.world.clone();
    for edit in edits {
        if let Edit::Uncordon { node } = edit {
            uncordon(&mut world, node);
        }
    }
    let came = growth.as_ref().map(|(lane, by, _)| newcomer::add(&mut world, question.means, lane, *by)).unwrap_or_default();
    let pod = edited(question.pod, edits.iter().copied());
    let verdict = nodelane_place::explain_with(&world, &pod, &question.means.scheduler);
    verdict.nodes.iter().any(|(name, said)| said.is_ok() && (growth.is_none() || came.contains(name)))
}

/// Every change of the pod and of nodes that the closed set has for this world.
fn universe(question: &Question, nodes: &[Arc<Doc>]) -> Vec<Edit> {
    let spec = question.pod.as_pod().unwrap().spec.clone();
    let mut all = BTreeSet::new();
    let values = |key: &Name| nodes.iter().filter_map(|node| node.meta.labels.get(key).cloned()).collect::<BTreeSet<_>>();
    for node in nodes {
        let body = node.as_node().unwrap();
        for taint in body.spec.taints.iter().filter(|taint| !taint.key.starts_with(STATE_TAINTS[0])) {
            all.insert(Edit::Tolerate { taint: Taint { time_added: None, ..taint.clone() } });
        }
        if body.spec.unschedulable {
            all.insert(Edit::Uncordon { node: node.key.name.clone() });
        }
    }
    for (key, value) in spec.node_selector.iter().filter(|(key, _)| *key != "kubernetes.io/os") {
        all.insert(Edit::DropSelector { key: key.clone(), value: value.clone() });
        all.extend(values(key).into_iter().filter(|to| to != value).map(|to| Edit::WidenSelector {
            key: key.clone(),
            from: value.clone(),
            to,
        }));
    }
    let affinity = spec.affinity.clone().unwrap_or_default();
    let required = affinity.node_affinity.and_then(|affinity| affinity.required);
    for (term, terms) in required.iter().flat_map(|required| required.node_selector_terms.iter().enumerate()) {
        for requirement in &terms.match_expressions {
            let need = Need::of(requirement);
            all.insert(Edit::DropAffinity { term, requirement: need.clone() });
            for value in values(&requirement.key).into_iter().filter(|_| requirement.operator == "In") {
                let mut to = need.clone();
                to.values.push(value);
                all.insert(Edit::WidenAffinity { term, requirement: need.clone(), to });
            }
        }
    }
    for (terms, away) in [(affinity.pod_affinity, false), (affinity.pod_anti_affinity, true)] {
        let terms = terms.unwrap_or_default().required;
        all.extend(terms.into_iter().enumerate().map(|(index, term)| Edit::DropPodTerm { away, index, key: term.topology_key }));
    }
    for (index, constraint) in spec.topology_spread_constraints.iter().enumerate() {
        all.insert(Edit::RelaxSpread { index, key: constraint.topology_key.clone(), from: constraint.max_skew, to: None });
    }
    for container in &spec.containers {
        for (resource, quantity) in &container.resources.requests {
            let (holder, from) = (Holder::Container(container.name.clone()), amount(resource, quantity));
            all.insert(Edit::LowerRequest { holder, resource: resource.clone(), from, to: 1 });
        }
    }
    all.into_iter().collect()
}

/// Whether some set of `size` changes lets the pod run.
fn some_set(question: &Question, edits: &[Edit], growths: &[Growth], size: usize) -> bool {
    fn subsets<'a>(edits: &'a [Edit], size: usize, chosen: &mut Vec<&'a Edit>, try_it: &mut impl FnMut(&[&'a Edit]) -> bool) -> bool {
        if chosen.len() == size {
            return try_it(chosen);
        }
        (0..edits.len()).any(|at| {
            chosen.push(&edits[at]);
            let works = subsets(&edits[at + 1..], size, chosen, try_it);
            chosen.pop();
            works
        })
    }
    growths.iter().any(|growth| {
        let own = growth.as_ref().map_or(0, |(_, _, edits)| edits.len());
        own <= size && subsets(edits, size - own, &mut Vec::new(), &mut |chosen| lands(question, chosen, growth))
    })
}

fn judge(cluster: &Cluster) -> Result<usize, TestCaseError> {
    let snapshot: Snapshot = cluster.snapshot();
    let means: &Means = &cluster.means;
    let lanes = lane::lanes(&snapshot, means);
    let pod = snapshot.world.get(&Key::new(Kind::Pod, "default", "asked")).unwrap();
    let question = Question { snapshot: &snapshot, means, lanes: &lanes, pod };
    let added = add_pool::lanes(&question);
    let mut nodes: Vec<Arc<Doc>> = snapshot.world.list(Kind::Node, None).cloned().collect();
    let mut growths: Vec<Growth> = vec![None];
    let of_lanes =
        lanes.iter().flat_map(|lane| lane.growths(&snapshot, means, true).into_iter().map(move |(edits, by)| Some((lane, by, edits))));
    growths.extend(of_lanes);
    growths.extend(added.iter().map(|(lane, edits)| Some((lane, 1, edits.clone()))));
    for (lane, by, _) in growths.iter().flatten() {
        let mut world = snapshot.world.clone();
        nodes.extend(newcomer::add(&mut world, means, lane, *by).iter().filter_map(|name| Some(world.node(name)?.doc.clone())));
    }
    let edits = universe(&question, &nodes);
    let found = search::smallest(&question, &mut means.room());
    let told = found.first().map(|found| found.edits.len());
    for size in 0..told.unwrap_or(MOST_EDITS + 1) {
        prop_assert!(!some_set(&question, &edits, &growths, size), "{size} changes suffice, told: {told:?}\n{}", cluster.explain("asked"));
    }
    for found in &found {
        prop_assert_eq!(Some(found.edits.len()), told, "all are of the smallest size");
        let mut fitting = growths.iter().filter(|growth| {
            growth.as_ref().map_or(found.node.is_some(), |(lane, _, edits)| {
                found.node.is_none() && lane.name == found.pool && edits.iter().all(|edit| found.edits.contains(edit))
            })
        });
        let edits: Vec<&Edit> = found.edits.iter().collect();
        prop_assert!(fitting.any(|growth| lands(&question, &edits, growth)), "{:?} does not work", found.edits);
    }
    Ok(told.unwrap_or(MOST_EDITS + 1))
}

fn pool() -> impl Strategy<Value = Value> {
    let taints = prop::sample::subsequence(vec!["x=1:NoSchedule", "y:NoExecute"], 0..=2);
    let lane = prop::option::of(prop::sample::select(vec!["a", "b"]));
    (taints, lane, 1..=2_u32, 0..5_u32, prop::bool::weighted(0.4)).prop_map(|(taints, lane, count, scaled, zonal)| {
        let mut pool = json!({"count": count, "nodeTaints": taints, "availabilityZones": if zonal { vec!["1", "2"] } else { vec![] }});
        if let Some(lane) = lane {
            pool["nodeLabels"] = json!({"lane": lane});
        }
        match scaled {
            0 => pool["power"] = json!("Stopped"),
            1 => pool
                .as_object_mut()
                .unwrap()
                .extend(json!({"enableAutoScaling": true, "minCount": 1, "maxCount": count}).as_object().unwrap().clone()),
            2 => pool
                .as_object_mut()
                .unwrap()
                .extend(json!({"enableAutoScaling": true, "minCount": 1, "maxCount": 3}).as_object().unwrap().clone()),
            _ => {}
        }
        pool
    })
}

fn asked() -> impl Strategy<Value = (&'static str, Value)> {
    let lane = prop::option::of(prop::sample::select(vec!["a", "c"]));
    let parts = prop::sample::subsequence(vec!["zone", "near", "away", "spread", "x", "affinity"], 0..=3);
    (prop::sample::select(vec!["500m", "2", "9"]), lane, parts).prop_map(|(cpu, lane, parts)| {
        let has = |part: &str| parts.contains(&part);
        let of = |app: &str, key: &str| json!([{"labelSelector": {"matchLabels": {"app": app}}, "topologyKey": key}]);
        let mut spec = json!({"affinity": {}, "nodeSelector": {}});
        if let Some(lane) = lane {
            spec["nodeSelector"]["lane"] = json!(lane);
        }
        if has("zone") {
            spec["nodeSelector"]["topology.kubernetes.io/zone"] = json!("eastus-2");
        }
        if has("near") {
            spec["affinity"]["podAffinity"] =
                json!({"requiredDuringSchedulingIgnoredDuringExecution": of("db", "topology.kubernetes.io/zone")});
        }
        if has("away") {
            spec["affinity"]["podAntiAffinity"] =
                json!({"requiredDuringSchedulingIgnoredDuringExecution": of("web", "kubernetes.io/hostname")});
        }
        if has("affinity") {
            spec["affinity"]["nodeAffinity"] = json!({"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
                {"matchExpressions": [{"key": "lane", "operator": "In", "values": ["b", "d"]}, {"key": "rack", "operator": "Exists"}]},
                {"matchExpressions": [{"key": "lane", "operator": "In", "values": ["c"]}]}]}});
        }
        if has("spread") {
            spec["topologySpreadConstraints"] = json!([{"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone",
                "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"app": "web"}}}]);
        }
        if has("x") {
            spec["tolerations"] = json!([{"key": "x", "operator": "Exists"}]);
        }
        (cpu, spec)
    })
}

/// Pods and cordons on the nodes: how much is taken, by which app, and whether the node is cordoned.
fn states() -> impl Strategy<Value = Vec<(&'static str, &'static str, bool)>> {
    let cpu = prop::sample::select(vec!["100m", "3", "3860m"]);
    prop::collection::vec((cpu, prop::sample::select(vec!["web", "db", "log"]), prop::bool::weighted(0.3)), 4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn no_smaller_set_of_changes_lets_the_pod_run((a, b) in (pool(), pool()), states in states(), (cpu, spec) in asked(), priced in prop::bool::weighted(0.2)) {
        let mut cluster = Cluster::new();
        if !priced {
            // Without a region no pool can be added, which would be the answer to everything.
            cluster.put(Kind::Cluster, json!({"metadata": {"name": "cluster"}, "spec": {"location": "nowhere"}}));
        }
        cluster.pool("a", a["count"].as_u64().unwrap() as u32, a).pool("b", b["count"].as_u64().unwrap() as u32, b);
        let names: Vec<Name> = cluster.world.nodes().map(|(name, _)| name.clone()).collect();
        for (node, (cpu, app, cordoned)) in names.iter().zip(states) {
            cluster.pod(&format!("{app}-{node}"), cpu, Some(node), json!({}));
            if cordoned {
                cluster.cordon(node);
            }
        }
        cluster.pod("asked", cpu, None, spec);
        judge(&cluster)?;
    }
}
