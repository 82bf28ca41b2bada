//! Everything at once: operations, aborts, cordons, moving budgets and a cloud that refuses, drawn by seed; then the weather clears.
//!
//! On the way no eviction overspends a budget. In the end every operation has ended, one PUT brings the pool to what it says, and nothing
//! is left over (invariants I3, I5, E1 to E4). A seed that fails is replayed by its number.

mod support;

use nodelane_control::Event;
use nodelane_model::budget::IntOrPercent;
use nodelane_model::hash::Hash;
use nodelane_model::machine::{CordonOwner, Intent, MachinePhase};
use nodelane_model::operation::Outcome;
use nodelane_model::pool::{Power, Undrainable};
use nodelane_model::{Change, Doc, Key, Kind};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use support::*;

const SEEDS: u64 = 60;
const STEPS: u64 = 14;
const MOST: u32 = 6;
const SURGE: usize = 2;

/// What happens next; refusals are part of the weather.
fn happen(bench: &mut Bench, draw: Hash) {
    let pick = |salt: u64, of: u64| draw.number(salt).get() % of;
    let put = |bench: &mut Bench, change: &dyn Fn(&mut nodelane_model::pool::PoolSpec)| {
        let mut spec = bench.pool("np").spec;
        change(&mut spec);
        let _ = bench.put_spec("np", spec);
    };
    match pick(0, 12) {
        0..3 => put(bench, &|spec| spec.count = 1 + pick(1, MOST.into()) as u32),
        3 => put(bench, &|spec| spec.orchestrator_version = "1.34".into()),
        4 => put(bench, &|spec| spec.orchestrator_version = "1.35".into()),
        5 => put(bench, &|_| {}),
        6 => drop(bench.ask(Change::AbortPool { name: "np".into() })),
        7 => put(bench, &|spec| spec.power = if pick(1, 4) == 0 { Power::Stopped } else { Power::Running }),
        8 => {
            let key = Key::new(Kind::PodDisruptionBudget, "default", "web");
            bench.edit(&key, |doc| doc.as_budget_mut().unwrap().spec.min_available = Some(IntOrPercent::Int(3 + pick(1, 3) as i32)));
        }
        9 => {
            let nodes = bench.nodes("np");
            let Some(node) = nodes.get(pick(1, nodes.len().max(1) as u64) as usize) else { return };
            bench.edit(&node.key, |doc| doc.as_node_mut().unwrap().spec.unschedulable ^= true);
        }
        10 => {
            let kind = ["allocation", "quota", "never-registers", "slow-boot"][pick(1, 4) as usize];
            let name = format!("f{}", bench.world().revision);
            bench.fault(&name, json!({"kind": kind, "pool": "np", "count": 1 + pick(2, 2), "rate": 50 + 50 * pick(3, 2)}));
        }
        _ => put(bench, &|spec| drop(spec.node_labels.insert("lane".into(), format!("l{}", pick(1, 3)).into()))),
    }
}

/// No event took a healthy pod that the budget, as it was then, could not spare; but for stops, which ask no budget.
fn judge(bench: &Bench, seed: u64, since: usize) {
    let (mut docs, mut before): (BTreeMap<Key, Arc<Doc>>, i32) = (BTreeMap::new(), 0);
    for (index, (at, Event { old, new, .. })) in bench.r.events.iter().enumerate() {
        match new {
            Some(doc) => drop(docs.insert(doc.key.clone(), doc.clone())),
            None => drop(docs.remove(&old.as_ref().unwrap().key)),
        }
        let kind = new.as_ref().or(old.as_ref()).unwrap().key.kind;
        if !matches!(kind, Kind::Pod | Kind::Node) {
            continue;
        }
        let healthy = healthy(&docs, "web");
        let budget = docs.values().find_map(|doc| doc.as_budget());
        let least = match budget.and_then(|budget| budget.spec.min_available.clone()) {
            Some(IntOrPercent::Int(least)) => least,
            _ => 0,
        };
        let stops = docs
            .values()
            .filter_map(|doc| doc.as_machine())
            .any(|machine| machine.intent == Intent::Stop || matches!(machine.phase, MachinePhase::Stopping | MachinePhase::Stopped));
        assert!(
            index < since || healthy >= before || healthy >= least || stops,
            "seed {seed}: {healthy} of {least} are healthy at {at} after {:?}",
            new.as_ref().or(old.as_ref()).map(|doc| (&doc.key, doc.is_terminating(), doc.as_pod().and_then(|pod| pod.node.clone())))
        );
        before = healthy;
        let nodes = docs
            .values()
            .filter(|doc| doc.key.kind == Kind::Node && doc.meta.labels.get("agentpool").is_some_and(|pool| pool == "np"))
            .count();
        assert!(nodes <= MOST as usize + SURGE, "seed {seed}: {nodes} nodes at {at}");
    }
}

fn weather(seed: u64) -> Bench {
    let mut bench = Bench::with_pool(3, |spec| {
        let draw = Hash::new(seed);
        let settings = &mut spec.upgrade_settings;
        settings.max_surge = IntOrPercent::parse(["1", "2", "33%"][(draw.number(91).get() % 3) as usize]);
        settings.drain_timeout_in_minutes = Some(5);
        settings.undrainable_node_behavior = (draw.number(92).get() & 1 == 0).then_some(Undrainable::Cordon);
        if draw.number(93).get() & 1 == 0 {
            spec.availability_zones = vec!["1".into(), "2".into()];
        }
    });
    bench.deploy("web", 5, "np", json!({}));
    bench.budget("web", json!({"minAvailable": 4}));
    bench.pass(5_000);
    let since = bench.r.events.len();
    for step in 0..STEPS {
        let draw = Hash::new(seed).number(step);
        happen(&mut bench, draw);
        bench.pass(draw.number(100).between(200, if draw.number(101).get() & 3 == 0 { 400_000 } else { 30_000 }));
    }
    bench.idle("np", 3 * HOUR);
    judge(&bench, seed, since);
    bench
}

/// Faults end, budgets relax, users take back their cordons; one PUT later all is as asked.
fn clear_up(bench: &mut Bench, seed: u64) {
    bench.remove(&Key::new(Kind::PodDisruptionBudget, "default", "web"));
    let faults: Vec<Key> = bench.world().list(Kind::Fault, None).map(|doc| doc.key.clone()).collect();
    faults.iter().for_each(|key| bench.remove(key));
    bench.pass(20 * MINUTE);
    bench.settle("np", |spec| spec.power = Power::Running);
    let cordoned = |machine: &nodelane_model::Machine| machine.cordoned_by.contains(&CordonOwner::User);
    let mine: Vec<Key> = bench
        .machines("np")
        .into_iter()
        .filter(|(_, machine)| cordoned(machine))
        .map(|(key, _)| Key::global(Kind::Node, key.name))
        .collect();
    for node in &mine {
        bench.edit(node, |doc| doc.as_node_mut().unwrap().spec.unschedulable = false);
    }
    bench.settle("np", |_| {});
    bench.pass(MINUTE);
    assert_eq!(bench.state("np"), "Succeeded", "seed {seed}: {:?}", bench.error("np"));
    let version = bench.pool("np").state.version;
    for (key, machine) in bench.machines("np") {
        assert_eq!(machine.running.map(|running| running.version), Some(version.clone()), "seed {seed}: {key}");
    }
    assert_eq!(running(bench.world(), "web").len(), 5, "seed {seed}");
    bench.assert_tidy("np");
    let (revision, now) = (bench.world().revision, bench.r.now());
    bench.pass(48 * HOUR);
    assert_eq!(bench.world().revision, revision, "seed {seed}: it is at rest since {now}");
}

#[test]
fn whatever_the_weather_a_pool_comes_to_rest_as_asked() {
    let mut ends = BTreeSet::new();
    for seed in 0..SEEDS {
        println!("seed {seed}");
        let mut bench = weather(seed);
        for (_, event) in &bench.r.events {
            let last = event.new.as_ref().and_then(|doc| doc.as_pool()?.last_ended());
            ends.extend(last.and_then(|last| Some((last.progress.provisioning_state(), last.ended.as_ref()?.outcome))));
        }
        clear_up(&mut bench, seed);
    }
    // It was no fair weather.
    for what in ["Creating", "Scaling", "Upgrading", "Stopping", "Starting", "Updating"] {
        assert!(ends.contains(&(what, Outcome::Succeeded)), "{what}: {ends:?}");
    }
    for what in
        [("Scaling", Outcome::Failed), ("Upgrading", Outcome::Failed), ("Upgrading", Outcome::Canceled), ("Scaling", Outcome::Canceled)]
    {
        assert!(ends.contains(&what), "{what:?}: {ends:?}");
    }
}
