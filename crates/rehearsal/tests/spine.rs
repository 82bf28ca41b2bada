//! The spine without HTTP: machines become Ready nodes, deployments become running pods, nothing is left to do.
//!
//! Expected values come from a real peer or from the documents that the case names, never from our own output.
//! Not here: what other test files of this room cover.

use nodelane_engine::Env;
use nodelane_model::change::EtagConditions;
use nodelane_model::codec::from_value;
use nodelane_model::pod::Phase;
use nodelane_model::pool::{Mode, PoolSpec};
use nodelane_model::{Change, Kind, Origin, Time};
use nodelane_rehearsal::Rehearsal;
use nodelane_sim::BootProfile;
use nodelane_world::World;
use serde_json::json;
use std::sync::Arc;

const START: Time = Time(1_767_225_600_000);

fn pool(count: u32, mode: Mode) -> PoolSpec {
    PoolSpec { vm_size: "Standard_D16s_v5".into(), max_pods: 250, mode, ..nodelane_testkit::pool_spec(count) }
}

fn cluster() -> Change {
    let system = PoolSpec { orchestrator_version: "1.35".into(), ..pool(3, Mode::System) };
    nodelane_testkit::put_cluster([("system".into(), system)])
}

fn ask(rehearsal: &mut Rehearsal, change: Change) {
    rehearsal.request(change, Origin::default()).expect("the change is accepted");
}

fn create(rehearsal: &mut Rehearsal, kind: Kind, value: serde_json::Value) {
    ask(rehearsal, Change::Create(Arc::new(from_value(kind, &value).unwrap())));
}

fn with_pool(profile: BootProfile, count: u32) -> Rehearsal {
    let mut rehearsal = Rehearsal::new(World::new(7), Env::default(), profile, START);
    ask(&mut rehearsal, cluster());
    for name in ["default", "kube-system"] {
        create(
            &mut rehearsal,
            Kind::Namespace,
            json!({"metadata": {"name": name}, "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}),
        );
    }
    let idle = |world: &World| world.cluster().is_some_and(|cluster| cluster.state.operation.is_none());
    assert!(rehearsal.run_until_holds(START.plus(300_000), idle), "the cluster is made");
    let spec = Box::new(pool(count, Mode::User));
    ask(&mut rehearsal, Change::PutPool { name: "load".into(), spec, base: None, etag: EtagConditions::default(), request_hash: 1 });
    rehearsal
}

fn deployment(number: usize, replicas: usize) -> serde_json::Value {
    let app = format!("dep-{number:03}");
    json!({"metadata": {"name": app, "namespace": "default", "generation": 1}, "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": app}},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}, "progressDeadlineSeconds": 600, "revisionHistoryLimit": 10,
        "template": {"metadata": {"labels": {"app": app}}, "spec": {"restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "schedulerName": "default-scheduler",
            "containers": [{"name": "c", "image": "fake", "resources": {"requests": {"cpu": "100m", "memory": "200Mi"}}}]}}}})
}

fn ready_nodes(world: &World) -> usize {
    world.nodes().filter(|(_, row)| row.doc.as_node().is_some_and(|node| node.status.is_ready())).count()
}

fn running_pods(world: &World) -> usize {
    world.list(Kind::Pod, Some("default")).filter(|doc| doc.as_pod().is_some_and(|pod| pod.status.phase == Phase::Running)).count()
}

#[test]
fn a_pool_becomes_ready_nodes_and_a_deployment_running_pods() {
    let mut rehearsal = with_pool(BootProfile::Fast, 5);
    assert!(
        rehearsal.run_until_holds(START.plus(22_000), |world| ready_nodes(world) == 8),
        "{} nodes are Ready",
        ready_nodes(rehearsal.world())
    );
    rehearsal.run_until(START.plus(23_000));
    let (_, pool) = rehearsal.world().pool("load").unwrap();
    assert_eq!(pool.provisioning_state(), "Succeeded");
    create(&mut rehearsal, Kind::Deployment, deployment(0, 20));
    assert!(
        rehearsal.run_until_holds(START.plus(30_000), |world| running_pods(world) == 20),
        "{} pods run",
        running_pods(rehearsal.world())
    );
    rehearsal.run_until(START.plus(60_000));
    let doc = rehearsal.world().list(Kind::Deployment, None).next().unwrap();
    let status = &doc.as_deployment().unwrap().status;
    assert_eq!((status.replicas, status.ready_replicas, status.available_replicas, status.updated_replicas), (20, 20, 20, 20));
    assert_eq!(rehearsal.breakdowns, Vec::<String>::new());
}

#[test]
fn the_same_requests_give_the_same_documents_and_events() {
    let run = || {
        let mut rehearsal = with_pool(BootProfile::Azure, 4);
        rehearsal.run_until(START.plus(500_000));
        create(&mut rehearsal, Kind::Deployment, deployment(0, 30));
        rehearsal.run_until(START.plus(700_000));
        let docs: Vec<String> = rehearsal
            .world()
            .list_from(std::ops::Bound::Unbounded)
            .map(|doc| String::from_utf8_lossy(nodelane_model::codec::encode(doc)).into_owned())
            .collect();
        let events: Vec<String> = rehearsal.events.iter().map(|(at, event)| format!("{at} {} {:?}", event.revision, event.key())).collect();
        (docs, events)
    };
    assert_eq!(run(), run());
}

/// Figures, not expectations: run with `cargo test --release -p nodelane-rehearsal -- --ignored --nocapture`.
#[test]
#[ignore = "prints figures"]
#[allow(clippy::disallowed_methods)] // How long it takes in real time is what it is about.
fn a_thousand_machines_and_five_thousand_pods() {
    let start = std::time::Instant::now();
    let mut rehearsal = with_pool(BootProfile::Instant, 1000);
    let nodes = start.elapsed();
    assert_eq!(ready_nodes(rehearsal.world()), 1003);
    let start = std::time::Instant::now();
    for number in 0..10 {
        create(&mut rehearsal, Kind::Deployment, deployment(number, 500));
    }
    assert_eq!(running_pods(rehearsal.world()), 5000);
    println!("1,000 machines Ready in {nodes:?}; 5,000 pods Running in {:?}; {} events", start.elapsed(), rehearsal.events.len());
}
