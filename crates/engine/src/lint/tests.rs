//! Each rule, broken by a planner that is written here.
//!
//! No planner of ours breaks one, so a draft is written as a bad planner would, and beside it what is allowed and looks alike.

use super::*;
use nodelane_model::codec::from_value;
use nodelane_model::machine::MachineModel;
use nodelane_model::operation::{DeletePhase, Progress, ScalePhase};
use nodelane_model::{Body, Meta, Time, Uid};
use nodelane_world::Draft;
use serde_json::json;
use std::sync::Arc;

fn pool_key() -> Key {
    Key::global(Kind::NodePool, "np")
}
fn machine_key(name: &str) -> Key {
    Key::global(Kind::Machine, name)
}

/// A system pool of two machines, and two healthy pods of one budget that may spare one.
fn world() -> World {
    let mut draft = Draft::new(World::new(7), Time(0));
    draft.create(crate::cluster_key(), Meta::default(), Body::Cluster(Box::default()));
    let mut pool = NodePool::default();
    (pool.spec.count, pool.spec.mode, pool.state.version) = (2, Mode::System, "1.35.1".into());
    draft.create(pool_key(), Meta::default(), Body::NodePool(Box::new(pool)));
    for instance in 0..2 {
        let mut machine = Machine::requested("np", instance, "Standard_D4s_v5", MachineModel::default(), Time(0));
        machine.phase = MachinePhase::Running;
        draft.create(machine_key(&format!("m{instance}")), Meta::default(), Body::Machine(Box::new(machine)));
        let ready = json!([{"type": "Ready", "status": "True"}]);
        let pod = json!({"metadata": {"name": format!("p{instance}"), "namespace": "x", "labels": {"app": "a"}},
            "spec": {"nodeName": format!("m{instance}"), "containers": []}, "status": {"phase": "Running", "conditions": ready}});
        let pod = from_value(Kind::Pod, &pod).unwrap();
        draft.create(pod.key.clone(), pod.meta.clone(), pod.body.clone());
    }
    let budget =
        json!({"metadata": {"name": "b", "namespace": "x"}, "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "a"}}}});
    let budget = from_value(Kind::PodDisruptionBudget, &budget).unwrap();
    draft.create(budget.key.clone(), budget.meta.clone(), budget.body.clone());
    draft.world
}

fn with(progress: Progress, change: impl FnOnce(&mut Operation)) -> World {
    let mut draft = Draft::new(world(), Time(0));
    let mut operation = Operation::begin(Uid(1), progress, Time(0));
    change(&mut operation);
    draft.update(&pool_key(), |doc| doc.as_pool_mut().unwrap().state.operation = Some(operation));
    draft.world
}

fn verdict(base: &World, planner: Planner, plan: impl FnOnce(&mut Draft)) -> Option<&'static str> {
    let mut draft = Draft::new(base.clone(), Time(0));
    plan(&mut draft);
    judge(base, &draft.world, planner, &draft.writes).err().map(|breach| breach.rule)
}

fn let_go(draft: &mut Draft, name: &str) {
    fleet::change(draft, &machine_key(name), |machine| machine.intent = Intent::Gone);
}
fn evict(draft: &mut Draft, name: &str) {
    nodelane_workload::delete(draft, &Key::new(Kind::Pod, "x", name), None, None);
}

#[test]
fn no_machine_of_a_living_pool_goes_unasked() {
    let scale = || with(Progress::Scale(ScalePhase::Removing), |operation| operation.victims = vec!["m1".into()]);
    assert_eq!(verdict(&world(), Planner::Operation, |draft| let_go(draft, "m1")), Some(UNASKED));
    assert_eq!(verdict(&world(), Planner::Operation, |draft| draft.remove(&machine_key("m1"))), Some(UNASKED));
    assert_eq!(verdict(&scale(), Planner::Operation, |draft| let_go(draft, "m0")), Some(UNASKED));
    assert_eq!(verdict(&scale(), Planner::Operation, |draft| let_go(draft, "m1")), None);
    assert_eq!(verdict(&with(Progress::Delete(DeletePhase::Removing), |_| {}), Planner::Operation, |draft| let_go(draft, "m0")), None);
    let mut failed = Draft::new(world(), Time(0));
    fleet::change(&mut failed, &machine_key("m0"), |machine| machine.phase = MachinePhase::Failed);
    assert_eq!(verdict(&failed.world, Planner::Operation, |draft| let_go(draft, "m0")), None);
}

/// The same with the pool autoscaled down to one, and the machines' nodes Ready; `marked` are those that the autoscaler empties.
fn autoscaled(marked: &[&str]) -> World {
    let mut draft = Draft::new(world(), Time(0));
    draft.update(&pool_key(), |doc| {
        let spec = &mut doc.as_pool_mut().unwrap().spec;
        (spec.enable_auto_scaling, spec.min_count, spec.max_count) = (true, Some(1), Some(2));
    });
    for name in ["m0", "m1"] {
        let node = json!({"metadata": {"name": name}, "spec": {}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}});
        let node = from_value(Kind::Node, &node).unwrap();
        draft.create(node.key.clone(), node.meta.clone(), node.body.clone());
    }
    for name in marked {
        crate::disrupt::cordon(&mut draft, &machine_key(name), nodelane_model::machine::CordonOwner::ScaleDown);
    }
    draft.world
}

#[test]
fn the_autoscaler_lets_go_what_its_document_names_and_never_below_the_minimum() {
    let autoscale = Planner::Autoscale;
    assert_eq!(verdict(&autoscaled(&[]), autoscale, |draft| let_go(draft, "m1")), Some(MINIMUM), "it is not named");
    assert_eq!(verdict(&autoscaled(&["m1"]), autoscale, |draft| let_go(draft, "m0")), Some(MINIMUM), "another is named");
    assert_eq!(verdict(&autoscaled(&["m1"]), autoscale, |draft| let_go(draft, "m1")), None);
    let both = |draft: &mut Draft| ["m0", "m1"].iter().for_each(|name| let_go(draft, name));
    assert_eq!(verdict(&autoscaled(&["m0", "m1"]), autoscale, both), Some(MINIMUM));
    assert_eq!(verdict(&world(), autoscale, |draft| let_go(draft, "m1")), Some(MINIMUM), "the pool is scaled by hand");
}

#[test]
fn evictions_stay_within_the_budget_as_it_was() {
    let both = |draft: &mut Draft| {
        evict(draft, "p0");
        evict(draft, "p1");
    };
    assert_eq!(verdict(&world(), Planner::Operation, |draft| evict(draft, "p0")), None);
    assert_eq!(verdict(&world(), Planner::Operation, both), Some(BUDGET));
    assert_eq!(verdict(&world(), Planner::Workload, both), None, "a workload may scale down");
    let passes_over = with(Progress::Delete(DeletePhase::Draining), |operation| operation.ignore_budgets = true);
    assert_eq!(verdict(&passes_over, Planner::Operation, both), None);
}

#[test]
fn the_autoscaler_adds_machines_up_to_the_maximum_of_a_pool_that_it_rules() {
    let add = |count: usize| move |draft: &mut Draft| drop(fleet::grow(draft, &pool_key(), &vec![Name::default(); count]));
    let mut draft = Draft::new(autoscaled(&[]), Time(0));
    draft.update(&pool_key(), |doc| doc.as_pool_mut().unwrap().spec.max_count = Some(4));
    let base = draft.world;
    assert_eq!(verdict(&base, Planner::Autoscale, add(2)), None, "two of four are there");
    assert_eq!(verdict(&base, Planner::Autoscale, add(3)), Some(COUNT));
    assert_eq!(verdict(&world(), Planner::Autoscale, add(1)), Some(COUNT), "the pool is scaled by hand");
    assert_eq!(verdict(&base, Planner::Converge, add(1)), Some(KINDS), "another planner does not count pools");
}

#[test]
fn machines_stay_within_count_and_surge() {
    let add = |count: usize, surge: bool| move |draft: &mut Draft| (0..count).for_each(|_| drop(fleet::add(draft, &pool_key(), surge)));
    assert_eq!(verdict(&world(), Planner::Operation, add(1, true)), None, "10 % of 2 is one");
    assert_eq!(verdict(&world(), Planner::Operation, add(2, true)), Some(COUNT));
    assert_eq!(verdict(&world(), Planner::Operation, add(1, false)), Some(COUNT));
    let grows = |draft: &mut Draft| {
        draft.update(&pool_key(), |doc| doc.as_pool_mut().unwrap().spec.count = 3);
        add(1, false)(draft);
    };
    assert_eq!(verdict(&world(), Planner::Operation, grows), None);
}

#[test]
fn the_last_system_pool_stays_unless_its_cluster_goes() {
    let end = |draft: &mut Draft| {
        draft.update(&pool_key(), |doc| doc.as_pool_mut().unwrap().state.gone = Some(Time(0)));
    };
    assert_eq!(verdict(&world(), Planner::Operation, end), Some(SYSTEM));
    let mut going = Draft::new(world(), Time(0));
    let operation = Operation::begin(Uid(1), Progress::Cluster(ClusterPhase::Deleting), Time(0));
    going.update(&crate::cluster_key(), |doc| doc.as_cluster_mut().unwrap().state.operation = Some(operation));
    assert_eq!(verdict(&going.world, Planner::Operation, end), None);
}

#[test]
fn planners_write_only_their_own_kinds() {
    let relabel = |key: Key| {
        move |draft: &mut Draft| drop(draft.update(&key, |doc| drop(Arc::make_mut(&mut doc.meta.labels).insert("a".into(), "b".into()))))
    };
    for (planner, key, expected) in [
        (Planner::Place, pool_key(), Some(KINDS)),
        (Planner::Workload, machine_key("m0"), Some(KINDS)),
        (Planner::Converge, pool_key(), Some(KINDS)),
        (Planner::Operation, Key::new(Kind::PodDisruptionBudget, "x", "b"), Some(KINDS)),
        (Planner::Place, Key::new(Kind::Pod, "x", "p0"), None),
        (Planner::Converge, machine_key("m0"), None),
    ] {
        assert_eq!(verdict(&world(), planner, relabel(key.clone())), expected, "{planner:?} {key}");
    }
}

/// Every node is Ready, so that machines serve.
fn with_nodes(world: World) -> World {
    let mut draft = Draft::new(world, Time(0));
    for instance in 0..2 {
        let node = json!({"metadata": {"name": format!("m{instance}")}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}});
        let node = from_value(Kind::Node, &node).unwrap();
        draft.create(node.key.clone(), node.meta.clone(), node.body.clone());
    }
    draft.world
}

fn mark(world: World, budgets: &str) -> World {
    let mut draft = Draft::new(world, Time(0));
    draft.update(&pool_key(), |doc| {
        doc.as_pool_mut().unwrap().spec.tags = [("nodelane-disruption-budgets".into(), budgets.into())].into();
    });
    draft.world
}

fn roll(draft: &mut Draft, name: &str) {
    fleet::change(draft, &machine_key(name), |machine| machine.roll = Some(nodelane_model::machine::Roll::Draining));
}
fn mend(draft: &mut Draft, name: &str) {
    fleet::change(draft, &machine_key(name), |machine| {
        let rung = Some((nodelane_model::Rung::Reboot, Time(0)));
        machine.repair = Some(nodelane_model::Repair { began: Some(Time(0)), rung, ..nodelane_model::Repair::of_loss(Time(0)) });
    });
}

#[test]
fn nodes_taken_stay_within_the_pools_budget() {
    let two = |take: fn(&mut Draft, &str)| move |draft: &mut Draft| ["m0", "m1"].into_iter().for_each(|name| take(draft, name));
    assert_eq!(verdict(&world(), Planner::Operation, two(roll)), None, "nothing is said");
    assert_eq!(verdict(&mark(world(), "upgrade=1"), Planner::Operation, two(roll)), Some(POOL_BUDGET));
    assert_eq!(verdict(&mark(world(), "nodes=1"), Planner::Operation, two(roll)), Some(POOL_BUDGET));
    assert_eq!(verdict(&mark(world(), "upgrade=2"), Planner::Operation, two(roll)), None);
    assert_eq!(verdict(&world(), Planner::Repair, two(mend)), Some(POOL_BUDGET), "one repair a pool");
    assert_eq!(verdict(&world(), Planner::Repair, |draft| mend(draft, "m0")), None);
    assert_eq!(verdict(&mark(world(), "repair=100%"), Planner::Repair, two(mend)), None);
    let taken_before = mark(with_taken("m0"), "upgrade=0");
    assert_eq!(verdict(&taken_before, Planner::Operation, |draft| evict(draft, "p0")), None, "what was taken goes on");
}

fn with_taken(name: &str) -> World {
    let mut draft = Draft::new(world(), Time(0));
    roll(&mut draft, name);
    draft.world
}

#[test]
fn one_node_of_the_system_pools_stays_ready() {
    let both = |draft: &mut Draft| ["m0", "m1"].into_iter().for_each(|name| roll(draft, name));
    assert_eq!(verdict(&with_nodes(world()), Planner::Operation, both), Some(SYSTEM_READY));
    assert_eq!(verdict(&with_nodes(world()), Planner::Operation, |draft| roll(draft, "m0")), None);
    assert_eq!(verdict(&world(), Planner::Operation, both), None, "none of them is Ready: nothing is lost");
}

#[test]
fn repair_leaves_an_operations_machines_alone() {
    let scaling = with(Progress::Scale(ScalePhase::Provisioning), |_| {});
    assert_eq!(verdict(&scaling, Planner::Repair, |draft| mend(draft, "m0")), Some(OWNED));
}
