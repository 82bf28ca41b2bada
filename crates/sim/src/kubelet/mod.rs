//! Simulated kubelets: nodes register and become Ready, containers start, end and stop.
//!
//! Each duty is a task at a time; when the time comes the task is checked against the documents as they are then, so a stale one does
//! nothing, and one whose change was refused (the document had moved, the store was closed) is done when it is looked at again. Leases
//! and heartbeats are not written: they are computed when read.

mod node;
mod pod;

use crate::BootProfile;
use nodelane_catalog::Catalog;
use nodelane_model::change::{Change, Origin, Principal};
use nodelane_model::hash::Hash;
use nodelane_model::machine::MachinePhase;
use nodelane_model::{Doc, Key, Kind, Name, Time, Uid};
use nodelane_world::World;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a kubelet has to do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Duty {
    /// Register the node of a machine that runs.
    Register,
    /// Report the node as Ready.
    BecomeReady,
    /// Start a pod's containers.
    Start,
    /// End a pod whose containers end by themselves.
    End,
    /// Let go of a pod that was told to stop.
    Release,
}

/// After how long a duty is looked at again, to see whether its change was taken.
const RETRY_MILLIS: i64 = 2_000;

type Task = (Time, Duty, Key, Uid);

/// All kubelets of a cell.
pub struct Kubelets {
    seed: u64,
    profile: BootProfile,
    catalog: Catalog,
    tasks: BTreeSet<Task>,
    /// Duties that a fault keeps from being done.
    held: BTreeSet<Task>,
    addresses: Addresses,
}

/// Addresses handed out: one of the node network a node, one of its own /24 of the pod network a pod.
#[derive(Default)]
struct Addresses {
    nodes: BTreeMap<Name, u32>,
    taken: BTreeSet<u32>,
    pods: BTreeMap<(Name, u8), Key>,
}

/// Milliseconds from a node's registration to Ready.
pub(crate) fn ready_lag_millis(profile: BootProfile) -> i64 {
    match profile {
        BootProfile::Instant => 0,
        BootProfile::Fast => 700,
        BootProfile::Azure => 15_000,
    }
}

impl Kubelets {
    /// Kubelets without duties.
    pub fn new(seed: u64, profile: BootProfile, catalog: Catalog) -> Kubelets {
        Kubelets { seed, profile, catalog, tasks: BTreeSet::new(), held: BTreeSet::new(), addresses: Addresses::default() }
    }
    /// Takes up what the documents of a world ask for.
    pub fn prime(&mut self, world: &World, now: Time) {
        for doc in world.list(Kind::Node, None) {
            if let Some(index) =
                doc.as_node().and_then(|node| node.status.addresses.first()).and_then(|address| node::index_of(&address.address))
            {
                self.addresses.nodes.insert(doc.key.name.clone(), index);
                self.addresses.taken.insert(index);
            }
        }
        for kind in [Kind::Machine, Kind::Node, Kind::Pod] {
            for doc in world.list(kind, None) {
                self.addresses.keep(doc);
                self.follow(None, Some(doc), now);
            }
        }
    }
    /// When the next duty is due.
    pub fn next_at(&self) -> Option<Time> {
        self.tasks.first().map(|task| task.0)
    }
    /// Follows one change of a document.
    pub fn follow(&mut self, old: Option<&Arc<Doc>>, new: Option<&Arc<Doc>>, now: Time) {
        match (old, new) {
            (_, Some(doc)) => match doc.key.kind {
                Kind::Machine => self.follow_machine(old, doc, now),
                Kind::Node => self.follow_node(doc, now),
                Kind::Pod => self.follow_pod(old, doc, now),
                Kind::Fault => self.look_again(now),
                _ => {}
            },
            (Some(doc), None) => match doc.key.kind {
                // A machine that still runs, and whose node was deleted, registers again.
                Kind::Node => self.task(now.plus(1_000), Duty::Register, Key::global(Kind::Machine, doc.key.name.clone()), Uid::default()),
                Kind::Machine => self.addresses.forget(&doc.key.name),
                Kind::Pod => self.addresses.release(doc),
                Kind::Fault => self.look_again(now),
                _ => {}
            },
            (None, None) => {}
        }
    }
    fn follow_machine(&mut self, old: Option<&Arc<Doc>>, doc: &Arc<Doc>, now: Time) {
        let runs = |doc: &Doc| doc.as_machine().is_some_and(|machine| machine.phase == MachinePhase::Running);
        if runs(doc) && !old.is_some_and(|old| runs(old)) {
            self.task(now, Duty::Register, doc.key.clone(), Uid::default());
        }
    }
    fn follow_node(&mut self, doc: &Arc<Doc>, now: Time) {
        if doc.as_node().is_some_and(|node| !node.status.is_ready() && !node.status.conditions.is_empty()) {
            self.task(now.plus(ready_lag_millis(self.profile)), Duty::BecomeReady, doc.key.clone(), doc.meta.uid);
        }
    }
    fn follow_pod(&mut self, old: Option<&Arc<Doc>>, doc: &Arc<Doc>, now: Time) {
        let Some(pod) = doc.as_pod().filter(|pod| pod.node.is_some()) else { return };
        let was_bound = old.and_then(|old| old.as_pod()).is_some_and(|pod| pod.node.is_some());
        if doc.is_terminating() {
            if !old.is_some_and(|old| old.is_terminating()) || pod.status.is_terminal() {
                let at = now.plus(self.draw(doc, 2, pod::STOP_MILLIS).min(doc.meta.grace_seconds.unwrap_or(30) * 1000));
                self.task(at, Duty::Release, doc.key.clone(), doc.meta.uid);
            }
        } else if !was_bound || old.is_none() {
            match pod.status.phase {
                nodelane_model::pod::Phase::Pending => {
                    self.task(now.plus(self.draw(doc, 1, pod::START_MILLIS)), Duty::Start, doc.key.clone(), doc.meta.uid);
                }
                nodelane_model::pod::Phase::Running => self.plan_end(doc, now),
                _ => {}
            }
        } else if pod.status.phase == nodelane_model::pod::Phase::Running
            && old.and_then(|old| old.as_pod()).is_some_and(|old| old.status.phase != pod.status.phase)
        {
            self.plan_end(doc, now);
        }
    }
    fn plan_end(&mut self, doc: &Arc<Doc>, now: Time) {
        if let Some((after_millis, _)) = pod::ending(doc) {
            let started = doc.as_pod().and_then(|pod| pod.status.start_time).unwrap_or(now);
            self.task(started.plus(after_millis).max(now), Duty::End, doc.key.clone(), doc.meta.uid);
        }
    }
    /// A latency by seed, 0 where nothing takes any time.
    fn draw(&self, doc: &Doc, salt: u64, (low, high): (i64, i64)) -> i64 {
        match self.profile {
            BootProfile::Instant => 0,
            _ => Hash::new(self.seed).number(doc.meta.uid.0 as u64).number(salt).between(low, high),
        }
    }
    /// Faults have changed: what one held is tried again.
    fn look_again(&mut self, now: Time) {
        let held = std::mem::take(&mut self.held);
        self.tasks.extend(held.into_iter().map(|(_, duty, key, uid)| (now, duty, key, uid)));
    }
    /// A fault holds a duty, until the fault ends by itself or its document changes.
    fn hold(&mut self, until: Option<Time>, duty: Duty, key: &Key, uid: Uid) {
        match until {
            Some(until) => self.task(until, duty, key.clone(), uid),
            None => drop(self.held.insert((Time::default(), duty, key.clone(), uid))),
        }
    }
    fn task(&mut self, at: Time, duty: Duty, key: Key, uid: Uid) {
        self.tasks.insert((at, duty, key, uid));
    }

    /// Does every duty that is due, at most `limit`.
    pub fn advance(&mut self, world: &World, now: Time, limit: usize, changes: &mut Vec<(Change, Origin)>) {
        let mut done = 0;
        while done < limit
            && let Some((_, duty, key, uid)) = self.tasks.pop_first_if(|task| task.0 <= now)
        {
            done += 1;
            let change = match duty {
                Duty::Register => self.register(world, &key, now),
                Duty::BecomeReady => self.become_ready(world, &key, uid, now),
                Duty::Start => self.start(world, &key, uid, now),
                Duty::End => pod::end(world, &key, uid, now),
                Duty::Release => pod::release(world, &key, uid),
            };
            if let Some((node, change)) = change {
                self.task(now.plus(RETRY_MILLIS), duty, key, uid);
                changes.push((change, Origin { principal: Principal::Node(node), ..Origin::default() }));
            }
        }
    }
}

trait PopFirstIf<T> {
    fn pop_first_if(&mut self, holds: impl FnOnce(&T) -> bool) -> Option<T>;
}

impl<T: Ord> PopFirstIf<T> for BTreeSet<T> {
    fn pop_first_if(&mut self, holds: impl FnOnce(&T) -> bool) -> Option<T> {
        if holds(self.first()?) { self.pop_first() } else { None }
    }
}

impl Addresses {
    /// The index of a node, handed out once and kept while its machine lives.
    fn node(&mut self, name: &Name) -> u32 {
        if let Some(index) = self.nodes.get(name) {
            return *index;
        }
        let index = (0..).find(|index| !self.taken.contains(index)).unwrap_or(0);
        self.taken.insert(index);
        self.nodes.insert(name.clone(), index);
        index
    }
    /// The address that a pod has already.
    fn keep(&mut self, doc: &Doc) {
        let Some(pod) = doc.as_pod().filter(|pod| !pod.spec.host_network) else { return };
        if let Some((node, host)) = pod.node.clone().zip(host_of(&pod.status.pod_ip)) {
            self.pods.insert((node, host), doc.key.clone());
        }
    }
    fn forget(&mut self, name: &Name) {
        if let Some(index) = self.nodes.remove(name) {
            self.taken.remove(&index);
        }
    }
    /// The last part of a pod's address on its node.
    fn pod(&mut self, node: &Name, key: &Key) -> u8 {
        let free = (4..=254).find(|host| !self.pods.contains_key(&(node.clone(), *host))).unwrap_or(254);
        self.pods.insert((node.clone(), free), key.clone());
        free
    }
    fn release(&mut self, doc: &Doc) {
        let Some(pod) = doc.as_pod() else { return };
        if let Some((node, host)) = pod.node.clone().zip(host_of(&pod.status.pod_ip))
            && self.pods.get(&(node.clone(), host)) == Some(&doc.key)
        {
            self.pods.remove(&(node, host));
        }
    }
}

/// The last part of an address.
fn host_of(address: &str) -> Option<u8> {
    address.rsplit('.').next().and_then(|host| host.parse().ok())
}
