//! `stop`, `start`: list, GET, PUT with another power state. `operation-abort`: list, GET, POST.
//!
//! az's own order of requests: what it looks up first, it looks up first too, and refuses in the same words.
//! Not here: flags (`arguments`) and polling (`connection`).

use ::http::Method;
use serde_json::json;

use super::arguments::OfPool;
use super::request::Session;
use super::settings::writable;
use crate::az::Failure;
use crate::environment::Environment;

/// Flags of stop and start.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    abort: AbortArguments,
    /// Accepted and not sent, as with az.
    #[arg(long)]
    aks_custom_headers: Option<String>,
}

/// Flags of operation-abort.
#[derive(Clone, Debug, clap::Args)]
pub struct AbortArguments {
    #[command(flatten)]
    pool: OfPool,
    /// Do not wait for the long-running operation to finish.
    #[arg(long)]
    no_wait: bool,
}

pub(super) async fn run(arguments: Arguments, code: &str, environment: &Environment) -> Result<(), Failure> {
    let AbortArguments { pool, no_wait } = arguments.abort;
    let mut session = open(&pool, environment).await?;
    let mut properties = writable(session.pool(&pool.name).await?);
    properties["powerState"] = json!({ "code": code });
    session.put(&pool, properties, &Vec::new(), no_wait).await
}

pub(super) async fn abort(arguments: AbortArguments, environment: &Environment) -> Result<(), Failure> {
    let AbortArguments { pool, no_wait } = arguments;
    let mut session = open(&pool, environment).await?;
    session.pool(&pool.name).await?; // az reads it too: a pool that went away is named here
    let path = session.pool_path(&pool.name, "/abort");
    session.run(Method::POST, path, &Vec::new(), None, &pool, no_wait).await
}

async fn open(pool: &OfPool, environment: &Environment) -> Result<Session, Failure> {
    let mut session = Session::open_pool(pool, environment).await?;
    if session.has_pool(&pool.name).await? {
        return Ok(session);
    }
    let name = &pool.name;
    Err(Failure::refused(format!("Node pool {name} doesnt exist, use 'aks nodepool list' to get current node pool list")))
}
