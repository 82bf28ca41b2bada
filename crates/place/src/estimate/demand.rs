//! What is asked for: pending pods as pairs of a rule and a shape.
//!
//! A rule is everything that decides where a pod may be, a shape is what it takes. Thousands of pods that are all different still have few
//! of either. Amounts are rows of one width: CPU in milli-cores, memory in bytes, pods, then whatever else a pod asks for.

use crate::config::Config;
use crate::profile::owner_of;
use crate::reason::Plugin;
use nodelane_model::hash::Hash;
use nodelane_model::pod::{Container, PodSpec};
use nodelane_model::selector::Selector;
use nodelane_model::volume::{ClaimSpec, SELECTED_NODE, VolumeNodeAffinity};
use nodelane_model::{Doc, Key, Kind, Labels, Name};
use nodelane_world::{Amounts, ClaimUse, HostPort, World};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// The amounts that every pod and machine has: CPU, memory, pods.
const COMMON: usize = 3;

/// What is asked for.
#[derive(Debug, Default)]
pub(super) struct Demand {
    /// Names of the amounts in a row.
    pub resources: Vec<Name>,
    /// Rows of amounts by shape.
    shapes: Vec<i64>,
    /// Rule and shape of each class, and the pods of each in their order.
    pub classes: Vec<(u32, u32)>,
    pub members: Vec<Vec<u32>>,
    /// Shape and class of each rule's classes, by shape once all are known.
    by_rule: Vec<Vec<(u32, u32)>>,
    /// A pod of each rule.
    pub examples: Vec<usize>,
}

impl Demand {
    /// `bound` are pods that stand already: what their terms ask about matters too.
    pub fn of<'a>(pods: &'a [Arc<Doc>], bound: impl Iterator<Item = &'a Arc<Doc>>, config: &Config, world: &World) -> Demand {
        let keys = label_keys(pods.iter().chain(bound), config.spreads_as_a_must().then_some(pods));
        let (amounts, of_pod) = distinct_amounts(pods);
        let mut resources: Vec<Name> = ["cpu", "memory", "pods"].map(Name::new_static).to_vec();
        if amounts.iter().any(|amounts| amounts.ephemeral_bytes > 0) {
            resources.push(Name::new_static("ephemeral-storage"));
        }
        let extended: BTreeSet<&Name> = amounts.iter().flat_map(|amounts| amounts.extended.keys()).collect();
        resources.extend(extended.into_iter().filter(|name| !config.ignores(name)).cloned());
        let mut demand = Demand { resources, ..Demand::default() };
        // Amounts that are written differently may be equal.
        let mut by_row = HashMap::<Vec<i64>, u32>::new();
        let shape_of = amounts.iter().map(|amounts| {
            let mut row = Vec::new();
            demand.row(amounts, &mut row);
            // Who is not asked for room takes none.
            if !config.runs(Plugin::NodeResourcesFit) {
                row.fill(0);
            }
            let next = by_row.len() as u32;
            *by_row.entry(row).or_insert_with_key(|row| {
                demand.shapes.extend_from_slice(row);
                next
            })
        });
        let shape_of: Vec<u32> = shape_of.collect();
        let mut by_hash = HashMap::<u64, Vec<u32>>::new();
        let mut last: Option<(usize, usize)> = None;
        for (at, doc) in pods.iter().enumerate() {
            // Pods of one template follow each other, and share their parts.
            let volumes = volumes_of(world, doc);
            if let Some((before, class)) = last
                && volumes.is_empty()
                && shares_template(&pods[before], doc)
            {
                demand.members[class].push(at as u32);
                continue;
            }
            let alike = by_hash.entry(hash(doc, &keys)).or_default();
            let example = |rule: u32| &pods[demand.examples[rule as usize]];
            let alike_owned = |other: &Doc| !config.spreads_as_a_must() || owner_of(doc) == owner_of(other);
            let alike_placed = |other: &Doc| volumes_of(world, other) == volumes;
            let is_known = |rule: &u32| {
                let other = example(*rule);
                same_rule(doc, other, &keys) && alike_owned(other) && alike_placed(other)
            };
            let known = alike.iter().copied().find(is_known);
            let rule = known.unwrap_or_else(|| {
                demand.examples.push(at);
                demand.by_rule.push(Vec::new());
                alike.push(demand.examples.len() as u32 - 1);
                demand.examples.len() as u32 - 1
            });
            let class = demand.class_of(rule, shape_of[of_pod[at] as usize]);
            demand.members[class].push(at as u32);
            last = Some((at, class));
        }
        demand
    }
    /// The class of a rule and a shape, a new one if need be.
    fn class_of(&mut self, rule: u32, shape: u32) -> usize {
        let of_rule = &mut self.by_rule[rule as usize];
        match of_rule.binary_search_by_key(&shape, |(shape, _)| *shape) {
            Ok(at) => of_rule[at].1 as usize,
            Err(at) => {
                of_rule.insert(at, (shape, self.classes.len() as u32));
                self.classes.push((rule, shape));
                self.members.push(Vec::new());
                self.classes.len() - 1
            }
        }
    }
    /// The class of a rule and a shape that some pod has.
    pub fn class(&self, rule: u32, shape: u32) -> usize {
        let of_rule = &self.by_rule[rule as usize];
        let at = of_rule.binary_search_by_key(&shape, |(shape, _)| *shape).expect("some pod has them");
        of_rule[at].1 as usize
    }
    pub fn width(&self) -> usize {
        self.resources.len()
    }
    pub fn shapes(&self) -> usize {
        self.shapes.len() / self.width()
    }
    /// What a shape takes.
    pub fn shape(&self, shape: u32) -> &[i64] {
        &self.shapes[shape as usize * self.width()..][..self.width()]
    }
    /// Amounts as a row.
    pub fn row(&self, amounts: &Amounts, out: &mut Vec<i64>) {
        out.extend([amounts.cpu_milli, amounts.memory_bytes, amounts.pods]);
        out.extend(self.resources[COMMON..].iter().map(|name| match name.as_str() {
            "ephemeral-storage" => amounts.ephemeral_bytes,
            _ => amounts.extended.get(name).copied().unwrap_or(0),
        }));
    }
}

/// The labels that some pod's rule asks about; pods that differ in others alone are alike. Services and sets may ask about any label of
/// the pods that they spread.
fn label_keys<'a>(pods: impl Iterator<Item = &'a Arc<Doc>>, spread: Option<&[Arc<Doc>]>) -> BTreeSet<Name> {
    let mut keys: BTreeSet<Name> = spread.into_iter().flatten().flat_map(|doc| doc.meta.labels.keys().cloned()).collect();
    let mut add = |selector: Option<&Selector>, more: &[Name]| {
        let of = selector.into_iter().flat_map(|s| s.match_labels.keys().chain(s.match_expressions.iter().map(|r| &r.key)));
        for key in of.chain(more) {
            if !keys.contains(key) {
                keys.insert(key.clone());
            }
        }
    };
    for spec in pods.filter_map(|doc| doc.as_pod()).map(|pod| &pod.spec) {
        for constraint in &spec.topology_spread_constraints {
            add(constraint.label_selector.as_ref(), &constraint.match_label_keys);
        }
        let Some(affinity) = &spec.affinity else { continue };
        for terms in [&affinity.pod_affinity, &affinity.pod_anti_affinity].into_iter().flatten() {
            let preferred = terms.preferred.iter().map(|preferred| &preferred.pod_affinity_term);
            for term in terms.required.iter().chain(preferred) {
                add(term.label_selector.as_ref(), &[]);
            }
        }
    }
    keys
}

/// What decides where a pod's volumes are: of a claim that is bound what its volume says of places, of one that is not the claim itself.
#[derive(PartialEq)]
enum Volume<'a> {
    Bound(&'a Labels, &'a Option<VolumeNodeAffinity>),
    Waiting(&'a ClaimSpec, Option<&'a Name>),
}

/// Claims and volumes that are not in the world are not looked at.
fn volumes_of<'a>(world: &'a World, doc: &Doc) -> Vec<Volume<'a>> {
    if doc.as_pod().is_none_or(|pod| pod.spec.volumes.is_empty()) {
        return Vec::new();
    }
    let volume = |claim: &ClaimUse| {
        let doc = world.get(&claim.key)?;
        let spec = &doc.as_volume_claim()?.spec;
        let volume = world.get(&Key::global(Kind::PersistentVolume, spec.volume_name.clone())).filter(|_| doc.is_fully_bound());
        Some(match volume.and_then(|volume| Some((&volume.meta.labels, volume.as_persistent_volume()?))) {
            Some((labels, body)) => Volume::Bound(labels, &body.spec.node_affinity),
            None => Volume::Waiting(spec, doc.meta.annotations.get(SELECTED_NODE)),
        })
    };
    ClaimUse::of_pod(doc).iter().filter_map(volume).collect()
}

/// Whether two pods were stamped from one template.
fn shares_template(a: &Doc, b: &Doc) -> bool {
    let (Some(pod), Some(other)) = (a.as_pod(), b.as_pod()) else {
        return false;
    };
    Arc::ptr_eq(&pod.spec, &other.spec)
        && Arc::ptr_eq(&a.meta.labels, &b.meta.labels)
        && a.key.namespace == b.key.namespace
        && pod.node == other.node
}

/// The amounts that pods take, each way of writing them once, and which of them each pod takes. Reading quantities is what takes time.
fn distinct_amounts(pods: &[Arc<Doc>]) -> (Vec<Amounts>, Vec<u32>) {
    let (mut amounts, mut examples) = (Vec::new(), Vec::<usize>::new());
    let mut known = HashMap::<u64, Vec<u32>>::new();
    let mut last = 0;
    let of_pod = pods.iter().enumerate().map(|(at, doc)| {
        if at > 0 && shares_template(&pods[at - 1], doc) {
            return last;
        }
        let spec = doc.as_pod().map(|pod| &*pod.spec);
        let mut hash = Hash::new(0);
        for (name, quantity) in spec.iter().flat_map(|spec| &spec.containers).flat_map(|container| &container.resources.requests) {
            hash = hash.text(name).text(&quantity.0);
        }
        let alike = known.entry(hash.get()).or_default();
        let same = |known: &u32| spec.zip(pods[examples[*known as usize]].as_pod()).is_some_and(|(a, b)| same_amounts(a, &b.spec));
        last = alike.iter().copied().find(same).unwrap_or_else(|| {
            amounts.push(spec.map(Amounts::of_pod).unwrap_or_default());
            examples.push(at);
            alike.push(amounts.len() as u32 - 1);
            amounts.len() as u32 - 1
        });
        last
    });
    let of_pod = of_pod.collect();
    (amounts, of_pod)
}

/// Whether two pods write the same amounts.
fn same_amounts(a: &PodSpec, b: &PodSpec) -> bool {
    let alike = |a: &Container, b: &Container| a.resources == b.resources && a.restart_policy == b.restart_policy;
    let all = |a: &[Container], b: &[Container]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b));
    all(&a.containers, &b.containers)
        && all(&a.init_containers, &b.init_containers)
        && a.resources == b.resources
        && a.overhead == b.overhead
}

fn hash_selector(hash: Hash, selector: Option<&Selector>) -> Hash {
    let Some(selector) = selector else {
        return hash;
    };
    let hash = selector.match_labels.iter().fold(hash, |hash, (key, value)| hash.text(key).text(value));
    selector.match_expressions.iter().fold(hash, |hash, requirement| hash.text(&requirement.key).number(requirement.values.len() as u64))
}

/// A hash under which pods of one rule meet.
fn hash(doc: &Doc, keys: &BTreeSet<Name>) -> u64 {
    let mut hash = Hash::new(0).text(&doc.key.namespace);
    for (key, value) in keys.iter().filter_map(|key| Some((key, doc.meta.labels.get(key)?))) {
        hash = hash.text(key).text(value);
    }
    let Some(spec) = doc.as_pod().map(|pod| &pod.spec) else {
        return hash.get();
    };
    for (key, value) in &spec.node_selector {
        hash = hash.text(key).text(value);
    }
    for constraint in &spec.topology_spread_constraints {
        hash = hash_selector(hash.text(&constraint.topology_key), constraint.label_selector.as_ref());
    }
    if let Some(affinity) = &spec.affinity {
        let of_pods = [affinity.pod_affinity.as_ref(), affinity.pod_anti_affinity.as_ref()];
        for (at, terms) in of_pods.iter().enumerate().filter_map(|(at, terms)| Some((at, (*terms)?))) {
            for term in &terms.required {
                hash = hash_selector(hash.number(at as u64).text(&term.topology_key), term.label_selector.as_ref());
            }
        }
    }
    hash.get()
}

/// Whether two pods may be in the same places.
fn same_rule(a: &Doc, b: &Doc, keys: &BTreeSet<Name>) -> bool {
    let (Some(pod), Some(other)) = (a.as_pod(), b.as_pod()) else {
        return false;
    };
    let (x, y) = (&*pod.spec, &*other.spec);
    a.key.namespace == b.key.namespace
        && keys.iter().all(|key| a.meta.labels.get(key) == b.meta.labels.get(key))
        && pod.node == other.node
        && x.node_selector == y.node_selector
        && x.affinity == y.affinity
        && x.tolerations == y.tolerations
        && x.topology_spread_constraints == y.topology_spread_constraints
        && x.scheduling_gates == y.scheduling_gates
        && claims_devices(x) == claims_devices(y)
        && HostPort::of_pod(x) == HostPort::of_pod(y)
}

/// Whether a pod waits for devices by dynamic resource claims, which nothing here places.
pub(super) fn claims_devices(spec: &PodSpec) -> bool {
    spec.rest.get("resourceClaims").and_then(|claims| claims.as_array()).is_some_and(|claims| !claims.is_empty())
}
