//! The pools that could grow, and why each does not: the predicate of `plan` and of `why` (aks-semantics SU-2, SU-6, MS-3).
//!
//! Reasons are cluster-autoscaler's words, in its order: not ready, backoff, maximum, quota. What is wrong with each pod is not here.

use super::profile::Profile;
use super::watch::{Counts, State, Watch};
use super::{backoff, is_autoscaled, may_scale, minimum};
use crate::Env;
use nodelane_catalog::{MAX_NODES_PER_CLUSTER, Size};
use nodelane_model::pool::{NodePool, OsType, Power};
use nodelane_model::{Name, Time};
use nodelane_world::World;
use std::collections::BTreeMap;

/// Why a pool does not grow, whatever the pod.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Skip {
    /// It is not autoscaled, or stopped, or going.
    NotAutoscaled,
    /// An operation counts its machines, or too many of its nodes are not ready.
    NotReady,
    /// It could not grow a while ago.
    Backoff,
    /// It has as many machines as it may.
    MaxReached,
    /// The cluster has.
    TotalReached,
    /// A quota has too little left for one machine; which.
    Quota(Name),
}

impl Skip {
    /// cluster-autoscaler's words.
    pub fn text(&self) -> String {
        match self {
            Skip::NotAutoscaled => "not autoscaled".into(),
            Skip::NotReady => "not ready for scale-up".into(),
            Skip::Backoff => "in backoff after failed scale-up".into(),
            Skip::MaxReached => "max node group size reached".into(),
            Skip::TotalReached => "max total nodes in cluster reached".into(),
            Skip::Quota(id) => format!("exceeded quota: \"{id}\", resources: cpu"),
        }
    }
}

/// A pool as a group of nodes.
#[derive(Clone, Debug)]
pub struct Group {
    /// The pool.
    pub name: Name,
    /// What cluster-autoscaler calls it: its scale set.
    pub id: Name,
    /// The pool's document.
    pub pool: NodePool,
    /// Its size.
    pub size: Option<&'static Size>,
    /// How many of its machines are in which state.
    pub counts: Counts,
    /// Bounds.
    pub min: u32,
    /// The same.
    pub max: u32,
    /// Why it does not grow.
    pub skip: Option<Skip>,
}

/// What is left of what all pools share.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Left {
    /// vCPUs by family.
    families: BTreeMap<Name, i64>,
    quotas: crate::admit::Quotas,
    /// vCPUs of the region.
    pub region: i64,
    /// Nodes of the cluster.
    pub nodes: i64,
}

impl Left {
    /// What is left, given how many machines of each pool are meant to run.
    pub fn of(world: &World, env: &Env, target: impl Fn(&Name) -> u32) -> Left {
        let mut used = env.used_elsewhere.clone();
        let mut nodes = 0;
        for (doc, pool) in world.pools().filter(|(_, pool)| pool.spec.power == Power::Running) {
            let own = target(&doc.key.name);
            let held = if pool.spec.enable_auto_scaling && pool.state.operation.is_none() { own } else { own.max(pool.spec.count) };
            nodes += i64::from(held);
            if let Some(size) = env.catalog.size(&pool.spec.vm_size) {
                *used.entry(size.quota_family.into()).or_default() += u64::from(size.vcpu) * u64::from(held);
            }
        }
        let left = |limit: u64, used: u64| i64::try_from(limit).unwrap_or(i64::MAX) - i64::try_from(used).unwrap_or(i64::MAX);
        let region = left(env.quotas.region, used.values().sum());
        let families = used.iter().map(|(family, used)| (family.clone(), left(env.quotas.family(family), *used))).collect();
        Left { families, quotas: env.quotas.clone(), region, nodes: i64::from(MAX_NODES_PER_CLUSTER) - nodes }
    }
    /// vCPUs of a family.
    pub fn family(&self, family: &str) -> i64 {
        let unused = || i64::try_from(self.quotas.family(family)).unwrap_or(i64::MAX);
        self.families.get(family).copied().unwrap_or_else(unused)
    }
}

/// Pools that are autoscaled, in order of name.
pub fn groups(world: &World, env: &Env, watch: &Watch, profile: &Profile, left: &Left, now: Time) -> Vec<Group> {
    let autoscaled = world.pools().filter(|(_, pool)| is_autoscaled(pool));
    autoscaled.map(|(doc, pool)| group(env, &doc.key.name, pool, watch.counts(&doc.key.name), profile, left, now)).collect()
}

/// A pool as a group, and why it does not grow.
pub fn group(env: &Env, name: &Name, pool: &NodePool, counts: Counts, profile: &Profile, left: &Left, now: Time) -> Group {
    let size = env.catalog.size(&pool.spec.vm_size);
    let (min, max) = (minimum::at(pool, now), pool.spec.max_count.unwrap_or(0));
    let short = size.and_then(|size| {
        let need = i64::from(size.vcpu);
        let family = (left.family(size.quota_family) < need).then(|| Name::new_static(size.quota_family));
        family.or_else(|| (left.region < need).then(|| Name::new_static("region")))
    });
    let skip = match () {
        () if !is_autoscaled(pool) => Some(Skip::NotAutoscaled),
        () if !may_scale(pool) || is_unhealthy(&counts, profile) || size.is_none() => Some(Skip::NotReady),
        () if backoff::of(pool, now).is_some() => Some(Skip::Backoff),
        () if counts.target() >= max => Some(Skip::MaxReached),
        () if left.nodes <= 0 => Some(Skip::TotalReached),
        () => short.map(Skip::Quota),
    };
    Group { name: name.clone(), id: id(name, pool), pool: pool.clone(), size, counts, min, max, skip }
}

/// Whether too many nodes are unready, by the two bounds of AL-2: strictly more than both.
pub fn is_unhealthy(counts: &Counts, profile: &Profile) -> bool {
    let (unready, registered) = (counts.of(State::Unready), counts.registered());
    unready > profile.ok_total_unready_count
        && u64::from(unready) * 100 > u64::from(profile.max_total_unready_percentage) * u64::from(registered)
}

/// The name of a pool's scale set (aks-semantics N-7), by which cluster-autoscaler knows it.
pub fn id(name: &Name, pool: &NodePool) -> Name {
    match pool.spec.os_type {
        OsType::Linux => format!("aks-{name}-{:08}-vmss", pool.state.number).into(),
        OsType::Windows => format!("aks{name}").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_is_unhealthy_above_both_bounds_only() {
        // aks-semantics AL-2: 45 %, 3: 4 of 9 unready is healthy, 5 of 11 is not, 3 of 3 is.
        let unhealthy = |unready: usize, registered: usize| {
            let mut counts = Counts::default();
            (0..unready).for_each(|_| counts.add(State::Unready, 1));
            (unready..registered).for_each(|_| counts.add(State::Ready, 1));
            is_unhealthy(&counts, &Profile::default())
        };
        assert_eq!([unhealthy(4, 9), unhealthy(5, 11), unhealthy(3, 3)], [false, true, false]);
    }
}
