//! Our server in a private folder, as the figures need it: started, fed, weighed, stopped.
//!
//! The folder lies under the build folder, so that the data is on a real disk and not on memory. Memory and
//! processor time are read from /proc, so this file works on Linux only. The server is stopped by
//! `nodelane down`, or killed by its own pid; nothing is looked up by name.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::peers::target;

/// A running server of ours.
pub struct Server {
    folder: PathBuf,
}

impl Server {
    /// An empty data folder; nothing runs yet.
    pub fn prepare() -> Result<Server> {
        let stamp = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_nanos();
        let folder = target().join("bench").join(format!("{}-{stamp}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        Ok(Server { folder })
    }

    /// `up` returns when both APIs answer and the first pool's nodes are Ready.
    pub fn up(&self) -> Result<()> {
        self.nodelane(&["up", "--detach", "--boot-profile", "instant"]).map(drop)
    }

    /// A command line of ours against this server; its standard output.
    pub fn nodelane(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(target().join("release/nodelane"));
        command.args(arguments).env("NODELANE_DATA_DIR", &self.folder);
        output(&mut command)
    }

    /// A verb on a pool of the first cluster.
    pub fn pool(&self, verb: &str, more: &[&str]) -> Result<String> {
        let place = ["nodepool", verb, "-g", "lanes", "--cluster-name", "dev"];
        self.nodelane(&[&place, more].concat())
    }

    fn status(&self) -> Result<Value> {
        Ok(serde_json::from_str(&self.nodelane(&["status", "-o", "json"])?)?)
    }

    /// Process id of the server.
    pub fn pid(&self) -> Result<u32> {
        let pid = self.status()?["pid"].as_u64().context("status names the pid")?;
        Ok(u32::try_from(pid)?)
    }

    /// The load tool against the Kubernetes API of the first cluster, ready to run.
    pub fn kperf(&self, arguments: &[&str]) -> Result<Command> {
        let status = self.status()?;
        let cluster = &status["clusters"][0];
        let url = cluster["url"].as_str().context("status names the cluster's url")?;
        let token_file = cluster["tokenFile"].as_str().context("status names the token file")?;
        let token = std::fs::read_to_string(token_file)?;
        let mut command = Command::new(target().join("peers/bin/kperf"));
        command.args(["-s", url, "-t", token.trim()]).args(arguments);
        Ok(command)
    }

    /// Ends the server at once, as a power cut would.
    pub fn kill(&self) -> Result<()> {
        let pid = self.pid()?;
        output(Command::new("kill").arg("-9").arg(pid.to_string()))?;
        while Path::new(&format!("/proc/{pid}")).exists() {
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Best effort: a server that never started has nothing to end.
        let _ = self.nodelane(&["down"]);
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Runs a command to its end; its standard output, or an error with what it said.
pub fn output(command: &mut Command) -> Result<String> {
    let done = command.stdin(Stdio::null()).output().with_context(|| format!("starting {:?}", command.get_program()))?;
    if !done.status.success() {
        bail!("{command:?} ended with {}: {}", done.status, String::from_utf8_lossy(&done.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

/// Resident memory of a process in MiB: (now, most ever).
pub fn memory_mib(pid: u32) -> Result<(f64, f64)> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let field = |name: &str| -> Option<f64> {
        let line = status.lines().find_map(|l| l.strip_prefix(name))?;
        Some(line.trim().trim_end_matches(" kB").parse::<f64>().ok()? / 1024.0)
    };
    field("VmRSS:").zip(field("VmHWM:")).context("the process has memory")
}

/// Processor use of processes over ten seconds, in percent of one core.
pub fn idle_percent_of_a_core(pids: &[u32]) -> Result<f64> {
    let ticks = || -> Result<f64> {
        let mut sum = 0.0;
        for pid in pids {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
            let after_name = stat.rsplit_once(") ").context("stat has a name")?.1;
            let fields: Vec<&str> = after_name.split(' ').collect();
            sum += fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
        }
        Ok(sum)
    };
    let before = ticks()?;
    std::thread::sleep(Duration::from_secs(10));
    // 100 ticks a second over 10 s: a thousand ticks are a whole core, ten are one percent.
    Ok((ticks()? - before) / 10.0)
}

/// Type of the file system under our data.
pub fn file_system() -> Result<String> {
    std::fs::create_dir_all(target())?;
    Ok(output(Command::new("stat").args(["-f", "-c", "%T"]).arg(target()))?.trim().to_owned())
}
