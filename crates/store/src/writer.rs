//! The log thread: takes what has queued while the last sync ran, writes it as one transaction, reports, and
//! checkpoints when nobody waits.
//!
//! Invariants: `end` is the last acknowledged batch and moves only after its sync; after any failed write the
//! connection is thrown away and `broken` holds until a reopened file was restored to `end` and took a probe. A step of
//! a checkpoint is small, so that a batch that arrives meanwhile waits for one step at most.
//! Not here: SQL (database.rs), reading a cell (load.rs).

use crate::database::{Database, Meta, Pending, failure};
use crate::head::{Head, Mark};
use crate::load::{Kept, Recovered, load};
use crate::record::Batch;
use crate::{Document, Event, FORMAT, Failure, Hash, OpenError, Options, Revision};
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// Payload above which a transaction takes no further batch: two of the callers' 4 MiB batches, about 25 ms of disk.
const GROUP_BYTES: usize = 8 << 20;
/// Documents in one step of a checkpoint of an idle store. Each may touch a page of its own: 128 x 8 KiB = 1 MiB, a
/// sync of about the length of an ordinary batch's.
const STEP_DOCUMENTS: usize = 128;
/// Bound of one step: documents or log rows, in bytes.
const STEP_BYTES: usize = 4 << 20;
/// How long the queue must have been empty before a checkpoint step starts: longer than a sync and the answer to it.
const IDLE: Duration = Duration::from_millis(20);

/// What the handle sends.
pub(crate) enum Message {
    Append(Batch),
    Close,
}

/// All that the log thread owns.
pub(crate) struct State {
    path: PathBuf,
    options: Options,
    /// `None` only while broken.
    database: Option<Database>,
    head: Head,
    meta: Meta,
    end: Mark,
    /// Newest record of each key since the checkpoint that is under way began, or since the last one.
    fresh: BTreeMap<Bytes, Pending>,
    fresh_bytes: u64,
    /// What is left of the checkpoint under way, and the revision that it reaches.
    draining: BTreeMap<Bytes, Pending>,
    draining_bytes: u64,
    target: Revision,
    kept: VecDeque<Kept>,
    kept_bytes: u64,
    /// What SQLite's write-ahead log holds over the data file.
    wal_bytes: u64,
    broken: Option<Broken>,
}

struct Broken {
    failure: Failure,
    /// Size of the write that failed: a smaller probe would prove nothing.
    probe_bytes: usize,
    since: Instant,
}

/// Runs until the handle is gone.
pub(crate) fn run(mut state: State, receiver: &Receiver<Message>, mut on_event: impl FnMut(Event)) -> Result<(), Failure> {
    let mut idle = IDLE;
    loop {
        let received = match state.pause(idle) {
            Some(pause) => receiver.recv_timeout(pause),
            None => receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        // One step may follow another at once, until a batch comes.
        idle = if received.is_ok() { IDLE } else { Duration::ZERO };
        let mut closing = false;
        match received {
            Ok(Message::Append(batch)) => {
                let mut bytes = batch.log_bytes();
                let mut batches = vec![batch];
                while bytes < GROUP_BYTES {
                    match receiver.try_recv() {
                        Ok(Message::Append(batch)) => {
                            bytes += batch.log_bytes();
                            batches.push(batch);
                        }
                        Ok(Message::Close) => {
                            closing = true;
                            break;
                        }
                        Err(_) => break,
                    }
                }
                state.write(&batches, &mut on_event);
                // Twice what came in, so that a checkpoint under load ends.
                let records: usize = batches.iter().map(|batch| batch.records.len()).sum();
                state.advance(state.options.busy_checkpoint_bytes, STEP_DOCUMENTS.max(2 * records));
            }
            Ok(Message::Close) => closing = true,
            Err(RecvTimeoutError::Timeout) => state.advance(state.options.idle_checkpoint_bytes, STEP_DOCUMENTS),
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
        // Batches that keep coming must not keep the probe from its turn.
        if state.broken.is_some() && state.pause(idle) == Some(Duration::ZERO) {
            state.reopen(&mut on_event);
        }
        if closing {
            return state.close();
        }
    }
}

impl State {
    /// Reads the cell and hands out what it holds.
    pub fn open(path: &Path, options: Options) -> Result<(State, Recovered), OpenError> {
        let loaded = load(path, &options, true)?;
        let mark = loaded.head.write(loaded.end).and_then(|()| loaded.head.sync());
        mark.map_err(|error| OpenError::Io { path: loaded.head.path().into(), what: error.to_string() })?;
        let document = |(key, (revision, value))| Document { key, revision, value };
        let mut recovered = Recovered {
            revision: loaded.end.revision,
            head: loaded.end.hash,
            docs: loaded.documents.into_iter().map(document).collect(),
            tail: loaded.tail.into(),
            before_tail: loaded.before_tail,
            clean: loaded.clean,
        };
        let mut state = State {
            path: path.into(),
            database: Some(loaded.database),
            head: loaded.head,
            meta: loaded.meta,
            end: loaded.end,
            fresh: loaded.pending,
            fresh_bytes: loaded.pending_bytes,
            draining: BTreeMap::new(),
            draining_bytes: 0,
            target: 0,
            kept_bytes: loaded.kept.iter().map(|(bytes, _)| bytes).sum(),
            kept: loaded.kept,
            // The last process may have died on a failed sync, after which a page may be in memory and not on the disk:
            // moving the write-ahead log into the data file soon writes it again.
            wal_bytes: if loaded.clean { 0 } else { options.idle_checkpoint_bytes },
            broken: None,
            options,
        };
        if state.meta.format < FORMAT {
            (recovered.tail, recovered.before_tail) = (Vec::new(), BTreeMap::new());
            state.migrate().map_err(|error| OpenError::Io {
                path: path.into(),
                what: format!("while it was brought to data format {FORMAT}: {error}"),
            })?;
        }
        Ok((state, recovered))
    }

    /// From format 1, whose log is dropped: its documents are in the checkpoint before that, and the hash chain goes on from its end.
    fn migrate(&mut self) -> Result<(), Failure> {
        let keep_log_bytes = std::mem::take(&mut self.options.keep_log_bytes);
        self.settle()?;
        self.options.keep_log_bytes = keep_log_bytes;
        let mut meta = self.meta;
        self.database()?.set_format(&mut meta, FORMAT).map_err(|error| failure(&error))?;
        self.meta = meta;
        Ok(())
    }

    /// Makes the whole checkpoint, and cuts the log to what is kept.
    fn settle(&mut self) -> Result<(), Failure> {
        while self.fresh_bytes + self.draining_bytes > 0 || self.excess(0).is_some() {
            self.step(0, usize::MAX)?;
        }
        Ok(())
    }

    /// How long to wait for a batch before doing something else; `None` when there is nothing else.
    fn pause(&self, idle: Duration) -> Option<Duration> {
        match &self.broken {
            Some(broken) => Some(self.options.probe_interval.saturating_sub(broken.since.elapsed())),
            None => self.due(self.options.idle_checkpoint_bytes).then_some(idle),
        }
    }

    /// Writes what fits together, and reports every batch.
    pub fn write(&mut self, batches: &[Batch], on_event: &mut impl FnMut(Event)) {
        let mut group = Vec::new();
        let mut end = self.end;
        for batch in batches {
            let refused = match &self.broken {
                Some(broken) => Some(broken.failure.clone()),
                None => batch.check(end.revision).err().map(Failure::Rejected),
            };
            if let Some(failure) = refused {
                // Events keep the order of submission.
                self.commit(&std::mem::take(&mut group), on_event);
                end = self.end;
                let failure = self.broken.as_ref().map_or(failure, |broken| broken.failure.clone());
                on_event(Event::Failed { first: batch.after.saturating_add(1), last: batch.last, failure });
                continue;
            }
            let payload = batch.encode();
            let hash = batch.hash(&end.hash, &payload);
            end = Mark { revision: batch.last, hash };
            group.push((batch, payload, hash));
        }
        self.commit(&group, on_event);
    }

    /// Writes and syncs a group, and reports it.
    fn commit(&mut self, group: &[(&Batch, Vec<u8>, Hash)], on_event: &mut impl FnMut(Event)) {
        let (Some((first, ..)), Some((last, _, hash))) = (group.first(), group.last()) else {
            return;
        };
        let bytes: usize = group.iter().map(|(batch, ..)| batch.log_bytes()).sum();
        if let Err(failure) = self.append(group) {
            on_event(Event::Failed { first: first.after + 1, last: last.last, failure: failure.clone() });
            return self.fail(failure, bytes);
        }
        self.end = Mark { revision: last.last, hash: *hash };
        // A lower bound that could not be raised is still one.
        let _ = self.head.write(self.end);
        on_event(Event::Durable { last: last.last, head: *hash });
        for (batch, _, hash) in group {
            self.kept.push_back((batch.log_bytes() as u64, Mark { revision: batch.last, hash: *hash }));
            for record in &batch.records {
                self.fresh.insert(record.key.clone(), (record.revision, record.value.clone()));
            }
        }
        self.kept_bytes += bytes as u64;
        self.fresh_bytes += bytes as u64;
        self.measure();
    }

    fn measure(&mut self) {
        // One that cannot be asked is asked again after the next write.
        let held = self.database.as_ref().and_then(|database| database.checkpoint("NOOP").ok());
        self.wal_bytes = held.unwrap_or(self.wal_bytes);
    }

    fn append(&mut self, group: &[(&Batch, Vec<u8>, Hash)]) -> Result<(), Failure> {
        #[cfg(test)]
        self.injected(false)?;
        self.database()?.append(group).map_err(|error| failure(&error))?;
        #[cfg(test)]
        self.injected(true)?;
        Ok(())
    }

    fn database(&mut self) -> Result<&mut Database, Failure> {
        self.database.as_mut().ok_or(Failure::Io("the file is not open".into()))
    }

    #[allow(clippy::disallowed_methods, reason = "how long the disk has been failing is no time of the domain")]
    fn fail(&mut self, failure: Failure, probe_bytes: usize) {
        self.database = None;
        let since = Instant::now();
        self.broken = Some(Broken { failure, probe_bytes, since });
    }

    /// Tries to end a failure.
    fn reopen(&mut self, on_event: &mut impl FnMut(Event)) {
        let Some(Broken { probe_bytes, .. }) = self.broken.take() else {
            return;
        };
        match self.restored(probe_bytes) {
            Ok(()) => on_event(Event::ReadOnlyEnded),
            Err(failure) => self.fail(failure, probe_bytes),
        }
    }

    fn restored(&mut self, probe_bytes: usize) -> Result<(), Failure> {
        #[cfg(test)]
        self.injected(false)?;
        let mut database = Database::open(&self.path).map_err(|error| failure(&error))?;
        // The failed write may have been a checkpoint step that is there after all: what `meta` says now is true.
        self.meta = database.restore(self.end, probe_bytes).map_err(|error| failure(&error))?;
        self.database = Some(database);
        while let Some((bytes, _)) = self.kept.pop_front_if(|(_, mark)| mark.revision <= self.meta.anchor.revision) {
            self.kept_bytes -= bytes;
        }
        self.wal_bytes = 0;
        Ok(())
    }

    /// Whether a checkpoint that starts at `limit` has something to do.
    fn due(&self, limit: u64) -> bool {
        self.fresh_bytes + self.draining_bytes >= limit.max(1) || self.excess(limit).is_some() || self.wal_bytes >= limit.max(1)
    }

    /// One step of the checkpoint, if it is due.
    pub fn advance(&mut self, limit: u64, documents: usize) {
        if self.broken.is_none()
            && self.due(limit)
            && let Err(failure) = self.step(limit, documents)
        {
            self.fail(failure, STEP_BYTES);
        }
    }

    fn step(&mut self, limit: u64, documents: usize) -> Result<(), Failure> {
        if self.draining.is_empty() && self.fresh_bytes + self.draining_bytes >= limit.max(1) {
            self.draining = std::mem::take(&mut self.fresh);
            self.draining_bytes = std::mem::take(&mut self.fresh_bytes);
            self.target = self.end.revision;
        }
        if self.draining_bytes > 0 {
            return self.drain(documents);
        }
        let mut meta = self.meta;
        if let Some(anchor) = self.excess(limit) {
            self.database()?.truncate(&mut meta, anchor).map_err(|error| failure(&error))?;
            self.meta = meta;
            while let Some((bytes, _)) = self.kept.pop_front_if(|(_, mark)| mark.revision <= anchor.revision) {
                self.kept_bytes -= bytes;
            }
            return Ok(());
        }
        self.database()?.checkpoint("PASSIVE").map_err(|error| failure(&error))?;
        self.wal_bytes = 0;
        Ok(())
    }

    /// Moves the next documents into the checkpoint; the last ones take `meta.applied` with them.
    fn drain(&mut self, documents: usize) -> Result<(), Failure> {
        let (mut count, mut bytes) = (0, 0);
        for (key, (_, value)) in &self.draining {
            if bytes >= STEP_BYTES || count == documents {
                break;
            }
            bytes += key.len() + value.as_ref().map_or(0, Bytes::len) + 64;
            count += 1;
        }
        let mut meta = self.meta;
        if count == self.draining.len() {
            meta.applied = self.target;
        }
        let database = self.database.as_mut().ok_or(Failure::Io("the file is not open".into()))?;
        database.apply(&mut meta, self.draining.iter().take(count)).map_err(|error| failure(&error))?;
        self.meta = meta;
        for _ in 0..count {
            self.draining.pop_first();
        }
        if self.draining.is_empty() {
            self.draining_bytes = 0;
        }
        self.measure();
        Ok(())
    }

    /// The batch to truncate up to: applied, older than what is kept, a step's worth of bytes at a time.
    fn excess(&self, limit: u64) -> Option<Mark> {
        if self.kept_bytes <= self.options.keep_log_bytes.saturating_add(limit) {
            return None;
        }
        let (mut anchor, mut freed) = (None, 0);
        for (bytes, mark) in &self.kept {
            if mark.revision > self.meta.applied || freed >= STEP_BYTES as u64 || self.kept_bytes - freed <= self.options.keep_log_bytes {
                break;
            }
            freed += bytes;
            anchor = Some(*mark);
        }
        anchor
    }

    /// Finishes the checkpoint and leaves one file without a write-ahead log.
    fn close(mut self) -> Result<(), Failure> {
        if self.broken.is_some() {
            self.reopen(&mut drop);
        }
        if let Some(broken) = self.broken {
            return Err(broken.failure);
        }
        self.settle()?;
        // Not even a bound is lost if this fails.
        let _ = self.head.sync();
        self.database.take().map_or(Ok(()), Database::close).map_err(|error| failure(&error))
    }

    /// The tests' disk: 1 full, 2 failing before the write, 3 failing after it.
    #[cfg(test)]
    fn injected(&self, written: bool) -> Result<(), Failure> {
        match (self.options.fault.load(std::sync::atomic::Ordering::SeqCst), written) {
            (1, false) => Err(Failure::DiskFull),
            (2, false) | (3, true) => Err(Failure::Io("injected".into())),
            _ => Ok(()),
        }
    }
}
