//! A small cluster to ask things of, and what its answers are called.
//!
//! No planner runs here: `settle` ends operations as a planner would, and `boot` makes the machines that a pool should have.

mod cluster;
mod ends;
mod marks;
mod pools;
mod rollback;
mod rules;
mod table;

use super::{Env, admit};
use nodelane_model::change::{Accepted, EtagConditions};
use nodelane_model::cluster::ClusterSpec;
use nodelane_model::machine::{Intent, MachineModel, MachinePhase};
use nodelane_model::operation::{Ended, Outcome};
use nodelane_model::pool::{Mode, PoolSpec};
use nodelane_model::refusal::PoolRefusal;
use nodelane_model::{Body, Change, Key, Kind, Machine, Meta, Name, NodePool, Origin, Refusal, Time};
use nodelane_world::{Draft, World};

struct Bench {
    draft: Draft,
    env: Env,
    origin: Origin,
}

/// The smallest size, with as many pods as an overlay network gives by default; of the cluster's version.
fn spec() -> PoolSpec {
    PoolSpec { vm_size: "Standard_D2s_v5".into(), max_pods: 250, orchestrator_version: Name::default(), ..nodelane_testkit::pool_spec(1) }
}

fn cluster_spec() -> ClusterSpec {
    ClusterSpec { subscription: "s".into(), ..nodelane_testkit::cluster_spec() }
}

impl Bench {
    /// A cluster of 1.35 in eastus with a system pool of 3.
    fn new() -> Bench {
        let draft = Draft::new(World::new(7), Time(1_767_225_600_000));
        let mut bench = Bench { draft, env: Env::default(), origin: Origin::default() };
        let system = PoolSpec { mode: Mode::System, count: 3, ..spec() };
        bench.put_cluster(cluster_spec(), vec![("system".into(), system)]).unwrap();
        bench.settle("system", Outcome::Succeeded);
        bench.settle_cluster();
        bench
    }
    fn ask(&mut self, change: &Change) -> Result<Accepted, Refusal> {
        let before = self.draft.writes.len();
        let answer = admit(&mut self.draft, change, &self.origin, &self.env);
        if answer.is_err() {
            assert_eq!(self.draft.writes.len(), before, "a refusal writes nothing");
        }
        answer
    }
    fn put_cluster(&mut self, spec: ClusterSpec, pools: Vec<(Name, PoolSpec)>) -> Result<Accepted, Refusal> {
        let base = self.draft.world.get(&super::cluster_key()).map(|doc| doc.revision);
        let etag = EtagConditions::default();
        self.ask(&Change::PutCluster { spec: Box::new(spec), pools, base, etag })
    }
    /// A PUT that was merged with the pool as it is.
    fn put(&mut self, name: &str, spec: PoolSpec) -> Result<Accepted, Refusal> {
        self.put_if(name, spec, EtagConditions::default())
    }
    fn put_if(&mut self, name: &str, spec: PoolSpec, etag: EtagConditions) -> Result<Accepted, Refusal> {
        let base = self.draft.world.pool(name).map(|(doc, _)| doc.revision);
        let request_hash = nodelane_model::hash::Hash::new(0).text(&format!("{spec:?}")).get();
        self.ask(&Change::PutPool { name: name.into(), spec: Box::new(spec), base, etag, request_hash })
    }
    fn delete(&mut self, name: &str) -> Result<Accepted, Refusal> {
        self.ask(&Change::DeletePool { name: name.into(), ignore_budgets: false, etag: EtagConditions::default() })
    }
    fn abort(&mut self, name: &str) -> Result<Accepted, Refusal> {
        self.ask(&Change::AbortPool { name: name.into() })
    }
    fn pool(&self, name: &str) -> NodePool {
        self.draft.world.get(&Key::global(Kind::NodePool, name)).and_then(|doc| doc.as_pool()).cloned().unwrap()
    }
    fn spec(&self, name: &str) -> PoolSpec {
        self.pool(name).spec
    }
    fn state(&self, name: &str) -> &'static str {
        self.pool(name).provisioning_state()
    }
    /// A pool with its machines, as it is when its creation has ended.
    fn made(&mut self, name: &str, spec: PoolSpec) {
        self.put(name, spec).unwrap();
        self.boot(name);
        self.settle(name, Outcome::Succeeded);
    }
    /// Ends the pool's operation.
    fn settle(&mut self, name: &str, outcome: Outcome) {
        let now = self.draft.now;
        self.draft.update(&Key::global(Kind::NodePool, name), |doc| {
            let state = &mut doc.as_pool_mut().unwrap().state;
            for mut operation in state.successor.take().into_iter().chain(state.operation.take()) {
                operation.ended = Some(Ended { at: now, outcome, error: None });
                state.history.push(operation);
            }
        });
    }
    fn settle_cluster(&mut self) {
        let now = self.draft.now;
        self.draft.update(&super::cluster_key(), |doc| {
            let state = &mut doc.as_cluster_mut().unwrap().state;
            if let Some(mut operation) = state.operation.take() {
                operation.ended = Some(Ended { at: now, outcome: Outcome::Succeeded, error: None });
                state.history.push(operation);
            }
        });
    }
    /// The pool is gone, and its tombstone is left.
    fn bury(&mut self, name: &str) {
        self.settle(name, Outcome::Succeeded);
        let now = self.draft.now;
        self.draft.update(&Key::global(Kind::NodePool, name), |doc| doc.as_pool_mut().unwrap().state.gone = Some(now));
    }
    /// Makes the machines that the pool should have, with what it should have on them.
    fn boot(&mut self, name: &str) {
        let pool = self.pool(name);
        let model = MachineModel { version: pool.state.version.clone(), image: pool.state.image.clone() };
        for instance in 0..pool.spec.count {
            let mut machine = Machine::requested(name, instance, &pool.spec.vm_size, model.clone(), self.draft.now);
            machine.phase = MachinePhase::Running;
            machine.running = Some(model.clone());
            let key = Key::global(Kind::Machine, format!("{name}-{instance}"));
            self.draft.create(key, Meta::default(), Body::Machine(Box::new(machine)));
        }
    }
    fn lose(&mut self, machine: &str) {
        self.draft.update(&Key::global(Kind::Machine, machine), |doc| doc.as_machine_mut().unwrap().intent = Intent::Gone);
    }
}

/// The refusal about pools that an answer is.
fn refusal(answer: Result<Accepted, Refusal>) -> PoolRefusal {
    match answer {
        Err(Refusal::Pool(refusal)) => refusal,
        other => panic!("not refused by a rule: {other:?}"),
    }
}
