//! From text to a scenario: the shapes that serde cannot say by itself, and what must agree across them.
//!
//! A raw form is what the file may hold; turning it into the real one refuses what contradicts itself, at its place.

use super::ClusterSource;
use super::{Assertion, Bad, Deed, Load, Manifest, Metric, Moment, Part, Scenario, Span, Step, WorldSource};
use nodelane_model::{Name, Time};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeSet;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScenario {
    start: Time,
    #[serde(default = "first_seed")]
    seed: u64,
    until: Moment,
    world: RawWorld,
    #[serde(default)]
    timeline: Vec<RawStep>,
    #[serde(default)]
    assert: Vec<RawAssertion>,
}

fn first_seed() -> u64 {
    1
}

/// Reads a scenario.
///
/// # Errors
/// The first thing that is wrong, with line and column.
pub fn read(text: &str) -> Result<Scenario, Bad> {
    let raw: RawScenario = serde_yaml_ng::from_str(text).map_err(|error| {
        let (line, column) = error.location().map_or((1, 1), |location| (location.line(), location.column()));
        let said = error.to_string();
        let what = said.rsplit_once(" at line ").map_or(said.as_str(), |(what, _)| what);
        Bad { line, column, what: what.to_owned() }
    })?;
    whole(raw).map_err(|(path, what)| Bad::at(text, &path, what))
}

/// Refuses what contradicts itself, at its place.
fn whole(raw: RawScenario) -> Result<Scenario, Wrong> {
    let RawScenario { start, seed, until, world, timeline, assert } = raw;
    let world = WorldSource::try_from(world).map_err(|what| (vec!["world".into()], what))?;
    let step = |(at, step): (usize, RawStep)| Step::try_from(step).map_err(|what| (vec!["timeline".into(), at.into()], what));
    let timeline = timeline.into_iter().enumerate().map(step).collect::<Result<_, Wrong>>()?;
    let assertion =
        |(at, row): (usize, RawAssertion)| Assertion::try_from(row).map_err(|what| (vec!["assert".into(), Part::Index(at)], what));
    let assert = assert.into_iter().enumerate().map(assertion).collect::<Result<_, Wrong>>()?;
    let scenario = Scenario { start, seed, until, world, timeline, assert };
    agree(&scenario)?;
    Ok(scenario)
}

type Wrong = (Vec<Part>, String);

/// What must agree between the parts of a scenario.
fn agree(scenario: &Scenario) -> Result<(), Wrong> {
    if scenario.end() <= scenario.start {
        return Err((vec!["until".into()], format!("until has to be after start, {}", scenario.start)));
    }
    let names = clusters(&scenario.world)?;
    for (at, step) in scenario.timeline.iter().enumerate() {
        let place = |field: &str| vec!["timeline".into(), at.into(), field.into()];
        let time = step.at.after(scenario.start);
        if time < scenario.start || time > scenario.end() {
            return Err((place("at"), format!("{time} is not between {} and {}", scenario.start, scenario.end())));
        }
        if let (Some(name), false) = (&step.cluster, names.is_empty())
            && !names.contains(name)
        {
            return Err((place("cluster"), format!("there is no cluster {name}; there are {}", list(&names))));
        }
    }
    Ok(())
}

/// The names of a scenario's own clusters; none where they are only known once the world was read.
fn clusters(world: &WorldSource) -> Result<BTreeSet<&Name>, Wrong> {
    let WorldSource::Clusters(clusters) = world else { return Ok(BTreeSet::new()) };
    let place = |rest: Vec<Part>| [vec!["world".into(), "clusters".into()], rest].concat();
    if clusters.is_empty() {
        return Err((place(Vec::new()), "there is no cluster; give one with its pools".into()));
    }
    let mut names = BTreeSet::new();
    for (at, cluster) in clusters.iter().enumerate() {
        if !names.insert(&cluster.name) {
            let what = format!("two clusters are called {}; give each a name of its own", cluster.name);
            return Err((place(vec![at.into()]), what));
        }
        if cluster.pools.is_empty() {
            return Err((place(vec![at.into(), "pools".into()]), "a cluster needs a pool, as {name: system, count: 1}".into()));
        }
    }
    Ok(names)
}

fn list(names: &BTreeSet<&Name>) -> String {
    names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RawWorld {
    data_dir: Option<String>,
    snapshot: Option<String>,
    pools: Option<String>,
    clusters: Option<Vec<ClusterSource>>,
}

impl TryFrom<RawWorld> for WorldSource {
    type Error = String;
    fn try_from(raw: RawWorld) -> Result<WorldSource, String> {
        match raw {
            RawWorld { data_dir: Some(folder), snapshot: None, pools: None, clusters: None } => Ok(WorldSource::DataDir(folder)),
            RawWorld { data_dir: None, snapshot: Some(dump), pools, clusters: None } => Ok(WorldSource::Snapshot { dump, pools }),
            RawWorld { data_dir: None, snapshot: None, pools: None, clusters: Some(clusters) } => Ok(WorldSource::Clusters(clusters)),
            _ => Err("a world is exactly one of dataDir, snapshot (with or without pools) and clusters".into()),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStep {
    at: Moment,
    cluster: Option<Name>,
    apply: Option<Manifest>,
    change: Option<String>,
    load: Option<Load>,
    fault: Option<String>,
}

impl TryFrom<RawStep> for Step {
    type Error = String;
    fn try_from(raw: RawStep) -> Result<Step, String> {
        let deed = match (raw.apply, raw.change, raw.load, raw.fault) {
            (Some(manifest), None, None, None) => Deed::Apply(manifest),
            (None, Some(words), None, None) => Deed::Change(words),
            (None, None, Some(load), None) => Deed::Load(load),
            (None, None, None, Some(words)) => Deed::Fault(words),
            _ => return Err("an entry of the timeline has exactly one of apply, change, load and fault".into()),
        };
        Ok(Step { at: raw.at, cluster: raw.cluster, deed })
    }
}

impl TryFrom<Value> for Manifest {
    type Error = String;
    fn try_from(value: Value) -> Result<Manifest, String> {
        match value {
            Value::String(text) if text.trim().contains('\n') || text.contains(": ") => Ok(Manifest::Text(text)),
            Value::String(path) => Ok(Manifest::Path(path)),
            Value::Object(_) => Ok(Manifest::Objects(vec![value])),
            _ => Err("a manifest is a path, or Kubernetes objects as YAML".into()),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RawAssertion {
    metric: Option<Metric>,
    pool: Option<Name>,
    workload: Option<Name>,
    max: Option<Limit>,
    min: Option<Limit>,
    operation: Option<Name>,
    ends_within: Option<Span>,
}

/// A number, or a duration.
#[derive(Deserialize)]
#[serde(untagged)]
enum Limit {
    Number(f64),
    Span(String),
}

/// Kinds of operations that an assertion may name.
pub(crate) const OPERATIONS: [&str; 9] = ["create", "update", "scale", "upgrade", "stop", "start", "delete", "delete-machines", "any"];

impl TryFrom<RawAssertion> for Assertion {
    type Error = String;
    fn try_from(raw: RawAssertion) -> Result<Assertion, String> {
        match raw {
            RawAssertion { metric: Some(metric), pool, workload, max, min, operation: None, ends_within: None } => {
                let may_name = match metric {
                    Metric::PendingP95 | Metric::PendingMax => pool.is_none(),
                    Metric::BudgetViolations => pool.is_none() && workload.is_none(),
                    _ => workload.is_none(),
                };
                if !may_name {
                    return Err(format!(
                        "{} is of {}",
                        metric.as_str(),
                        match metric {
                            Metric::PendingP95 | Metric::PendingMax => "all pods or of a workload, not of a pool",
                            Metric::BudgetViolations => "all budgets, neither of a pool nor of a workload",
                            _ => "all pools or of one, not of a workload",
                        }
                    ));
                }
                let (max, min) = (limit(metric, max)?, limit(metric, min)?);
                if max.is_none() && min.is_none() {
                    return Err("an assertion on a metric needs max or min".into());
                }
                Ok(Assertion::Metric { metric, pool, workload, max, min })
            }
            RawAssertion {
                metric: None,
                pool,
                workload: None,
                max: None,
                min: None,
                operation: Some(operation),
                ends_within: Some(span),
            } => {
                if !OPERATIONS.contains(&operation.as_str()) {
                    return Err(format!("there is no operation {operation}; there are {}", OPERATIONS.join(", ")));
                }
                Ok(Assertion::Operation { operation, pool, ends_within: span })
            }
            _ => Err("an assertion is {metric, pool or workload, max and/or min} or {operation, pool, endsWithin}".into()),
        }
    }
}

fn limit(metric: Metric, limit: Option<Limit>) -> Result<Option<f64>, String> {
    match limit {
        None => Ok(None),
        Some(Limit::Number(number)) => Ok(Some(number)),
        Some(Limit::Span(text)) if metric.is_duration() => {
            Span::parse(&text).map(|span| Some(span.seconds())).ok_or_else(|| format!("{text:?} is not a duration such as 90s or 5m"))
        }
        Some(Limit::Span(text)) => Err(format!("{} is a number, and {text:?} is not", metric.as_str())),
    }
}
