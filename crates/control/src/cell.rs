//! One state machine, two drivers: the server with a disk and a clock, a rehearsal with a heap of events.
//!
//! A cell holds two worlds. It plans on `head` while a batch is being made durable, and shows `durable` to the outside. When the store
//! fails, head goes back to durable and those who waited are told; nothing they could have seen is taken back.

use crate::feed::Event;
use crate::turn;
use nodelane_engine::{Env, Memory};
use nodelane_model::change::{Accepted, Change, Origin};
use nodelane_model::report::Planner;
use nodelane_model::{Key, Refusal, Report, Revision, Time};
use nodelane_provider::{Call, Completion, Observation};
use nodelane_world::{Draft, World, Write};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Names a request until it is answered.
pub type ReplyId = u64;

/// What a cell is told.
#[derive(Clone, Debug)]
pub enum Input {
    /// A client asks for a change.
    Request(ReplyId, Box<Change>, Arc<Origin>),
    /// Everything up to a revision is durable.
    Durable(Revision),
    /// What was appended since the last durable revision was not stored.
    StoreFailed(StoreFailure),
    /// The store takes writes again.
    StoreRecovered,
    /// A provider answers.
    Provider(Completion),
    /// A provider says something unasked; a driver's provider says it again until the documents show it.
    Observed(Observation),
    /// What lies outside of the cell has changed: limits, policies.
    Env(Env),
    /// Time has passed.
    Tick,
}

/// Why the store did not store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoreFailure {
    /// A sentence for the clients that waited.
    pub message: String,
}

/// Writes to make durable, in order of revision.
#[derive(Clone, Debug)]
pub struct Append {
    /// When they were decided.
    pub time: Time,
    /// The first revision.
    pub first: Revision,
    /// The last revision.
    pub last: Revision,
    /// The writes.
    pub writes: Vec<Write>,
    /// Who asked; empty where the system acted by itself.
    pub origins: Vec<Arc<Origin>>,
}

/// What a cell wants done.
#[derive(Debug, Default)]
pub struct Outputs {
    /// Make these writes durable and say so.
    pub append: Option<Append>,
    /// Answer these requests.
    pub replies: Vec<(ReplyId, Result<Accepted, Refusal>)>,
    /// Submit these calls.
    pub calls: Vec<Call>,
    /// Show this world, and these events.
    pub published: Option<(World, Vec<Event>)>,
    /// What planners declined in this step.
    pub reports: Vec<Report>,
    /// Planners that broke down in this step, with what they said.
    pub breakdowns: Vec<(Planner, String)>,
    /// Tick at this time at the latest.
    pub wake_at: Option<Time>,
    /// Tick again at once: there is work left.
    pub more: bool,
}

/// A batch that is not durable yet, and what is held back until it is.
struct Flight {
    last: Revision,
    world: World,
    replies: Vec<(ReplyId, Result<Accepted, Refusal>)>,
    calls: Vec<Call>,
    events: Vec<Event>,
}

/// Batches that may wait for the store before planning pauses: at 2 MiB each, 64 MiB.
const FLIGHTS_LIMIT: usize = 32;

/// The state machine of one cluster.
pub struct Cell {
    head: World,
    durable: World,
    flights: VecDeque<Flight>,
    env: Env,
    memory: Memory,
    read_only: Option<StoreFailure>,
    quarantine: BTreeMap<Planner, (Time, u32)>,
}

impl Cell {
    /// A cell on a world that is durable as it is.
    pub fn new(world: World, env: Env) -> Cell {
        Cell {
            durable: world.clone(),
            head: world,
            flights: VecDeque::new(),
            env,
            memory: Memory::default(),
            read_only: None,
            quarantine: BTreeMap::new(),
        }
    }
    /// What the outside may see.
    pub fn durable(&self) -> &World {
        &self.durable
    }
    /// The calls whose answers a world waits for; a driver submits them after a restart.
    pub fn outstanding_calls(&self) -> Vec<Call> {
        self.durable.list(nodelane_model::Kind::Machine, None).filter_map(|doc| nodelane_provider::call_for(doc)).collect()
    }

    /// Takes up inputs at a time and says what is to be done.
    pub fn step(&mut self, now: Time, inputs: Vec<Input>) -> Outputs {
        let mut out = Outputs::default();
        let mut draft = Draft::new(self.head.clone(), now);
        let (mut replies, mut origins) = (Vec::new(), Vec::new());
        for input in inputs {
            match input {
                Input::Durable(revision) => self.land(revision, &mut out),
                Input::StoreFailed(failure) => {
                    draft = self.fall_back(failure, now, &mut out);
                    origins.clear();
                    refuse(std::mem::take(&mut replies), self.read_only.as_ref(), &mut out);
                }
                Input::StoreRecovered => self.reopen(&mut out),
                Input::Env(env) => self.env = env,
                Input::Provider(completion) if self.read_only.is_none() => {
                    nodelane_engine::converge::observe(&mut draft, &completion);
                }
                Input::Observed(observation) if self.read_only.is_none() => {
                    nodelane_engine::converge::preempt(&mut draft, &observation);
                }
                Input::Request(id, change, origin) if self.read_only.is_none() => {
                    replies.push((id, turn::admit(&mut draft, &change, &origin, &self.env)));
                    origins.push(origin);
                }
                Input::Request(id, ..) => refuse(vec![(id, ())], self.read_only.as_ref(), &mut out),
                Input::Provider(_) | Input::Observed(_) | Input::Tick => {}
            }
        }
        if self.read_only.is_none() && self.flights.len() < FLIGHTS_LIMIT {
            out.more = turn::plan(&mut draft, &self.env, &mut self.memory, &mut self.quarantine, &mut out.breakdowns);
        }
        self.take_off(draft, replies, origins, &mut out);
        out
    }

    /// What a draft wrote goes to the store; what rests on it is held back.
    fn take_off(&mut self, draft: Draft, replies: Vec<(ReplyId, Result<Accepted, Refusal>)>, origins: Vec<Arc<Origin>>, out: &mut Outputs) {
        let Draft { world, now, writes, reports } = draft;
        out.reports = reports;
        let pauses = self.quarantine.values().map(|(until, _)| *until).filter(|until| *until > now);
        // While nothing can be planned a deadline that has passed is no reason to wake: the store's word is.
        let plans = self.read_only.is_none() && self.flights.len() < FLIGHTS_LIMIT;
        out.wake_at = world.work.next_deadline().into_iter().chain(pauses).min().filter(|_| plans);
        self.head = world;
        if writes.is_empty() {
            // Answers without writes rest on the head as it was: on the last batch under way, if any.
            match self.flights.back_mut() {
                Some(flight) => flight.replies.extend(replies),
                None => out.replies.extend(replies),
            }
            return;
        }
        let (first, last) = (writes[0].revision, writes[writes.len() - 1].revision);
        let flight = Flight {
            last,
            world: self.head.clone(),
            replies,
            calls: calls_of(&writes),
            events: writes.iter().map(|write| Event { revision: write.revision, old: write.old.clone(), new: write.new.clone() }).collect(),
        };
        self.flights.push_back(flight);
        out.append = Some(Append { time: now, first, last, writes, origins });
    }

    /// Batches up to a revision are durable: what they held back goes out.
    fn land(&mut self, revision: Revision, out: &mut Outputs) {
        while let Some(flight) = self.flights.pop_front_if(|flight| flight.last <= revision) {
            out.replies.extend(flight.replies);
            out.calls.extend(flight.calls);
            self.durable = flight.world;
            let events = out.published.take().map(|(_, events)| events).unwrap_or_default();
            out.published = Some((self.durable.clone(), events.into_iter().chain(flight.events).collect()));
        }
    }

    /// The store takes writes again. Answers of providers that came in between were not taken up: they are asked for once more.
    fn reopen(&mut self, out: &mut Outputs) {
        self.read_only = None;
        out.calls.extend(self.outstanding_calls());
        out.published.get_or_insert_with(|| (self.durable.clone(), Vec::new()));
    }

    /// The store failed: everything that is not durable has not happened.
    fn fall_back(&mut self, failure: StoreFailure, now: Time, out: &mut Outputs) -> Draft {
        self.read_only = Some(failure);
        for flight in std::mem::take(&mut self.flights) {
            refuse(flight.replies, self.read_only.as_ref(), out);
        }
        self.head = self.durable.clone();
        self.memory = Memory::default();
        Draft::new(self.head.clone(), now)
    }
}

/// Tells those who waited that their change was not stored.
fn refuse<T>(waiting: Vec<(ReplyId, T)>, failure: Option<&StoreFailure>, out: &mut Outputs) {
    let message = failure.map_or("the store is closed", |failure| &failure.message);
    out.replies.extend(waiting.into_iter().map(|(id, _)| (id, Err(Refusal::Unavailable(message.into())))));
}

/// Calls that machines' documents came to ask for.
fn calls_of(writes: &[Write]) -> Vec<Call> {
    let mut latest: BTreeMap<&Key, (Option<Call>, Option<Call>)> = BTreeMap::new();
    for write in writes.iter().filter(|write| write.key.kind == nodelane_model::Kind::Machine) {
        let call = |doc: &Option<Arc<nodelane_model::Doc>>| doc.as_ref().and_then(|doc| nodelane_provider::call_for(doc));
        let before = call(&write.old);
        latest.entry(&write.key).or_insert((before, None)).1 = call(&write.new);
    }
    latest.into_values().filter(|(before, after)| before != after).filter_map(|(_, after)| after).collect()
}
