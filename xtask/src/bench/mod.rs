//! `cargo xtask bench NAME`: our figures beside the peer's, measured on the same machine.
//!
//! Each run starts from an empty folder and stops what it started. A report gives min and median of the runs,
//! the ratio of the medians (peer : ours), whether the peer ran here or its figures are recorded ones, and the
//! file system under our data, since ours is durable and the peer's is not. Clients are processes of
//! their own, so our figures hold their start too. Recorded figures: two cores, 24 GiB, etcd without fsync.

mod ours;
mod reference;
mod report;
mod run;

use anyhow::{Result, bail};

use report::{Figures, Report};

/// Measures `name` and prints the report; false when ours failed to give a figure.
pub fn run(name: &str, json: bool, runs: usize, peer_runs: usize) -> Result<bool> {
    let Some(figure) = run::FIGURES.iter().find(|f| f.name == name) else {
        let names: Vec<&str> = run::FIGURES.iter().map(|f| f.name).collect();
        bail!("no figure `{name}`; there are {}", names.join(", "));
    };
    let mut ours = Figures::default();
    for _ in 0..runs.max(1) {
        (figure.ours)(&mut ours)?;
    }
    let mut peer = Figures::default();
    let installed = crate::peers::target().join("peers/bin/kubernetes-reference").exists();
    let ran = match figure.peer {
        Some(measure) if installed && peer_runs > 0 => {
            for _ in 0..peer_runs {
                measure(&mut peer)?;
            }
            true
        }
        _ => {
            figure.recorded.iter().for_each(|&(metric, value)| peer.add(metric, value));
            false
        }
    };
    let report = Report { name, ours, peer, peer_ran: ran, file_system: ours::file_system()? };
    println!("{}", if json { report.json().to_string() } else { report.text() });
    Ok(report.complete())
}
