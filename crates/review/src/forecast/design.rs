//! What a pool's design risks: warnings that no run is needed for, each with what to do about it.
//!
//! A specialised pool is one of GPUs, of spot machines, of Windows, or one whose labels workloads choose it by. Not here: what the
//! service refuses (`engine/admit`), and what a run of the change shows.

use super::{SHOWN, workload};
use nodelane_catalog::Catalog;
use nodelane_model::budget::IntOrPercent;
use nodelane_model::pool::{Mode, OsType, PoolSpec, Priority};
use nodelane_model::{Doc, Kind, Name};
use nodelane_world::World;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A risk.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Warning {
    /// Its name, for machines.
    pub rule: &'static str,
    /// What it is about.
    pub subject: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// The risks of a pool and its cluster as they are in a world.
pub fn warnings(world: &World, pool: &str) -> Vec<Warning> {
    let mut found = Vec::new();
    if let Some((doc, pool)) = world.pool(pool) {
        specialised(world, &doc.key.name, &pool.spec, &mut found);
        zones(world, &doc.key.name, &pool.spec, &mut found);
    }
    system_nodes(world, &mut found);
    found
}

fn specialised(world: &World, name: &Name, spec: &PoolSpec, found: &mut Vec<Warning>) {
    let gpus = Catalog::default().size(&spec.vm_size).map_or(0, |size| size.gpus);
    let what = match () {
        () if gpus > 0 => "GPUs",
        () if spec.priority == Priority::Spot => "spot machines",
        () if spec.os_type == OsType::Windows => "Windows",
        () if !spec.node_labels.is_empty() && is_chosen(world, spec) => "labels that workloads choose",
        () => return,
    };
    let repels = |taint: &Name| taint.ends_with(":NoSchedule") || taint.ends_with(":NoExecute");
    if !spec.node_taints.iter().any(repels) {
        let message = format!("it has {what} and no taint: any pod may land on it; add --node-taints KEY=VALUE:NoSchedule");
        found.push(Warning { rule: "specialised-without-taint", subject: format!("pool {name}"), message });
    }
    if !spec.enable_auto_scaling {
        let message = format!(
            "it has {what} and no limits for the autoscaler: {} machines are paid for, used or not; \
             add --enable-cluster-autoscaler --min-count 0 --max-count N",
            spec.count
        );
        found.push(Warning { rule: "specialised-without-limits", subject: format!("pool {name}"), message });
    }
}

/// Whether a pod asks for one of the pool's labels.
fn is_chosen(world: &World, spec: &PoolSpec) -> bool {
    let asks = |doc: &Arc<Doc>| {
        doc.as_pod().is_some_and(|pod| pod.spec.node_selector.iter().any(|(key, value)| spec.node_labels.get(key) == Some(value)))
    };
    world.list(Kind::Pod, None).any(asks)
}

fn zones(world: &World, name: &Name, spec: &PoolSpec, found: &mut Vec<Warning>) {
    let catalog = Catalog::default();
    let region = world.cluster().and_then(|cluster| catalog.region(&cluster.spec.location));
    let (Some(region), Some(size)) = (region, catalog.size(&spec.vm_size)) else { return };
    let offered = catalog.zones(region, size);
    if offered.len() > 1 && spec.availability_zones.is_empty() {
        let message = format!(
            "it has no zones, and {} has {}: one failing datacentre can take all its nodes; zones are set when a pool is added (--zones {})",
            region.name,
            offered.join(", "),
            offered.join(" ")
        );
        found.push(Warning { rule: "no-zones", subject: format!("pool {name}"), message });
    }
}

fn system_nodes(world: &World, found: &mut Vec<Warning>) {
    let system = world.pools().filter(|(_, pool)| pool.spec.mode == Mode::System);
    let pools: Vec<&Name> = system.map(|(doc, _)| &doc.key.name).collect();
    let nodes: usize = pools.iter().map(|name| world.machines_of(name).filter(|(_, machine)| !machine.surge).count()).sum();
    if let ([first, ..], 0..=1) = (&pools[..], nodes) {
        let message = "the cluster has one system node: its add-ons stop whenever that node does; scale it to two or more".to_owned();
        found.push(Warning { rule: "one-system-node", subject: format!("pool {first}"), message });
    }
}

/// Workloads of one replica with a pod on the pool: down while it moves, or never to be moved.
pub fn single_replicas(world: &World, pool: &str) -> Vec<Warning> {
    let machines: BTreeSet<Name> = world.machines_of(&pool.into()).map(|(doc, _)| doc.key.name.clone()).collect();
    let mut told: BTreeMap<(Name, Name, Name), bool> = BTreeMap::new();
    for pod in machines.iter().flat_map(|node| world.pods_on(node)).filter(|pod| !pod.is_terminating()) {
        let (kind, name) = workload(world, pod);
        if replicas(world, &pod.key.namespace, &kind, &name) == Some(1) {
            let held = world.budgets_of(pod).any(|budget| budget.as_budget().is_some_and(|budget| forbids_one(&budget.spec)));
            told.insert((pod.key.namespace.clone(), kind, name), held);
        }
    }
    let warning = |((namespace, kind, name), held): ((Name, Name, Name), bool)| {
        let (rule, message) = match held {
            true => (
                "single-replica-held",
                "its one replica may never be evicted under its budget: a drain waits until it gives up; add a replica, or allow one to be missing",
            ),
            false => ("single-replica", "it has one replica: it is down while that moves; add a replica and a budget"),
        };
        Warning { rule, subject: format!("{kind} {namespace}/{name}"), message: message.to_owned() }
    };
    told.into_iter().take(SHOWN).map(warning).collect()
}

fn replicas(world: &World, namespace: &Name, kind: &str, name: &Name) -> Option<i32> {
    let kind = [Kind::Deployment, Kind::ReplicaSet, Kind::StatefulSet].into_iter().find(|known| known.as_str() == kind)?;
    let doc = world.get(&nodelane_model::Key::new(kind, namespace.clone(), name.clone()))?;
    let of_set = doc.as_replica_set().map(|set| set.spec.replicas).or_else(|| doc.as_stateful_set().map(|set| set.spec.replicas));
    let replicas = doc.as_deployment().map(|deployment| deployment.spec.replicas).or(of_set)?;
    Some(replicas.unwrap_or(1))
}

/// Whether a budget never lets the only pod go.
fn forbids_one(spec: &nodelane_model::budget::BudgetSpec) -> bool {
    match (&spec.max_unavailable, &spec.min_available) {
        (Some(most), _) => most.scaled_up(1) < 1,
        (None, Some(IntOrPercent::Int(least))) => *least >= 1,
        (None, Some(share)) => share.scaled_up(1) >= 1,
        (None, None) => false,
    }
}
