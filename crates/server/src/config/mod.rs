//! The data directory: where everything lies, and what was chosen once and is kept.
//!
//! Invariants: the folder is 0700; ports and identifiers are chosen at the first start and never change
//! afterwards, because kubeconfigs, clouds and Terraform states of clients name them; no secret is in `server.json`
//! (hashes are in `credentials.json`, see `credentials`).
//! Environment variables and default folders are not read here: the command line decides.

mod lock;
mod ports;

pub use lock::{ClusterAddress, DataLock, Holder, LockError, RunState, run_state};

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::credentials::random_guid;
use crate::files::{self, FileError};

/// Version of `server.json` that this binary reads and writes.
const FORMAT: u32 = 1;
/// First port tried for ARM, and for Kubernetes: the customary ones.
const FIRST_ARM_PORT: u16 = 8443;
const FIRST_KUBERNETES_PORT: u16 = 6443;

/// Where things lie in a data directory.
#[derive(Clone, Debug)]
pub struct Paths {
    root: PathBuf,
}

impl Paths {
    /// The layout below `root`; touches nothing.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Creates the folders, private to the owner.
    pub fn prepare(&self) -> Result<(), FileError> {
        files::private_dir(&self.root)?;
        files::private_dir(&self.client_dir())
    }

    /// The data directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }
    /// Ports and identifiers.
    pub fn server_config(&self) -> PathBuf {
        self.root.join("server.json")
    }
    /// Locked while a process serves this directory.
    pub fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }
    /// Who serves it and where; meaningful only while the lock is held.
    pub fn running(&self) -> PathBuf {
        self.root.join("running.json")
    }
    /// Hashes of the secrets that clients present.
    pub fn credentials(&self) -> PathBuf {
        self.root.join("credentials.json")
    }
    /// The certificate of our own authority, PEM.
    pub fn ca_certificate(&self) -> PathBuf {
        self.root.join("ca.pem")
    }
    /// The key of our own authority, PEM, 0600.
    pub fn ca_key(&self) -> PathBuf {
        self.root.join("ca.key")
    }
    /// The key that signs access tokens, 0600.
    pub fn token_key(&self) -> PathBuf {
        self.root.join("token.key")
    }
    /// The clients' own copies of their secrets and settings; the server only writes here.
    pub fn client_dir(&self) -> PathBuf {
        self.root.join("client")
    }
    /// The service principal's secret, 0600.
    pub fn client_secret(&self) -> PathBuf {
        self.client_dir().join("service-principal.secret")
    }
    /// The bearer token of a cluster's kubeconfig, 0600.
    pub fn cluster_token(&self, cluster: &str) -> PathBuf {
        self.client_dir().join(format!("{cluster}.token"))
    }
}

/// The identifiers of one data directory, random GUIDs that are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installation {
    /// Names this data directory.
    pub installation_id: String,
    /// The Entra tenant that we play.
    pub tenant_id: String,
    /// The application (client) id of the one service principal.
    pub client_id: String,
    /// Its object id in the tenant.
    pub object_id: String,
}

/// What was chosen at the first start, as stored in `server.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerConfig {
    format: u32,
    /// The identifiers.
    #[serde(flatten)]
    pub installation: Installation,
    /// Port of the ARM endpoint, once bound.
    pub arm_port: Option<u16>,
    /// Port of each cluster's Kubernetes endpoint, once bound, by cluster.
    pub cluster_ports: BTreeMap<String, u16>,
}

/// Why there is no configuration or no listener.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Reading or writing failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file is not ours, or damaged.
    #[error("{}: {reason}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The system has no randomness.
    #[error("no randomness from the system: {0}")]
    Randomness(#[from] getrandom::Error),
    /// A port that clients already know is in use by another program.
    #[error("port {port} of {purpose} is not available: {source}; stop the program that holds it (`ss -ltnp`)")]
    Port {
        /// The kept port, or the first one tried.
        port: u16,
        /// Whose port: `ARM` or the cluster.
        purpose: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A cluster key that cannot name a file.
    #[error("{0:?} cannot name a cluster's files: use 1 to 128 of A-Z a-z 0-9 . _ - and no leading dot")]
    ClusterKey(String),
}

impl ServerConfig {
    /// Reads `server.json`, or chooses identifiers and writes it. Call with the lock held.
    pub fn open(paths: &Paths) -> Result<Self, ConfigError> {
        let path = paths.server_config();
        let Some(text) = files::read_if_present(&path)? else {
            let fresh = Self::choose()?;
            fresh.save(paths)?;
            return Ok(fresh);
        };
        let invalid = |reason: String| ConfigError::Invalid { path: path.clone(), reason };
        let config: Self = serde_json::from_str(&text).map_err(|error| invalid(error.to_string()))?;
        if config.format != FORMAT {
            return Err(invalid(format!(
                "it has data format {}, nodelane {} reads {FORMAT}: run the version that wrote it, or begin anew with another data directory (`--data-dir`)",
                config.format,
                env!("CARGO_PKG_VERSION")
            )));
        }
        Ok(config)
    }

    fn choose() -> Result<Self, getrandom::Error> {
        let installation = Installation {
            installation_id: random_guid()?,
            tenant_id: random_guid()?,
            client_id: random_guid()?,
            object_id: random_guid()?,
        };
        Ok(Self { format: FORMAT, installation, arm_port: None, cluster_ports: BTreeMap::new() })
    }

    /// Writes `server.json`.
    pub fn save(&self, paths: &Paths) -> Result<(), FileError> {
        let mut text = serde_json::to_string_pretty(self).expect("plain strings and numbers");
        text.push('\n');
        files::write_atomic(&paths.server_config(), text.as_bytes(), files::PRIVATE)
    }

    /// Binds the ARM endpoint on 127.0.0.1: the kept port, or the first free one, which is then kept.
    pub fn bind_arm(&mut self, paths: &Paths) -> Result<TcpListener, ConfigError> {
        let (listener, port) = ports::bind(self.arm_port, FIRST_ARM_PORT, "ARM")?;
        if self.arm_port.replace(port) != Some(port) {
            self.save(paths)?;
        }
        Ok(listener)
    }

    /// Binds a cluster's Kubernetes endpoint on 127.0.0.1, in the same way.
    pub fn bind_cluster(&mut self, paths: &Paths, cluster: &str) -> Result<TcpListener, ConfigError> {
        if !is_cluster_key(cluster) {
            return Err(ConfigError::ClusterKey(cluster.to_owned()));
        }
        let kept = self.cluster_ports.get(cluster).copied();
        let (listener, port) = ports::bind(kept, FIRST_KUBERNETES_PORT, cluster)?;
        if self.cluster_ports.insert(cluster.to_owned(), port) != Some(port) {
            self.save(paths)?;
        }
        Ok(listener)
    }
}

/// Whether a cluster's key can name files: 1 to 128 of `A-Z a-z 0-9 . _ -`, no leading dot.
pub fn is_cluster_key(key: &str) -> bool {
    (1..=128).contains(&key.len())
        && !key.starts_with('.')
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

#[cfg(test)]
mod tests;
