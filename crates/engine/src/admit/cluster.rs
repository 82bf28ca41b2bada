//! The cluster: made with its pools, changed, upgraded, stopped, started, deleted.
//!
//! A cluster's operation and its pools' are written in one batch: announced, looked at and confirmed at once. It is judged on a fork of
//! the draft, because the rules of its pools look at the cluster as it is to be; a refusal leaves the draft as it was.

use super::delete::{preempt, preempted};
use super::pool::{check_etag, place};
use super::{Ask, cluster_key, pool_key, rollback, rules, update, upgrade};
use nodelane_catalog::Version;
use nodelane_model::change::{Accepted, EtagConditions};
use nodelane_model::cluster::{ClusterSpec, ClusterState};
use nodelane_model::operation::{ClusterPhase, DeletePhase, Progress};
use nodelane_model::pool::{Mode, PoolSpec, Power, Priority, etag};
use nodelane_model::refusal::PoolRefusal;
use nodelane_model::{Body, Cluster, Doc, Meta, Name, NodePool, Operation, Refusal, Revision};
use nodelane_world::World;
use std::sync::Arc;

/// Longest name of the group that holds a cluster's machines (aks-semantics N-6).
const NODE_GROUP_LENGTH: usize = 80;
/// Longest name of a cluster (aks-semantics N-6).
const NAME_LENGTH: usize = 63;

fn stored(world: &World) -> Option<(Arc<Doc>, Cluster)> {
    let doc = world.get(&cluster_key())?;
    let cluster = doc.as_cluster().filter(|cluster| cluster.state.gone.is_none())?;
    Some((doc.clone(), cluster.clone()))
}

/// A PUT or PATCH of the cluster.
pub(super) fn put(
    ask: &mut Ask,
    spec: &ClusterSpec,
    pools: &[(Name, PoolSpec)],
    base: Option<Revision>,
    conditions: &EtagConditions,
) -> Result<Accepted, Refusal> {
    if let Some(answer) = repeat(ask) {
        return Ok(answer);
    }
    let found = stored(&ask.draft.world);
    check_etag(conditions, found.as_ref().map(|(doc, cluster)| etag(doc.meta.uid, cluster.state.etag)))?;
    if let Some((_, old)) = &found {
        check_idle(&ask.draft.world, old)?;
        if old.spec.power == Power::Stopped {
            return Err(PoolRefusal::ClusterStopped { state: old.provisioning_state() }.into());
        }
    }
    if base != found.as_ref().map(|(doc, _)| doc.revision) {
        return Err(Refusal::Stale { key: cluster_key(), base: base.unwrap_or_default() });
    }
    rules::check_policy_of_cluster(ask, spec, found.is_none())?;
    let mut spec = spec.clone();
    crate::upgrade::force::settle(&mut spec, found.as_ref().map(|(_, old)| &old.spec), ask.draft.now)?;
    let spec = &spec;
    let mut trial = ask.draft.clone();
    let mut on_trial = Ask { draft: &mut trial, env: ask.env, origin: ask.origin, hash: ask.hash };
    let answer = match found {
        None => create(&mut on_trial, spec, pools)?,
        Some((doc, old)) => change(&mut on_trial, &doc, &old, spec, pools)?,
    };
    *ask.draft = trial;
    Ok(answer)
}

fn repeat(ask: &Ask) -> Option<Accepted> {
    let doc = ask.draft.world.get(&cluster_key())?;
    let state = &doc.as_cluster()?.state;
    let operation = state.operation.iter().chain(state.history.last()).find(|operation| ask.is_repeat(operation))?;
    let created = operation.progress == Progress::Cluster(ClusterPhase::Creating);
    Some(ask.polled(Some(doc.clone()), created, operation.id))
}

/// Neither the cluster nor one of its pools is at work (aks-semantics LK-2, LK-3).
fn check_idle(world: &World, cluster: &Cluster) -> Result<(), PoolRefusal> {
    if cluster.state.operation.is_some() {
        return Err(PoolRefusal::ClusterBusy { state: cluster.provisioning_state() });
    }
    match world.pools().find(|(_, pool)| pool.state.operation.is_some()) {
        Some((doc, pool)) => Err(PoolRefusal::ClusterBlockedByPool { pool: doc.key.name.clone(), state: pool.provisioning_state() }),
        None => Ok(()),
    }
}

fn create(ask: &mut Ask, spec: &ClusterSpec, pools: &[(Name, PoolSpec)]) -> Result<Accepted, Refusal> {
    check_names(spec)?;
    if ask.env.catalog.region(&spec.location).is_none() {
        let why = format!("The provided location '{}' is not available", spec.location);
        return Err(PoolRefusal::parameter("V-4", "location", why, "the name of an Azure region, such as eastus").into());
    }
    let version = version(ask, spec)?.unwrap_or_else(|| ask.env.catalog.default_version());
    if !pools.iter().any(|(_, pool)| pool.mode == Mode::System) {
        return Err(PoolRefusal::NoSystemPool.into());
    }
    let mut spec = spec.clone();
    if spec.kubernetes_version.is_empty() {
        spec.kubernetes_version = version.to_string().into();
    }
    let history = ask.draft.world.get(&cluster_key()).and_then(|doc| doc.as_cluster()).map(|gone| gone.state.history.clone());
    if history.is_some() {
        ask.draft.remove(&cluster_key());
    }
    let state =
        ClusterState { version: version.to_string().into(), etag: 1, history: history.unwrap_or_default(), ..ClusterState::default() };
    let meta = Meta { generation: 1, ..Meta::default() };
    ask.draft.create(cluster_key(), meta, Body::Cluster(Box::new(Cluster { spec, state })));
    for (ordinal, (name, pool)) in (1..).zip(pools) {
        place(ask, ordinal, name, pool, None)?;
        let differs = ask.draft.world.pool(name).is_some_and(|(_, pool)| pool.state.version.as_str() != version.to_string());
        if differs {
            return Err(PoolRefusal::PoolVersionsMixed.into()); // UV-7: a pool made with its cluster has the cluster's version.
        }
    }
    let operation = ask.operation(0, Progress::Cluster(ClusterPhase::Creating));
    Ok(open(ask, operation, |_| (), true))
}

/// Names that Azure takes (aks-semantics N-6).
fn check_names(spec: &ClusterSpec) -> Result<(), PoolRefusal> {
    let name = spec.name.as_str();
    let edge = |edge: Option<char>| edge.is_some_and(|edge| edge.is_ascii_alphanumeric());
    let inner = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if !(inner && edge(name.chars().next()) && edge(name.chars().last()) && name.len() <= NAME_LENGTH) {
        let accepted = "1 to 63 letters, digits, '-' and '_', the first and last a letter or digit";
        return Err(PoolRefusal::parameter("N-6", "resourceName", format!("The cluster name '{name}' is not valid"), accepted));
    }
    let length = "MC___".len() + spec.resource_group.len() + name.len() + spec.location.len();
    match length > NODE_GROUP_LENGTH {
        true => {
            let why = format!("The node resource group's name would have {length} characters");
            let accepted =
                format!("names of group, cluster and region with at most {} characters together", NODE_GROUP_LENGTH - "MC___".len());
            Err(PoolRefusal::parameter("N-6", "nodeResourceGroup", why, accepted))
        }
        false => Ok(()),
    }
}

/// The control plane's full version that is asked for; `None` where none is.
fn version(ask: &Ask, spec: &ClusterSpec) -> Result<Option<Version>, PoolRefusal> {
    let asked = &spec.kubernetes_version;
    match ask.env.catalog.resolve_version(asked) {
        None if asked.is_empty() => Ok(None),
        None => Err(PoolRefusal::VersionNotSupported { version: asked.clone(), for_pool: false }),
        some => Ok(some),
    }
}

/// A cluster that is there is to be as given, with the pools that the request names.
fn change(ask: &mut Ask, doc: &Arc<Doc>, old: &Cluster, spec: &ClusterSpec, pools: &[(Name, PoolSpec)]) -> Result<Accepted, Refusal> {
    check_fixed(&old.spec, spec)?;
    let control_plane = control_plane(ask, old, spec)?;
    let moves = control_plane.as_str() != old.state.version.as_str();
    // From here on the rules see the control plane as it is to be.
    ask.draft.update(&cluster_key(), |doc| {
        if let Some(cluster) = doc.as_cluster_mut() {
            cluster.spec = spec.clone();
            cluster.state.version = control_plane.clone();
        }
    });
    let (mut followers, mut others) = (Vec::new(), false);
    for (ordinal, (name, pool)) in (1..).zip(pools) {
        match ask.draft.world.pool(name).map(|(doc, pool)| (doc.revision, pool.clone())) {
            Some((_, was)) if follows(ask, &was, pool, &control_plane)? => {
                follow(ask, name, &was, pool)?;
                followers.push(name.clone());
            }
            found => {
                let answer = place(ask, ordinal, name, pool, found.map(|(revision, _)| revision))?;
                others |= answer.operation.is_some();
            }
        }
    }
    check_behind(ask, &followers, moves, &control_plane)?;
    let resumes = old.provisioning_state() != "Succeeded";
    if !moves && followers.is_empty() && !others && *spec == old.spec && !resumes {
        return Ok(ask.unchanged(Some(doc.clone())));
    }
    let progress = if moves || !followers.is_empty() { ClusterPhase::Upgrading } else { ClusterPhase::Updating };
    let mut operation = ask.operation(0, Progress::Cluster(progress));
    operation.victims = followers;
    Ok(open(ask, operation, |_| (), false))
}

/// The full version that the control plane is to have: its own, or one that it may be upgraded to (aks-semantics UV-3, UV-5).
fn control_plane(ask: &Ask, old: &Cluster, spec: &ClusterSpec) -> Result<Name, PoolRefusal> {
    let current = &old.state.version;
    if spec.kubernetes_version == old.spec.kubernetes_version {
        return Ok(current.clone());
    }
    let Some(to) = version(ask, spec)?.map(|version| Name::from(version.to_string())).filter(|to| to != current) else {
        return Ok(current.clone());
    };
    let upgrades = current.parse().map(|current| ask.env.catalog.upgrades_from(current)).unwrap_or_default();
    let available: Vec<Name> = upgrades.iter().map(|version| version.to_string().into()).collect();
    match available.contains(&to) {
        true => Ok(to),
        false => Err(PoolRefusal::UpgradePath { rule: "UV-3", from: current.clone(), to, available }),
    }
}

/// Whether a pool is to follow the control plane; any other change of its version is refused here (aks-semantics UV-6).
fn follows(ask: &Ask, was: &NodePool, pool: &PoolSpec, control_plane: &Name) -> Result<bool, PoolRefusal> {
    let asked = &pool.orchestrator_version;
    if asked.is_empty() || *asked == was.spec.orchestrator_version {
        return Ok(false);
    }
    let version = rules::resolve(&ask.env.catalog, &ask.draft.world, asked).map(|version| Name::from(version.to_string()));
    match version {
        Some(version) if version == was.state.version => Ok(false),
        Some(version) if version == *control_plane => Ok(true),
        Some(_) | None => Err(PoolRefusal::PoolVersionsMixed),
    }
}

/// Writes what a pool is to have; the cluster's operation rolls its machines when its turn comes.
fn follow(ask: &mut Ask, name: &Name, was: &NodePool, pool: &PoolSpec) -> Result<(), Refusal> {
    let count = super::pool::count(&ask.draft.world, name, was);
    let spec = update::settled(pool.clone(), Some(was), count);
    if spec.count != count {
        return Err(upgrade::not_with_a_scale());
    }
    let surge = upgrade::surge(&spec, was, count);
    let step = rules::Step { adds: surge, surge, rolls: true, renews_image: true, back_to: None };
    let target = rules::check(ask, name, &spec, Some(was), &step)?;
    let now = ask.draft.now;
    ask.draft.update(&pool_key(name), |doc| {
        doc.meta.generation += 1;
        let Some(pool) = doc.as_pool_mut() else { return };
        rollback::remember(&mut pool.state, now, false);
        pool.state.version = target.version;
        pool.state.image = target.image;
        pool.spec = PoolSpec { orchestrator_version: target.asked, ..spec };
    });
    Ok(())
}

/// No pool is left too far behind, and no spot pool takes part in a full upgrade (aks-semantics UV-2, S-6; section 9 item 15).
fn check_behind(ask: &Ask, followers: &[Name], moves: bool, control_plane: &Name) -> Result<(), PoolRefusal> {
    let Some(to) = control_plane.parse::<Version>().ok().filter(|_| moves) else {
        return Ok(());
    };
    let world = &ask.draft.world;
    if !followers.is_empty()
        && let Some((doc, _)) = world.pools().find(|(_, pool)| pool.spec.priority == Priority::Spot)
    {
        let why = format!("A full upgrade of a cluster with a spot pool ('{}') is not allowed.", doc.key.name);
        let accepted = "the control plane alone (--control-plane-only), then each pool on its own";
        return Err(PoolRefusal::NotAllowed { rule: "S-6", why: why.into(), accepted: accepted.into() });
    }
    let minors = rules::version::skew_of(to);
    let lags = |pool: &NodePool| pool.state.version.parse::<Version>().is_ok_and(|version| version.minor + minors < to.minor);
    match world.pools().find(|(_, pool)| lags(pool)) {
        Some((_, pool)) => {
            Err(PoolRefusal::TooFarBehind { pool: pool.state.version.clone(), control_plane: control_plane.clone(), minors })
        }
        None => Ok(()),
    }
}

/// Nothing changes that is fixed when a cluster is made (aks-semantics M-1, O-1).
fn check_fixed(old: &ClusterSpec, new: &ClusterSpec) -> Result<(), PoolRefusal> {
    let fixed = [
        ("location", new.location != old.location),
        ("properties.networkProfile.networkPlugin", new.network_plugin != old.network_plugin),
        ("properties.networkProfile.networkPluginMode", new.network_plugin_mode != old.network_plugin_mode),
        ("properties.networkProfile.podCidr", new.pod_cidr != old.pod_cidr),
        ("properties.networkProfile.serviceCidr", new.service_cidr != old.service_cidr),
        ("properties.windowsProfile", new.windows != old.windows),
    ];
    match fixed.into_iter().find(|(_, differs)| *differs) {
        Some((property, _)) => Err(PoolRefusal::PropertyChange { rule: "M-1", property: property.into() }),
        None => Ok(()),
    }
}

/// Begins the cluster's operation; the eTags of cluster and pools move (aks-semantics X-1).
fn open(ask: &mut Ask, operation: Operation, change: impl FnOnce(&mut Cluster), created: bool) -> Accepted {
    let id = operation.id;
    let pools: Vec<_> = ask.draft.world.pools().map(|(doc, _)| doc.key.clone()).collect();
    for key in pools.iter().filter(|_| !created) {
        ask.draft.update(key, |doc| {
            if let Some(pool) = doc.as_pool_mut() {
                pool.state.etag += 1;
            }
        });
    }
    let doc = ask.draft.update(&cluster_key(), |doc| {
        doc.meta.generation += i64::from(!created);
        if let Some(cluster) = doc.as_cluster_mut() {
            change(cluster);
            cluster.state.etag += u64::from(!created);
            cluster.state.operation = Some(operation);
        }
    });
    ask.polled(doc, created, id)
}

/// Every machine is deallocated, and the pools with it (aks-semantics SP-7).
pub(super) fn stop(ask: &mut Ask) -> Result<Accepted, Refusal> {
    switch(ask, Power::Stopped, ClusterPhase::Stopping)
}

/// Every machine of the pools that were not stopped on their own comes back.
pub(super) fn start(ask: &mut Ask) -> Result<Accepted, Refusal> {
    switch(ask, Power::Running, ClusterPhase::Starting)
}

fn switch(ask: &mut Ask, power: Power, phase: ClusterPhase) -> Result<Accepted, Refusal> {
    if let Some(answer) = repeat(ask) {
        return Ok(answer);
    }
    let Some((doc, cluster)) = stored(&ask.draft.world) else {
        return Err(Refusal::NotFound(cluster_key()));
    };
    check_idle(&ask.draft.world, &cluster)?;
    let failed = cluster.provisioning_state() != "Succeeded";
    if cluster.spec.power == power && !failed {
        return Ok(ask.unchanged(Some(doc)));
    }
    let operation = ask.operation(0, Progress::Cluster(phase));
    Ok(open(ask, operation, |cluster| cluster.spec.power = power, false))
}

/// The cluster and all that is in it goes; whatever runs is preempted.
pub(super) fn delete(ask: &mut Ask) -> Result<Accepted, Refusal> {
    if let Some(answer) = repeat(ask) {
        return Ok(answer);
    }
    let Some((doc, cluster)) = stored(&ask.draft.world) else {
        return Ok(ask.unchanged(None));
    };
    let deleting = Progress::Cluster(ClusterPhase::Deleting);
    if let Some(running) = cluster.state.operation.filter(|operation| operation.progress == deleting) {
        return Ok(ask.polled(Some(doc), false, running.id));
    }
    rules::check_unprotected(ask.draft.world.pools().map(|(doc, pool)| (&doc.key.name, pool)))?;
    let now = ask.draft.now;
    let preempt_own = |cluster: &mut Cluster| {
        if let Some(mut operation) = cluster.state.operation.take() {
            operation.ended = Some(preempted(now));
            cluster.state.history.push(operation);
        }
    };
    let operation = ask.operation(0, deleting);
    // The cluster first: should only that be written, the planner goes on with the pools.
    let accepted = open(ask, operation, preempt_own, false);
    let pools: Vec<_> = ask.draft.world.pools().map(|(doc, _)| doc.key.clone()).collect();
    for (ordinal, key) in (1..).zip(pools) {
        let mut operation = ask.operation(ordinal, Progress::Delete(DeletePhase::Removing));
        operation.ignore_budgets = true;
        ask.draft.update(&key, |doc| {
            if let Some(pool) = doc.as_pool_mut() {
                preempt(&mut pool.state, now);
                pool.state.deletion_started.get_or_insert(now);
                pool.state.operation = Some(operation);
            }
        });
    }
    Ok(Accepted { revision: ask.draft.world.revision, ..accepted })
}
