//! What is kept from run to run changes no answer: a room that follows a world says what a new one says, by columns as by name, a memory
//! that follows binds as an empty one does, and what was tried out leaves no trace.
//!
//! The worlds are the golden ones; what happens to them is drawn by a fixed rule. Expected is the slow way, which the golden answers hold.

mod scenarios;

use nodelane_model::hash::Hash;
use nodelane_model::node::{Image, Taint};
use nodelane_model::{Doc, Key, Kind, Name, Quantity, Time, Uid};
use nodelane_place::{Memory, Refusal, Room, Verdict, explain, plan};
use nodelane_world::{Draft, World};
use scenarios::{Input, Scenario, read, world_of};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

const GOLDEN: [&str; 3] = [
    include_str!("golden/scenarios-1.36.3.json"),
    include_str!("golden/preemption-1.36.3.json"),
    include_str!("golden/volumes-1.36.3.json"),
];
fn put(world: &mut World, mut doc: Doc) {
    doc.revision = world.revision + 1;
    doc.meta.uid = Uid(u128::from(doc.revision));
    world.put(Arc::new(doc));
}

/// The pods that are asked about: the pending one, and some that are like those on nodes.
fn asked(input: &Input, pending: Doc) -> Vec<Doc> {
    let like = |value| {
        let mut doc = read(Kind::Pod, value);
        doc.key.name = format!("like-{}", doc.key.name).into();
        doc.meta.deleted = None;
        doc.as_pod_mut().expect("it is one").node = None;
        doc
    };
    std::iter::once(pending).chain(input.pods.iter().take(3).map(like)).collect()
}

fn pick(world: &World, kind: Kind, draw: u64) -> Option<Arc<Doc>> {
    let all: Vec<&Arc<Doc>> = world.list(kind, None).collect();
    (!all.is_empty()).then(|| all[draw as usize % all.len()].clone())
}

/// Something happens to the world.
fn stir(world: &mut World, asked: &[Doc], seed: u64, round: u64) {
    let draw = |what: u64| Hash::new(seed).number(round).number(what).get();
    let pod = pick(world, Kind::Pod, draw(1));
    let node = pick(world, Kind::Node, draw(2)).map(|doc| doc.key.name.clone());
    let change = |world: &mut World, doc: &Arc<Doc>, change: &dyn Fn(&mut Doc)| {
        let mut doc = (**doc).clone();
        change(&mut doc);
        doc.revision = world.revision + 1;
        world.put(Arc::new(doc));
    };
    if draw(0) % 2 == 0 {
        return stir_node(world, seed, round);
    }
    match (draw(4) % 13, pod, node) {
        (0 | 1, Some(pod), _) => drop(world.remove(&pod.key, world.revision + 1)),
        (2, Some(pod), _) => change(world, &pod, &|doc| doc.meta.deleted = Some(Time(0))),
        (3, Some(pod), _) => change(world, &pod, &|doc| doc.meta.labels = Arc::new([("app".into(), "a".into())].into())),
        (4, Some(pod), Some(node)) => change(world, &pod, &|doc| doc.as_pod_mut().expect("a pod").node = Some(node.clone())),
        (5, Some(pod), _) => change(world, &pod, &|doc| {
            doc.as_pod_mut().expect("a pod").status.phase = nodelane_model::pod::Phase::Succeeded;
        }),
        (6..=8, _, Some(node)) => {
            let mut doc = asked[draw(3) as usize % asked.len()].clone();
            doc.key.name = format!("new-{round}").into();
            doc.as_pod_mut().expect("a pod").node = Some(node);
            put(world, doc);
        }
        (9, _, Some(node)) => {
            let doc = world.get(&Key::global(Kind::Node, node)).expect("it was just seen").clone();
            change(world, &doc, &|doc| doc.as_node_mut().expect("a node").spec.unschedulable ^= true);
        }
        (10, Some(pod), Some(node)) => change(world, &pod, &|doc| {
            // It waits for room there.
            let body = doc.as_pod_mut().expect("a pod");
            (body.node, body.status.nominated_node_name) = (None, node.clone());
        }),
        (11, _, _) => {
            let labels = json!({"metadata": {"name": "s", "namespace": "default"}, "spec": {"selector": {"app": if round.is_multiple_of(2) { "a" } else { "b" }}}});
            put(world, read(Kind::Service, &labels));
        }
        _ => {
            let labels = json!({"metadata": {"name": "default", "labels": {"team": if round.is_multiple_of(2) { "red" } else { "t1" }}}});
            put(world, read(Kind::Namespace, &labels));
        }
    }
}

/// A node changes, goes, or comes, under a name that is new or was there before.
fn stir_node(world: &mut World, seed: u64, round: u64) {
    let draw = |what: u64| Hash::new(seed).number(round).number(what).get();
    let Some(node) = pick(world, Kind::Node, draw(2)) else { return };
    let mut doc = (*node).clone();
    let labels = |doc: &mut Doc, key: &str, value: &str| Arc::make_mut(&mut doc.meta.labels).insert(key.into(), value.into());
    match draw(5) % 12 {
        0 => return drop(world.remove(&node.key, world.revision + 1)),
        1 | 2 => {
            // First, last or in between by name; now and then one that was there and went.
            doc.key.name = format!("{}{}", ["a-new", "n-new", "zz-new"][draw(6) as usize % 3], draw(7) % 3).into();
            let name = doc.key.name.clone();
            labels(&mut doc, "kubernetes.io/hostname", &name);
        }
        3 => drop(labels(&mut doc, "topology.kubernetes.io/zone", if round.is_multiple_of(2) { "z-new" } else { "z1" })),
        4 => drop(labels(&mut doc, "kubernetes.io/hostname", "one-for-two")),
        5 => drop(Arc::make_mut(&mut doc.meta.labels).remove("topology.kubernetes.io/zone")),
        6 => {
            let taint = Taint {
                key: "new".into(),
                effect: if round.is_multiple_of(2) { "NoSchedule" } else { "PreferNoSchedule" }.into(),
                ..Taint::default()
            };
            doc.as_node_mut().expect("a node").spec.taints.push(taint);
        }
        7 => doc.as_node_mut().expect("a node").spec.taints.clear(),
        8 => doc.as_node_mut().expect("a node").spec.unschedulable ^= true,
        9 => {
            let allocatable = &mut doc.as_node_mut().expect("a node").status.allocatable;
            Arc::make_mut(allocatable).insert("cpu".into(), Quantity::from_milli(if round.is_multiple_of(2) { 500 } else { 16_000 }));
        }
        10 => {
            let images = vec![Image { names: vec!["app:v1".into(), "nginx:1.25".into()], size_bytes: 900 << 20 }];
            doc.as_node_mut().expect("a node").status.images = Arc::new(if round.is_multiple_of(3) { Vec::new() } else { images });
        }
        _ => {
            let drivers = json!([{"name": "disk.csi.azure.com", "nodeID": "n", "topologyKeys": [], "allocatable": {"count": draw(6) % 3}}]);
            let csi_node = json!({"metadata": {"name": node.key.name.as_str()}, "spec": {"drivers": drivers}});
            return put(world, read(Kind::CSINode, &csi_node));
        }
    }
    put(world, doc);
}

const ZONE: Name = Name::new_static("topology.kubernetes.io/zone");

/// Refusals by zone, counted name by name.
fn counted_by_zone(world: &World, verdict: &Verdict) -> BTreeMap<(Name, Refusal), usize> {
    let mut counts = BTreeMap::new();
    for (name, said) in &verdict.nodes {
        let zone = world.node(name).and_then(|row| row.doc.meta.labels.get(&ZONE)).cloned().unwrap_or_default();
        if let Err(refusal) = said {
            *counts.entry((zone, refusal.clone())).or_default() += 1;
        }
    }
    counts
}

fn worlds() -> Vec<Scenario> {
    GOLDEN.iter().flat_map(|text| serde_json::from_str::<Vec<Scenario>>(text).expect("readable")).collect()
}

#[test]
fn a_room_that_follows_the_world_says_what_a_new_one_says() {
    let mut verdicts = 0;
    for (seed, scenario) in worlds().iter().enumerate().step_by(4) {
        let (mut world, pending) = world_of(&scenario.input);
        let asked = asked(&scenario.input, pending);
        let mut room = Room::default();
        for round in 0..8 {
            for pod in &asked {
                let expected = explain(&world, pod);
                let mut answer = room.ask(&world, pod);
                let said = answer.nodes().map(|(name, refusal)| (name.clone(), refusal.cloned()));
                let by_name = expected.nodes.iter().map(|(name, said)| (name.clone(), said.clone().err()));
                assert!(said.eq(by_name), "scenario {seed}, round {round}, {}: columns", pod.key);
                let by_zone = answer.refusals_by(&ZONE).into_iter().map(|(zone, refusal, nodes)| ((zone, refusal.clone()), nodes));
                assert_eq!(
                    by_zone.collect::<BTreeMap<_, _>>(),
                    counted_by_zone(&world, &expected),
                    "scenario {seed}, round {round}, {}",
                    pod.key
                );
                assert_eq!(answer.verdict(), expected, "scenario {seed}, round {round}, {}", pod.key);
                verdicts += 1;
            }
            let before = world.clone();
            stir(&mut world, &asked, seed as u64, round);
            if round % 3 == 2 {
                // What was tried in a fork is dropped again.
                room.explain(&world, &asked[0]);
                world = before;
            }
        }
    }
    assert!(verdicts > 5_000, "only {verdicts} verdicts");
}

#[test]
fn what_is_tried_out_goes_where_each_would_go_if_those_before_were_bound_and_leaves_no_trace() {
    let mut placed = 0;
    for (seed, scenario) in worlds().iter().enumerate().skip(2).step_by(4) {
        let (mut world, pending) = world_of(&scenario.input);
        let asked = asked(&scenario.input, pending);
        let mut room = Room::default();
        for round in 0..5 {
            let mut fork = world.clone();
            stir_node(&mut fork, seed as u64, round);
            let pods = asked.iter().cycle().take(9).enumerate().map(|(at, pod)| tried(pod, at));
            let pods: Vec<Arc<Doc>> = pods.filter(|doc| !has_claims(doc)).collect();
            pods.iter().for_each(|doc| put(&mut fork, (**doc).clone()));
            let found = room.try_out(&fork, &pods);
            let bound = pods.iter().map(|pod| {
                let chosen = explain(&fork, pod).chosen;
                if chosen.is_some() {
                    let mut doc = (**pod).clone();
                    let body = doc.as_pod_mut().expect("a pod");
                    (body.node, body.status.nominated_node_name) = (chosen.clone(), Name::default());
                    put(&mut fork, doc);
                }
                chosen
            });
            assert_eq!(found, bound.collect::<Vec<_>>(), "scenario {seed}, round {round}");
            placed += found.iter().flatten().count();
            for pod in &asked {
                assert_eq!(room.explain(&world, pod), explain(&world, pod), "scenario {seed}, round {round}, {}", pod.key);
            }
            stir(&mut world, &asked, seed as u64, 200 + round);
        }
    }
    assert!(placed > 3_000, "only {placed} pods were placed");
}

/// A pod to try out.
fn tried(pod: &Doc, at: usize) -> Arc<Doc> {
    let mut doc = pod.clone();
    doc.key.name = format!("tried-{at}").into();
    doc.as_pod_mut().expect("a pod").node = None;
    Arc::new(doc)
}

fn has_claims(doc: &Doc) -> bool {
    let volumes = doc.as_pod().map(|pod| &pod.spec.volumes);
    volumes.into_iter().flatten().any(|volume| volume.rest.contains_key("persistentVolumeClaim") || volume.rest.contains_key("ephemeral"))
}

fn places(world: &World) -> Vec<(Name, Option<Name>)> {
    world.list(Kind::Pod, None).map(|doc| (doc.key.name.clone(), doc.as_pod().and_then(|pod| pod.node.clone()))).collect()
}

#[test]
fn a_memory_that_follows_the_world_binds_as_an_empty_one_does() {
    // Victims have grace: where they went at once, pods that were refused before would be tried in the next run only.
    let evict: fn(&mut Draft, &Key) = |draft, key| drop(draft.update(key, |doc| doc.meta.deleted = Some(Time(0))));
    let mut bound = 0;
    for (seed, scenario) in worlds().iter().enumerate().skip(1).step_by(2) {
        let (mut world, pending) = world_of(&scenario.input);
        let asked = asked(&scenario.input, pending);
        let mut memory = Memory::default();
        for round in 0..6 {
            for (at, pod) in asked.iter().enumerate() {
                let mut doc = pod.clone();
                doc.key.name = format!("pending-{round}-{at}").into();
                put(&mut world, doc);
            }
            let mut drafts = [Draft::new(world.clone(), Time(0)), Draft::new(world.clone(), Time(0))];
            plan(&mut drafts[0], &mut memory, usize::MAX, evict);
            plan(&mut drafts[1], &mut Memory::default(), usize::MAX, evict);
            assert_eq!(places(&drafts[0].world), places(&drafts[1].world), "scenario {seed}, round {round}");
            bound += places(&drafts[0].world).iter().filter(|(_, node)| node.is_some()).count();
            // Some plans are not taken: the world stays as it was, and what was remembered is forgotten (as `control` does).
            if round % 3 == 1 {
                memory = Memory::default();
            } else {
                world = drafts[0].world.clone();
            }
            stir(&mut world, &asked, seed as u64, 100 + round);
        }
    }
    assert!(bound > 10_000, "only {bound} pods were bound");
}
