//! In what state each machine is for autoscaling, and how many of each pool are in which, kept by what changed.
//!
//! A machine is awaited from when it was asked for until its node is Ready; one that is late has had the time that the profile gives it.
//! Deallocated machines are suspended: neither unready nor missing (aks-semantics SM-2). A whole table is read once, after a restart.

use super::down::TO_BE_DELETED;
use super::profile::NOT_STARTED_MILLIS;
use nodelane_model::machine::{Intent, MachinePhase};
use nodelane_model::{Doc, Key, Kind, Machine, Name, Node, Time};
use nodelane_world::World;
use std::collections::{BTreeMap, BTreeSet};

/// The state of a machine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum State {
    /// Its node is Ready.
    Ready,
    /// Its node is young and not Ready yet.
    NotStarted,
    /// Its node is not Ready.
    Unready,
    /// Its node is not there yet.
    Awaited,
    /// It never became a Ready node in the time that it had.
    Late,
    /// It is deallocated.
    Suspended,
    /// It is on its way out.
    Leaving,
    /// The provider could not make or start it.
    Failed,
}

/// How many machines are in which state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    of: [u32; 8],
}

impl Counts {
    /// How many are in a state.
    pub fn of(&self, state: State) -> u32 {
        self.of[state as usize]
    }
    /// Machines that are meant to run: ARM's count, cluster-autoscaler's target size.
    pub fn target(&self) -> u32 {
        [State::Ready, State::NotStarted, State::Unready, State::Awaited, State::Late].iter().map(|state| self.of(*state)).sum()
    }
    /// Nodes that have registered.
    pub fn registered(&self) -> u32 {
        self.target() + self.of(State::Leaving) - self.of(State::Awaited) - self.of(State::Late)
    }
    pub(super) fn add(&mut self, state: State, times: i64) {
        let count = &mut self.of[state as usize];
        *count = count.saturating_add_signed(times as i32);
    }
    /// Adds another's.
    pub fn sum(mut self, other: &Counts) -> Counts {
        self.of.iter_mut().zip(other.of).for_each(|(count, more)| *count += more);
        self
    }
}

/// What is known of a machine.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Seen {
    pool: Name,
    state: State,
    /// When its state changes by itself.
    next: Option<Time>,
}

/// The state of every machine.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    has_begun: bool,
    seen: BTreeMap<Key, Seen>,
    by_state: BTreeSet<(State, Name, Key)>,
    pools: BTreeMap<Name, Counts>,
    deadlines: BTreeSet<(Time, Key)>,
}

impl Watch {
    /// Looks at what changed; `limit` is how long machines of a pool may take, in milliseconds. Gives whether anything is another now.
    pub fn follow(&mut self, world: &World, changed: &BTreeSet<Key>, now: Time, limit: impl Fn(&Name) -> i64) -> bool {
        let mut keys: Vec<Key> = changed.iter().filter(|key| key.kind == Kind::Machine).cloned().collect();
        if !self.has_begun {
            self.has_begun = true;
            keys = world.list(Kind::Machine, None).map(|doc| doc.key.clone()).collect();
        }
        while let Some((_, key)) = self.deadlines.pop_first_if(now) {
            keys.push(key);
        }
        // A pool's settings say how long its machines may take.
        for pool in changed.iter().filter(|key| key.kind == Kind::NodePool) {
            keys.extend([State::Awaited, State::NotStarted].iter().flat_map(|state| self.of(*state, &pool.name).cloned()));
        }
        let mut moved = false;
        for key in keys {
            moved |= self.look(world, &key, now, &limit);
        }
        moved
    }
    fn look(&mut self, world: &World, key: &Key, now: Time, limit: impl Fn(&Name) -> i64) -> bool {
        let machine = world.get(key).and_then(|doc| Some((doc, doc.as_machine()?)));
        let is = machine.map(|(doc, machine)| {
            let node = world.node(&key.name).map(|row| &*row.doc);
            let (state, next) = state(doc, machine, node, now, limit(&machine.pool));
            Seen { pool: machine.pool.clone(), state, next }
        });
        let was = self.seen.get(key).cloned();
        if was == is {
            return false;
        }
        if let Some(was) = &was {
            self.by_state.remove(&(was.state, was.pool.clone(), key.clone()));
            self.pools.entry(was.pool.clone()).or_default().add(was.state, -1);
            was.next.map(|next| self.deadlines.remove(&(next, key.clone())));
        }
        let moved = was.as_ref().map(|was| was.state) != is.as_ref().map(|is| is.state);
        match is {
            None => drop(self.seen.remove(key)),
            Some(is) => {
                self.by_state.insert((is.state, is.pool.clone(), key.clone()));
                self.pools.entry(is.pool.clone()).or_default().add(is.state, 1);
                is.next.map(|next| self.deadlines.insert((next, key.clone())));
                self.seen.insert(key.clone(), is);
            }
        }
        moved
    }
    /// When a state changes by itself next.
    pub fn next_deadline(&self) -> Option<Time> {
        self.deadlines.first().map(|(at, _)| *at)
    }
    /// Machines of a pool in a state, in order of name.
    pub fn of<'a>(&'a self, state: State, pool: &'a Name) -> impl Iterator<Item = &'a Key> {
        self.all(state).skip_while(move |(of, _)| *of < pool).take_while(move |(of, _)| *of == pool).map(|(_, key)| key)
    }
    /// Machines in a state with their pools, in order.
    pub fn all(&self, state: State) -> impl Iterator<Item = (&Name, &Key)> {
        let first = (state, Name::default(), Key::new(Kind::ALL[0], "", ""));
        self.by_state.range(first..).take_while(move |(is, _, _)| *is == state).map(|(_, pool, key)| (pool, key))
    }
    /// How many machines of a pool are in which state.
    pub fn counts(&self, pool: &Name) -> Counts {
        self.pools.get(pool).copied().unwrap_or_default()
    }
    /// The same of all pools together.
    pub fn total(&self) -> Counts {
        self.pools.values().fold(Counts::default(), Counts::sum)
    }
}

trait PopFirstIf {
    fn pop_first_if(&mut self, now: Time) -> Option<(Time, Key)>;
}

impl PopFirstIf for BTreeSet<(Time, Key)> {
    fn pop_first_if(&mut self, now: Time) -> Option<(Time, Key)> {
        self.first().is_some_and(|(at, _)| *at <= now).then(|| self.pop_first()).flatten()
    }
}

/// The state of a machine, and when it changes by itself.
pub fn state(doc: &Doc, machine: &Machine, node: Option<&Doc>, now: Time, limit: i64) -> (State, Option<Time>) {
    let late = asked(doc, machine).plus(limit);
    match (machine.intent, machine.phase) {
        (Intent::Gone, _) => return (State::Leaving, None),
        (Intent::Stop, _) | (_, MachinePhase::Stopping) => return (State::Suspended, None),
        (_, MachinePhase::Failed) => return (State::Failed, None),
        _ => {}
    }
    let Some((doc, node)) = node.and_then(|doc| Some((doc, doc.as_node()?))) else {
        return if now >= late { (State::Late, None) } else { (State::Awaited, Some(late)) };
    };
    if node.spec.taints.iter().any(|taint| taint.key == TO_BE_DELETED) {
        return (State::Leaving, None);
    }
    if node.status.is_ready() {
        return (State::Ready, None);
    }
    let fresh_until = doc.meta.created.plus(NOT_STARTED_MILLIS);
    let was_ready = !never_ready(doc, node);
    match now {
        now if !was_ready && now >= late => (State::Late, None),
        now if now < fresh_until => (State::NotStarted, Some(if was_ready { fresh_until } else { fresh_until.min(late) })),
        _ => (State::Unready, (!was_ready).then_some(late)),
    }
}

/// When a machine was asked to run.
pub fn asked(doc: &Doc, machine: &Machine) -> Time {
    if machine.boots <= 1 && machine.phase != MachinePhase::Starting { doc.meta.created } else { machine.phase_since }
}

/// Whether a node that is not Ready never was.
fn never_ready(doc: &Doc, node: &Node) -> bool {
    let ready = node.status.conditions.iter().find(|condition| condition.kind == "Ready");
    ready.and_then(|ready| ready.last_transition_time).is_none_or(|at| at <= doc.meta.created)
}
