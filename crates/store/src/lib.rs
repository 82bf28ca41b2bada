//! A log of conditional writes. Knows bytes, not domains.
//!
//! One file per cell. A batch is durable when its row in the append-only log is synced; documents are a checkpoint of
//! that log, made when nobody waits. Invariants:
//! - `Event::Durable` is sent only after the sync, and everything it names survives `kill -9` and power loss;
//! - a batch is there whole or not at all, and rests on exactly the revision that its author saw (`Batch::after`);
//! - a flipped byte is either found at open and named, or was in a byte that nothing uses;
//! - after a failed write nothing is accepted until the file has been reopened and a probe was written.
//!
//! Not here: conditions (the caller decides before it submits), the watch ring (rebuilt by the caller from
//! `Recovered::tail`), clocks of the domain, encodings of documents. Why it is so: docs/decisions/0002-store.md.

mod database;
#[cfg(test)]
mod fault_tests;
mod head;
mod load;
mod record;
mod wal;
mod writer;

pub use load::{Document, Recovered, Report};
pub use record::{Batch, Record};

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

/// A revision: the position of a write in its cell's history. At most `i64::MAX`.
pub type Revision = u64;

/// SHA-256 over the previous batch's hash and a batch: names the whole history up to that batch.
pub type Hash = [u8; 32];

/// The data format that this build writes. Format 1 differs in one thing: its log may not say what a document was before a write.
/// Opening one drops that log, and no document; watches from before then list again.
pub const FORMAT: u32 = 2;

/// Bounds of a store.
#[derive(Clone, Debug)]
pub struct Options {
    /// Log kept behind the checkpoint for watch history and audit, in bytes of batches.
    pub keep_log_bytes: u64,
    /// Newest part of the log handed back as `Recovered::tail`, in bytes of batches.
    pub tail_bytes: u64,
    /// Log since the last checkpoint above which an idle store checkpoints, in bytes. Replay costs about 3 ms a MiB.
    pub idle_checkpoint_bytes: u64,
    /// Log since the last checkpoint above which a busy store checkpoints too, a step between two syncs, in bytes.
    pub busy_checkpoint_bytes: u64,
    /// How often a store that could not write tries again.
    pub probe_interval: Duration,
    #[cfg(test)]
    pub(crate) fault: std::sync::Arc<std::sync::atomic::AtomicU8>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            keep_log_bytes: 64 << 20,
            tail_bytes: 16 << 20,
            idle_checkpoint_bytes: 4 << 20,
            busy_checkpoint_bytes: 64 << 20,
            probe_interval: Duration::from_millis(500),
            #[cfg(test)]
            fault: Default::default(),
        }
    }
}

/// What the log thread reports, in the order of submission. Every submitted batch ends in exactly one `Durable` that
/// reaches its `last`, or in exactly one `Failed` that covers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Every batch up to `last` is on the disk. `head` names the history up to here: export it to detect truncation.
    Durable {
        /// Last revision of the newest durable batch.
        last: Revision,
        /// Hash of the newest durable batch.
        head: Hash,
    },
    /// The batches of these revisions were not acknowledged: go back to the last durable revision. After `kill -9`
    /// between this event and `ReadOnlyEnded`, the next start may find them whole; never in part.
    Failed {
        /// First revision that failed.
        first: Revision,
        /// Last revision that failed.
        last: Revision,
        /// Why.
        failure: Failure,
    },
    /// Writes are accepted again after `DiskFull` or `Io`, from the last durable revision on.
    ReadOnlyEnded,
}

/// Why a batch was not written; a variant per thing that the caller does next.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No space left. The store is read-only and probes until there is.
    #[error("the disk is full")]
    DiskFull,
    /// The disk failed. The store is read-only and reopens the file until a probe is durable.
    #[error("the disk failed: {0}")]
    Io(String),
    /// The batch does not rest on the last accepted revision, typically because an earlier one failed, or breaks the
    /// shape that `Batch` documents. The store goes on.
    #[error("batch rejected: {0}")]
    Rejected(String),
}

/// A record that is not what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corruption {
    /// The damaged file.
    pub file: PathBuf,
    /// Where in it: a table, a frame, a header.
    pub place: String,
    /// The batch or document concerned, if known.
    pub revision: Option<Revision>,
    /// The document concerned, if known.
    pub key: Option<Vec<u8>>,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Corruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.place)?;
        if let Some(revision) = self.revision {
            write!(f, ", revision {revision}")?;
        }
        if let Some(key) = &self.key {
            write!(f, ", key \"{}\"", key.escape_ascii())?;
        }
        write!(f, ": {}", self.what)
    }
}

/// Why a file was not opened. Nothing has been changed in it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process holds the file.
    #[error("{} is in use by process {holder}", path.display())]
    Locked {
        /// The data file.
        path: PathBuf,
        /// Process id that the holder wrote, or `?`.
        holder: String,
    },
    /// The file was written by a newer build.
    #[error(
        "{} has data format {found}, this build reads 1 to {FORMAT}: run the newer build that wrote it, or begin anew with another data directory",
        path.display()
    )]
    Newer {
        /// The data file.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// The file is damaged.
    #[error("damaged: {0}")]
    Corrupt(Corruption),
    /// The operating system refused.
    #[error("{}: {what}", path.display())]
    Io {
        /// The data file.
        path: PathBuf,
        /// What the system said.
        what: String,
    },
}

/// An open cell: the handle of its log thread. Dropping it writes what is queued and leaves the checkpoint to the
/// next start; `close` makes it.
#[derive(Debug)]
pub struct Store {
    sender: Option<mpsc::Sender<writer::Message>>,
    thread: Option<JoinHandle<Result<(), Failure>>>,
}

impl Store {
    /// Opens the cell at `path`, creating it (mode 0600) when there is none, and starts its log thread. `on_event`
    /// runs on that thread: it must hand over and return.
    pub fn open(path: &Path, options: Options, on_event: impl FnMut(Event) + Send + 'static) -> Result<(Store, Recovered), OpenError> {
        let (state, recovered) = writer::State::open(path, options)?;
        let (sender, receiver) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("store-log".into())
            .spawn(move || writer::run(state, &receiver, on_event))
            .map_err(|error| OpenError::Io { path: path.into(), what: error.to_string() })?;
        Ok((Store { sender: Some(sender), thread: Some(thread) }, recovered))
    }

    /// Queues a batch and returns at once. The queue has no bound of its own: the caller bounds what is in flight.
    pub fn submit(&self, batch: Batch) {
        let sender = self.sender.as_ref().expect("the sender lives until close");
        sender.send(writer::Message::Append(batch)).expect("the log thread ends only after the store is closed");
    }

    /// Writes what is queued, checkpoints and closes. An error means that the file was left as after a crash: every
    /// acknowledged batch is in it.
    pub fn close(mut self) -> Result<(), Failure> {
        if let Some(sender) = self.sender.take() {
            // A log thread that is gone panicked; the join reports it.
            let _ = sender.send(writer::Message::Close);
        }
        let thread = self.thread.take().expect("the thread is joined once");
        thread.join().unwrap_or_else(|_| Err(Failure::Io("the log thread panicked".into())))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        drop(self.sender.take());
        if let Some(thread) = self.thread.take() {
            // The outcome of every batch has been reported as an event.
            let _ = thread.join();
        }
    }
}

/// Reads everything in a cell that no process has open, changes nothing, and reports what is there; `Corrupt` names
/// the first damage.
pub fn verify(path: &Path) -> Result<Report, OpenError> {
    load::verify(path)
}
