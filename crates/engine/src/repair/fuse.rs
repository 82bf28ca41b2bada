//! Stops the ladder where repairing machines one by one would do harm: many nodes are unhealthy at once, or enough are being repaired.
//!
//! Bounds are cluster-autoscaler's for unready nodes; marks of a pool or of the cluster have others (`repair=` of the disruption budgets for
//! how many at once, `unhealthy=` of the repair settings for the share). Not here: how many of one pool at once, which the ledger has.

use super::settings::Settings;
use super::spared::spared;
use crate::disrupt::{Budgets, Disruption, may_take};
use nodelane_model::budget::IntOrPercent;
use nodelane_model::{Doc, Machine, Name};
use nodelane_world::World;
use std::collections::{BTreeMap, BTreeSet};

/// Percent of a pool's, or of the cluster's, nodes above which too many are unhealthy (cluster-autoscaler's max-total-unready-percentage).
pub const UNHEALTHY_PERCENT: i32 = 45;
/// As many unhealthy nodes are never too many (cluster-autoscaler's ok-total-unready-count).
pub const UNHEALTHY_ALWAYS_FINE: i32 = 3;
/// Machines of the cluster that are repaired at once, where the cluster's mark does not say: one each of a cluster's usual three pools.
pub const CLUSTER_PARALLEL: i32 = 3;

/// What one pass has counted.
#[derive(Default)]
pub(super) struct Fuse {
    /// Repairs under way in the cluster.
    under_way: Option<i32>,
    /// Whether too many nodes are unhealthy, by pool; the empty name is the cluster.
    blown: BTreeMap<Name, Option<String>>,
    /// Pools of which no other machine may be taken in this pass.
    closed: BTreeSet<Name>,
}

/// Why a machine is not taken.
pub(super) enum Held {
    /// For a reason of its own.
    Own(String),
    /// Its pool may have no more repairs now: the first that is told speaks for all.
    Pool(String),
    /// As another of its pool.
    Silently,
}

impl Fuse {
    /// Whether a machine may be taken now; else why not.
    pub fn check(&mut self, world: &World, doc: &Doc, machine: &Machine) -> Result<(), Held> {
        let begun = is_under_way(machine);
        if !begun && self.closed.contains(&machine.pool) {
            return Err(Held::Silently);
        }
        if let Some(why) = spared(world, &doc.key.name) {
            return Err(Held::Own(why));
        }
        let why = self.of_pool(world, doc, machine, begun);
        match why {
            None => Ok(()),
            Some(why) => Err(if self.closed.insert(machine.pool.clone()) { Held::Pool(why) } else { Held::Silently }),
        }
    }
    fn of_pool(&mut self, world: &World, doc: &Doc, machine: &Machine, begun: bool) -> Option<String> {
        for pool in [&machine.pool, &Name::default()] {
            if let Some(why) = self.blown.entry(pool.clone()).or_insert_with(|| blown(world, pool)) {
                return Some(why.clone());
            }
        }
        let most = cluster_most(world);
        if !begun && self.under_way(world) >= most {
            return Some(format!("{most} other nodes of the cluster are being repaired"));
        }
        may_take(world, &doc.key, Disruption::Repair, |_| true).err().map(|why| why.to_string())
    }
    /// A machine was taken.
    pub fn count(&mut self, machine: &Machine) {
        self.under_way = self.under_way.map(|count| count + i32::from(!is_under_way(machine)));
    }
    fn under_way(&mut self, world: &World) -> i32 {
        let count = || world.repairing().filter(|(_, machine)| is_under_way(machine)).count() as i32;
        *self.under_way.get_or_insert_with(count)
    }
}

fn is_under_way(machine: &Machine) -> bool {
    machine.repair.as_ref().is_some_and(|repair| repair.is_under_way())
}

fn cluster_most(world: &World) -> i32 {
    let budgets = world.cluster().and_then(|cluster| Budgets::of(&cluster.spec.tags).ok()).unwrap_or_default();
    budgets.most(Disruption::Repair).map_or(CLUSTER_PARALLEL, |most| most.scaled_up(world.nodes().count() as i32))
}

/// Why too many nodes of a pool, or of the cluster, are unhealthy, if they are.
fn blown(world: &World, pool: &Name) -> Option<String> {
    let of = |machine: &Machine| pool.is_empty() || machine.pool == *pool;
    let unhealthy = world.repairing().filter(|(_, machine)| of(machine)).count() as i32;
    let tags = match pool.is_empty() {
        true => world.cluster().map(|cluster| &cluster.spec.tags),
        false => world.pool(pool).map(|(_, pool)| &pool.spec.tags),
    };
    let marked = tags.and_then(|tags| Settings::of(tags).ok()?.unhealthy);
    if marked.is_none() && unhealthy <= UNHEALTHY_ALWAYS_FINE {
        return None;
    }
    let wanted = |name: &Name| world.machines_of(name).filter(|(_, machine)| machine.is_wanted()).count() as i32;
    let total = match pool.is_empty() {
        true => world.pools().map(|(pool, _)| wanted(&pool.key.name)).sum(),
        false => wanted(pool),
    };
    let most = match &marked {
        Some(most) => most.scaled_up(total),
        None => IntOrPercent::Percent(UNHEALTHY_PERCENT).scaled_down(total),
    };
    let whose = if pool.is_empty() { "the cluster".to_owned() } else { format!("node pool {pool}") };
    let bound = marked.unwrap_or(IntOrPercent::Percent(UNHEALTHY_PERCENT));
    (unhealthy > most).then(|| format!("more than {bound} of the nodes of {whose} are unhealthy, and one cause is likelier than many"))
}
