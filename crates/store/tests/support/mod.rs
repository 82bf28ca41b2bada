//! What the store's tests share: a cell whose events are awaited, batches made from numbers, and crash images, which
//! are copies of a cell's three files while its log thread is idle.
//!
//! Development only.

#![allow(dead_code)]

use bytes::Bytes;
use nodelane_store::{Batch, Document, Event, OpenError, Options, Record, Recovered, Store};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

pub type Model = BTreeMap<Bytes, (u64, Bytes)>;

/// An open cell and what its log thread reports.
pub struct Cell {
    pub store: Store,
    pub recovered: Recovered,
    pub events: Receiver<Event>,
    pub last: u64,
}

impl Cell {
    pub fn try_open(path: &Path, options: Options) -> Result<Cell, OpenError> {
        let (sender, events) = channel();
        let (store, recovered) = Store::open(path, options, move |event| drop(sender.send(event)))?;
        let last = recovered.revision;
        Ok(Cell { store, recovered, events, last })
    }

    pub fn open(path: &Path, options: Options) -> Cell {
        Cell::try_open(path, options).unwrap_or_else(|error| panic!("{error}"))
    }

    pub fn event(&self) -> Event {
        self.events.recv_timeout(Duration::from_secs(20)).expect("an event")
    }

    /// Submits writes as the next batch; returns its last revision.
    pub fn submit(&mut self, writes: &[(Bytes, Option<Bytes>)]) -> u64 {
        let batch = batch(self.last, writes);
        self.last = batch.last;
        self.store.submit(batch);
        self.last
    }

    pub fn await_durable(&self, revision: u64) {
        loop {
            match self.event() {
                Event::Durable { last, .. } if last >= revision => return,
                Event::Durable { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }

    pub fn write(&mut self, writes: &[(Bytes, Option<Bytes>)]) {
        let last = self.submit(writes);
        self.await_durable(last);
    }
}

/// The writes as a batch that rests on `after`, one revision each.
pub fn batch(after: u64, writes: &[(Bytes, Option<Bytes>)]) -> Batch {
    let record = |(i, (key, value)): (usize, &(Bytes, Option<Bytes>))| Record {
        revision: after + 1 + i as u64,
        key: key.clone(),
        value: value.clone(),
    };
    let records: Vec<Record> = writes.iter().enumerate().map(record).collect();
    let last = after + records.len().max(1) as u64;
    Batch { after, last, time_millis: 1_700_000_000_000 + last as i64, origin: format!("alice {last}").into(), records }
}

/// What a batch does to the model.
pub fn play(model: &mut Model, batch: &Batch) {
    for record in &batch.records {
        match &record.value {
            Some(value) => drop(model.insert(record.key.clone(), (record.revision, value.clone()))),
            None => drop(model.remove(&record.key)),
        }
    }
}

pub fn docs(model: &Model) -> Vec<Document> {
    let document =
        |(key, (revision, value)): (&Bytes, &(u64, Bytes))| Document { key: key.clone(), revision: *revision, value: value.clone() };
    model.iter().map(document).collect()
}

pub fn put(key: &str, value: &str) -> (Bytes, Option<Bytes>) {
    (Bytes::copy_from_slice(key.as_bytes()), Some(Bytes::copy_from_slice(value.as_bytes())))
}

/// `count` puts under keys spread over `keys`, with values of about `value_bytes`.
pub fn puts(random: &mut Random, count: u64, keys: u64, value_bytes: u64) -> Vec<(Bytes, Option<Bytes>)> {
    let mut put = || {
        let key = format!("pods/namespace-{:03}/{:06}", random.below(keys) % 7, random.below(keys));
        let value: Vec<u8> = (0..value_bytes / 2 + random.below(value_bytes)).map(|_| random.below(256) as u8).collect();
        (Bytes::from(key), (random.below(10) > 0).then(|| Bytes::from(value)))
    };
    (0..count).map(|_| put()).collect()
}

/// A small generator, seeded: the same run every time.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }
}

/// The files of a cell: data, write-ahead log, acknowledged head.
pub fn files(path: &Path) -> [PathBuf; 3] {
    ["", "-wal", "-head"].map(|suffix| PathBuf::from(format!("{}{suffix}", path.display())))
}

/// Reads a cell's files; a missing one is `None`.
pub fn image(path: &Path) -> [Option<Vec<u8>>; 3] {
    files(path).map(|file| std::fs::read(file).ok())
}

pub fn restore(path: &Path, image: &[Option<Vec<u8>>; 3]) {
    for (file, content) in files(path).iter().zip(image) {
        // Removed first: some file systems sync a file that was truncated and written again.
        let _ = std::fs::remove_file(file);
        if let Some(content) = content {
            std::fs::write(file, content).expect("write");
        }
    }
}

/// Checkpoints only on close.
pub fn lazy() -> Options {
    Options { idle_checkpoint_bytes: 1 << 40, busy_checkpoint_bytes: 1 << 40, ..Options::default() }
}
