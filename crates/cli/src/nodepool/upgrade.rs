//! `upgrade`: to a Kubernetes version (GET, PUT), or of the node image alone (POST).
//!
//! Facts of the peer: without `-k`, or with the version that the pool has, it asks; `-y` answers yes; `-k` missing
//! sends an empty version, which means to reconcile. A pool's link to its snapshot is dropped.

use std::io::{IsTerminal, Write, stderr, stdin};

use ::http::{HeaderName, HeaderValue, Method};
use serde_json::{Value as Json, json};

use super::arguments::{Conditions, OfPool, UpgradeSettings};
use super::check;
use super::request::Session;
use super::settings::{part, writable};
use crate::az::Failure;
use crate::environment::Environment;

/// Flags.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    pub(super) pool: OfPool,
    /// Version of Kubernetes to upgrade the node pool to, such as 1.35 or 1.35.2.
    #[arg(short = 'k', long, default_value = "")]
    kubernetes_version: String,
    /// Only upgrade the node image.
    #[arg(long)]
    node_image_only: bool,
    /// Do not prompt for confirmation.
    #[arg(short = 'y', long)]
    pub(super) yes: bool,
    /// Do not wait for the long-running operation to finish.
    #[arg(long)]
    pub(super) no_wait: bool,
    /// The source snapshot of this upgrade.
    #[arg(long)]
    snapshot_id: Option<String>,
    #[command(flatten)]
    upgrade: UpgradeSettings,
    #[command(flatten)]
    conditions: Conditions,
}

pub(super) async fn run(arguments: Arguments, environment: &Environment) -> Result<(), Failure> {
    arguments.check()?;
    let Arguments { pool, snapshot_id, no_wait, .. } = &arguments;
    let mut session = Session::open_pool(pool, environment).await?;
    if arguments.node_image_only {
        let headers = snapshot_id.iter().map(|id| {
            let value = HeaderValue::from_str(id).map_err(|_| Failure::refused("--snapshot-id cannot be sent"))?;
            Ok((HeaderName::from_static("akssnapshotid"), value))
        });
        let headers = headers.collect::<Result<_, Failure>>()?;
        let path = session.pool_path(&pool.name, "/upgradeNodeImageVersion");
        return session.run(Method::POST, path, &headers, None, pool, *no_wait).await;
    }
    let mut version = arguments.kubernetes_version.trim_start_matches(['v', 'V']).to_owned();
    if let (Some(id), true) = (snapshot_id, version.is_empty()) {
        let path = format!("{id}?api-version={}", crate::connection::API_VERSION);
        let snapshot: Json = session.arm.get(&path).await?.read()?;
        version = snapshot["properties"]["kubernetesVersion"].as_str().unwrap_or_default().to_owned();
    }
    let current = session.pool(&pool.name).await?;
    if !arguments.yes && !is_meant(&current["properties"], &version)? {
        return Ok(());
    }
    let properties = arguments.properties(current, &version);
    session.put(pool, properties, &arguments.conditions.headers()?, *no_wait).await
}

impl Arguments {
    pub(super) fn check(&self) -> Result<(), Failure> {
        check::kubernetes_version(&self.kubernetes_version)?;
        check::resource_id("--snapshot-id", self.snapshot_id.as_deref())?;
        self.upgrade.check()?;
        if self.node_image_only && !self.kubernetes_version.is_empty() {
            return Err(Failure::refused(
                "Conflicting flags. Upgrading the Kubernetes version will also upgrade node image version. If you only \
                 want to upgrade the node version please use the \"--node-image-only\" option only.",
            ));
        }
        if self.node_image_only && self.upgrade.is_given() {
            return Err(Failure::refused(
                "Conflicting flags. Unable to specify max-surge/drain-timeout/node-soak-duration/max-unavailable with \
                 node-image-only.If you want to use max-surge/drain-timeout/node-soak-duration with a node image \
                 upgrade, please first update max-surge/drain-timeout/node-soak-duration/max-unavailable using \
                 \"az aks nodepool update \
                 --max-surge/--drain-timeout/--node-soak-duration/--max-unavailable\".",
            ));
        }
        Ok(())
    }

    pub(super) fn properties(&self, current: Json, version: &str) -> Json {
        let mut properties = writable(current);
        properties["orchestratorVersion"] = json!(version);
        if let Some(fields) = properties.as_object_mut() {
            fields.remove("creationData");
        }
        if let Some(id) = &self.snapshot_id {
            properties["creationData"] = json!({ "sourceResourceId": id });
        }
        part(&mut properties, "upgradeSettings");
        self.upgrade.apply(&mut properties, true);
        if let Some(minutes) = self.upgrade.node_soak_duration.filter(|minutes| *minutes >= 0) {
            part(&mut properties, "upgradeSettings")["nodeSoakDurationInMinutes"] = json!(minutes);
        }
        properties
    }
}

/// Whether to go on: at once for another version, else as the user answers.
fn is_meant(current: &Json, version: &str) -> Result<bool, Failure> {
    let now = current["orchestratorVersion"].as_str().unwrap_or_default();
    if !version.is_empty() && now != version {
        return Ok(true);
    }
    let question = match current["provisioningState"].as_str() {
        Some("Succeeded") => format!(
            "The cluster is already on version {now} and is not in a failed state. No operations will occur when \
             upgrading to the same version if the cluster is not in a failed state."
        ),
        Some("Failed") => format!(
            "Cluster currently in failed state. Proceeding with upgrade to existing version {now} to attempt \
             resolution of failed cluster state."
        ),
        _ => "The new kubernetes version is the same as the current kubernetes version.".to_owned(),
    };
    if !stdin().is_terminal() {
        return Err(Failure::refused(format!("{question}\nThere is no terminal to ask on: add --yes to go on.")));
    }
    loop {
        let _ = write!(stderr(), "{question} (y/n): ");
        let mut answer = String::new();
        let read = stdin().read_line(&mut answer).map_err(|error| Failure::refused(error.to_string()))?;
        match answer.trim().to_lowercase().as_str() {
            "y" | "yes" => return Ok(true),
            "n" | "no" => return Ok(false),
            _ if read == 0 => return Ok(false),
            _ => {}
        }
    }
}
