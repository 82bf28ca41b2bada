//! `nodelane nodepool …`, the same as `nodelane aks nodepool …`: az's verbs for node pools, one file per verb.
//!
//! Invariants: flags, checks, requests and their order, output and exit codes are those of az 2.91; what az refuses
//! itself is refused here with the same words and without a request.

mod add;
mod arguments;
mod check;
mod delete;
mod machines;
mod power;
mod preview;
mod read;
mod repairs;
mod request;
mod rollback;
mod scale;
mod settings;
mod update;
mod upgrade;
mod wait;

pub use add::Arguments as Add;
pub use arguments::{InCluster, OfPool, Printing};
pub use delete::Arguments as Delete;
pub use machines::{MachineVerb, run as run_machine};
pub use request::print;
pub use scale::Arguments as Scale;
pub use update::Arguments as Update;
pub use upgrade::Arguments as Upgrade;

use crate::az::Failure;
use crate::environment::Environment;

/// The verbs.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum PoolVerb {
    /// List node pools in the managed Kubernetes cluster.
    List(InCluster),
    /// Show the details for a node pool.
    Show(OfPool),
    /// Add a node pool.
    Add(Box<add::Arguments>),
    /// Update a node pool.
    Update(Box<update::Arguments>),
    /// Scale the node pool.
    Scale(Box<scale::Arguments>),
    /// Upgrade the node pool.
    Upgrade(Box<upgrade::Arguments>),
    /// Delete the node pool.
    Delete(delete::Arguments),
    /// Get the available upgrade versions for the node pool.
    GetUpgrades(OfPool),
    /// Get the version and image that the node pool can be rolled back to.
    GetRollbackVersions(OfPool),
    /// Roll the node pool back to the version and image that it had before its last upgrade.
    Rollback(Box<rollback::Arguments>),
    /// Stop a running node pool.
    Stop(power::Arguments),
    /// Start a stopped node pool.
    Start(power::Arguments),
    /// Abort the last running operation on the node pool.
    OperationAbort(power::AbortArguments),
    /// Delete specific machines of the node pool.
    DeleteMachines(machines::DeleteArguments),
    /// Show what auto-repair did to the node pool's machines.
    Repairs(OfPool),
    /// Wait for the node pool to reach a state.
    Wait(Box<wait::Arguments>),
}

/// Runs a verb.
pub async fn run(verb: PoolVerb, environment: &Environment) -> Result<(), Failure> {
    match verb {
        PoolVerb::List(arguments) => read::list(arguments, environment).await,
        PoolVerb::Show(arguments) => read::show(arguments, environment).await,
        PoolVerb::GetUpgrades(arguments) => read::upgrades(arguments, environment).await,
        PoolVerb::GetRollbackVersions(arguments) => rollback::versions(arguments, environment).await,
        PoolVerb::Rollback(arguments) => rollback::run(*arguments, environment).await,
        PoolVerb::Add(arguments) => add::run(*arguments, environment).await,
        PoolVerb::Update(arguments) => update::run(*arguments, environment).await,
        PoolVerb::Scale(arguments) => scale::run(*arguments, environment).await,
        PoolVerb::Upgrade(arguments) => upgrade::run(*arguments, environment).await,
        PoolVerb::Delete(arguments) => delete::run(arguments, environment).await,
        PoolVerb::Stop(arguments) => power::run(arguments, "Stopped", environment).await,
        PoolVerb::Start(arguments) => power::run(arguments, "Running", environment).await,
        PoolVerb::OperationAbort(arguments) => power::abort(arguments, environment).await,
        PoolVerb::DeleteMachines(arguments) => machines::delete(arguments, environment).await,
        PoolVerb::Repairs(arguments) => repairs::run(arguments, environment).await,
        PoolVerb::Wait(arguments) => wait::run(*arguments, environment).await,
    }
}

impl PoolVerb {
    /// The same, neither waiting for its end nor asking, with the pool that it is about; `None` for a verb that cannot be planned.
    pub fn at_once(mut self) -> Option<(Self, OfPool)> {
        let (pool, no_wait) = match &mut self {
            PoolVerb::Add(arguments) => (&arguments.pool, &mut arguments.no_wait),
            PoolVerb::Update(arguments) => (&arguments.pool, &mut arguments.no_wait),
            PoolVerb::Scale(arguments) => (&arguments.pool, &mut arguments.no_wait),
            PoolVerb::Upgrade(arguments) => {
                arguments.yes = true;
                (&arguments.pool, &mut arguments.no_wait)
            }
            PoolVerb::Delete(arguments) => (&arguments.pool, &mut arguments.no_wait),
            _ => return None,
        };
        *no_wait = true;
        let pool = pool.clone();
        Some((self, pool))
    }
    /// Whether it asks for a change, and not only for an answer.
    pub fn is_change(&self) -> bool {
        match self {
            PoolVerb::Add(_)
            | PoolVerb::Update(_)
            | PoolVerb::Scale(_)
            | PoolVerb::Upgrade(_)
            | PoolVerb::Rollback(_)
            | PoolVerb::Delete(_)
            | PoolVerb::Stop(_)
            | PoolVerb::Start(_)
            | PoolVerb::OperationAbort(_)
            | PoolVerb::DeleteMachines(_) => true,
            PoolVerb::List(_)
            | PoolVerb::Show(_)
            | PoolVerb::GetUpgrades(_)
            | PoolVerb::GetRollbackVersions(_)
            | PoolVerb::Repairs(_)
            | PoolVerb::Wait(_) => false,
        }
    }
}

#[cfg(test)]
mod tests;
