//! A crash after every single write of an operation: what is rebuilt from the documents of that moment ends as if nothing had happened.
//!
//! The cut is made between writes, also between those of one batch: what several writes do must bear to stop after any of them. Judged:
//! the operation ends as in the uncut run, the same machines were made, nothing is left over, no budget was overspent on the way.
//! aks-semantics 4.3; invariants I5, I7, E1 to E3.

mod support;

use nodelane_control::Event;
use nodelane_engine::Env;
use nodelane_model::{Change, Doc, Key, Kind, Machine, Origin, Time};
use nodelane_rehearsal::Rehearsal;
use nodelane_sim::BootProfile;
use nodelane_world::World;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use support::*;

/// After an operation, until what it leaves has settled: a node is lost 50 seconds after an eviction, which comes 30 after its notice.
const AFTERMATH: i64 = 2 * MINUTE;

/// What must be the same in the end, without ids, times and names of pods. Machines are counted in their pool's order: a crash may skip
/// an instance id, never use one twice.
fn summary(world: &World) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let ordinal = |name: &str| {
        let machine = world.get(&Key::global(Kind::Machine, name)).and_then(|doc| doc.as_machine());
        let before = |machine: &Machine| world.machines_of(&machine.pool).filter(|(_, other)| other.instance < machine.instance).count();
        machine.map_or_else(|| name.to_owned(), |machine| format!("{} {}", machine.pool, before(machine)))
    };
    for doc in world.list(Kind::NodePool, None) {
        let pool = doc.as_pool().unwrap();
        let ends: Vec<_> = pool
            .state
            .history
            .iter()
            .map(|operation| (operation.progress, operation.ended.as_ref().map(|ended| (ended.outcome, ended.error.clone()))))
            .collect();
        let is =
            (pool.provisioning_state(), pool.exists(), pool.spec.count, pool.spec.power, &pool.state.version, &pool.state.operation, ends);
        all.insert(doc.key.to_string(), format!("{is:?}"));
    }
    for doc in world.list(Kind::Machine, None) {
        let m = doc.as_machine().unwrap();
        all.insert(
            format!("machine {}", ordinal(&doc.key.name)),
            format!("{:?}", (m.intent, m.phase, &m.running, m.surge, &m.cordoned_by, &m.drain, &m.roll.filter(|_| m.surge))),
        );
    }
    for doc in world.list(Kind::Node, None) {
        let node = doc.as_node().unwrap();
        let version = &node.status.node_info.kubelet_version;
        all.insert(
            format!("node {}", ordinal(&doc.key.name)),
            format!("{:?}", (version, node.status.is_ready(), node.spec.unschedulable, &node.spec.taints)),
        );
    }
    for doc in world.list(Kind::Pod, None) {
        let app = doc.meta.labels.get("app").map(ToString::to_string).unwrap_or_default();
        let pods = all.entry(format!("pods of {app}")).or_default();
        pods.push(if doc.as_pod().unwrap().status.is_ready() && !doc.is_terminating() { 'r' } else { 'x' });
    }
    all
}

/// Whether an operation runs on a pool or cluster.
fn runs(doc: &Doc) -> bool {
    doc.as_pool().is_some_and(|pool| pool.state.operation.is_some())
        || doc.as_cluster().is_some_and(|cluster| cluster.state.operation.is_some())
}

/// How many machines were ever made.
fn machines_made(events: &[(Time, Event)]) -> usize {
    let keys = events.iter().filter_map(|(_, event)| event.new.as_ref()).map(|doc| &doc.key).filter(|key| key.kind == Kind::Machine);
    keys.collect::<BTreeSet<_>>().len()
}

fn idle(world: &World) -> bool {
    !world.list(Kind::NodePool, None).chain(world.list(Kind::Cluster, None)).any(|doc| runs(doc))
}

fn run_to_the_end(r: &mut Rehearsal, what: &str) {
    let until = r.now().plus(3 * HOUR);
    assert!(r.run_until_holds(until, idle), "{what}: the operation does not end");
    let until = r.now().plus(AFTERMATH);
    r.run_until(until);
    assert_eq!(r.breakdowns, Vec::<String>::new(), "{what}");
}

/// Cuts the run of a change after each of its writes.
fn sweep(bench: Bench, judge: Judge, change: Change) -> usize {
    sweep_as(bench, judge, change, Origin::default())
}

fn sweep_as(mut bench: Bench, judge: Judge, change: Change, origin: Origin) -> usize {
    let since = bench.r.events.len();
    bench.r.request(change, origin).expect("it is accepted");
    run_to_the_end(&mut bench.r, "uncut");
    let (end, made, events) = (summary(bench.world()), machines_made(&bench.r.events), bench.r.events.clone());
    judge.judge(&events, since);
    let accepted = (since..events.len()).find(|index| events[*index].1.new.as_ref().is_some_and(|doc| runs(doc))).unwrap_or(since);
    let mut docs: BTreeMap<Key, Arc<Doc>> = BTreeMap::new();
    for (index, (at, event)) in events.iter().enumerate() {
        match &event.new {
            Some(doc) => drop(docs.insert(doc.key.clone(), doc.clone())),
            None => drop(docs.remove(event.key().unwrap())),
        }
        if index < accepted {
            continue;
        }
        let what = format!("cut after revision {} at {at}, {}", event.revision, event.key().unwrap());
        let world = World::rebuild(SEED, event.revision, docs.values().cloned());
        let mut r = Rehearsal::new(world, Env::default(), BootProfile::Fast, *at);
        run_to_the_end(&mut r, &what);
        let is = summary(r.world());
        for key in end.keys().chain(is.keys()) {
            assert_eq!(is.get(key), end.get(key), "{what}: {key}");
        }
        let all: Vec<_> = events[..=index].iter().cloned().chain(r.events).collect();
        assert_eq!(machines_made(&all), made, "{what}");
        judge.judge(&all, since);
    }
    events.len() - accepted
}

fn put(bench: &Bench, change: impl FnOnce(&mut nodelane_model::pool::PoolSpec)) -> Change {
    let (doc, pool) = bench.world().pool("np").unwrap();
    let mut spec = Box::new(pool.spec.clone());
    change(&mut spec);
    Change::PutPool { name: "np".into(), spec, base: Some(doc.revision), etag: Default::default(), request_hash: 1 }
}

/// A small pool with an app under a budget.
fn loaded(count: u32) -> Bench {
    let mut bench = Bench::with_pool(count, |_| {});
    bench.deploy("web", 3, "np", json!({}));
    bench.budget("web", json!({"maxUnavailable": 1}));
    bench.pass(5_000);
    bench
}

fn judge(least_ready: usize, most_nodes: usize) -> Judge {
    Judge { pool: "np", least_ready, most_nodes, apps: vec![("web", 3)] }
}

#[test]
fn a_create_survives_a_crash_after_every_write() {
    let bench = Bench::new(BootProfile::Fast);
    let change = Change::PutPool { name: "np".into(), spec: Box::new(spec(3)), base: None, etag: Default::default(), request_hash: 1 };
    let cuts = sweep(bench, Judge { pool: "np", most_nodes: 3, ..Judge::default() }, change);
    assert!(cuts > 15, "{cuts}");
}

#[test]
fn a_scale_up_survives_a_crash_after_every_write() {
    let bench = loaded(2);
    let change = put(&bench, |spec| spec.count = 4);
    sweep(bench, judge(2, 4), change);
}

#[test]
fn a_scale_down_survives_a_crash_after_every_write() {
    let bench = loaded(3);
    let change = put(&bench, |spec| spec.count = 1);
    sweep(bench, judge(1, 3), change);
}

#[test]
fn an_upgrade_survives_a_crash_after_every_write() {
    let bench = loaded(2);
    let change = put(&bench, |spec| spec.orchestrator_version = "1.35".into());
    let cuts = sweep(bench, judge(2, 3), change);
    assert!(cuts > 60, "{cuts}");
}

#[test]
fn a_stop_and_a_start_survive_a_crash_after_every_write() {
    use nodelane_model::pool::Power;
    let bench = loaded(2);
    let change = put(&bench, |spec| spec.power = Power::Stopped);
    sweep(bench, Judge { pool: "np", most_nodes: 2, ..Judge::default() }, change);
    let mut bench = loaded(2);
    bench.settle("np", |spec| spec.power = Power::Stopped);
    let change = put(&bench, |spec| spec.power = Power::Running);
    sweep(bench, Judge { pool: "np", most_nodes: 2, ..Judge::default() }, change);
}

#[test]
fn a_deletion_survives_a_crash_after_every_write() {
    let mut bench = Bench::with_pool(2, |_| {});
    bench.make("other", 2, |_| {});
    bench.deploy("web", 3, "np", json!({"nodeSelector": {"agentpool": null, "kubernetes.azure.com/mode": "user"}}));
    bench.budget("web", json!({"maxUnavailable": 1}));
    let change = Change::DeletePool { name: "np".into(), ignore_budgets: false, etag: Default::default() };
    sweep(bench, judge(0, 2), change);
}

#[test]
fn deleted_machines_survive_a_crash_after_every_write() {
    let bench = loaded(3);
    let machines = vec![bench.machines("np")[1].0.name.clone()];
    sweep(
        bench,
        Judge { pool: "np", least_ready: 2, most_nodes: 3, ..Judge::default() },
        Change::DeleteMachines { name: "np".into(), machines },
    );
}

#[test]
fn a_clusters_stop_survives_a_crash_after_every_write() {
    sweep(loaded(1), Judge { pool: "np", most_nodes: 1, ..Judge::default() }, Change::StopCluster);
}

#[test]
fn a_clusters_start_and_deletion_survive_a_crash_after_every_write() {
    let mut bench = loaded(1);
    bench.ask(Change::StopCluster).unwrap();
    bench.until(HOUR, idle);
    sweep(bench, Judge { pool: "np", most_nodes: 1, ..Judge::default() }, Change::StartCluster);
    sweep(loaded(1), Judge { pool: "np", most_nodes: 1, ..Judge::default() }, Change::DeleteCluster);
}

#[test]
fn an_abort_of_an_upgrade_survives_a_crash_after_every_write() {
    let mut bench = loaded(2);
    let change = put(&bench, |spec| spec.orchestrator_version = "1.35".into());
    bench.ask(change).unwrap();
    bench.until(HOUR, |world| {
        world.machines_of(&"np".into()).any(|(_, machine)| machine.roll == Some(nodelane_model::machine::Roll::Reimaging))
    });
    sweep(bench, judge(2, 3), Change::AbortPool { name: "np".into() });
}

#[test]
fn an_eviction_survives_every_cut() {
    for policy in ["Delete", "Deallocate"] {
        let mut bench = Bench::with_pool(2, |spec| {
            spec.priority = nodelane_model::pool::Priority::Spot;
            spec.eviction_policy = policy.into();
            spec.spot_max_price = "-1".into();
        });
        bench.deploy("web", 4, "np", json!({"tolerations": [{"key": "kubernetes.azure.com/scalesetpriority", "operator": "Exists"}]}));
        let fault = json!({"metadata": {"name": "short"}, "spec": {"kind": "spot-evict", "node": bench.node_names("np")[0]}});
        let change = Change::Create(Arc::new(nodelane_model::codec::from_value(Kind::Fault, &fault).unwrap()));
        let cuts = sweep(bench, Judge { pool: "np", most_nodes: 2, ..Judge::default() }, change);
        assert!(cuts >= 20, "{cuts}");
    }
}

#[test]
fn a_lost_node_survives_every_cut() {
    let mut bench = Bench::with_pool(2, |_| {});
    bench.deploy("web", 4, "np", json!({}));
    let fault = json!({"metadata": {"name": "mute"}, "spec": {"kind": "not-ready", "node": bench.node_names("np")[0]}});
    let change = Change::Create(Arc::new(nodelane_model::codec::from_value(Kind::Fault, &fault).unwrap()));
    let cuts = sweep(bench, Judge { pool: "np", most_nodes: 2, ..Judge::default() }, change);
    assert!(cuts >= 6, "{cuts}");
}

#[test]
fn a_resize_survives_a_crash_after_every_write() {
    let bench = loaded(2);
    let change = put(&bench, |spec| spec.vm_size = "Standard_D8s_v5".into());
    let origin = Origin { api_version: "2026-01-02-preview".into(), ..Origin::default() };
    let cuts = sweep_as(bench, judge(2, 3), change, origin);
    assert!(cuts > 60, "{cuts}");
}

#[test]
fn a_blue_green_upgrade_survives_a_crash_after_every_write() {
    let mut bench = loaded(2);
    let preview = Origin { api_version: "2026-01-02-preview".into(), ..Origin::default() };
    let settings = json!({"drainBatchSize": "1", "batchSoakDurationInMinutes": 1, "finalSoakDurationInMinutes": 1});
    let change = put(&bench, |spec| {
        spec.rest.insert("upgradeStrategy".into(), "BlueGreen".into());
        spec.rest.insert("upgradeSettingsBlueGreen".into(), settings);
    });
    bench.r.request(change, preview).unwrap();
    bench.idle("np", HOUR);
    let change = put(&bench, |spec| spec.orchestrator_version = "1.35".into());
    let cuts = sweep(bench, judge(2, 4), change);
    assert!(cuts > 60, "{cuts}");
}
