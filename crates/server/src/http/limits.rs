//! How much of everything at once, shared by all listeners of the process.
//!
//! Each number stands beside its arithmetic; the sum keeps the process under 512 MiB whatever callers do (security T8).

use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Largest request body: that of kube-apiserver, 3 MiB. ARM's own is 4 MB, no pool needs a hundredth of it.
pub const BODY_BYTES_MAX: usize = 3 * 1024 * 1024;
/// Open connections: 1,000 watchers over HTTP/1 and as many again. A TLS connection with its buffers takes about
/// 48 KiB: 2,048 x 48 KiB = 96 MiB.
pub const CONNECTIONS_MAX: usize = 2_048;
/// Requests being read or answered: 400 reads + 200 writes as kube-apiserver allows. 600 x 64 KiB of headers = 38 MiB.
pub const IN_FLIGHT_MAX: usize = 600;
/// Streams (watches) open: 4 for each of 1,000 nodes, a task and a short queue of shared frames each: about
/// 4,096 x 16 KiB = 64 MiB.
pub const STREAMS_MAX: usize = 4_096;
/// Request bodies in memory together: 32 of the largest = 96 MiB.
pub const BUFFERED_BYTES_MAX: usize = 32 * BODY_BYTES_MAX;
/// How much of a body that is too large is still received (not kept) before the connection is cut: five of the largest.
pub const STEPPED_OVER_BYTES_MAX: u64 = 5 * BODY_BYTES_MAX as u64;
/// A body must be there within this many seconds: 3 MiB at 100 KiB/s.
pub const BODY_SECONDS_MAX: u64 = 30;
/// How long a request waits for room before it is told to come back: below every client's own timeout.
const ROOM: Duration = Duration::from_secs(5);
/// Room for bodies is counted in these.
const BODY_UNIT_BYTES: usize = 1024;

/// The counters. One for the process, in an `Arc`.
#[derive(Debug)]
pub struct Limits {
    pub(super) connections: Arc<Semaphore>,
    in_flight: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    body_units: Arc<Semaphore>,
}

impl Default for Limits {
    fn default() -> Self {
        let semaphore = |permits| Arc::new(Semaphore::new(permits));
        Self {
            connections: semaphore(CONNECTIONS_MAX),
            in_flight: semaphore(IN_FLIGHT_MAX),
            streams: semaphore(STREAMS_MAX),
            body_units: semaphore(BUFFERED_BYTES_MAX / BODY_UNIT_BYTES),
        }
    }
}

impl Limits {
    /// Room for a request, `None` when there was none for five seconds.
    pub(super) async fn request(&self) -> Option<OwnedSemaphorePermit> {
        wait(&self.in_flight, 1).await
    }

    /// Room for a body of `bytes`.
    pub(super) async fn body(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        wait(&self.body_units, bytes.div_ceil(BODY_UNIT_BYTES)).await
    }

    /// Room for a stream, at once or not at all.
    pub(super) fn stream(&self) -> Option<OwnedSemaphorePermit> {
        self.streams.clone().try_acquire_owned().ok()
    }
}

/// Lifts this process's soft limit of open files to its hard one, so that [`CONNECTIONS_MAX`] fits: customary soft limits
/// are 1,024 and 256. Returns the limit that holds now, `None` when there is none. Call once at start.
pub fn raise_open_files_limit() -> Option<u64> {
    let before = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: before.maximum, maximum: before.maximum };
    match setrlimit(Resource::Nofile, wanted) {
        Ok(()) => before.maximum,
        Err(_) => before.current, // fewer connections are accepted at once, nothing else
    }
}

async fn wait(semaphore: &Arc<Semaphore>, permits: usize) -> Option<OwnedSemaphorePermit> {
    let permits = u32::try_from(permits).ok()?;
    let permit = semaphore.clone().acquire_many_owned(permits);
    tokio::time::timeout(ROOM, permit).await.ok()?.ok()
}
