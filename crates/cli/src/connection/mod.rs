//! The way to a running server: its address, its authority, and our credentials.
//!
//! Invariants: only addresses of this machine are talked to; secrets come from files of mode 0600 or the shell; no
//! other files are read than those of the question, because a command has 20 ms.

mod arm;
mod http;
mod inside;
mod operation;
mod progress;

pub use arm::{API_VERSION, Arm, encoded};
pub use http::{Answer, Http, Identity};
pub use inside::Inside;
pub use operation::{Outcome, Running};
pub use progress::Progress;

use std::path::Path;

use ::http::uri::Authority;
use nodelane_server::config::{ClusterAddress, Holder, Paths, RunState, ServerConfig, run_state};
use nodelane_server::files;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::az::Failure;
use crate::environment::{Environment, ShellServer};

/// A server and what is needed to be let in.
#[derive(Clone, Debug)]
pub struct Connection {
    /// `127.0.0.1:port` of ARM.
    pub authority: String,
    /// Our tenant.
    pub tenant_id: String,
    /// Our application id.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// The subscription of the shell, if it has one.
    pub subscription: Option<String>,
    /// Who may vouch for the server.
    pub roots: Vec<CertificateDer<'static>>,
    /// The data directory.
    pub paths: Paths,
}

/// A cluster's Kubernetes endpoint.
#[derive(Clone, Debug)]
pub struct ClusterConnection {
    /// `127.0.0.1:port`
    pub authority: String,
    /// The bearer token of its kubeconfig.
    pub token: String,
    /// Who may vouch for the server.
    pub roots: Vec<CertificateDer<'static>>,
}

impl Connection {
    /// Finds the server of this shell, else the one that serves the data directory.
    pub fn find(environment: &Environment) -> Result<Self, Failure> {
        match &environment.server {
            Some(server) => Self::of_shell(server, &environment.paths),
            None => Self::of_data_dir(&environment.paths),
        }
    }

    fn of_shell(server: &ShellServer, paths: &Paths) -> Result<Self, Failure> {
        if !is_loopback(&server.authority) {
            return Err(Failure::refused(format!(
                "ARM_METADATA_HOSTNAME is {}, and nodelane talks to servers of this machine only: \
                 unset it, or name a data directory with --data-dir",
                server.authority
            )));
        }
        Ok(Self {
            authority: server.authority.clone(),
            tenant_id: server.tenant_id.clone(),
            client_id: server.client_id.clone(),
            client_secret: server.client_secret.clone(),
            subscription: server.subscription.clone(),
            roots: certificates(server.ca_bundle.as_deref().unwrap_or(&paths.ca_certificate()))?,
            paths: paths.clone(),
        })
    }

    fn of_data_dir(paths: &Paths) -> Result<Self, Failure> {
        let holder = holder(paths)?;
        let text = files::read_if_present(&paths.server_config()).map_err(unreadable)?.unwrap_or_default();
        let config: ServerConfig = serde_json::from_str(&text)
            .map_err(|error| Failure::refused(format!("{} is damaged: {error}", paths.server_config().display())))?;
        let secret = files::read_private(&paths.client_secret()).map_err(unreadable)?;
        Ok(Self {
            authority: format!("127.0.0.1:{}", holder.arm_port),
            tenant_id: config.installation.tenant_id,
            client_id: config.installation.client_id,
            client_secret: secret.ok_or_else(|| missing(&paths.client_secret()))?.trim().to_owned(),
            subscription: None,
            roots: certificates(&paths.ca_certificate())?,
            paths: paths.clone(),
        })
    }
}

impl ClusterConnection {
    /// The cluster of that name (`dev`, or its whole key), or the first one.
    pub fn find(environment: &Environment, name: Option<&str>) -> Result<Self, Failure> {
        let paths = &environment.paths;
        let holder = holder(paths)?;
        let cluster = chosen(&holder.clusters, name)?;
        let token = files::read_private(&paths.cluster_token(&cluster.name)).map_err(unreadable)?;
        Ok(Self {
            authority: format!("127.0.0.1:{}", cluster.port),
            token: token.ok_or_else(|| missing(&paths.cluster_token(&cluster.name)))?.trim().to_owned(),
            roots: certificates(&paths.ca_certificate())?,
        })
    }
}

fn chosen<'a>(clusters: &'a [ClusterAddress], name: Option<&str>) -> Result<&'a ClusterAddress, Failure> {
    let Some(name) = name else {
        return clusters.first().ok_or_else(|| Failure::not_found("the server has no cluster"));
    };
    let is_exact = |cluster: &&ClusterAddress| cluster.name == name;
    let ends_so = |cluster: &&ClusterAddress| cluster.name.rsplit(['.', '_']).next() == Some(name);
    clusters.iter().find(is_exact).or_else(|| clusters.iter().find(ends_so)).ok_or_else(|| {
        let known: Vec<_> = clusters.iter().map(|cluster| cluster.name.as_str()).collect();
        Failure::not_found(format!("there is no cluster {name}; there are: {}", known.join(", ")))
    })
}

/// Who serves the data directory; exit code 3 when nobody does.
pub fn holder(paths: &Paths) -> Result<Holder, Failure> {
    let folder = paths.root().display();
    match run_state(paths).map_err(unreadable)? {
        RunState::Running(holder) => Ok(holder),
        RunState::Starting => Err(Failure::not_found(format!("the server on {folder} is just starting: try again"))),
        RunState::Stopped => Err(Failure::not_found(format!("no server runs on {folder}: start one with `nodelane up`"))),
    }
}

fn is_loopback(authority: &str) -> bool {
    let host = authority.parse::<Authority>().map(|authority| authority.host().to_owned()).unwrap_or_default();
    host == "localhost" || host == "[::1]" || host.starts_with("127.")
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let unreadable = |error| Failure::refused(format!("cannot read certificates of {}: {error}", path.display()));
    let found: Vec<_> = CertificateDer::pem_file_iter(path).map_err(unreadable)?.filter_map(Result::ok).collect();
    if found.is_empty() {
        return Err(Failure::refused(format!("there is no certificate in {}", path.display())));
    }
    Ok(found)
}

fn unreadable(error: impl std::fmt::Display) -> Failure {
    Failure::refused(error.to_string())
}

fn missing(path: &Path) -> Failure {
    Failure::refused(format!("{} is missing: start the server again with `nodelane up`", path.display()))
}
