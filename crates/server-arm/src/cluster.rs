//! Managed clusters: one cell each.
//!
//! A new cluster is first entered in the account, then its cell is opened, then the request is admitted there: a crash between any two
//! leaves an entry that shows nothing and that the next request uses.

use crate::answer::Poll;
use crate::pool::{accepted_later, count, submit, views};
use crate::{Answer, Arm, Request, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nodelane_arm::{ArmError, Call, ClusterId, GroupId, account, cluster, version};
use nodelane_control::Door;
use nodelane_model::change::{Accepted, Change};
use nodelane_model::cluster::ClusterSpec;
use nodelane_model::pool::PoolSpec;
use nodelane_model::refusal::PoolRefusal;
use nodelane_model::{Name, Refusal};
use nodelane_world::World;
use serde_json::Value;
use std::sync::Arc;

/// How often a PUT is merged again because the cluster has moved.
const TRIES: usize = 16;

/// Answers a call about clusters.
pub async fn answer(arm: &Arm, request: &Request, call: Call) -> Result<Answer> {
    match call {
        Call::ListClusters(subscription) => {
            arm.check_group(&subscription, None)?;
            Ok(list(arm, request, |id| id.group.subscription.eq_ignore_ascii_case(&subscription), |body| body))
        }
        Call::ListClustersOf(group) => {
            arm.check_group(&group.subscription, Some(&group))?;
            Ok(list(arm, request, |id| inside(id, &group), |body| body))
        }
        Call::ListResourcesOf(group) => {
            arm.check_group(&group.subscription, Some(&group))?;
            Ok(list(arm, request, |id| inside(id, &group), |body| cluster::resource(&body)))
        }
        Call::PutCluster(id) => put(arm, request, &id).await,
        Call::DeleteCluster(id) => {
            arm.check_group(&id.group.subscription, Some(&id.group))?;
            let Some(door) = arm.door(&id) else { return Ok(Answer::empty(204)) };
            let accepted = submit(arm, request, &door, &id, Change::DeleteCluster).await?;
            Ok(accepted_later(request, &door.world(), &accepted, None, 204))
        }
        Call::PatchCluster(id) => patch(arm, request, &id).await,
        Call::AbortCluster(id) => abort(&found(arm, &id)?.world()),
        Call::StopCluster(id) => act(arm, request, &id, Change::StopCluster).await,
        Call::StartCluster(id) => act(arm, request, &id, Change::StartCluster).await,
        Call::GetCluster(id) => {
            let world = found(arm, &id)?.world();
            Ok(Answer::json(200, &body(arm, &id, &world)))
        }
        Call::ListCredentials { cluster: id, admin } => {
            found(arm, &id)?;
            let config = arm.directory.kubeconfig(&id).ok_or_else(|| ArmError::ClusterNotFound(id.clone()))?;
            Ok(Answer::json(200, &cluster::credentials(admin, &STANDARD.encode(config))))
        }
        Call::GetClusterUpgrades(id) => {
            let world = found(arm, &id)?.world();
            let cluster = world.cluster().ok_or_else(|| ArmError::ClusterNotFound(id.clone()))?;
            let pools = world.pools().map(|(doc, pool)| (doc.key.name.as_str(), pool));
            Ok(Answer::json(200, &version::cluster_profile(&arm.catalog, &id, cluster, pools)))
        }
        Call::ListPoolVersions(id) => {
            let world = found(arm, &id)?.world();
            let cluster = world.cluster().ok_or_else(|| ArmError::ClusterNotFound(id.clone()))?;
            Ok(Answer::json(200, &version::available(&arm.catalog, &id, cluster)))
        }
        _ => unreachable!("only calls about clusters come here"),
    }
}

pub(crate) fn found(arm: &Arm, id: &ClusterId) -> Result<Arc<dyn Door>> {
    arm.check_group(&id.group.subscription, Some(&id.group))?;
    arm.door(id).ok_or_else(|| ArmError::ClusterNotFound(id.clone()))
}

/// A cluster's body, as it is in a world.
fn body(arm: &Arm, id: &ClusterId, world: &World) -> Value {
    let key = nodelane_model::Key::global(nodelane_model::Kind::Cluster, nodelane_model::cluster::CLUSTER);
    let Some((doc, cluster)) = world.get(&key).and_then(|doc| Some((doc, doc.as_cluster()?))) else { return Value::Null };
    let fqdn = arm.directory.address(id).unwrap_or_default();
    cluster::body(&cluster::View { uid: doc.meta.uid, cluster, pools: views(world, cluster), fqdn: &fqdn, tenant: &arm.tenant })
}

/// Whether a cluster is of a group.
pub fn inside(id: &ClusterId, group: &GroupId) -> bool {
    id.group.subscription.eq_ignore_ascii_case(&group.subscription) && id.group.group.eq_ignore_ascii_case(&group.group)
}

fn list(arm: &Arm, request: &Request, wanted: impl Fn(&ClusterId) -> bool, shown: impl Fn(Value) -> Value) -> Answer {
    let exists = |world: &World| world.cluster().is_some_and(|cluster| cluster.state.gone.is_none());
    let clusters = arm.directory.clusters().into_iter().filter(|(id, _)| wanted(id));
    let worlds = clusters.map(|(id, door)| (id, door.world())).filter(|(_, world)| exists(world));
    let entries = worlds.map(|(id, world)| shown(body(arm, &id, &world))).collect();
    Answer::json(200, &account::page(entries, request.skip(), |skip| request.next_link(skip)))
}

/// A cluster's cell; opened, with an entry in the account, where the cluster is new.
async fn door_for(arm: &Arm, id: &ClusterId) -> Result<Arc<dyn Door>> {
    match arm.directory.cluster(id) {
        Some(door) => Ok(door),
        None => arm.directory.open(id).await.map_err(|message| Refusal::Unavailable(message.into()).into()),
    }
}

fn merged(arm: &Arm, request: &Request, id: &ClusterId, world: &World) -> Result<(ClusterSpec, Vec<(Name, PoolSpec)>)> {
    let stored = world.cluster().filter(|cluster| cluster.state.gone.is_none());
    let pools = world.pools().map(|(doc, pool)| (doc.key.name.clone(), (pool, count(world, &doc.key.name)))).collect();
    cluster::merge(&request.body, &cluster::Context { catalog: arm.catalog, id, stored, pools })
}

async fn put(arm: &Arm, request: &Request, id: &ClusterId) -> Result<Answer> {
    arm.check_group(&id.group.subscription, Some(&id.group))?;
    let etag = request.etag()?;
    if arm.directory.cluster(id).is_none() {
        // A body that is refused must not leave an entry behind.
        merged(arm, request, id, &World::default())?;
    }
    let door = door_for(arm, id).await?;
    let mut tries = 0;
    loop {
        tries += 1;
        let world = door.world();
        let (spec, pools) = merged(arm, request, id, &world)?;
        let change = Change::PutCluster { spec: Box::new(spec), pools, base: base(&world), etag: etag.clone() };
        match submit(arm, request, &door, id, change).await {
            Ok(accepted) => return Ok(accepted_now(arm, request, id, &door.world(), &accepted)),
            Err(ArmError::Refused(Refusal::Stale { .. })) if tries < TRIES => {}
            Err(error) => return Err(error),
        }
    }
}

async fn patch(arm: &Arm, request: &Request, id: &ClusterId) -> Result<Answer> {
    let door = found(arm, id)?;
    let etag = request.etag()?;
    let mut tries = 0;
    loop {
        tries += 1;
        let world = door.world();
        let cluster = world.cluster().ok_or_else(|| ArmError::ClusterNotFound(id.clone()))?;
        let spec = Box::new(cluster::patch(&request.body, cluster)?);
        let change = Change::PutCluster { spec, pools: Vec::new(), base: base(&world), etag: etag.clone() };
        match submit(arm, request, &door, id, change).await {
            Ok(accepted) => return Ok(accepted_now(arm, request, id, &door.world(), &accepted)),
            Err(ArmError::Refused(Refusal::Stale { .. })) if tries < TRIES => {}
            Err(error) => return Err(error),
        }
    }
}

fn base(world: &World) -> Option<u64> {
    let key = nodelane_model::Key::global(nodelane_model::Kind::Cluster, nodelane_model::cluster::CLUSTER);
    world.get(&key).filter(|doc| doc.as_cluster().is_some_and(|cluster| cluster.state.gone.is_none())).map(|doc| doc.revision)
}

/// 201 or 200 with the cluster's body, and where to poll if there is something to wait for.
fn accepted_now(arm: &Arm, request: &Request, id: &ClusterId, world: &World, accepted: &Accepted) -> Answer {
    let answer = Answer::json(if accepted.created { 201 } else { 200 }, &body(arm, id, world));
    match (accepted.operation, world.cluster()) {
        (Some(operation), Some(cluster)) => answer.polled(
            request,
            &Poll { id: operation, subscription: &cluster.spec.subscription, location: &cluster.spec.location, with_location: false },
        ),
        _ => answer,
    }
}

/// An operation of the whole cluster runs to its end: it moves the control plane and several pools, and has no state to stop in.
/// Nothing to abort is 204, as for pools (aks-semantics AB-1); what can be aborted are the operations of the pools.
fn abort(world: &World) -> Result<Answer> {
    match world.cluster().filter(|cluster| cluster.state.operation.is_some()) {
        None => Ok(Answer::empty(204)),
        Some(cluster) => Err(ArmError::from(PoolRefusal::NotAllowed {
            rule: "AB-1",
            why: format!(
                "Aborting is not allowed: the operation ({}) of the managed cluster cannot be aborted and runs to its end.",
                cluster.provisioning_state()
            )
            .into(),
            accepted: "the same request once that operation has ended, or an abort of the operation of one agent pool".into(),
        })),
    }
}

async fn act(arm: &Arm, request: &Request, id: &ClusterId, change: Change) -> Result<Answer> {
    let door = found(arm, id)?;
    let accepted = submit(arm, request, &door, id, change).await?;
    Ok(accepted_later(request, &door.world(), &accepted, None, 204))
}
