//! Drives the same cell on virtual time.
//!
//! Time jumps from one thing that happens to the next; the disk syncs at once and keeps all, unless it is
//! told to be slow, to fail or to lose power. The same world, seed and requests give the same
//! documents and events, byte for byte. Beside it: scenario files, a stage on which they run, the record that a run leaves, and what is
//! measured on it. Not here: the words of a command line, files, and how a record is shown.

mod adopt;
mod disk;
mod genesis;
pub mod invariants;
pub mod manifest;
pub mod measure;
pub mod record;
pub mod scenario;
mod seat;
mod stage;
pub mod storm;
mod trial;

pub use adopt::adopt;
pub use disk::Disk;
pub use genesis::Genesis;
pub use seat::Seat;
pub use stage::{Hands, Place, Said, Stage, Wrong};
pub use trial::{End, Trial};

use nodelane_catalog::Catalog;
use nodelane_control::{Cell, Event, Input};
use nodelane_engine::Env;
use nodelane_model::change::{Accepted, Change, Origin};
use nodelane_model::hash::Hash;
use nodelane_model::{Refusal, Report, Time};
use nodelane_provider::{Call, Completion, Failure, Observation};
use nodelane_sim::{BootProfile, Sim};
use nodelane_world::World;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

/// Steps at one instant after which something must be wrong: no chain of controllers is that long.
const STEPS_AT_ONE_INSTANT: usize = 10_000;
/// Changes of the simulated world taken up in one step.
const CHANGES_PER_STEP: usize = 512;

/// What was said between the cell and the cloud.
#[derive(Clone, PartialEq, Debug)]
pub enum Talk {
    /// The cell asked for something.
    Call(Call),
    /// The cloud answered.
    Completion(Completion),
    /// The cloud said something unasked.
    Observation(Observation),
}

/// A cell on virtual time.
pub struct Rehearsal {
    cell: Cell,
    sim: Sim,
    env: Env,
    profile: BootProfile,
    /// The disk below the cell.
    pub disk: Disk,
    /// Until when, and how many of a hundred, answers of the cloud are "try again".
    pub flaky: Option<(Time, u64)>,
    now: Time,
    wake_at: Option<Time>,
    queue: Vec<Input>,
    next_id: u64,
    answers: Vec<(u64, Result<Accepted, Refusal>)>,
    /// Everything that became durable, in order, with when.
    pub events: Vec<(Time, Event)>,
    /// What planners declined.
    pub reports: Vec<(Time, Report)>,
    /// Planners that broke down.
    pub breakdowns: Vec<String>,
    /// What was said between the cell and the cloud, in order, with when, and how many events there were before it.
    pub talk: Vec<(Time, usize, Talk)>,
    /// Crashes.
    pub restarts: Vec<Restart>,
}

/// What came up after a crash, and how much had been said before it.
#[derive(Debug)]
pub struct Restart {
    /// The world.
    pub world: World,
    /// Writes that were kept although nobody had been told that they were durable.
    pub kept: usize,
    /// Events before it, with those of the kept writes.
    pub events: usize,
    /// What was said to and by the cloud before it.
    pub talk: usize,
    /// Answers before it.
    pub answers: usize,
}

impl Rehearsal {
    /// A cell on a world, at a time.
    pub fn new(world: World, env: Env, profile: BootProfile, now: Time) -> Rehearsal {
        let sim = Sim::prime(&world, profile, Catalog::default(), now);
        let cell = Cell::new(world, env.clone());
        let mut rehearsal = Rehearsal {
            cell,
            sim,
            env,
            profile,
            disk: Disk::default(),
            flaky: None,
            now,
            wake_at: None,
            queue: vec![Input::Tick],
            next_id: 0,
            answers: Vec::new(),
            events: Vec::new(),
            reports: Vec::new(),
            breakdowns: Vec::new(),
            talk: Vec::new(),
            restarts: Vec::new(),
        };
        rehearsal.call_again();
        rehearsal
    }
    /// Submits the calls whose answers the world waits for.
    fn call_again(&mut self) {
        let world = self.cell.durable().clone();
        for call in self.cell.outstanding_calls() {
            self.call(call, &world);
        }
    }
    fn call(&mut self, call: Call, world: &World) {
        self.talk.push((self.now, self.events.len(), Talk::Call(call.clone())));
        self.sim.submit(call, world, self.now);
    }
    /// The world as it is.
    pub fn world(&self) -> &World {
        self.cell.durable()
    }
    /// The time.
    pub fn now(&self) -> Time {
        self.now
    }
    /// Asks for a change, now; what follows from it at the same instant happens too.
    pub fn request(&mut self, change: Change, origin: Origin) -> Result<Accepted, Refusal> {
        let id = self.submit(change, origin);
        self.settle();
        let place = self.answers.iter().position(|(of, _)| *of == id).expect("a settled cell has answered");
        self.answers.swap_remove(place).1
    }
    /// Tells the cell what lies outside of it.
    pub fn set_env(&mut self, env: Env) {
        self.queue.push(Input::Env(env));
        self.settle();
    }
    /// Asks for a change without waiting for the answer; gives the number that [`Rehearsal::answers`] names it by.
    pub fn submit(&mut self, change: Change, origin: Origin) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.queue.push(Input::Request(id, Box::new(change), Arc::new(origin)));
        id
    }
    /// The answers that came since the last call. A crash answers nobody.
    pub fn answers(&mut self) -> Vec<(u64, Result<Accepted, Refusal>)> {
        std::mem::take(&mut self.answers)
    }
    /// Does everything that happens at the next instant, if that is not after `until`; else it is `until`.
    pub fn run_instant(&mut self, until: Time) -> bool {
        let next = if self.queue.is_empty() { self.next_at() } else { Some(self.now) };
        let Some(next) = next.filter(|next| *next <= until) else {
            self.now = self.now.max(until);
            return false;
        };
        self.now = self.now.max(next);
        self.settle();
        true
    }
    /// The process dies and comes up again: its memory is gone, and so are all but `kept` of the writes that were not synced yet.
    pub fn crash(&mut self, kept: usize) {
        let old = self.cell.durable();
        let mut docs: BTreeMap<_, _> = old.list_from(Bound::Unbounded).map(|doc| (doc.key.clone(), doc.clone())).collect();
        let mut revision = old.revision;
        let writes = self.disk.crash(kept);
        let kept = writes.len();
        for write in writes {
            revision = write.revision;
            match &write.new {
                Some(doc) => drop(docs.insert(write.key, doc.clone())),
                None => drop(docs.remove(&write.key)),
            }
            self.events.push((self.now, Event { revision, old: write.old, new: write.new }));
        }
        let world = World::rebuild(old.seed, revision, docs.into_values());
        let (events, talk, answers) = (self.events.len(), self.talk.len(), self.answers.len());
        self.restarts.push(Restart { world: world.clone(), kept, events, talk, answers });
        self.sim = Sim::prime(&world, self.profile, Catalog::default(), self.now);
        self.cell = Cell::new(world, self.env.clone());
        self.queue = vec![Input::Tick];
        self.wake_at = None;
        self.call_again();
    }
    /// Lets time pass until `until`, doing everything that happens on the way.
    pub fn run_until(&mut self, until: Time) {
        self.settle();
        while let Some(next) = self.next_at().filter(|next| *next <= until) {
            self.now = self.now.max(next);
            self.settle();
        }
        self.now = self.now.max(until);
    }
    /// Lets time pass until `holds`, at most until `until`; whether it came to hold.
    pub fn run_until_holds(&mut self, until: Time, holds: impl Fn(&World) -> bool) -> bool {
        self.settle();
        while !holds(self.world()) {
            let Some(next) = self.next_at().filter(|next| *next <= until) else { return false };
            self.now = self.now.max(next);
            self.settle();
        }
        true
    }
    /// When something happens next; now, where there is work left.
    pub fn next_at(&self) -> Option<Time> {
        [self.wake_at, self.sim.next_at(), self.disk.next_at()].into_iter().flatten().min()
    }

    /// Everything that happens at this instant.
    fn settle(&mut self) {
        for _ in 0..STEPS_AT_ONE_INSTANT {
            self.queue.extend(self.disk.tell(self.now));
            let deeds = self.sim.advance(self.cell.durable(), self.now, CHANGES_PER_STEP);
            // Faults that are used up first: a crash may waste a hit, never add one.
            for (change, origin) in deeds.changes {
                self.next_id += 1;
                self.queue.push(Input::Request(self.next_id | SIMULATED, Box::new(change), Arc::new(origin)));
            }
            for completion in deeds.completions {
                let completion = self.spoil(completion);
                self.talk.push((self.now, self.events.len(), Talk::Completion(completion.clone())));
                self.queue.push(Input::Provider(completion));
            }
            for observation in deeds.observations {
                self.talk.push((self.now, self.events.len(), Talk::Observation(observation.clone())));
                self.queue.push(Input::Observed(observation));
            }
            let due = self.wake_at.is_some_and(|at| at <= self.now);
            if self.queue.is_empty() && !due {
                return;
            }
            self.step();
            if let Some(kept) = self.disk.death() {
                self.crash(kept);
            }
        }
        let last: Vec<String> = self.events.iter().rev().take(8).filter_map(|(_, event)| Some(format!("{}", event.key()?))).collect();
        panic!(
            "{STEPS_AT_ONE_INSTANT} steps at {}: the controllers do not come to rest; last written: {last:?}; left: {:?}",
            self.now,
            self.world().work
        );
    }

    /// An answer of the cloud, or "try again" where it is flaky.
    fn spoil(&self, mut completion: Completion) -> Completion {
        let drawn = || Hash::new(self.world().seed).text(&completion.call.machine).number(completion.call.since.0 as u64).get() % 100;
        if self.flaky.is_some_and(|(until, percent)| self.now < until && drawn() < percent) {
            completion.result = Err(Failure::Transient("The operation timed out.".into()));
        }
        completion
    }

    fn step(&mut self) {
        let mut out = self.cell.step(self.now, std::mem::take(&mut self.queue));
        if out.more {
            self.queue.push(Input::Tick);
        }
        if let Some(append) = out.append.take() {
            self.disk.append(append, self.now);
        }
        self.wake_at = out.wake_at;
        if let Some((world, events)) = out.published.take() {
            for event in events {
                self.sim.follow(event.old.as_ref(), event.new.as_ref(), self.now);
                self.events.push((self.now, event));
            }
            for call in out.calls {
                self.call(call, &world);
            }
        }
        self.answers.extend(out.replies.into_iter().filter(|(id, _)| id & SIMULATED == 0));
        self.reports.extend(out.reports.into_iter().map(|report| (self.now, report)));
        self.breakdowns.extend(out.breakdowns.into_iter().map(|(planner, text)| format!("{planner:?}: {text}")));
    }
}

/// Marks the ids of requests that the simulated world makes.
const SIMULATED: u64 = 1 << 63;
