//! What a new machine of a pool would be as a node, with its daemons: complete also where the pool has none (aks-semantics 8 row 8).
//!
//! One template for each zone of a pool: volumes and spreads pick the zone. Labels, taints and amounts are those that nodes are born with.

use super::groups::Group;
use crate::Env;
use crate::converge::newborn;
use nodelane_model::machine::MachineModel;
use nodelane_model::pool::{NodePool, Priority};
use nodelane_model::{Cluster, Doc, Key, Machine, Name, Time, Uid};
use nodelane_place::estimate::Template;
use nodelane_world::{NodeRow, World};
use std::sync::Arc;

/// The zones of a pool; one without a name where it has none.
pub fn zones(pool: &NodePool) -> Vec<Name> {
    if pool.spec.availability_zones.is_empty() { vec![Name::default()] } else { pool.spec.availability_zones.clone() }
}

/// The templates of a group, one for each zone; `limits` say what a machine counts against.
pub fn templates(world: &World, env: &Env, cluster: &Cluster, group: &Group, limits: &[(usize, i64)]) -> Vec<Template> {
    let spec = &group.pool.spec;
    let region = env.catalog.region(&cluster.spec.location);
    let price =
        region.zip(group.size).and_then(|(region, size)| env.catalog.price_micro_usd_per_hour(region, size, spec.os_type, spec.priority));
    let of_zone = |zone: Name| {
        let node = node(env, cluster, &group.name, &group.pool, &zone);
        Template {
            group: group.id.clone(),
            size: spec.vm_size.clone(),
            zone,
            capacity_type: if spec.priority == Priority::Spot { "spot" } else { "on-demand" }.into(),
            row: row(world, node),
            price_nano_usd: price.unwrap_or(0) * 1_000,
            takes: limits.to_vec(),
        }
    };
    zones(&group.pool).into_iter().map(of_zone).collect()
}

/// The node of a machine that a pool might get in a zone.
fn node(env: &Env, cluster: &Cluster, name: &Name, pool: &NodePool, zone: &Name) -> Doc {
    let model = MachineModel { version: pool.state.version.clone(), image: pool.state.image.clone() };
    let machine = Machine { zone: zone.clone(), ..Machine::requested(name, 0, &pool.spec.vm_size, model, Time(0)) };
    newborn(cluster, &pool.spec, &machine, &format!("template-{name}-{zone}"), &env.catalog)
}

/// A node with what its daemons take.
fn row(world: &World, node: Doc) -> NodeRow {
    let name = node.key.name.clone();
    let mut alone = World::new(world.seed);
    put(&mut alone, world, node);
    alone.node(&name).map(|row| (**row).clone()).unwrap_or_else(|| unreachable!("it was just put there"))
}

/// Puts a machine that is on its way into a world, as the node that it will be.
pub fn put_upcoming(into: &mut World, world: &World, env: &Env, cluster: &Cluster, key: &Key) {
    let Some(machine) = world.get(key).and_then(|doc| doc.as_machine()) else { return };
    let Some((_, pool)) = world.pool(&machine.pool) else { return };
    put(into, world, newborn(cluster, &pool.spec, machine, &key.name, &env.catalog));
}

/// Puts a node that is not there into a world, with the daemons that another world has for it.
pub fn put(into: &mut World, world: &World, mut node: Doc) {
    node.meta.uid = Uid::derive(UPCOMING, nodelane_model::hash::Hash::new(0).text(&node.key.name).get(), 0);
    let runs = |set: &Name| world.pods_on(&node.key.name).any(|pod| pod.meta.controller().is_some_and(|owner| owner.name == *set));
    for pod in nodelane_workload::daemons_on(world, &node) {
        // A node that has registered may have its daemons already.
        let set = pod.key.name.strip_suffix(&format!("-{}", node.key.name)).map(Name::new).unwrap_or_default();
        if into.get(&pod.key).is_none() && !runs(&set) {
            into.put(Arc::new(pod));
        }
    }
    into.put(Arc::new(node));
}

/// Seeds the ids of nodes that are not there.
const UPCOMING: u64 = 0x7570_636f_6d69_6e67;
