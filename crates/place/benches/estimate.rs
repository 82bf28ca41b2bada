//! What cluster-autoscaler's own benchmark of its estimator costs here: 51,000 pods in two classes, machines of one core, at most 3,000.
//!
//! `cargo bench -p nodelane-place --bench estimate` prints time by the wall clock and on the processor, the best of five: with pods that share their
//! template, with pods written one by one, and with pods that differ in a label each. Karpenter's benchmark is `cargo xtask bench estimate-5000`.
#![allow(clippy::disallowed_methods, reason = "a bench is what reads the time")]

use nodelane_model::{Doc, Kind, Name, codec};
use nodelane_place::estimate::{Expander, Limit, Preferences, Request, Search, Template, estimate};
use nodelane_world::{NodeRow, World};
use serde_json::json;
use std::sync::Arc;

fn pod(name: &str, cpu_milli: usize, memory_mib: usize) -> Doc {
    let requests = json!({"cpu": format!("{cpu_milli}m"), "memory": format!("{memory_mib}Mi")});
    let pod = json!({"metadata": {"name": name, "namespace": "default", "labels": {"pod": name}}, "spec": {
        "containers": [{"name": "c", "image": "pause", "resources": {"requests": requests}}]}});
    codec::from_value(Kind::Pod, &pod).expect("a pod")
}

fn main() {
    let amounts = json!({"cpu": "1", "memory": "5000Mi", "pods": "100"});
    let node = json!({"metadata": {"name": "t"}, "spec": {}, "status": {"allocatable": amounts, "capacity": amounts}});
    let row = NodeRow::empty(Arc::new(codec::from_value(Kind::Node, &node).expect("a node")));
    let name = || Name::new("t");
    let template =
        Template { group: name(), size: name(), zone: name(), capacity_type: name(), row, price_nano_usd: 1, takes: vec![(0, 1)] };
    let kinds = [("small", 50_000, 50, 100), ("large", 1000, 95, 190)];
    let shared = kinds.iter().flat_map(|(name, count, cpu, memory)| vec![pod(name, *cpu, *memory); *count]);
    let alone = kinds.iter().flat_map(|(name, count, cpu, memory)| (0..*count).map(|_| pod(name, *cpu, *memory)));
    let unlike = kinds.iter().flat_map(|(name, count, cpu, memory)| (0..*count).map(move |at| pod(&format!("{name}{at}"), *cpu, *memory)));
    let sets: [(&str, Vec<Doc>); 3] =
        [("of two templates", shared.collect()), ("written one by one", alone.collect()), ("with a label each", unlike.collect())];
    for (what, pods) in sets {
        let pods: Vec<Arc<Doc>> = pods.into_iter().map(Arc::new).collect();
        let limits = [Limit { name: name(), left: 3000 }];
        let search = Search::Expanders(vec![Expander::LeastWaste]);
        let (world, templates, preferences) = (World::new(0), std::slice::from_ref(&template), Preferences::Soft);
        let request = Request { world: &world, pods: &pods, templates, limits: &limits, preferences, search, config: Arc::default() };
        let (mut wall, mut processor, mut machines) = (f64::MAX, f64::MAX, 0);
        for _ in 0..5 {
            let (start, began) = (std::time::Instant::now(), on_processor());
            let found = estimate(&request);
            (wall, processor) = (wall.min(start.elapsed().as_secs_f64()), processor.min(on_processor() - began));
            machines = found.machines.len();
        }
        println!("51,000 pods {what}: {:.1} ms ({:.1} ms on the processor), {machines} machines", wall * 1e3, processor * 1e3);
    }
}

/// Seconds that this thread has run: on a busy machine the wall clock counts others' work.
fn on_processor() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok()).unwrap_or_default() / 1e9
}
