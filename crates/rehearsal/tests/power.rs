//! Stopping and starting: machines are deallocated and come back, pools and cluster alike.
//!
//! aks-semantics 3.5 (ST-1, SP-7) and section 9 item 0 (an aborted stop restores Running and the count).

mod support;

use nodelane_model::Change;
use nodelane_model::machine::MachinePhase;
use nodelane_model::pod::Phase;
use nodelane_model::pool::Power;
use nodelane_world::World;
use serde_json::json;
use support::*;

fn pending(world: &World) -> usize {
    world
        .list(nodelane_model::Kind::Pod, Some("default"))
        .filter(|doc| doc.as_pod().is_some_and(|pod| pod.node.is_none() && pod.status.phase == Phase::Pending))
        .count()
}

#[test]
fn a_stopped_pool_has_no_nodes_keeps_its_machines_and_its_pods_wait() {
    let mut bench = Bench::with_pool(2, |_| {});
    bench.deploy("web", 3, "np", json!({}));
    let names = bench.node_names("np");
    bench.put("np", |spec| spec.power = Power::Stopped);
    assert_eq!(bench.state("np"), "Stopping");
    bench.idle("np", HOUR);
    bench.pass(10_000);
    assert_eq!((bench.state("np"), bench.pool("np").spec.power, bench.pool("np").spec.count), ("Succeeded", Power::Stopped, 2));
    assert_eq!(bench.nodes("np").len(), 0);
    assert!(bench.machines("np").iter().all(|(_, machine)| machine.phase == MachinePhase::Stopped));
    assert_eq!(pending(bench.world()), 3);

    bench.put("np", |spec| spec.power = Power::Running);
    assert_eq!(bench.state("np"), "Starting");
    bench.idle("np", HOUR);
    bench.pass(10_000);
    assert_eq!((bench.state("np"), bench.node_names("np")), ("Succeeded", names));
    assert_eq!((pending(bench.world()), running(bench.world(), "web").len()), (0, 3));
    bench.assert_tidy("np");
}

#[test]
fn pods_of_a_stopped_pool_come_back_where_there_is_another() {
    let mut bench = Bench::with_pool(2, |_| {});
    bench.make("other", 2, |_| {});
    bench.deploy("web", 6, "np", json!({"nodeSelector": {"agentpool": "np"}}));
    bench.deploy("free", 6, "np", json!({"nodeSelector": {"agentpool": null, "kubernetes.io/os": "linux"}}));
    bench.settle("np", |spec| spec.power = Power::Stopped);
    bench.pass(10_000);
    assert_eq!((running(bench.world(), "web").len(), running(bench.world(), "free").len()), (0, 6));
}

#[test]
fn an_aborted_stop_restores_running_and_the_count() {
    let mut bench = Bench::with_pool(3, |_| {});
    bench.put("np", |spec| spec.power = Power::Stopped);
    bench.pass(500);
    bench.ask(Change::AbortPool { name: "np".into() }).unwrap();
    bench.idle("np", HOUR);
    assert_eq!((bench.state("np"), bench.pool("np").spec.power, bench.pool("np").spec.count), ("Canceled", Power::Running, 3));
    bench.assert_tidy("np");
    bench.settle("np", |spec| spec.power = Power::Stopped);
    assert_eq!((bench.state("np"), bench.nodes("np").len()), ("Succeeded", 0), "a canceled pool may be stopped");
}

#[test]
fn a_pool_whose_create_was_aborted_early_can_be_stopped() {
    let mut bench = Bench::new(nodelane_sim::BootProfile::Fast);
    bench.fault("slow", json!({"kind": "never-registers", "pool": "np"}));
    bench.put_spec("np", spec(2)).unwrap();
    bench.pass(1_000);
    bench.ask(Change::AbortPool { name: "np".into() }).unwrap();
    bench.idle("np", HOUR);
    assert_eq!(bench.state("np"), "Canceled");
    bench.settle("np", |spec| spec.power = Power::Stopped);
    assert_eq!(bench.state("np"), "Succeeded");
    assert!(bench.machines("np").iter().all(|(_, machine)| machine.phase == MachinePhase::Stopped));
}

#[test]
fn a_stopped_cluster_has_no_nodes_and_starts_with_the_pools_that_ran() {
    let mut bench = Bench::with_pool(2, |_| {});
    bench.make("off", 1, |_| {});
    bench.settle("off", |spec| spec.power = Power::Stopped);
    bench.deploy("web", 3, "np", json!({}));
    let idle = |world: &World| world.cluster().is_some_and(|cluster| cluster.state.operation.is_none());
    bench.ask(Change::StopCluster).unwrap();
    bench.until(HOUR, idle);
    let (cluster, nodes) = (bench.world().cluster().unwrap().clone(), bench.world().nodes().count());
    assert_eq!((cluster.provisioning_state(), cluster.spec.power, nodes), ("Succeeded", Power::Stopped, 0));

    bench.ask(Change::StartCluster).unwrap();
    bench.until(HOUR, idle);
    bench.pass(10_000);
    assert_eq!(bench.world().cluster().unwrap().provisioning_state(), "Succeeded");
    assert_eq!((bench.nodes("system").len(), bench.nodes("np").len(), bench.nodes("off").len()), (1, 2, 0));
    assert_eq!(running(bench.world(), "web").len(), 3);
    bench.assert_tidy("np");
}

#[test]
fn a_cluster_that_cannot_start_all_of_its_machines_says_so_and_ends() {
    let mut bench = Bench::with_pool(3, |_| {});
    let idle = |world: &World| world.cluster().is_some_and(|cluster| cluster.state.operation.is_none());
    bench.ask(Change::StopCluster).unwrap();
    bench.until(HOUR, idle);
    bench.fault("short", json!({"kind": "allocation", "pool": "np", "count": 1}));
    bench.ask(Change::StartCluster).unwrap();
    bench.until(HOUR, idle);
    assert_eq!(
        (bench.world().cluster().unwrap().provisioning_state(), bench.state("np"), bench.state("system")),
        ("Failed", "Failed", "Succeeded")
    );
    bench.settle("np", |_| {});
    assert_eq!(bench.state("np"), "Succeeded", "a PUT of the pool mends it");
    bench.assert_tidy("np");
}
