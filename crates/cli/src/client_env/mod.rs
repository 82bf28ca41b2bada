//! The client side of a data directory: what makes the unmodified az, Terraform, SDKs and kubectl talk to it.
//!
//! Invariants: all files lie in the data directory's `client` folder, private to the owner; `~/.azure` and `~/.kube`
//! are not touched; TLS verification is never switched off; what the user chose there (default subscription, current
//! context, namespace, az settings) survives a second run.
//! Nothing is read from the environment here and no server is asked: the caller gathers both.

mod azure;
mod bundle;
mod kubeconfig;
mod shell;

pub use shell::Shell;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nodelane_server::config::{Installation, Paths};
use nodelane_server::files;

/// Hosts that must not be asked through a proxy.
const LOCAL_HOSTS: [&str; 2] = ["127.0.0.1", "localhost"];

/// A subscription that az shall list.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// Its GUID.
    pub id: String,
    /// Its display name.
    pub name: String,
}

/// A cluster that kubectl shall reach.
#[derive(Clone, Debug)]
pub struct ClusterAccess {
    /// Name of the context.
    pub name: String,
    /// `https://127.0.0.1:port`
    pub url: String,
    /// The file with the bearer token.
    pub token_file: PathBuf,
}

/// Everything that the files and variables are made of.
#[derive(Clone)]
pub struct ClientEnvironment {
    /// The data directory.
    pub paths: Paths,
    /// Tenant and client.
    pub installation: Installation,
    /// At least one; the first is the default until the user chooses another.
    pub subscriptions: Vec<Subscription>,
    /// `https://127.0.0.1:port`, without a slash at the end.
    pub arm_url: String,
    /// The first is the current context until the user chooses another.
    pub clusters: Vec<ClusterAccess>,
    /// Our authority's certificate, PEM.
    pub ca_pem: String,
    /// The service principal's secret.
    pub client_secret: String,
}

/// What the caller's own environment holds, as far as it is extended.
#[derive(Clone, Debug, Default)]
pub struct Inherited {
    /// `PATH`.
    pub path: String,
    /// The folder of this binary.
    pub binary_dir: PathBuf,
    /// `NO_PROXY` and `no_proxy`, joined by a comma.
    pub no_proxy: String,
    /// `REQUESTS_CA_BUNDLE` or else `SSL_CERT_FILE`: a company's own roots stay trusted.
    pub ca_bundle: Option<PathBuf>,
}

impl ClientEnvironment {
    /// The private `AZURE_CONFIG_DIR`.
    pub fn azure_config_dir(&self) -> PathBuf {
        self.paths.client_dir().join("azure")
    }

    /// The kubeconfig with all clusters.
    pub fn kubeconfig(&self) -> PathBuf {
        self.paths.client_dir().join("kubeconfig")
    }

    /// Public roots and our authority.
    pub fn ca_bundle(&self) -> PathBuf {
        self.paths.client_dir().join(bundle::FILE_NAME)
    }

    /// Writes all files. Running it again with the same input changes nothing.
    pub fn write(&self, inherited: &Inherited) -> Result<()> {
        self.paths.prepare()?;
        azure::write(self)?;
        bundle::write(self, inherited.ca_bundle.as_deref())?;
        kubeconfig::write(self)
    }

    /// The commands that make a shell use these files; to be evaluated by it.
    pub fn exports(&self, shell: Shell, inherited: &Inherited) -> Result<String> {
        let mut lines = shell.assignments(&self.variables(inherited)?);
        let binary_dir = text(&inherited.binary_dir)?;
        if inherited.path.split(':').next() != Some(binary_dir) {
            lines.push_str(&shell.path_in_front(binary_dir));
        }
        Ok(lines)
    }

    fn variables(&self, inherited: &Inherited) -> Result<Vec<(&'static str, String)>> {
        let file = |path: PathBuf| text(&path).map(str::to_owned);
        let bundle = file(self.ca_bundle())?;
        let subscription = azure::default_subscription(self)?;
        let authority = self.arm_url.strip_prefix("https://").context("the ARM address is not https")?;
        let no_proxy = no_proxy(&inherited.no_proxy);
        Ok(vec![
            ("AZURE_CONFIG_DIR", file(self.azure_config_dir())?),
            ("REQUESTS_CA_BUNDLE", bundle.clone()),
            ("SSL_CERT_FILE", bundle),
            ("KUBECONFIG", file(self.kubeconfig())?),
            ("ARM_METADATA_HOSTNAME", authority.to_owned()),
            ("ARM_SUBSCRIPTION_ID", subscription),
            ("ARM_TENANT_ID", self.installation.tenant_id.clone()),
            ("ARM_CLIENT_ID", self.installation.client_id.clone()),
            ("ARM_CLIENT_SECRET", self.client_secret.clone()),
            ("ARM_RESOURCE_PROVIDER_REGISTRATIONS", "none".to_owned()),
            ("NODELANE_DATA_DIR", file(self.paths.root().to_path_buf())?),
            ("NO_PROXY", no_proxy.clone()),
            ("no_proxy", no_proxy),
        ])
    }
}

/// The existing hosts, each once, and ours behind.
fn no_proxy(existing: &str) -> String {
    let mut hosts: Vec<&str> = Vec::new();
    for host in existing.split(',').map(str::trim).chain(LOCAL_HOSTS) {
        if !host.is_empty() && !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    hosts.join(",")
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is not UTF-8 and cannot be exported", path.display()))
}

fn write_private(path: &Path, contents: &str) -> Result<()> {
    Ok(files::write_atomic(path, contents.as_bytes(), files::PRIVATE)?)
}

#[cfg(test)]
mod tests;
