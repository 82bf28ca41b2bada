//! The parameters of autoscaling: the cluster's profile over AKS's defaults (aks-semantics 3.2), and what AKS keeps to itself (CA-2).
//!
//! Values come as the wire has them, texts in kebab-case keys; the ARM door has judged their forms (CA-1), so what cannot be read here
//! is passed over. Durations are in milliseconds. Not here: what a single pool says otherwise (`options`).

use nodelane_model::Rest;
use serde::{Deserialize, Serialize};
use serde_json::Value;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;

/// The first pause of a pool that could not grow (aks-semantics AL-6).
pub const INITIAL_BACKOFF_MILLIS: i64 = 5 * MINUTE;
/// The longest pause (aks-semantics AL-6).
pub const LONGEST_BACKOFF_MILLIS: i64 = 30 * MINUTE;
/// How long after its last failure a pool's failures are forgotten (aks-semantics AL-6).
pub const BACKOFF_RESET_MILLIS: i64 = 3 * 60 * MINUTE;
/// How long an eviction is tried again (aks-semantics CA-2, SD-4).
pub const MAX_POD_EVICTION_MILLIS: i64 = 2 * MINUTE;
/// Nodes that may be on their way out at once, and those of them that are drained (aks-semantics SD-4b).
pub const MAX_SCALE_DOWN_PARALLELISM: u32 = 10;
/// Nodes that may be drained at once (aks-semantics SD-4b).
pub const MAX_DRAIN_PARALLELISM: u32 = 1;
/// Pause between the taint of a node that goes and the first eviction (aks-semantics SD-3).
pub const NODE_DELETE_DELAY_AFTER_TAINT_MILLIS: i64 = 5 * SECOND;
/// Pods of a lower priority neither bring nor keep a node (aks-semantics SU-1, CA-2).
pub const EXPENDABLE_PRIORITY_CUTOFF: i32 = -10;
/// How long a node that could not be removed is not looked at again (aks-semantics CA-2, SD-1).
pub const UNREMOVABLE_RECHECK_MILLIS: i64 = 5 * MINUTE;
/// Age from which a system pod without a budget no longer keeps a node (aks-semantics CA-2, SD-2).
pub const BLOCKING_SYSTEM_POD_MILLIS: i64 = 60 * MINUTE;
/// Non-empty nodes that are looked at in one pass (aks-semantics CA-2).
pub const NON_EMPTY_CANDIDATES: usize = 30;
/// Machines that one scale-up may add (aks-semantics CA-2).
pub const MAX_NODES_PER_SCALE_UP: usize = 1_000;
/// How long the same event is not written again (aks-semantics CA-2b).
pub const DUPLICATE_EVENT_MILLIS: i64 = 5 * MINUTE;
/// Nodes younger than this are not started yet, rather than unready (aks-semantics AL-2).
pub const NOT_STARTED_MILLIS: i64 = 15 * MINUTE;

/// How pools are autoscaled.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// As AKS's cluster-autoscaler decides.
    #[default]
    Aks,
    /// Sooner up, pool by pool down, and the cheaper pool where the profile leaves it to chance.
    Better,
}

impl Strategy {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Strategy::Aks => "aks",
            Strategy::Better => "better",
        }
    }
    /// The strategy of that name.
    pub fn from_name(name: &str) -> Option<Strategy> {
        match name {
            "aks" => Some(Strategy::Aks),
            "better" => Some(Strategy::Better),
            _ => None,
        }
    }
}

/// An expander by name (aks-semantics AL-4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExpanderName {
    /// Any.
    Random,
    /// The one that takes most pods.
    MostPods,
    /// The one that leaves least idle.
    LeastWaste,
    /// The one with the highest priority in the ConfigMap.
    Priority,
    /// The cheapest for what it takes. Not a word of AKS's.
    Price,
}

/// The parameters.
#[derive(Clone, PartialEq, Debug)]
pub struct Profile {
    /// How pools are autoscaled.
    pub strategy: Strategy,
    /// Times at which pending pods and nodes are looked at are at least this far apart.
    pub scan_interval_millis: i64,
    /// No node goes so long after any came.
    pub scale_down_delay_after_add_millis: i64,
    /// No node goes so long after one went.
    pub scale_down_delay_after_delete_millis: i64,
    /// No node goes so long after one could not.
    pub scale_down_delay_after_failure_millis: i64,
    /// Whether the three delays hold for the pool that caused them alone (`scale-down-delay-type-local`).
    pub scale_down_delay_is_local: bool,
    /// How long a ready node must have been of no need.
    pub scale_down_unneeded_millis: i64,
    /// How long an unready node must have been of no need.
    pub scale_down_unready_millis: i64,
    /// Share of a node's CPU or memory up to which it may go.
    pub scale_down_utilization_threshold: f64,
    /// The same of its GPUs.
    pub scale_down_gpu_utilization_threshold: f64,
    /// Whether pods of DaemonSets do not count in that share.
    pub ignore_daemonsets_utilization: bool,
    /// Whether pods of DaemonSets are evicted from empty nodes.
    pub daemonset_eviction_for_empty_nodes: bool,
    /// Whether pods of DaemonSets are evicted from nodes that had others.
    pub daemonset_eviction_for_occupied_nodes: bool,
    /// Longest grace that a pod gets on a node that goes.
    pub max_graceful_termination_millis: i64,
    /// Whether pools alike grow evenly.
    pub balance_similar_node_groups: bool,
    /// Which pool grows: each filters what the one before left.
    pub expanders: Vec<ExpanderName>,
    /// Whether pods with local storage keep their node.
    pub skip_nodes_with_local_storage: bool,
    /// Whether system pods without a budget keep their node.
    pub skip_nodes_with_system_pods: bool,
    /// Empty nodes that may go at once.
    pub max_empty_bulk_delete: u32,
    /// Nodes with pods to move that are found of no need at a time, at most (`scale-down-non-empty-candidates-count`).
    pub non_empty_candidates: usize,
    /// Age from which a pod brings a node.
    pub new_pod_scale_up_delay_millis: i64,
    /// Share of unready nodes, in percent, above which nothing is scaled.
    pub max_total_unready_percentage: u32,
    /// Unready nodes that are passed over whatever their share.
    pub ok_total_unready_count: u32,
    /// How long a machine may take to become a Ready node.
    pub max_node_provision_millis: i64,
}

impl Default for Profile {
    fn default() -> Profile {
        Profile {
            strategy: Strategy::Aks,
            scan_interval_millis: 10 * SECOND,
            scale_down_delay_after_add_millis: 10 * MINUTE,
            scale_down_delay_after_delete_millis: 10 * SECOND,
            scale_down_delay_after_failure_millis: 3 * MINUTE,
            scale_down_delay_is_local: false,
            scale_down_unneeded_millis: 10 * MINUTE,
            scale_down_unready_millis: 20 * MINUTE,
            scale_down_utilization_threshold: 0.5,
            scale_down_gpu_utilization_threshold: 0.5,
            ignore_daemonsets_utilization: false,
            daemonset_eviction_for_empty_nodes: false,
            daemonset_eviction_for_occupied_nodes: true,
            max_graceful_termination_millis: 600 * SECOND,
            balance_similar_node_groups: false,
            expanders: vec![ExpanderName::Random],
            skip_nodes_with_local_storage: false,
            skip_nodes_with_system_pods: true,
            max_empty_bulk_delete: 10,
            non_empty_candidates: NON_EMPTY_CANDIDATES,
            new_pod_scale_up_delay_millis: 0,
            max_total_unready_percentage: 45,
            ok_total_unready_count: 3,
            max_node_provision_millis: 15 * MINUTE,
        }
    }
}

impl Profile {
    /// A cluster's profile as stored, over the defaults of a strategy.
    pub fn read(stored: &Rest, strategy: Strategy) -> Profile {
        let mut profile = Profile { strategy, ..Profile::default() };
        if strategy == Strategy::Better {
            profile.scan_interval_millis = SECOND; // A look costs work only where something has changed.
            profile.scale_down_delay_is_local = true;
            profile.balance_similar_node_groups = true;
            profile.expanders = vec![ExpanderName::LeastWaste, ExpanderName::Price];
        }
        for (key, value) in stored {
            profile.set(key, value);
        }
        // aks-semantics 3.2: the delay after a deletion is the scan interval where nothing else is said.
        if !stored.contains_key("scale-down-delay-after-delete") {
            profile.scale_down_delay_after_delete_millis = profile.scan_interval_millis;
        }
        profile
    }
    fn set(&mut self, key: &str, value: &Value) {
        match key {
            "scan-interval" => set(&mut self.scan_interval_millis, seconds(value)),
            "scale-down-delay-after-add" => set(&mut self.scale_down_delay_after_add_millis, duration(value)),
            "scale-down-delay-after-delete" => set(&mut self.scale_down_delay_after_delete_millis, duration(value)),
            "scale-down-delay-after-failure" => set(&mut self.scale_down_delay_after_failure_millis, duration(value)),
            "scale-down-unneeded-time" => set(&mut self.scale_down_unneeded_millis, duration(value)),
            "scale-down-unready-time" => set(&mut self.scale_down_unready_millis, duration(value)),
            "scale-down-utilization-threshold" => set(&mut self.scale_down_utilization_threshold, number(value)),
            "ignore-daemonsets-utilization" => set(&mut self.ignore_daemonsets_utilization, flag(value)),
            "daemonset-eviction-for-empty-nodes" => set(&mut self.daemonset_eviction_for_empty_nodes, flag(value)),
            "daemonset-eviction-for-occupied-nodes" => set(&mut self.daemonset_eviction_for_occupied_nodes, flag(value)),
            "max-graceful-termination-sec" => set(&mut self.max_graceful_termination_millis, seconds(value)),
            "balance-similar-node-groups" => set(&mut self.balance_similar_node_groups, flag(value)),
            "expander" => set(&mut self.expanders, expanders(value)),
            "skip-nodes-with-local-storage" => set(&mut self.skip_nodes_with_local_storage, flag(value)),
            "skip-nodes-with-system-pods" => set(&mut self.skip_nodes_with_system_pods, flag(value)),
            "max-empty-bulk-delete" => set(&mut self.max_empty_bulk_delete, number(value)),
            "new-pod-scale-up-delay" => set(&mut self.new_pod_scale_up_delay_millis, duration(value)),
            "max-total-unready-percentage" => set(&mut self.max_total_unready_percentage, number(value)),
            "ok-total-unready-count" => set(&mut self.ok_total_unready_count, number(value)),
            "max-node-provision-time" => set(&mut self.max_node_provision_millis, duration(value)),
            _ => {}
        }
    }
    /// The first moment from `now` on at which something may be looked at again that was looked at `last` (the scan interval).
    pub fn next_scan(&self, last: Option<nodelane_model::Time>, now: nodelane_model::Time) -> nodelane_model::Time {
        last.map_or(now, |last| last.plus(self.scan_interval_millis).max(now))
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn number<T: std::str::FromStr>(value: &Value) -> Option<T> {
    value.as_str()?.trim().parse().ok()
}

fn flag(value: &Value) -> Option<bool> {
    value.as_bool().or_else(|| value.as_str()?.parse().ok())
}

/// Whole seconds, with or without their unit.
fn seconds(value: &Value) -> Option<i64> {
    let text = value.as_str()?;
    text.strip_suffix('s').unwrap_or(text).parse::<i64>().ok().map(|seconds| seconds * SECOND)
}

fn duration(value: &Value) -> Option<i64> {
    go_duration(value.as_str()?)
}

/// A duration as Go writes them, in milliseconds: `10m`, `1h30m`, `10m0s`, `500ms`.
pub(super) fn go_duration(text: &str) -> Option<i64> {
    let (mut rest, mut total) = (text, 0.0);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (amount, tail) = rest.split_at(digits);
        let unit = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let millis = match &tail[..unit] {
            "ms" => 1,
            "s" => SECOND,
            "m" => MINUTE,
            "h" => 60 * MINUTE,
            _ => return None,
        };
        total += amount.parse::<f64>().ok()? * millis as f64;
        rest = &tail[unit..];
    }
    (!text.is_empty()).then_some(total as i64)
}

fn expanders(value: &Value) -> Option<Vec<ExpanderName>> {
    let name = |name: &str| match name.trim() {
        "random" => Some(ExpanderName::Random),
        "most-pods" => Some(ExpanderName::MostPods),
        "least-waste" => Some(ExpanderName::LeastWaste),
        "priority" => Some(ExpanderName::Priority),
        "price" => Some(ExpanderName::Price),
        _ => None,
    };
    value.as_str()?.split(',').map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: &Value) -> Profile {
        Profile::read(value.as_object().expect("an object"), Strategy::Aks)
    }

    #[test]
    fn a_cluster_without_a_profile_has_the_defaults_of_aks() {
        // aks-semantics 3.2.
        let profile = read(&json!({}));
        assert_eq!(profile, Profile::default());
        assert_eq!((profile.scan_interval_millis, profile.max_node_provision_millis), (10_000, 900_000));
        assert_eq!((profile.max_total_unready_percentage, profile.ok_total_unready_count), (45, 3));
    }

    #[test]
    fn every_key_of_the_wire_is_read() {
        let profile = read(&json!({"scan-interval": "20s", "scale-down-delay-after-add": "1m", "scale-down-delay-after-failure": "2m",
            "scale-down-unneeded-time": "3m", "scale-down-unready-time": "4m", "scale-down-utilization-threshold": "0.7",
            "ignore-daemonsets-utilization": true, "daemonset-eviction-for-empty-nodes": true,
            "daemonset-eviction-for-occupied-nodes": false, "max-graceful-termination-sec": "30", "balance-similar-node-groups": "true",
            "expander": "priority,least-waste", "skip-nodes-with-local-storage": "true", "skip-nodes-with-system-pods": "false",
            "max-empty-bulk-delete": "5", "new-pod-scale-up-delay": "1h", "max-total-unready-percentage": "10",
            "ok-total-unready-count": "1", "max-node-provision-time": "5m"}));
        let wanted = Profile {
            strategy: Strategy::Aks,
            scan_interval_millis: 20_000,
            scale_down_delay_after_add_millis: 60_000,
            scale_down_delay_after_delete_millis: 20_000,
            scale_down_delay_after_failure_millis: 120_000,
            scale_down_delay_is_local: false,
            scale_down_unneeded_millis: 180_000,
            scale_down_unready_millis: 240_000,
            scale_down_utilization_threshold: 0.7,
            scale_down_gpu_utilization_threshold: 0.5,
            ignore_daemonsets_utilization: true,
            daemonset_eviction_for_empty_nodes: true,
            daemonset_eviction_for_occupied_nodes: false,
            max_graceful_termination_millis: 30_000,
            balance_similar_node_groups: true,
            expanders: vec![ExpanderName::Priority, ExpanderName::LeastWaste],
            skip_nodes_with_local_storage: true,
            skip_nodes_with_system_pods: false,
            max_empty_bulk_delete: 5,
            non_empty_candidates: 30,
            new_pod_scale_up_delay_millis: 3_600_000,
            max_total_unready_percentage: 10,
            ok_total_unready_count: 1,
            max_node_provision_millis: 300_000,
        };
        assert_eq!(profile, wanted);
    }

    #[test]
    fn durations_are_read_as_go_reads_them() {
        let read = |text| go_duration(text);
        assert_eq!(
            [read("10m0s"), read("1h30m"), read("500ms"), read("1.5h")],
            [Some(600_000), Some(5_400_000), Some(500), Some(5_400_000)]
        );
        assert_eq!([read(""), read("10"), read("10d"), read("soon")], [None; 4]);
    }
}
