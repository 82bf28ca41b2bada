//! The figures: what is done, what is timed, and the peer's recorded values.
//!
//! Pools are filled by `scale`, the peer's nodes are posted, because a control plane makes no machines. A figure that has a peer is one
//! function over both. Times are the load tool's where it watches, else from our clock around whole commands. Memory and idle
//! processor time are taken after the load.

use super::cluster::{Cluster, Ours};
use super::estimate;
use super::process::{idle_percent_of_a_core, memory_mib, number_after, output};
use super::rehearse;
use super::report::Figures;
use crate::{peers, root};
use anyhow::Result;
use std::process::Command;
use std::time::Instant;

/// Starts a cluster, ours or the peer.
pub type Start<'a> = &'a dyn Fn() -> Result<Box<dyn Cluster>>;

/// How a figure is measured once; counts are divided by the divisor.
pub enum Measure {
    /// On whatever is started.
    Both(fn(Start, usize, &mut Figures) -> Result<()>),
    /// Ours alone.
    Ours(fn(usize, &mut Figures) -> Result<()>),
    /// Ours, and the bare disk beside it as the peer.
    Disk(fn(usize, &mut Figures, &mut Figures) -> Result<()>),
}

/// One line of the table of figures.
pub struct Figure {
    /// As typed.
    pub name: &'static str,
    /// What is done.
    pub measure: Measure,
    /// Why the peer does not run beside ours.
    pub peer_rests: Option<&'static str>,
    /// The peer's figures on record, for machines that have not built it.
    pub recorded: &'static [(&'static str, f64)],
}

const fn figure(name: &'static str, measure: Measure, recorded: &'static [(&'static str, f64)]) -> Figure {
    Figure { name, measure, peer_rests: None, recorded }
}

const NEVER_ENDED: Option<&str> =
    Some("the peer's pods never all ran: 7,351 of 20,000 after 420 s, and 3,483 of 5,000 nodes were not Ready");

/// scheduler_perf has its API server in its own process; its figures are those that it printed on this machine.
const PEER_WITHOUT_ENDS: Option<&str> =
    Some("the peer is kube-scheduler's own scheduler_perf, which is no server: its recorded figures are quoted");

/// Every figure.
pub const FIGURES: [Figure; 19] = [
    figure("start", Measure::Both(start), &[("ready_seconds", 2.0), ("memory_mib", 657.0)]),
    figure("idle", Measure::Both(idle), &[("memory_mib", 657.0)]),
    figure("restart", Measure::Ours(restart), &[]),
    figure("nodes-1000", Measure::Both(|up, divisor, f| nodes(up, 1000 / divisor, f)), &[("nodes_seconds", 17.5)]),
    figure(
        "pods-5000",
        Measure::Both(|up, divisor, f| pods(up, 1000 / divisor, 500 / divisor, 10, f)),
        &[("nodes_seconds", 17.5), ("pods_seconds", 73.5), ("memory_mib", 1831.0), ("idle_percent_of_a_core", 27.0)],
    ),
    figure("nodes-5000", Measure::Both(|up, divisor, f| nodes(up, 5000 / divisor, f)), &[("nodes_seconds", 124.0)]),
    Figure {
        peer_rests: NEVER_ENDED,
        ..figure(
            "pods-20000",
            Measure::Both(|up, divisor, f| pods(up, 5000 / divisor, 500 / divisor, 40, f)),
            &[("nodes_seconds", 124.0), ("memory_mib", 4300.0), ("nodes_not_ready", 3483.0)],
        )
    },
    figure("list-5000", Measure::Both(list), &[("page_of_500_milliseconds", 73.0), ("kubectl_get_pods_seconds", 1.4)]),
    figure("write-500", Measure::Disk(write), &[]),
    figure("build", Measure::Ours(build), &[]),
    Figure {
        peer_rests: PEER_WITHOUT_ENDS,
        ..figure("perf-basic", Measure::Both(|up, d, f| perf(up, "basic", 10_000, d, f)), &[("pods_a_second", 273.0)])
    },
    Figure {
        peer_rests: PEER_WITHOUT_ENDS,
        ..figure("perf-spread", Measure::Both(|up, d, f| perf(up, "spread", 5000, d, f)), &[("pods_a_second", 106.0)])
    },
    Figure {
        peer_rests: PEER_WITHOUT_ENDS,
        ..figure("perf-anti", Measure::Both(|up, d, f| perf(up, "anti", 2000, d, f)), &[("pods_a_second", 80.0)])
    },
    figure("estimate-5000", Measure::Ours(|_, f| estimate::measure(f, "5000", &[])), KARPENTER_5000),
    figure("estimate-5000-optimal", Measure::Ours(|_, f| estimate::measure(f, "5000", &["--expander", "optimal"])), KARPENTER_5000),
    figure(
        "estimate-20000",
        Measure::Ours(|_, f| estimate::measure(f, "20000", &[])),
        &[("solve_seconds", 90.7), ("machines", 4000.0), ("usd_an_hour", 7048.8), ("memory_over_inputs_mib", 15_360.0)],
    ),
    figure("estimate-4000-hard", Measure::Ours(|_, f| estimate::measure(f, "p4000", &["--preferences", "hard"])), KARPENTER_4000),
    figure("rehearse-day", Measure::Ours(rehearse::measure), &[]),
    figure("estimate-4000-soft", Measure::Ours(|_, f| estimate::measure(f, "p4000", &["--preferences", "soft"])), KARPENTER_4000),
];

/// Karpenter's best for 5,000 pods, and for 4,000 with preferences; its memory is all that it allocated, freed or not.
const KARPENTER_5000: &[(&str, f64)] =
    &[("solve_seconds", 12.1), ("machines", 1000.0), ("usd_an_hour", 1735.0), ("memory_over_inputs_mib", 1600.0)];
const KARPENTER_4000: &[(&str, f64)] =
    &[("solve_seconds", 64.8), ("machines", 4000.0), ("usd_an_hour", 3777.0), ("memory_over_inputs_mib", 23_552.0)];

fn start(up: Start, _: usize, figures: &mut Figures) -> Result<()> {
    let begin = Instant::now();
    let cluster = up()?;
    figures.add("up_seconds", begin.elapsed().as_secs_f64());
    cluster.answers()?;
    figures.add("ready_seconds", begin.elapsed().as_secs_f64());
    figures.add("memory_mib", memory_mib(&cluster.pids()?)?.0);
    Ok(())
}

fn idle(up: Start, _: usize, figures: &mut Figures) -> Result<()> {
    weigh(&*up()?, figures)
}

/// Idle processor time, then memory now and at most.
fn weigh(cluster: &dyn Cluster, figures: &mut Figures) -> Result<()> {
    let pids = cluster.pids()?;
    figures.add("idle_percent_of_a_core", idle_percent_of_a_core(&pids)?);
    let (now, most) = memory_mib(&pids)?;
    figures.add("memory_mib", now);
    figures.add("memory_peak_mib", most);
    Ok(())
}

fn nodes(up: Start, count: usize, figures: &mut Figures) -> Result<()> {
    figures.add("nodes_seconds", up()?.make_nodes(count)?);
    Ok(())
}

fn pods(up: Start, nodes: usize, replicas: usize, deployments: usize, figures: &mut Figures) -> Result<()> {
    let cluster = up()?;
    figures.add("nodes_seconds", cluster.make_nodes(nodes)?);
    let said = cluster.run_load(&["deploy", &deployments.to_string(), &replicas.to_string()])?;
    figures.add("pods_seconds", number_after(&said, "running_all=")?);
    for (metric, marker) in [
        ("pods_seen_unbound", "unbound="),
        ("pods_seen_bound", " bound="),
        ("pods_seen_running", " running="),
        ("pods_with_scheduled_event", "\nscheduled="),
        ("nodes_not_ready", "notready="),
    ] {
        let saw = said.split_once("a watcher saw").map_or("", |(_, saw)| saw);
        figures.add(metric, number_after(saw, marker)?);
    }
    weigh(&*cluster, figures)
}

/// scheduler_perf through the API: nodes and pods are posted, and a watcher waits until it saw the last pod bound.
fn perf(up: Start, kind: &str, pods: usize, divisor: usize, figures: &mut Figures) -> Result<()> {
    let cluster = up()?;
    let count = |of: usize| (of / divisor).to_string();
    let said = cluster.run_load(&["bind", kind, &count(5000), &count(1000), &count(pods)])?;
    let measured = said.split_once("measured-").map_or("", |(_, measured)| measured);
    figures.add("bound_by_seconds", number_after(measured, "bound_by=")?);
    figures.add("pods_a_second", number_after(measured, "rate=")?);
    figures.add("memory_peak_mib", memory_mib(&cluster.pids()?)?.1);
    Ok(())
}

fn list(up: Start, divisor: usize, figures: &mut Figures) -> Result<()> {
    let cluster = up()?;
    cluster.make_nodes(1000 / divisor)?;
    cluster.run_load(&["deploy", "10", &(500 / divisor).to_string()])?;
    let said = cluster.run_load(&["list", "/api/v1/namespaces/default/pods?limit=500", "9"])?;
    figures.add("page_of_500_milliseconds", number_after(&said, "med=")?);
    let mut kubectl = Command::new(peers::kubectl(&peers::target().join("peers"))?);
    kubectl.arg("--kubeconfig").arg(cluster.kubeconfig()?).args(["get", "pods"]);
    let begin = Instant::now();
    output(&mut kubectl)?;
    figures.add("kubectl_get_pods_seconds", begin.elapsed().as_secs_f64());
    Ok(())
}

/// From the command to the first right answer of both APIs.
fn restart(divisor: usize, figures: &mut Figures) -> Result<()> {
    let ours = Ours::up()?;
    ours.make_nodes(1000 / divisor)?;
    ours.run_load(&["deploy", "60", &(500 / divisor).to_string()])?;
    let again = || -> Result<f64> {
        let begin = Instant::now();
        ours.start()?;
        ours.answers()?;
        Ok(begin.elapsed().as_secs_f64())
    };
    ours.nodelane(&["down"])?;
    figures.add("after_down_seconds", again()?);
    ours.kill()?;
    figures.add("after_kill_seconds", again()?);
    Ok(())
}

/// The disk right before and right after: what a sync costs moves with what else the machine does.
fn write(divisor: usize, ours: &mut Figures, disk: &mut Figures) -> Result<()> {
    let cluster = Ours::up()?;
    let seconds = (50 / divisor).max(1).to_string();
    let file = peers::target().join("bench/bare-syncs");
    let mut bare = || -> Result<()> {
        let mut tool = Command::new(peers::target().join("peers/bin/kperf"));
        let said = output(tool.arg("sync").arg(&file).args(["500", &seconds]))?;
        std::fs::remove_file(&file)?;
        disk.add("write_p50_milliseconds", number_after(&said, "p50=")?);
        disk.add("write_p99_milliseconds", number_after(&said, "p99=")?);
        Ok(())
    };
    bare()?;
    let said = cluster.run_load(&["write", "500", &seconds])?;
    bare()?;
    ours.add("write_p50_milliseconds", number_after(&said, "p50=")?);
    ours.add("write_p99_milliseconds", number_after(&said, "p99=")?);
    Ok(())
}

fn build(_: usize, figures: &mut Figures) -> Result<()> {
    let folder = peers::target().join("bench/clean-build");
    let begin = Instant::now();
    let mut cargo = Command::new(env!("CARGO"));
    peers::succeed(cargo.args(["build", "--release", "-p", "nodelane-cli", "--target-dir"]).arg(&folder).current_dir(root()))?;
    figures.add("build_seconds", begin.elapsed().as_secs_f64());
    figures.add("binary_mib", std::fs::metadata(folder.join("release/nodelane"))?.len() as f64 / f64::from(1 << 20));
    Ok(std::fs::remove_dir_all(&folder)?)
}
