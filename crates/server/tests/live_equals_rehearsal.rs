//! The same requests, live and on virtual time, end in the same documents and events.
//!
//! A cell on a thread with a file and a clock, and one in a rehearsal, begin with the same world and get the same create, deployment,
//! scale, upgrade and delete. After each step everything is compared but what names a moment or derives from one: times, ids, revisions,
//! and the generated ends of pods' names.

use nodelane_arm::{ClusterId, GroupId, pool};
use nodelane_catalog::Catalog;
use nodelane_control::Door;
use nodelane_engine::Env;
use nodelane_model::change::EtagConditions;
use nodelane_model::codec::{from_value, to_value};
use nodelane_model::{Change, Doc, Kind, Origin, Time};
use nodelane_rehearsal::Rehearsal;
use nodelane_server::BootProfile;
use nodelane_server::driver::{LiveCell, OpenCell, genesis};
use nodelane_server::process::Entry;
use nodelane_world::World;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const POOL: &str = "lane";

fn put(world: &World, properties: Value) -> Change {
    let cluster = world.cluster().unwrap();
    let stored = world.pool(POOL);
    let context = pool::Context {
        catalog: Catalog::default(),
        cluster: &cluster.spec,
        control_plane: cluster.state.version.parse().unwrap(),
        stored: stored.map(|(_, pool)| pool::Stored { pool, count: pool.spec.count }),
    };
    let body = json!({ "properties": properties }).to_string();
    let spec = Box::new(pool::put(body.as_bytes(), &context).unwrap());
    let base = stored.map(|(doc, _)| doc.revision);
    Change::PutPool { name: POOL.into(), spec, base, etag: EtagConditions::default(), request_hash: 1 }
}

fn object(kind: Kind, value: &Value) -> Change {
    Change::Create(Arc::new(from_value(kind, value).unwrap()))
}

/// A request, computed from the world as it is then.
type Step = Box<dyn Fn(&World) -> Change>;

/// What is asked, one after another.
fn steps() -> Vec<Step> {
    let labels = json!({"app": "shop"});
    let budget =
        json!({"metadata": {"name": "shop", "namespace": "default"}, "spec": {"minAvailable": 3, "selector": {"matchLabels": labels}}});
    let deployment = json!({"metadata": {"name": "shop", "namespace": "default", "generation": 1}, "spec": {"replicas": 4,
        "selector": {"matchLabels": labels}, "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
        "progressDeadlineSeconds": 600, "revisionHistoryLimit": 10, "template": {"metadata": {"labels": labels}, "spec": {
            "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "schedulerName": "default-scheduler", "nodeSelector": {"agentpool": POOL},
            "containers": [{"name": "c", "image": "i", "resources": {"requests": {"cpu": "100m"}}}]}}}});
    vec![
        Box::new(|world| put(world, json!({"count": 3, "vmSize": "Standard_D4s_v5", "mode": "User", "orchestratorVersion": "1.34"}))),
        Box::new(move |_| object(Kind::PodDisruptionBudget, &budget)),
        Box::new(move |_| object(Kind::Deployment, &deployment)),
        Box::new(|world| put(world, json!({"count": 5}))),
        Box::new(|world| put(world, json!({"count": 2}))),
        Box::new(|world| put(world, json!({"orchestratorVersion": "1.35"}))),
        Box::new(|_| Change::DeletePool { name: POOL.into(), ignore_budgets: true, etag: EtagConditions::default() }),
    ]
}

/// Whether nothing is under way: no operation, and every pod that has a place runs.
fn is_at_rest(world: &World) -> bool {
    let pods = || world.list(Kind::Pod, None).filter_map(|doc| Some((doc, doc.as_pod()?)));
    let wanted: i32 = world.list(Kind::Deployment, None).filter_map(|doc| doc.as_deployment()?.spec.replicas).sum();
    world.list(Kind::NodePool, None).all(|doc| doc.as_pool().is_some_and(|pool| pool.state.operation.is_none()))
        && pods().filter(|(doc, _)| !doc.is_terminating()).count() as i32 == wanted
        && pods().all(|(doc, pod)| !doc.is_terminating() && (pod.node.is_none() || pod.status.is_ready()))
        && world
            .list(Kind::Deployment, None)
            .all(|doc| doc.as_deployment().is_some_and(|d| d.status.observed_generation == doc.meta.generation))
}

/// Everything but what names a moment or derives from one.
fn normal(doc: &Doc) -> String {
    let mut value = to_value(doc);
    forget_moments(&mut value);
    if matches!(doc.kind(), Kind::Pod | Kind::Event) {
        value["metadata"] = json!({"namespace": doc.key.namespace});
    }
    if let Some(event) = doc.as_event() {
        let about = &event.involved_object;
        let message = event.message.replace(about.name.as_str(), "NAME");
        return format!("Event {} {} {}", about.kind, event.reason, cut_generated(&message));
    }
    format!("{} {value}", doc.kind().as_str())
}

/// The ends of generated pod names differ: `shop-7bd999997d-x4k2p` is cut behind the template's hash.
fn cut_generated(text: &str) -> String {
    let cut = |word: &str| match word.rsplit_once('-') {
        Some((head, tail)) if tail.len() == 5 && head.contains('-') => head.to_owned(),
        _ => word.to_owned(),
    };
    text.split(' ').map(cut).collect::<Vec<_>>().join(" ")
}

fn forget_moments(value: &mut Value) {
    const MOMENTS: [&str; 22] = [
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "lastTransitionTime",
        "lastUpdateTime",
        "startTime",
        "startedAt",
        "id",
        "started",
        "phaseSince",
        "renewed",
        "rolled",
        "at",
        "timestamp",
        "bootID",
        "machineID",
        "systemUUID",
        "containerID",
        "podIP",
        "podIPs",
        "since",
        "gone",
    ];
    match value {
        Value::Object(map) => {
            map.retain(|key, _| !MOMENTS.contains(&key.as_str()) && key != "deletionStarted");
            map.values_mut().for_each(forget_moments);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_moments),
        _ => {}
    }
}

/// All documents but pods' places (which of equal nodes a pod gets depends on which was Ready first), as a sorted list.
fn picture(world: &World) -> Vec<String> {
    let kinds = [Kind::NodePool, Kind::Machine, Kind::Node, Kind::Deployment, Kind::ReplicaSet, Kind::PodDisruptionBudget];
    let mut lines: Vec<String> = kinds.iter().flat_map(|kind| world.list(*kind, None)).map(|doc| normal(doc)).collect();
    lines.extend(world.list(Kind::Pod, None).filter_map(|doc| {
        let pod = doc.as_pod()?;
        Some(format!("Pod {:?} {:?} {}", doc.meta.labels, pod.status.phase, pod.node.is_some()))
    }));
    let operations = world.list(Kind::Event, None).filter(|doc| doc.as_event().is_some_and(|event| event.involved_object.kind == "Node"));
    lines.extend(operations.map(|doc| normal(doc)));
    lines.sort();
    lines
}

fn first_world() -> (Entry, World) {
    let id = ClusterId {
        group: GroupId { subscription: "00000000-0000-0000-0000-000000000001".into(), group: "lanes".into() },
        cluster: "dev".into(),
    };
    let entry = Entry { key: "dev".into(), id, seed: 11, is_default: true };
    let world = genesis::cluster(&entry, Env::default(), Time(1_767_225_600_000)).unwrap();
    (entry, world)
}

async fn rest(live: &LiveCell) -> Arc<World> {
    let waiting = async {
        loop {
            let world = live.world();
            // The worklists of a durable world are those of its last write: at rest is what does not move any more.
            let moved = tokio::time::timeout(Duration::from_millis(150), live.moved(world.revision)).await.is_ok();
            if !moved && is_at_rest(&world) {
                return world;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting).await.expect("the live cell comes to rest")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_requests_end_in_the_same_documents_and_events() {
    let (entry, world) = first_world();
    let folder = tempfile::tempdir().unwrap();
    let mut open = OpenCell::open(&folder.path().join("dev.db"), entry.seed).unwrap();
    open.found(world.clone()).unwrap();
    let live = open.start(Env::default(), BootProfile::Instant);
    let now = live.now();
    let mut rehearsal = Rehearsal::new(world, Env::default(), BootProfile::Instant, now);
    for (number, step) in steps().iter().enumerate() {
        let before = rest(&live).await;
        live.submit(step(&before), Origin::default()).await.unwrap();
        let ahead = rehearsal.now().plus(60_000);
        let change = step(rehearsal.world());
        rehearsal.request(change, Origin::default()).unwrap();
        assert!(rehearsal.run_until_holds(ahead, is_at_rest), "step {number} comes to rest on virtual time");
        let (lived, rehearsed) = (picture(&*rest(&live).await), picture(rehearsal.world()));
        let only = |these: &[String], those: &[String]| these.iter().filter(|line| !those.contains(line)).cloned().collect::<Vec<_>>();
        assert_eq!((only(&lived, &rehearsed), only(&rehearsed, &lived)), (vec![], vec![]), "step {number}: only live, only rehearsed");
        assert_eq!(lived.len(), rehearsed.len(), "step {number}");
    }
    live.stop();
}
