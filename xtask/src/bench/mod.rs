//! `cargo xtask bench NAME`: our figures beside the peer's, measured on the same machine.
//!
//! A run starts from an empty folder and stops what it started. The report gives min and median of the runs, the ratio of the medians
//! (peer : ours), whether the peer ran here or its figures are on record, and the file system under our data: ours is durable, the
//! peer (Kubernetes 1.36.3 with KWOK 0.8.0, etcd without fsync) is not. The peer takes minutes: it runs once for five runs of ours.
//! Clients are processes of their own, so our figures hold their start too. Recorded: two cores, 24 GiB.

mod cluster;
mod estimate;
mod figure;
mod process;
mod rehearse;
mod report;

use crate::{peers, root};
use anyhow::{Result, bail};
use cluster::{Cluster, Ours, Reference};
use figure::{FIGURES, Figure, Measure};
use report::{Figures, Report};
use std::process::Command;

/// What is run, and how often.
pub struct Options {
    /// Print JSON, else text.
    pub json: bool,
    /// Runs of ours.
    pub runs: usize,
    /// Runs of the peer, where it is installed; 0 takes the recorded figures.
    pub peer_runs: usize,
    /// A fiftieth of the nodes, pods and seconds: to try the bench, not to quote it.
    pub small: bool,
}

/// Measures `name`, or everything for `all`, and prints a report each; false when ours failed to give a figure.
pub fn run(name: &str, options: &Options) -> Result<bool> {
    let chosen: Vec<&Figure> = FIGURES.iter().filter(|figure| name == "all" || figure.name == name).collect();
    if chosen.is_empty() {
        let names: Vec<&str> = FIGURES.iter().map(|figure| figure.name).collect();
        bail!("no figure `{name}`; there are {}, and all", names.join(", "));
    }
    peers::succeed(Command::new(env!("CARGO")).args(["build", "--release", "-q", "-p", "nodelane-cli"]).current_dir(root()))?;
    peers::load_tool()?;
    let mut complete = true;
    for figure in chosen {
        let report = measure(figure, options)?;
        println!("{}", if options.json { report.json().to_string() } else { report.text() });
        complete &= report.complete();
    }
    Ok(complete)
}

fn measure(figure: &Figure, options: &Options) -> Result<Report> {
    let (mut ours, mut peer, mut peer_ran) = (Figures::default(), Figures::default(), false);
    let divisor = if options.small { 50 } else { 1 };
    for _ in 0..options.runs.max(1) {
        match figure.measure {
            Measure::Both(measure) => measure(&|| Ok(Box::new(Ours::up()?) as Box<dyn Cluster>), divisor, &mut ours)?,
            Measure::Ours(measure) => measure(divisor, &mut ours)?,
            Measure::Disk(measure) => {
                measure(divisor, &mut ours, &mut peer)?;
                peer_ran = true;
            }
        }
    }
    match figure.measure {
        Measure::Both(measure) if figure.peer_rests.is_none() && options.peer_runs > 0 && Reference::is_installed() => {
            for _ in 0..options.peer_runs {
                measure(&|| Ok(Box::new(Reference::up()?) as Box<dyn Cluster>), divisor, &mut peer)?;
            }
            peer_ran = true;
        }
        _ => figure.recorded.iter().for_each(|&(metric, value)| peer.add(metric, value)),
    }
    let (name, note, small) = (figure.name, figure.peer_rests, options.small);
    Ok(Report { name, ours, peer, peer_ran, note, small, file_system: process::file_system()? })
}
