//! Pools and their machines.
//!
//! Reads are answered from the published world. A PUT is merged with the published pool and merged again if it has moved. The cell is
//! told the account's limits before each change, so that quotas are judged against what other clusters use now.

use crate::answer::Poll;
use crate::{Answer, Arm, Request, Result};
use nodelane_arm::{ArmError, Call, ClusterId, PoolId, account, machine, pool, request_hash, version};
use nodelane_control::Door;
use nodelane_model::change::{Accepted, Change};
use nodelane_model::machine::Intent;
use nodelane_model::refusal::PoolRefusal;
use nodelane_model::{Cluster, Doc, Name, Refusal};
use nodelane_world::World;
use serde_json::Value;
use std::sync::Arc;

/// How often a PUT is merged again because the pool has moved. A pool moves with each phase and machine of its operation, but then the
/// answer is that it is busy; this many moves between a read and an admission mean that something is wrong.
const TRIES: usize = 16;

/// Answers a call about pools.
pub async fn answer(arm: &Arm, request: &Request, call: Call) -> Result<Answer> {
    let id = match &call {
        Call::ListPools(cluster) => cluster.clone(),
        Call::GetPool(pool)
        | Call::PutPool(pool)
        | Call::DeletePool { pool, .. }
        | Call::AbortPool(pool)
        | Call::DeleteMachines(pool)
        | Call::UpgradePoolImage(pool)
        | Call::GetPoolUpgrades(pool)
        | Call::ListMachines(pool)
        | Call::GetMachine(pool, _) => pool.cluster.clone(),
        _ => unreachable!("only calls about pools come here"),
    };
    let verb = match request.method {
        http::Method::GET => "read",
        http::Method::PUT => "write",
        http::Method::DELETE => "delete",
        _ => "action",
    };
    arm.check_group(&id.group.subscription, Some(&id.group))?;
    let door = arm.door(&id).ok_or(ArmError::ParentNotFound { verb, cluster: id })?;
    match call {
        Call::ListPools(_) => list(request, &door.world()),
        Call::GetPool(pool) => get(&door.world(), &pool),
        Call::PutPool(pool) => put(arm, request, &door, &pool).await,
        Call::DeletePool { pool, ignore_budgets } => {
            let etag = request.etag()?;
            let change = Change::DeletePool { name: pool.pool.clone(), ignore_budgets, etag };
            let accepted = submit(arm, request, &door, &pool.cluster, change).await?;
            Ok(accepted_later(request, &door.world(), &accepted, None, 204))
        }
        Call::AbortPool(pool) => act(arm, request, &door, &pool, Change::AbortPool { name: pool.pool.clone() }, 204).await,
        Call::UpgradePoolImage(pool) => act(arm, request, &door, &pool, Change::UpgradePoolImage { name: pool.pool.clone() }, 200).await,
        Call::DeleteMachines(pool) => {
            let machines = pool::machine_names(&request.body)?;
            act(arm, request, &door, &pool, Change::DeleteMachines { name: pool.pool.clone(), machines }, 202).await
        }
        Call::GetPoolUpgrades(id) => {
            let world = door.world();
            let (cluster, (_, pool)) = found(&world, &id)?;
            Ok(Answer::json(200, &version::pool_profile(&arm.catalog, &id, cluster, pool)))
        }
        Call::ListMachines(id) => machines(request, &door.world(), &id),
        Call::GetMachine(id, name) => one_machine(&door.world(), &id, &name),
        _ => unreachable!("only calls about pools come here"),
    }
}

/// Machines of a pool that are meant to live, extra ones of a roll left out.
pub fn count(world: &World, pool: &Name) -> u32 {
    world.machines_of(pool).filter(|(_, machine)| machine.intent != Intent::Gone && !machine.surge).count() as u32
}

/// The count that a pool shows: what is asked of it, or of an autoscaled pool what lives.
fn shown_count(world: &World, doc: &Doc) -> u32 {
    match doc.as_pool() {
        Some(pool) if !pool.spec.enable_auto_scaling => pool.spec.count,
        Some(pool) if pool.state.operation.is_some() => pool.spec.count.max(count(world, &doc.key.name)),
        _ => count(world, &doc.key.name),
    }
}

fn body(world: &World, cluster: &Cluster, doc: &Doc) -> Option<Value> {
    Some(pool::body(&pool::View::of(doc, shown_count(world, doc), cluster)?))
}

/// The views of every pool of a cluster, in order of name.
pub fn views<'a>(world: &'a World, cluster: &'a Cluster) -> Vec<pool::View<'a>> {
    world.pools().filter_map(|(doc, _)| pool::View::of(doc, shown_count(world, doc), cluster)).collect()
}

fn list(request: &Request, world: &World) -> Result<Answer> {
    let entries = world.cluster().map(|cluster| views(world, cluster).iter().map(pool::body).collect()).unwrap_or_default();
    Ok(Answer::json(200, &account::page(entries, request.skip(), |skip| request.next_link(skip))))
}

fn found<'a>(world: &'a World, id: &PoolId) -> Result<(&'a Cluster, (&'a Arc<Doc>, &'a nodelane_model::NodePool))> {
    let cluster = world.cluster().ok_or_else(|| ArmError::ClusterNotFound(id.cluster.clone()))?;
    let absent = || PoolRefusal::PoolNotFound { pool: id.pool.clone(), cluster: cluster.spec.name.clone() };
    Ok((cluster, world.pool(&id.pool).ok_or_else(absent)?))
}

fn get(world: &World, id: &PoolId) -> Result<Answer> {
    let (cluster, (doc, _)) = found(world, id)?;
    Ok(Answer::json(200, &body(world, cluster, doc).unwrap_or(Value::Null)))
}

async fn put(arm: &Arm, request: &Request, door: &Arc<dyn Door>, id: &PoolId) -> Result<Answer> {
    let etag = request.etag()?;
    let mut tries = 0;
    loop {
        tries += 1;
        let world = door.world();
        let cluster = world.cluster().ok_or_else(|| ArmError::ParentNotFound { verb: "write", cluster: id.cluster.clone() })?;
        let stored = world.pool(&id.pool);
        let control_plane = cluster.state.version.parse().unwrap_or_else(|_| arm.catalog.default_version());
        let context = pool::Context {
            catalog: arm.catalog,
            cluster: &cluster.spec,
            control_plane,
            stored: stored.map(|(doc, pool)| pool::Stored { pool, count: shown_count(&world, doc) }),
        };
        let spec = Box::new(pool::put(&request.body, &context)?);
        let change = Change::PutPool {
            name: id.pool.clone(),
            spec,
            base: stored.map(|(doc, _)| doc.revision),
            etag: etag.clone(),
            request_hash: request_hash(&request.body),
        };
        match submit(arm, request, door, &id.cluster, change).await {
            Ok(accepted) => {
                let world = door.world();
                let cluster = world.cluster().ok_or_else(|| ArmError::ClusterNotFound(id.cluster.clone()))?;
                let shown = accepted.doc.as_ref().and_then(|doc| body(&world, cluster, doc)).unwrap_or(Value::Null);
                let answer = Answer::json(if accepted.created { 201 } else { 200 }, &shown);
                let poll = |operation| Poll {
                    id: operation,
                    subscription: &cluster.spec.subscription,
                    location: &cluster.spec.location,
                    with_location: false,
                };
                return Ok(match accepted.operation {
                    Some(operation) => answer.polled(request, &poll(operation)),
                    None => answer,
                });
            }
            Err(ArmError::Refused(Refusal::Stale { .. })) if tries < TRIES => {}
            Err(error) => return Err(error),
        }
    }
}

/// A POST: 202 with the pool's body and where to poll; `idle` where there is nothing to wait for.
async fn act(arm: &Arm, request: &Request, door: &Arc<dyn Door>, id: &PoolId, change: Change, idle: u16) -> Result<Answer> {
    let accepted = submit(arm, request, door, &id.cluster, change).await?;
    let world = door.world();
    let shown = world.pool(&id.pool).and_then(|(doc, _)| body(&world, world.cluster()?, doc));
    Ok(accepted_later(request, &world, &accepted, shown.as_ref(), idle))
}

/// 202 with where to poll, or the answer that nothing is to be waited for.
pub fn accepted_later(request: &Request, world: &World, accepted: &Accepted, body: Option<&Value>, idle: u16) -> Answer {
    let with = |status: u16| match body.filter(|_| status != 204) {
        Some(body) => Answer::json(status, body),
        None => Answer::empty(status),
    };
    match (accepted.operation, world.cluster()) {
        (Some(id), Some(cluster)) => with(202)
            .polled(request, &Poll { id, subscription: &cluster.spec.subscription, location: &cluster.spec.location, with_location: true }),
        _ => with(idle),
    }
}

/// Submits a change, after the cell was told what the account says.
pub async fn submit(arm: &Arm, request: &Request, door: &Arc<dyn Door>, id: &ClusterId, change: Change) -> Result<Accepted> {
    arm.directory.refresh(id);
    Ok(door.submit(change, request.origin.clone()).await?)
}

fn address(world: &World, machine: &Doc) -> Option<String> {
    let node = world.node(&machine.key.name)?.doc.as_node()?;
    node.status.addresses.iter().find(|address| address.kind == "InternalIP").map(|address| address.address.to_string())
}

fn machine_body(world: &World, id: &PoolId, doc: &Doc) -> Result<Value> {
    let (cluster, (_, pool)) = found(world, id)?;
    let address = address(world, doc);
    machine::body(id, &cluster.node_resource_group(), pool, doc, address.as_deref())
        .ok_or_else(|| ArmError::MachineNotFound(doc.key.name.clone()))
}

fn machines(request: &Request, world: &World, id: &PoolId) -> Result<Answer> {
    found(world, id)?;
    let bodies: Result<Vec<Value>> = world.machines_of(&id.pool).map(|(doc, _)| machine_body(world, id, doc)).collect();
    Ok(Answer::json(200, &account::page(bodies?, request.skip(), |skip| request.next_link(skip))))
}

fn one_machine(world: &World, id: &PoolId, name: &Name) -> Result<Answer> {
    found(world, id)?;
    let (doc, _) =
        world.machines_of(&id.pool).find(|(doc, _)| doc.key.name == *name).ok_or_else(|| ArmError::MachineNotFound(name.clone()))?;
    Ok(Answer::json(200, &machine_body(world, id, doc)?))
}
