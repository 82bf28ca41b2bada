//! `nodelane aks machine list|show`, and `nodepool delete-machines`.
//!
//! az's own order of requests: what it looks up first, it looks up first too, and refuses in the same words.
//! Not here: flags (`arguments`) and polling (`connection`).

use ::http::Method;
use serde_json::json;

use super::arguments::{InCluster, OfPool};
use super::check::pool_name;
use super::request::{Session, print};
use crate::az::output::Columns;
use crate::az::{Failure, Shape, Value};
use crate::connection::encoded;
use crate::environment::Environment;

/// The verbs of `machine`.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum MachineVerb {
    /// Get information about IP addresses and hostnames of all machines in a node pool.
    List(MachinesArguments),
    /// Show IP addresses and hostname of a machine in a node pool.
    Show(MachineArguments),
}

/// Flags of `machine list`.
#[derive(Clone, Debug, clap::Args)]
pub struct MachinesArguments {
    #[command(flatten)]
    cluster: InCluster,
    /// Name of the agentpool of a managed cluster.
    #[arg(long)]
    nodepool_name: String,
}

/// Flags of `machine show`.
#[derive(Clone, Debug, clap::Args)]
pub struct MachineArguments {
    #[command(flatten)]
    machines: MachinesArguments,
    /// Name of the machine in the agentpool of a managed cluster.
    #[arg(long)]
    machine_name: String,
}

/// Flags of `nodepool delete-machines`.
#[derive(Clone, Debug, clap::Args)]
pub struct DeleteArguments {
    #[command(flatten)]
    pool: OfPool,
    /// Space-separated list of machine names from the agent pool to be deleted.
    #[arg(long, required = true, num_args = 1.., action = clap::ArgAction::Set)]
    machine_names: Vec<String>,
    /// Do not wait for the long-running operation to finish.
    #[arg(long)]
    no_wait: bool,
}

/// Runs `machine list` or `machine show`.
pub async fn run(verb: MachineVerb, environment: &Environment) -> Result<(), Failure> {
    match verb {
        MachineVerb::List(MachinesArguments { cluster, nodepool_name }) => {
            pool_name(&nodepool_name)?;
            let mut session = Session::open(&cluster, environment).await?;
            let path = session.pool_path(&nodepool_name, "/machines");
            let machines = session.arm.list(&path).await?;
            print(&Shape::Machine.results(&machines), Columns::Machine, &cluster.printing)
        }
        MachineVerb::Show(MachineArguments { machines, machine_name }) => {
            pool_name(&machines.nodepool_name)?;
            let mut session = Session::open(&machines.cluster, environment).await?;
            let path = session.pool_path(&machines.nodepool_name, &format!("/machines/{}", encoded(&machine_name)));
            let machine: Value = session.arm.get(&path).await?.read()?;
            print(&Shape::Machine.result(&machine), Columns::Machine, &machines.cluster.printing)
        }
    }
}

pub(super) async fn delete(arguments: DeleteArguments, environment: &Environment) -> Result<(), Failure> {
    let DeleteArguments { pool, machine_names, no_wait } = arguments;
    let mut session = Session::open_pool(&pool, environment).await?;
    if !session.has_pool(&pool.name).await? {
        let name = &pool.name;
        return Err(Failure::not_found(format!(
            "Node pool {name} doesn't exist, use 'az aks nodepool list' to get current node pool list"
        )));
    }
    let path = session.pool_path(&pool.name, "/deleteMachines");
    let body = json!({ "machineNames": machine_names });
    session.run(Method::POST, path, &Vec::new(), Some(&body), &pool, no_wait).await
}
