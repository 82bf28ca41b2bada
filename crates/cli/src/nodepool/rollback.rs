//! `get-rollback-versions`: the pool's upgrade profile. `rollback`: GET of the cluster, of that profile and of the pool, then a PUT.
//!
//! az's own order of requests, its warnings about channels and its refusal where there is nothing to go back to.
//! Not here: whether the rollback is allowed, which the server says.

use serde_json::Value as Json;

use super::arguments::{Conditions, OfPool};
use super::request::{Session, print};
use super::settings::writable;
use crate::az::output::Columns;
use crate::az::{Failure, Shape, Value};
use crate::environment::Environment;

/// Flags of rollback.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    pool: OfPool,
    /// Do not wait for the long-running operation to finish.
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    conditions: Conditions,
}

pub(super) async fn versions(arguments: OfPool, environment: &Environment) -> Result<(), Failure> {
    let mut session = Session::open_pool(&arguments, environment).await?;
    let path = session.pool_path(&arguments.name, "/upgradeProfiles/default");
    let profile: Value = session.arm.get(&path).await?.read()?;
    match Shape::UpgradeProfile.result(&profile).field("recentlyUsedVersions") {
        Value::Null => Ok(()), // az prints nothing for it
        versions => print(versions, Columns::UsedVersion, &arguments.cluster.printing),
    }
}

pub(super) async fn run(arguments: Arguments, environment: &Environment) -> Result<(), Failure> {
    let Arguments { pool, no_wait, conditions } = &arguments;
    let mut session = Session::open_pool(pool, environment).await?;
    let cluster = session.cluster().await?;
    if let Some(warning) = warning(&pool.cluster.cluster_name, &cluster["properties"]["autoUpgradeProfile"]) {
        eprintln!("WARNING: {warning}");
    }
    let path = session.pool_path(&pool.name, "/upgradeProfiles/default");
    let profile: Json = session.arm.get(&path).await?.read()?;
    let version = newest(&profile).ok_or_else(|| {
        Failure::refused(
            "No rollback versions available. The nodepool must have been upgraded at least once to have rollback history available.",
        )
    })?;
    let mut properties = writable(session.pool(&pool.name).await?);
    for name in ["orchestratorVersion", "nodeImageVersion"] {
        properties[name] = version[name].clone();
    }
    session.put(pool, properties, &conditions.headers()?, *no_wait).await
}

/// The version that was left last; the first of equals.
fn newest(profile: &Json) -> Option<&Json> {
    let versions = profile["properties"]["recentlyUsedVersions"].as_array()?;
    versions.iter().rev().max_by_key(|version| version["timestamp"].as_str())
}

/// What the cluster's channels mean for a rollback.
fn warning(cluster: &str, profile: &Json) -> Option<String> {
    let text = |name: &str| profile[name].as_str().filter(|text| !text.is_empty());
    let is = |text: &str, words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    if let Some(channel) = text("upgradeChannel").filter(|channel| !is(channel, &["none"])) {
        return Some(format!(
            "Auto-upgrade is enabled on cluster '{cluster}' (upgradeChannel={channel}). Rollback will not succeed until auto-upgrade \
             is disabled. Please disable auto-upgrade to roll back the node pool."
        ));
    }
    let channel = text("nodeOSUpgradeChannel").filter(|channel| !is(channel, &["none", "unmanaged"]))?;
    Some(format!(
        "nodeOSUpgradeChannel is enabled on cluster '{cluster}' (nodeOSUpgradeChannel={channel}). The orchestrator version rollback \
         will proceed, but the node image rollback will not succeed. Please disable nodeOSUpgradeChannel if you want to roll back the \
         node image."
    ))
}
