//! One process per data directory, and who it is.
//!
//! Invariants: the lock is an advisory lock of the kernel on `lock`, so it is gone with the process, however that
//! died; `running.json` is written whole and believed only while the lock is held.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Paths;
use crate::files::{self, FileError, at};

/// `run_state` holds the lock for some microseconds, and a process that was just killed until its memory is given back: 100 looks at 10 ms
/// outlast both, and a real holder costs a second.
const LOOKERS: u32 = 100;
const LOOK: Duration = Duration::from_millis(10);

/// The process that serves a data directory, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Process id.
    pub pid: u32,
    /// Start, in seconds since 1970-01-01T00:00:00Z.
    pub started_unix_seconds: u64,
    /// Port of ARM on 127.0.0.1.
    pub arm_port: u16,
    /// The clusters' Kubernetes endpoints.
    pub clusters: Vec<ClusterAddress>,
    /// Version of the binary.
    #[serde(default)]
    pub version: String,
    /// Subscriptions: id and name.
    #[serde(default)]
    pub subscriptions: Vec<(String, String)>,
}

/// A cluster and the port of its Kubernetes endpoint on 127.0.0.1.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterAddress {
    /// The cluster's key, as in `server.json`.
    pub name: String,
    /// Its port.
    pub port: u16,
    /// Its subscription's id.
    #[serde(default)]
    pub subscription: String,
    /// Its resource group.
    #[serde(default)]
    pub resource_group: String,
    /// Its own name.
    #[serde(default)]
    pub cluster: String,
}

/// Why the lock was not had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process serves this directory. `None` while it has not announced itself yet.
    #[error("{}", held(holder.as_ref()))]
    Held {
        /// The other process.
        holder: Option<Holder>,
    },
    /// Reading or writing failed.
    #[error(transparent)]
    File(#[from] FileError),
}

fn held(holder: Option<&Holder>) -> String {
    match holder {
        Some(Holder { pid, arm_port, .. }) => {
            format!("the data directory is served by process {pid}, ARM at https://127.0.0.1:{arm_port}")
        }
        None => "the data directory is held by another process that is just starting".to_owned(),
    }
}

/// Whether a data directory is being served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunState {
    /// Nobody holds the lock.
    Stopped,
    /// The lock is held and nothing announced yet.
    Starting,
    /// Served by this process.
    Running(Holder),
}

/// The held lock; dropping it or dying lets it go.
#[derive(Debug)]
pub struct DataLock {
    paths: Paths,
    _file: File,
}

impl DataLock {
    /// Takes the lock, or says within a second who has it.
    #[allow(clippy::disallowed_methods, reason = "before any driver exists; bounded by 5 x 10 ms")]
    pub fn acquire(paths: &Paths) -> Result<Self, LockError> {
        let path = paths.lock();
        let file = open(paths)?;
        let mut locked = file.try_lock();
        for _ in 0..LOOKERS {
            if !matches!(locked, Err(TryLockError::WouldBlock)) {
                break;
            }
            std::thread::sleep(LOOK);
            locked = file.try_lock();
        }
        match locked {
            Ok(()) => {
                files::remove_if_present(&paths.running())?; // what a killed predecessor left
                Ok(Self { paths: paths.clone(), _file: file })
            }
            Err(TryLockError::WouldBlock) => Err(LockError::Held { holder: announced(paths)? }),
            Err(TryLockError::Error(error)) => Err(LockError::File(at(&path)(error))),
        }
    }

    /// Tells the others who holds the lock and where it listens; may be repeated when clusters come and go.
    pub fn announce(&self, holder: &Holder) -> Result<(), FileError> {
        let text = serde_json::to_string(holder).expect("plain strings and numbers");
        files::write_atomic(&self.paths.running(), text.as_bytes(), files::PRIVATE)
    }
}

impl Drop for DataLock {
    fn drop(&mut self) {
        let _ = files::remove_if_present(&self.paths.running());
    }
}

/// What `nodelane status` asks. Looks only: a directory that does not exist is `Stopped` and stays absent.
pub fn run_state(paths: &Paths) -> Result<RunState, FileError> {
    if !paths.lock().exists() {
        return Ok(RunState::Stopped);
    }
    match open(paths)?.try_lock_shared() {
        Ok(()) => Ok(RunState::Stopped),
        Err(TryLockError::WouldBlock) => Ok(announced(paths)?.map_or(RunState::Starting, RunState::Running)),
        Err(TryLockError::Error(error)) => Err(at(&paths.lock())(error)),
    }
}

fn open(paths: &Paths) -> Result<File, FileError> {
    let path = paths.lock();
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(files::PRIVATE);
    options.open(&path).map_err(at(&path))
}

fn announced(paths: &Paths) -> Result<Option<Holder>, FileError> {
    let text = files::read_if_present(&paths.running())?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}
