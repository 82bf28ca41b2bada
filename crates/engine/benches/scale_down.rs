//! What taking nodes costs: the whole decision from nothing, a look after one pod changed, and a turn in which nothing did.
//!
//! `cargo bench -p nodelane-engine --bench scale_down` prints a line a figure, best and median of nine. The shape is cluster-autoscaler's
//! own RunOnceScaleDown: 2,000 nodes with 40 pods of 1 % each that are safe to evict, of which 800 full nodes would hold all.
#![allow(clippy::disallowed_methods, reason = "a bench is what reads the time")]

use nodelane_engine::Env;
use nodelane_engine::autoscale::{Memory, Profile, down};
use nodelane_model::machine::{Machine, MachineModel, MachinePhase};
use nodelane_model::pool::{NodePool, PoolSpec};
use nodelane_model::{Body, Doc, Key, Kind, Meta, Name, Pod, Time, Uid, codec};
use nodelane_world::{Draft, List, World};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};

const RUNS: usize = 9;
const NOW: Time = Time(1_767_225_600_000);
/// Machines of one pool at most.
const POOL: usize = 1_000;

fn main() {
    whole(2_000, 40);
    for nodes in [500, 5_000] {
        turns(nodes, 10);
    }
}

fn profile() -> Profile {
    // As many nodes at once as there are: upstream's benchmark sets no limit either.
    Profile { non_empty_candidates: usize::MAX, ..Profile::default() }
}

/// The decision with nothing remembered.
fn whole(nodes: usize, pods: usize) {
    let world = world(nodes, pods);
    let mut found = 0;
    let mut times: Vec<Duration> = (0..RUNS)
        .map(|_| {
            let mut draft = Draft::new(world.clone(), NOW);
            let mut memory = Memory::default();
            let start = Instant::now();
            down::plan(&mut draft, &Env::default(), &mut memory, &profile(), usize::MAX);
            let time = start.elapsed();
            found = memory.down.unneeded().len();
            time
        })
        .collect();
    show(&format!("{nodes} nodes, {} pods, from nothing: {found} of no need", nodes * pods), &mut times);
}

/// Turns after the first look.
fn turns(nodes: usize, pods: usize) {
    let mut draft = Draft::new(world(nodes, pods), NOW);
    let mut memory = Memory::default();
    let profile = Profile::default();
    let turn = |draft: &mut Draft, memory: &mut Memory| {
        memory.changed.clear();
        let start = Instant::now();
        while let Some(key) = draft.world.work.take_after(List::Autoscale, None) {
            memory.changed.insert(key);
        }
        down::plan(draft, &Env::default(), memory, &profile, usize::MAX);
        start.elapsed()
    };
    for step in 0..20 {
        // Until no taint is left to be set.
        draft.now = NOW.plus(step * 10_000);
        turn(&mut draft, &mut memory);
    }
    let mut idle: Vec<Duration> = (0..RUNS).map(|_| turn(&mut draft, &mut memory)).collect();
    show(&format!("{nodes} nodes, nothing changed"), &mut idle);
    let mut looks = Vec::new();
    for step in 0..RUNS as i64 {
        draft.now = NOW.plus((30 + step) * 10_000);
        let key = Key::new(Kind::Pod, "default", format!("p{:05}-{:03}", nodes - 1 - step as usize, 0));
        draft.update(&key, |doc| doc.meta.deleted = Some(NOW.plus(3_600_000)));
        looks.push(turn(&mut draft, &mut memory));
    }
    show(&format!("{nodes} nodes, one pod began to go, a look"), &mut looks);
}

fn show(what: &str, times: &mut [Duration]) {
    times.sort_unstable();
    println!("{what}: best {:?}, median {:?}", times[0], times[times.len() / 2]);
}

fn world(nodes: usize, pods: usize) -> World {
    let mut world = World::new(0);
    let mut put = |key: Key, meta: Meta, body: Body| {
        let revision = world.revision + 1;
        let meta = Meta { uid: Uid(u128::from(revision)), ..meta };
        world.put(Arc::new(Doc::new(key, revision, meta, body)));
    };
    put(Key::global(Kind::Cluster, "cluster"), Meta::default(), Body::Cluster(Box::default()));
    for pool in 0..nodes.div_ceil(POOL) {
        let spec = PoolSpec { enable_auto_scaling: true, min_count: Some(0), max_count: Some(1_000), ..PoolSpec::default() };
        put(
            Key::global(Kind::NodePool, format!("np{pool}")),
            Meta::default(),
            Body::NodePool(Box::new(NodePool { spec, ..NodePool::default() })),
        );
    }
    let node = codec::from_value(
        Kind::Node,
        &json!({"metadata": {"name": "n"}, "spec": {}, "status": {"conditions": [{"type": "Ready", "status": "True"}],
            "allocatable": {"cpu": "10", "memory": "10Gi", "pods": "110"}}}),
    )
    .expect("a node");
    for at in 0..nodes {
        let name: Name = format!("n{at:05}").into();
        let mut machine = Machine::requested(&format!("np{}", at / POOL), at as u32, "Standard_D4s_v5", MachineModel::default(), NOW);
        machine.enter(MachinePhase::Running, NOW);
        put(Key::global(Kind::Machine, name.clone()), Meta::default(), Body::Machine(Box::new(machine)));
        let labels = Arc::new([("kubernetes.io/hostname".into(), name.clone())].into());
        put(Key::global(Kind::Node, name), Meta { labels, ..Meta::default() }, node.body.clone());
    }
    let pod = codec::from_value(
        Kind::Pod,
        &json!({"metadata": {"name": "p", "namespace": "default", "annotations": {"cluster-autoscaler.kubernetes.io/safe-to-evict": "true"}},
            "spec": {"containers": [{"name": "c", "image": "i", "resources": {"requests": {"cpu": "100m", "memory": "100Mi"}}}]},
            "status": {"phase": "Running"}}),
    )
    .expect("a pod");
    let body = pod.as_pod().expect("a pod").clone();
    for at in 0..nodes * pods {
        let bound = Pod { node: Some(format!("n{:05}", at / pods).into()), ..body.clone() };
        put(Key::new(Kind::Pod, "default", format!("p{:05}-{:03}", at / pods, at % pods)), pod.meta.clone(), Body::Pod(bound));
    }
    world
}
