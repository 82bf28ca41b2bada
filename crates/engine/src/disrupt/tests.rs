//! The ledger as tables: who may take a node, while who has taken which.
//!
//! A system pool of two and a user pool of four; every machine runs and its node is Ready.

use super::{Disruption, Why, may_take};
use nodelane_model::codec::from_value;
use nodelane_model::machine::{Intent, MachineModel, MachinePhase, Roll};
use nodelane_model::operation::{Progress, ScalePhase};
use nodelane_model::pool::Mode;
use nodelane_model::{Body, Key, Kind, Machine, Meta, Name, NodePool, Operation, Repair, Rung, Time, Uid};
use nodelane_world::{Draft, World};
use serde_json::json;

fn key(name: &str) -> Key {
    Key::global(Kind::Machine, name)
}

fn model(version: &str) -> MachineModel {
    MachineModel { version: version.into(), image: "i".into() }
}

fn add(draft: &mut Draft, name: &str, mode: Mode, count: u32, tags: &str) {
    let mut pool = NodePool::default();
    (pool.spec.count, pool.spec.mode, pool.state.version) = (count, mode, "1.35.1".into());
    if !tags.is_empty() {
        pool.spec.tags = [("nodelane-disruption-budgets".into(), tags.into())].into();
    }
    draft.create(Key::global(Kind::NodePool, name), Meta::default(), Body::NodePool(Box::new(pool)));
    for instance in 0..count {
        let mut machine = Machine::requested(name, instance, "s", model("1.35.1"), Time(0));
        (machine.phase, machine.running) = (MachinePhase::Running, Some(model("1.34.1")));
        let machine_name = format!("{name}{instance}");
        draft.create(key(&machine_name), Meta::default(), Body::Machine(Box::new(machine)));
        let node = json!({"metadata": {"name": machine_name}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}});
        let node = from_value(Kind::Node, &node).unwrap();
        draft.create(node.key.clone(), node.meta.clone(), node.body.clone());
    }
}

fn world(tags: &str) -> Draft {
    let mut draft = Draft::new(World::new(7), Time(0));
    add(&mut draft, "sys", Mode::System, 2, "");
    add(&mut draft, "np", Mode::User, 4, tags);
    draft
}

fn change(draft: &mut Draft, name: &str, change: impl FnOnce(&mut Machine)) {
    crate::fleet::change(draft, &key(name), change);
}
fn mend(draft: &mut Draft, name: &str) {
    change(draft, name, |machine| {
        machine.repair = Some(Repair { began: Some(Time(0)), rung: Some((Rung::Reboot, Time(0))), ..Repair::of_loss(Time(0)) });
    });
}
fn ask(draft: &Draft, name: &str, reason: Disruption) -> Result<(), Why> {
    may_take(&draft.world, &key(name), reason, |_| true)
}
fn budget(part: &'static str, most: i32) -> Result<(), Why> {
    Err(Why::PoolBudget { pool: "np".into(), part, most })
}

#[test]
fn a_budget_counts_what_was_taken_for_its_reason_and_nodes_counts_all() {
    use Disruption::{Drift, Repair, ScaleDown, Upgrade};
    let rolls = |draft: &mut Draft| change(draft, "np0", |machine| machine.roll = Some(Roll::Draining));
    let drifts = |draft: &mut Draft| {
        change(draft, "np0", |machine| (machine.roll, machine.running) = (Some(Roll::Soaking), Some(model("1.35.1"))));
    };
    let goes = |draft: &mut Draft| change(draft, "np0", |machine| machine.intent = Intent::Gone);
    let mends = |draft: &mut Draft| mend(draft, "np0");
    let done = |draft: &mut Draft| change(draft, "np0", |machine| machine.roll = Some(Roll::Done));
    let extra = |draft: &mut Draft| change(draft, "np0", |machine| (machine.intent, machine.surge) = (Intent::Gone, true));
    type Case<'a> = (&'a str, &'a dyn Fn(&mut Draft), Disruption, Result<(), Why>);
    let table: &[Case] = &[
        ("", &rolls, Upgrade, Ok(())),
        ("upgrade=1", &rolls, Upgrade, budget("upgrade", 1)),
        ("upgrade=2", &rolls, Upgrade, Ok(())),
        ("upgrade=25%", &rolls, Upgrade, budget("upgrade", 1)),
        ("upgrade=26%", &rolls, Upgrade, Ok(())),
        ("upgrade=1", &drifts, Upgrade, Ok(())),
        ("drift=1", &drifts, Drift, budget("drift", 1)),
        ("upgrade=1", &done, Upgrade, Ok(())),
        ("scale-down=1", &goes, ScaleDown, budget("scale-down", 1)),
        ("scale-down=1", &extra, ScaleDown, Ok(())),
        ("scale-down=1", &rolls, ScaleDown, Ok(())),
        ("scale-down=0", &done, ScaleDown, budget("scale-down", 0)),
        ("nodes=1", &rolls, ScaleDown, budget("nodes", 1)),
        ("nodes=1", &mends, Upgrade, budget("nodes", 1)),
        ("nodes=2", &mends, Upgrade, Ok(())),
        ("", &mends, Repair, budget("repair", 1)),
        ("repair=2", &mends, Repair, Ok(())),
        ("", &rolls, Repair, Ok(())),
    ];
    for (tags, before, reason, expected) in table {
        let mut draft = world(tags);
        before(&mut draft);
        assert_eq!(ask(&draft, "np1", *reason), *expected, "{tags} {reason:?}");
    }
}

#[test]
fn a_machine_whose_ladder_is_begun_takes_its_next_rung_within_the_budget_that_it_fills() {
    let mut draft = world("nodes=1");
    mend(&mut draft, "np0");
    change(&mut draft, "np0", |machine| machine.repair.as_mut().unwrap().rung = None);
    assert_eq!(ask(&draft, "np0", Disruption::Repair), Ok(()));
    assert_eq!(ask(&draft, "np1", Disruption::Repair), budget("repair", 1));
}

#[test]
fn the_last_ready_node_of_the_system_is_not_taken_for_any_reason() {
    for (word, reason) in Disruption::ALL {
        let mut draft = world("");
        assert_eq!(ask(&draft, "sys0", reason), Ok(()), "{word}: another is Ready");
        change(&mut draft, "sys1", |machine| machine.roll = Some(Roll::Draining));
        assert_eq!(ask(&draft, "sys0", reason), Err(Why::SystemCapacity), "{word}: the other is taken");
        change(&mut draft, "sys0", |machine| machine.phase = MachinePhase::Rebooting);
        assert_eq!(ask(&draft, "sys0", reason), Ok(()), "{word}: one that serves nobody may be taken");
    }
    let mut draft = world("");
    change(&mut draft, "sys1", |machine| machine.phase = MachinePhase::Failed);
    assert_eq!(ask(&draft, "sys0", Disruption::Upgrade), Err(Why::SystemCapacity));
    assert_eq!(ask(&draft, "np0", Disruption::Upgrade), Ok(()), "user pools are not the system's");
    let leaves = |draft: &Draft, names: &[&str]| super::leaves_system(&draft.world, &names.iter().map(Name::new).collect());
    assert_eq!((leaves(&draft, &["sys0"]), leaves(&draft, &["sys1"]), leaves(&draft, &["np0", "np1"])), (false, true, true));
    add(&mut draft, "sys2", Mode::System, 1, "");
    assert_eq!(ask(&draft, "sys0", Disruption::Upgrade), Ok(()), "another system pool serves");
}

#[test]
fn an_operation_owns_its_machines_a_rung_its_machine_and_a_window_everything() {
    let mut draft = world("");
    mend(&mut draft, "np1");
    assert_eq!(ask(&draft, "np1", Disruption::Upgrade), Err(Why::Repair));
    assert_eq!(ask(&draft, "np1", Disruption::ScaleDown), Err(Why::Repair));
    let closed = |pool: &Name| pool != "np";
    assert_eq!(may_take(&draft.world, &key("np0"), Disruption::Upgrade, closed), Err(Why::Window { pool: "np".into() }));
    assert_eq!(may_take(&draft.world, &key("sys0"), Disruption::Upgrade, closed), Ok(()));
    let operation = Operation::begin(Uid(1), Progress::Scale(ScalePhase::Provisioning), Time(0));
    draft.update(&Key::global(Kind::NodePool, "np"), |doc| doc.as_pool_mut().unwrap().state.operation = Some(operation));
    let owned = Err(Why::Operation { pool: "np".into(), state: "Scaling" });
    assert_eq!((ask(&draft, "np0", Disruption::Repair), ask(&draft, "np0", Disruption::ScaleDown)), (owned.clone(), owned));
    assert_eq!(ask(&draft, "np0", Disruption::Upgrade), Ok(()), "an upgrade is the operation");
}
