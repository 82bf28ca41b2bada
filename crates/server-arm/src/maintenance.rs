//! Maintenance configurations over HTTP: all calls answer at once, none is long-running (arm-wire 1.4).
//!
//! They are kept with their cluster. Not here: their form (`arm`), their windows (`model`), what is done in them (`engine`).

use crate::cluster::found;
use crate::{Answer, Arm, Request, Result};
use nodelane_arm::{ArmError, Call, ClusterId, account, maintenance};
use nodelane_control::Door;
use nodelane_engine::operation::channel::{Channel, preview};
use nodelane_model::change::Change;
use nodelane_model::cluster::CLUSTER;
use nodelane_model::maintenance::{Maintenance, NODE_OS};
use nodelane_model::{Key, Kind};
use serde_json::{Value, json};
use std::sync::Arc;

/// Answers a call about maintenance configurations.
pub async fn answer(arm: &Arm, request: &Request, call: Call) -> Result<Answer> {
    match call {
        Call::GetMaintenance(id, name) => {
            let name = maintenance::name(&name)?;
            let world = found(arm, &id)?.world();
            let stored = world.cluster().and_then(|cluster| cluster.state.maintenance.get(&name));
            let stored = stored.ok_or_else(|| ArmError::MaintenanceNotFound { cluster: id.clone(), name: name.clone() })?;
            Ok(Answer::json(200, &maintenance::body(&id, &name, stored)))
        }
        Call::PutMaintenance(id, name) => {
            let name = maintenance::name(&name)?;
            let door = found(arm, &id)?;
            let read = maintenance::read(&name, &account::object(&request.body)?, door.now())?;
            let body = maintenance::body(&id, &name, &read);
            let created = put(request, &door, Change::PutMaintenance { name, maintenance: Some(Box::new(read)) }).await?;
            Ok(Answer::json(if created { 201 } else { 200 }, &body))
        }
        Call::DeleteMaintenance(id, name) => {
            let name = maintenance::name(&name)?;
            let door = found(arm, &id)?;
            if door.world().cluster().is_none_or(|cluster| !cluster.state.maintenance.contains_key(&name)) {
                return Ok(Answer::empty(204));
            }
            put(request, &door, Change::PutMaintenance { name, maintenance: None }).await?;
            Ok(Answer::empty(200))
        }
        Call::ListMaintenance(id) => list(arm, &id),
        Call::ListMaintenanceRuns(id, name) => runs(arm, &id, &name),
        _ => unreachable!("only calls about maintenance come here"),
    }
}

async fn put(request: &Request, door: &Arc<dyn Door>, change: Change) -> Result<bool> {
    Ok(door.submit(change, request.origin.clone()).await?.created)
}

fn list(arm: &Arm, id: &ClusterId) -> Result<Answer> {
    let world = found(arm, id)?.world();
    let shown = |(name, stored): (&nodelane_model::Name, &Maintenance)| maintenance::body(id, name, stored);
    let value: Vec<Value> = world.cluster().into_iter().flat_map(|cluster| cluster.state.maintenance.iter().map(shown)).collect();
    Ok(Answer::json(200, &json!({"value": value})))
}

/// Windows that a preview shows.
const PREVIEW: usize = 10;

/// What a channel moves by a configuration: its next ten windows, with those in which nothing may be done, and what was done in the last.
fn runs(arm: &Arm, id: &ClusterId, name: &str) -> Result<Answer> {
    let name = maintenance::name(name)?;
    let door = found(arm, id)?;
    let (world, now) = (door.world(), door.now());
    let missing = || ArmError::ClusterNotFound(id.clone());
    let doc = world.get(&Key::global(Kind::Cluster, CLUSTER)).ok_or_else(missing)?;
    let cluster = doc.as_cluster().ok_or_else(missing)?;
    let channel = if name == NODE_OS { Channel::Image } else { Channel::Version };
    let schedule = match cluster.state.maintenance.get(&name) {
        Some(configured) => configured.clone(),
        None => channel.schedule(cluster, doc.meta.uid.0 as u64),
    };
    let next: Vec<Value> = preview(&schedule, now, PREVIEW)
        .into_iter()
        .map(|next| json!({"start": next.window.start, "end": next.window.end, "skipped": next.skipped}))
        .collect();
    let history = cluster.state.maintenance_runs.get(channel.configuration());
    Ok(Answer::json(
        200,
        &json!({"name": name, "channel": channel.setting(cluster), "next": next, "history": history.unwrap_or(&Vec::new())}),
    ))
}
