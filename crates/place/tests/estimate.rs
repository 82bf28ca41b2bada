//! The estimator on random small workloads: every step of its order is one that the scheduler's own predicates allow, and what it leaves fits
//! nowhere.
//!
//! The judge is `explain`, which is checked against kube-scheduler in `upstream.rs`, over a world in which all machines of the answer
//! stand empty from the start. Figures of larger workloads are in the conformance suite, which asks kube-scheduler itself.

use nodelane_model::hash::Hash;
use nodelane_model::{Doc, Kind, Name, Uid, codec};
use nodelane_place::estimate::{Estimate, Expander, Limit, Pattern, Preferences, Request, Search, Template, estimate};
use nodelane_place::{Config, Plugin, Weights, explain_with};
use nodelane_world::{NodeRow, World};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

const ZONE: &str = "topology.kubernetes.io/zone";
const HOST: &str = "kubernetes.io/hostname";

fn doc(kind: Kind, value: &Value) -> Doc {
    codec::from_value(kind, value).unwrap_or_else(|err| panic!("{err}: {value}"))
}

fn put(world: &mut World, mut doc: Doc) -> Arc<Doc> {
    doc.revision = world.revision + 1;
    doc.meta.uid = Uid(u128::from(doc.revision));
    let doc = Arc::new(doc);
    world.put(doc.clone());
    doc
}

fn template(size: &str, zone: &str, cpu: i64, memory_gib: i64, price_nano_usd: i64, taints: &Value) -> Template {
    let amounts = json!({"cpu": cpu.to_string(), "memory": format!("{memory_gib}Gi"), "pods": "12"});
    let node = json!({"metadata": {"name": size, "labels": {ZONE: zone, "size": size}}, "spec": {"taints": taints},
        "status": {"allocatable": amounts, "capacity": amounts}});
    let row = NodeRow::empty(Arc::new(doc(Kind::Node, &node)));
    let (group, size, zone) = (Name::new(size), Name::new(size), Name::new(zone));
    Template { group, size, zone, capacity_type: "on-demand".into(), row, price_nano_usd, takes: Vec::new() }
}

fn pod(name: &str, cpu_milli: i64, memory_mib: i64, label: &str, spec: &Value) -> Value {
    let requests = json!({"cpu": format!("{cpu_milli}m"), "memory": format!("{memory_mib}Mi")});
    let mut pod = json!({"metadata": {"name": name, "namespace": "default", "labels": {"app": label}}, "spec": {
        "containers": [{"name": "c", "image": "pause", "resources": {"requests": requests}}]}});
    for (key, value) in spec.as_object().into_iter().flatten() {
        pod["spec"][key] = value.clone();
    }
    pod
}

/// Draws from a seed.
struct Draw(Hash, u64);

impl Draw {
    fn below(&mut self, bound: u64) -> usize {
        self.1 += 1;
        (self.0.number(self.1).get() % bound) as usize
    }
    fn one<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len() as u64)]
    }
}

/// A rule of every kind that pods can have, or none.
fn random_spec(draw: &mut Draw) -> Value {
    let select = |label: &str| json!({"matchLabels": {"app": label}});
    let (label, key) = (draw.one(&["a", "b", "c"]), draw.one(&[ZONE, HOST]));
    let term = json!([{"topologyKey": key, "labelSelector": select(label)}]);
    match draw.below(12) {
        0 | 1 => {
            let mut constraint = json!({"maxSkew": 1 + draw.below(2), "topologyKey": key, "whenUnsatisfiable": "DoNotSchedule",
                "labelSelector": select(label)});
            if draw.below(3) == 0 {
                constraint["minDomains"] = json!(1 + draw.below(4));
            }
            json!({"topologySpreadConstraints": [constraint]})
        }
        2 => json!({"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": term}}}),
        3 | 4 => json!({"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": term}}}),
        5 => json!({"nodeSelector": {ZONE: draw.one(&["z1", "z2", "z3", "z9"])}}),
        6 => json!({"tolerations": [{"key": "lane", "operator": "Exists"}], "nodeSelector": {"size": "tainted"}}),
        7 => json!({"topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": ZONE, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": select(label)},
            {"maxSkew": 1, "topologyKey": HOST, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": select(label)}]}),
        8 => json!({"containers": [{"name": "c", "image": "pause", "ports": [{"containerPort": 80, "hostPort": 8080}],
            "resources": {"requests": {"cpu": "200m"}}}]}),
        _ => json!({}),
    }
}

struct Case {
    pods: Vec<Arc<Doc>>,
    templates: Vec<Template>,
    limits: Vec<Limit>,
    world: World,
    config: Arc<Config>,
}

fn random_case(seed: u64) -> Case {
    let mut draw = Draw(Hash::new(seed), 0);
    let mut pods = Vec::new();
    for at in 0..4 + draw.below(20) {
        let spec = random_spec(&mut draw);
        for copy in 0..1 + draw.below(4) {
            let label = draw.one(&["a", "b", "c"]);
            let (cpu, memory) = ([100, 250, 500, 1000, 2500][draw.below(5)], [100, 512, 2048, 7000][draw.below(4)]);
            pods.push(Arc::new(doc(Kind::Pod, &pod(&format!("p{at}-{copy}"), cpu, memory, label, &spec))));
        }
    }
    let tainted = json!([{"key": "lane", "value": "x", "effect": "NoSchedule"}]);
    let mut templates = Vec::new();
    let zones = ["z1", "z2", "z3"];
    for zone in &zones[..1 + draw.below(3)] {
        templates.push(template("small", zone, 2, 4, 100_000_000, &json!([])));
        templates.push(template("large", zone, 8, 16, 380_000_000, &json!([])));
        templates.push(template("fat", zone, 4, 32, 300_000_000, &json!([])));
        templates.push(template("tainted", zone, 4, 8, 150_000_000, &tainted));
    }
    let mut limits = Vec::new();
    if draw.below(2) == 0 {
        limits.push(Limit { name: "small".into(), left: draw.below(4) as i64 });
        limits.push(Limit { name: "all".into(), left: 2 + draw.below(5) as i64 });
        for template in &mut templates {
            template.takes = if template.size == "small" { vec![(0, 1), (1, 1)] } else { vec![(1, 1)] };
        }
    }
    let mut world = World::new(0);
    for (at, zone) in zones.iter().enumerate().take(draw.below(3)) {
        let name = format!("standing{at}");
        let node = json!({"metadata": {"name": name, "labels": {HOST: name, ZONE: zone, "size": "standing"}}, "spec": {},
            "status": {"allocatable": {"cpu": "2", "memory": "4Gi", "pods": "10"}}});
        put(&mut world, doc(Kind::Node, &node));
        let bound = pod(&format!("bound{at}"), 500, 512, draw.one(&["a", "b"]), &json!({"nodeName": name}));
        put(&mut world, doc(Kind::Pod, &bound));
    }
    Case { pods, templates, limits, world, config: Arc::default() }
}

fn ask(case: &Case, search: Search, preferences: Preferences) -> Estimate {
    let (world, pods) = (&case.world, &case.pods[..]);
    estimate(&Request { world, pods, templates: &case.templates, limits: &case.limits, preferences, search, config: case.config.clone() })
}

/// The world with all machines of an answer standing empty, and where each pod goes.
fn built(case: &Case, found: &Estimate) -> (World, BTreeMap<usize, Name>) {
    let (mut world, mut node_of) = (case.world.clone(), BTreeMap::new());
    for (at, machine) in found.machines.iter().enumerate() {
        let name = Name::from(format!("machine{at:03}"));
        let mut node = (*case.templates[machine.template].row.doc).clone();
        node.key.name = name.clone();
        Arc::make_mut(&mut node.meta.labels).insert(HOST.into(), name.clone());
        put(&mut world, node);
        node_of.extend(machine.pods.iter().map(|pod| (*pod, name.clone())));
    }
    for (name, pods) in &found.standing {
        node_of.extend(pods.iter().map(|pod| (*pod, name.clone())));
    }
    (world, node_of)
}

/// Every step legal, nothing placed twice or forgotten, limits kept, and what is left fits nowhere.
fn judge(case: &Case, found: &Estimate, what: &str) {
    let (mut world, node_of) = built(case, found);
    assert_eq!(found.order.len() + found.unplaced.len(), case.pods.len(), "{what}: each pod once");
    assert_eq!(node_of.len(), found.order.len(), "{what}: each placed pod is in the order");
    for (step, at) in found.order.iter().enumerate() {
        let verdict = explain_with(&world, &case.pods[*at], &case.config);
        let said = &verdict.nodes[&node_of[at]];
        assert!(said.is_ok(), "{what}: step {step}, {} on {}: {said:?}", case.pods[*at].key.name, node_of[at]);
        let mut bound = (*case.pods[*at]).clone();
        bound.as_pod_mut().expect("a pod").node = Some(node_of[at].clone());
        put(&mut world, bound);
    }
    for (at, reason) in &found.unplaced {
        let fits = explain_with(&world, &case.pods[*at], &case.config).nodes.into_iter().find(|(_, said)| said.is_ok());
        assert!(fits.is_none(), "{what}: {} was left ({reason}) but fits {:?}", case.pods[*at].key.name, fits.map(|(name, _)| name));
    }
    for (limit, of) in case.limits.iter().enumerate() {
        let takes =
            |template: usize| case.templates[template].takes.iter().filter(|(at, _)| *at == limit).map(|(_, much)| much).sum::<i64>();
        let taken: i64 = found.machines.iter().map(|machine| takes(machine.template)).sum();
        assert!(taken <= of.left, "{what}: {taken} of {} {}", of.left, of.name);
    }
    let price: i64 = found.machines.iter().map(|machine| case.templates[machine.template].price_nano_usd).sum();
    assert_eq!(found.price_nano_usd, price, "{what}");
    if found.unplaced.is_empty() {
        assert!(found.bound_nano_usd <= found.price_nano_usd, "{what}: a bound above the price");
    }
}

fn searches() -> Vec<Search> {
    let priorities =
        BTreeMap::from([(1, vec![Pattern::parse("small").expect("a pattern")]), (9, vec![Pattern::parse("^fat$").expect("one")])]);
    vec![
        Search::Fast,
        Search::Optimal(5),
        Search::Expanders(vec![Expander::MostPods, Expander::LeastWaste]),
        Search::Expanders(vec![Expander::Priority(priorities), Expander::Price]),
        Search::Expanders(vec![Expander::Random(7)]),
    ]
}

#[test]
fn every_answer_is_one_that_the_scheduler_can_carry_out() {
    let (mut placed, mut left, mut on_standing) = (0, 0, 0);
    for seed in 0..40 {
        let case = random_case(seed);
        for (at, search) in searches().into_iter().enumerate() {
            let preferences = if seed % 2 == 0 { Preferences::Soft } else { Preferences::Hard };
            let found = ask(&case, search, preferences);
            judge(&case, &found, &format!("seed {seed}, search {at}"));
            placed += found.order.len();
            left += found.unplaced.len();
            on_standing += found.standing.len();
        }
    }
    assert!(placed > 2500 && left > 150 && on_standing > 40, "{placed} placed, {left} left, {on_standing} on standing nodes");
}

/// Configurations that change what may be where, by what they do.
fn configurations() -> Vec<(String, Config)> {
    let filters = [
        Plugin::TaintToleration,
        Plugin::NodeAffinity,
        Plugin::NodePorts,
        Plugin::NodeResourcesFit,
        Plugin::PodTopologySpread,
        Plugin::InterPodAffinity,
    ];
    let off = filters.map(|plugin| (format!("{plugin:?} is off"), Config { off: [plugin].into(), ..Config::default() }));
    let added = json!({"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
        {"matchExpressions": [{"key": ZONE, "operator": "In", "values": ["z2", "z3"]}]}]}});
    let added = Config { added_affinity: Some(serde_json::from_value(added).expect("an affinity")), ..Config::default() };
    let spread = json!([{"maxSkew": 1, "topologyKey": ZONE, "whenUnsatisfiable": "DoNotSchedule"}]);
    let spread = Config { spread: Some(serde_json::from_value(spread).expect("constraints")), ..Config::default() };
    off.into_iter().chain([("affinity is added".to_owned(), added), ("pods are spread by default".to_owned(), spread)]).collect()
}

#[test]
fn a_configuration_decides_in_the_estimate_as_in_placing() {
    for (what, config) in configurations() {
        let config = Arc::new(config);
        let mut differs = 0;
        for seed in 0..8 {
            let mut case = random_case(seed);
            let service = json!({"metadata": {"name": "s", "namespace": "default"}, "spec": {"selector": {"app": "a"}}});
            put(&mut case.world, doc(Kind::Service, &service));
            for search in searches() {
                let usual = ask(&case, search.clone(), Preferences::Soft);
                let of_config = Case { config: config.clone(), ..random_case(seed) };
                let case = Case { world: case.world.clone(), ..of_config };
                let found = ask(&case, search, Preferences::Soft);
                judge(&case, &found, &format!("{what}, seed {seed}"));
                differs += usize::from(found != usual);
            }
        }
        assert!(differs > 5, "{what}: {differs} answers differ from the usual ones");
    }
}

/// The pod would rather be in z1, by node affinity, and with its like in z2, by affinity: the weights of the plugins say which it gets.
#[test]
fn the_weights_of_plugins_say_which_preference_is_kept() {
    let prefers = json!({"affinity": {
        "nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
            {"weight": 10, "preference": {"matchExpressions": [{"key": ZONE, "operator": "In", "values": ["z1"]}]}}]},
        "podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
            {"weight": 10, "podAffinityTerm": {"topologyKey": ZONE, "labelSelector": {"matchLabels": {"app": "there"}}}}]}}});
    let mut world = World::new(0);
    put(
        &mut world,
        doc(
            Kind::Node,
            &json!({"metadata": {"name": "full", "labels": {HOST: "full", ZONE: "z2"}}, "spec": {}, "status": {"allocatable": {"pods": "1"}}}),
        ),
    );
    put(&mut world, doc(Kind::Pod, &pod("there", 0, 0, "there", &json!({"nodeName": "full"}))));
    let pods = vec![Arc::new(doc(Kind::Pod, &pod("asks", 100, 100, "a", &prefers)))];
    let templates = ["z1", "z2"].map(|zone| template("small", zone, 2, 4, 1_000, &json!([]))).to_vec();
    let zone = |weights: Weights| {
        let config = Arc::new(Config { weights, ..Config::default() });
        let case = Case { pods: pods.clone(), templates: templates.clone(), limits: Vec::new(), world: world.clone(), config };
        let found = ask(&case, Search::Fast, Preferences::Hard);
        case.templates[found.machines[0].template].zone.clone()
    };
    assert_eq!(zone(Weights { node_affinity: 3, inter_pod_affinity: 1, ..Weights::default() }), "z1");
    assert_eq!(zone(Weights { node_affinity: 1, inter_pod_affinity: 3, ..Weights::default() }), "z2");
    assert_eq!(zone(Weights { node_affinity: 0, ..Weights::default() }), "z2");
}

#[test]
fn the_same_question_has_the_same_answer() {
    for seed in 0..20 {
        let case = random_case(seed);
        for search in searches() {
            assert_eq!(ask(&case, search.clone(), Preferences::Hard), ask(&case, search, Preferences::Hard));
        }
    }
}

#[test]
fn names_and_irrelevant_labels_change_nothing() {
    for seed in 0..25 {
        let case = random_case(seed);
        let mut renamed = random_case(seed);
        for pod in &mut renamed.pods {
            let pod = Arc::make_mut(pod);
            pod.key.name = format!("other-{}", pod.key.name).into();
            Arc::make_mut(&mut pod.meta.labels).insert("irrelevant".into(), "x".into());
        }
        for template in &mut renamed.templates {
            Arc::make_mut(&mut Arc::make_mut(&mut template.row.doc).meta.labels).insert("irrelevant".into(), "x".into());
        }
        assert_eq!(ask(&case, Search::Fast, Preferences::Soft), ask(&renamed, Search::Fast, Preferences::Soft), "seed {seed}");
    }
}

/// cluster-autoscaler's own benchmark: 50,000 pods of 50m/100Mi and 1,000 of 95m/190Mi, machines of 1000m/5000Mi/100 pods, at most 3,000.
#[test]
fn the_binpacking_benchmark_needs_2595_machines() {
    let amounts = json!({"cpu": "1", "memory": "5000Mi", "pods": "100"});
    let node = json!({"metadata": {"name": "t"}, "spec": {}, "status": {"allocatable": amounts, "capacity": amounts}});
    let row = NodeRow::empty(Arc::new(doc(Kind::Node, &node)));
    let name = || Name::new("t");
    let takes = vec![(0, 1)];
    let template = Template { group: name(), size: name(), zone: name(), capacity_type: name(), row, price_nano_usd: 1, takes };
    let limits = vec![Limit { name: "machines".into(), left: 3000 }];
    let mut pods = Vec::new();
    for (kind, count, cpu, memory) in [("small", 50_000, 50, 100), ("large", 1000, 95, 190)] {
        let first = doc(Kind::Pod, &pod(kind, cpu, memory, kind, &json!({})));
        pods.extend((0..count).map(|_| Arc::new(first.clone())));
    }
    let case = Case { pods, templates: vec![template], limits, world: World::new(0), config: Arc::default() };
    for search in [Search::Expanders(vec![Expander::LeastWaste]), Search::Fast] {
        let found = ask(&case, search, Preferences::Soft);
        assert_eq!((found.machines.len(), found.unplaced.len()), (2595, 0));
    }
}

/// Each of four pods prefers to be away from its like by host and to be in z2: hard, each has a machine there; soft, one holds all.
#[test]
fn hard_preferences_are_kept_and_soft_ones_break_ties() {
    let prefers = json!({"affinity": {
        "nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
            {"weight": 5, "preference": {"matchExpressions": [{"key": ZONE, "operator": "In", "values": ["z2"]}]}}]},
        "podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
            {"weight": 1, "podAffinityTerm": {"topologyKey": HOST, "labelSelector": {"matchLabels": {"app": "a"}}}}]}}});
    let pods = (0..4).map(|at| Arc::new(doc(Kind::Pod, &pod(&format!("p{at}"), 100, 100, "a", &prefers)))).collect();
    let templates = ["z1", "z2"].map(|zone| template("small", zone, 2, 4, 1_000, &json!([]))).to_vec();
    let case = Case { pods, templates, limits: Vec::new(), world: World::new(0), config: Arc::default() };
    for (preferences, machines) in [(Preferences::Hard, 4), (Preferences::Soft, 1)] {
        let found = ask(&case, Search::Fast, preferences);
        let zones: Vec<&str> = found.machines.iter().map(|machine| case.templates[machine.template].zone.as_str()).collect();
        assert_eq!(zones, vec!["z2"; machines]);
        judge(&case, &found, "preferences");
    }
}
