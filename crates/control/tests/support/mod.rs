//! A cell with a store, a cloud and kubelets that do at once what they are told, or wait until a test lets them.
//!
//! Nothing happens by itself: a test steps the cell, or lets everything settle. What left the cell is kept in order.
#![allow(dead_code)] // Each test file uses its own part.

use nodelane_control::{Append, Cell, Event, Input, Outputs, ReplyId};
use nodelane_engine::Env;
use nodelane_model::change::{Accepted, Principal};
use nodelane_model::machine::MachinePhase;
use nodelane_model::pod::Condition;
use nodelane_model::pool::{Mode, PoolSpec};
use nodelane_model::{Body, Change, Doc, Key, Kind, Meta, Node, Origin, Refusal, Revision, Time};
use nodelane_provider::{Call, Completion};
use nodelane_world::World;
use std::sync::Arc;

pub const START: Time = Time(1_767_225_600_000); // 2026-01-01T00:00:00Z

pub type Answer = (ReplyId, Result<Accepted, Refusal>);

pub struct Bench {
    pub cell: Cell,
    pub now: Time,
    /// What the cell asked for since it was last looked at.
    pub answers: Vec<Answer>,
    pub calls: Vec<Call>,
    pub events: Vec<Event>,
    pub appends: Vec<Append>,
    next_id: ReplyId,
}

pub fn spec(mode: Mode) -> PoolSpec {
    PoolSpec { mode, ..nodelane_testkit::system_spec(1) }
}

pub fn put_cluster(pools: &[&str]) -> Change {
    nodelane_testkit::put_cluster(pools.iter().map(|name| ((*name).into(), spec(Mode::System))))
}

impl Bench {
    pub fn on(world: World) -> Bench {
        let cell = Cell::new(world, Env::default());
        Bench { cell, now: START, answers: vec![], calls: vec![], events: vec![], appends: vec![], next_id: 0 }
    }
    /// One step; what it gives is kept and given.
    pub fn step(&mut self, inputs: Vec<Input>) -> Outputs {
        let mut out = self.cell.step(self.now, inputs);
        self.answers.append(&mut out.replies);
        self.calls.append(&mut out.calls);
        self.events.extend(out.published.iter().flat_map(|(_, events)| events.iter().cloned()));
        self.appends.extend(out.append.clone());
        out
    }
    /// A request, as an input, and its number.
    pub fn request(&mut self, change: Change) -> (ReplyId, Input) {
        self.next_id += 1;
        (self.next_id, Input::Request(self.next_id, Box::new(change), Arc::new(Origin::default())))
    }
    pub fn ask(&mut self, change: Change) -> ReplyId {
        let (id, input) = self.request(change);
        self.step(vec![input]);
        id
    }
    pub fn namespace(name: &str) -> Change {
        let doc = Doc::new(Key::global(Kind::Namespace, name), 0, Meta::default(), Body::Opaque(Default::default()));
        Change::Create(Arc::new(doc))
    }
    /// The last revision that went to the store.
    pub fn appended(&self) -> Revision {
        self.appends.last().map_or(0, |append| append.last)
    }
    pub fn durable(&mut self) -> Outputs {
        let last = self.appended();
        self.step(vec![Input::Durable(last)])
    }
    /// The store, the cloud and the kubelets do everything until nothing more happens.
    pub fn settle(&mut self) {
        for _ in 0..10_000 {
            let mut inputs = vec![Input::Durable(self.appended())];
            for call in std::mem::take(&mut self.calls) {
                inputs.push(Input::Provider(Completion { call, result: Ok(()) }));
            }
            for node in self.unregistered() {
                let origin = Origin { principal: Principal::Node(node.key.name.clone()), ..Origin::default() };
                self.next_id += 1;
                inputs.push(Input::Request(self.next_id, Box::new(Change::Create(Arc::new(node))), Arc::new(origin)));
            }
            let out = self.step(inputs);
            let idle = self.calls.is_empty() && self.unregistered().is_empty();
            if idle && out.append.is_none() && !out.more {
                return;
            }
        }
        panic!("it does not come to rest");
    }
    /// Nodes of machines that run and have none.
    fn unregistered(&self) -> Vec<Doc> {
        let world = self.cell.durable();
        let runs = |doc: &&Arc<Doc>| doc.as_machine().is_some_and(|machine| machine.phase == MachinePhase::Running && machine.is_wanted());
        let machines = world.list(Kind::Machine, None).filter(runs).filter(|doc| world.node(&doc.key.name).is_none());
        machines
            .map(|doc| {
                let mut node = Node::default();
                node.status.conditions.push(Condition::new("Ready", true, self.now));
                Doc::new(Key::global(Kind::Node, doc.key.name.clone()), 0, Meta::default(), Body::Node(Box::new(node)))
            })
            .collect()
    }
    pub fn answer(&self, id: ReplyId) -> Option<&Result<Accepted, Refusal>> {
        self.answers.iter().find(|(of, _)| *of == id).map(|(_, answer)| answer)
    }
    pub fn is_unavailable(&self, id: ReplyId) -> bool {
        matches!(self.answer(id), Some(Err(Refusal::Unavailable(_))))
    }
}

/// A cluster with two system pools, at rest.
pub fn two_system_pools() -> World {
    let mut bench = Bench::on(World::new(7));
    bench.ask(put_cluster(&["a", "b"]));
    bench.settle();
    let world = bench.cell.durable().clone();
    assert!(world.cluster().unwrap().state.operation.is_none() && world.pools().all(|(_, pool)| pool.provisioning_state() == "Succeeded"));
    world
}
