//! A crash after every single write while a node is marked, emptied and let go: what is rebuilt from the documents ends as if nothing
//! had happened.
//!
//! The cut is made between writes, also between those of one batch. Judged: one node goes, no mark is left, the workload is whole, and
//! the pool is never below its minimum on the way (invariants I5, I10, E1 to E3).

mod support;

use nodelane_control::Event;
use nodelane_engine::Env;
use nodelane_model::{Doc, Key, Kind, Time};
use nodelane_rehearsal::Rehearsal;
use nodelane_sim::BootProfile;
use nodelane_world::World;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use support::*;

type Docs = BTreeMap<Key, Arc<Doc>>;

fn documents(world: &World) -> Docs {
    Kind::ALL.iter().flat_map(|kind| world.list(*kind, None)).map(|doc| (doc.key.clone(), doc.clone())).collect()
}

fn apply(docs: &mut Docs, event: &Event) {
    match (&event.new, &event.old) {
        (Some(new), _) => drop(docs.insert(new.key.clone(), new.clone())),
        (None, Some(old)) => drop(docs.remove(&old.key)),
        (None, None) => {}
    }
}

fn living(world: &World) -> usize {
    world.machines_of(&"np".into()).filter(|(_, machine)| machine.is_wanted()).count()
}

/// Two nodes with a pod each, one of which may go; a budget lets one pod be missing.
fn bench() -> Bench {
    let mut bench = Bench::with_pool(2, |spec| (spec.enable_auto_scaling, spec.min_count, spec.max_count) = (true, Some(1), Some(5)));
    bench.daemons("agent");
    bench.deploy(
        "web",
        2,
        "np",
        json!({"affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100,
            "podAffinityTerm": {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "web"}}}}]}}}),
    );
    bench.budget("web", json!({"maxUnavailable": 1}));
    bench.pass(9 * MINUTE);
    assert_eq!(living(bench.world()), 2);
    bench
}

/// After a cut at a time, what is there in the end.
fn ends(docs: &Docs, revision: u64, at: Time) -> Result<(), String> {
    let world = World::rebuild(SEED, revision, docs.values().cloned());
    let mut r = Rehearsal::new(world, Env::default(), BootProfile::Fast, at);
    r.run_until(at.plus(40 * MINUTE));
    let world = r.world();
    let left: Vec<String> =
        nodes_of(world, "np").iter().map(|node| format!("{} {:?}", node.key.name, node.as_node().unwrap().spec)).collect();
    let marked = world.machines_of(&"np".into()).filter(|(_, machine)| machine.drain.is_some() || !machine.cordoned_by.is_empty()).count();
    let whole = running(world, "web").len();
    let clean = nodes_of(world, "np").iter().all(|node| {
        let spec = &node.as_node().unwrap().spec;
        !spec.unschedulable && !spec.taints.iter().any(|taint| taint.key == "ToBeDeletedByClusterAutoscaler")
    });
    let is = (living(world), left.len(), marked, whole, clean, r.breakdowns.is_empty());
    if is == (1, 1, 0, 2, true, true) { Ok(()) } else { Err(format!("{is:?}: {left:?} {:?}", r.breakdowns)) }
}

#[test]
fn a_cut_after_any_write_of_a_scale_down_ends_as_the_uncut_run() {
    let mut bench = bench();
    let before = documents(bench.world());
    let (revision, mark) = (bench.world().revision, bench.r.events.len());
    let from = bench.r.now();
    bench.until(10 * MINUTE, |world| nodes_of(world, "np").len() == 1);
    let events: Vec<(Time, Event)> = bench.r.events[mark..].to_vec();
    ends(&documents(bench.world()), bench.world().revision, bench.r.now()).expect("the uncut run");
    let (mut docs, mut last) = (before, revision);
    let mut cuts = 0;
    ends(&docs, last, from).expect("before the first write");
    for (at, event) in &events {
        apply(&mut docs, event);
        last = event.revision;
        if let Err(why) = ends(&docs, last, *at) {
            panic!("cut {cuts} after {:?}: {why}", event.new.as_ref().or(event.old.as_ref()).map(|doc| doc.key.to_string()));
        }
        cuts += 1;
    }
    assert!(cuts > 15, "only {cuts} writes");
}
