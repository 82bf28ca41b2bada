//! One machine in every situation that matters, and what the planner makes of it (aks-semantics H-1, H-3).
//!
//! Times are minutes; it is minute 100. Another node of the cluster is Ready unless a row says otherwise.

use super::*;
use nodelane_model::codec::from_value;
use nodelane_model::machine::{Intent, MachineFailure, MachineModel};
use nodelane_model::operation::{Progress, ScalePhase};
use nodelane_model::{Body, Meta, Name, NodePool, Operation, Rung, Uid};
use nodelane_world::World;
use serde_json::json;

const NOW: i64 = 100;

fn minute(minute: i64) -> Time {
    Time(minute * 60_000)
}

/// The machine `m0` with its node, and `m1`, which is well.
struct Case {
    draft: Draft,
}

impl Case {
    fn new(repair: Option<Repair>) -> Case {
        let mut draft = Draft::new(World::new(7), minute(NOW));
        let mut pool = NodePool::default();
        pool.spec.count = 2;
        draft.create(cluster_key(), Meta::default(), Body::Cluster(Box::default()));
        draft.create(Key::global(Kind::NodePool, "np"), Meta::default(), Body::NodePool(Box::new(pool)));
        for (instance, ready) in [(0, "Unknown"), (1, "True")] {
            let mut machine = Machine::requested("np", instance, "s", MachineModel::default(), minute(0));
            machine.phase = MachinePhase::Running;
            machine.running = Some(MachineModel::default());
            machine.repair = repair.clone().filter(|_| instance == 0);
            let name = format!("m{instance}");
            draft.create(Key::global(Kind::Machine, name.clone()), Meta::default(), Body::Machine(Box::new(machine)));
            let node = json!({"metadata": {"name": name}, "status": {"conditions": [{"type": "Ready", "status": ready}]}});
            let node = from_value(Kind::Node, &node).unwrap();
            draft.create(node.key.clone(), node.meta.clone(), node.body.clone());
        }
        Case { draft }
    }
    fn with(mut self, change: impl FnOnce(&mut Machine)) -> Case {
        fleet::change(&mut self.draft, &Key::global(Kind::Machine, "m0"), change);
        self
    }
    fn pool(mut self, change: impl FnOnce(&mut NodePool)) -> Case {
        self.draft.update(&Key::global(Kind::NodePool, "np"), |doc| change(doc.as_pool_mut().unwrap()));
        self
    }
    fn node(mut self, change: impl FnOnce(&mut Doc)) -> Case {
        self.draft.update(&Key::global(Kind::Node, "m0"), change);
        self
    }
    /// Phase, rungs behind it, events, and when it is looked at again.
    fn planned(mut self) -> (MachinePhase, Option<u32>, Vec<String>, Option<i64>) {
        plan(&mut self.draft, &Env::default(), 100);
        plan(&mut self.draft, &Env::default(), 100); // A second pass finds nothing to do.
        let written = self.draft.writes.len();
        plan(&mut self.draft, &Env::default(), 100);
        assert_eq!(self.draft.writes.len(), written, "it comes to rest");
        let machine = self.draft.world.get(&Key::global(Kind::Machine, "m0")).unwrap().as_machine().unwrap().clone();
        let events = self.draft.world.list(Kind::Event, None).map(|doc| doc.as_event().unwrap().reason.to_string()).collect();
        let wake = self.draft.world.work.next_deadline().map(|at| at.0 / 60_000);
        (machine.phase, machine.repair.map(|repair| repair.rungs), events, wake)
    }
}

fn lost(since: i64) -> Repair {
    Repair::of_loss(minute(since))
}
fn after(rungs: u32, began: i64, rested: i64) -> Repair {
    Repair { began: Some(minute(began)), rested: Some(minute(rested)), rungs, ..lost(0) }
}
fn in_rung(rung: Rung, rungs: u32) -> Repair {
    Repair { began: Some(minute(90)), rung: Some((rung, minute(98))), rungs, ..lost(0) }
}

#[test]
fn a_rung_is_taken_when_its_time_has_come_and_not_before() {
    use MachinePhase::{Rebooting, Redeploying, Reimaging, Running};
    let start = |rung: &str| vec![format!("Node{rung}Start")];
    for (repair, expected) in [
        (lost(86), (Running, Some(0), vec![], Some(101))),
        (lost(85), (Rebooting, Some(0), start("Reboot"), None)),
        (after(1, 90, 96), (Running, Some(1), vec![], Some(101))),
        (after(1, 90, 95), (Reimaging, Some(1), start("Reimage"), None)),
        (after(2, 80, 95), (Redeploying, Some(2), start("Redeploy"), None)),
        (after(3, 70, 95), (Rebooting, Some(3), start("Reboot"), None)),
        (after(8, 50, 95), (Redeploying, Some(8), start("Redeploy"), None)),
        (after(9, 50, 95), (Running, Some(9), vec!["NodeRepairGivenUp".to_owned()], None)),
        (after(3, 50, 95), (Rebooting, Some(3), start("Reboot"), None)),
        (after(3, 49, 95), (Running, Some(3), vec!["NodeRepairGivenUp".to_owned()], None)),
    ] {
        assert_eq!(Case::new(Some(repair.clone())).planned(), expected, "{repair:?}");
    }
}

#[test]
fn a_rung_ends_as_the_machine_and_its_node_show() {
    use MachinePhase::{Failed, Reimaging, Running};
    let ends = |rung: &str| vec![format!("Node{rung}End")];
    let case = |rung: Rung| Case::new(Some(in_rung(rung, 0)));
    assert_eq!(
        case(Rung::Reboot).with(|m| m.enter(MachinePhase::Rebooting, minute(98))).planned(),
        (MachinePhase::Rebooting, Some(0), vec![], None)
    );
    assert_eq!(case(Rung::Reboot).planned(), (Running, Some(1), ends("Reboot"), Some(105)));
    let failed = |m: &mut Machine| m.failure = Some(MachineFailure { code: "InvalidParameter".into(), message: Name::default() });
    assert_eq!(case(Rung::Redeploy).with(failed).planned(), (Running, Some(1), vec!["NodeRedeployError".to_owned()], Some(105)));
    let ready = |doc: &mut Doc| doc.as_node_mut().unwrap().status.conditions[0].status = "True".into();
    assert_eq!(case(Rung::Reimage).node(ready).planned(), (Running, None, ends("Reimage"), None), "healed");
    let overtaken = case(Rung::Reboot).with(|m| m.enter(Reimaging, minute(99))).planned();
    assert_eq!(overtaken, (Reimaging, Some(0), vec![], None), "an operation's image: the ladder stands where it stood");
    let mut gone = case(Rung::Reimage).with(|m| m.enter(Running, minute(99)));
    gone.draft.remove(&Key::global(Kind::Node, "m0"));
    assert_eq!(gone.planned(), (Running, Some(0), vec![], Some(104)), "its node is about to come again");
    assert_eq!(case(Rung::Reboot).with(|m| m.intent = Intent::Gone).planned().1, None);
    assert_eq!(case(Rung::Reboot).with(|m| m.phase = Failed).planned().1, None);
}

#[test]
fn what_is_not_its_own_is_left_alone_and_that_is_said_once() {
    let held = (MachinePhase::Running, Some(0), vec!["NodeRepairHeld".to_owned()], None);
    let due = || Case::new(Some(lost(0)));
    let operation = Operation::begin(Uid(1), Progress::Scale(ScalePhase::Provisioning), minute(99));
    assert_eq!(due().pool(|pool| pool.state.operation = Some(operation)).planned(), held);
    let taint = |key: &'static str| {
        move |doc: &mut Doc| {
            let taint = nodelane_model::node::Taint { key: key.into(), effect: "NoSchedule".into(), ..Default::default() };
            doc.as_node_mut().unwrap().spec.taints.push(taint);
        }
    };
    assert_eq!(due().node(taint("ToBeDeletedByClusterAutoscaler")).planned(), held);
    assert_eq!(due().node(taint("node.cloudprovider.kubernetes.io/shutdown")).planned(), held);
    let mut alone = due();
    alone.draft.remove(&Key::global(Kind::Node, "m1"));
    assert_eq!(alone.planned(), held, "no other node is Ready");
    let tag = |value: &str| {
        let value: Name = value.into();
        move |pool: &mut NodePool| drop(pool.spec.tags.insert("nodelane-repair".into(), value))
    };
    assert_eq!(due().pool(tag("unhealthy=0")).planned(), held);
    assert_eq!(due().pool(tag("off")).planned(), (MachinePhase::Running, Some(0), vec![], None));
    let slower = Case::new(Some(lost(70))).pool(tag("detection=30m,persistence=1m")).planned();
    assert_eq!(slower, (MachinePhase::Running, Some(0), vec![], Some(101)));
    let windows = |pool: &mut NodePool| pool.spec.os_type = nodelane_model::pool::OsType::Windows;
    let third = Case::new(Some(after(2, 80, 95))).pool(windows).planned();
    assert_eq!(third.0, MachinePhase::Rebooting, "a Windows machine is not redeployed");
}
