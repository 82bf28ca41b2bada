//! Simulated kubelets: nodes register and become Ready, containers start, end and stop.
//!
//! Each duty is a task at a time; when the time comes the task is checked against the documents as they are then, so a stale one does
//! nothing, and one whose change was refused (the document had moved, the store was closed) is done when it is looked at again. Leases
//! and heartbeats are not written: they are computed when read.

mod address;
mod container;
mod node;
mod pod;
mod script;

use crate::BootProfile;
use address::Addresses;
use nodelane_catalog::Catalog;
use nodelane_model::change::{Change, Origin, Principal};
use nodelane_model::hash::Hash;
use nodelane_model::machine::MachinePhase;
use nodelane_model::pod::Phase;
use nodelane_model::{Doc, Fault, Key, Kind, Time, Uid};
use nodelane_world::{Silence, World};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a kubelet has to do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Duty {
    /// Register the node of a machine that runs.
    Register,
    /// Report the node as Ready.
    BecomeReady,
    /// Nothing was heard of the node for too long: the node controller's duty, not the kubelet's.
    Lose,
    /// Start a pod's containers.
    Start,
    /// Report what has become of a pod's containers.
    Report,
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
    /// When to look at which faults are in force.
    looks: BTreeSet<Time>,
    addresses: Addresses,
}

/// Milliseconds of silence after which a node is lost (kube-controller-manager's `--node-monitor-grace-period`, 50 s since 1.32).
fn grace_millis(profile: BootProfile) -> i64 {
    match profile {
        BootProfile::Instant => 0,
        BootProfile::Fast | BootProfile::Azure => 50_000,
    }
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
        Kubelets {
            seed,
            profile,
            catalog,
            tasks: BTreeSet::new(),
            held: BTreeSet::new(),
            looks: BTreeSet::new(),
            addresses: Addresses::default(),
        }
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
        for kind in [Kind::Fault, Kind::Machine, Kind::Node, Kind::Pod] {
            for doc in world.list(kind, None) {
                self.addresses.keep(doc);
                self.follow(None, Some(doc), now);
            }
        }
    }
    /// When the next duty is due.
    pub fn next_at(&self) -> Option<Time> {
        [self.tasks.first().map(|task| task.0), self.looks.first().copied()].into_iter().flatten().min()
    }
    /// Follows one change of a document.
    pub fn follow(&mut self, old: Option<&Arc<Doc>>, new: Option<&Arc<Doc>>, now: Time) {
        match (old, new) {
            (_, Some(doc)) => match doc.key.kind {
                Kind::Machine => self.follow_machine(old, doc, now),
                Kind::Node => self.follow_node(old, doc, now),
                Kind::Pod => self.follow_pod(old, doc, now),
                Kind::Fault => {
                    let until = Fault::read(doc).and_then(|fault| fault.until).filter(|until| *until > now);
                    self.looks.extend(until.into_iter().chain([now]));
                }
                _ => {}
            },
            (Some(doc), None) => match doc.key.kind {
                // A machine that still runs, and whose node was deleted, registers again.
                Kind::Node => self.task(now.plus(1_000), Duty::Register, Key::global(Kind::Machine, doc.key.name.clone()), Uid::default()),
                Kind::Machine => self.addresses.forget(&doc.key.name),
                Kind::Pod => self.addresses.release(doc),
                Kind::Fault => drop(self.looks.insert(now)),
                _ => {}
            },
            (None, None) => {}
        }
    }
    fn follow_machine(&mut self, old: Option<&Arc<Doc>>, doc: &Arc<Doc>, now: Time) {
        let is = |doc: &Doc, phase| doc.as_machine().is_some_and(|machine| machine.phase == phase);
        let enters = |phase| is(doc, phase) && !old.is_some_and(|old| is(old, phase));
        if enters(MachinePhase::Running) {
            self.task(now, Duty::Register, doc.key.clone(), Uid::default());
            self.looks.insert(now);
        }
        if enters(MachinePhase::Stopped) {
            let node = Key::global(Kind::Node, doc.key.name.clone());
            self.task(now.plus(grace_millis(self.profile)), Duty::Lose, node, Uid::default());
        }
    }
    fn follow_node(&mut self, old: Option<&Arc<Doc>>, doc: &Arc<Doc>, now: Time) {
        if old.is_none_or(|old| node::is_lost(old) && !node::is_lost(doc)) {
            self.looks.insert(now);
        }
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
                Phase::Pending => {
                    self.task(now.plus(self.draw(doc, 1, pod::START_MILLIS)), Duty::Start, doc.key.clone(), doc.meta.uid);
                }
                Phase::Running => self.plan_report(doc, now),
                _ => {}
            }
        } else if pod.status.phase == Phase::Running {
            self.plan_report(doc, now);
        }
    }
    fn plan_report(&mut self, doc: &Arc<Doc>, now: Time) {
        if let Some(at) = container::next_at(doc, now) {
            self.task(at.max(now), Duty::Report, doc.key.clone(), doc.meta.uid);
        }
    }
    /// A latency by seed, 0 where nothing takes any time.
    fn draw(&self, doc: &Doc, salt: u64, (low, high): (i64, i64)) -> i64 {
        match self.profile {
            BootProfile::Instant => 0,
            _ => Hash::new(self.seed).number(doc.meta.uid.0 as u64).number(salt).between(low, high),
        }
    }
    /// Faults, machines or nodes have changed: what was held is tried again, and who has fallen silent is lost after a while.
    fn look(&mut self, world: &World, silence: &Silence, now: Time) {
        self.looks.retain(|at| *at > now);
        let held = std::mem::take(&mut self.held);
        self.tasks.extend(held.into_iter().map(|(_, duty, key, uid)| (now, duty, key, uid)));
        if silence.is_by_no_fault() {
            return;
        }
        for doc in world.list(Kind::Node, None).filter(|doc| !node::is_lost(doc)) {
            if let Some(since) = silence.since(world, doc) {
                self.task(since.plus(grace_millis(self.profile)).max(now), Duty::Lose, doc.key.clone(), doc.meta.uid);
            }
        }
    }
    /// A fault holds a duty, until faults are looked at again.
    fn hold(&mut self, duty: Duty, key: &Key, uid: Uid) {
        self.held.insert((Time::default(), duty, key.clone(), uid));
    }
    /// Whether the kubelet that a duty is for is silent. One that speaks again speaks of its node first: as long as the node is lost, what
    /// it says of pods would be taken back at once.
    fn is_silent(world: &World, silence: &Silence, duty: Duty, key: &Key) -> bool {
        let node = match duty {
            Duty::BecomeReady => Some(&key.name),
            Duty::Start | Duty::Report | Duty::Release => world.get(key).and_then(|doc| doc.as_pod()?.node.as_ref()),
            Duty::Register | Duty::Lose => None,
        };
        let node = node.and_then(|name| world.node(name));
        node.is_some_and(|row| silence.since(world, &row.doc).is_some() || duty == Duty::Report && node::is_lost(&row.doc))
    }
    fn task(&mut self, at: Time, duty: Duty, key: Key, uid: Uid) {
        self.tasks.insert((at, duty, key, uid));
    }

    /// Does every duty that is due, at most `limit`.
    pub fn advance(&mut self, world: &World, now: Time, limit: usize, changes: &mut Vec<(Change, Origin)>) {
        if self.next_at().is_none_or(|at| at > now) {
            return;
        }
        let silence = Silence::of(world, now);
        if self.looks.first().is_some_and(|at| *at <= now) {
            self.look(world, &silence, now);
        }
        let mut done = 0;
        while done < limit
            && let Some((_, duty, key, uid)) = self.tasks.pop_first_if(|task| task.0 <= now)
        {
            done += 1;
            if Self::is_silent(world, &silence, duty, &key) {
                self.hold(duty, &key, uid);
                continue;
            }
            let change = match duty {
                Duty::Register => self.register(world, &key, now),
                Duty::BecomeReady => self.become_ready(world, &key, uid, now),
                Duty::Lose => node::lose(world, &silence, &key, uid, now.plus(-grace_millis(self.profile)), now),
                Duty::Start => self.start(world, &key, uid, now),
                Duty::Report => pod::report(world, &key, uid, now, changes),
                Duty::Release => pod::release(world, &key, uid),
            };
            if let Some((node, change)) = change {
                let principal = if duty == Duty::Lose { Principal::System } else { Principal::Node(node) };
                self.task(now.plus(RETRY_MILLIS), duty, key, uid);
                changes.push((change, Origin { principal, ..Origin::default() }));
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
