//! Rows, indexes and worklists kept by deltas equal those made from the documents alone.
//!
//! Random documents come, change and go in a small space of names, so that everything collides with everything.

use nodelane_model::codec::from_value;
use nodelane_model::{Doc, Key, Kind, Uid};
use nodelane_world::{Amounts, List, NodeRow, World};
use proptest::prelude::*;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[derive(Clone, Debug)]
enum Step {
    Pod { name: u8, node: Option<u8>, app: u8, phase: u8, ready: bool, owner: Option<u8>, terminating: bool },
    Node { name: u8, cpu: u8, cordoned: bool },
    Budget { name: u8, app: u8 },
    ReplicaSet { name: u8 },
    Machine { name: u8, pool: u8, waits: bool },
    Claim { name: u8, class: u8, bound: bool },
    Volume { name: u8, class: u8, claim: Option<u8> },
    Remove { kind: u8, name: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    let small = 0..4_u8;
    prop_oneof![
        6 => (0..8_u8, proptest::option::of(small.clone()), small.clone(), 0..4_u8, any::<bool>(), proptest::option::of(0..2_u8), any::<bool>())
            .prop_map(|(name, node, app, phase, ready, owner, terminating)| Step::Pod { name, node, app, phase, ready, owner, terminating }),
        2 => (small.clone(), 1..8_u8, any::<bool>()).prop_map(|(name, cpu, cordoned)| Step::Node { name, cpu, cordoned }),
        1 => (0..2_u8, small.clone()).prop_map(|(name, app)| Step::Budget { name, app }),
        1 => (0..2_u8).prop_map(|name| Step::ReplicaSet { name }),
        1 => (small.clone(), 0..2_u8, any::<bool>()).prop_map(|(name, pool, waits)| Step::Machine { name, pool, waits }),
        1 => (small.clone(), 0..2_u8, any::<bool>()).prop_map(|(name, class, bound)| Step::Claim { name, class, bound }),
        1 => (small.clone(), 0..2_u8, proptest::option::of(small.clone())).prop_map(|(name, class, claim)| Step::Volume { name, class, claim }),
        3 => (0..7_u8, 0..8_u8).prop_map(|(kind, name)| Step::Remove { kind, name }),
    ]
}

const KINDS: [Kind; 7] = [
    Kind::Pod,
    Kind::Node,
    Kind::PodDisruptionBudget,
    Kind::ReplicaSet,
    Kind::Machine,
    Kind::PersistentVolumeClaim,
    Kind::PersistentVolume,
];

fn key(kind: Kind, name: u8) -> Key {
    let namespace = if matches!(kind, Kind::Node | Kind::Machine | Kind::PersistentVolume) { "" } else { "x" };
    Key::new(kind, namespace, format!("{}{name}", kind.as_str().to_lowercase()))
}

fn uid(kind: Kind, name: u8) -> String {
    Uid::derive(kind as u64, u64::from(name), 0).to_string()
}

/// Nodes and machines of one number share a name, as they do in a cluster.
fn node_name(name: u8) -> String {
    format!("n{name}")
}

fn doc(step: &Step) -> Doc {
    match step {
        Step::Pod { name, node, app, phase, ready, owner, terminating } => {
            let phase = ["Pending", "Running", "Succeeded", "Failed"][usize::from(*phase)];
            let owners: Vec<_> = owner
                .iter()
                .map(|owner| json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": key(Kind::ReplicaSet, *owner).name, "uid": uid(Kind::ReplicaSet, *owner), "controller": true}))
                .collect();
            let mut value = json!({
                "metadata": {"name": key(Kind::Pod, *name).name, "namespace": "x", "uid": uid(Kind::Pod, *name), "labels": {"app": app.to_string()}, "ownerReferences": owners},
                "spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": format!("{}m", 100 + u32::from(*app))}}, "ports": [{"containerPort": 1, "hostPort": 80 + i32::from(*app)}]}],
                    "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": key(Kind::PersistentVolumeClaim, *app).name}},
                        {"name": "d", "azureDisk": {"diskURI": app.to_string()}}, {"name": "e", (if *ready { "ephemeral" } else { "emptyDir" }): {}}]},
                "status": {"phase": phase, "conditions": [{"type": "Ready", "status": if *ready { "True" } else { "False" }}]},
            });
            if let Some(node) = node {
                value["spec"]["nodeName"] = node_name(*node).into();
            }
            if *terminating {
                value["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
            }
            from_value(Kind::Pod, &value).unwrap()
        }
        Step::Node { name, cpu, cordoned } => from_value(
            Kind::Node,
            &json!({"metadata": {"name": node_name(*name), "uid": uid(Kind::Node, *name)}, "spec": {"unschedulable": cordoned},
                "status": {"allocatable": {"cpu": cpu.to_string(), "pods": "10"}}}),
        )
        .unwrap(),
        Step::Budget { name, app } => from_value(
            Kind::PodDisruptionBudget,
            &json!({"metadata": {"name": key(Kind::PodDisruptionBudget, *name).name, "namespace": "x", "uid": uid(Kind::PodDisruptionBudget, *name)},
                "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": app.to_string()}}}}),
        )
        .unwrap(),
        Step::ReplicaSet { name } => from_value(
            Kind::ReplicaSet,
            &json!({"metadata": {"name": key(Kind::ReplicaSet, *name).name, "namespace": "x", "uid": uid(Kind::ReplicaSet, *name)}, "spec": {"replicas": 1}}),
        )
        .unwrap(),
        Step::Machine { name, pool, waits } => {
            let drain = waits.then(|| json!({"since": "2026-01-01T00:00:00Z", "blocked": {"pod": "x/pod0", "budget": "b"}}));
            from_value(
                Kind::Machine,
                &json!({"metadata": {"name": node_name(*name), "uid": uid(Kind::Machine, *name)}, "spec": {
                    "pool": format!("p{pool}"), "instance": name, "size": "Standard_D2s_v5", "model": {"version": "1.34.1", "image": "i"},
                    "intent": "Run", "phase": "Running", "phaseSince": "2026-01-01T00:00:00Z", "drain": drain}}),
            )
            .unwrap()
        }
        Step::Claim { name, class, bound } => {
            let key = key(Kind::PersistentVolumeClaim, *name);
            let mut value = json!({"metadata": {"name": key.name, "namespace": "x", "uid": uid(key.kind, *name)},
                "spec": {"storageClassName": class.to_string()}});
            if *bound {
                value["metadata"]["annotations"] = json!({"pv.kubernetes.io/bind-completed": "yes"});
                value["spec"]["volumeName"] = "pv".into();
            }
            from_value(key.kind, &value).unwrap()
        }
        Step::Volume { name, class, claim } => volume(*name, *class, *claim),
        Step::Remove { .. } => unreachable!("a removal makes no document"),
    }
}

fn volume(name: u8, class: u8, claim: Option<u8>) -> Doc {
    let key = key(Kind::PersistentVolume, name);
    let claim = claim.map(|claim| json!({"namespace": "x", "name": self::key(Kind::PersistentVolumeClaim, claim).name}));
    let mut value = json!({"metadata": {"name": key.name, "uid": uid(key.kind, name)}, "spec": {"storageClassName": class.to_string()}});
    if let Some(claim) = claim {
        value["spec"]["claimRef"] = claim;
    }
    from_value(key.kind, &value).unwrap()
}

fn run(world: &mut World, step: &Step) {
    let revision = world.revision + 1;
    match step {
        Step::Remove { kind, name } => {
            let kind = KINDS[usize::from(*kind)];
            let key = if matches!(kind, Kind::Node | Kind::Machine) { Key::global(kind, node_name(*name)) } else { key(kind, *name) };
            world.remove(&key, revision);
        }
        other => {
            let mut doc = doc(other);
            doc.revision = revision;
            world.put(Arc::new(doc));
        }
    }
}

/// Everything derived that a reader can see.
fn derived(world: &World) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, row) in world.nodes() {
        lines.push(format!(
            "node {name} {:?} {:?} {} {} {:?} {:?} {}",
            row.allocatable, row.used, row.scoring_cpu_milli, row.scoring_memory_bytes, row.ports, row.volumes, row.leaving
        ));
        lines.push(format!("on {name} {:?}", world.pods_on(name).map(|pod| pod.key.to_string()).collect::<Vec<_>>()));
    }
    for budget in world.list(Kind::PodDisruptionBudget, None) {
        lines.push(format!("budget {} {:?}", budget.key, world.budget(&budget.key)));
    }
    for owner in 0..2 {
        let uid = Uid::parse(&uid(Kind::ReplicaSet, owner)).unwrap();
        lines.push(format!("owned {:?}", world.owned_by(uid).map(|doc| doc.key.to_string()).collect::<Vec<_>>()));
        let pool = format!("p{owner}").into();
        lines.push(format!("pool {:?}", world.machines_of(&pool).map(|(doc, _)| doc.key.to_string()).collect::<Vec<_>>()));
    }
    for name in 0..4 {
        let names = |docs: Vec<&Arc<Doc>>| docs.into_iter().map(|doc| doc.key.to_string()).collect::<Vec<_>>();
        let (class, claim) = (name.to_string(), key(Kind::PersistentVolumeClaim, name));
        lines.push(format!("free {:?}", names(world.free_volumes(&class).collect())));
        lines.push(format!("unbound {:?}", names(world.unbound_claims(&class).collect())));
        lines.push(format!("volumes of {claim} {:?}", names(world.volumes_of(&claim).collect())));
        lines.push(format!("users of {claim} {:?}", names(world.users_of(&claim).collect())));
    }
    lines.push(format!("pending {:?} nominated {:?}", world.work.pending, world.nominated));
    lines
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn deltas_equal_a_rebuild(steps in proptest::collection::vec(step(), 1..60)) {
        let mut world = World::new(1);
        for step in &steps {
            run(&mut world, step);
        }
        let docs: Vec<Arc<Doc>> = world.list_from(std::ops::Bound::Unbounded).cloned().collect();
        let rebuilt = World::rebuild(1, world.revision, docs);
        prop_assert_eq!(derived(&world), derived(&rebuilt));
        // Worklists hold at least what a rebuild finds doomed: terminating documents and orphans.
        for doomed in rebuilt.work.list(List::Doomed).iter() {
            prop_assert!(world.work.list(List::Doomed).contains(doomed), "{} is doomed and on no list", doomed);
        }
    }

    #[test]
    fn a_fork_does_not_move_with_its_origin(steps in proptest::collection::vec(step(), 1..30), more in proptest::collection::vec(step(), 1..30)) {
        let mut world = World::new(1);
        steps.iter().for_each(|step| run(&mut world, step));
        let fork = world.clone();
        let before = derived(&fork);
        more.iter().for_each(|step| run(&mut world, step));
        prop_assert_eq!(before, derived(&fork));
    }

    #[test]
    fn the_rows_that_differ_from_a_fork_are_those_that_are_other_values(
        nodes in 0..200_u16, steps in proptest::collection::vec(step(), 1..30), more in proptest::collection::vec(step(), 1..30),
    ) {
        let mut world = World::new(1);
        // So many that the rows are on several pages, before and behind those that move.
        for n in 0..nodes {
            let mut doc = doc(&Step::Node { name: 0, cpu: 4, cordoned: false });
            doc.key.name = format!("{}{n}", ["a", "n1", "z"][usize::from(n) % 3]).into();
            world.put(Arc::new(doc));
        }
        steps.iter().for_each(|step| run(&mut world, step));
        let fork = world.clone();
        more.iter().for_each(|step| run(&mut world, step));
        let rows = |world: &World| world.nodes().map(|(name, row)| (name.clone(), row.clone())).collect::<BTreeMap<_, _>>();
        let (was, is) = (rows(&fork), rows(&world));
        let names: BTreeSet<_> = was.keys().chain(is.keys()).collect();
        let pairs = names.into_iter().map(|name| (was.get(name), is.get(name)));
        let expected: Vec<_> = pairs.filter(|(was, is)| was.map(Arc::as_ptr) != is.map(Arc::as_ptr)).collect();
        let found: Vec<_> = world.nodes_since(&fork).collect();
        type Pair<'a> = (Option<&'a Arc<NodeRow>>, Option<&'a Arc<NodeRow>>);
        let addresses = |pairs: &[Pair]| -> Vec<_> {
            pairs.iter().map(|(was, is)| (was.map(Arc::as_ptr), is.map(Arc::as_ptr))).collect()
        };
        prop_assert_eq!(addresses(&found), addresses(&expected));
    }
}

#[test]
fn the_drivers_of_a_node_are_part_of_its_row() {
    let mut world = World::new(1);
    run(&mut world, &Step::Node { name: 1, cpu: 4, cordoned: false });
    let fork = world.clone();
    let value = json!({"metadata": {"name": "n1"}, "spec": {"drivers": []}});
    world.put(Arc::new(from_value(Kind::CSINode, &value).unwrap()));
    assert_eq!((world.nodes_since(&fork).count(), world.rules_epoch), (1, fork.rules_epoch));
    let fork = world.clone();
    world.remove(&Key::global(Kind::CSINode, "n1"), world.revision + 1);
    assert_eq!(world.nodes_since(&fork).count(), 1);
}

#[test]
fn a_node_that_comes_after_its_pods_is_charged_for_them() {
    let mut world = World::new(1);
    run(&mut world, &Step::Pod { name: 1, node: Some(1), app: 0, phase: 1, ready: true, owner: None, terminating: false });
    run(&mut world, &Step::Node { name: 1, cpu: 4, cordoned: false });
    let row = world.node(&"n1".into()).unwrap();
    assert_eq!((row.used.cpu_milli, row.used.pods), (100, 1));
    run(&mut world, &Step::Remove { kind: 0, name: 1 });
    assert_eq!(world.node(&"n1".into()).unwrap().used, Amounts::default());
}

#[test]
fn events_are_bounded_and_go_after_an_hour() {
    use nodelane_model::Time;
    use nodelane_model::event::Notice;
    let mut draft = nodelane_world::Draft::new(World::new(1), Time(0));
    let notice = |number: u32| Notice {
        about: Key::new(Kind::Pod, "x", format!("p{number}")),
        warning: false,
        reason: "Scheduled",
        message: "m".into(),
        component: "c",
    };
    for number in 0..10_500 {
        draft.notify(&notice(number));
    }
    assert_eq!(draft.world.list(Kind::Event, None).count(), 10_000);
    assert!(draft.world.list(Kind::Event, None).all(|doc| !doc.key.name.starts_with("p499.")), "the oldest go first");
    draft.now = Time(3_600_000);
    draft.notify(&notice(20_000));
    draft.notify(&notice(20_001));
    assert_eq!(draft.world.list(Kind::Event, None).count(), 9_998);
}
