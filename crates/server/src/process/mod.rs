//! The live process, put together: data directory, cells, listeners; and taken apart again.
//!
//! Ready means: both APIs answer and the first pool's nodes are Ready.

mod account;
mod directory;
mod handlers;

pub use account::{Entry, FIRST, FIRST_SUBSCRIPTION, entries, env, first_documents, key as cluster_key};

use crate::clock;
use crate::config::{DataLock, LockError, Paths, ServerConfig};
use crate::credentials::{Credentials, Realm};
use crate::driver::OpenCell;
use crate::http::{Edge, serve};
use crate::tls::{Authority, LeafResolver, keep_fresh, server_config};
use directory::{ArmDirectory, Cells};
use handlers::ArmHandler;
use nodelane_control::Door;
use nodelane_engine::Env;
use nodelane_model::Origin;
use nodelane_server_arm::Arm;
use nodelane_sim::BootProfile;
use nodelane_world::World;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How long the first pool may take to be Ready again after a start.
const READY_LIMIT: Duration = Duration::from_secs(240);

/// What `up` was told.
#[derive(Clone, Debug)]
pub struct Options {
    /// The data directory.
    pub data_dir: PathBuf,
    /// Names of subscriptions; only the first start looks at them.
    pub subscriptions: Vec<String>,
    /// How long machines take.
    pub profile: BootProfile,
    /// What every cluster is run with.
    pub settings: Settings,
}

/// What was given for this run of the process; nothing of it is stored.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// How pods are placed.
    pub scheduler: Arc<nodelane_place::Config>,
    /// How pools are autoscaled where their cluster does not say.
    pub autoscaler: nodelane_engine::autoscale::Strategy,
    /// A rule that is not enforced; only builds for testing the tests look at it.
    pub rule_off: nodelane_model::Name,
}

/// Where a cluster is.
#[derive(Clone, Debug)]
pub struct ClusterFacts {
    /// Subscription id.
    pub subscription: String,
    /// Resource group.
    pub resource_group: String,
    /// Name.
    pub name: String,
    /// Names its token file.
    pub key: String,
    /// `https://127.0.0.1:port`
    pub url: String,
}

/// What runs where.
#[derive(Clone, Debug)]
pub struct Ready {
    /// `https://127.0.0.1:port` of ARM.
    pub arm_url: String,
    /// The clusters.
    pub clusters: Vec<ClusterFacts>,
    /// Nodes that are Ready, over all clusters.
    pub nodes: usize,
}

/// Why the process does not run.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// Another process serves the directory.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Anything else, as a sentence.
    #[error("{0}")]
    Other(String),
}

fn other(error: impl std::fmt::Display) -> Failed {
    Failed::Other(error.to_string())
}

/// Runs until a signal says to stop; `ready` is called once when everything is.
pub async fn run(options: Options, ready: impl FnOnce(&Ready)) -> Result<(), Failed> {
    let paths = Paths::new(&options.data_dir);
    paths.prepare().map_err(other)?;
    let lock = DataLock::acquire(&paths)?;
    crate::files::private_dir(&account::cells_dir(&paths)).map_err(other)?;
    let now = clock::unix_seconds();
    let mut config = ServerConfig::open(&paths).map_err(other)?;
    let credentials = Arc::new(Credentials::open(&paths, &config.installation, &[]).map_err(other)?);
    let resolver = Arc::new(LeafResolver::new(Authority::open(&paths, now).map_err(other)?, now).map_err(other)?);
    let arm_listener = config.bind_arm(&paths).map_err(other)?;
    let arm_port = arm_listener.local_addr().map_err(other)?.port();
    let (stop, shutdown) = watch::channel(false);
    let file = account::cells_dir(&paths).join("account.db");
    let account =
        OpenCell::open(&file, nodelane_model::hash::Hash::new(0).text(&config.installation.installation_id).get()).map_err(other)?;
    let first = account.world.is_empty();
    let account = Arc::new(account.start(Env::default(), BootProfile::Instant));
    if first {
        for change in account::first_documents(&options.subscriptions) {
            account.submit(change, Origin::default()).await.map_err(other)?;
        }
    }
    let cells = Cells::new(
        paths,
        lock,
        config,
        credentials.clone(),
        resolver.clone(),
        shutdown.clone(),
        options.profile,
        account,
        options.settings,
    );
    cells.serve_all(first).await.map_err(Failed::Other)?;
    let tenant = cells.config.lock().expect("no one panics with it").installation.tenant_id.clone();
    let arm = Arm::new(Arc::new(ArmDirectory(cells.clone())), &tenant, options.profile == BootProfile::Azure);
    let handler = Arc::new(ArmHandler { arm });
    let edge = Arc::new(Edge::new(Realm::Arm, credentials, cells.limits.clone(), shutdown.clone(), handler));
    let tls = server_config(resolver.clone());
    let arm = tokio::spawn(serve(arm_listener, tls, edge));
    tokio::spawn(keep_fresh(resolver, shutdown));
    let facts = wait_until_ready(&cells, arm_port).await?;
    cells.announce().map_err(other)?;
    ready(&facts);
    wait_for_a_signal().await.map_err(other)?;
    stop.send_replace(true);
    let _ = arm.await;
    tokio::task::spawn_blocking(move || cells.close()).await.map_err(other)
}

/// Waits until the nodes of every first pool are Ready.
async fn wait_until_ready(cells: &Arc<Cells>, arm_port: u16) -> Result<Ready, Failed> {
    let directory = ArmDirectory(cells.clone());
    let waiting = async {
        let mut nodes = 0;
        for (_, door) in nodelane_server_arm::Directory::clusters(&directory) {
            loop {
                let world = door.world();
                if let Some(ready) = first_pool_ready(&world) {
                    nodes += ready;
                    break;
                }
                door.moved(world.revision).await;
            }
        }
        nodes
    };
    let nodes = tokio::time::timeout(READY_LIMIT, waiting)
        .await
        .map_err(|_| Failed::Other(format!("the first pool's nodes are not Ready after {} s", READY_LIMIT.as_secs())))?;
    let clusters = cells.addresses().into_iter().map(|(id, key, port)| ClusterFacts {
        subscription: id.group.subscription.to_string(),
        resource_group: id.group.group.to_string(),
        name: id.cluster.to_string(),
        key,
        url: format!("https://127.0.0.1:{port}"),
    });
    Ok(Ready { arm_url: format!("https://127.0.0.1:{arm_port}"), clusters: clusters.collect(), nodes })
}

/// How many nodes a cluster has, once those of its first system pool are Ready; a cluster without one, or stopped, has nothing to wait for.
fn first_pool_ready(world: &World) -> Option<usize> {
    use nodelane_model::pool::{Mode, Power};
    let nodes = || world.nodes().filter(|(_, row)| row.doc.as_node().is_some_and(|node| node.status.is_ready())).count();
    let first = world.pools().find(|(_, pool)| pool.spec.mode == Mode::System && pool.spec.power == Power::Running);
    let Some((doc, _)) = first else { return Some(nodes()) };
    let busy = world.cluster().is_none_or(|cluster| cluster.spec.power == Power::Stopped || cluster.state.operation.is_some());
    let ready = world
        .machines_of(&doc.key.name)
        .filter(|(_, machine)| machine.is_wanted())
        .all(|(machine, _)| world.node(&machine.key.name).is_some_and(|row| row.doc.as_node().is_some_and(|node| node.status.is_ready())));
    (busy || ready).then(nodes)
}

async fn wait_for_a_signal() -> std::io::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut hangup = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            // The terminal went away: a detached server stays.
            _ = hangup.recv() => {}
        }
    }
}
