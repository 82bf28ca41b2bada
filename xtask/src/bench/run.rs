//! The figures: what is done, what is timed, and the peer's recorded values.
//!
//! Pools are filled by `scale`, the peer's nodes are posted, because a control plane makes no machines.
//! Times come from the load tool where it watches (`nodes Ready`, `running_all`), from our clock around
//! whole commands otherwise. Our server is weighed after the load and then left idle for ten seconds.

use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, Result};

use super::ours::{Server, idle_percent_of_a_core, memory_mib, output};
use super::reference::Reference;
use super::report::Figures;
use crate::{peers, root};

type Measure = fn(&mut Figures) -> Result<()>;

/// One line of the table of figures.
pub struct Figure {
    /// As typed.
    pub name: &'static str,
    /// Measures us once.
    pub ours: Measure,
    /// Measures the peer once, where there is one.
    pub peer: Option<Measure>,
    /// The peer's figures on two cores, for machines that have not built it.
    pub recorded: &'static [(&'static str, f64)],
}

/// Every figure.
pub const FIGURES: [Figure; 7] = [
    Figure { name: "start", ours: start, peer: Some(peer_start), recorded: &[("ready_seconds", 2.0), ("memory_mib", 657.0)] },
    Figure { name: "restart", ours: restart, peer: None, recorded: &[] },
    Figure { name: "nodes-1000", ours: |f| nodes(f, 1000), peer: Some(|f| peer_nodes(f, 1000)), recorded: &[("nodes_seconds", 17.5)] },
    Figure {
        name: "pods-5000",
        ours: |f| pods(f, 1000, 10),
        peer: Some(|f| peer_pods(f, 1000, 10)),
        recorded: &[("nodes_seconds", 17.5), ("pods_seconds", 73.5), ("memory_mib", 1831.0), ("idle_percent_of_a_core", 27.0)],
    },
    // The peer's pods never finished: after 420 s 7,351 of 20,000 ran.
    Figure { name: "pods-20000", ours: |f| pods(f, 5000, 40), peer: None, recorded: &[("nodes_seconds", 124.0)] },
    Figure {
        name: "list-5000",
        ours: list,
        peer: Some(peer_list),
        recorded: &[("page_of_500_milliseconds", 73.0), ("kubectl_get_pods_seconds", 1.4)],
    },
    Figure { name: "build", ours: build, peer: None, recorded: &[] },
];

/// The number that follows `marker` in a line of the load tool.
fn number_after(text: &str, marker: &str) -> Result<f64> {
    let rest = text.split_once(marker).with_context(|| format!("no `{marker}` in: {text}"))?.1.trim_start();
    let digits: String = rest.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    digits.parse().with_context(|| format!("no number after `{marker}` in: {text}"))
}

/// When the last node was Ready; the tool also says when the last was posted.
fn ready_seconds(said: &str) -> Result<f64> {
    number_after(said.split_once("nodes Ready=").context("the tool says when nodes were Ready")?.1, " at ")
}

fn start(figures: &mut Figures) -> Result<()> {
    let server = Server::prepare()?;
    let begin = Instant::now();
    server.up()?;
    figures.add("up_seconds", begin.elapsed().as_secs_f64());
    server.pool("show", &["-n", "system", "-o", "none"])?;
    output(&mut server.kperf(&["waitnodes", "3"])?)?;
    figures.add("ready_seconds", begin.elapsed().as_secs_f64());
    let pid = server.pid()?;
    figures.add("idle_percent_of_a_core", idle_percent_of_a_core(&[pid])?);
    figures.add("memory_mib", memory_mib(pid)?.1);
    Ok(())
}

fn peer_start(figures: &mut Figures) -> Result<()> {
    let begin = Instant::now();
    let reference = Reference::up()?;
    figures.add("ready_seconds", begin.elapsed().as_secs_f64());
    weigh(figures, &reference.pids()?)
}

fn weigh(figures: &mut Figures, pids: &[u32]) -> Result<()> {
    figures.add("idle_percent_of_a_core", idle_percent_of_a_core(pids)?);
    let most: Result<Vec<f64>> = pids.iter().map(|&pid| Ok(memory_mib(pid)?.1)).collect();
    figures.add("memory_mib", most?.iter().sum());
    Ok(())
}

/// Scales new pools until `count` more machines are Ready; a pool holds 1,000 at most.
fn grow(server: &Server, figures: &mut Figures, count: usize) -> Result<()> {
    let pools: Vec<String> = (0..count.div_ceil(1000)).map(|i| format!("load{i}")).collect();
    for pool in &pools {
        server.pool("add", &["-n", pool, "-c", "0", "-o", "none"])?;
    }
    let want = (count + 3).to_string();
    let begin = Instant::now();
    let mut watcher = server.kperf(&["waitnodes", &want])?.stdout(Stdio::null()).spawn()?;
    for pool in &pools {
        server.pool("scale", &["-n", pool, "-c", &(count / pools.len()).to_string(), "--no-wait"])?;
    }
    watcher.wait()?;
    figures.add("nodes_seconds", begin.elapsed().as_secs_f64());
    Ok(())
}

fn nodes(figures: &mut Figures, count: usize) -> Result<()> {
    let server = Server::prepare()?;
    server.up()?;
    grow(&server, figures, count)
}

fn peer_nodes(figures: &mut Figures, count: usize) -> Result<()> {
    let reference = Reference::up()?;
    let said = output(&mut reference.kperf(&["nodes", &count.to_string(), "16"])?)?;
    figures.add("nodes_seconds", ready_seconds(&said)?);
    Ok(())
}

fn pods(figures: &mut Figures, nodes: usize, deployments: usize) -> Result<()> {
    let server = Server::prepare()?;
    server.up()?;
    grow(&server, figures, nodes)?;
    let said = output(&mut server.kperf(&["deploy", &deployments.to_string(), "500"])?)?;
    figures.add("pods_seconds", number_after(&said, "running_all=")?);
    weigh(figures, &[server.pid()?])
}

fn peer_pods(figures: &mut Figures, nodes: usize, deployments: usize) -> Result<()> {
    let reference = Reference::up()?;
    let said = output(&mut reference.kperf(&["nodes", &nodes.to_string(), "16"])?)?;
    figures.add("nodes_seconds", ready_seconds(&said)?);
    let said = output(&mut reference.kperf(&["deploy", &deployments.to_string(), "500"])?)?;
    figures.add("pods_seconds", number_after(&said, "running_all=")?);
    weigh(figures, &reference.pids()?)
}

const PAGE: &str = "/api/v1/namespaces/default/pods?limit=500";

fn list(figures: &mut Figures) -> Result<()> {
    let server = Server::prepare()?;
    server.up()?;
    grow(&server, &mut Figures::default(), 1000)?;
    output(&mut server.kperf(&["deploy", "10", "500"])?)?;
    let said = output(&mut server.kperf(&["list", PAGE, "9"])?)?;
    figures.add("page_of_500_milliseconds", number_after(&said, "med=")?);
    let status: serde_json::Value = serde_json::from_str(&server.nodelane(&["status", "-o", "json"])?)?;
    let kubeconfig = status["clusters"][0]["kubeconfig"].as_str().context("status names the kubeconfig")?.to_owned();
    figures.add("kubectl_get_pods_seconds", get_pods(&kubeconfig)?);
    Ok(())
}

fn peer_list(figures: &mut Figures) -> Result<()> {
    let reference = Reference::up()?;
    output(&mut reference.kperf(&["nodes", "1000", "16"])?)?;
    output(&mut reference.kperf(&["deploy", "10", "500"])?)?;
    let said = output(&mut reference.kperf(&["list", PAGE, "9"])?)?;
    figures.add("page_of_500_milliseconds", number_after(&said, "med=")?);
    let kubeconfig = peers::target().join("bench/reference/kubeconfig");
    figures.add("kubectl_get_pods_seconds", get_pods(&kubeconfig.to_string_lossy())?);
    Ok(())
}

fn get_pods(kubeconfig: &str) -> Result<f64> {
    let kubectl = peers::install(false)?.kubectl;
    let begin = Instant::now();
    output(std::process::Command::new(kubectl).args(["--kubeconfig", kubeconfig, "get", "pods"]))?;
    Ok(begin.elapsed().as_secs_f64())
}

fn restart(figures: &mut Figures) -> Result<()> {
    let server = Server::prepare()?;
    server.up()?;
    grow(&server, &mut Figures::default(), 1000)?;
    output(&mut server.kperf(&["deploy", "60", "500"])?)?;
    let mut again = |metric: &str| -> Result<()> {
        let begin = Instant::now();
        server.up()?;
        server.pool("show", &["-n", "system", "-o", "none"])?;
        figures.add(metric, begin.elapsed().as_secs_f64());
        Ok(())
    };
    server.nodelane(&["down"])?;
    again("after_down_seconds")?;
    server.kill()?;
    again("after_kill_seconds")
}

fn build(figures: &mut Figures) -> Result<()> {
    let folder = peers::target().join("bench/clean-build");
    let begin = Instant::now();
    let mut cargo = std::process::Command::new(env!("CARGO"));
    cargo.args(["build", "--release", "-p", "nodelane-cli", "--target-dir"]).arg(&folder).current_dir(root());
    peers::succeed(&mut cargo)?;
    figures.add("build_seconds", begin.elapsed().as_secs_f64());
    let bytes = std::fs::metadata(folder.join("release/nodelane"))?.len();
    figures.add("binary_mib", bytes as f64 / f64::from(1 << 20));
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_load_tools_lines_are_read() {
        let nodes = "nodes POSTed=1000 at 3.20s\nnodes Ready=1000 at 17.50s => 57.1 nodes/s\n";
        assert_eq!(ready_seconds(nodes).unwrap(), 17.5);
        assert_eq!(number_after("pods=5000 created_by=1.0s running_all=73.50s => 68.0 pods/s", "running_all=").unwrap(), 73.5);
        assert!(number_after("nothing", "running_all=").is_err());
    }
}
