//! What must hold whatever happens, recomputed from what an outsider sees: published writes, answers, and what is said to the cloud.
//!
//! A [`Judge`] is told everything in the order in which it happened and keeps its own view. No row, index or status of ours is believed
//! where pods, machines and pools say the same; no function that decides is called. One file per group of invariants; a violation names
//! its invariant, the time, and what is wrong. Not here: what happens (`storm`).

pub mod autoscale;
pub mod bounds;
pub mod budgets;
pub mod cordons;
pub mod instances;
pub mod operations;
pub mod pools;
pub mod requests;
pub mod rest;
mod view;

pub use requests::Asked;
pub use view::View;

use crate::Talk;
use nodelane_control::Event;
use nodelane_model::change::Accepted;
use nodelane_model::{Key, Kind, Name, Refusal, Revision, Time};
use nodelane_world::World;
use std::collections::{BTreeMap, BTreeSet};

macro_rules! invariants {
    ($($(#[$doc:meta])* $variant:ident = $id:literal, $says:literal;)*) => {
        /// The invariants: `I` holds at all times, `E` in the end, `P` and `C` are the house's own.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum Invariant { $($(#[$doc])* $variant),* }
        impl Invariant {
            /// Every one, in order.
            pub const ALL: &'static [Invariant] = &[$(Invariant::$variant),*];
            /// Its id.
            pub const fn id(self) -> &'static str {
                match self { $(Invariant::$variant => $id),* }
            }
            /// What it says.
            pub const fn says(self) -> &'static str {
                match self { $(Invariant::$variant => $says),* }
            }
        }
    };
}

invariants! {
    /// I1.
    Durable = "I1", "what was answered or shown survives every crash";
    /// I2.
    Watch = "I2", "the writes shown are ordered, whole and without gaps, over restarts too";
    /// I3.
    Roll = "I3", "a roll leaves as many nodes as it must, and no pool gets more than it may have";
    /// I4.
    System = "I4", "a system pool remains, with a node that takes pods";
    /// I5.
    Budget = "I5", "no pod is evicted beyond its budget, nor taken with its node";
    /// I6.
    Operation = "I6", "one operation a pool, and each that began ends once";
    /// I7.
    Instance = "I7", "no machine is made twice, and none goes unasked";
    /// I9.
    Retry = "I9", "a repeat changes nothing, and an eTag or revision is used once";
    /// I10.
    Autoscaler = "I10", "the autoscaler stays within its bounds and does not swing";
    /// I11.
    Bound = "I11", "everything that is kept is bounded";
    /// E1.
    Ends = "E1", "every operation ends within its time";
    /// E2.
    Settles = "E2", "in the end all is as asked, and stays so";
    /// E3.
    Leak = "E3", "in the end nothing is left over";
    /// E4.
    Usable = "E4", "what has failed can be used again, and states are true";
    /// E5.
    ReadOnly = "E5", "a full disk refuses writes, names itself, and passes";
    /// The house's own: nobody lifts another's cordon.
    Cordon = "C", "a user's cordon is lifted by a user only";
    /// The house's own: planners neither break down nor do what lint forbids.
    Planner = "P", "no planner breaks down or breaks a rule";
}

/// A broken invariant.
#[derive(Clone, PartialEq, Debug)]
pub struct Violation {
    /// Which.
    pub invariant: Invariant,
    /// When, on virtual time.
    pub at: Time,
    /// What is wrong.
    pub what: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}) at {}: {}", self.invariant.id(), self.invariant.says(), self.at, self.what)
    }
}

/// What was evaluated, and what was found.
#[derive(Default, Debug)]
pub struct Findings {
    /// How often each invariant was looked at where it might have been broken.
    pub evaluations: BTreeMap<Invariant, u64>,
    /// What is broken; the first is the one that counts.
    pub violations: Vec<Violation>,
}

/// Violations that are kept: the first one matters, the next few may explain it.
const VIOLATIONS_LIMIT: usize = 8;

impl Findings {
    /// Evaluates an invariant.
    pub fn check(&mut self, invariant: Invariant, at: Time, holds: bool, what: impl FnOnce() -> String) {
        *self.evaluations.entry(invariant).or_default() += 1;
        if !holds && self.violations.len() < VIOLATIONS_LIMIT {
            self.violations.push(Violation { invariant, at, what: what() });
        }
    }
}

/// Looks on, and keeps what it has seen.
#[derive(Default)]
pub struct Judge {
    /// What was found.
    pub findings: Findings,
    /// What was published.
    pub view: View,
    /// What users asked for and may have caused.
    pub users: Users,
    pools: pools::Pools,
    operations: operations::Operations,
    instances: instances::Instances,
    requests: requests::Requests,
    cordons: cordons::Cordons,
    autoscale: autoscale::Autoscale,
}

/// What users asked for: what follows from it is nobody's fault.
#[derive(Default)]
pub struct Users {
    /// Documents that a user asked to delete.
    pub deletes: BTreeSet<Key>,
    /// Machines that a user named for deletion.
    pub named: BTreeSet<Name>,
    /// Nodes that a user is uncordoning.
    pub uncordons: BTreeSet<Name>,
    /// When the load last changed: pods asked for or not any more, nodes lost or back.
    pub load_changed: Time,
}

impl Judge {
    /// A judge of what comes after a world.
    pub fn new(world: &World) -> Judge {
        let mut judge = Judge { view: View::of(world), ..Judge::default() };
        judge.operations.prime(&judge.view);
        judge.instances.prime(&judge.view);
        judge.cordons.prime(&judge.view);
        judge
    }
    /// A write was published.
    pub fn event(&mut self, at: Time, event: &Event) {
        let Judge { findings, view, users, .. } = self;
        if event.old.is_none()
            && let Some(key) = event.key()
        {
            users.deletes.remove(key); // Another of the same name.
            if key.kind == Kind::Pod {
                users.load_changed = at;
            }
        }
        view.check(findings, at, event);
        budgets::judge(findings, view, users, at, event);
        self.instances.before(findings, view, users, at, event);
        self.cordons.before(findings, view, users, at, event);
        self.operations.before(findings, view, at, event);
        view.apply(event);
        self.pools.after(findings, view, users, at, event);
        self.operations.after(findings, view, at, event);
        self.autoscale.after(findings, view, users, at, event);
        self.requests.after(findings, view, at, event);
        bounds::judge(findings, view, at, event);
    }
    /// Something was said between the cell and the cloud.
    pub fn said(&mut self, at: Time, said: &Talk) {
        self.instances.said(&mut self.findings, &self.view, at, said);
    }
    /// A client asked for something.
    pub fn asked(&mut self, id: u64, asked: Asked) {
        self.requests.asked(id, asked);
    }
    /// A client was answered; `durable` is what is published, `closed` whether the store is.
    pub fn answered(&mut self, at: Time, id: u64, answer: &Result<Accepted, Refusal>, durable: Revision, closed: bool) {
        self.requests.answered(&mut self.findings, &self.view, at, id, answer, durable, closed);
    }
    /// The process came up again.
    pub fn restarted(&mut self, at: Time, world: &World) {
        self.requests.restarted(&mut self.findings, at, world);
        self.view.restarted(&mut self.findings, at, world);
    }
    /// Time has passed.
    pub fn passed(&mut self, at: Time) {
        self.operations.passed(&mut self.findings, at);
    }
    /// A planner broke down.
    pub fn broke_down(&mut self, at: Time, said: &str) {
        self.findings.check(Invariant::Planner, at, false, || said.to_owned());
    }
    /// A turn passed without a planner breaking down.
    pub fn turned(&mut self, at: Time) {
        self.findings.check(Invariant::Planner, at, true, String::new);
    }
    /// Faults are over and time has passed: all is to be as asked.
    pub fn at_rest(&mut self, at: Time) {
        rest::judge(&mut self.findings, &self.view, &self.instances, at);
    }
    /// The store has been closed for `millis` more than it was: operations may take that much longer.
    pub fn excuse(&mut self, millis: i64) {
        self.operations.excuse(millis);
    }
}

/// Whether an event is about a kind.
fn is(event: &Event, kind: Kind) -> bool {
    event.key().is_some_and(|key| key.kind == kind)
}
