//! A node that is not there yet: what a new one of a pool, or of a new pool, would look like.
//!
//! It is as it will be born (`engine`), but with the amounts of a ready node of the pool where there is one, because a real machine shows a
//! little less than its size says. Its daemons come with it.

use super::Means;
use super::lane::Lane;
use nodelane_engine::converge::newborn;
use nodelane_model::machine::MachineModel;
use nodelane_model::pool::NodePool;
use nodelane_model::{Cluster, Doc, Machine, Name, Time, Uid};
use nodelane_world::World;
use std::collections::BTreeMap;
use std::sync::Arc;

const REGION: &str = "topology.kubernetes.io/region";
const ZONE: &str = "topology.kubernetes.io/zone";

/// The region: the cluster's, else the one that nodes are labelled with.
pub(crate) fn location(world: &World) -> Option<Name> {
    let of_cluster = world.cluster().map(|cluster| cluster.spec.location.clone()).filter(|location| !location.is_empty());
    of_cluster.or_else(|| world.nodes().find_map(|(_, row)| row.doc.meta.labels.get(REGION).cloned()))
}

/// Zones of the next nodes of a pool: each goes to the emptiest, the first of equals (aks-semantics Z-4); empty where it has none.
pub(crate) fn zones(world: &World, lane: &Lane, by: u32) -> Vec<Name> {
    let zones = lane.pool.iter().flat_map(|pool| &pool.spec.availability_zones);
    let mut counts: BTreeMap<&Name, u32> = zones.map(|zone| (zone, 0)).collect();
    for row in lane.nodes.iter().filter_map(|name| world.node(name)) {
        let zone = row.doc.meta.labels.get(ZONE).map(|zone| zone.rsplit('-').next().unwrap_or(zone));
        if let Some(count) = zone.and_then(|zone| counts.get_mut(&Name::from(zone))) {
            *count += 1;
        }
    }
    let next = |_| {
        let (zone, count) = counts.iter_mut().min_by_key(|(zone, count)| (**count, **zone))?;
        *count += 1;
        Some((*zone).clone())
    };
    (0..by).map(next).map(Option::unwrap_or_default).collect()
}

/// Puts the next nodes of a pool into a fork, with their daemons; gives their names.
pub(crate) fn add(world: &mut World, means: &Means, lane: &Lane, by: u32) -> Vec<Name> {
    let Some(pool) = &lane.pool else { return Vec::new() };
    let zones = zones(world, lane, by);
    let sibling = lane.nodes.iter().filter_map(|name| world.node(name)).map(|row| row.doc.clone()).find(|doc| is_like(doc, pool));
    let nodes: Vec<Doc> = (1..).zip(zones).map(|(at, zone)| node(world, means, lane, pool, &zone, at, sibling.as_deref())).collect();
    nodes.into_iter().map(|node| put(world, node)).collect()
}

fn put(world: &mut World, node: Doc) -> Name {
    let name = node.key.name.clone();
    for pod in nodelane_workload::daemons_on(world, &node) {
        world.put(Arc::new(pod));
    }
    world.put(Arc::new(node));
    name
}

/// Whether a node shows what a new one would have.
fn is_like(node: &Doc, pool: &NodePool) -> bool {
    let size = node.meta.labels.get("node.kubernetes.io/instance-type");
    node.as_node().is_some_and(|node| node.status.is_ready()) && size.is_some_and(|size| size.eq_ignore_ascii_case(&pool.spec.vm_size))
}

fn node(world: &World, means: &Means, lane: &Lane, pool: &NodePool, zone: &Name, at: u32, sibling: Option<&Doc>) -> Doc {
    let name = Name::from(format!("{}-new-{at}", lane.name));
    let model = MachineModel { version: pool.state.version.clone(), image: pool.state.image.clone() };
    let mut machine = Machine::requested(&lane.name, at, &pool.spec.vm_size, model, Time(0));
    machine.zone = zone.clone();
    let cluster = world.cluster().cloned().unwrap_or_else(|| {
        let mut cluster = Cluster::default();
        cluster.spec.location = location(world).unwrap_or_default();
        cluster
    });
    let mut doc = newborn(&cluster, &pool.spec, &machine, &name, &means.catalog);
    let salt = nodelane_model::hash::Hash::new(0).text(&name).get();
    doc.meta.uid = Uid::derive(0x6e65_7763_6f6d_6572, u64::from(at), salt);
    let Some(sibling) = sibling else { return doc };
    // What the cloud sets beyond what is known here is the same on every node of the pool.
    for (key, value) in sibling.meta.labels.iter().filter(|(key, _)| key.starts_with("kubernetes.azure.com/")) {
        Arc::make_mut(&mut doc.meta.labels).entry(key.clone()).or_insert_with(|| value.clone());
    }
    if let (Some(node), Some(like)) = (doc.as_node_mut(), sibling.as_node()) {
        (node.status.capacity, node.status.allocatable) = (like.status.capacity.clone(), like.status.allocatable.clone());
    }
    doc
}
