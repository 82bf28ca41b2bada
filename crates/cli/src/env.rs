//! `nodelane env`: makes az, kubectl, terraform and nodelane of a shell mean this server.
//!
//! Writes the client's files into the data directory and prints what the shell is to evaluate; the user's own `~/.azure` and `~/.kube`
//! are not touched.

use crate::client_env::{ClientEnvironment, ClusterAccess, Shell, Subscription};
use crate::environment::inherited;
use anyhow::{Context, Result, bail};
use clap::Args;
use nodelane_server::config::{Paths, RunState, ServerConfig, run_state};
use nodelane_server::files;
use std::process::ExitCode;

/// Options of `env`.
#[derive(Args, Debug)]
pub struct Env {
    /// The shell that is to evaluate the output: posix, fish or pwsh
    #[arg(long, value_enum, default_value = "posix")]
    shell: ShellName,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum ShellName {
    Posix,
    Fish,
    Pwsh,
}

/// Runs the verb.
pub fn run_verb(env: &Env, paths: &Paths) -> Result<ExitCode> {
    let inherited = inherited()?;
    let shell = match env.shell {
        ShellName::Posix => Shell::Posix,
        ShellName::Fish => Shell::Fish,
        ShellName::Pwsh => Shell::Pwsh,
    };
    let environment = of(paths)?;
    environment.write(&inherited)?;
    print!("{}", environment.exports(shell, &inherited)?);
    Ok(ExitCode::SUCCESS)
}

/// The client's side of a data directory that is served.
pub fn of(paths: &Paths) -> Result<ClientEnvironment> {
    let holder = match run_state(paths)? {
        RunState::Running(holder) => holder,
        _ => bail!("no server runs on {}: start one with nodelane up", paths.root().display()),
    };
    let config = ServerConfig::open(paths)?;
    let read = |path: std::path::PathBuf| files::read_private(&path)?.with_context(|| format!("{} is missing", path.display()));
    let clusters = holder.clusters.iter().map(|cluster| ClusterAccess {
        name: cluster.cluster.clone(),
        url: format!("https://127.0.0.1:{}", cluster.port),
        token_file: paths.cluster_token(&cluster.name),
    });
    Ok(ClientEnvironment {
        paths: paths.clone(),
        installation: config.installation.clone(),
        subscriptions: holder.subscriptions.iter().map(|(id, name)| Subscription { id: id.clone(), name: name.clone() }).collect(),
        arm_url: format!("https://127.0.0.1:{}", holder.arm_port),
        clusters: clusters.collect(),
        ca_pem: files::read_if_present(&paths.ca_certificate())?.context("ca.pem is missing")?,
        client_secret: read(paths.client_secret())?.trim().to_owned(),
    })
}
