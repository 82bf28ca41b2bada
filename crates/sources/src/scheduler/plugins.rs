//! Which plugins run at which extension point: upstream's merge of the defaults with `multiPoint` and the points' own lists.
//!
//! A plugin that is enabled at a point comes before those that come by `multiPoint`, and a weight that is given there wins; a weight of 0
//! is 1. A filter needs what its plugin prepares before (`preFilter`), so the two points must agree here.

use super::{Invalid, Result, invalid};
use nodelane_place::{Config, Plugin as Filter};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct Plugins {
    pre_enqueue: Set,
    queue_sort: Set,
    pre_filter: Set,
    filter: Set,
    post_filter: Set,
    pre_score: Set,
    score: Set,
    reserve: Set,
    permit: Set,
    pre_bind: Set,
    bind: Set,
    post_bind: Set,
    multi_point: Set,
}

#[derive(Deserialize, Default, Clone)]
#[serde(deny_unknown_fields, default)]
struct Set {
    enabled: Vec<Plugin>,
    disabled: Vec<Plugin>,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
struct Plugin {
    name: String,
    #[serde(default)]
    weight: i64,
}

/// What a plugin does of what matters here.
struct Known {
    name: &'static str,
    weight: i64,
    /// What it is called as a filter; those that can be turned off.
    filter: Option<Filter>,
    prepares: bool,
    scores: bool,
    filters: bool,
}

const fn known(name: &'static str, weight: i64, filter: Option<Filter>, [prepares, filters, scores]: [bool; 3]) -> Known {
    Known { name, weight, filter, prepares, scores, filters }
}

const ON: bool = true;
const NO: bool = false;

/// The default profile of 1.36 in its order.
const DEFAULT: [Known; 20] = [
    known("SchedulingGates", 0, None, [NO, NO, NO]),
    known("PrioritySort", 0, None, [NO, NO, NO]),
    known("NodeUnschedulable", 0, Some(Filter::NodeUnschedulable), [NO, ON, NO]),
    known("NodeName", 0, Some(Filter::NodeName), [NO, ON, NO]),
    known("TaintToleration", 3, Some(Filter::TaintToleration), [NO, ON, ON]),
    known("NodeAffinity", 2, Some(Filter::NodeAffinity), [ON, ON, ON]),
    known("NodePorts", 0, Some(Filter::NodePorts), [ON, ON, NO]),
    known("NodeResourcesFit", 1, Some(Filter::NodeResourcesFit), [ON, ON, ON]),
    known("VolumeRestrictions", 0, None, [ON, ON, NO]),
    known("NodeVolumeLimits", 0, None, [ON, ON, NO]),
    known("VolumeBinding", 0, None, [ON, ON, NO]),
    known("VolumeZone", 0, None, [ON, ON, NO]),
    known("PodTopologySpread", 2, Some(Filter::PodTopologySpread), [ON, ON, ON]),
    known("InterPodAffinity", 2, Some(Filter::InterPodAffinity), [ON, ON, ON]),
    known("DynamicResources", 2, None, [ON, ON, NO]),
    known("DefaultPreemption", 0, Some(Filter::DefaultPreemption), [NO, NO, NO]),
    known("NodeResourcesBalancedAllocation", 1, None, [NO, NO, ON]),
    known("ImageLocality", 1, None, [NO, NO, ON]),
    known("DefaultBinder", 0, None, [NO, NO, NO]),
    known("NodeDeclaredFeatures", 0, None, [ON, ON, NO]),
];

pub(super) fn check_known(name: &str) -> Result<()> {
    if DEFAULT.iter().any(|known| known.name == name) { Ok(()) } else { invalid(format!("plugin {name:?} is not known")) }
}

impl Set {
    fn is_empty(&self) -> bool {
        self.enabled.is_empty() && self.disabled.is_empty()
    }
    fn disables(&self, name: &str) -> bool {
        self.disabled.iter().any(|plugin| plugin.name == name || plugin.name == "*")
    }
}

impl Plugins {
    pub(super) fn apply(self, config: &mut Config) -> Result<()> {
        let sets = [&self.multi_point, &self.pre_filter, &self.filter, &self.post_filter, &self.pre_score, &self.score];
        for plugin in sets.iter().flat_map(|set| set.enabled.iter().chain(&set.disabled)).filter(|plugin| plugin.name != "*") {
            check_known(&plugin.name)?;
        }
        let others = [
            ("preEnqueue", &self.pre_enqueue),
            ("queueSort", &self.queue_sort),
            ("reserve", &self.reserve),
            ("permit", &self.permit),
            ("preBind", &self.pre_bind),
            ("bind", &self.bind),
            ("postBind", &self.post_bind),
        ];
        if let Some((name, _)) = others.iter().find(|(_, set)| !set.is_empty()) {
            return invalid(format!("plugins.{name}: not supported, as this scheduler has one queue and one way to bind"));
        }
        let everywhere = everywhere(&self.multi_point);
        let (prepared, filters) = (at(&self.pre_filter, &everywhere), at(&self.filter, &everywhere));
        self.apply_filters(config, &prepared, &filters)?;
        let made_room = at(&self.post_filter, &everywhere);
        if !made_room.contains_key("DynamicResources") {
            return invalid("plugins.postFilter: DynamicResources cannot be turned off here");
        }
        if !made_room.contains_key("DefaultPreemption") {
            config.off.insert(Filter::DefaultPreemption);
        }
        self.apply_scores(config, &everywhere)
    }

    fn apply_filters(&self, config: &mut Config, prepared: &Points, filters: &Points) -> Result<()> {
        for known in DEFAULT.iter().filter(|known| known.filters) {
            let on = filters.contains_key(known.name);
            match known.filter {
                Some(filter) if !on => drop(config.off.insert(filter)),
                None if !on => return invalid(format!("plugins.filter: {} cannot be turned off here", known.name)),
                _ => {}
            }
            // What NodeAffinity prepares narrows the search by itself; what the others prepare refuses nothing.
            let prepared = prepared.contains_key(known.name);
            if known.prepares && (on != prepared) && (on || known.name == "NodeAffinity") {
                return invalid(format!("plugins.preFilter and plugins.filter disagree about {}: turn both on or both off", known.name));
            }
        }
        let mut order: Vec<(usize, usize)> = Vec::new();
        for (place, known) in DEFAULT.iter().enumerate().filter(|(_, known)| known.filters) {
            order.extend(filters.get(known.name).map(|(order, _)| (place, *order)));
        }
        if order.windows(2).any(|pair| pair[0].1 > pair[1].1) {
            return invalid(
                "plugins.filter: the order of filters cannot be changed, so enable all that shall run in upstream's order, or none",
            );
        }
        Ok(())
    }

    fn apply_scores(&self, config: &mut Config, everywhere: &[(&str, i64)]) -> Result<()> {
        let (prepared, scores) = (at(&self.pre_score, everywhere), at(&self.score, everywhere));
        if let Some(plugin) = self.score.enabled.iter().find(|plugin| !scoring(&plugin.name)) {
            return invalid(format!("plugins.score: {} does not score", plugin.name));
        }
        let weight = |name: &str| match scores.get(name) {
            None => Ok(0),
            Some((_, weight)) if name != "ImageLocality" && !prepared.contains_key(name) => {
                invalid(format!("plugins.preScore: {name} scores with weight {weight} and needs it"))
            }
            Some((_, weight)) => Ok((*weight).max(1)),
        };
        if self
            .score
            .enabled
            .iter()
            .chain(&self.multi_point.enabled)
            .any(|plugin| !(0..=i64::from(i32::MAX / 100)).contains(&plugin.weight))
        {
            return Err(Invalid("a weight is negative, or too large".into()));
        }
        let weights = &mut config.weights;
        weights.node_resources_fit = weight("NodeResourcesFit")?;
        weights.balanced_allocation = weight("NodeResourcesBalancedAllocation")?;
        weights.image_locality = weight("ImageLocality")?;
        weights.taint_toleration = weight("TaintToleration")?;
        weights.node_affinity = weight("NodeAffinity")?;
        weights.topology_spread = weight("PodTopologySpread")?;
        weights.inter_pod_affinity = weight("InterPodAffinity")?;
        Ok(())
    }
}

fn scoring(name: &str) -> bool {
    DEFAULT.iter().any(|known| known.name == name && (known.scores || name == "DynamicResources"))
}

/// Plugins at a point, with their place and weight.
type Points<'a> = BTreeMap<&'a str, (usize, i64)>;

/// What `multiPoint` comes to: the default list with the changes; what is enabled again keeps its place.
fn everywhere(custom: &Set) -> Vec<(&str, i64)> {
    let changed = |name: &str| custom.enabled.iter().find(|plugin| plugin.name == name);
    let kept = DEFAULT.iter().filter(|known| !custom.disables(known.name));
    let mut all: Vec<(&str, i64)> =
        kept.map(|known| (known.name, changed(known.name).map_or(known.weight, |plugin| plugin.weight))).collect();
    for plugin in &custom.enabled {
        if !all.iter().any(|(name, _)| *name == plugin.name) {
            all.push((&plugin.name, plugin.weight));
        }
    }
    all
}

/// What runs at a point: those enabled there that come by `multiPoint` too, then the others of `multiPoint`, then the rest enabled there.
fn at<'a>(point: &'a Set, everywhere: &[(&'a str, i64)]) -> Points<'a> {
    let all = point.disabled.iter().any(|plugin| plugin.name == "*");
    let by_multi_point = |name: &str| !all && everywhere.iter().any(|(other, _)| *other == name) && !point.disables(name);
    let enabled = |name: &str| point.enabled.iter().any(|plugin| plugin.name == name);
    let own = point.enabled.iter().map(|plugin| (plugin.name.as_str(), plugin.weight));
    let first = own.clone().filter(|(name, _)| by_multi_point(name));
    let second = everywhere.iter().copied().filter(|(name, _)| by_multi_point(name) && !enabled(name));
    let third = own.filter(|(name, _)| !by_multi_point(name));
    first.chain(second).chain(third).enumerate().map(|(order, (name, weight))| (name, (order, weight))).collect()
}
