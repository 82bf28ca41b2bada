//! The arguments of plugins, checked as upstream checks them, with upstream's defaults.
//!
//! Arguments of plugins that decide nothing here (how long binding may take) are read and passed over.

use super::plugins::check_known;
use super::{Invalid, Result, invalid};
use nodelane_model::pod::{NodeAffinity, SpreadConstraint};
use nodelane_place::{Config, Strategy};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub(super) enum Arguments {
    Fit(FitArgs),
    Balanced(BalancedArgs),
    Affinity(NodeAffinityArgs),
    Spread(SpreadArgs),
    Pods(PodArgs),
    Preemption(PreemptionArgs),
    /// Of a plugin whose arguments change no verdict.
    Other,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct FitArgs {
    ignored_resources: Vec<String>,
    ignored_resource_groups: Vec<String>,
    scoring_strategy: Option<ScoringStrategy>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ScoringStrategy {
    r#type: StrategyType,
    #[serde(default)]
    resources: Vec<Resource>,
    requested_to_capacity_ratio: Option<Ratio>,
}

#[derive(Deserialize, PartialEq)]
enum StrategyType {
    LeastAllocated,
    MostAllocated,
    RequestedToCapacityRatio,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resource {
    name: String,
    #[serde(default)]
    weight: i64,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Ratio {
    shape: Vec<Point>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Point {
    utilization: i64,
    score: i64,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct BalancedArgs {
    resources: Vec<Resource>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct NodeAffinityArgs {
    added_affinity: Option<NodeAffinity>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct SpreadArgs {
    default_constraints: Vec<SpreadConstraint>,
    defaulting_type: Option<DefaultingType>,
}

#[derive(Deserialize, PartialEq)]
enum DefaultingType {
    System,
    List,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct PodArgs {
    hard_pod_affinity_weight: i64,
    ignore_preferred_terms_of_existing_pods: bool,
}

impl Default for PodArgs {
    fn default() -> PodArgs {
        PodArgs { hard_pod_affinity_weight: 1, ignore_preferred_terms_of_existing_pods: false }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct PreemptionArgs {
    min_candidate_nodes_percentage: i64,
    min_candidate_nodes_absolute: i64,
}

impl Default for PreemptionArgs {
    fn default() -> PreemptionArgs {
        PreemptionArgs { min_candidate_nodes_percentage: 10, min_candidate_nodes_absolute: 100 }
    }
}

impl Arguments {
    /// Reads the arguments of a plugin.
    pub(super) fn read(plugin: &str, args: &Value) -> Result<Arguments> {
        check_known(plugin)?;
        Ok(match plugin {
            "NodeResourcesFit" => Arguments::Fit(parse(plugin, args)?),
            "NodeResourcesBalancedAllocation" => Arguments::Balanced(parse(plugin, args)?),
            "NodeAffinity" => Arguments::Affinity(parse(plugin, args)?),
            "PodTopologySpread" => Arguments::Spread(parse(plugin, args)?),
            "InterPodAffinity" => Arguments::Pods(parse(plugin, args)?),
            "DefaultPreemption" => Arguments::Preemption(parse(plugin, args)?),
            "VolumeBinding" | "DynamicResources" => Arguments::Other,
            _ => return invalid(format!("pluginConfig: {plugin} takes no arguments")),
        })
    }

    pub(super) fn apply(self, config: &mut Config) -> Result<()> {
        match self {
            Arguments::Fit(args) => args.apply(config),
            Arguments::Balanced(args) => args.apply(config),
            Arguments::Affinity(args) => {
                config.added_affinity = args.added_affinity;
                Ok(())
            }
            Arguments::Spread(args) => args.apply(config),
            Arguments::Pods(args) => {
                within("InterPodAffinity.hardPodAffinityWeight", args.hard_pod_affinity_weight, 0, 100)?;
                config.hard_pod_affinity_weight = args.hard_pod_affinity_weight;
                config.ignore_preferred_terms_of_existing_pods = args.ignore_preferred_terms_of_existing_pods;
                Ok(())
            }
            // How many candidates are tried does not matter: here all are.
            Arguments::Preemption(args) => {
                within("DefaultPreemption.minCandidateNodesPercentage", args.min_candidate_nodes_percentage, 0, 100)?;
                within("DefaultPreemption.minCandidateNodesAbsolute", args.min_candidate_nodes_absolute, 0, i64::from(i32::MAX))?;
                if args.min_candidate_nodes_percentage == 0 && args.min_candidate_nodes_absolute == 0 {
                    return invalid("DefaultPreemption: minCandidateNodesPercentage and minCandidateNodesAbsolute cannot both be 0");
                }
                Ok(())
            }
            Arguments::Other => Ok(()),
        }
    }
}

/// Arguments without the type that they may carry.
fn parse<T: DeserializeOwned + Default>(plugin: &str, args: &Value) -> Result<T> {
    let mut args = args.clone();
    let Some(fields) = args.as_object_mut() else {
        return if args.is_null() { Ok(T::default()) } else { invalid(format!("pluginConfig: the arguments of {plugin} are no object")) };
    };
    if let Some(kind) = fields.remove("kind").filter(|kind| *kind != format!("{plugin}Args")) {
        return invalid(format!("pluginConfig: the arguments of {plugin} are of kind {kind}"));
    }
    fields.remove("apiVersion");
    serde_json::from_value(args).map_err(|error| Invalid(format!("pluginConfig: {plugin}: {error}")))
}

fn within(what: &str, value: i64, least: i64, most: i64) -> Result<()> {
    if (least..=most).contains(&value) { Ok(()) } else { invalid(format!("{what}: {value} is not in {least} to {most}")) }
}

/// Names with weights; no weight is 1, no names are the default's.
fn resources(what: &str, given: Vec<Resource>, default: &[(nodelane_model::Name, i64)]) -> Result<Vec<(nodelane_model::Name, i64)>> {
    if given.is_empty() {
        return Ok(default.to_vec());
    }
    let mut read = Vec::new();
    for resource in given {
        let weight = if resource.weight == 0 { 1 } else { resource.weight };
        within(&format!("{what}.resources: the weight of {}", resource.name), weight, 1, 100)?;
        read.push((resource.name.into(), weight));
    }
    Ok(read)
}

impl FitArgs {
    fn apply(self, config: &mut Config) -> Result<()> {
        if let Some(group) = self.ignored_resource_groups.iter().find(|group| group.contains('/')) {
            return invalid(format!("NodeResourcesFit.ignoredResourceGroups: {group:?} has a slash"));
        }
        config.ignored = self.ignored_resources.into_iter().chain(self.ignored_resource_groups).map(Into::into).collect();
        let Some(strategy) = self.scoring_strategy else { return Ok(()) };
        config.fit_resources = resources("NodeResourcesFit.scoringStrategy", strategy.resources, &config.fit_resources)?;
        let ratio = "NodeResourcesFit.scoringStrategy.requestedToCapacityRatio";
        config.strategy = match (strategy.r#type, strategy.requested_to_capacity_ratio) {
            (StrategyType::RequestedToCapacityRatio, None) => return invalid(format!("{ratio} is missing")),
            (StrategyType::RequestedToCapacityRatio, Some(shape)) => Strategy::RequestedToCapacityRatio(points(ratio, &shape.shape)?),
            (_, Some(_)) => return invalid(format!("{ratio} is for the type RequestedToCapacityRatio only")),
            (StrategyType::LeastAllocated, None) => Strategy::LeastAllocated,
            (StrategyType::MostAllocated, None) => Strategy::MostAllocated,
        };
        Ok(())
    }
}

/// The points of a line; scores from 0 to 10 become scores from 0 to 100.
fn points(what: &str, shape: &[Point]) -> Result<Vec<(i64, i64)>> {
    if shape.is_empty() {
        return invalid(format!("{what}.shape has no point"));
    }
    if shape.windows(2).any(|pair| pair[0].utilization >= pair[1].utilization) {
        return invalid(format!("{what}.shape: utilization must rise from point to point"));
    }
    for point in shape {
        within(&format!("{what}.shape: utilization"), point.utilization, 0, 100)?;
        within(&format!("{what}.shape: score"), point.score, 0, 10)?;
    }
    Ok(shape.iter().map(|point| (point.utilization, point.score * 10)).collect())
}

impl BalancedArgs {
    fn apply(self, config: &mut Config) -> Result<()> {
        let mut names = Vec::new();
        for (name, weight) in resources("NodeResourcesBalancedAllocation", self.resources, &[])? {
            within(&format!("NodeResourcesBalancedAllocation.resources: the weight of {name}"), weight, 1, 1)?;
            if names.contains(&name) {
                return invalid(format!("NodeResourcesBalancedAllocation.resources: {name} is there twice"));
            }
            names.push(name);
        }
        if !names.is_empty() {
            config.balanced_resources = names;
        }
        Ok(())
    }
}

impl SpreadArgs {
    fn apply(self, config: &mut Config) -> Result<()> {
        if self.defaulting_type != Some(DefaultingType::List) {
            if !self.default_constraints.is_empty() {
                return invalid("PodTopologySpread.defaultingType: must be List where defaultConstraints are given");
            }
            return Ok(());
        }
        for (at, constraint) in self.default_constraints.iter().enumerate() {
            let what = format!("PodTopologySpread.defaultConstraints[{at}]");
            within(&format!("{what}.maxSkew"), i64::from(constraint.max_skew), 1, i64::from(i32::MAX))?;
            let repeats = |other: &SpreadConstraint| {
                other.topology_key == constraint.topology_key && other.when_unsatisfiable == constraint.when_unsatisfiable
            };
            match () {
                () if constraint.topology_key.is_empty() => return invalid(format!("{what}.topologyKey is missing")),
                () if !matches!(constraint.when_unsatisfiable.as_str(), "DoNotSchedule" | "ScheduleAnyway") => {
                    return invalid(format!("{what}.whenUnsatisfiable must be DoNotSchedule or ScheduleAnyway"));
                }
                () if constraint.label_selector.is_some() => {
                    return invalid(format!("{what}.labelSelector cannot be given: it is the pod's own"));
                }
                () if self.default_constraints[..at].iter().any(repeats) => return invalid(format!("{what} repeats another")),
                () => {}
            }
        }
        config.spread = Some(self.default_constraints);
        Ok(())
    }
}
