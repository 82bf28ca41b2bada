//! The Kubernetes API of one cluster: paths, verbs, lists, watches, subresources.
//!
//! Generic over kinds: one handler per verb, driven by the registry of the room `k8s`. Reading is done on a published world and never
//! waits; a write is computed against it, submitted, and computed again if the document has moved. Sockets, TLS and who the caller is
//! are the room `server`'s.

mod answer;
mod fields;
mod heartbeat;
mod lease;
mod metrics;
mod read;
mod review;
mod route;
mod sub;
mod watch;
mod write;

pub use answer::{Answer, Body, Watch};

use bytes::Bytes;
use http::{HeaderMap, Method};
use nodelane_control::Door;
use nodelane_k8s::status::Status;
use nodelane_model::Origin;
use nodelane_world::World;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// One request that has passed the edge.
#[derive(Debug)]
pub struct Call {
    /// The verb.
    pub method: Method,
    /// The path, percent-decoded by segment later.
    pub path: String,
    /// The query, raw.
    pub query: String,
    /// Headers, without credentials.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// Who asks.
    pub origin: Origin,
    /// The name that the caller's credential stands for.
    pub user: String,
    /// The groups of the caller.
    pub groups: Vec<String>,
}

/// The API of one cluster.
#[derive(Clone)]
pub struct Api {
    door: Arc<dyn Door>,
    /// Worlds that paged lists go on from, by revision.
    pages: Arc<Mutex<BTreeMap<u64, Arc<World>>>>,
    /// Watches that are open.
    watches: Arc<std::sync::atomic::AtomicUsize>,
    /// What `/version` says and nodes report at most.
    kubernetes_version: String,
    /// `host:port`, for discovery.
    address: String,
}

/// Worlds kept for paged lists. A world shares nearly everything with the next: some MiB at worst.
const PAGES_LIMIT: usize = 64;
/// Watches open at once; each is a cursor and a task, about 16 KiB with its TLS buffers: 64 MiB.
pub const WATCHES_LIMIT: usize = 4_096;

impl Api {
    /// The API behind a door.
    pub fn new(door: Arc<dyn Door>, kubernetes_version: String, address: String) -> Api {
        Api { door, pages: Arc::default(), watches: Arc::default(), kubernetes_version, address }
    }

    /// Answers one request.
    pub async fn handle(&self, call: Call) -> Answer {
        route::route(self, call).await.unwrap_or_else(|status| Answer::status(&status))
    }

    fn remember(&self, world: &Arc<World>) {
        let mut pages = self.pages.lock().expect("no one panics with the pages");
        pages.insert(world.revision, world.clone());
        while pages.len() > PAGES_LIMIT {
            pages.pop_first();
        }
    }
    fn recall(&self, revision: u64) -> Option<Arc<World>> {
        self.pages.lock().expect("no one panics with the pages").get(&revision).cloned()
    }
}

type Result<T> = std::result::Result<T, Status>;
