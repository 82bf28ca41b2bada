//! The first world of a new data directory: the cluster `dev` with its pool `system`, born Ready.
//!
//! How a cluster is made is the room `rehearsal`'s; here is only what the first one is.

use crate::process::Entry;
use nodelane_engine::Env;
use nodelane_model::Time;
use nodelane_rehearsal::Genesis;
use nodelane_world::World;
use serde_json::json;
use std::collections::BTreeMap;

/// The size of the first pool's machines.
const SIZE: &str = "Standard_D2s_v5";
/// The first pool and its machines.
const POOL: (&str, u32) = ("system", 3);

/// Makes the first cluster's world.
pub fn cluster(entry: &Entry, env: Env, now: Time) -> Result<World, String> {
    let version = env.catalog.default_version().to_string();
    let (name, count) = POOL;
    let pool =
        json!({"name": name, "mode": "System", "count": count, "vmSize": SIZE, "osType": "Linux", "type": "VirtualMachineScaleSets"});
    let location = crate::process::FIRST.2;
    Genesis { id: &entry.id, seed: entry.seed, env, location, version: &version, pools: vec![pool], images: BTreeMap::new() }.world(now)
}
