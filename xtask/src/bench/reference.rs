//! The peer: a real etcd, kube-apiserver, scheduler, controller manager and KWOK on loopback.
//!
//! It runs as `conformance/reference-control-plane/run.sh` starts it: etcd without fsync and no rate limits,
//! which is its fastest case. It gets six ports that nobody uses and a token of its own, since a fixed port may belong
//! to another program, and a measurement of that one would be worse than none.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::ours::output;
use crate::peers::target;
use crate::root;

/// A running reference control plane.
pub struct Reference {
    folder: PathBuf,
    port: u16,
}

impl Reference {
    /// Starts it and waits until its API is ready.
    pub fn up() -> Result<Reference> {
        let reference = Reference { folder: target().join("bench/reference"), port: free_ports(6)? };
        output(&mut reference.script("up"))?;
        output(&mut reference.kperf(&["ready"])?)?;
        Ok(reference)
    }

    fn script(&self, verb: &str) -> Command {
        let bin = target().join("peers/bin");
        let mut command = Command::new("bash");
        command.arg(root().join("conformance/reference-control-plane/run.sh")).arg(verb);
        command.env("DIR", &self.folder).env("KAPI", bin.join("kubernetes-reference")).env("KWOK", bin.join("kwok"));
        command.env("PORT", self.port.to_string());
        command
    }

    /// The load tool against it, ready to run.
    pub fn kperf(&self, arguments: &[&str]) -> Result<Command> {
        let token = std::fs::read_to_string(self.folder.join("token"))?;
        let mut command = Command::new(target().join("peers/bin/kperf"));
        command.args(["-s", &format!("https://127.0.0.1:{}", self.port), "-t", token.trim()]).args(arguments);
        Ok(command)
    }

    /// Process ids of its five processes.
    pub fn pids(&self) -> Result<Vec<u32>> {
        let names = ["etcd", "kube-apiserver", "kube-scheduler", "kube-controller-manager", "kwok"];
        let read = |name: &&str| -> Result<u32> {
            let file = self.folder.join(format!("{name}.pid"));
            std::fs::read_to_string(file)?.trim().parse().context("a pid file holds a number")
        };
        names.iter().map(read).collect()
    }
}

/// The first of `count` neighbouring ports on loopback that nobody listens on, below the ephemeral range.
fn free_ports(count: u16) -> Result<u16> {
    let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    (20_000..32_000).step_by(10).find(|&first| (first..first + count).all(free)).context("no free ports")
}

impl Drop for Reference {
    fn drop(&mut self) {
        // Best effort: the script ends only the processes whose pid it wrote down.
        let _ = output(&mut self.script("down"));
    }
}
