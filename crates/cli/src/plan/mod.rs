//! `nodelane plan nodepool upgrade|scale|update|add|delete …`: what the command would do, before anybody runs it.
//!
//! Flags are those of the real command. It is asked of a copy of the present state, with the same checks, merges and refusals, and the
//! copy lives on virtual time until the change is over, under several seeds. Nothing is changed anywhere. Exit codes: 0 the change would
//! be accepted, 1 refused, 2 for a command line that cannot be read. Without `-o` and `--query` the answer is text.

mod command;
mod present;
mod runs;

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use nodelane_review::forecast::{Forecast, Verdict, first_words};

use crate::az::output::Columns;
use crate::az::{Failure, Value};
use crate::environment::Environment;
use crate::nodepool::{Add, Delete, PoolVerb, Printing, Scale, Update, Upgrade, print};
use crate::source::Elsewhere;

/// What can be planned.
#[derive(Debug, clap::Subcommand)]
pub enum PlanVerb {
    /// A change of a node pool, with az's verbs and flags.
    #[command(subcommand)]
    Nodepool(PoolPlan),
}

/// Changes.
#[derive(Debug, clap::Subcommand)]
pub enum PoolPlan {
    /// Add a node pool.
    Add(Box<Planned<Add>>),
    /// Update a node pool.
    Update(Box<Planned<Update>>),
    /// Scale the node pool.
    Scale(Box<Planned<Scale>>),
    /// Upgrade the node pool.
    Upgrade(Box<Planned<Upgrade>>),
    /// Delete the node pool.
    Delete(Box<Planned<Delete>>),
}

/// A command and of which state it is asked.
#[derive(Debug, clap::Args)]
pub struct Planned<T: clap::Args> {
    #[command(flatten)]
    elsewhere: Elsewhere,
    /// How many times it is run, with other boot and drain times each.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,
    #[command(flatten)]
    arguments: T,
}

impl PoolPlan {
    fn take(self) -> (PoolVerb, Elsewhere, u64) {
        match self {
            PoolPlan::Add(plan) => (PoolVerb::Add(Box::new(plan.arguments)), plan.elsewhere, plan.seeds),
            PoolPlan::Update(plan) => (PoolVerb::Update(Box::new(plan.arguments)), plan.elsewhere, plan.seeds),
            PoolPlan::Scale(plan) => (PoolVerb::Scale(Box::new(plan.arguments)), plan.elsewhere, plan.seeds),
            PoolPlan::Upgrade(plan) => (PoolVerb::Upgrade(Box::new(plan.arguments)), plan.elsewhere, plan.seeds),
            PoolPlan::Delete(plan) => (PoolVerb::Delete(plan.arguments), plan.elsewhere, plan.seeds),
        }
    }
}

/// Runs the verb.
pub async fn run(verb: PlanVerb, environment: &Environment) -> Result<ExitCode> {
    let PlanVerb::Nodepool(plan) = verb;
    let (verb, elsewhere, seeds) = plan.take();
    let words: Vec<String> = std::env::args().collect();
    let (verb, pool) = verb.at_once().ok_or_else(|| Failure::refused("this command cannot be planned"))?;
    let command = command::of(&words);
    let is_text = !command::asks_for_format(&words);
    let present = present::read(&elsewhere, &pool, environment).await?;
    let begun = runs::begin(present, verb, &pool, command);
    if is_text {
        say(&first_words(begun.refusal().as_ref(), begun.price(), begun.tight()))?;
    }
    let forecast = begun.finish(seeds);
    match is_text {
        true => say(&forecast.rest_of_text())?,
        false => show(&forecast, &pool.cluster.printing)?,
    }
    Ok(ExitCode::from(u8::from(forecast.verdict == Verdict::Refused)))
}

fn show(forecast: &Forecast, printing: &Printing) -> Result<()> {
    let value: Value = serde_json::from_str(&serde_json::to_string(forecast)?)?;
    Ok(print(&value, Columns::Sorted, printing)?)
}

fn say(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()), // A reader that went away (`| head`) is no error.
    }
}
