//! `nodelane estimate`: how many machines of which size pending pods need, and what they cost. No cluster is asked.
//!
//! Reads pods and what may be added from files, asks the estimator of the room `place`, prints the answer. `seconds` and `memoryBytes` are
//! the estimator's alone, without reading files and what was read. JSON keys are stable; keys are only ever added.

mod pools;
mod print;
mod sizes;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use nodelane_model::{Doc, Kind, codec};
use nodelane_place::estimate::{Expander, Limit, Pattern, Preferences, Request, Search, Template, estimate};
use nodelane_sources::Objects;
use nodelane_world::{ClaimUse, World};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use crate::scheduler::read_config;

/// Packings that `optimal` tries, each with some exchanges of pods: for a thousand machines 40 ms each, so about 2.5 s.
const OPTIMAL_PACKINGS: usize = 60;

/// Options of `estimate`.
#[derive(Args, Debug)]
pub struct EstimateVerb {
    /// Pods as JSON: a list, or what `kubectl get pods,pvc,pv,sc -A -o json` prints. Those that have a node or have ended are passed over;
    /// volumes are looked at where their claims are in the file.
    #[arg(long, value_name = "FILE")]
    pods: PathBuf,
    #[command(flatten)]
    offer: Offer,
    /// Region of the pools, for prices and zones.
    #[arg(long, default_value = "eastus")]
    region: String,
    /// How machines are chosen: optimal, or a chain of random, most-pods, least-waste, priority, price, separated by commas
    /// [default: a fast search for the lowest price].
    #[arg(long, value_name = "CHAIN")]
    expander: Option<String>,
    /// Priorities of groups as JSON, for the expander priority: {"10": ["pattern", ...], ...}.
    #[arg(long, value_name = "FILE")]
    priorities: Option<PathBuf>,
    /// Decides draws of the expander random.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Packings that the expander optimal tries.
    #[arg(long, default_value_t = OPTIMAL_PACKINGS)]
    effort: usize,
    /// Preferred terms break ties (soft), or are kept while any machine can keep them (hard).
    #[arg(long, value_enum, default_value = "soft")]
    preferences: Wishes,
    /// A KubeSchedulerConfiguration, YAML or JSON: its filters say where pods may be, its weights what preferences count. How it scores the
    /// room of nodes changes nothing, as machines are chosen by price or expander.
    #[arg(long, value_name = "FILE")]
    scheduler_config: Option<PathBuf>,
    /// vCPUs that a family may still get, as FAMILY=VCPUS; for pools.
    #[arg(long, value_name = "FAMILY=VCPUS")]
    quota: Vec<String>,
    /// Output format.
    #[arg(short = 'o', long = "output", value_enum, ignore_case = true, default_value = "table")]
    output: Output,
}

/// What may be added.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct Offer {
    /// Sizes as JSON, each with its offerings.
    #[arg(long, value_name = "FILE")]
    sizes: Option<PathBuf>,
    /// Node pools as JSON: what `nodelane export nodepool -o json` or `az aks nodepool list -o json` prints.
    #[arg(long, value_name = "FILE")]
    pools: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Wishes {
    Soft,
    Hard,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    Table,
    Json,
}

/// What the estimator took.
#[derive(Debug, Default)]
struct Cost {
    seconds: f64,
    /// The most that the process ever had beyond its inputs; absent where the system does not say.
    memory_bytes: Option<u64>,
}

/// What may be added, and how much of it.
#[derive(Debug, Default)]
struct Offers {
    templates: Vec<Template>,
    limits: Vec<Limit>,
    /// Whether groups are pools.
    of_pools: bool,
}

/// Runs the verb: exit code 0, or 3 where pods find no machine.
pub fn run_verb(verb: &EstimateVerb) -> Result<ExitCode> {
    let Waiting { pods, world, elsewhere } =
        waiting(&read(&verb.pods)?).with_context(|| format!("{} does not hold pods", verb.pods.display()))?;
    let offers = match (&verb.offer.sizes, &verb.offer.pools) {
        (Some(path), _) => sizes::offers(&read(path)?).with_context(|| format!("{} does not hold sizes", path.display()))?,
        (_, Some(path)) => pools::offers(&read(path)?, &verb.region, &verb.quota)
            .with_context(|| format!("{} does not hold node pools", path.display()))?,
        _ => bail!("name what may be added: --sizes or --pools"),
    };
    let preferences = if matches!(verb.preferences, Wishes::Hard) { Preferences::Hard } else { Preferences::Soft };
    let search = search(verb)?;
    let config = verb.scheduler_config.as_deref().map_or(Ok(Arc::default()), read_config)?;
    let request = Request { world: &world, pods: &pods, templates: &offers.templates, limits: &offers.limits, preferences, search, config };
    let (inputs, elapsed) = (resident("VmRSS:"), nodelane_server::clock::stopwatch());
    let found = estimate(&request);
    let cost = Cost { seconds: elapsed(), memory_bytes: resident("VmHWM:").zip(inputs).map(|(most, inputs)| most.saturating_sub(inputs)) };
    match verb.output {
        Output::Json => println!("{}", print::json(&found, &pods, &offers, &cost, elsewhere)),
        Output::Table => print!("{}{}", print::table(&found, &pods, &offers), print::unknown_volumes(elsewhere)),
    }
    Ok(ExitCode::from(if found.unplaced.is_empty() { 0 } else { 3 }))
}

/// A line of what Linux says of this process's memory, in bytes.
fn resident(line: &str) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let kibibytes: u64 = text.split_once(line)?.1.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes << 10)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut std::io::stdin(), &mut bytes)?;
        return Ok(bytes);
    }
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// A list, bare or as `kubectl` prints it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Listed<T> {
    Bare(Vec<T>),
    Kubernetes { items: Vec<T> },
}

impl<T> Listed<T> {
    fn items(self) -> Vec<T> {
        match self {
            Listed::Bare(items) | Listed::Kubernetes { items } => items,
        }
    }
}

/// What waits.
struct Waiting {
    pods: Vec<Arc<Doc>>,
    /// Their claims, with volumes and classes, as far as the file has them.
    world: World,
    /// How many of the pods have claims that the file does not have.
    elsewhere: usize,
}

/// The kinds that volumes are about.
const OF_VOLUMES: [&str; 3] = ["PersistentVolume", "PersistentVolumeClaim", "StorageClass"];

/// The pods that wait, with their claims.
fn waiting(bytes: &[u8]) -> Result<Waiting> {
    #[derive(Deserialize)]
    struct Head<'a> {
        #[serde(borrow)]
        kind: Option<std::borrow::Cow<'a, str>>,
    }
    #[derive(Deserialize)]
    struct List<'a> {
        #[serde(borrow)]
        items: Vec<&'a RawValue>,
    }
    let bare = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    let items: Vec<&RawValue> = if bare { serde_json::from_slice(bytes)? } else { serde_json::from_slice::<List>(bytes)?.items };
    let mut interner = codec::Interner::default();
    let (mut pods, mut objects) = (Vec::with_capacity(items.len()), Objects::default());
    for (at, item) in items.iter().enumerate() {
        let head: Head = serde_json::from_str(item.get())?;
        if head.kind.is_some_and(|kind| OF_VOLUMES.contains(&&*kind)) {
            objects.add(serde_json::from_str(item.get())?)?;
            continue;
        }
        let doc = interner.decode(Kind::Pod, item.get().as_bytes()).with_context(|| format!("pod {} cannot be read", at + 1))?;
        let waits = doc.as_pod().is_some_and(|pod| pod.node.is_none() && !pod.status.is_terminal()) && !doc.is_terminating();
        if waits {
            pods.push(Arc::new(doc));
        }
    }
    let world = objects.into_world();
    let is_elsewhere = |pod: &&Arc<Doc>| ClaimUse::of_pod(pod).iter().any(|claim| world.get(&claim.key).is_none());
    let elsewhere = pods.iter().filter(is_elsewhere).count();
    Ok(Waiting { pods, world, elsewhere })
}

fn search(verb: &EstimateVerb) -> Result<Search> {
    let Some(chain) = &verb.expander else {
        return Ok(Search::Fast);
    };
    if chain == "optimal" {
        return Ok(Search::Optimal(verb.effort));
    }
    let expander = |name: &str| {
        Ok(match name {
            "random" => Expander::Random(verb.seed),
            "most-pods" => Expander::MostPods,
            "least-waste" => Expander::LeastWaste,
            "price" => Expander::Price,
            "priority" => {
                let Some(path) = &verb.priorities else { bail!("the expander priority needs --priorities FILE") };
                Expander::Priority(priorities(&read(path)?).with_context(|| format!("{} does not hold priorities", path.display()))?)
            }
            other => bail!("there is no expander {other}; there are optimal, random, most-pods, least-waste, priority, price"),
        })
    };
    Ok(Search::Expanders(chain.split(',').map(expander).collect::<Result<_>>()?))
}

fn priorities(bytes: &[u8]) -> Result<BTreeMap<i32, Vec<Pattern>>> {
    let read: BTreeMap<i32, Vec<String>> = serde_json::from_slice(bytes)?;
    let pattern =
        |text: String| Pattern::parse(&text).with_context(|| format!("the pattern {text} has more than letters, `.`, `*`, `^` and `$`"));
    let of = |(priority, texts): (i32, Vec<String>)| Ok((priority, texts.into_iter().map(pattern).collect::<Result<_>>()?));
    read.into_iter().map(of).collect()
}

#[cfg(test)]
mod tests;
