//! The machines of a pool as a whole: how many are wanted, which are Ready, what a new one is called and where it goes.
//!
//! Instance ids only ever grow, so a name is never used twice by two machines of one pool.
//! Not here: when a machine is added or taken.

use nodelane_model::machine::{Intent, MachineModel, MachinePhase};
use nodelane_model::pool::{NodePool, OsType};
use nodelane_model::{Body, Doc, Key, Kind, Machine, Meta, Name};
use nodelane_world::{Draft, World};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Machines of a pool that are meant to live, in order of instance; extra ones of a roll included.
pub fn wanted(world: &World, pool: &Name) -> Vec<Arc<Doc>> {
    let mut docs: Vec<Arc<Doc>> =
        world.machines_of(pool).filter(|(_, machine)| machine.intent != Intent::Gone).map(|(doc, _)| doc.clone()).collect();
    docs.sort_by_key(|doc| doc.as_machine().map(|machine| machine.instance));
    docs
}

/// Machines of the pool proper that are meant to live, in order of instance; extra ones are not.
pub fn own(world: &World, pool: &Name) -> Vec<Arc<Doc>> {
    wanted(world, pool).into_iter().filter(|doc| doc.as_machine().is_some_and(|machine| !machine.surge)).collect()
}

/// Extra machines that are meant to live, in order of instance.
pub fn extra(world: &World, pool: &Name) -> Vec<Arc<Doc>> {
    wanted(world, pool).into_iter().filter(|doc| doc.as_machine().is_some_and(|machine| machine.surge)).collect()
}

/// Whether a machine runs and its node is Ready.
pub fn is_ready(world: &World, doc: &Doc) -> bool {
    let runs = doc.as_machine().is_some_and(|machine| machine.phase == MachinePhase::Running);
    let node = world.node(&doc.key.name).and_then(|row| row.doc.as_node());
    runs && node.is_some_and(|node| node.status.is_ready())
}

/// Whether a machine is Ready and takes pods.
pub fn is_schedulable(world: &World, doc: &Doc) -> bool {
    let node = world.node(&doc.key.name).and_then(|row| row.doc.as_node());
    is_ready(world, doc) && node.is_some_and(|node| !node.spec.unschedulable)
}

/// Adds a machine to a pool; `surge` marks it as extra.
pub fn add(draft: &mut Draft, pool_key: &Key, surge: bool) -> Option<Key> {
    let pool = draft.world.get(pool_key)?.as_pool()?.clone();
    let instance = pool.state.next_instance;
    draft.update(pool_key, |doc| {
        if let Some(pool) = doc.as_pool_mut() {
            pool.state.next_instance += 1;
        }
    });
    let model = MachineModel { version: pool.state.version.clone(), image: pool.state.image.clone() };
    let mut machine = Machine::requested(&pool_key.name, instance, &pool.spec.vm_size, model, draft.now);
    machine.zone = emptiest_zone(&draft.world, &pool_key.name, &pool);
    machine.surge = surge;
    let key = Key::global(Kind::Machine, node_name(&pool_key.name, &pool, instance));
    draft.create(key.clone(), Meta::default(), Body::Machine(Box::new(machine)));
    Some(key)
}

/// Adds a machine to a pool for each zone given (empty for none), and gives their keys.
pub fn grow(draft: &mut Draft, pool_key: &Key, zones: &[Name]) -> Vec<Key> {
    let Some(pool) = draft.world.get(pool_key).and_then(|doc| doc.as_pool()).cloned() else { return Vec::new() };
    let first = pool.state.next_instance;
    draft.update(pool_key, |doc| {
        if let Some(pool) = doc.as_pool_mut() {
            pool.state.next_instance += zones.len() as u32;
        }
    });
    let model = MachineModel { version: pool.state.version.clone(), image: pool.state.image.clone() };
    let make = |(instance, zone): (u32, &Name)| {
        let mut machine = Machine::requested(&pool_key.name, instance, &pool.spec.vm_size, model.clone(), draft.now);
        machine.zone = zone.clone();
        let key = Key::global(Kind::Machine, node_name(&pool_key.name, &pool, instance));
        draft.create(key.clone(), Meta::default(), Body::Machine(Box::new(machine)));
        key
    };
    (first..).zip(zones).map(make).collect()
}

/// Zones for so many more machines of a pool: each goes to the emptiest (aks-semantics Z-4), those of `coming` counted in.
pub fn next_zones(world: &World, name: &Name, pool: &NodePool, coming: &[Name], count: usize) -> Vec<Name> {
    let mut counts = zone_counts(world, name, pool);
    for zone in coming {
        counts.entry(zone.clone()).and_modify(|count| *count += 1);
    }
    let next = |_| {
        let (zone, count) = counts.iter_mut().min_by_key(|(zone, count)| (**count, (*zone).clone()))?;
        *count += 1;
        Some(zone.clone())
    };
    (0..count).map(next).map(Option::unwrap_or_default).collect()
}

/// The zone with the fewest machines, the first of equals; empty for a regional pool (aks-semantics Z-4).
fn emptiest_zone(world: &World, name: &Name, pool: &NodePool) -> Name {
    let counts = zone_counts(world, name, pool);
    counts.into_iter().min_by_key(|(zone, count)| (*count, zone.clone())).map(|(zone, _)| zone).unwrap_or_default()
}

/// Machines that are meant to live by zone of the pool.
fn zone_counts(world: &World, name: &Name, pool: &NodePool) -> BTreeMap<Name, u32> {
    let mut counts: BTreeMap<Name, u32> = pool.spec.availability_zones.iter().map(|zone| (zone.clone(), 0)).collect();
    for (_, machine) in world.machines_of(name).filter(|(_, machine)| machine.is_wanted()) {
        if let Some(count) = counts.get_mut(&machine.zone) {
            *count += 1;
        }
    }
    counts
}

/// The name of a pool's machine (aks-semantics N-7).
pub fn node_name(name: &Name, pool: &NodePool, instance: u32) -> String {
    match pool.spec.os_type {
        OsType::Linux => format!("aks-{name}-{:08}-vmss{}", pool.state.number, base36(instance)),
        OsType::Windows => format!("aks{name}{}", base36(instance)),
    }
}

/// Six digits in base 36.
fn base36(mut number: u32) -> String {
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdefghijklmnopqrstuvwxyz"[(number % 36) as usize];
        number /= 36;
    }
    digits.iter().map(|digit| *digit as char).collect()
}

/// Changes a machine; nothing happens where it is gone.
pub fn change(draft: &mut Draft, key: &Key, change: impl FnOnce(&mut Machine)) {
    draft.update(key, |doc| {
        if let Some(machine) = doc.as_machine_mut() {
            change(machine);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instance_names_count_in_base_36() {
        // aks-semantics N-7: vmss000009, vmss00000a, vmss00000z (instance 35), vmss000010.
        let names: Vec<String> = [9, 10, 35, 36].into_iter().map(base36).collect();
        assert_eq!(names, ["000009", "00000a", "00000z", "000010"]);
    }
}
