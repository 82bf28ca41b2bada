//! `nodelane rehearse F …`: scenarios on virtual time, judged by their assertions.
//!
//! Exit codes: 0 all assertions hold, 1 one does not, 2 the scenario is bad. Results go to stdout, progress and warnings to stderr.
//! The result says nothing of files, hosts or wall time: the same scenario and seed give the same bytes everywhere.

mod bar;
mod compare;
pub mod hands;
mod html;
mod junit;
mod markdown;
pub mod scene;
mod seeds;
mod words;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::ValueEnum;
use nodelane_rehearsal::record::Record;

use scene::Scene;

/// Flags.
#[derive(Debug, clap::Args)]
pub struct Rehearse {
    /// Scenario files; several are compared.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What ids and latencies are drawn from [default: the scenario's].
    #[arg(long, value_name = "N", conflicts_with = "seeds")]
    seed: Option<u64>,
    /// Run so many seeds from the scenario's on; print distributions and the worst.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    seeds: Option<u64>,
    /// Seeds at once [default: one a core]; the result does not depend on it.
    #[arg(long, value_name = "N", requires = "seeds")]
    threads: Option<usize>,
    /// Output format.
    #[arg(short = 'o', long = "output", value_enum, default_value = "markdown")]
    format: Format,
    /// Draw the runs into a page that needs nothing else.
    #[arg(long, value_name = "FILE", conflicts_with = "seeds")]
    html: Option<PathBuf>,
    /// Say on stderr how many writes of documents the runs made.
    #[arg(long, hide = true, conflicts_with = "seeds")]
    count_changes: bool,
}

/// How a result is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Everything, to compute with.
    Json,
    /// Tables, to read.
    Markdown,
    /// Assertions as test cases, for a pipeline.
    Junit,
}

/// A scenario's run.
pub struct Run {
    /// What it is called where several are shown.
    pub label: String,
    /// What it left.
    pub record: Record,
}

/// Runs the verb.
pub fn run_verb(arguments: &Rehearse) -> Result<ExitCode> {
    match rehearse(arguments) {
        Ok(holds) => Ok(ExitCode::from(u8::from(!holds))),
        Err(error) => match error.downcast_ref::<scene::BadScenario>() {
            Some(bad) => {
                eprintln!("ERROR: {bad}");
                Ok(ExitCode::from(2))
            }
            None => Err(error),
        },
    }
}

fn rehearse(arguments: &Rehearse) -> Result<bool> {
    let scenes = arguments.files.iter().map(|path| Scene::open(path)).collect::<Result<Vec<_>, _>>()?;
    if let Some(count) = arguments.seeds {
        let all = scenes.iter().map(|scene| seeds::run(scene, count, arguments.threads)).collect::<Result<Vec<_>, _>>()?;
        print(&seeds::text(arguments.format, &all)?)?;
        return Ok(all.iter().all(seeds::Seeds::hold));
    }
    let mut runs = Vec::new();
    for scene in &scenes {
        let mut bar = bar::Bar::new(&scene.label, scene.scenario.start, scene.scenario.end());
        let record = scene.run(arguments.seed.unwrap_or(scene.scenario.seed), &mut |now| bar.show(now))?;
        runs.push(Run { label: scene.label.clone(), record });
    }
    if let Some(path) = &arguments.html {
        std::fs::write(path, html::page(&runs)).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if arguments.count_changes {
        eprintln!("changes: {}", runs.iter().map(|run| run.record.changes).sum::<u64>());
    }
    for run in &runs {
        for row in run.record.decisions.iter().filter(|row| row.planner == "admit" || row.action == "break down") {
            eprintln!("WARNING: {} at {}: {}", run.label, row.at, row.reason);
        }
    }
    let text = match (arguments.format, runs.as_slice()) {
        (Format::Json, [run]) => format!("{}\n", serde_json::to_string(&run.record)?),
        (Format::Json, runs) => format!("{}\n", compare::json(runs)?),
        (Format::Markdown, [run]) => markdown::report(&run.record),
        (Format::Markdown, runs) => compare::markdown(runs),
        (Format::Junit, runs) => junit::report(runs),
    };
    print(&text)?;
    Ok(runs.iter().all(|run| run.record.asserts.iter().all(|row| row.holds)))
}

fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()), // A reader that went away (`| head`) is no error.
    }
}
