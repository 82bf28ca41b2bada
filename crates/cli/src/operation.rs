//! `nodelane operation show [POOL|ID]`, `nodelane operation watch [POOL|ID]`: how far operations of node pools are, node by node.
//!
//! Without a name all that run. JSON is one object for one pool, a list for all; `watch -o json` prints one such value a line whenever it
//! changes. On a terminal `watch` redraws, elsewhere it prints a line whenever a node's phase changes. It ends with the operation:
//! exit code 0 where that succeeded, 1 where not. 3 where there is no such pool or operation.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write, stdout};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum;
use nodelane_model::operation::Outcome;
use nodelane_review::progress::{NodePhase, PoolProgress, pool_of, progress, running};
use nodelane_world::Snapshot;

use crate::az::Failure;
use crate::environment::Environment;
use crate::source::Source;

/// How often `watch` looks. Each look reads the cluster's lists: a second for a few hundred pods, and no more than a third of the time.
const TICK: Duration = Duration::from_secs(1);

/// What can be done.
#[derive(Debug, clap::Subcommand)]
pub enum OperationVerb {
    /// Show how far they are.
    Show(Arguments),
    /// The same until it has ended.
    Watch(Arguments),
}

/// Flags.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A node pool, or the id of an operation [default: all that run].
    #[arg(value_name = "POOL|ID")]
    subject: Option<String>,
    #[command(flatten)]
    source: Source,
    /// Format of the answer.
    #[arg(short = 'o', long = "output", value_enum, ignore_case = true, default_value = "table")]
    format: Format,
}

/// `-o`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Json,
    Table,
}

/// Runs the verb.
pub async fn run(verb: OperationVerb, environment: &Environment) -> Result<ExitCode> {
    match verb {
        OperationVerb::Show(arguments) => {
            let (snapshot, _) = arguments.source.read(environment).await?;
            let found = look(&snapshot, arguments.subject.as_deref())?;
            match arguments.format {
                Format::Json => println!("{}", json(&found, arguments.subject.is_some(), true)),
                Format::Table => print!("{}", text(&snapshot, &found)),
            }
            Ok(ExitCode::SUCCESS)
        }
        OperationVerb::Watch(arguments) => watch(&arguments, environment).await,
    }
}

async fn watch(arguments: &Arguments, environment: &Environment) -> Result<ExitCode> {
    let redraws = stdout().is_terminal() && arguments.format == Format::Table;
    let (mut seen, mut last, mut drawn) = (BTreeMap::new(), String::new(), 0);
    let mut subject = arguments.subject.clone();
    loop {
        let (snapshot, _) = arguments.source.read(environment).await?;
        let found = look(&snapshot, subject.as_deref())?;
        // What was begun with is what is watched: a later operation of the pool is another.
        if let (Some(_), [one]) = (&subject, &found[..]) {
            subject = Some(one.id.clone());
        }
        let mut out = stdout().lock();
        match arguments.format {
            Format::Json => {
                let line = json(&found, arguments.subject.is_some(), false);
                if line != last {
                    writeln!(out, "{line}")?;
                    last = line;
                }
            }
            Format::Table if redraws => {
                let text = text(&snapshot, &found);
                // Up to where the last drawing began, and away with what is below.
                write!(out, "{}\x1b[J{text}", if drawn > 0 { format!("\x1b[{drawn}A") } else { String::new() })?;
                drawn = text.lines().count();
            }
            Format::Table => {
                for line in changes(&mut seen, &snapshot, &found) {
                    writeln!(out, "{line}")?;
                }
            }
        }
        out.flush()?;
        drop(out);
        if let Some(code) = ended(&found, subject.is_some()) {
            return Ok(code);
        }
        tokio::time::sleep(TICK).await;
    }
}

/// The operation that is meant, or all that run.
fn look(snapshot: &Snapshot, subject: Option<&str>) -> Result<Vec<PoolProgress>, Failure> {
    let Some(subject) = subject else { return Ok(running(snapshot)) };
    if let Some(found) = progress(snapshot, subject, None) {
        return Ok(vec![found]);
    }
    let by_id = pool_of(&snapshot.world, subject).and_then(|pool| progress(snapshot, &pool, Some(subject)));
    by_id.map(|found| vec![found]).ok_or_else(|| {
        let pools: Vec<_> = snapshot.world.pools().map(|(doc, _)| doc.key.name.to_string()).collect();
        Failure::not_found(format!("there is no pool or operation {subject} that is known; there are the pools {}", pools.join(", ")))
    })
}

/// The exit code, once what is watched has ended.
fn ended(found: &[PoolProgress], is_one: bool) -> Option<ExitCode> {
    match found {
        [] => Some(ExitCode::SUCCESS),
        [one] if is_one => one.ended.as_ref().map(|ended| match ended.outcome {
            Outcome::Succeeded => ExitCode::SUCCESS,
            Outcome::Failed | Outcome::Canceled => ExitCode::FAILURE,
        }),
        _ => None,
    }
}

fn text(snapshot: &Snapshot, found: &[PoolProgress]) -> String {
    match found {
        [] => "No operation runs.\n".to_owned(),
        found => found.iter().map(|one| one.text(snapshot.now)).collect::<Vec<_>>().join("\n"),
    }
}

fn json(found: &[PoolProgress], is_one: bool, pretty: bool) -> String {
    let value = match found {
        [one] if is_one => serde_json::to_value(one),
        found => serde_json::to_value(found),
    };
    let value = value.unwrap_or_default();
    let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
    text.unwrap_or_default()
}

/// A line for each operation and node that is not as it was seen last.
fn changes(seen: &mut BTreeMap<String, (String, Option<NodePhase>)>, snapshot: &Snapshot, found: &[PoolProgress]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut note = |subject: String, what: (String, Option<NodePhase>), line: String| {
        if seen.get(&subject) != Some(&what) {
            lines.push(line);
            seen.insert(subject, what);
        }
    };
    for one in found {
        let state = format!("{} {}", one.state, one.phase);
        note(one.id.clone(), (state, None), format!("{} {}", snapshot.now, one.headline(snapshot.now)));
        for node in &one.nodes {
            let by = node.blocked_by.as_ref().map(|by| format!(", blocked by {} under {}", by.pod, by.budget)).unwrap_or_default();
            let line = format!("{} {} {:?}{by}", snapshot.now, node.node, node.phase);
            note(node.node.to_string(), (by, Some(node.phase)), line);
        }
    }
    lines
}
