//! The cells of the data directory: the account's, one a cluster, and the listeners of the clusters.
//!
//! Cells are opened one at a time; a cluster's port and token are kept with the first opening and stay the same.
//! Not here: what a cell does.

use super::Settings;
use super::account::{self, Entry};
use super::handlers::KubernetesHandler;
use crate::clock;
use crate::config::{ClusterAddress, DataLock, Holder, Paths, ServerConfig};
use crate::credentials::{Credentials, Realm};
use crate::driver::{LiveCell, OpenCell, genesis};
use crate::http::{Edge, Limits, serve};
use crate::tls::{LeafResolver, server_config};
use nodelane_arm::ClusterId;
use nodelane_catalog::Catalog;
use nodelane_control::{Door, Later};
use nodelane_engine::admit::count_vcpus;
use nodelane_model::Time;
use nodelane_server_arm::Directory;
use nodelane_server_k8s::Api;
use nodelane_sim::BootProfile;
use nodelane_world::World;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// A cluster that is served.
struct Served {
    id: ClusterId,
    cell: Arc<LiveCell>,
    port: u16,
}

/// Everything that the listeners share.
pub struct Cells {
    pub(super) paths: Paths,
    pub(super) lock: DataLock,
    pub(super) config: Mutex<ServerConfig>,
    pub(super) credentials: Arc<Credentials>,
    pub(super) resolver: Arc<LeafResolver>,
    pub(super) limits: Arc<Limits>,
    pub(super) shutdown: watch::Receiver<bool>,
    pub(super) profile: BootProfile,
    pub(super) account: Arc<LiveCell>,
    settings: Settings,
    pub(super) runtime: tokio::runtime::Handle,
    served: Mutex<BTreeMap<String, Served>>,
    /// Opening is one at a time: two requests for one new cluster must not open its file twice.
    opening: tokio::sync::Mutex<()>,
}

impl Cells {
    #[allow(clippy::too_many_arguments)] // The parts of the process, each made once.
    pub(super) fn new(
        paths: Paths,
        lock: DataLock,
        config: ServerConfig,
        credentials: Arc<Credentials>,
        resolver: Arc<LeafResolver>,
        shutdown: watch::Receiver<bool>,
        profile: BootProfile,
        account: Arc<LiveCell>,
        settings: Settings,
    ) -> Arc<Cells> {
        Arc::new(Cells {
            paths,
            lock,
            config: Mutex::new(config),
            credentials,
            resolver,
            limits: Arc::default(),
            shutdown,
            profile,
            account,
            settings,
            runtime: tokio::runtime::Handle::current(),
            served: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
        })
    }

    /// What a cluster's cell is to know of the account.
    fn env(&self, entry: &Entry, used_elsewhere: &BTreeMap<nodelane_model::Name, u64>) -> nodelane_engine::Env {
        account::env(&self.account.world(), entry, used_elsewhere, &self.settings)
    }
    /// The file of a cell.
    fn file(&self, key: &str) -> PathBuf {
        account::cells_dir(&self.paths).join(format!("{key}.db"))
    }

    /// Serves every cluster that the account has an entry for; `first` founds the world of one that is new.
    pub(super) async fn serve_all(self: &Arc<Self>, first: bool) -> Result<(), String> {
        for entry in account::entries(&self.account.world()) {
            let founded = (first && entry.is_default).then(|| {
                let env = self.env(&entry, &BTreeMap::new());
                genesis::cluster(&entry, env, clock::now(Time(0)))
            });
            self.serve_cluster(&entry, founded.transpose()?).await?;
        }
        Ok(())
    }

    /// Opens a cluster's cell and its listener.
    async fn serve_cluster(self: &Arc<Self>, entry: &Entry, founded: Option<World>) -> Result<Arc<LiveCell>, String> {
        let _one_at_a_time = self.opening.lock().await;
        if let Some(served) = self.served.lock().expect("no one panics with it").get(&entry.key) {
            return Ok(served.cell.clone());
        }
        let (file, seed) = (self.file(&entry.key), entry.seed);
        let mut open = tokio::task::spawn_blocking(move || OpenCell::open(&file, seed))
            .await
            .map_err(|error| error.to_string())?
            .map_err(|error| error.to_string())?;
        if let Some(world) = founded.filter(|_| open.world.is_empty()) {
            open.found(world).map_err(|failure| failure.to_string())?;
        }
        let env = self.env(entry, &BTreeMap::new());
        let cell = Arc::new(open.start(env, self.profile));
        self.credentials.add_cluster(&entry.key).map_err(|error| error.to_string())?;
        let listener = {
            let mut config = self.config.lock().expect("no one panics with it");
            config.bind_cluster(&self.paths, &entry.key).map_err(|error| error.to_string())?
        };
        let port = listener.local_addr().map_err(|error| error.to_string())?.port();
        let version = Catalog::default().releases().last().map(|release| release.version.to_string()).unwrap_or_default();
        let api = Api::new(cell.clone(), version, format!("127.0.0.1:{port}"));
        let realm = Realm::Kubernetes(entry.key.clone());
        let handler = Arc::new(KubernetesHandler { api });
        let edge = Arc::new(Edge::new(realm, self.credentials.clone(), self.limits.clone(), self.shutdown.clone(), handler));
        let tls = server_config(self.resolver.clone());
        self.runtime.spawn(async move {
            if let Err(error) = serve(listener, tls, edge).await {
                eprintln!("nodelane: a Kubernetes listener ended: {error}");
            }
        });
        let served = Served { id: entry.id.clone(), cell: cell.clone(), port };
        self.served.lock().expect("no one panics with it").insert(entry.key.clone(), served);
        Ok(cell)
    }

    /// Tells others where this process listens.
    pub(super) fn announce(&self) -> Result<(), crate::files::FileError> {
        let arm_port = self.config.lock().expect("no one panics with it").arm_port.unwrap_or(0);
        let served = self.served.lock().expect("no one panics with it");
        let address = |(name, served): (&String, &Served)| ClusterAddress {
            name: name.clone(),
            port: served.port,
            subscription: served.id.group.subscription.to_string(),
            resource_group: served.id.group.group.to_string(),
            cluster: served.id.cluster.to_string(),
        };
        self.lock.announce(&Holder {
            pid: std::process::id(),
            started_unix_seconds: clock::unix_seconds(),
            arm_port,
            clusters: served.iter().map(address).collect(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            subscriptions: account::subscriptions(&self.account.world()),
        })
    }

    /// The address of every served cluster, in order: id, key, port.
    pub fn addresses(&self) -> Vec<(ClusterId, String, u16)> {
        let served = self.served.lock().expect("no one panics with it");
        served.iter().map(|(key, served)| (served.id.clone(), key.clone(), served.port)).collect()
    }

    /// Closes every cell; what was acknowledged is on the disk anyway, this makes the next start quick.
    pub(super) fn close(&self) {
        let served = std::mem::take(&mut *self.served.lock().expect("no one panics with it"));
        for served in served.into_values() {
            served.cell.stop();
        }
        self.account.stop();
    }

    fn find(&self, id: &ClusterId) -> Option<Arc<LiveCell>> {
        self.served.lock().expect("no one panics with it").get(&account::key(id)).map(|served| served.cell.clone())
    }
}

/// The directory as the ARM rooms see it.
pub struct ArmDirectory(pub Arc<Cells>);

impl Directory for ArmDirectory {
    fn account(&self) -> Arc<dyn Door> {
        self.0.account.clone()
    }
    fn cluster(&self, id: &ClusterId) -> Option<Arc<dyn Door>> {
        self.0.find(id).map(|cell| cell as Arc<dyn Door>)
    }
    fn clusters(&self) -> Vec<(ClusterId, Arc<dyn Door>)> {
        let served = self.0.served.lock().expect("no one panics with it");
        served.values().map(|served| (served.id.clone(), served.cell.clone() as Arc<dyn Door>)).collect()
    }
    fn open(&self, id: &ClusterId) -> Later<Result<Arc<dyn Door>, String>> {
        let (cells, id) = (self.0.clone(), id.clone());
        Box::pin(async move {
            let find = || account::entries(&cells.account.world()).into_iter().find(|entry| entry.key == account::key(&id));
            if find().is_none() {
                let made = cells.account.submit(account::entry(&id), nodelane_model::Origin::default()).await;
                made.map_err(|refusal| refusal.to_string())?;
            }
            let entry = find().ok_or("the account has no entry for this cluster")?;
            let cell = cells.serve_cluster(&entry, None).await?;
            cells.announce().map_err(|error| error.to_string())?;
            Ok(cell as Arc<dyn Door>)
        })
    }
    fn refresh(&self, id: &ClusterId) {
        let Some(cell) = self.0.find(id) else { return };
        let Some(entry) = account::entries(&self.0.account.world()).into_iter().find(|entry| entry.key == account::key(id)) else { return };
        let region = |world: &World| world.cluster().map(|cluster| cluster.spec.location.clone());
        let here = region(&cell.world());
        let mut used: BTreeMap<nodelane_model::Name, u64> = BTreeMap::new();
        let served = self.0.served.lock().expect("no one panics with it");
        for other in
            served.values().filter(|other| other.id.group.subscription == id.group.subscription && account::key(&other.id) != entry.key)
        {
            let world = other.cell.world();
            if region(&world) == here {
                count_vcpus(&world, &Catalog::default(), &mut used);
            }
        }
        drop(served);
        cell.set_env(self.0.env(&entry, &used));
    }
    fn address(&self, id: &ClusterId) -> Option<String> {
        let served = self.0.served.lock().expect("no one panics with it");
        served.get(&account::key(id)).map(|served| format!("127.0.0.1:{}", served.port))
    }
    fn kubeconfig(&self, id: &ClusterId) -> Option<String> {
        let key = account::key(id);
        let port = self.0.served.lock().expect("no one panics with it").get(&key)?.port;
        let token = crate::files::read_private(&self.0.paths.cluster_token(&key)).ok()??;
        Some(account::kubeconfig(&id.cluster, port, self.0.resolver.authority().pem(), token.trim()))
    }
}
