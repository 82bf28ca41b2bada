//! What an outsider has seen: the documents as of the last published write, and whether the writes came as a watch must (I2).
//!
//! Questions about pods, nodes, machines and pools are answered from the documents, by ranges of keys. After a restart the world must be
//! exactly what was shown, or a watcher that resumes would miss something.

use super::{Findings, Invariant};
use nodelane_control::Event;
use nodelane_model::cluster::CLUSTER;
use nodelane_model::operation::{Operation, Progress};
use nodelane_model::{Cluster, Doc, Key, Kind, Machine, Name, Node, NodePool, Revision, Time};
use nodelane_world::World;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

/// The documents as published.
#[derive(Default, Clone)]
pub struct View {
    docs: BTreeMap<Key, Arc<Doc>>,
    revision: Revision,
}

impl View {
    /// What a world shows.
    pub fn of(world: &World) -> View {
        let docs = world.list_from(Bound::Unbounded).map(|doc| (doc.key.clone(), doc.clone())).collect();
        View { docs, revision: world.revision }
    }
    /// A document.
    pub fn get(&self, key: &Key) -> Option<&Arc<Doc>> {
        self.docs.get(key)
    }
    /// Documents of a kind.
    pub fn list(&self, kind: Kind) -> impl Iterator<Item = &Arc<Doc>> {
        self.docs.range(Key::new(kind, "", "")..).map(|(_, doc)| doc).take_while(move |doc| doc.key.kind == kind)
    }
    /// Documents of a kind in a namespace.
    pub fn list_in<'a>(&'a self, kind: Kind, namespace: &'a str) -> impl Iterator<Item = &'a Arc<Doc>> {
        let within = move |doc: &&Arc<Doc>| doc.key.kind == kind && doc.key.namespace == namespace;
        self.docs.range(Key::new(kind, namespace, "")..).map(|(_, doc)| doc).take_while(within)
    }
    /// The cluster.
    pub fn cluster(&self) -> Option<&Cluster> {
        self.get(&Key::global(Kind::Cluster, CLUSTER))?.as_cluster().filter(|cluster| cluster.state.gone.is_none())
    }
    /// What the cluster is doing.
    pub fn cluster_operation(&self) -> Option<&Operation> {
        self.cluster()?.state.operation.as_ref()
    }
    /// A pool that exists.
    pub fn pool(&self, name: &str) -> Option<&NodePool> {
        self.get(&Key::global(Kind::NodePool, name))?.as_pool().filter(|pool| pool.exists())
    }
    /// Pools that exist.
    pub fn pools(&self) -> impl Iterator<Item = (&Name, &NodePool)> {
        self.list(Kind::NodePool).filter_map(|doc| Some((&doc.key.name, doc.as_pool().filter(|pool| pool.exists())?)))
    }
    /// What a pool is doing.
    pub fn operation(&self, pool: &str) -> Option<&Operation> {
        self.pool(pool)?.state.operation.as_ref()
    }
    /// Whether an operation of that sort runs on a pool.
    pub fn runs(&self, pool: &str, is: impl Fn(Progress) -> bool) -> bool {
        self.operation(pool).is_some_and(|operation| is(operation.progress))
    }
    /// A machine.
    pub fn machine(&self, name: &str) -> Option<&Machine> {
        self.get(&Key::global(Kind::Machine, name))?.as_machine()
    }
    /// A node.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.get(&Key::global(Kind::Node, name))?.as_node()
    }
    /// Machines of a pool.
    pub fn machines<'a>(&'a self, pool: &'a str) -> impl Iterator<Item = (&'a Name, &'a Machine)> {
        let all = self.list(Kind::Machine).filter_map(|doc| Some((&doc.key.name, doc.as_machine()?)));
        all.filter(move |(_, machine)| machine.pool == pool)
    }
    /// Whether a node is Ready and takes pods.
    pub fn takes_pods(&self, name: &str) -> bool {
        self.node(name).is_some_and(takes_pods)
    }
    /// Pods on a node.
    pub fn pods_on<'a>(&'a self, node: &'a str) -> impl Iterator<Item = &'a Arc<Doc>> {
        self.list(Kind::Pod).filter(move |doc| doc.as_pod().is_some_and(|pod| pod.node.as_deref() == Some(node)))
    }
    /// Every key, for who looks for leaks.
    pub fn docs(&self) -> impl Iterator<Item = &Arc<Doc>> {
        self.docs.values()
    }
    /// The last write.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    pub(super) fn check(&self, findings: &mut Findings, at: Time, event: &Event) {
        let known = event.key().and_then(|key| self.get(key)).map(|doc| doc.revision);
        let before = event.old.as_ref().map(|doc| doc.revision);
        let numbered = event.revision > self.revision && event.new.as_ref().is_none_or(|doc| doc.revision == event.revision);
        findings.check(Invariant::Watch, at, known == before && numbered, || {
            format!(
                "revision {} of {:?} follows {before:?}, last seen was {known:?}, of all {}",
                event.revision,
                event.key(),
                self.revision
            )
        });
    }
    pub(super) fn apply(&mut self, event: &Event) {
        self.revision = event.revision;
        match (&event.old, &event.new) {
            (_, Some(new)) => drop(self.docs.insert(new.key.clone(), new.clone())),
            (Some(old), None) => drop(self.docs.remove(&old.key)),
            (None, None) => {}
        }
    }
    pub(super) fn restarted(&mut self, findings: &mut Findings, at: Time, world: &World) {
        let is = View::of(world);
        let differs = || {
            let all = self.docs.keys().chain(is.docs.keys());
            all.into_iter().find(|key| self.get(key).map(|doc| doc.revision) != is.get(key).map(|doc| doc.revision)).cloned()
        };
        let lost = differs();
        findings.check(Invariant::Durable, at, lost.is_none() && is.revision >= self.revision, || {
            format!("after the restart {lost:?} is not what was shown; revision {} of {}", is.revision, self.revision)
        });
        *self = is;
    }
}

/// Whether a node is Ready and takes pods.
pub fn takes_pods(node: &Node) -> bool {
    node.status.is_ready() && !node.spec.unschedulable
}
