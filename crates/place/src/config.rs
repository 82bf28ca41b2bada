//! What a scheduler's configuration says about placing: one profile of kube-scheduler's KubeSchedulerConfiguration.
//!
//! [`Config::default`] is the default profile of 1.36; [`Config::of_release`] is the same one of an earlier release. A plugin that is off neither
//! filters nor scores; weights are 0 where a plugin does not score. Reading the file, and saying what in it cannot be done here, is the
//! room `sources`; the order of the filters is fixed.

use crate::reason::Plugin;
use nodelane_model::Name;
use nodelane_model::pod::{NodeAffinity, SpreadConstraint};
use std::collections::BTreeSet;
use std::sync::Arc;

/// One profile.
#[derive(Clone, PartialEq, Debug)]
pub struct Config {
    /// The pods that it is for: their `schedulerName`.
    pub scheduler_name: Name,
    /// Plugins that do not filter; DefaultPreemption: that do not make room.
    pub off: BTreeSet<Plugin>,
    /// What each plugin's score counts.
    pub weights: Weights,
    /// NodeResourcesFit: how a node's allocation is scored, and by which resources with which weights (1 to 100).
    pub strategy: Strategy,
    /// See `strategy`.
    pub fit_resources: Vec<(Name, i64)>,
    /// NodeResourcesFit: extended resources, and prefixes of such before the slash, that the filter does not look at.
    pub ignored: BTreeSet<Name>,
    /// NodeResourcesBalancedAllocation: whose shares are to be close.
    pub balanced_resources: Vec<Name>,
    /// NodeResourcesBalancedAllocation: what of it is scored.
    pub balance: Balance,
    /// NodeAffinity: what every pod wants of nodes in addition.
    pub added_affinity: Option<NodeAffinity>,
    /// PodTopologySpread: how pods are spread that do not say; absent for the system's own way.
    pub spread: Option<Vec<SpreadConstraint>>,
    /// InterPodAffinity: the weight of a required affinity term of a pod that is there, 0 to 100.
    pub hard_pod_affinity_weight: i64,
    /// InterPodAffinity: whether terms of pods that are there count only for pods with preferred terms of their own.
    pub ignore_preferred_terms_of_existing_pods: bool,
}

/// What each plugin's score counts; 0 where it does not score.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "each is the plugin of that name")]
pub struct Weights {
    pub node_resources_fit: i64,
    pub balanced_allocation: i64,
    pub image_locality: i64,
    pub taint_toleration: i64,
    pub node_affinity: i64,
    pub topology_spread: i64,
    pub inter_pod_affinity: i64,
}

/// How NodeResourcesFit scores.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Strategy {
    /// The emptier, the better.
    LeastAllocated,
    /// The fuller, the better.
    MostAllocated,
    /// By a line through points: utilisation in percent, rising, and score from 0 to 100.
    RequestedToCapacityRatio(Vec<(i64, i64)>),
}

/// What NodeResourcesBalancedAllocation scores: the one score that is another since 1.36.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Balance {
    /// What the pod changes about a node's balance, around 75.
    #[default]
    Change,
    /// A node's balance with the pod, as up to 1.35.
    State,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            scheduler_name: Name::new_static("default-scheduler"),
            off: BTreeSet::new(),
            weights: Weights::default(),
            strategy: Strategy::LeastAllocated,
            fit_resources: DEFAULT_RESOURCES.map(|name| (Name::new_static(name), 1)).to_vec(),
            ignored: BTreeSet::new(),
            balanced_resources: DEFAULT_RESOURCES.map(Name::new_static).to_vec(),
            balance: Balance::default(),
            added_affinity: None,
            spread: None,
            hard_pod_affinity_weight: 1,
            ignore_preferred_terms_of_existing_pods: false,
        }
    }
}

impl Default for Weights {
    /// Those of the default profile.
    fn default() -> Weights {
        Weights {
            node_resources_fit: 1,
            balanced_allocation: 1,
            image_locality: 1,
            taint_toleration: 3,
            node_affinity: 2,
            topology_spread: 2,
            inter_pod_affinity: 2,
        }
    }
}

const DEFAULT_RESOURCES: [&str; 2] = ["cpu", "memory"];
/// The first release that scores [`Balance::Change`].
const BALANCE_CHANGED: (u32, u32) = (1, 36);

impl Config {
    /// The same as the scheduler of a release does it: `version` is that of the control plane, like `1.35.6`, `v1.34.9` or `1.35`. What is no
    /// version is taken for the newest.
    pub fn of_release(self: &Arc<Config>, version: &str) -> Arc<Config> {
        let mut numbers = version.trim_start_matches('v').split('.').map_while(|number| number.parse::<u32>().ok());
        let earlier = numbers.next().zip(numbers.next()).is_some_and(|release| release < BALANCE_CHANGED);
        let balance = if earlier { Balance::State } else { Balance::Change };
        if self.balance == balance { self.clone() } else { Arc::new(Config { balance, ..(**self).clone() }) }
    }
    /// Whether a plugin filters.
    pub fn runs(&self, plugin: Plugin) -> bool {
        !self.off.contains(&plugin)
    }
    /// Whether the filter of NodeResourcesFit leaves a resource out.
    pub(crate) fn ignores(&self, resource: &str) -> bool {
        let group = resource.split_once('/').map_or(resource, |(group, _)| group);
        resource.contains('/') && (self.ignored.contains(resource) || self.ignored.contains(group))
    }
    /// Whether NodeResourcesFit scores as by default, which has a way of its own.
    pub(crate) fn scores_fit_by_default(&self) -> bool {
        self.strategy == Strategy::LeastAllocated
            && matches!(&self.fit_resources[..], [(cpu, 1), (memory, 1)] if cpu == "cpu" && memory == "memory")
    }
    /// Whether NodeResourcesBalancedAllocation looks at CPU and memory.
    pub(crate) fn balances_by_default(&self) -> bool {
        self.balanced_resources == DEFAULT_RESOURCES
    }
    /// Whether pods that do not say must be spread.
    pub(crate) fn spreads_as_a_must(&self) -> bool {
        self.spread.iter().flatten().any(|constraint| constraint.when_unsatisfiable == "DoNotSchedule")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_balance_is_that_of_the_control_planes_release() {
        let config = Arc::new(Config::default());
        for (version, balance) in [
            ("1.34.9", Balance::State),
            ("v1.35.4", Balance::State),
            ("1.35", Balance::State),
            ("v1.34.4-gke.7", Balance::State),
            ("1.36.0", Balance::Change),
            ("1.100.1", Balance::Change),
            ("2.0.0", Balance::Change),
            ("", Balance::Change),
            ("latest", Balance::Change),
        ] {
            assert_eq!(config.of_release(version).balance, balance, "{version:?}");
        }
        assert!(Arc::ptr_eq(&config, &config.of_release("1.36.2")));
        assert_eq!(*config.of_release("1.34.0").of_release("1.36.0"), *config);
    }
}
