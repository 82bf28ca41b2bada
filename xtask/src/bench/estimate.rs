//! The estimator on Karpenter's benchmark: pods a second, machines, price.
//!
//! Inputs lie packed beside the conformance suites and are unpacked into the build folder. Seconds are the estimator's own, and so is
//! memory; the whole process is timed beside it. Karpenter's recorded figures are those of its benchmark on two cores.

use std::process::Command;
use std::time::Instant;

use anyhow::Result;

use super::process::output;
use super::report::Figures;
use crate::{peers, root};

/// Asks for one of the benchmark's workloads, with more options.
pub fn measure(figures: &mut Figures, pods: &str, more: &[&str]) -> Result<()> {
    let folder = peers::target().join("bench/karpenter-mix");
    std::fs::create_dir_all(&folder)?;
    let unpacked = |name: &str| -> Result<std::path::PathBuf> {
        let path = folder.join(format!("{name}.json"));
        let packed = root().join(format!("conformance/karpenter-mix/{name}.json.gz"));
        std::fs::write(&path, output(Command::new("gzip").arg("-dc").arg(packed))?)?;
        Ok(path)
    };
    let (pods, sizes) = (unpacked(&format!("pods_{pods}"))?, unpacked("instance_types")?);
    let mut command = Command::new(peers::target().join("release/nodelane"));
    command.arg("estimate").arg("--pods").arg(pods).arg("--sizes").arg(sizes).args(["-o", "json"]).args(more);
    let begin = Instant::now();
    let answer: serde_json::Value = serde_json::from_str(&output(&mut command)?)?;
    figures.add("process_seconds", begin.elapsed().as_secs_f64());
    let number = |key: &str| answer[key].as_f64().unwrap_or_default();
    figures.add("solve_seconds", number("seconds"));
    figures.add("machines", number("machines"));
    figures.add("usd_an_hour", number("pricePerHour"));
    figures.add("memory_over_inputs_mib", number("memoryBytes") / f64::from(1 << 20));
    Ok(())
}
