//! A fixed day of 1,000 nodes and 20,000 pods with hourly bursts, rehearsed twice: seconds, changes of objects, and the same bytes.
//!
//! The scenario is made here, the same each time: 400 deployments of 49 pods over four lanes; each hour twenty of them grow by 20 pods in
//! ten minutes and shrink again, in turn: 20,000 pods at most. Seconds are of the whole process, its output included.

use std::fmt::Write;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use super::report::Figures;
use crate::peers;

const LANES: usize = 4;
const DEPLOYMENTS: usize = 400;
const BURSTING: usize = 20;

/// Rehearses the day twice.
pub fn measure(divisor: usize, figures: &mut Figures) -> Result<()> {
    let folder = peers::target().join("bench/rehearse-day");
    std::fs::create_dir_all(&folder)?;
    let path = folder.join("day.yaml");
    std::fs::write(&path, scenario(divisor)?)?;
    let mut outputs = Vec::new();
    for _ in 0..2 {
        let mut command = Command::new(peers::target().join("release/nodelane"));
        command.arg("rehearse").arg(&path).args(["-o", "json", "--count-changes"]).stdin(Stdio::null());
        let begin = Instant::now();
        let done = command.output()?;
        figures.add("process_seconds", begin.elapsed().as_secs_f64());
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        ensure!(done.status.success(), "the day ended with {}: {said}", done.status);
        let changes = said.lines().find_map(|line| line.strip_prefix("changes: ")).context("the command says how many changes it made")?;
        figures.add("object_changes", changes.trim().parse()?);
        outputs.push(done.stdout);
    }
    figures.add("output_mib", outputs[0].len() as f64 / 1_048_576.0);
    ensure!(outputs[0] == outputs[1], "two runs of the same day differ");
    Ok(())
}

/// The day; counts are divided by `divisor`.
fn scenario(divisor: usize) -> Result<String> {
    let (nodes, base, more) = ((249 / divisor).max(1), (49 / divisor).max(1), (20 / divisor).max(1));
    let mut text = String::from("start: 2026-03-02T00:00:00Z\nseed: 1\nuntil: 24h\nworld:\n  clusters:\n    - pools:\n");
    writeln!(text, "        - {{name: system, mode: System, count: 4, vmSize: Standard_D4s_v5}}")?;
    for lane in 0..LANES {
        writeln!(text, "        - {{name: lane{lane}, count: {nodes}, vmSize: Standard_D8s_v5, nodeLabels: {{lane: \"{lane}\"}}}}")?;
    }
    text.push_str("      manifests:\n        - |\n");
    for number in 0..DEPLOYMENTS {
        let lane = number % LANES;
        writeln!(
            text,
            "          ---\n          {{apiVersion: apps/v1, kind: Deployment, metadata: {{name: app-{number:03}}}, spec: {{replicas: {base}, \
             selector: {{matchLabels: {{app: app-{number:03}}}}}, template: {{metadata: {{labels: {{app: app-{number:03}}}}}, spec: {{\
             nodeSelector: {{lane: \"{lane}\"}}, containers: [{{name: c, image: i, resources: {{requests: {{cpu: 250m, memory: 512Mi}}}}}}]}}}}}}}}"
        )?;
    }
    text.push_str("timeline:\n");
    for hour in 0..24 {
        for place in 0..BURSTING {
            let number = (hour * BURSTING + place * 7) % DEPLOYMENTS;
            let load = |minute: usize, replicas: usize| {
                let at = hour * 60 + minute;
                format!("  - {{at: {at}m, load: {{workload: app-{number:03}, replicas: {replicas}, over: 10m}}}}\n")
            };
            text.push_str(&load(5, base + more));
            text.push_str(&load(35, base));
        }
    }
    text.push_str("assert:\n  - {metric: operations_failed, max: 0}\n  - {metric: pending_p95, max: 1m}\n");
    Ok(text)
}
