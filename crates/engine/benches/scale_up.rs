//! What cluster-autoscaler's RunOnceScaleUp costs here: 50,000 pending pods of 200m without an owner, one pool of 0 to 10,000 machines of
//! ten cores, in one look; and what a turn costs in which nothing has changed, at 500 and at 5,000 nodes.
//!
//! `cargo bench -p nodelane-engine --bench scale_up` prints time by the wall clock and on the processor, the best of five. A look adds
//! at most 1,000 machines, which is what these pods need.
#![allow(clippy::disallowed_methods, reason = "a bench is what reads the time")]

use nodelane_engine::autoscale::{self, Memory};
use nodelane_engine::{Env, cluster_key};
use nodelane_model::machine::{Intent, MachineModel, MachinePhase};
use nodelane_model::{Body, Cluster, Doc, Key, Kind, Machine, Meta, NodePool, Time, codec};
use nodelane_world::{Draft, World};
use serde_json::json;
use std::time::Instant;

/// A size of sixteen cores, of which this many pods of [`POD_MILLI`] leave no room for one more: ten cores' worth for pods.
const SIZE: &str = "Standard_D16s_v5";
/// 50 of these are what a node of ten cores takes; on fifteen and some, 50 are taken by the limit of pods.
const PODS_PER_NODE: u32 = 50;
const POD_MILLI: u32 = 200;

fn base(nodes: u32) -> World {
    let mut draft = Draft::new(World::new(7), Time(0));
    let mut cluster = Cluster::default();
    cluster.spec.location = "eastus".into();
    cluster.state.version = "1.35.1".into();
    draft.create(cluster_key(), Meta::default(), Body::Cluster(Box::new(cluster)));
    let mut pool = NodePool::default();
    (pool.spec.enable_auto_scaling, pool.spec.min_count, pool.spec.max_count) = (true, Some(0), Some(10_000));
    (pool.spec.vm_size, pool.spec.max_pods, pool.state.version) = (SIZE.into(), PODS_PER_NODE, "1.35.1".into());
    draft.create(Key::global(Kind::NodePool, "np"), Meta::default(), Body::NodePool(Box::new(pool)));
    for instance in 0..nodes {
        let mut machine = Machine::requested("np", instance, SIZE, MachineModel::default(), Time(0));
        (machine.phase, machine.intent) = (MachinePhase::Running, Intent::Run);
        let name = format!("m{instance:05}");
        draft.create(Key::global(Kind::Machine, name.clone()), Meta::default(), Body::Machine(Box::new(machine)));
        let ready = json!({"metadata": {"name": name}, "spec": {}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}});
        put(&mut draft, codec::from_value(Kind::Node, &ready).expect("a node"));
    }
    draft.world
}

fn put(draft: &mut Draft, doc: Doc) {
    draft.create(doc.key.clone(), doc.meta.clone(), doc.body.clone());
}

fn with_pods(world: World, count: u32) -> World {
    let mut draft = Draft::new(world, Time(0));
    for at in 0..count {
        let told = json!([{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]);
        let pod = json!({"metadata": {"name": format!("p{at:05}"), "namespace": "default"}, "status": {"phase": "Pending", "conditions": told},
            "spec": {"containers": [{"name": "c", "image": "pause", "resources": {"requests": {"cpu": format!("{POD_MILLI}m")}}}]}});
        put(&mut draft, codec::from_value(Kind::Pod, &pod).expect("a pod"));
    }
    draft.world
}

fn main() {
    let env = Env::default();
    let world = with_pods(base(0), 50_000);
    let (mut wall, mut processor, mut machines) = (f64::MAX, f64::MAX, 0);
    for _ in 0..5 {
        let (mut draft, mut memory) = (Draft::new(world.clone(), Time(60_000)), Memory::default());
        let (start, began) = (Instant::now(), on_processor());
        autoscale::plan(&mut draft, &env, &mut memory, true, 512);
        (wall, processor) = (wall.min(start.elapsed().as_secs_f64()), processor.min(on_processor() - began));
        machines = draft.world.list(Kind::Machine, None).count();
    }
    println!("50,000 pending pods: {:.1} ms ({:.1} ms on the processor), {machines} machines", wall * 1e3, processor * 1e3);
    for nodes in [500, 5_000] {
        let (mut draft, mut memory) = (Draft::new(base(nodes), Time(60_000)), Memory::default());
        for _ in 0..4 {
            autoscale::plan(&mut draft, &env, &mut memory, true, 512);
        }
        draft.now = Time(61_000);
        let turns = 1_000;
        let start = Instant::now();
        for _ in 0..turns {
            autoscale::plan(&mut draft, &env, &mut memory, true, 512);
        }
        println!("an idle turn at {nodes} nodes: {:.1} us", start.elapsed().as_secs_f64() * 1e6 / f64::from(turns));
    }
}

/// Seconds that this thread has run: on a busy machine the wall clock counts others' work.
fn on_processor() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok()).unwrap_or_default() / 1e9
}
