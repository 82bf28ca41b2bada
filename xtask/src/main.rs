//! `cargo xtask VERB`: the project's own tools.
//!
//! Verbs: `tidy`, `peers`, `test [--full] [-k WORD]`, `mutants [WORD]`,
//! `bench NAME|all [-o json] [--runs N] [--peer-runs N] [--small]`.
//! The work is in the library; here is only the reading of the command line.

use std::process::ExitCode;

use anyhow::{Result, bail};
use xtask::{bench, mutants, peers, root, suite, tidy};

const USAGE: &str = "usage: cargo xtask VERB
  tidy                            the house style, and how long the files are
  peers [--full]                  install the real clients and servers under target/peers
  test [--full] [-k WORD]         everything: cargo test, then conformance; ends with `N passed, N failed`
  mutants [WORD]                  whether the golden scenarios notice each wrong placement of conformance/place-mutants.tsv
  bench NAME|all [-o json] [--runs 5] [--peer-runs 1] [--small]
                                  start, idle, restart, nodes-1000, pods-5000, nodes-5000, pods-20000, list-5000, write-500, build,
                                  estimate-5000, estimate-5000-optimal, estimate-20000, estimate-4000-hard, estimate-4000-soft";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &[String]) -> Result<bool> {
    let (verb, rest) = arguments.split_first().map_or(("", &[][..]), |(verb, rest)| (verb.as_str(), rest));
    let flag = |name: &str| rest.iter().any(|a| a == name);
    let value = |name: &str| rest.iter().position(|a| a == name).and_then(|at| rest.get(at + 1)).map(String::as_str);
    match verb {
        "tidy" => {
            let findings = tidy::check(&root())?;
            findings.iter().for_each(|finding| println!("{finding}"));
            let sizes = tidy::sizes(&tidy::read_tree(&root())?);
            println!(
                "{} Rust files, {} lines; half below {} (goal 150), nine in ten below {} (goal 450), longest {} with {} (limit 800)",
                sizes.files, sizes.lines, sizes.median, sizes.ninth_decile, sizes.longest.0, sizes.longest.1
            );
            println!("{} findings", findings.len());
            Ok(findings.is_empty())
        }
        "peers" => peers::install(flag("--full")).map(|_| true),
        "test" => suite::run(flag("--full"), value("-k")),
        "mutants" => mutants::run(rest.first().map(String::as_str)),
        "bench" => {
            let Some(name) = rest.first() else { bail!("{USAGE}") };
            let number = |name: &str, default: usize| value(name).map_or(Ok(default), str::parse);
            let (runs, peer_runs) = (number("--runs", 5)?, number("--peer-runs", 1)?);
            bench::run(name, &bench::Options { json: value("-o") == Some("json"), runs, peer_runs, small: flag("--small") })
        }
        _ => bail!("{USAGE}"),
    }
}
