//! Drives the same cell on virtual time.
//!
//! Time jumps from one thing that happens to the next; everything is durable at once. The same world, seed and requests give the same
//! documents and events, byte for byte. Beside it: scenario files, a stage on which they run, the record that a run leaves, and what is
//! measured on it. Not here: the words of a command line, files, and how a record is shown.

mod adopt;
mod genesis;
pub mod manifest;
pub mod measure;
pub mod record;
pub mod scenario;
mod seat;
mod stage;

pub use adopt::adopt;
pub use genesis::Genesis;
pub use seat::Seat;
pub use stage::{Hands, Place, Said, Stage, Wrong};

use nodelane_catalog::Catalog;
use nodelane_control::{Cell, Event, Input};
use nodelane_engine::Env;
use nodelane_model::change::{Accepted, Change, Origin};
use nodelane_model::{Refusal, Report, Time};
use nodelane_sim::{BootProfile, Sim};
use nodelane_world::World;
use std::sync::Arc;

/// Steps at one instant after which something must be wrong: no chain of controllers is that long.
const STEPS_AT_ONE_INSTANT: usize = 10_000;
/// Changes of the simulated world taken up in one step.
const CHANGES_PER_STEP: usize = 512;

/// A cell on virtual time.
pub struct Rehearsal {
    cell: Cell,
    sim: Sim,
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
}

impl Rehearsal {
    /// A cell on a world, at a time.
    pub fn new(world: World, env: Env, profile: BootProfile, now: Time) -> Rehearsal {
        let sim = Sim::prime(&world, profile, Catalog::default(), now);
        let cell = Cell::new(world, env);
        let mut rehearsal = Rehearsal {
            cell,
            sim,
            now,
            wake_at: None,
            queue: vec![Input::Tick],
            next_id: 0,
            answers: Vec::new(),
            events: Vec::new(),
            reports: Vec::new(),
            breakdowns: Vec::new(),
        };
        for call in rehearsal.cell.outstanding_calls() {
            rehearsal.sim.submit(call, &rehearsal.cell.durable().clone(), now);
        }
        rehearsal
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
        let id = self.next_id;
        self.next_id += 1;
        self.queue.push(Input::Request(id, Box::new(change), Arc::new(origin)));
        self.settle();
        let place = self.answers.iter().position(|(of, _)| *of == id).expect("a settled cell has answered");
        self.answers.swap_remove(place).1
    }
    /// Tells the cell what lies outside of it.
    pub fn set_env(&mut self, env: Env) {
        self.queue.push(Input::Env(env));
        self.settle();
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
        [self.wake_at, self.sim.next_at()].into_iter().flatten().min()
    }

    /// Everything that happens at this instant.
    fn settle(&mut self) {
        for _ in 0..STEPS_AT_ONE_INSTANT {
            let deeds = self.sim.advance(self.cell.durable(), self.now, CHANGES_PER_STEP);
            // Faults that are used up first: a crash may waste a hit, never add one.
            for (change, origin) in deeds.changes {
                self.next_id += 1;
                self.queue.push(Input::Request(self.next_id | SIMULATED, Box::new(change), Arc::new(origin)));
            }
            self.queue.extend(deeds.completions.into_iter().map(Input::Provider));
            self.queue.extend(deeds.observations.into_iter().map(Input::Observed));
            let due = self.wake_at.is_some_and(|at| at <= self.now);
            if self.queue.is_empty() && !due {
                return;
            }
            self.step();
        }
        let last: Vec<String> = self.events.iter().rev().take(8).filter_map(|(_, event)| Some(format!("{}", event.key()?))).collect();
        panic!(
            "{STEPS_AT_ONE_INSTANT} steps at {}: the controllers do not come to rest; last written: {last:?}; left: {:?}",
            self.now,
            self.world().work
        );
    }

    fn step(&mut self) {
        let mut out = self.cell.step(self.now, std::mem::take(&mut self.queue));
        if out.more {
            self.queue.push(Input::Tick);
        }
        if let Some(append) = &out.append {
            self.queue.push(Input::Durable(append.last));
        }
        self.wake_at = out.wake_at;
        if let Some((world, events)) = out.published.take() {
            for event in events {
                self.sim.follow(event.old.as_ref(), event.new.as_ref(), self.now);
                self.events.push((self.now, event));
            }
            for call in out.calls {
                self.sim.submit(call, &world, self.now);
            }
        }
        self.answers.extend(out.replies.into_iter().filter(|(id, _)| id & SIMULATED == 0));
        self.reports.extend(out.reports.into_iter().map(|report| (self.now, report)));
        self.breakdowns.extend(out.breakdowns.into_iter().map(|(planner, text)| format!("{planner:?}: {text}")));
    }
}

/// Marks the ids of requests that the simulated world makes.
const SIMULATED: u64 = 1 << 63;
