//! Whether pods would find room if their node went: by the same filters that place them, and without leaving a trace.
//!
//! Expected answers follow from kube-scheduler's filters on worlds small enough to see through.

use nodelane_model::{Doc, Kind, Name, codec};
use nodelane_place::{Vacancies, explain};
use nodelane_world::World;
use serde_json::{Value, json};
use std::sync::Arc;

fn put(world: &mut World, kind: Kind, value: Value) -> Arc<Doc> {
    let mut doc = codec::from_value(kind, &value).expect("a document");
    doc.revision = world.revision + 1;
    doc.meta.uid = nodelane_model::Uid(u128::from(doc.revision));
    let doc = Arc::new(doc);
    world.put(doc.clone());
    doc
}

/// Nodes `a`, `b`, `c` of four cores in zones of their own.
fn nodes() -> World {
    let mut world = World::new(0);
    for name in ["a", "b", "c"] {
        put(
            &mut world,
            Kind::Node,
            json!({"metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "zone": name}}, "spec": {},
                "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "10"}}}),
        );
    }
    world
}

fn pod(world: &mut World, name: &str, node: &str, cpu: &str, spec: Value) -> Arc<Doc> {
    let mut value = json!({"metadata": {"name": name, "namespace": "default", "labels": {"app": "web"}}, "status": {"phase": "Running"},
        "spec": {"nodeName": node, "containers": [{"name": "c", "image": "i", "resources": {"requests": {"cpu": cpu}}}]}});
    spec.as_object().into_iter().flatten().for_each(|(key, more)| value["spec"][key] = more.clone());
    put(world, Kind::Pod, value)
}

fn on(world: &World, node: &str) -> Vec<Arc<Doc>> {
    world.pods_on(&node.into()).cloned().collect()
}

/// Which of the nodes go, one after the other.
fn vacate(world: &World, order: &[&str]) -> Vec<bool> {
    let mut vacancies = Vacancies::default();
    let names: Vec<Name> = order.iter().map(|name| Name::from(*name)).collect();
    let ask = |vacancies: &mut Vacancies| {
        let mut open = vacancies.open(world, &Arc::default(), &names.iter().collect::<Vec<_>>());
        let answers: Vec<bool> = names.iter().map(|name| open.vacate(name, &on(world, name)).is_ok()).collect();
        open.close_into(vacancies);
        answers
    };
    let first = ask(&mut vacancies);
    assert_eq!(first, ask(&mut vacancies), "a question leaves nothing behind");
    first
}

#[test]
fn a_node_goes_where_each_of_its_pods_finds_room_and_the_room_is_spent() {
    let mut world = nodes();
    for (at, (node, cpu)) in [("a", "1"), ("a", "1"), ("b", "1"), ("b", "1"), ("c", "2")].into_iter().enumerate() {
        pod(&mut world, &format!("p{at}"), node, cpu, json!({}));
    }
    // Two cores are free on each of b and c: a's pods fit, then b's four cores do not fit into what c has left.
    assert_eq!(vacate(&world, &["a", "b"]), [true, false]);
}

#[test]
fn where_a_pod_finds_no_room_it_is_named_and_nothing_is_taken() {
    let mut world = nodes();
    pod(&mut world, "small", "a", "1", json!({}));
    let large = pod(&mut world, "large", "a", "4", json!({}));
    pod(&mut world, "on-b", "b", "1", json!({}));
    pod(&mut world, "on-c", "c", "3", json!({}));
    let mut open = Vacancies::default().open(&world, &Arc::default(), &[]);
    assert_eq!(open.vacate(&"a".into(), &on(&world, "a")), Err(large.key.clone()));
    // c's three cores still fit on b: nothing of the attempt is left.
    assert_eq!(open.vacate(&"c".into(), &on(&world, "c")).map(|nodes| nodes.into_iter().collect::<Vec<_>>()), Ok(vec![Name::from("b")]));
}

#[test]
fn a_node_that_went_or_is_closed_takes_no_pods() {
    let mut world = nodes();
    pod(&mut world, "on-a", "a", "1", json!({}));
    pod(&mut world, "on-b", "b", "1", json!({}));
    let mut open = Vacancies::default().open(&world, &Arc::default(), &[]);
    open.close(&"c".into());
    assert!(open.vacate(&"a".into(), &on(&world, "a")).is_ok());
    assert!(open.vacate(&"b".into(), &on(&world, "b")).is_err());
}

#[test]
fn nodes_that_may_go_too_are_filled_last() {
    let mut world = nodes();
    pod(&mut world, "on-a", "a", "1", json!({}));
    let last: Vec<Name> = vec!["a".into(), "b".into()];
    let mut open = Vacancies::default().open(&world, &Arc::default(), &last.iter().collect::<Vec<_>>());
    let went = open.vacate(&"a".into(), &on(&world, "a")).unwrap();
    assert_eq!(went.into_iter().collect::<Vec<_>>(), ["c"]);
}

#[test]
fn terms_about_other_pods_and_selectors_hold_where_pods_move() {
    let apart = json!({"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "web"}}}]}}});
    let mut world = nodes();
    for node in ["a", "b"] {
        pod(&mut world, &format!("on-{node}"), node, "1", apart.clone());
    }
    // One of the two may move to c, the other then has nowhere to be alone.
    assert_eq!(vacate(&world, &["a", "b"]), [true, false]);

    let mut world = nodes();
    pod(&mut world, "zonal", "a", "1", json!({"nodeSelector": {"zone": "a"}}));
    assert_eq!(vacate(&world, &["a"]), [false]);

    let spread = json!({"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "web"}}, "nodeTaintsPolicy": "Honor"}]});
    let mut world = nodes();
    for node in ["a", "b", "c"] {
        pod(&mut world, &format!("on-{node}"), node, "1", spread.clone());
    }
    // The node still is when its pods leave: with none in its zone, no other may have two.
    assert_eq!(vacate(&world, &["a"]), [false]);
}

#[test]
fn every_destination_is_one_that_placing_would_allow() {
    // Pods of three kinds over the nodes, by a fixed rule; whatever goes, each pod alone would be let in by its destination.
    for seed in 0..40_u32 {
        let mut world = nodes();
        for at in 0..6_u32 {
            let node = ["a", "b", "c"][((seed / (at + 1) + at) % 3) as usize];
            let spec = match (seed + at) % 3 {
                0 => json!({}),
                1 => {
                    json!({"tolerations": [{"operator": "Exists"}], "containers": [{"name": "c", "image": "i", "ports": [{"hostPort": 80, "containerPort": 80}]}]})
                }
                _ => json!({"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
                    {"topologyKey": "zone", "labelSelector": {"matchLabels": {"app": "web"}}}]}}}),
            };
            pod(&mut world, &format!("p{at}"), node, if (seed + at) % 2 == 0 { "1" } else { "500m" }, spec);
        }
        for node in ["a", "b", "c"] {
            for one in on(&world, node) {
                let Ok(to) = Vacancies::default().open(&world, &Arc::default(), &[]).would_vacate(&node.into(), std::slice::from_ref(&one))
                else {
                    continue;
                };
                let mut alone = world.clone();
                alone.remove(&one.key, world.revision + 1);
                let mut unbound = (*one).clone();
                unbound.as_pod_mut().unwrap().node = None;
                let verdict = explain(&alone, &unbound);
                assert!(to.iter().all(|to| verdict.nodes[to].is_ok()), "seed {seed}: {} to {to:?}", one.key);
            }
        }
    }
}
