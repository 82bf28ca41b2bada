//! Where a question's world comes from: the running server, a kubeconfig, or a dump; and the pools beside it.
//!
//! The same flags for every command that answers questions. What is read becomes one snapshot at the time of asking. Lists are read in
//! pages; Secrets are never asked for and never looked at. Nothing is written anywhere.

use std::io::Read;
use std::path::{Path, PathBuf};

use ::http::{Method, StatusCode, Uri};
use nodelane_model::{Name, Time};
use nodelane_review::{Means, Usage};
use nodelane_server::clock;
use nodelane_sources::kubeconfig::{self, Material};
use nodelane_sources::{LISTS, OWN_LISTS, Objects, kubernetes_version, read_dump};
use nodelane_world::Snapshot;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value as Json;

use crate::az::Failure;
use crate::connection::{Arm, ClusterConnection, Connection, Http, Identity};
use crate::environment::Environment;
use crate::scheduler::Scheduler;

/// Objects of one page: 500 pods of 16 KiB are 8 MiB, half of what an answer may have.
const PAGE: usize = 500;
/// A dump or list of pools is at most this: 150,000 pods of 14 KiB, as 10,000 nodes of 15 pods hold them.
const FILE_BYTES: u64 = 2 << 30;

/// Flags that choose the world.
#[derive(Debug, clap::Args)]
pub struct Source {
    #[command(flatten)]
    elsewhere: Elsewhere,
    /// Which cluster of the running server [default: the first].
    #[arg(long, value_name = "NAME", conflicts_with_all = ["kubeconfig", "dump"])]
    cluster: Option<String>,
    #[command(flatten)]
    scheduler: Scheduler,
}

/// Flags that choose a cluster of another kind than our server's.
#[derive(Clone, Debug, clap::Args)]
pub struct Elsewhere {
    /// Ask the cluster of this kubeconfig in place of the running server's.
    #[arg(long, value_name = "FILE", conflicts_with = "dump")]
    kubeconfig: Option<PathBuf>,
    /// Which context of the kubeconfig [default: its current one].
    #[arg(long, value_name = "NAME", requires = "kubeconfig")]
    context: Option<String>,
    /// Read what `kubectl get nodes,pods,pdb,pv,pvc,sc,ns,deploy,rs,sts,ds,jobs -A -o json` printed; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    dump: Option<PathBuf>,
    /// Read the pools' limits from what `az aks nodepool list -o json` printed; without it pools are what nodes are labelled with.
    #[arg(long, value_name = "FILE")]
    pools: Option<PathBuf>,
}

impl Source {
    /// Reads the world.
    pub async fn read(&self, environment: &Environment) -> Result<(Snapshot, Means), Failure> {
        let config = self.scheduler.config().map_err(|error| Failure::refused(format!("{error:#}")))?;
        let (mut means, mut control_plane) = (Means::default(), None);
        let mut objects = match self.elsewhere.objects().await? {
            Some((objects, release)) => {
                control_plane = release;
                objects
            }
            None => {
                let cluster = ClusterConnection::find(environment, self.cluster.as_deref())?;
                let mut http = Http::new(&cluster.authority, &cluster.roots)?;
                http.authorize(&cluster.token)?;
                means.usage = Some(usage(environment).await?);
                lists(&mut http, "").await?
            }
        };
        self.elsewhere.complete(&mut objects)?;
        let world = objects.into_world();
        let found = control_plane.map(Name::from).or_else(|| kubernetes_version(&world));
        means.scheduler = self.scheduler.released(&config, found.as_deref());
        Ok((Snapshot { world, now: clock::now(Time(0)) }, means))
    }
}

impl Elsewhere {
    /// The objects, and the version that the control plane says it has; `None` where no flag chose a cluster.
    pub async fn objects(&self) -> Result<Option<(Objects, Option<String>)>, Failure> {
        match (&self.dump, &self.kubeconfig) {
            (Some(path), _) => Ok(Some((read_dump(&bytes(path)?).map_err(|error| in_file(path, error))?, None))),
            (None, Some(path)) => {
                let (mut http, prefix) = open(path, self.context.as_deref())?;
                let release = release(&mut http, &prefix).await?;
                Ok(Some((lists(&mut http, &prefix).await?, release)))
            }
            (None, None) => Ok(None),
        }
    }
    /// Gives objects their pools.
    pub fn complete(&self, objects: &mut Objects) -> Result<(), Failure> {
        if let Some(path) = &self.pools {
            objects.add_pools(&bytes(path)?).map_err(|error| in_file(path, error))?;
        }
        objects.complete_pools();
        Ok(())
    }
}

fn in_file(path: &Path, error: impl std::fmt::Display) -> Failure {
    Failure::refused(format!("{}: {error}", path.display()))
}

fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = match path.to_str() {
        Some("-") => std::io::stdin().lock().take(FILE_BYTES).read_to_end(&mut bytes),
        _ => std::fs::File::open(path).and_then(|file| file.take(FILE_BYTES).read_to_end(&mut bytes)),
    };
    read.map_err(|error| in_file(path, error))?;
    if bytes.len() as u64 == FILE_BYTES {
        return Err(in_file(path, "it is larger than 2 GiB"));
    }
    Ok(bytes)
}

/// Quotas of the subscription and what is used of them.
async fn usage(environment: &Environment) -> Result<Usage, Failure> {
    let connection = Connection::find(environment)?;
    let mut arm = Arm::open(&connection, None).await?;
    let path = arm.path(crate::quota::DOCUMENT);
    let mut document: Json = arm.get(&path).await?.read()?;
    let mut properties = document["properties"].take();
    let unreadable = |error: serde_json::Error| Failure::refused(format!("the server's quotas are not what was expected: {error}"));
    let used = properties.as_object_mut().and_then(|fields| fields.remove("usage")).unwrap_or_else(|| serde_json::json!({}));
    Ok(Usage { used: serde_json::from_value(used).map_err(unreadable)?, quotas: serde_json::from_value(properties).map_err(unreadable)? })
}

/// A connection to the server of a kubeconfig, with the path that its address has.
fn open(path: &Path, context: Option<&str>) -> Result<(Http, String), Failure> {
    let config: Json = serde_yaml_ng::from_slice(&bytes(path)?).map_err(|error| in_file(path, error))?;
    let access = kubeconfig::read(&config, context).map_err(|error| in_file(path, error))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let material = |material: &Material| match material {
        Material::Inline(bytes) => Ok(bytes.clone()),
        Material::File(name) => bytes(&folder.join(name)),
    };
    let authority = access.authority.as_ref().ok_or_else(|| in_file(path, "its cluster names no certificate authority"))?;
    let certificates =
        |pem: &[u8]| CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>().map_err(|error| in_file(path, error));
    let roots = certificates(&material(authority)?)?;
    let identity = match &access.certificate {
        None => None,
        Some((certificate, key)) => Some(Identity {
            certificates: certificates(&material(certificate)?)?,
            key: PrivateKeyDer::from_pem_slice(&material(key)?).map_err(|error| in_file(path, error))?,
        }),
    };
    let server: Uri = access.server.parse().map_err(|error| in_file(path, error))?;
    let host = server.authority().map(ToString::to_string).unwrap_or_default();
    let host = if server.port().is_some() { host } else { format!("{host}:443") };
    let mut http = Http::with_identity(&host, &roots, identity)?;
    if let Some(token) = &access.token {
        http.authorize(String::from_utf8_lossy(&material(token)?).trim())?;
    }
    Ok((http, server.path().trim_end_matches('/').to_owned()))
}

/// The version of the control plane, where the server says it.
async fn release(http: &mut Http, prefix: &str) -> Result<Option<String>, Failure> {
    let answer = http.send(&Method::GET, &format!("{prefix}/version"), &[], None).await?;
    let said: Json = answer.read().unwrap_or_default();
    Ok(said["gitVersion"].as_str().map(str::to_owned))
}

/// Every list that a cluster has of those that are of use.
async fn lists(http: &mut Http, prefix: &str) -> Result<Objects, Failure> {
    let mut objects = Objects::default();
    let unreadable = |error: nodelane_sources::Unreadable| Failure::refused(error.to_string());
    for path in LISTS {
        for page in pages(http, &format!("{prefix}{path}")).await? {
            objects.add(page).map_err(unreadable)?;
        }
    }
    for (path, kind) in OWN_LISTS {
        for mut page in pages(http, &format!("{prefix}{path}")).await? {
            objects.add_own(kind, &mut page).map_err(unreadable)?;
        }
    }
    Ok(objects)
}

/// The pages of a list; none where the server has no such kind.
async fn pages(http: &mut Http, path: &str) -> Result<Vec<Json>, Failure> {
    let (mut pages, mut more) = (Vec::new(), String::new());
    loop {
        let answer = http.send(&Method::GET, &format!("{path}?limit={PAGE}{more}"), &[], None).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(Vec::new());
        }
        let page: Json = answer.read()?;
        if !answer.status.is_success() {
            let message = page["message"].as_str().unwrap_or("the cluster refused");
            return Err(Failure::refused(format!("{path}: {message}")));
        }
        let token = page["metadata"]["continue"].as_str().unwrap_or_default();
        more = if token.is_empty() { String::new() } else { format!("&continue={}", crate::connection::encoded(token)) };
        pages.push(page);
        if more.is_empty() {
            return Ok(pages);
        }
    }
}
