//! A small cluster on virtual time, as a client sees it: pools are put, objects are created, and it is seen what came of it.
//!
//! Requests are merged as `arm` merges them (from the stored pool), so that a test names only what changes. What must hold at every
//! event is in `judge`.
#![allow(dead_code, unused_imports)] // Each test file uses its own part.

mod judge;

pub use judge::{Judge, healthy};

use nodelane_engine::Env;
use nodelane_model::change::{EtagConditions, Principal, Propagation};
use nodelane_model::codec::from_value;
use nodelane_model::operation::{Operation, Outcome};
use nodelane_model::pod::Phase;
use nodelane_model::pool::{Mode, PoolSpec, Power};
use nodelane_model::{Change, Doc, Key, Kind, Machine, Node, NodePool, Origin, Refusal, Time, Uid};
use nodelane_rehearsal::Rehearsal;
use nodelane_sim::BootProfile;
use nodelane_world::World;
use serde_json::{Value, json};
use std::sync::Arc;

pub const START: Time = Time(1_767_225_600_000); // 2026-01-01T00:00:00Z
pub const SEED: u64 = 7;
pub const MINUTE: i64 = 60_000;
pub const HOUR: i64 = 60 * MINUTE;

pub struct Bench {
    pub r: Rehearsal,
}

pub use nodelane_testkit::pool_spec as spec;

pub fn put_cluster(system_pools: &[&str]) -> Change {
    nodelane_testkit::put_cluster(system_pools.iter().map(|name| ((*name).into(), nodelane_testkit::system_spec(1))))
}

impl Bench {
    /// A cluster of 1.35 with a system pool of one, at rest.
    pub fn new(profile: BootProfile) -> Bench {
        Bench::in_env(profile, Env::default())
    }
    /// The same where quotas or policies are others.
    pub fn in_env(profile: BootProfile, env: Env) -> Bench {
        let mut bench = Bench { r: Rehearsal::new(World::new(SEED), env, profile, START) };
        bench.ask(put_cluster(&["system"])).expect("the cluster is made");
        for name in ["default", "kube-system"] {
            bench.create(
                Kind::Namespace,
                json!({"metadata": {"name": name}, "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}),
            );
        }
        bench.until(20 * MINUTE, |world| world.cluster().is_some_and(|cluster| cluster.state.operation.is_none()));
        bench
    }
    /// The same with a pool `np` of so many, made.
    pub fn with_pool(count: u32, change: impl FnOnce(&mut PoolSpec)) -> Bench {
        let mut bench = Bench::new(BootProfile::Fast);
        bench.make("np", count, change);
        bench
    }
    pub fn make(&mut self, name: &str, count: u32, change: impl FnOnce(&mut PoolSpec)) {
        let mut spec = spec(count);
        change(&mut spec);
        self.put_spec(name, spec).expect("the pool is made");
        self.idle(name, HOUR);
        assert_eq!(self.pool(name).provisioning_state(), "Succeeded", "{:?}", self.error(name));
    }

    pub fn ask(&mut self, change: Change) -> Result<nodelane_model::change::Accepted, Refusal> {
        let origin = Origin { principal: Principal::User("ann".into()), ..Origin::default() };
        self.r.request(change, origin)
    }
    pub fn put_spec(&mut self, name: &str, spec: PoolSpec) -> Result<Option<Uid>, Refusal> {
        let base = self.world().pool(name).map(|(doc, _)| doc.revision);
        let request_hash = self.world().revision;
        let change = Change::PutPool { name: name.into(), spec: Box::new(spec), base, etag: EtagConditions::default(), request_hash };
        self.ask(change).map(|accepted| accepted.operation)
    }
    /// The same of pool `np` as it is, changed, under an api-version; what it is refused with.
    pub fn put_as(&mut self, api_version: &str, change: impl FnOnce(&mut PoolSpec)) -> Result<(), Refusal> {
        let (doc, pool) = self.world().pool("np").expect("there is such a pool");
        let (base, mut spec) = (Some(doc.revision), Box::new(pool.spec.clone()));
        change(&mut spec);
        let change =
            Change::PutPool { name: "np".into(), spec, base, etag: EtagConditions::default(), request_hash: self.world().revision };
        let origin = Origin { principal: Principal::User("ann".into()), api_version: api_version.into(), ..Origin::default() };
        self.r.request(change, origin).map(drop)
    }
    /// A PUT of the pool as it is, changed; gives the operation.
    pub fn put(&mut self, name: &str, change: impl FnOnce(&mut PoolSpec)) -> Option<Uid> {
        let mut spec = self.pool(name).spec;
        change(&mut spec);
        self.put_spec(name, spec).expect("the PUT is accepted")
    }
    /// The same, and time passes until the pool is idle.
    pub fn settle(&mut self, name: &str, change: impl FnOnce(&mut PoolSpec)) {
        self.put(name, change);
        self.idle(name, 6 * HOUR);
    }
    pub fn delete(&mut self, name: &str, ignore_budgets: bool) -> Option<Uid> {
        self.ask(Change::DeletePool { name: name.into(), ignore_budgets, etag: EtagConditions::default() }).expect("accepted").operation
    }

    pub fn create(&mut self, kind: Kind, value: Value) -> Key {
        let doc = from_value(kind, &value).unwrap();
        let key = doc.key.clone();
        self.ask(Change::Create(Arc::new(doc))).expect("it is created");
        key
    }
    /// A user replaces a document with a changed one.
    pub fn edit(&mut self, key: &Key, change: impl FnOnce(&mut Doc)) {
        let old = self.world().get(key).expect("it is there").clone();
        let mut doc = (*old).clone();
        change(&mut doc);
        self.ask(Change::Replace { base: old.revision, doc: Arc::new(doc) }).expect("it is replaced");
    }
    pub fn remove(&mut self, key: &Key) {
        let change = Change::Delete { key: key.clone(), uid: None, base: None, grace_seconds: None, propagation: Propagation::Background };
        self.ask(change).expect("it is deleted");
    }
    pub fn fault(&mut self, name: &str, spec: Value) -> Key {
        self.create(Kind::Fault, json!({"metadata": {"name": name}, "spec": spec}))
    }
    /// A deployment whose pods go to a pool; `pod` is merged into the pod's specification.
    pub fn deploy(&mut self, app: &str, replicas: u32, pool: &str, pod: Value) {
        let mut template = json!({"restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "schedulerName": "default-scheduler",
            "nodeSelector": {"agentpool": pool},
            "containers": [{"name": "c", "image": "fake", "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}}}]});
        merge(&mut template, pod);
        self.create(
            Kind::Deployment,
            json!({"metadata": {"name": app, "namespace": "default", "generation": 1}, "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"app": app}}, "progressDeadlineSeconds": 600, "revisionHistoryLimit": 10,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
            "template": {"metadata": {"labels": {"app": app}}, "spec": template}}}),
        );
        self.until(5 * MINUTE, |world| running(world, app).len() == replicas as usize);
        self.pass(5_000);
    }
    pub fn budget(&mut self, app: &str, bound: Value) -> Key {
        let mut spec = json!({"selector": {"matchLabels": {"app": app}}});
        merge(&mut spec, bound);
        self.create(Kind::PodDisruptionBudget, json!({"metadata": {"name": app, "namespace": "default", "generation": 1}, "spec": spec}))
    }
    pub fn daemons(&mut self, app: &str) {
        self.create(
            Kind::DaemonSet,
            json!({"metadata": {"name": app, "namespace": "kube-system", "generation": 1}, "spec": {
            "selector": {"matchLabels": {"app": app}}, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
            "template": {"metadata": {"labels": {"app": app}}, "spec": {"restartPolicy": "Always", "schedulerName": "default-scheduler",
                "tolerations": [{"operator": "Exists"}], "containers": [{"name": "c", "image": "fake"}]}}}}),
        );
        self.pass(10_000);
    }

    pub fn world(&self) -> &World {
        self.r.world()
    }
    pub fn pool(&self, name: &str) -> NodePool {
        self.world().pool(name).expect("there is such a pool").1.clone()
    }
    pub fn state(&self, name: &str) -> &'static str {
        self.pool(name).provisioning_state()
    }
    /// The last operation's error, as code and message.
    pub fn error(&self, name: &str) -> (String, String) {
        let ended = self.pool(name).last_ended().and_then(|operation| operation.ended.clone());
        let error = ended.and_then(|ended| ended.error);
        error.map(|error| (error.code.to_string(), error.message.to_string())).unwrap_or_default()
    }
    pub fn machines(&self, pool: &str) -> Vec<(Key, Machine)> {
        let mut machines: Vec<_> =
            self.world().machines_of(&pool.into()).map(|(doc, machine)| (doc.key.clone(), machine.clone())).collect();
        machines.sort_by_key(|(_, machine)| machine.instance);
        machines
    }
    pub fn nodes(&self, pool: &str) -> Vec<Arc<Doc>> {
        nodes_of(self.world(), pool)
    }
    pub fn node_names(&self, pool: &str) -> Vec<String> {
        self.nodes(pool).iter().map(|doc| doc.key.name.to_string()).collect()
    }

    /// Time passes until something holds.
    pub fn until(&mut self, within_millis: i64, holds: impl Fn(&World) -> bool) {
        let until = self.r.now().plus(within_millis);
        assert!(self.r.run_until_holds(until, holds), "not within {within_millis} ms; broken: {:?}", self.r.breakdowns);
    }
    /// Time passes until the pool's operation is over.
    pub fn idle(&mut self, pool: &str, within_millis: i64) {
        self.until(within_millis, |world| world.pool(pool).is_none_or(|(_, pool)| pool.state.operation.is_none()));
    }
    pub fn pass(&mut self, millis: i64) {
        let until = self.r.now().plus(millis);
        self.r.run_until(until);
    }
    /// When a document's first write after `since` was seen that `holds`.
    pub fn when(&self, since: usize, holds: impl Fn(&Doc) -> bool) -> Option<Time> {
        self.r.events[since..].iter().find(|(_, event)| event.new.as_ref().is_some_and(|doc| holds(doc))).map(|(at, _)| *at)
    }
    /// Nothing is left of an operation: no cordon, no drain, no roll, no extra machine, as many nodes as the pool says.
    pub fn assert_tidy(&self, pool: &str) {
        assert_eq!(self.r.breakdowns, Vec::<String>::new());
        for (key, machine) in self.machines(pool) {
            assert!(machine.cordoned_by.is_empty() && machine.drain.is_none() && !machine.surge, "{key}: {machine:?}");
        }
        let own = nodelane_engine::converge::labels::taints(&self.pool(pool).spec).len();
        for node in self.nodes(pool) {
            let spec = &node.as_node().unwrap().spec;
            assert!(!spec.unschedulable && spec.taints.len() == own, "{}: {spec:?}", node.key);
        }
        let count = self.pool(pool).spec.count as usize;
        assert_eq!((self.machines(pool).len(), self.nodes(pool).len()), (count, count));
    }
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => from.into_iter().for_each(|(key, value)| match value {
            Value::Null => drop(into.remove(&key)),
            value => merge(into.entry(key).or_insert(Value::Null), value),
        }),
        (into, from) => *into = from,
    }
}

pub fn nodes_of(world: &World, pool: &str) -> Vec<Arc<Doc>> {
    let in_pool = |doc: &&Arc<Doc>| doc.meta.labels.get("agentpool").is_some_and(|label| label == pool);
    world.list(Kind::Node, None).filter(in_pool).cloned().collect()
}
pub fn takes_pods(node: &Node) -> bool {
    node.status.is_ready() && !node.spec.unschedulable
}
/// Running pods of an app that are there to stay.
pub fn running(world: &World, app: &str) -> Vec<Arc<Doc>> {
    let of = |doc: &&Arc<Doc>| doc.meta.labels.get("app").is_some_and(|label| label == app) && !doc.is_terminating();
    let runs = |doc: &&Arc<Doc>| doc.as_pod().is_some_and(|pod| pod.status.phase == Phase::Running);
    world.list(Kind::Pod, None).filter(of).filter(runs).cloned().collect()
}
pub fn uids(docs: &[Arc<Doc>]) -> Vec<Uid> {
    docs.iter().map(|doc| doc.meta.uid).collect()
}
