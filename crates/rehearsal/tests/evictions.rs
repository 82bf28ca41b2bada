//! Spot machines are taken: the notice, the drain, what is left of the pool, and what brings it back.
//!
//! Expected: aks-semantics S-3, S-5, H-6; thirty seconds are Azure's shortest notice of a preemption.

mod support;

use nodelane_engine::Env;
use nodelane_model::machine::{Intent, MachinePhase};
use nodelane_model::pool::{PoolSpec, Priority};
use nodelane_model::{Kind, Refusal, Time};
use nodelane_rehearsal::Rehearsal;
use nodelane_sim::BootProfile;
use serde_json::{Value, json};
use support::*;

const NOTICE: i64 = 30_000;

fn spot(policy: &'static str) -> impl FnOnce(&mut PoolSpec) {
    move |spec| {
        spec.priority = Priority::Spot;
        spec.eviction_policy = policy.into();
        spec.spot_max_price = "-1".into();
    }
}

fn tolerant() -> Value {
    json!({"tolerations": [{"key": "kubernetes.azure.com/scalesetpriority", "operator": "Exists"}]})
}

/// Names of the machines that have had their notice.
fn noticed(bench: &Bench) -> Vec<String> {
    let machines = bench.machines("np").into_iter();
    machines.filter(|(_, machine)| machine.preempted.is_some()).map(|(key, _)| key.name.to_string()).collect()
}

fn on(bench: &Bench, node: &str) -> usize {
    running(bench.world(), "web").iter().filter(|doc| doc.as_pod().unwrap().node.as_deref() == Some(node)).count()
}

#[test]
fn a_spot_machine_is_emptied_for_thirty_seconds_then_gone_and_the_count_with_it() {
    let mut bench = Bench::with_pool(3, spot("Delete"));
    bench.deploy("web", 6, "np", tolerant());
    let begin = bench.r.now();
    bench.fault("short", json!({"kind": "spot-evict", "pool": "np", "count": 1}));
    bench.pass(NOTICE - 1);
    let [victim] = noticed(&bench).try_into().expect("one has its notice");
    assert_eq!((bench.nodes("np").len(), on(&bench, &victim), running(bench.world(), "web").len()), (3, 0, 6));
    let node = bench.world().node(&victim.as_str().into()).unwrap().doc.clone();
    assert!(node.as_node().unwrap().spec.unschedulable, "cordoned (H-6)");
    let told = |doc: &nodelane_model::Doc| {
        doc.as_event().is_some_and(|event| event.reason == "PreemptScheduled" && event.involved_object.name == victim)
    };
    assert_eq!(bench.when(0, told), Some(begin));
    bench.pass(2);
    assert_eq!((bench.nodes("np").len(), bench.pool("np").spec.count, bench.state("np")), (2, 2, "Succeeded"));
    bench.assert_tidy("np");
    bench.pass(HOUR);
    assert_eq!((bench.machines("np").len(), noticed(&bench).len()), (2, 0), "nothing refills it, and the fault is used up");
    let names = bench.node_names("np");
    bench.settle("np", |spec| spec.count = 3);
    assert_eq!((bench.state("np"), bench.nodes("np").len()), ("Succeeded", 3));
    assert!(!bench.node_names("np").contains(&victim) && names.iter().all(|name| bench.node_names("np").contains(name)));
    bench.assert_tidy("np");
}

#[test]
fn a_budget_holds_the_drain_up_and_not_the_cloud() {
    let mut bench = Bench::with_pool(2, spot("Delete"));
    bench.deploy("web", 4, "np", tolerant());
    bench.budget("web", json!({"minAvailable": 4}));
    bench.fault("short", json!({"kind": "spot-evict", "pool": "np", "count": 1}));
    bench.pass(NOTICE - 1);
    let [victim] = noticed(&bench).try_into().expect("one has its notice");
    assert_eq!(on(&bench, &victim), 2, "the budget has no slack");
    bench.pass(5_000);
    assert_eq!((bench.nodes("np").len(), running(bench.world(), "web").len()), (1, 4), "made again on what is left");
    assert_eq!(bench.r.breakdowns, Vec::<String>::new());
}

#[test]
fn a_deallocated_machine_is_counted_its_node_stays_unreachable_and_a_scale_brings_it_back() {
    let mut bench = Bench::with_pool(2, spot("Deallocate"));
    bench.fault("short", json!({"kind": "spot-evict", "pool": "np", "count": 1}));
    bench.pass(NOTICE - 1);
    let [victim] = noticed(&bench).try_into().expect("one has its notice");
    let node = |bench: &Bench| bench.world().node(&victim.as_str().into()).unwrap().doc.as_node().unwrap().clone();
    let boot = node(&bench).status.node_info.boot_id;
    bench.pass(1 + 50_000);
    let machine = bench.machines("np").into_iter().find(|(key, _)| key.name == victim.as_str()).unwrap().1;
    assert_eq!((machine.phase, machine.intent, bench.pool("np").spec.count), (MachinePhase::Stopped, Intent::Stop, 2));
    let mut taints: Vec<String> = node(&bench).spec.taints.iter().map(|taint| format!("{}:{}", taint.key, taint.effect)).collect();
    taints.sort();
    assert_eq!(
        taints,
        [
            "kubernetes.azure.com/scalesetpriority:NoSchedule",
            "node.cloudprovider.kubernetes.io/shutdown:NoSchedule",
            "node.kubernetes.io/unreachable:NoExecute",
            "node.kubernetes.io/unreachable:NoSchedule"
        ]
    );
    bench.settle("np", |spec| spec.count = 3);
    assert_eq!((bench.state("np"), bench.nodes("np").len(), bench.machines("np").len()), ("Succeeded", 3, 3));
    assert!(node(&bench).status.is_ready() && node(&bench).spec.taints.len() == 1, "{:?}", node(&bench).spec);
    assert_ne!(node(&bench).status.node_info.boot_id, boot);
}

#[test]
fn a_deallocated_machine_that_is_started_before_its_node_is_lost_has_booted_nevertheless() {
    let mut bench = Bench::with_pool(1, spot("Deallocate"));
    let info = |bench: &Bench| bench.nodes("np")[0].as_node().unwrap().status.node_info.boot_id.clone();
    let boot = info(&bench);
    bench.fault("short", json!({"kind": "spot-evict", "pool": "np", "count": 1}));
    bench.pass(NOTICE + 1);
    bench.settle("np", |spec| spec.count = 2);
    bench.pass(5_000);
    bench.assert_tidy("np");
    assert!(bench.nodes("np").iter().all(|doc| doc.as_node().unwrap().status.is_ready()));
    assert_ne!(info(&bench), boot);
}

#[test]
fn a_scale_in_takes_the_deallocated_machine_first() {
    let mut bench = Bench::with_pool(3, spot("Deallocate"));
    bench.deploy("web", 3, "np", tolerant());
    let first = bench.node_names("np")[0].clone();
    bench.fault("short", json!({"kind": "spot-evict", "node": first}));
    bench.pass(2 * MINUTE);
    bench.settle("np", |spec| spec.count = 2);
    assert_eq!((bench.state("np"), bench.nodes("np").len()), ("Succeeded", 2));
    assert!(!bench.node_names("np").contains(&first));
    bench.assert_tidy("np");
}

#[test]
fn a_notice_outlives_the_fault_and_a_restart() {
    let mut bench = Bench::with_pool(2, spot("Delete"));
    let fault = bench.fault("short", json!({"kind": "spot-evict"}));
    bench.pass(10_000);
    bench.remove(&fault);
    assert_eq!(noticed(&bench).len(), 2, "also without a pool: all spot machines");
    let (world, now) = (bench.world().clone(), bench.r.now());
    let mut again = Bench { r: Rehearsal::new(world, Env::default(), BootProfile::Fast, now) };
    again.pass(NOTICE - 10_000 - 1_001);
    assert_eq!(again.nodes("np").len(), 2);
    again.pass(1_002);
    assert_eq!((again.nodes("np").len(), again.pool("np").spec.count, again.nodes("system").len()), (0, 0, 1));
}

#[test]
fn a_share_of_the_machines_is_taken_and_those_that_come_later_too() {
    let mut bench = Bench::with_pool(40, spot("Delete"));
    let until = Time(bench.r.now().0 + 10 * MINUTE).to_string();
    bench.fault("half", json!({"kind": "spot-evict", "rate": 50, "until": until}));
    bench.pass(MINUTE);
    let left = bench.nodes("np").len();
    assert!((8..=32).contains(&left), "half of 40, drawn: {left}");
    bench.settle("np", |spec| spec.count = 40);
    bench.pass(MINUTE);
    assert!(bench.nodes("np").len() < 40 - 4, "the new ones are drawn as well: {}", bench.nodes("np").len());
    bench.pass(10 * MINUTE);
    bench.settle("np", |spec| spec.count = 40);
    bench.pass(MINUTE);
    assert_eq!(bench.nodes("np").len(), 40, "the fault is over");
}

#[test]
fn a_fault_that_could_hit_nothing_is_refused() {
    let mut bench = Bench::with_pool(1, spot("Delete"));
    let mut set = |spec: Value| {
        let doc = nodelane_model::codec::from_value(Kind::Fault, &json!({"metadata": {"name": "f"}, "spec": spec})).unwrap();
        match bench.ask(nodelane_model::Change::Create(std::sync::Arc::new(doc))) {
            Err(Refusal::Invalid { field, message, .. }) => format!("{field}: {message}"),
            other => format!("{other:?}"),
        }
    };
    let regular =
        "spec.pool: the machines of pool system are not spot machines and are never evicted; name a pool of priority Spot, or none";
    assert_eq!(set(json!({"kind": "spot-evict", "pool": "system"})), regular);
    assert_eq!(set(json!({"kind": "zone-out"})), "spec.zone: zone-out needs a zone, such as 1");
    assert!(set(json!({"kind": "flood"})).starts_with("spec.kind: must be one of allocation, "));
    assert!(set(json!({"kind": "spot-evict", "pool": "later"})).starts_with("Ok"), "a pool that may come");
}
