//! What is kept from run to run changes no answer: a room that follows a world says what a new one says, and a memory that
//! follows binds as an empty one does.
//!
//! The worlds are the golden ones; what happens to them is drawn by a fixed rule. Expected is the slow way, which the golden answers hold.

mod scenarios;

use nodelane_model::hash::Hash;
use nodelane_model::{Doc, Key, Kind, Name, Time, Uid};
use nodelane_place::{Memory, Room, explain, plan};
use nodelane_world::{Draft, World};
use scenarios::{Input, Scenario, read, world_of};
use serde_json::json;
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
    match (draw(0) % 12, pod, node) {
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
        (10, _, _) => {
            let labels = json!({"metadata": {"name": "s", "namespace": "default"}, "spec": {"selector": {"app": if round.is_multiple_of(2) { "a" } else { "b" }}}});
            put(world, read(Kind::Service, &labels));
        }
        _ => {
            let labels = json!({"metadata": {"name": "default", "labels": {"team": if round.is_multiple_of(2) { "red" } else { "t1" }}}});
            put(world, read(Kind::Namespace, &labels));
        }
    }
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
                assert_eq!(room.explain(&world, pod), explain(&world, pod), "scenario {seed}, round {round}, {}", pod.key);
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
