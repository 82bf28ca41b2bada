//! What the shell around us says, read once: the only place of the command line that looks at environment variables.
//!
//! Invariants: `--data-dir` wins over everything; `ARM_METADATA_HOSTNAME` with its companions (the shell after
//! `eval "$(nodelane env)"`) wins over the data directory; a service principal of the real cloud, set for other tools,
//! is never sent anywhere because without `ARM_METADATA_HOSTNAME` its variables are not looked at.

use std::path::PathBuf;

use anyhow::{Context, Result};
use nodelane_server::config::Paths;

/// Where the server is and who we are, as far as the shell says.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The data directory.
    pub paths: Paths,
    /// The server of this shell, unless `--data-dir` chose another.
    pub server: Option<ShellServer>,
    /// ARM in this process, in place of a server's.
    pub inside: Option<crate::connection::Inside>,
}

/// What `nodelane env` exported.
#[derive(Clone, Debug)]
pub struct ShellServer {
    /// `ARM_METADATA_HOSTNAME`: `127.0.0.1:port`
    pub authority: String,
    /// `ARM_TENANT_ID`
    pub tenant_id: String,
    /// `ARM_CLIENT_ID`
    pub client_id: String,
    /// `ARM_CLIENT_SECRET`
    pub client_secret: String,
    /// `ARM_SUBSCRIPTION_ID`
    pub subscription: Option<String>,
    /// `SSL_CERT_FILE`
    pub ca_bundle: Option<PathBuf>,
}

#[allow(clippy::disallowed_methods, reason = "the one place of the command line that reads the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl Environment {
    /// Reads the variables. `data_dir` is the option of the command line.
    pub fn read(data_dir: Option<PathBuf>) -> Result<Self> {
        let server = if data_dir.is_some() { None } else { ShellServer::read() };
        let chosen = data_dir.or_else(|| variable("NODELANE_DATA_DIR").map(PathBuf::from));
        let root = match chosen {
            Some(chosen) => chosen,
            None => default_data_dir()?,
        };
        let root = std::path::absolute(&root).unwrap_or(root);
        Ok(Self { paths: Paths::new(root), server, inside: None })
    }
}

impl ShellServer {
    fn read() -> Option<Self> {
        Some(Self {
            authority: variable("ARM_METADATA_HOSTNAME")?,
            tenant_id: variable("ARM_TENANT_ID")?,
            client_id: variable("ARM_CLIENT_ID")?,
            client_secret: variable("ARM_CLIENT_SECRET")?,
            subscription: variable("ARM_SUBSCRIPTION_ID"),
            ca_bundle: variable("SSL_CERT_FILE").map(PathBuf::from),
        })
    }
}

/// `$XDG_DATA_HOME/nodelane`, else `~/.local/share/nodelane`.
fn default_data_dir() -> Result<PathBuf> {
    let base = variable("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || variable("HOME").map(|home| PathBuf::from(home).join(".local/share"));
    let base = base.or_else(home).context("there is no HOME: name a folder with --data-dir or NODELANE_DATA_DIR")?;
    Ok(base.join("nodelane"))
}

/// What `nodelane env` extends.
pub fn inherited() -> Result<crate::client_env::Inherited> {
    let no_proxy: Vec<String> = ["NO_PROXY", "no_proxy"].into_iter().filter_map(variable).collect();
    let exe = std::env::current_exe().context("the binary does not know where it is")?;
    Ok(crate::client_env::Inherited {
        path: variable("PATH").unwrap_or_default(),
        binary_dir: exe.parent().map(std::path::Path::to_path_buf).unwrap_or_default(),
        no_proxy: no_proxy.join(","),
        ca_bundle: variable("REQUESTS_CA_BUNDLE").or_else(|| variable("SSL_CERT_FILE")).map(PathBuf::from),
    })
}

/// The rule that a build for testing the tests does not enforce; other builds have none.
pub fn rule_off() -> String {
    if cfg!(feature = "rules-off") { variable("NODELANE_RULE_OFF").unwrap_or_default() } else { String::new() }
}
