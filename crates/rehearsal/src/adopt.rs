//! A foreign cluster as a world that can be run: its nodes get machines, its pools the state that our own have.
//!
//! A cluster with the same pools is made as any other is, then the dump's objects take the place of what was made: its nodes by name,
//! its pods where they are. What a dump does not show is as in a new cluster: addresses, quotas (none). Owners that are not in the dump
//! are forgotten, for a pod whose owners are all gone would be garbage.

use crate::Genesis;
use nodelane_arm::ClusterId;
use nodelane_engine::Env;
use nodelane_model::machine::MachineModel;
use nodelane_model::pool::PoolSpec;
use nodelane_model::{Body, Doc, Key, Kind, Machine, Meta, Name, NodePool, Rest, Time, Uid};
use nodelane_sources::Objects;
use nodelane_world::World;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// More than any subscription has: what a foreign one has is not known.
const NO_QUOTA: u64 = 10_000_000;

/// Makes a dump's objects, with their pools complete, into a world at a time; and what deciding knows beside it.
///
/// # Errors
/// What keeps the cluster from being run here.
pub fn adopt(objects: Objects, id: &ClusterId, seed: u64, now: Time) -> Result<(World, Env), String> {
    let dump = objects.into_world();
    let mut nodes: BTreeMap<Name, Vec<Arc<Doc>>> = BTreeMap::new();
    for doc in dump.list(Kind::Node, None) {
        let pool = doc.meta.labels.get("agentpool");
        let pool = pool.ok_or_else(|| format!("node {} has no label agentpool: only nodes of pools can be rehearsed", doc.key.name))?;
        nodes.entry(pool.clone()).or_default().push(doc.clone());
    }
    let mut env = Env::default();
    (env.quotas.any_family, env.quotas.region) = (NO_QUOTA, NO_QUOTA);
    let location = dump.cluster().map(|cluster| cluster.spec.location.clone()).unwrap_or_else(|| "eastus".into());
    let version = control_plane(&dump, &env);
    let count = |name: &Name| nodes.get(name).map_or(0, Vec::len);
    let mut pools: Vec<Value> = dump.pools().map(|(doc, pool)| profile(&doc.key.name, &pool.spec, count(&doc.key.name))).collect();
    if !pools.iter().any(|pool| pool["mode"] == "System")
        && let Some(first) = pools.first_mut()
    {
        first["mode"] = json!("System");
    }
    let images = BTreeMap::new();
    let genesis = Genesis { id, seed, env: env.clone(), location: &location, version: &version, pools, images };
    let made = genesis.world(now)?;
    Ok((replaced(&made, &dump, &nodes, seed), env))
}

/// The newest version that a pool has: the control plane is never older than its nodes.
fn control_plane(dump: &World, env: &Env) -> Name {
    let versions = dump.pools().filter_map(|(_, pool)| env.catalog.resolve_version(&pool.state.version));
    versions.max().unwrap_or_else(|| env.catalog.default_version()).to_string().into()
}

fn profile(name: &Name, spec: &PoolSpec, count: usize) -> Value {
    let mut profile = serde_json::to_value(spec).unwrap_or_default();
    profile["name"] = json!(name);
    profile["count"] = json!(count);
    if let Some(fields) = profile.as_object_mut() {
        // Versions may no longer be on offer; power is seen at the machines.
        let says = |value: &Value| !value.is_null() && *value != "" && *value != json!(0);
        fields.retain(|field, value| field != "power" && field != "orchestratorVersion" && says(value));
        fields.insert("count".into(), json!(count));
    }
    profile
}

/// The dump's objects in the place of what was made.
fn replaced(made: &World, dump: &World, nodes: &BTreeMap<Name, Vec<Arc<Doc>>>, seed: u64) -> World {
    let mut docs: BTreeMap<Key, Doc> = BTreeMap::new();
    let shared = [Kind::Cluster, Kind::Namespace, Kind::PriorityClass, Kind::StorageClass];
    for doc in shared.into_iter().flat_map(|kind| made.list(kind, None)) {
        docs.insert(doc.key.clone(), (**doc).clone());
    }
    for (doc, _) in made.pools() {
        let known = dump.pool(&doc.key.name).map(|(_, pool)| pool.clone()).unwrap_or_default();
        let nodes = nodes.get(&doc.key.name).map(Vec::as_slice).unwrap_or_default();
        adopt_pool(doc, &known, nodes, made, &mut docs);
    }
    let known: BTreeSet<Uid> = dump.list_from(std::ops::Bound::Unbounded).map(|doc| doc.meta.uid).collect();
    for doc in dump.list_from(std::ops::Bound::Unbounded) {
        if matches!(doc.key.kind, Kind::Cluster | Kind::NodePool) {
            continue;
        }
        let mut doc = (**doc).clone();
        if doc.meta.owners.iter().any(|owner| Uid::parse(&owner.uid).is_none_or(|uid| !known.contains(&uid))) {
            Arc::make_mut(&mut doc.meta.owners).retain(|owner| Uid::parse(&owner.uid).is_some_and(|uid| known.contains(&uid)));
        }
        let namespace = Key::global(Kind::Namespace, doc.key.namespace.clone());
        if !doc.key.namespace.is_empty() && dump.get(&namespace).is_none() {
            docs.entry(namespace.clone()).or_insert_with(|| new_namespace(namespace, seed));
        }
        docs.insert(doc.key.clone(), doc);
    }
    let count = docs.len() as u64;
    let numbered = docs.into_values().enumerate().map(|(at, mut doc)| {
        doc.revision = at as u64 + 1;
        Arc::new(doc)
    });
    World::rebuild(seed, count, numbered)
}

/// A pool and the machines of its nodes.
fn adopt_pool(made: &Doc, known: &NodePool, nodes: &[Arc<Doc>], world: &World, docs: &mut BTreeMap<Key, Doc>) {
    let mut pool = made.clone();
    let machines: Vec<&Arc<Doc>> = world.machines_of(&made.key.name).map(|(doc, _)| doc).collect();
    let mut next = 0;
    for (at, (node, machine)) in nodes.iter().zip(machines).enumerate() {
        let mut doc = (**machine).clone();
        doc.key = Key::global(Kind::Machine, node.key.name.clone());
        let instance = instance(&node.key.name).unwrap_or(at as u32);
        next = next.max(instance + 1);
        if let Some(machine) = doc.as_machine_mut() {
            running(machine, node, instance);
        }
        docs.insert(doc.key.clone(), doc);
    }
    if let Some(pool) = pool.as_pool_mut() {
        let number = nodes.first().and_then(|node| node.key.name.split('-').rev().nth(1)?.parse().ok());
        pool.state.number = number.unwrap_or(pool.state.number);
        pool.state.next_instance = next.max(pool.state.next_instance);
        if !known.state.version.is_empty() {
            pool.state.version = known.state.version.clone();
            pool.spec.orchestrator_version = known.state.version.clone();
        }
        if !known.state.image.is_empty() {
            pool.state.image = known.state.image.clone();
        }
    }
    docs.insert(pool.key.clone(), pool);
}

/// A machine as its node shows it.
fn running(machine: &mut Machine, node: &Doc, instance: u32) {
    let label = |key: &str| node.meta.labels.get(key);
    machine.instance = instance;
    let zone = label("topology.kubernetes.io/zone").and_then(|zone| zone.rsplit_once('-'));
    machine.zone = zone.map(|(_, number)| number.into()).unwrap_or_default();
    let info = node.as_node().map(|node| &node.status.node_info);
    let version = info.map(|info| Name::from(info.kubelet_version.trim_start_matches('v'))).filter(|version| !version.is_empty());
    machine.model = MachineModel {
        version: version.unwrap_or_else(|| machine.model.version.clone()),
        image: label("kubernetes.azure.com/node-image-version").cloned().unwrap_or_else(|| machine.model.image.clone()),
    };
    machine.running = Some(machine.model.clone());
}

/// The instance that a node's name ends with, six digits in base 36.
fn instance(name: &str) -> Option<u32> {
    let digits = name.get(name.len().checked_sub(6)?..)?;
    u32::from_str_radix(digits, 36).ok()
}

fn new_namespace(key: Key, seed: u64) -> Doc {
    let uid = Uid::derive(seed, nodelane_model::hash::Hash::new(seed).text(&key.name).get(), 0);
    let mut fields = Rest::new();
    fields.insert("spec".into(), json!({"finalizers": ["kubernetes"]}));
    fields.insert("status".into(), json!({"phase": "Active"}));
    Doc::new(key, 0, Meta { uid, ..Meta::default() }, Body::Opaque(fields))
}
