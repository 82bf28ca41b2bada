//! `nodelane down` and `nodelane reset`: stops the server of a data directory; reset removes the directory too.
//!
//! The server is stopped by its process id and waited for, so that what follows finds the files closed. A folder that holds anything
//! that is not nodelane's is not removed.

use crate::look;
use anyhow::{Context, Result, bail};
use nodelane_server::config::{Paths, RunState, run_state};
use rustix::process::{Pid, Signal, kill_process};
use std::process::ExitCode;
use std::time::Duration;

/// How long a server may take to write what is queued and close.
const LIMIT: Duration = Duration::from_secs(30);

/// Stops the server; nothing is wrong where none runs.
pub fn down(paths: &Paths) -> Result<ExitCode> {
    let pid = match run_state(paths)? {
        RunState::Stopped => {
            println!("nothing runs on {}", paths.root().display());
            return Ok(ExitCode::SUCCESS);
        }
        RunState::Starting => bail!("a server is just starting on {}: try again in a moment", paths.root().display()),
        RunState::Running(holder) => holder.pid,
    };
    let process = i32::try_from(pid).ok().and_then(Pid::from_raw).context("the process id in running.json is no process id")?;
    kill_process(process, Signal::TERM).with_context(|| format!("process {pid} could not be stopped"))?;
    if look::until(LIMIT, || run_state(paths).map(|state| (state == RunState::Stopped).then_some(())))?.is_none() {
        bail!("process {pid} has not ended after {} s: look at {}/server.log", LIMIT.as_secs(), paths.root().display());
    }
    println!("stopped process {pid}");
    Ok(ExitCode::SUCCESS)
}

/// Files and folders that a data directory consists of; a folder with anything else in it is not removed.
const OURS: &[&str] =
    &["server.json", "lock", "running.json", "credentials.json", "ca.pem", "ca.key", "token.key", "client", "cells", "server.log"];

/// Stops the server and removes everything that it kept: pools, pods, keys, kubeconfigs.
pub fn reset(paths: &Paths) -> Result<ExitCode> {
    down(paths)?;
    let root = paths.root();
    if !root.exists() {
        return Ok(ExitCode::SUCCESS);
    }
    for entry in std::fs::read_dir(root)? {
        let name = entry?.file_name();
        if !OURS.iter().any(|ours| name == *ours) {
            bail!("{} holds {}, which is not nodelane's: nothing was removed", root.display(), name.display());
        }
    }
    std::fs::remove_dir_all(root).with_context(|| root.display().to_string())?;
    println!("removed {}", root.display());
    Ok(ExitCode::SUCCESS)
}
