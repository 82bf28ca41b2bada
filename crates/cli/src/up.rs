//! `nodelane up`: runs the server, in the foreground or detached.
//!
//! Detached, the server is a process of its own group that holds none of its caller's streams; the caller waits until both APIs answer
//! and the first pool's nodes are Ready, or says why they are not.

use crate::{look, scheduler};
use anyhow::{Context, Result, bail};
use clap::Args;
use nodelane_engine::autoscale::Strategy;
use nodelane_server::BootProfile;
use nodelane_server::config::{Paths, RunState, run_state};
use nodelane_server::process::{Failed, Options, Ready, Settings, run};
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// Options of `up`.
#[derive(Args, Debug)]
pub struct Up {
    /// Return when everything is ready, and leave the server running
    #[arg(long)]
    detach: bool,
    /// How long machines take: instant, fast (6 to 10 seconds) or azure (90 to 180 seconds)
    #[arg(long, value_enum, default_value = "fast")]
    boot_profile: Profile,
    /// Names of subscriptions, the first being the default; only the first start looks at them
    #[arg(long, value_delimiter = ',', default_value = "local")]
    subscriptions: Vec<String>,
    /// A KubeSchedulerConfiguration, YAML or JSON, by which pods are placed while this server runs; it is not kept for the next `up`
    #[arg(long, value_name = "FILE")]
    scheduler_config: Option<PathBuf>,
    /// How pools are autoscaled where a cluster has no tag nodelane-autoscaler: aks, as AKS does, or better; it is not kept for the next `up`
    #[arg(long, value_enum, default_value = "aks")]
    autoscaler: Autoscaler,
}

/// How pools are autoscaled.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Autoscaler {
    Aks,
    Better,
}

impl Autoscaler {
    fn strategy(self) -> Strategy {
        match self {
            Autoscaler::Aks => Strategy::Aks,
            Autoscaler::Better => Strategy::Better,
        }
    }
}

/// How long machines take.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Profile {
    Instant,
    Fast,
    Azure,
}

impl Profile {
    fn as_str(self) -> &'static str {
        match self {
            Profile::Instant => "instant",
            Profile::Fast => "fast",
            Profile::Azure => "azure",
        }
    }
}

/// How long a detached server may take to be ready: a little more than the server itself gives it.
const DETACH_LIMIT: Duration = Duration::from_secs(250);
/// A killed process of some GiB is gone within a second.
const LINGER_LIMIT: Duration = Duration::from_secs(1);

/// Runs the verb.
pub fn run_verb(up: &Up, paths: &Paths) -> Result<ExitCode> {
    let scheduler = up.scheduler_config.as_deref().map_or(Ok(Arc::default()), scheduler::read_config)?;
    if up.detach {
        return detach(up, paths);
    }
    let profile = match up.boot_profile {
        Profile::Instant => BootProfile::Instant,
        Profile::Fast => BootProfile::Fast,
        Profile::Azure => BootProfile::Azure,
    };
    let options = Options {
        data_dir: paths.root().to_path_buf(),
        subscriptions: up.subscriptions.clone(),
        profile,
        settings: Settings { scheduler, autoscaler: up.autoscaler.strategy(), rule_off: crate::environment::rule_off().into() },
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    match runtime.block_on(run(options, |ready| print!("{}", welcome(ready, paths)))) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(Failed::Lock(error)) => {
            bail!("{error}. Stop it with `nodelane down`, or choose another folder with --data-dir")
        }
        Err(error) => Err(error.into()),
    }
}

/// What runs where, and what to type next.
fn welcome(ready: &Ready, paths: &Paths) -> String {
    let mut text = format!("nodelane is ready: {} nodes\n\n", ready.nodes);
    text += &format!("  data        {}\n  ARM         {}\n", paths.root().display(), ready.arm_url);
    for cluster in &ready.clusters {
        text += &format!("  Kubernetes  {}  ({} in {})\n", cluster.url, cluster.name, cluster.resource_group);
    }
    let (group, cluster) = ready.clusters.first().map_or(("lanes", "dev"), |first| (&first.resource_group, &first.name));
    text += &format!(
        "\nIn another shell:\n  eval \"$({} env)\"\n  az aks nodepool list -g {group} --cluster-name {cluster} -o table\n  kubectl get nodes\n",
        std::env::current_exe().map_or_else(|_| "nodelane".to_owned(), |exe| exe.display().to_string())
    );
    text
}

fn detach(up: &Up, paths: &Paths) -> Result<ExitCode> {
    if let RunState::Running(holder) = settled_state(paths)? {
        bail!(
            "the data directory {} is served by process {}, ARM at https://127.0.0.1:{}",
            paths.root().display(),
            holder.pid,
            holder.arm_port
        );
    }
    paths.prepare()?;
    let log = paths.root().join("server.log");
    let out = OpenOptions::new().create(true).append(true).mode(0o600).open(&log).with_context(|| log.display().to_string())?;
    let (errors, from) = (out.try_clone()?, out.metadata()?.len() as usize);
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("up");
    if let Some(file) = &up.scheduler_config {
        command.arg("--scheduler-config").arg(std::path::absolute(file)?);
    }
    let mut child = command
        .args(["--data-dir".as_ref(), paths.root().as_os_str()])
        .args(["--autoscaler", up.autoscaler.strategy().as_str()])
        .args(["--boot-profile", up.boot_profile.as_str(), "--subscriptions", &up.subscriptions.join(",")])
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(errors)
        .process_group(0)
        .spawn()?;
    let ready = look::until(DETACH_LIMIT, || {
        if let Some(status) = child.try_wait()? {
            bail!("the server ended with {status}: {}", last_lines(&log, from));
        }
        Ok(match run_state(paths)? {
            RunState::Running(holder) if holder.pid == child.id() => Some(()),
            _ => None,
        })
    })?;
    match ready {
        Some(()) => Ok(ExitCode::SUCCESS),
        None => bail!("the server (process {}) is not ready: {}", child.id(), last_lines(&log, from)),
    }
}

/// Whether someone serves the directory, after a moment: a process that was just killed holds its lock until its memory is given back.
fn settled_state(paths: &Paths) -> Result<RunState> {
    let stopped = look::until(LINGER_LIMIT, || run_state(paths).map(|state| (state == RunState::Stopped).then_some(state)))?;
    Ok(match stopped {
        Some(state) => state,
        None => run_state(paths)?,
    })
}

/// The end of what the log got since it had `from` bytes, for people.
fn last_lines(log: &Path, from: usize) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.get(from..).unwrap_or(&text).lines().rev().take(5).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}
