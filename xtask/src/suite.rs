//! `cargo xtask test`: the hermetic tests, then conformance against real peers; one count at the end.
//!
//! The last line is `N passed, N failed` over both. A build that fails, a peer that cannot be installed and
//! a suite that dies count as one failure each, so that a green line cannot hide a run that never happened.
//! Peers are installed while cargo compiles: one waits for the network when the other needs the cores.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result};

use crate::{mutants, peers, root};

/// Passed and failed tests.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Tests that passed.
    pub passed: usize,
    /// Tests that failed, and steps that could not run.
    pub failed: usize,
}

impl Count {
    fn add(&mut self, other: Count) {
        self.passed += other.passed;
        self.failed += other.failed;
    }

    fn step_failed(&mut self, what: &str) {
        println!("FAIL {what}");
        self.failed += 1;
    }
}

/// Runs everything; `only` keeps the conformance tests whose name holds that word and leaves cargo's out.
pub fn run(full: bool, only: Option<&str>) -> Result<bool> {
    let start = Instant::now();
    let mut count = Count::default();
    let installation = std::thread::spawn(move || peers::install(full));
    if only.is_none() {
        println!("== cargo test");
        let mut tests = Command::new(env!("CARGO"));
        tests.args(["test", "--workspace", "--no-fail-fast"]).env("NODELANE_FULL", if full { "1" } else { "" });
        count.add(counted(&mut tests, cargo_line)?);
    }
    println!("== release build ({:.0} s so far)", start.elapsed().as_secs_f64());
    let build = peers::succeed(Command::new(env!("CARGO")).args(["build", "--release", "-p", "nodelane-cli"]).current_dir(root()));
    let build = build.and_then(|()| build_with_rules_off());
    let installed = installation.join().unwrap_or_else(|_| Err(anyhow::anyhow!("the installation panicked")));
    match (build, installed) {
        (Ok(()), Ok(peers)) => {
            println!("== conformance ({:.0} s so far)", start.elapsed().as_secs_f64());
            count.add(conformance(&peers, full, only)?);
        }
        (build, peers) => {
            let reasons = [build.err(), peers.err()];
            reasons.iter().flatten().for_each(|e| count.step_failed(&format!("conformance could not start: {e:#}")));
        }
    }
    if full && only.is_none() {
        println!("== mutants ({:.0} s so far)", start.elapsed().as_secs_f64());
        match mutants::run(None) {
            Ok(true) => count.passed += 1,
            Ok(false) => count.step_failed("mutants: some lived"),
            Err(error) => count.step_failed(&format!("mutants: {error:#}")),
        }
    }
    println!("{:.0} s", start.elapsed().as_secs_f64());
    println!("{} passed, {} failed", count.passed, count.failed);
    Ok(count.failed == 0 && count.passed > 0)
}

/// A second binary that can leave a rule out, for the suite `mutants`: a debug build, whose dependencies the tests have built
/// already. Nothing to do before the command line has the feature.
fn build_with_rules_off() -> Result<()> {
    let manifest = std::fs::read_to_string(root().join("crates/cli/Cargo.toml"))?;
    if !manifest.contains("rules-off") {
        return Ok(());
    }
    let mut cargo = Command::new(env!("CARGO"));
    peers::succeed(cargo.args(["build", "-p", "nodelane-cli", "--features", "rules-off"]).current_dir(root()))?;
    let folder = peers::target().join("rules-off");
    std::fs::create_dir_all(&folder)?;
    std::fs::copy(peers::target().join("debug/nodelane"), folder.join("nodelane"))?;
    Ok(())
}

fn conformance(peers: &peers::Peers, full: bool, only: Option<&str>) -> Result<Count> {
    let mut command = Command::new(&peers.python);
    command.arg(root().join("conformance/run.py"));
    command.arg("--nodelane").arg(peers::target().join("release/nodelane"));
    command.arg("--kubectl").arg(&peers.kubectl).arg("--peers").arg(&peers.folder);
    command.arg("--results").arg(peers::target().join("conformance"));
    if full {
        command.arg("--full");
    }
    if let Some(word) = only {
        command.args(["-k", word]);
    }
    counted(&mut command, plain_line)
}

/// Runs a command, shows what it prints, and adds up the lines that count tests.
fn counted(command: &mut Command, line_count: fn(&str) -> Option<Count>) -> Result<Count> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command.current_dir(root()).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().with_context(|| name.clone())?;
    let mut count = Count::default();
    let output = child.stdout.take().context("the output is piped")?;
    for line in BufReader::new(output).lines() {
        let line = line?;
        println!("{line}");
        count.add(line_count(&line).unwrap_or_default());
    }
    let status = child.wait()?;
    if !status.success() && count.failed == 0 {
        count.step_failed(&format!("{name} ended with {status} and counted no failure"));
    }
    Ok(count)
}

/// `test result: ok. 3 passed; 0 failed; …`, once a test program.
fn cargo_line(line: &str) -> Option<Count> {
    let (_, numbers) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let mut parts = numbers.split("; ");
    Some(Count {
        passed: parts.next()?.strip_suffix(" passed")?.parse().ok()?,
        failed: parts.next()?.strip_suffix(" failed")?.parse().ok()?,
    })
}

/// `3 passed, 0 failed`, alone on a line.
fn plain_line(line: &str) -> Option<Count> {
    let (passed, failed) = line.strip_suffix(" failed")?.split_once(" passed, ")?;
    Some(Count { passed: passed.parse().ok()?, failed: failed.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_lines_of_both_runners_are_counted() {
        let cargo = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s";
        assert_eq!(cargo_line(cargo), Some(Count { passed: 12, failed: 3 }));
        assert_eq!(plain_line("7 passed, 2 failed"), Some(Count { passed: 7, failed: 2 }));
        assert_eq!(cargo_line("running 12 tests"), None);
        assert_eq!(plain_line("suite az: 7 passed, 2 failed"), None);
    }

    #[test]
    fn a_command_that_dies_without_a_count_is_one_failure() {
        let mut dies = Command::new("sh");
        dies.args(["-c", "echo '1 passed, 0 failed'; exit 3"]);
        assert_eq!(counted(&mut dies, plain_line).unwrap(), Count { passed: 1, failed: 1 });
    }
}
