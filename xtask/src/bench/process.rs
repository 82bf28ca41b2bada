//! Processes as the figures need them: run to their end, weighed, watched while idle.
//!
//! Memory and processor time are read from /proc: Linux only.

use anyhow::{Context, Result, bail};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Runs a command to its end; its standard output, or an error with what it said.
pub fn output(command: &mut Command) -> Result<String> {
    let done = command.stdin(Stdio::null()).output().with_context(|| format!("starting {:?}", command.get_program()))?;
    if !done.status.success() {
        bail!("{:?} ended with {}: {}", command.get_program(), done.status, String::from_utf8_lossy(&done.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

/// The number that follows `marker` in what a tool said.
pub fn number_after(text: &str, marker: &str) -> Result<f64> {
    let rest = text.split_once(marker).with_context(|| format!("no `{marker}` in: {text}"))?.1.trim_start();
    let digits: String = rest.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    digits.parse().with_context(|| format!("no number after `{marker}` in: {text}"))
}

/// Resident memory of processes in MiB: now, and the sum of the most that each ever had.
pub fn memory_mib(pids: &[u32]) -> Result<(f64, f64)> {
    let mut sum = (0.0, 0.0);
    for pid in pids {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        sum.0 += number_after(&status, "VmRSS:")? / 1024.0;
        sum.1 += number_after(&status, "VmHWM:")? / 1024.0;
    }
    Ok(sum)
}

/// Processor use of processes over ten seconds, in percent of one core.
pub fn idle_percent_of_a_core(pids: &[u32]) -> Result<f64> {
    let ticks = || -> Result<f64> {
        let mut sum = 0.0;
        for pid in pids {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
            let fields: Vec<&str> = stat.rsplit_once(") ").context("stat has a name")?.1.split(' ').collect();
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
    let said = output(Command::new("df").arg("--output=fstype").arg(crate::peers::target()))?;
    Ok(said.lines().last().unwrap_or("?").trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_load_tools_lines_are_read() {
        assert_eq!(number_after("pods=5000 created_by=1.0s running_all=73.50s => 68.0 pods/s", "running_all=").unwrap(), 73.5);
        assert!(number_after("nothing", "running_all=").is_err());
    }
}
