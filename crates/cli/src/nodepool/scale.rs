//! `scale`: GET, PUT with another count.
//!
//! az refuses an autoscaled pool and an equal count itself.

use serde_json::json;

use super::arguments::OfPool;
use super::request::Session;
use super::settings::writable;
use crate::az::Failure;
use crate::environment::Environment;

/// Flags.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    pub(super) pool: OfPool,
    /// Number of nodes in the Kubernetes node pool.
    #[arg(short = 'c', long, default_value_t = 3, allow_negative_numbers = true)]
    node_count: i64,
    /// Do not wait for the long-running operation to finish.
    #[arg(long)]
    pub(super) no_wait: bool,
}

pub(super) async fn run(arguments: Arguments, environment: &Environment) -> Result<(), Failure> {
    let mut session = Session::open_pool(&arguments.pool, environment).await?;
    let mut properties = writable(session.pool(&arguments.pool.name).await?);
    if properties["enableAutoScaling"] == true {
        return Err(Failure::refused("Cannot scale cluster autoscaler enabled node pool."));
    }
    if properties["count"] == arguments.node_count {
        return Err(Failure::refused("The new node count is the same as the current node count."));
    }
    let count = json!(arguments.node_count);
    if properties["type"] == "VirtualMachines" {
        let manual = properties["virtualMachinesProfile"]["scale"]["manual"].as_array_mut();
        let Some([only]) = manual.map(Vec::as_mut_slice) else {
            return Err(Failure::refused("Cannot scale virtual machines node pool with more than one size."));
        };
        only["count"] = count;
    } else {
        properties["count"] = count;
    }
    session.put(&arguments.pool, properties, &Vec::new(), arguments.no_wait).await
}
