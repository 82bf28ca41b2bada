//! What is kept by deltas equals what is found from nothing, whatever happens to pods, nodes and pools in between.
//!
//! Changes follow a fixed rule from a seed. Compared is the first stage; the second rests on it, and its clocks are history by nature.

use super::fixture::put;
use super::*;
use nodelane_model::hash::Hash;
use serde_json::json;
use std::sync::Arc;

const NOW: Time = Time(1_767_225_600_000);

fn world() -> World {
    let mut world = World::new(0);
    put(&mut world, Kind::Cluster, json!({"metadata": {"name": "cluster"}, "spec": {}, "state": {}}));
    put(
        &mut world,
        Kind::NodePool,
        json!({"metadata": {"name": "np"}, "spec": {"enableAutoScaling": true, "minCount": 0, "maxCount": 9}, "state": {}}),
    );
    for at in 0..6 {
        let name = format!("n{at}");
        let machine = json!({"metadata": {"name": name}, "pool": "np", "instance": at, "size": "s", "model": {"version": "1", "image": "i"},
            "intent": "Run", "phase": "Running", "phaseSince": "2026-01-01T00:00:00Z"});
        put(&mut world, Kind::Machine, machine);
        let node = json!({"metadata": {"name": name, "labels": {"agentpool": "np"}}, "spec": {},
            "status": {"conditions": [{"type": "Ready", "status": "True"}], "allocatable": {"cpu": "4", "memory": "8Gi", "pods": "20"}}});
        put(&mut world, Kind::Node, node);
    }
    world
}

/// One change, by lot.
fn stir(draft: &mut Draft, lot: u64) {
    let (node, pod) = (format!("n{}", lot / 7 % 6), Key::new(Kind::Pod, "default", format!("p{}", lot / 64 % 12)));
    match lot % 7 {
        0 | 1 if draft.world.get(&pod).is_none() => {
            let value = json!({"metadata": {"name": pod.name, "namespace": "default", "annotations": {"cluster-autoscaler.kubernetes.io/safe-to-evict": "true"}},
                "spec": {"nodeName": node, "containers": [{"name": "c", "image": "i", "resources": {"requests": {"cpu": if lot % 2 == 0 { "1" } else { "300m" }}}}]},
                "status": {"phase": "Running"}});
            put(&mut draft.world, Kind::Pod, value);
        }
        2 => draft.remove(&pod),
        3 => drop(draft.update(&pod, |doc| doc.as_pod_mut().unwrap().status.phase = nodelane_model::pod::Phase::Succeeded)),
        4 => drop(draft.update(&pod, |doc| doc.meta.deleted = Some(NOW))),
        5 => drop(draft.update(&act::node_key(&node.into()), |doc| {
            let value = if lot % 2 == 0 { "true" } else { "false" };
            doc.meta.annotations = Arc::new([(eligible::SCALE_DOWN_DISABLED.into(), value.into())].into());
        })),
        6 if lot % 5 == 0 => drop(draft.update(&Key::global(Kind::NodePool, "np"), |doc| {
            let spec = &mut doc.as_pool_mut().unwrap().spec;
            spec.enable_auto_scaling = !spec.enable_auto_scaling;
        })),
        _ => {}
    }
}

fn turn(draft: &mut Draft, memory: &mut super::super::Memory) {
    memory.changed.clear();
    while let Some(key) = draft.world.work.take_after(List::Autoscale, None) {
        memory.changed.insert(key);
    }
    plan(draft, &Env::default(), memory, &Profile::default(), usize::MAX);
}

#[test]
fn what_is_kept_by_deltas_equals_what_is_found_from_nothing() {
    let mut seen = BTreeSet::new();
    for seed in 0..60 {
        let mut draft = Draft::new(world(), NOW);
        let mut memory = super::super::Memory::default();
        for step in 0..40 {
            let lot = Hash::new(seed).number(step).get();
            (0..=lot % 3).for_each(|at| stir(&mut draft, Hash::new(lot).number(at).get()));
            draft.now = draft.now.plus(10_000);
            turn(&mut draft, &mut memory);
            let mut anew = super::super::Memory::default();
            turn(&mut Draft::new(draft.world.clone(), draft.now), &mut anew);
            assert_eq!(memory.down.candidates.by_name, anew.down.candidates.by_name, "seed {seed}, step {step}");
            seen.insert(memory.down.candidates.by_name.len());
        }
    }
    assert!(seen.len() > 4, "{seen:?}");
}

#[test]
fn a_turn_in_which_nothing_changed_looks_at_nothing() {
    let mut draft = Draft::new(world(), NOW);
    let mut memory = super::super::Memory::default();
    turn(&mut draft, &mut memory);
    assert_eq!(memory.down.unneeded.len(), 6);
    let looked = memory.down.last_look;
    draft.now = draft.now.plus(60_000);
    turn(&mut draft, &mut memory);
    assert_eq!(memory.down.last_look, looked);
}

#[test]
fn looks_are_a_scan_interval_apart() {
    let mut draft = Draft::new(world(), NOW);
    let mut memory = super::super::Memory::default();
    turn(&mut draft, &mut memory);
    draft.now = draft.now.plus(3_000);
    draft.update(&act::node_key(&"n0".into()), |doc| {
        doc.meta.annotations = Arc::new([(eligible::SCALE_DOWN_DISABLED.into(), "true".into())].into())
    });
    turn(&mut draft, &mut memory);
    assert_eq!(memory.down.last_look, Some(NOW));
    assert!(draft.world.work.next_deadline().is_some_and(|at| at <= NOW.plus(10_000)));
    draft.now = NOW.plus(10_000);
    turn(&mut draft, &mut memory);
    assert!(!memory.down.unneeded.contains_key("n0"));
}
