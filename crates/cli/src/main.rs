//! The binary nodelane: one file (or folder) per verb; this one only says which there are and how a command ends.
//!
//! Invariants: exit code 0, or 1 for errors, 2 for a command line that cannot be read, 3 for what is not there.
//! Results go to stdout; errors, warnings and progress to stderr. A new verb is a variant, an arm, and its file.

mod az;
mod client_env;
mod connection;
mod down;
mod env;
mod environment;
mod estimate;
mod explain;
mod export;
mod fault;
mod look;
mod maintenance;
mod nodepool;
mod operation;
mod place;
mod plan;
mod policy;
mod quota;
mod rehearse;
mod scheduler;
mod source;
mod status;
mod up;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;

use az::Failure;
use environment::Environment;

/// AKS node pools on your machine: run them, decide with them, rehearse what comes.
#[derive(Debug, Parser)]
#[command(name = "nodelane", version, infer_long_args = true, args_override_self = true, max_term_width = 100)]
struct CommandLine {
    /// Folder of the server's data [default: $NODELANE_DATA_DIR, else ~/.local/share/nodelane].
    #[arg(long, global = true, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Run the server: both APIs, simulated machines, the store.
    Up(up::Up),
    /// Stop the server.
    Down,
    /// Stop the server and forget everything that it kept.
    Reset,
    /// Say what runs where; exit code 3 when nothing does.
    Status(status::Status),
    /// Print what makes az, kubectl, terraform and nodelane of a shell use this server.
    Env(env::Env),
    /// Say which node, and why not the others, for worlds given as plain Kubernetes objects.
    Place(place::Place),
    /// Manage node pools: az's verbs, flags and output, in milliseconds.
    #[command(subcommand)]
    Nodepool(Box<nodepool::PoolVerb>),
    /// The same under az's names: `nodelane aks nodepool …`, `nodelane aks machine …`.
    #[command(subcommand)]
    Aks(AksVerb),
    /// Write the node pools as a table for tickets and reviews.
    #[command(subcommand)]
    Export(export::ExportVerb),
    /// How many machines pending pods need and what they cost, from files; no cluster is asked.
    Estimate(Box<estimate::EstimateVerb>),
    /// Let a cluster live through hours in a second: upgrades, bursts and faults of a scenario file, judged by its assertions.
    Rehearse(rehearse::Rehearse),
    /// Say what a change of a node pool would do, before it is made: machines, pods, budgets, minutes, price.
    #[command(subcommand)]
    Plan(plan::PlanVerb),
    /// Say why a pod waits and what would let it run: pool by pool, each change tried in a copy of the cluster.
    #[command(subcommand)]
    Explain(explain::ExplainVerb),
    /// Show how far operations of node pools are, node by node: what each has, what holds it up, when it should end.
    #[command(subcommand)]
    Operation(operation::OperationVerb),
    /// Break things on purpose: allocation failures, evictions, lost zones, throttling.
    #[command(subcommand)]
    Fault(fault::FaultVerb),
    /// When channels may move versions and images next, and what they did last.
    #[command(subcommand)]
    Maintenance(maintenance::MaintenanceVerb),
    /// Show and set the vCPU quotas of the subscription.
    #[command(subcommand)]
    Quota(quota::QuotaVerb),
    /// Show, set and clear the policy of the subscription: sizes, regions, tags, names.
    #[command(subcommand)]
    Policy(policy::PolicyVerb),
}

#[derive(Debug, clap::Subcommand)]
enum AksVerb {
    /// Manage node pools.
    #[command(subcommand)]
    Nodepool(Box<nodepool::PoolVerb>),
    /// Get information about the machines of a node pool.
    #[command(subcommand)]
    Machine(Box<nodepool::MachineVerb>),
}

fn main() -> ExitCode {
    match run(CommandLine::parse()) {
        Ok(code) => code,
        Err(error) => {
            let exit_code = error.downcast_ref::<Failure>().map_or(1, |failure| failure.exit_code);
            eprintln!("ERROR: {error:#}");
            ExitCode::from(exit_code)
        }
    }
}

fn run(command_line: CommandLine) -> Result<ExitCode> {
    match &command_line.verb {
        Verb::Place(place) => return place::run_verb(place),
        Verb::Rehearse(rehearse) => return rehearse::run_verb(rehearse),
        _ => {}
    }
    let environment = Environment::read(command_line.data_dir)?;
    let paths = &environment.paths;
    match &command_line.verb {
        Verb::Up(up) => return up::run_verb(up, paths),
        Verb::Down => return down::down(paths),
        Verb::Reset => return down::reset(paths),
        Verb::Status(status) => return status::run_verb(status, paths),
        Verb::Env(env) => return env::run_verb(env, paths),
        Verb::Estimate(verb) => return estimate::run_verb(verb),
        _ => {}
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no event loop")?;
    runtime.block_on(async {
        match command_line.verb {
            Verb::Nodepool(verb) | Verb::Aks(AksVerb::Nodepool(verb)) => nodepool::run(*verb, &environment).await?,
            Verb::Aks(AksVerb::Machine(verb)) => nodepool::run_machine(*verb, &environment).await?,
            Verb::Export(verb) => export::run(verb, &environment).await?,
            Verb::Explain(verb) => explain::run(verb, &environment).await?,
            Verb::Plan(verb) => return plan::run(verb, &environment).await,
            Verb::Operation(verb) => return operation::run(verb, &environment).await,
            Verb::Fault(verb) => fault::run(verb, &environment).await?,
            Verb::Maintenance(verb) => maintenance::run(verb, &environment).await?,
            Verb::Quota(verb) => quota::run(verb, &environment).await?,
            Verb::Policy(verb) => policy::run(verb, &environment).await?,
            Verb::Up(_)
            | Verb::Down
            | Verb::Reset
            | Verb::Status(_)
            | Verb::Env(_)
            | Verb::Place(_)
            | Verb::Estimate(_)
            | Verb::Rehearse(_) => unreachable!("answered above"),
        }
        Ok(ExitCode::SUCCESS)
    })
}
