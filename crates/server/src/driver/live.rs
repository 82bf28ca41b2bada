//! One live cell: its thread, its store, and the door to it.
//!
//! The cell's thread steps the cell and the simulated world and never waits for the disk: an encoder thread turns batches into bytes and
//! the store's thread syncs them. Batches that were computed before a failure of the store never reach it (`epoch`).

use super::history::{Reach, Tail, decode};
use super::{to_batch, to_input};
use crate::clock;
use arc_swap::ArcSwap;
use nodelane_catalog::Catalog;
use nodelane_control::{Append, Cell, Door, Event, Feed, FeedGone, Input, Later, Outputs};
use nodelane_engine::Env;
use nodelane_model::change::{Accepted, Change, Origin};
use nodelane_model::codec::Interner;
use nodelane_model::{Doc, Refusal, Revision, Time};
use nodelane_sim::{BootProfile, Sim};
use nodelane_store::{OpenError, Options, Store};
use nodelane_world::World;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// Messages taken up in one step. Each request is at most a few writes of a few KiB: a batch stays below 4 MiB.
const MESSAGES_PER_STEP: usize = 512;
/// Changes of the simulated world taken up in one step, for the same reason.
const DEEDS_PER_STEP: usize = 512;
/// The longest sleep of a cell: deadlines are known, this only bounds what a leap of the machine's clock can do.
const LONGEST_SLEEP: Duration = Duration::from_secs(5);

type Answer = oneshot::Sender<Result<Accepted, Refusal>>;

enum Message {
    Request(Box<Change>, Box<Origin>, Answer),
    Store(nodelane_store::Event),
    Env(Box<Env>),
    Stop,
}

/// A running cell.
pub struct LiveCell {
    sender: Sender<Message>,
    world: Arc<ArcSwap<World>>,
    feed: Arc<Mutex<Feed>>,
    revision: watch::Receiver<Revision>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What opening a cell's file gave.
pub struct OpenCell {
    /// The documents; empty for a new file.
    pub world: World,
    /// Whether the last process closed the file.
    pub clean: bool,
    store: Store,
    from_store: Receiver<nodelane_store::Event>,
    tail: Tail,
    reach: Reach,
}

/// Why a cell did not open.
#[derive(Debug, thiserror::Error)]
pub enum Opened {
    /// The file.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// A document in it cannot be read by this build.
    #[error("document {key} cannot be read: {what}")]
    Document {
        /// Its key.
        key: String,
        /// Why.
        what: String,
    },
}

impl OpenCell {
    /// Opens a cell's file, making it where there is none.
    pub fn open(path: &Path, seed: u64) -> Result<OpenCell, Opened> {
        OpenCell::open_with(path, seed, Options::default())
    }
    /// The same with other bounds of its log.
    pub fn open_with(path: &Path, seed: u64, options: Options) -> Result<OpenCell, Opened> {
        let (to_cell, from_store) = channel();
        let (store, mut recovered) = Store::open(path, options.clone(), move |event| drop(to_cell.send(event)))?;
        // Two halves at once: decoding is most of a restart, and equal specifications are shared within each half.
        let (first, second) = recovered.docs.split_at(recovered.docs.len() / 2);
        let (first, second) = std::thread::scope(|scope| {
            let second = scope.spawn(|| decode_all(second));
            (decode_all(first), second.join().expect("decoding does not panic"))
        });
        let docs = first?.into_iter().chain(second?);
        let world = World::rebuild(seed, recovered.revision, docs);
        let tail = Tail::of(&mut recovered);
        let reach = Reach::new(&options, tail.whole_from().unwrap_or(recovered.revision));
        Ok(OpenCell { world, clean: recovered.clean, store, from_store, tail, reach })
    }
    /// Puts a first world into a new file.
    pub fn found(&mut self, world: World) -> Result<(), nodelane_store::Failure> {
        let writes: Vec<_> = world
            .list_from(std::ops::Bound::Unbounded)
            .map(|doc| nodelane_world::Write { key: doc.key.clone(), old: None, new: Some(doc.clone()), revision: doc.revision })
            .collect();
        let mut sorted = writes;
        sorted.sort_by_key(|write| write.revision);
        let append = Append { time: Time(0), first: 1, last: world.revision, writes: sorted, origins: Vec::new() };
        self.store.submit(to_batch(&append, 0, &self.reach));
        match self.from_store.recv() {
            Ok(nodelane_store::Event::Durable { .. }) => {
                self.world = world;
                Ok(())
            }
            Ok(nodelane_store::Event::Failed { failure, .. }) => Err(failure),
            _ => Err(nodelane_store::Failure::Io("the log thread has ended".into())),
        }
    }

    /// Lets the cell run.
    pub fn start(self, env: Env, profile: BootProfile) -> LiveCell {
        let (sender, receiver) = channel();
        let revision = self.world.revision;
        let published = Arc::new(ArcSwap::from_pointee(self.world.clone()));
        let feed = Arc::new(Mutex::new(feed(revision, self.tail)));
        let (moved, revision) = watch::channel(revision);
        let (to_encoder, from_cell) = channel::<(u64, Append)>();
        let epoch = Arc::new(AtomicU64::new(0));
        let encoder_epoch = epoch.clone();
        let after = self.world.revision;
        let (store, reach) = (self.store, self.reach);
        let encoder =
            std::thread::Builder::new().name("encoder".into()).spawn(move || encode(store, reach, &from_cell, after, &encoder_epoch));
        let relay = sender.clone();
        let from_store = self.from_store;
        // Ends when the store, the only other holder of the channel, is closed.
        let relay = std::thread::Builder::new().name("store-relay".into()).spawn(move || {
            while let Ok(event) = from_store.recv() {
                if relay.send(Message::Store(event)).is_err() {
                    return;
                }
            }
        });
        let now = clock::now(Time(0));
        let mut shared = Shared {
            sim: Sim::prime(&self.world, profile, Catalog::default(), now),
            cell: Cell::new(self.world, env),
            receiver,
            to_encoder,
            epoch,
            world: published.clone(),
            feed: feed.clone(),
            moved,
            waiting: BTreeMap::new(),
            next_id: 0,
            now,
            wake_at: Some(now),
            closing: false,
        };
        let thread = std::thread::Builder::new().name("cell".into()).spawn(move || {
            shared.run();
            drop(shared); // Lets the encoder end, and with it the store and the relay.
            for thread in [encoder, relay].into_iter().flatten() {
                let _ = thread.join();
            }
        });
        LiveCell { sender, world: published, feed, revision, thread: Mutex::new(thread.ok()) }
    }
}

/// The ring of a cell at a start: behind it, the log's tail.
fn feed(revision: Revision, tail: Tail) -> Feed {
    let Some(whole_from) = tail.whole_from() else { return Feed::starting_at(revision) };
    let read = move || tail.events().inspect_err(|error| eprintln!("nodelane: watches cannot go on from before the start: {error}")).ok();
    Feed::resuming_at(revision, whole_from, Box::new(read))
}

/// Stored documents as documents.
fn decode_all(stored: &[nodelane_store::Document]) -> Result<Vec<Arc<Doc>>, Opened> {
    let mut interner = Interner::default();
    stored.iter().map(|stored| decode(&mut interner, &stored.key, &stored.value).map(Arc::new)).collect()
}

/// Encodes batches and hands them to the store, in order; closes it at the end.
fn encode(store: Store, mut reach: Reach, from_cell: &Receiver<(u64, Append)>, mut after: Revision, epoch: &AtomicU64) {
    while let Ok((of, append)) = from_cell.recv() {
        if of != epoch.load(Ordering::Acquire) {
            continue; // The cell has fallen back since: this has not happened.
        }
        // After a failure the cell starts again from what was durable.
        after = if append.first <= after { append.first - 1 } else { after };
        let batch = to_batch(&append, after, &reach);
        reach.passed(&batch);
        store.submit(batch);
        after = append.last;
    }
    if let Err(failure) = store.close() {
        eprintln!("nodelane: the data file was left as after a crash: {failure}");
    }
}

struct Shared {
    cell: Cell,
    sim: Sim,
    receiver: Receiver<Message>,
    to_encoder: Sender<(u64, Append)>,
    epoch: Arc<AtomicU64>,
    world: Arc<ArcSwap<World>>,
    feed: Arc<Mutex<Feed>>,
    moved: watch::Sender<Revision>,
    waiting: BTreeMap<u64, Answer>,
    next_id: u64,
    now: Time,
    wake_at: Option<Time>,
    closing: bool,
}

impl Shared {
    fn run(&mut self) {
        let world = self.cell.durable().clone();
        for call in self.cell.outstanding_calls() {
            self.sim.submit(call, &world, self.now);
        }
        let mut inputs = vec![Input::Tick];
        loop {
            self.now = clock::now(self.now);
            let world = self.world.load_full();
            let deeds = self.sim.advance(&world, self.now, DEEDS_PER_STEP);
            // Faults that are used up first: a crash may waste a hit, never add one.
            for (change, origin) in deeds.changes {
                inputs.push(Input::Request(self.id(), Box::new(change), Arc::new(origin)));
            }
            inputs.extend(deeds.completions.into_iter().map(Input::Provider));
            inputs.extend(deeds.observations.into_iter().map(Input::Observed));
            let due = self.wake_at.is_some_and(|at| at <= self.now);
            if !inputs.is_empty() || due {
                let out = self.cell.step(self.now, std::mem::take(&mut inputs));
                self.deliver(out, &mut inputs);
            }
            if !self.collect(&mut inputs) {
                return;
            }
        }
    }

    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Waits for messages until something is due, then takes all that are there; `false` when it is over.
    fn collect(&mut self, inputs: &mut Vec<Input>) -> bool {
        let next = [self.wake_at, self.sim.next_at()].into_iter().flatten().min();
        let until = next.map_or(LONGEST_SLEEP, |next| Duration::from_millis(next.since(clock::now(self.now)).max(0) as u64));
        let wait = if inputs.is_empty() { until.min(LONGEST_SLEEP) } else { Duration::ZERO };
        let mut message = match self.receiver.recv_timeout(wait) {
            Ok(message) => Some(message),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return false,
        };
        for _ in 0..MESSAGES_PER_STEP {
            let Some(taken) = message.take() else { break };
            match taken {
                Message::Request(change, origin, answer) => {
                    let id = self.id();
                    self.waiting.insert(id, answer);
                    inputs.push(Input::Request(id, change, origin.into()));
                }
                Message::Store(event) => {
                    if matches!(event, nodelane_store::Event::Failed { .. }) {
                        self.epoch.fetch_add(1, Ordering::AcqRel);
                    }
                    inputs.push(to_input(&event));
                }
                Message::Env(env) => inputs.push(Input::Env(*env)),
                Message::Stop => self.closing = true,
            }
            message = self.receiver.try_recv().ok();
        }
        !self.closing
    }

    fn deliver(&mut self, out: Outputs, inputs: &mut Vec<Input>) {
        self.wake_at = out.wake_at;
        if out.more {
            inputs.push(Input::Tick);
        }
        for (planner, text) in out.breakdowns {
            eprintln!("nodelane: planner {planner:?} broke down and pauses: {text}");
        }
        if let Some(append) = out.append {
            // The encoder ends only after this thread.
            let _ = self.to_encoder.send((self.epoch.load(Ordering::Acquire), append));
        }
        if let Some((world, events)) = out.published {
            let revision = world.revision;
            for event in &events {
                self.sim.follow(event.old.as_ref(), event.new.as_ref(), self.now);
            }
            for call in out.calls {
                self.sim.submit(call, &world, self.now);
            }
            self.feed.lock().expect("no one panics with the feed").push(events);
            self.world.store(Arc::new(world));
            self.moved.send_replace(revision);
        }
        for (id, answer) in out.replies {
            if let Some(waiting) = self.waiting.remove(&id) {
                let _ = waiting.send(answer); // Whoever asked may have gone.
            }
        }
    }
}

impl LiveCell {
    /// Tells the cell what lies outside of it.
    pub fn set_env(&self, env: Env) {
        let _ = self.sender.send(Message::Env(Box::new(env)));
    }
    /// Writes what is queued, closes the file and ends.
    pub fn stop(&self) {
        let _ = self.sender.send(Message::Stop);
        if let Some(thread) = self.thread.lock().expect("no one panics with the thread").take() {
            let _ = thread.join();
        }
    }
}

impl Door for LiveCell {
    fn world(&self) -> Arc<World> {
        self.world.load_full()
    }
    fn now(&self) -> Time {
        clock::now(Time(0))
    }
    fn submit(&self, change: Change, origin: Origin) -> Later<Result<Accepted, Refusal>> {
        let (answer, answered) = oneshot::channel();
        let sent = self.sender.send(Message::Request(Box::new(change), Box::new(origin), answer));
        Box::pin(async move {
            let closed = || Err(Refusal::Unavailable("the server is shutting down".into()));
            if sent.is_err() { closed() } else { answered.await.unwrap_or_else(|_| closed()) }
        })
    }
    fn events_after(&self, revision: Revision, limit: usize) -> Result<Vec<Event>, FeedGone> {
        self.feed.lock().expect("no one panics with the feed").after(revision, limit)
    }
    fn moved(&self, beyond: Revision) -> Later<Revision> {
        let mut receiver = self.revision.clone();
        Box::pin(async move {
            if let Ok(revision) = receiver.wait_for(|revision| *revision > beyond).await.map(|revision| *revision) {
                return revision;
            }
            std::future::pending().await // The cell has ended; whoever waits is let go with the listener.
        })
    }
}
