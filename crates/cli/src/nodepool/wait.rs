//! `wait`: asks every `--interval` seconds until a condition holds.
//!
//! Facts of the peer: `Failed` ends it with an error, `--deleted` ends on 404, and a timeout is printed but exits 0:
//! ours exits 1, because a script must see it.

use std::time::Duration;

use super::arguments::OfPool;
use super::request::Session;
use crate::az::{Failure, Query, Shape, Value};
use crate::connection::Progress;
use crate::environment::Environment;

/// Flags.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    pool: OfPool,
    /// Wait until created with 'provisioningState' at 'Succeeded'.
    #[arg(long)]
    created: bool,
    /// Wait until updated with provisioningState at 'Succeeded'.
    #[arg(long)]
    updated: bool,
    /// Wait until deleted.
    #[arg(long)]
    deleted: bool,
    /// Wait until the resource exists.
    #[arg(long)]
    exists: bool,
    /// Wait until the condition satisfies a custom JMESPath query.
    #[arg(long, value_name = "JMESPATH", value_parser = Query::parse)]
    custom: Option<Query>,
    /// Polling interval in seconds.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    interval: u64,
    /// Maximum wait in seconds.
    #[arg(long, default_value_t = 3600)]
    timeout: u64,
}

pub(super) async fn run(arguments: Arguments, environment: &Environment) -> Result<(), Failure> {
    let Arguments { pool, created, updated, deleted, exists, custom, interval, timeout } = arguments;
    if !(created || updated || deleted || exists || custom.is_some()) {
        let usage = "incorrect usage: --created | --updated | --deleted | --exists | --custom JMESPATH";
        return Err(Failure::refused(usage));
    }
    let mut session = Session::open_pool(&pool, environment).await?;
    let path = session.pool_path(&pool.name, "");
    let mut progress = Progress::new(format!("waiting for node pool {}", pool.name));
    for _ in 0..timeout.div_ceil(interval) {
        match session.arm.get(&path).await {
            Ok(_) if exists => return Ok(()),
            Ok(answer) => {
                let resource: Value = answer.read()?;
                let result = Shape::Pool.result(&resource);
                let state = result.field("provisioningState").as_text().unwrap_or_default().to_lowercase();
                let holds = custom.as_ref().map(|custom| custom.search(&result)).transpose()?;
                if state == "failed" {
                    return Err(Failure::refused("The operation failed"));
                }
                if ((created || updated) && state == "succeeded") || holds.is_some_and(|holds| holds.is_truthy()) {
                    return Ok(());
                }
                progress.wait(&state, Duration::from_secs(interval)).await;
            }
            Err(missing) if missing.exit_code == 3 => {
                if deleted {
                    return Ok(());
                }
                if !(created || exists || custom.is_some()) {
                    return Err(missing);
                }
                progress.wait("not there", Duration::from_secs(interval)).await;
            }
            Err(failure) => return Err(failure),
        }
    }
    drop(progress);
    Err(Failure::refused(format!("Wait operation timed-out after {timeout} seconds")))
}
