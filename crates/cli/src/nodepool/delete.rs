//! `delete`: looks the pool up in the list, then DELETE; nothing is printed.
//!
//! az's own order of requests: what it looks up first, it looks up first too, and refuses in the same words.
//! Not here: flags (`arguments`) and polling (`connection`).

use ::http::Method;

use super::arguments::OfPool;
use super::request::{Session, if_match};
use crate::az::Failure;
use crate::environment::Environment;

/// Flags.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    pub(super) pool: OfPool,
    /// Only if the pool still has this eTag.
    #[arg(long)]
    if_match: Option<String>,
    /// Delete without considering Pod Disruption Budgets.
    #[arg(short = 'i', long)]
    ignore_pdb: bool,
    /// Do not wait for the long-running operation to finish.
    #[arg(long)]
    pub(super) no_wait: bool,
}

pub(super) async fn run(arguments: Arguments, environment: &Environment) -> Result<(), Failure> {
    let name = &arguments.pool.name;
    let mut session = Session::open_pool(&arguments.pool, environment).await?;
    if !session.has_pool(name).await? {
        return Err(Failure::refused(format!("Node pool {name} doesnt exist, use 'aks nodepool list' to get current node pool list")));
    }
    let mut path = session.pool_path(name, "");
    if arguments.ignore_pdb {
        path.push_str("&ignore-pod-disruption-budget=true");
    }
    let headers = if_match(arguments.if_match.as_deref())?.into_iter().collect();
    session.run(Method::DELETE, path, &headers, None, &arguments.pool, arguments.no_wait).await
}
