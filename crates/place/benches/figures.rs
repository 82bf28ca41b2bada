//! What placing costs, in the shapes of scheduler_perf and of what-ifs: one thread, all scores exact, nothing parsed in the time shown.
//!
//! `cargo bench -p nodelane-place --bench figures [-- NAME]` prints a line a figure: decisions a second, or time for one question; the best and
//! the median of five, with the peer's figure and the ratio of the median to it; then the time of the whole process. Nodes and pods are those of scheduler_perf: 4 CPU, 32 GiB, 110 pods; 100m, 500 MiB.
#![allow(clippy::disallowed_methods, reason = "a bench is what reads the time")]

use nodelane_model::pod::PodSpec;
use nodelane_model::{Doc, Key, Kind, Name, Time, codec};
use nodelane_place::{Answer, Memory, Reason, Room, explain, plan};
use nodelane_world::{Draft, World};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

const RUNS: usize = 5;

/// What the peers reach: kube-scheduler 1.36.3's scheduler_perf on two cores, or where it did not run here the threshold that it publishes, in pods
/// a second; cluster-autoscaler's FilterOutSchedulable, in questions a second. The peer's share of its API server is in its figures.
const PEERS: [(&str, f64); 10] = [
    ("basic", 273.0),
    ("topology spread", 106.0),
    ("anti-affinity", 80.0),
    ("affinity", 35.0),
    ("node affinity", 220.0),
    ("preferred affinity", 90.0),
    ("preferred anti-affinity", 90.0),
    ("preemption, 500 nodes", 160.0),
    (FILTERED, 1.0 / 6.7),
    (FILTERED_OF_100, 1.0 / 6.7),
];
const FILTERED: &str = "filter out schedulable: 12,000 pods on 1,000 nodes, none fits, reasons by pool";
const FILTERED_OF_100: &str = "the same with pods of 100 classes";

fn main() {
    let begin = Instant::now();
    println!("load before: {}", std::fs::read_to_string("/proc/loadavg").unwrap_or_default().trim());
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let is_wanted = |name: &str| wanted.as_ref().is_none_or(|wanted| name.contains(wanted.as_str()));
    for (name, nodes, placed, pending, template) in shapes() {
        if is_wanted(name) {
            rate(name, nodes, placed, pending, &template);
        }
    }
    if is_wanted("preemption") {
        preemption("preemption, 500 nodes", 500, 500);
        preemption("preemption, 5,000 nodes", 5000, 1000);
    }
    if is_wanted("verdict") {
        verdict();
    }
    for (name, classes) in [(FILTERED, 1), (FILTERED_OF_100, 100)] {
        if is_wanted(name) {
            filter_out_schedulable(name, classes);
        }
    }
    if is_wanted("turn") {
        turns(500);
        turns(5000);
    }
    for (name, classes) in [("fork, a node more, 100 pods of 5 classes", 5), ("fork, a node more, 100 pods of 100 classes", 100)] {
        if is_wanted(name) {
            what_if(name, classes);
        }
    }
    println!("the whole process, with making its worlds: {:.1} s", begin.elapsed().as_secs_f64());
}

type Shape = (&'static str, usize, usize, usize, Value);

fn shapes() -> Vec<Shape> {
    let near = |kind: &str, label: &str| {
        json!({"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"labelSelector": {"matchLabels": {"color": label}}, "topologyKey": if kind == "podAffinity" { "topology.kubernetes.io/zone" } else { "kubernetes.io/hostname" }}]}}})
    };
    let soft = |kind: &str| {
        json!({"affinity": {kind: {"preferredDuringSchedulingIgnoredDuringExecution": [
        {"weight": 1, "podAffinityTerm": {"labelSelector": {"matchLabels": {"color": "c"}}, "topologyKey": "kubernetes.io/hostname"}}]}}})
    };
    let spread = json!({"topologySpreadConstraints": [{"maxSkew": 5, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"color": "c"}}}]});
    let selected = json!({"nodeSelector": {"topology.kubernetes.io/zone": "z1"}});
    vec![
        ("basic", 5000, 1000, 10_000, json!({})),
        ("topology spread", 5000, 1000, 5000, spread),
        ("anti-affinity", 5000, 1000, 2000, near("podAntiAffinity", "c")),
        ("affinity", 5000, 1000, 5000, near("podAffinity", "c")),
        ("node affinity", 5000, 1000, 5000, selected),
        ("preferred affinity", 5000, 1000, 5000, soft("podAffinity")),
        ("preferred anti-affinity", 5000, 1000, 5000, soft("podAntiAffinity")),
        ("growth: 10,000 pods on 1,000 nodes", 1000, 100, 10_000, json!({})),
        ("growth: 25,000 pods on 2,500 nodes", 2500, 250, 25_000, json!({})),
        ("growth: 50,000 pods on 5,000 nodes", 5000, 500, 50_000, json!({})),
        ("growth: 100,000 pods on 10,000 nodes", 10_000, 1000, 100_000, json!({})),
    ]
}

fn node(number: usize) -> Value {
    let name = format!("node-{number:05}");
    let room = json!({"cpu": "4", "memory": "32Gi", "pods": "110"});
    json!({"metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "topology.kubernetes.io/zone": format!("z{}", number % 3), "agentpool": format!("pool{}", number % 4)}},
        "spec": {}, "status": {"allocatable": room, "capacity": room, "conditions": [{"type": "Ready", "status": "True"}]}})
}

fn doc(kind: Kind, value: &Value) -> Doc {
    codec::from_value(kind, value).expect("it is well formed")
}

fn spec(more: &Value, cpu: &str) -> Value {
    let mut spec = json!({"containers": [{"name": "c", "image": "registry.k8s.io/pause:3.10", "resources": {"requests": {"cpu": cpu, "memory": "500Mi"}}}]});
    more.as_object().into_iter().flatten().for_each(|(field, value)| spec[field] = value.clone());
    spec
}

/// A world, and how many documents it holds.
struct Builder(World);

impl Builder {
    fn put(&mut self, mut doc: Doc) {
        doc.revision = self.0.revision + 1;
        doc.meta.uid = nodelane_model::Uid(u128::from(doc.revision));
        self.0.put(Arc::new(doc));
    }
    /// Pods that share their template's parts, as a replica set's do.
    fn pods(&mut self, prefix: &str, count: usize, spec: &Value, nodes: Option<usize>) {
        let first =
            doc(Kind::Pod, &json!({"metadata": {"name": prefix, "namespace": "x", "labels": {"color": "c", "app": prefix}}, "spec": spec}));
        for n in 0..count {
            let mut pod = first.clone();
            pod.key = Key::new(Kind::Pod, "x", format!("{prefix}-{n:06}"));
            pod.meta.created = Time(n as i64);
            if let (Some(nodes), Some(body)) = (nodes, pod.as_pod_mut()) {
                body.node = Some(format!("node-{:05}", n % nodes).into());
            }
            self.put(pod);
        }
    }
}

fn world(nodes: usize, placed: usize, template: &Value) -> Builder {
    let mut builder = Builder(World::new(1));
    (0..nodes).for_each(|n| builder.put(doc(Kind::Node, &node(n))));
    let template = spec(template, "100m");
    builder.pods("placed", placed, &template, Some(nodes));
    builder
}

fn bound(world: &World) -> usize {
    world.list(Kind::Pod, None).filter(|pod| pod.as_pod().is_some_and(|pod| pod.node.is_some())).count()
}

fn rate(name: &str, nodes: usize, placed: usize, pending: usize, template: &Value) {
    let mut builder = world(nodes, placed, template);
    builder.pods("pending", pending, &spec(template, "100m"), None);
    let times = (0..RUNS).map(|_| {
        let mut draft = Draft::new(builder.0.clone(), Time(0));
        let begin = Begin::now();
        plan(&mut draft, &mut Memory::default(), usize::MAX, evict);
        let time = begin.took();
        assert_eq!(bound(&draft.world), placed + pending, "{name}: all are placed");
        time
    });
    print(name, times.collect(), pending);
}

/// A pod that was asked to go goes at once: what its grace is worth is not placing.
fn evict(draft: &mut Draft, pod: &Key) {
    draft.remove(pod);
}

/// scheduler_perf's PreemptionBasic: nodes full of pods of 900m, and pods of 3,000m that are more urgent. Each has room made for it and is bound.
fn preemption(name: &str, nodes: usize, pending: usize) {
    let mut builder = world(nodes, 0, &json!({}));
    builder.pods("low", 4 * nodes, &spec(&json!({}), "900m"), Some(nodes));
    builder.pods("urgent", pending, &spec(&json!({"priority": 10}), "3"), None);
    let times = (0..RUNS).map(|_| {
        let mut draft = Draft::new(builder.0.clone(), Time(0));
        let begin = Begin::now();
        plan(&mut draft, &mut Memory::default(), usize::MAX, evict);
        let time = begin.took();
        assert_eq!(bound(&draft.world), 4 * nodes - 2 * pending, "{name}: three go for each that comes");
        time
    });
    print(name, times.collect(), pending);
}

/// One pod that fits nowhere. Cold: a session and a board made for it. Warm: a room that follows a world in which a pod was bound since.
fn verdict() {
    let mut builder = world(5000, 1000, &json!({}));
    let ask = |cpu: &str| doc(Kind::Pod, &json!({"metadata": {"name": "p", "namespace": "x"}, "spec": spec(&json!({}), cpu)}));
    let pod = ask("64");
    let said = |answer: &Answer| answer.nodes().filter(|(_, refusal)| refusal.is_some()).count();
    let times = (0..RUNS).map(|_| {
        let begin = Begin::now();
        let verdict = black_box(explain(&builder.0, &pod));
        let time = begin.took();
        assert_eq!(verdict.nodes.len(), 5000);
        time
    });
    print("verdict with every node's reason, 5,000 nodes, cold and by name", times.collect(), 1);
    let mut room = Room::default();
    room.ask(&builder.0, &pod);
    let times = (0..RUNS).map(|n| {
        builder.pods(&format!("more-{n}"), 1, &spec(&json!({}), "100m"), Some(5000));
        let begin = Begin::now();
        let said = said(black_box(&room.ask(&builder.0, &pod)));
        let time = begin.took();
        assert_eq!(said, 5000);
        time
    });
    print("verdict with every node's reason, 5,000 nodes, a room that follows", times.collect(), 1);
    let times = (0..RUNS).map(|n| {
        let pod = ask(&(65 + n).to_string());
        let begin = Begin::now();
        let said = said(black_box(&room.ask(&builder.0, &pod)));
        let time = begin.took();
        assert_eq!(said, 5000);
        time
    });
    print("verdict with every node's reason, 5,000 nodes, a room that follows, pods unlike any before", times.collect(), 1);
}

/// What cluster-autoscaler asks first: which pending pods fit nowhere; and, as it has to be told, why, pool by pool.
fn filter_out_schedulable(name: &str, classes: usize) {
    let mut builder = world(1000, 1000, &json!({}));
    for n in 0..classes {
        builder.pods(&format!("class-{n:03}"), 12_000 / classes, &spec(&json!({}), &format!("{}m", 8000 + n)), None);
    }
    let world = builder.0;
    let waits = |pod: &&Arc<Doc>| pod.as_pod().is_some_and(|pod| pod.node.is_none());
    let times = (0..RUNS).map(|_| {
        let begin = Begin::now();
        let (mut room, mut left, mut known, mut classes_of) = (Room::default(), 0, BTreeMap::new(), world.clone());
        for pod in world.list(Kind::Pod, None).filter(waits) {
            let class = classes_of.class(pod).expect("it is a pod").id;
            let pools = known.entry(class).or_insert_with(|| by_pool(&mut room, &world, pod));
            left += usize::from(pools.values().sum::<usize>() == 1000);
        }
        let time = begin.took();
        assert_eq!((left, known.len()), (12_000, classes));
        time
    });
    print(name, times.collect(), 1);
}

/// Why the nodes refuse a pod, by pool and first reason.
fn by_pool(room: &mut Room, world: &World, pod: &Doc) -> BTreeMap<(Name, Reason), usize> {
    let mut answer = room.ask(world, pod);
    let mut counts = BTreeMap::new();
    for (pool, refusal, nodes) in answer.refusals_by(&Name::new_static("agentpool")) {
        *counts.entry((pool, refusal.reasons[0].clone())).or_default() += nodes;
    }
    counts
}

/// What would become of 100 pods if a node came: in a fork that has it, and back. Written: through a draft, each pod with its event.
fn what_if(name: &str, classes: usize) {
    let mut builder = world(5000, 10_000, &json!({}));
    for n in 0..classes {
        builder.pods(&format!("class-{n:03}"), 100 / classes, &spec(&json!({}), &format!("{}m", 100 + n)), None);
    }
    let fresh = doc(Kind::Node, &node(99_999));
    let pods: Vec<Arc<Doc>> = builder.0.work.pending.iter().filter_map(|entry| builder.0.get(&entry.2)).cloned().collect();
    let mut room = Room::default();
    room.try_out(&builder.0, &pods);
    let times = (0..RUNS + 1).map(|n| {
        let begin = Begin::now();
        let mut draft = Draft::new(builder.0.clone(), Time(0));
        draft.put(fresh.clone());
        let places = black_box(room.try_out(&draft.world, &pods));
        drop(draft);
        assert_eq!(room.try_out(&builder.0, &[]).len(), 0, "it is back");
        let time = begin.took();
        assert_eq!(places.iter().flatten().count(), 100);
        assert_eq!(places.iter().flatten().filter(|place| *place == "node-99999").count().min(1), 1, "some go to the node that came");
        (n, time)
    });
    let mut times: Vec<(Duration, Duration)> = times.map(|(_, time)| time).collect();
    println!("{name}, the first time: {:.1?}", times.remove(0).0);
    print(name, times, 1);
    let times = (0..RUNS).map(|_| {
        let begin = Begin::now();
        let mut draft = Draft::new(builder.0.clone(), Time(0));
        draft.put(fresh.clone());
        plan(&mut draft, &mut Memory::default(), usize::MAX, evict);
        let time = begin.took();
        assert_eq!(bound(&draft.world), 10_100);
        drop(draft);
        time
    });
    print(&format!("{name}, cold and written"), times.collect(), 1);
}

/// One turn of placing in a cluster of ten pods a node, while ten pods of five classes wait that fit nowhere.
fn turns(nodes: usize) {
    let mut builder = world(nodes, 10 * nodes, &json!({}));
    for n in 0..5 {
        builder.pods(&format!("waits-{n}"), 2, &spec(&json!({}), &(64 + n).to_string()), None);
    }
    let mut memory = Memory::default();
    let mut world = builder.0;
    let mut turn = |name: &str, change: &dyn Fn(&mut Draft, usize)| {
        let times = (0..RUNS + 1).map(|n| {
            let mut draft = Draft::new(world.clone(), Time(0));
            change(&mut draft, n);
            // What was planned is the next head, and the one before is let go.
            let begin = Begin::now();
            plan(&mut draft, &mut memory, usize::MAX, evict);
            let time = begin.took();
            world = draft.world;
            time
        });
        let times: Vec<(Duration, Duration)> = times.collect();
        print(&format!("turn, {nodes} nodes, {} pods: {name}", 10 * nodes), times[1..].to_vec(), 1);
    };
    let pod = |n: usize| Key::new(Kind::Pod, "x", format!("placed-{n:06}"));
    let node = |n: usize| Key::global(Kind::Node, format!("node-{n:05}"));
    turn("idle", &|_, _| {});
    turn("one pod gone", &|draft, n| draft.remove(&pod(n)));
    turn("one pod more", &|draft, n| {
        let mut doc = (**draft.world.get(&pod(100)).expect("it is there")).clone();
        doc.key.name = format!("more-{n}").into();
        doc.as_pod_mut().expect("a pod").node = None;
        draft.put(doc);
    });
    turn("one node cordoned", &|draft, n| {
        draft.update(&node(n), |doc| doc.as_node_mut().expect("a node").spec.unschedulable = true);
    });
    turn("one node gone", &|draft, n| draft.remove(&node(50 + n)));
    turn("one node come", &|draft, n| {
        let name = format!("node-{:05}-new", 60 + n);
        let mut doc = (**draft.world.get(&node(60)).expect("it is there")).clone();
        doc.key.name = name.clone().into();
        Arc::make_mut(&mut doc.meta.labels).insert("kubernetes.io/hostname".into(), name.into());
        draft.put(doc);
    });
}

/// When something began, by the wall clock and by what this thread had run.
struct Begin(Instant, Duration);

impl Begin {
    fn now() -> Begin {
        let ran = on_processor();
        Begin(Instant::now(), ran)
    }
    /// By the wall clock, and on the processor: on a busy machine the former counts others' work.
    fn took(&self) -> (Duration, Duration) {
        (self.0.elapsed(), on_processor() - self.1)
    }
}

fn on_processor() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or_default())
}

fn print(name: &str, times: Vec<(Duration, Duration)>, decisions: usize) {
    let (mut wall, processor): (Vec<Duration>, Vec<Duration>) = times.into_iter().unzip();
    wall.sort();
    let rate = |time: Duration| decisions as f64 / time.as_secs_f64();
    let (best, median, run) = (wall[0], wall[RUNS / 2], processor.into_iter().min().unwrap_or_default());
    let ours = match decisions {
        1 => format!("best {best:.1?}, median {median:.1?}, on the processor {run:.1?}"),
        _ => format!("best {:.0}/s, median {:.0}/s, on the processor {:.0}/s", rate(best), rate(median), rate(run)),
    };
    let peer = PEERS.iter().find(|(of, _)| *of == name).map(|(_, peer)| match decisions {
        1 => format!("; peer {:.1} s, {:.0}x", 1.0 / peer, rate(median) / peer),
        _ => format!("; peer {peer:.0}/s, {:.0}x", rate(median) / peer),
    });
    println!("{name}: {ours}{}", peer.unwrap_or_default());
}

/// Named so that the build fails here, not in a figure, where pods no longer share their specification.
const _: fn(&Doc) -> Option<&Arc<PodSpec>> = |doc| doc.as_pod().map(|pod| &pod.spec);
