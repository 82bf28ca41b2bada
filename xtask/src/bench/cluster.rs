//! What is measured, ours or the peer: started, fed with nodes, driven by the load tool, stopped.
//!
//! Ours lies under the build folder, on a real disk. The peer runs as `conformance/reference-control-plane/run.sh` starts it, its fastest
//! way. It gets six ports that nobody uses and a token of its own: a fixed port may belong to another program, and a measurement of that
//! one would be worse than none. Both are ended by their own pids; nothing is looked up by name.

use super::process::{number_after, output};
use crate::{peers, root};
use anyhow::{Context, Result};
use serde_json::Value;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A running cluster.
pub trait Cluster {
    /// Returns when a pool, where there are pools, and the nodes answer.
    fn answers(&self) -> Result<()>;
    /// Makes nodes, until there are so many; seconds until the last is Ready.
    fn make_nodes(&self, count: usize) -> Result<f64>;
    /// Server and token of its Kubernetes API.
    fn address(&self) -> Result<(String, String)>;
    /// A configuration for kubectl.
    fn kubeconfig(&self) -> Result<PathBuf>;
    /// Its processes.
    fn pids(&self) -> Result<Vec<u32>>;

    /// The load tool against it, ready to run.
    fn load(&self, arguments: &[&str]) -> Result<Command> {
        let (url, token) = self.address()?;
        let mut command = Command::new(peers::target().join("peers/bin/kperf"));
        command.args(["-s", &url, "-t", &token]).args(arguments);
        Ok(command)
    }
    /// Runs the load tool to its end: what it said.
    fn run_load(&self, arguments: &[&str]) -> Result<String> {
        output(&mut self.load(arguments)?)
    }
}

/// Our server.
pub struct Ours {
    folder: PathBuf,
}

/// Four vCPUs: room for 38 of the load tool's pods.
const SIZE: &str = "Standard_D4s_v5";
/// A pool holds 1,000 machines at most.
const POOL_MACHINES: usize = 1000;

impl Ours {
    /// Starts it on an empty folder, with instant machines.
    pub fn up() -> Result<Ours> {
        let stamp = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_nanos();
        let folder = peers::target().join("bench").join(format!("{}-{stamp}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let ours = Ours { folder };
        ours.start()?;
        Ok(ours)
    }
    /// Starts it again.
    pub fn start(&self) -> Result<()> {
        self.nodelane(&["up", "--detach", "--boot-profile", "instant"]).map(drop)
    }
    /// A command line of ours against this server; its standard output.
    pub fn nodelane(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(peers::target().join("release/nodelane"));
        output(command.args(arguments).env("NODELANE_DATA_DIR", &self.folder))
    }
    fn pool(&self, verb: &str, more: &[&str]) -> Result<String> {
        self.nodelane(&[&["nodepool", verb, "-g", "lanes", "--cluster-name", "dev", "-o", "none"], more].concat())
    }
    fn status(&self) -> Result<Value> {
        Ok(serde_json::from_str(&self.nodelane(&["status", "-o", "json"])?)?)
    }
    /// Ends it as a power cut would.
    pub fn kill(&self) -> Result<()> {
        let pid = self.pids()?[0];
        output(Command::new("kill").arg("-9").arg(pid.to_string()))?;
        while Path::new(&format!("/proc/{pid}")).exists() {
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }
}

impl Cluster for Ours {
    fn answers(&self) -> Result<()> {
        self.pool("show", &["-n", "system"])?;
        self.run_load(&["waitnodes", "3"]).map(drop)
    }
    fn make_nodes(&self, count: usize) -> Result<f64> {
        // A cluster has 5,000 nodes at most, with the three of `system`; 4,997 of these are 19,988 vCPUs of the family's 20,000, and those six.
        self.nodelane(&["quota", "set", "--any-family", "--limit", "100000"])?;
        let machines = count.saturating_sub(3);
        let pools: Vec<String> = (0..machines.div_ceil(POOL_MACHINES)).map(|i| format!("load{i}")).collect();
        for pool in &pools {
            self.pool("add", &["-n", pool, "-c", "0", "-s", SIZE])?;
        }
        let begin = Instant::now();
        let mut watcher = self.load(&["waitnodes", &count.to_string()])?.stdout(Stdio::null()).spawn()?;
        for (i, pool) in pools.iter().enumerate() {
            let rest = machines - i * POOL_MACHINES;
            self.pool("scale", &["-n", pool, "-c", &rest.min(POOL_MACHINES).to_string(), "--no-wait"])?;
        }
        watcher.wait()?;
        Ok(begin.elapsed().as_secs_f64())
    }
    fn address(&self) -> Result<(String, String)> {
        let cluster = &self.status()?["clusters"][0];
        let text = |key: &str| cluster[key].as_str().with_context(|| format!("status names the cluster's {key}"));
        Ok((text("url")?.to_owned(), std::fs::read_to_string(text("tokenFile")?)?.trim().to_owned()))
    }
    fn kubeconfig(&self) -> Result<PathBuf> {
        self.nodelane(&["env"])?; // Writes the client's files.
        Ok(self.status()?["clusters"][0]["kubeconfig"].as_str().context("status names the kubeconfig")?.into())
    }
    fn pids(&self) -> Result<Vec<u32>> {
        Ok(vec![self.status()?["pid"].as_u64().context("status names the pid")? as u32])
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        // Best effort: a server that never started has nothing to end.
        let _ = self.nodelane(&["down"]);
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The peer: etcd, kube-apiserver, scheduler, controller manager and KWOK.
pub struct Reference {
    folder: PathBuf,
    port: u16,
}

impl Reference {
    /// Whether it was built (`cargo xtask peers --full`).
    pub fn is_installed() -> bool {
        ["kubernetes-reference", "kwok"].iter().all(|name| peers::target().join("peers/bin").join(name).exists())
    }
    /// Starts it and waits until its API is ready.
    pub fn up() -> Result<Reference> {
        let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
        // Below the ephemeral range.
        let port = (20_000..32_000).step_by(10).find(|&first| (first..first + 6).all(free)).context("no free ports")?;
        let reference = Reference { folder: peers::target().join("bench/reference"), port };
        reference.script("up")?;
        reference.run_load(&["ready"])?;
        Ok(reference)
    }
    fn script(&self, verb: &str) -> Result<String> {
        let bin = peers::target().join("peers/bin");
        let mut command = Command::new("bash");
        command.arg(root().join("conformance/reference-control-plane/run.sh")).arg(verb).env("PORT", self.port.to_string());
        output(command.env("DIR", &self.folder).env("KAPI", bin.join("kubernetes-reference")).env("KWOK", bin.join("kwok")))
    }
}

impl Cluster for Reference {
    fn answers(&self) -> Result<()> {
        Ok(()) // It has neither pools nor nodes of its own.
    }
    fn make_nodes(&self, count: usize) -> Result<f64> {
        let said = self.run_load(&["nodes", &count.to_string(), "16"])?;
        number_after(said.split_once("nodes Ready=").context("the tool says when nodes were Ready")?.1, " at ")
    }
    fn address(&self) -> Result<(String, String)> {
        let token = std::fs::read_to_string(self.folder.join("token"))?;
        Ok((format!("https://127.0.0.1:{}", self.port), token.trim().to_owned()))
    }
    fn kubeconfig(&self) -> Result<PathBuf> {
        Ok(self.folder.join("kubeconfig"))
    }
    fn pids(&self) -> Result<Vec<u32>> {
        let names = ["etcd", "kube-apiserver", "kube-scheduler", "kube-controller-manager", "kwok"];
        let read = |name: &&str| -> Result<u32> {
            let text = std::fs::read_to_string(self.folder.join(format!("{name}.pid")))?;
            text.trim().parse().context("a pid file holds a number")
        };
        names.iter().map(read).collect()
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        let _ = self.script("down"); // Best effort, as above.
    }
}
