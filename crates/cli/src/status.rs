//! `nodelane status`: what runs on a data directory. Exit code 3 when nothing does.
//!
//! Looks at the lock and at what its holder has announced; asks no server.
//! The JSON keys are stable.

use anyhow::Result;
use clap::Args;
use nodelane_server::config::{Holder, Paths, RunState, run_state};
use serde_json::{Value, json};
use std::process::ExitCode;

/// Options of `status`.
#[derive(Args, Debug)]
pub struct Status {
    /// Output: text or json
    #[arg(short, long, default_value = "text")]
    output: String,
}

/// What runs, as JSON with stable keys.
pub fn facts(holder: &Holder, paths: &Paths) -> Value {
    let clusters: Vec<Value> = holder
        .clusters
        .iter()
        .map(|cluster| {
            json!({
                "subscription": cluster.subscription, "resourceGroup": cluster.resource_group, "name": cluster.cluster,
                "url": format!("https://127.0.0.1:{}", cluster.port),
                "kubeconfig": paths.client_dir().join("kubeconfig"),
                "tokenFile": paths.cluster_token(&cluster.name),
            })
        })
        .collect();
    json!({
        "pid": holder.pid, "version": holder.version, "dataDir": paths.root(),
        "arm": {"url": format!("https://127.0.0.1:{}", holder.arm_port)},
        "clusters": clusters,
    })
}

/// Runs the verb.
pub fn run_verb(status: &Status, paths: &Paths) -> Result<ExitCode> {
    let RunState::Running(holder) = run_state(paths)? else {
        match status.output.as_str() {
            "json" => println!("{}", json!({"pid": null, "dataDir": paths.root(), "clusters": []})),
            _ => println!("nothing runs on {}: start it with nodelane up", paths.root().display()),
        }
        return Ok(ExitCode::from(3));
    };
    let facts = facts(&holder, paths);
    if status.output == "json" {
        println!("{}", serde_json::to_string_pretty(&facts)?);
        return Ok(ExitCode::SUCCESS);
    }
    println!("process     {} (nodelane {})", holder.pid, holder.version);
    println!("data        {}", paths.root().display());
    println!("ARM         https://127.0.0.1:{}", holder.arm_port);
    for cluster in &holder.clusters {
        println!("Kubernetes  https://127.0.0.1:{}  ({} in {})", cluster.port, cluster.cluster, cluster.resource_group);
    }
    Ok(ExitCode::SUCCESS)
}
