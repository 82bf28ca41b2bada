//! The world: documents, and what is derived from them by deltas.
//!
//! [`World::put`] and [`World::remove`] are the only ways in; both keep every row, index and worklist. `rebuild` makes the same world
//! from the documents alone (a property test holds the two equal).

use crate::class::{ClassId, ClassKey, PodClass};
use crate::ledger::{self, BudgetRow};
use crate::room::NodeRow;
use crate::storage::Storage;
use crate::work::{List, Work};
use imbl::{HashMap, OrdMap, OrdSet};
use nodelane_model::cluster::CLUSTER;
use nodelane_model::{Cluster, Doc, Key, Kind, Machine, Name, NodePool, Revision, Uid};
use std::ops::Bound;
use std::sync::Arc;

/// The state in memory. A clone is a fork.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// Seeds ids and latencies.
    pub seed: u64,
    /// The last write.
    pub revision: Revision,
    /// What is left to do.
    pub work: Work,
    /// Moves whenever a pod that did not fit might fit now: a node came or changed, a pod left one or no longer waits for it, or a
    /// namespace's labels changed.
    pub room_epoch: u64,
    /// Moves whenever something changes that placing looks up beside nodes and pods: namespaces' labels, services, the selectors of replica
    /// sets and stateful sets, claims, volumes, storage classes, the limits of drivers.
    pub rules_epoch: u64,
    /// Unbound pods that wait for room on a node, and are not on their way out.
    pub nominated: OrdSet<Key>,
    /// Bound pods that keep others away by a required term: new nodes have to be asked about them.
    pub exclusive: OrdSet<Key>,
    docs: OrdMap<Key, Arc<Doc>>,
    nodes: OrdMap<Name, Arc<NodeRow>>,
    uids: OrdMap<Uid, Key>,
    by_owner: OrdSet<(Uid, Key)>,
    by_node: OrdSet<(Name, Key)>,
    by_pool: OrdSet<(Name, Key)>,
    /// Machines whose drain waits for a budget, by the budget's namespace.
    by_blocked: OrdSet<(Name, Key)>,
    /// Machines with a record of auto-repair, by pool.
    repairing: OrdSet<(Name, Key)>,
    budgets: OrdMap<Key, BudgetRow>,
    /// Events by their last write, the oldest first.
    events_by_age: OrdSet<(Revision, Key)>,
    pub(crate) storage: Storage,
    classes: HashMap<ClassKey, Arc<PodClass>>,
    next_class: u32,
}

/// Classes kept at most; past this the cache starts anew. Each keeps a specification alive, 2 to 4 KiB: 64 MiB at worst.
const CLASS_LIMIT: usize = 16_384;

impl World {
    /// An empty world.
    pub fn new(seed: u64) -> World {
        World { seed, ..World::default() }
    }
    /// The world that holds these documents, with every subject on its worklist.
    pub fn rebuild(seed: u64, revision: Revision, docs: impl IntoIterator<Item = Arc<Doc>>) -> World {
        let mut world = World::new(seed);
        for doc in docs {
            world.put(doc);
        }
        world.revision = revision;
        // While documents came in, owners and nodes were missing that came later.
        for key in world.work.list(List::Doomed).clone() {
            if !world.get(&key).is_some_and(|doc| doc.is_terminating() || world.is_orphan(doc) || world.is_stranded(doc)) {
                world.work.done(List::Doomed, &key);
            }
        }
        world
    }

    /// A document.
    pub fn get(&self, key: &Key) -> Option<&Arc<Doc>> {
        self.docs.get(key)
    }
    /// Documents of a kind, in order of namespace and name; of one namespace where it is given.
    pub fn list<'a>(&'a self, kind: Kind, namespace: Option<&'a str>) -> impl Iterator<Item = &'a Arc<Doc>> + use<'a> {
        let start = Key::new(kind, namespace.unwrap_or(""), "");
        self.list_from(Bound::Included(start))
            .take_while(move |doc| doc.key.kind == kind && namespace.is_none_or(|namespace| doc.key.namespace == namespace))
    }
    /// Documents from a key on, in order.
    pub fn list_from(&self, start: Bound<Key>) -> impl Iterator<Item = &Arc<Doc>> {
        self.docs.range((start, Bound::Unbounded)).map(|(_, doc)| doc)
    }
    /// How many documents there are.
    pub fn len(&self) -> usize {
        self.docs.len()
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.docs.is_empty()
    }
    /// The document with that unique id.
    pub fn by_uid(&self, uid: Uid) -> Option<&Arc<Doc>> {
        self.uids.get(&uid).and_then(|key| self.docs.get(key))
    }
    /// Documents that name `owner` as one of their owners, in order.
    pub fn owned_by(&self, owner: Uid) -> impl Iterator<Item = &Arc<Doc>> {
        range_of(&self.by_owner, owner).filter_map(|key| self.docs.get(key))
    }
    /// Pods bound to a node, in order; ended ones too.
    pub fn pods_on(&self, node: &Name) -> impl Iterator<Item = &Arc<Doc>> {
        range_of(&self.by_node, node.clone()).filter_map(|key| self.docs.get(key))
    }
    /// Machines of a pool, in order of name.
    pub fn machines_of(&self, pool: &Name) -> impl Iterator<Item = (&Arc<Doc>, &Machine)> {
        range_of(&self.by_pool, pool.clone()).filter_map(|key| self.docs.get(key)).filter_map(|doc| Some((doc, doc.as_machine()?)))
    }
    /// Machines whose drain waits for a budget of a namespace, in order of name.
    pub fn blocked_in(&self, namespace: &Name) -> impl Iterator<Item = (&Arc<Doc>, &Machine)> {
        range_of(&self.by_blocked, namespace.clone()).filter_map(|key| self.docs.get(key)).filter_map(|doc| Some((doc, doc.as_machine()?)))
    }
    /// Machines whose node was Ready and is not, in order of pool and name.
    pub fn repairing(&self) -> impl Iterator<Item = (&Arc<Doc>, &Machine)> {
        self.repairing.iter().filter_map(|(_, key)| self.docs.get(key)).filter_map(|doc| Some((doc, doc.as_machine()?)))
    }
    /// Nodes with what is taken of them, in order of name.
    pub fn nodes(&self) -> impl Iterator<Item = (&Name, &Arc<NodeRow>)> {
        self.nodes.iter()
    }
    /// A node with what is taken of it.
    pub fn node(&self, name: &Name) -> Option<&Arc<NodeRow>> {
        self.nodes.get(name)
    }
    /// The pods that a budget covers, counted.
    pub fn budget(&self, key: &Key) -> Option<&BudgetRow> {
        self.budgets.get(key)
    }
    /// Budgets that cover a pod, in order of name.
    pub fn budgets_of<'a>(&'a self, pod: &'a Doc) -> impl Iterator<Item = &'a Arc<Doc>> {
        self.list(Kind::PodDisruptionBudget, Some(&pod.key.namespace))
            .filter(move |doc| doc.as_budget().is_some_and(|budget| ledger::covers(budget, pod)))
    }
    /// The class of a pod; made where it is new.
    pub fn class(&mut self, pod: &Doc) -> Option<Arc<PodClass>> {
        let key = PodClass::key(pod)?;
        if let Some(class) = self.classes.get(&key) {
            return Some(class.clone());
        }
        if self.classes.len() >= CLASS_LIMIT {
            self.classes.clear();
        }
        let class = Arc::new(PodClass::of(pod, ClassId(self.next_class))?);
        self.next_class += 1;
        self.classes.insert(key, class.clone());
        Some(class)
    }
    /// The event that was written longest ago, and how many there are.
    pub fn oldest_event(&self) -> Option<(&Arc<Doc>, usize)> {
        let (_, key) = self.events_by_age.get_min()?;
        Some((self.docs.get(key)?, self.events_by_age.len()))
    }
    /// The cluster of this cell.
    pub fn cluster(&self) -> Option<&Cluster> {
        self.get(&Key::global(Kind::Cluster, CLUSTER))?.as_cluster()
    }
    /// A pool that exists; tombstones do not.
    pub fn pool(&self, name: &str) -> Option<(&Arc<Doc>, &NodePool)> {
        let doc = self.get(&Key::global(Kind::NodePool, name))?;
        doc.as_pool().filter(|pool| pool.exists()).map(|pool| (doc, pool))
    }
    /// Pools that exist, in order of name.
    pub fn pools(&self) -> impl Iterator<Item = (&Arc<Doc>, &NodePool)> {
        self.list(Kind::NodePool, None).filter_map(|doc| doc.as_pool().filter(|pool| pool.exists()).map(|pool| (doc, pool)))
    }

    /// Takes up a document in place of the one with its key; gives that one back.
    pub fn put(&mut self, doc: Arc<Doc>) -> Option<Arc<Doc>> {
        self.revision = self.revision.max(doc.revision);
        let old = self.docs.insert(doc.key.clone(), doc.clone());
        self.note(old.as_ref(), Some(&doc));
        old
    }
    /// Removes a document at a revision; gives it back.
    pub fn remove(&mut self, key: &Key, revision: Revision) -> Option<Arc<Doc>> {
        self.revision = self.revision.max(revision);
        let old = self.docs.remove(key)?;
        self.note(Some(&old), None);
        Some(old)
    }

    fn note(&mut self, old: Option<&Arc<Doc>>, new: Option<&Arc<Doc>>) {
        let Some(doc) = new.or(old) else { return };
        self.note_identity(old, new);
        if changes_rules(old, new) {
            self.rules_epoch += 1;
            // Terms about other pods may name namespaces by their labels.
            self.room_epoch += u64::from(doc.key.kind == Kind::Namespace);
        }
        match doc.key.kind {
            Kind::Pod => self.note_pod(old, new),
            Kind::Node => self.note_node(old, new),
            Kind::Machine => self.note_machine(old, new),
            Kind::NodePool => {
                self.touch_machines(&doc.key.name);
                self.work.add(List::Autoscale, doc.key.clone());
                self.touch_repairs();
            }
            Kind::Cluster => {
                self.touch_all(Kind::NodePool);
                self.work.add(List::Autoscale, doc.key.clone());
                self.touch_repairs();
            }
            Kind::PodDisruptionBudget => {
                self.note_budget(&doc.key, new);
                self.work.add(List::Autoscale, doc.key.clone());
            }
            Kind::PersistentVolume | Kind::PersistentVolumeClaim | Kind::StorageClass => self.note_storage(old, new),
            Kind::Event => {
                old.map(|old| self.events_by_age.remove(&(old.revision, old.key.clone())));
                new.map(|new| self.events_by_age.insert((new.revision, new.key.clone())));
            }
            _ => {}
        }
        if let Some(list) = Work::list_of(doc.key.kind) {
            match new {
                Some(_) => self.work.add(list, doc.key.clone()),
                None => self.work.done(list, &doc.key),
            }
        }
    }

    /// Ids, owners, and what is doomed.
    fn note_identity(&mut self, old: Option<&Arc<Doc>>, new: Option<&Arc<Doc>>) {
        for (doc, is_new) in old.map(|doc| (doc, false)).into_iter().chain(new.map(|doc| (doc, true))) {
            let owners = doc.meta.owners.iter().filter_map(|owner| Uid::parse(&owner.uid));
            for uid in owners {
                if is_new {
                    self.by_owner.insert((uid, doc.key.clone()));
                } else {
                    self.by_owner.remove(&(uid, doc.key.clone()));
                }
            }
            if let Some(controller) = doc.meta.controller() {
                self.touch_owner(doc, controller);
            }
        }
        match (old, new) {
            (old, Some(new)) => {
                if old.is_none_or(|old| old.meta.uid != new.meta.uid) {
                    self.uids.insert(new.meta.uid, new.key.clone());
                }
                let owners_changed = old.is_none_or(|old| old.meta.owners != new.meta.owners);
                if new.is_terminating() || (owners_changed && self.is_orphan(new)) {
                    self.work.add(List::Doomed, new.key.clone());
                }
            }
            (Some(old), None) => {
                self.uids.remove(&old.meta.uid);
                self.work.done(List::Doomed, &old.key);
                let dependents: Vec<Key> = self.owned_by(old.meta.uid).map(|doc| doc.key.clone()).collect();
                for key in dependents {
                    self.work.add(List::Doomed, key);
                }
                // An owner that waits for its dependents to go, and a namespace that waits for what is in it.
                for owner in old.meta.owners.iter().filter_map(|owner| Uid::parse(&owner.uid)) {
                    if let Some(owner) = self.by_uid(owner).filter(|owner| owner.is_terminating()).map(|owner| owner.key.clone()) {
                        self.work.add(List::Doomed, owner);
                    }
                }
                let namespace = Key::global(Kind::Namespace, old.key.namespace.clone());
                if self.docs.get(&namespace).is_some_and(|doc| doc.is_terminating()) {
                    self.work.add(List::Owners, namespace);
                }
            }
            (None, None) => {}
        }
    }

    fn touch_owner(&mut self, doc: &Doc, controller: &nodelane_model::OwnerRef) {
        let Some(kind) = controller.known_kind() else { return };
        let namespace = doc.key.namespace.clone();
        let key = Key { kind, namespace, name: controller.name.clone() };
        if let Some(list) = Work::list_of(kind)
            && self.docs.contains_key(&key)
        {
            self.work.add(list, key);
        }
    }

    /// Whether a document has owners and all of them are gone.
    fn is_orphan(&self, doc: &Doc) -> bool {
        !doc.meta.owners.is_empty()
            && !doc
                .meta
                .owners
                .iter()
                .any(|owner| owner.known_kind().is_none() || Uid::parse(&owner.uid).is_some_and(|uid| self.uids.contains_key(&uid)))
    }

    /// Whether a document is a pod on a node that does not exist.
    fn is_stranded(&self, doc: &Doc) -> bool {
        doc.as_pod().and_then(|pod| pod.node.as_ref()).is_some_and(|node| !self.nodes.contains_key(node))
    }

    fn note_pod(&mut self, old: Option<&Arc<Doc>>, new: Option<&Arc<Doc>>) {
        let same_place = match (old, new) {
            (Some(old), Some(new)) => charge_of(old) == charge_of(new) && PodClass::key(old) == PodClass::key(new),
            _ => false,
        };
        if !same_place {
            for (doc, times) in old.map(|doc| (doc, -1)).into_iter().chain(new.map(|doc| (doc, 1))) {
                self.charge(doc, times);
            }
        } else if let (Some(old), Some(new)) = (old, new)
            && old.is_terminating() != new.is_terminating()
            && let Some(row) = charge_of(new).and_then(|node| self.nodes.get_mut(node))
        {
            let row = Arc::make_mut(row);
            row.leaving = row.leaving + u32::from(new.is_terminating()) - u32::from(old.is_terminating());
        }
        let stays = old.zip(new).is_some_and(|(old, new)| weighs_alike(old, new));
        for (doc, is_new) in old.map(|doc| (doc, false)).into_iter().chain(new.map(|doc| (doc, true))) {
            let Some(pod) = doc.as_pod() else { continue };
            match &pod.node {
                Some(node) if is_new => self.by_node.insert((node.clone(), doc.key.clone())),
                Some(node) => self.by_node.remove(&(node.clone(), doc.key.clone())),
                None => None,
            };
            let waits = pod.node.is_none() && !doc.is_terminating() && !pod.status.is_terminal() && pod.spec.scheduling_gates.is_empty();
            let entry = (-i64::from(pod.spec.priority.unwrap_or(0)), doc.meta.created, doc.key.clone());
            if is_new && waits {
                self.work.pending.insert(entry);
            } else {
                self.work.pending.remove(&entry);
            }
            let affinity = pod.spec.affinity.as_ref().and_then(|affinity| affinity.pod_anti_affinity.as_ref());
            if is_new && charge_of(doc).is_some() && affinity.is_some_and(|apart| !apart.required.is_empty()) {
                self.exclusive.insert(doc.key.clone());
            } else {
                self.exclusive.remove(&doc.key);
            }
            let hopes =
                pod.node.is_none() && !doc.is_terminating() && !pod.status.is_terminal() && !pod.status.nominated_node_name.is_empty();
            if is_new && hopes {
                self.nominated.insert(doc.key.clone());
            } else if self.nominated.remove(&doc.key).is_some() {
                // Room was kept for it.
                self.room_epoch += 1;
            }
            if let Some(node) = &pod.node {
                let machine = Key::global(Kind::Machine, node.clone());
                let drains = self.get(&machine).and_then(|doc| doc.as_machine()).map(|machine| machine.drain.is_some());
                if drains.is_some() && !stays {
                    self.work.add(List::Autoscale, machine.clone());
                }
                if drains == Some(true) {
                    self.work.add(List::Machines, machine);
                }
            }
        }
        if let Some(doc) = new.filter(|doc| self.is_stranded(doc)) {
            self.work.add(List::Doomed, doc.key.clone());
        }
        self.count_in_budgets(old, new);
        self.touch_services(old, new);
        self.note_claims(old, new);
    }

    fn count_in_budgets(&mut self, old: Option<&Arc<Doc>>, new: Option<&Arc<Doc>>) {
        let Some(namespace) = new.or(old).map(|doc| doc.key.namespace.clone()) else { return };
        let budgets: Vec<Arc<Doc>> = self.list(Kind::PodDisruptionBudget, Some(&namespace)).cloned().collect();
        for doc in budgets {
            let Some(budget) = doc.as_budget() else { continue };
            let mut row = self.budgets.get(&doc.key).cloned().unwrap_or_default();
            let before = row.clone();
            for (pod, times) in old.map(|pod| (pod, -1)).into_iter().chain(new.map(|pod| (pod, 1))) {
                if ledger::covers(budget, pod) {
                    row.count(pod, times);
                }
            }
            if row != before {
                self.budgets.insert(doc.key.clone(), row);
                self.work.add(List::Owners, doc.key.clone());
                self.work.add(List::Autoscale, doc.key.clone());
                self.touch_drains(&namespace);
            }
        }
    }

    /// Services that may have to be told of a pod: those that name it, where what an endpoint says of it has changed.
    fn touch_services(&mut self, old: Option<&Arc<Doc>>, new: Option<&Arc<Doc>>) {
        let shown = |doc: &Arc<Doc>| {
            let pod = doc.as_pod().filter(|pod| !pod.status.pod_ip.is_empty() && !pod.status.is_terminal())?;
            Some((pod.status.pod_ip.clone(), pod.node.clone(), pod.status.is_ready(), doc.is_terminating(), doc.meta.labels.clone()))
        };
        let Some(doc) = new.or(old).filter(|_| old.and_then(shown) != new.and_then(shown)) else { return };
        let pods = [old, new];
        let named = |service: &&Arc<Doc>| pods.iter().flatten().any(|pod| ledger::serves(service, &pod.meta.labels));
        let keys: Vec<Key> = self.list(Kind::Service, Some(&doc.key.namespace)).filter(named).map(|service| service.key.clone()).collect();
        for key in keys {
            self.work.add(List::Owners, key);
        }
    }

    /// Slack may have come back: machines that wait for a budget of this namespace are looked at again.
    fn touch_drains(&mut self, namespace: &Name) {
        let waiting: Vec<Key> = range_of(&self.by_blocked, namespace.clone()).cloned().collect();
        for key in waiting {
            self.work.add(List::Machines, key);
        }
    }

    fn note_budget(&mut self, key: &Key, new: Option<&Arc<Doc>>) {
        let Some(budget) = new.and_then(|doc| doc.as_budget()) else {
            self.budgets.remove(key);
            self.touch_drains(&key.namespace);
            return;
        };
        let mut row = BudgetRow::default();
        for pod in self.list(Kind::Pod, Some(&key.namespace)).filter(|pod| ledger::covers(budget, pod)) {
            row.count(pod, 1);
        }
        self.budgets.insert(key.clone(), row);
        self.touch_drains(&key.namespace);
    }

    /// What a pod takes of its node.
    fn charge(&mut self, doc: &Doc, times: i64) {
        let Some(node) = charge_of(doc) else { return };
        let Some(class) = self.class(doc) else { return };
        if let Some(row) = self.nodes.get_mut(node) {
            let row = Arc::make_mut(row);
            row.charge(&class, times);
            if doc.is_terminating() {
                row.leaving = row.leaving.saturating_add_signed(times as i32);
            }
            if times < 0 {
                self.room_epoch += 1;
            }
        }
    }

    fn note_node(&mut self, old: Option<&Arc<Doc>>, new: Option<&Arc<Doc>>) {
        let Some(name) = new.or(old).map(|doc| doc.key.name.clone()) else { return };
        self.room_epoch += 1;
        match new {
            None => {
                self.nodes.remove(&name);
                let stranded: Vec<Key> = self.pods_on(&name).map(|pod| pod.key.clone()).collect();
                for key in stranded {
                    self.work.add(List::Doomed, key);
                }
            }
            Some(new) => match self.nodes.get_mut(&name) {
                Some(row) => Arc::make_mut(row).renew(new.clone()),
                None => {
                    let mut row = NodeRow::empty(new.clone());
                    let pods: Vec<Arc<Doc>> = self.pods_on(&name).filter(|pod| charge_of(pod).is_some()).cloned().collect();
                    for class in pods.iter().filter_map(|pod| self.class(pod)) {
                        row.charge(&class, 1);
                    }
                    row.leaving = pods.iter().filter(|pod| pod.is_terminating()).count() as u32;
                    self.nodes.insert(name.clone(), Arc::new(row));
                }
            },
        }
        let machine = Key::global(Kind::Machine, name);
        if let Some(pool) = self.get(&machine).and_then(|doc| doc.as_machine()).map(|machine| machine.pool.clone()) {
            self.work.add(List::Autoscale, machine.clone());
            if self.repairing.contains(&(pool.clone(), machine.clone())) {
                self.work.add(List::Repairs, machine.clone());
            }
            self.work.add(List::Machines, machine);
            self.touch(List::Operations, Key::global(Kind::NodePool, pool));
        }
        let ready = |doc: &Arc<Doc>| doc.as_node().is_some_and(|node| node.status.is_ready());
        if old.is_some_and(ready) != new.is_some_and(ready) {
            self.touch_repairs();
        }
        let schedules = |doc: &Arc<Doc>| doc.as_node().map(|node| (node.spec.clone(), node.status.is_ready(), doc.meta.labels.clone()));
        if old.map(schedules) != new.map(schedules) {
            self.touch_all(Kind::DaemonSet);
        }
    }

    fn note_machine(&mut self, old: Option<&Arc<Doc>>, new: Option<&Arc<Doc>>) {
        for (doc, is_new) in old.map(|doc| (doc, false)).into_iter().chain(new.map(|doc| (doc, true))) {
            let Some(machine) = doc.as_machine() else { continue };
            let blocked = machine.drain.as_ref().and_then(|drain| drain.blocked.as_ref());
            let namespace = blocked.and_then(|blocked| blocked.pod.split_once('/')).map(|(namespace, _)| Name::new(namespace));
            let entry = (machine.pool.clone(), doc.key.clone());
            let waits = namespace.map(|namespace| (namespace, doc.key.clone()));
            if is_new {
                if machine.repair.is_some() {
                    self.repairing.insert(entry.clone());
                    self.work.add(List::Repairs, doc.key.clone());
                }
                self.by_pool.insert(entry);
                self.by_blocked.extend(waits);
            } else {
                self.repairing.remove(&entry);
                self.by_pool.remove(&entry);
                waits.map(|waits| self.by_blocked.remove(&waits));
            }
            self.touch(List::Operations, Key::global(Kind::NodePool, machine.pool.clone()));
            self.work.add(List::Autoscale, doc.key.clone());
        }
        let repair = |doc: &Arc<Doc>| doc.as_machine().and_then(|machine| machine.repair.clone());
        if old.and_then(repair) != new.and_then(repair) {
            self.touch_repairs();
        }
    }

    /// Whoever waits for a turn to be repaired may have it now.
    fn touch_repairs(&mut self) {
        if !self.repairing.is_empty() {
            self.touch(List::Repairs, Key::global(Kind::Cluster, CLUSTER));
        }
    }
    fn touch(&mut self, list: List, key: Key) {
        if self.docs.contains_key(&key) {
            self.work.add(list, key);
        }
    }
    fn touch_all(&mut self, kind: Kind) {
        let Some(list) = Work::list_of(kind) else { return };
        let keys: Vec<Key> = self.list(kind, None).map(|doc| doc.key.clone()).collect();
        for key in keys {
            self.work.add(list, key);
        }
    }
    fn touch_machines(&mut self, pool: &Name) {
        let keys: Vec<Key> = range_of(&self.by_pool, pool.clone()).cloned().collect();
        for key in keys {
            self.work.add(List::Machines, key);
        }
    }
}

/// Whether a bound pod counts for its node as it did: for how much of it is asked for, and whether it may go.
fn weighs_alike(old: &Doc, new: &Doc) -> bool {
    let counts = |doc: &Doc| doc.as_pod().map(|pod| (pod.node.clone(), pod.status.is_terminal(), doc.is_terminating()));
    let same = |a: &nodelane_model::Labels, b: &nodelane_model::Labels| Arc::ptr_eq(a, b) || a == b;
    counts(old) == counts(new) && same(&old.meta.annotations, &new.meta.annotations) && same(&old.meta.labels, &new.meta.labels)
}

/// Whether something changes that placing looks up beside nodes and pods.
fn changes_rules(old: Option<&Arc<Doc>>, new: Option<&Arc<Doc>>) -> bool {
    let selector = |doc: &Arc<Doc>| {
        let of_set = doc.as_replica_set().map(|set| set.spec.selector.clone());
        of_set.or_else(|| doc.as_stateful_set().map(|set| set.spec.selector.clone()))
    };
    match new.or(old).map(|doc| doc.key.kind) {
        Some(Kind::Service | Kind::PersistentVolume | Kind::PersistentVolumeClaim | Kind::StorageClass | Kind::CSINode) => true,
        Some(Kind::Namespace) => old.map(|doc| &doc.meta.labels) != new.map(|doc| &doc.meta.labels),
        Some(Kind::ReplicaSet | Kind::StatefulSet) => old.map(selector) != new.map(selector),
        _ => false,
    }
}

/// The node that a pod takes room on; ended pods take none.
fn charge_of(doc: &Doc) -> Option<&Name> {
    doc.as_pod().filter(|pod| !pod.status.is_terminal())?.node.as_ref()
}

/// The keys under one prefix of a pair index.
pub(crate) fn range_of<P: Ord + Clone>(index: &OrdSet<(P, Key)>, prefix: P) -> impl Iterator<Item = &Key> {
    let start = (prefix.clone(), Key::new(Kind::ALL[0], "", ""));
    index.range(start..).take_while(move |(of, _)| *of == prefix).map(|(_, key)| key)
}
