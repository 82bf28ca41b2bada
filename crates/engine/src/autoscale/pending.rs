//! The pods that a new node could help (aks-semantics SU-1): told that they fit nowhere, not expendable, old enough.
//!
//! Placing has had its turn, so what is left fits on no node that stands. Left out: daemons (their node brings them), pods that wait for
//! room that is being made, pods whose claims no node would help. What a bound volume asks of its node is written into the copy of the pod
//! that is estimated, so that its zone picks the machine's.

use super::profile::{EXPENDABLE_PRIORITY_CUTOFF, Profile};
use nodelane_model::pod::{NodeSelector, NodeTerm, PodSpec};
use nodelane_model::selector::Requirement;
use nodelane_model::{Doc, Key, Kind, Name, Pod, Time};
use nodelane_world::World;
use std::ops::Bound;
use std::sync::Arc;

/// The pods, and when the next of those that are too young is old enough.
#[derive(Debug, Default)]
pub struct Pending {
    /// As they are to be estimated, the most urgent first.
    pub pods: Vec<Arc<Doc>>,
    /// When to look again.
    pub next: Option<Time>,
}

/// Looks through the pending pods.
pub fn pending(world: &mut World, profile: &Profile, now: Time) -> Pending {
    let mut found = Pending::default();
    let entries = world.work.pending.clone();
    let docs = world.clone();
    let mut cursor = Cursor::new(&docs);
    for (_, created, key) in &entries {
        let Some(doc) = cursor.get(key) else { continue };
        let Some(pod) = doc.as_pod().filter(|pod| needs_node(doc, pod)) else { continue };
        let ripe = created.plus(profile.new_pod_scale_up_delay_millis);
        if ripe > now {
            found.next = Some(found.next.map_or(ripe, |next| next.min(ripe)));
            continue;
        }
        if pod.spec.volumes.is_empty() {
            found.pods.push(doc.clone());
        } else if let Some(terms) = demands(world, doc) {
            found.pods.push(with_terms(doc, terms));
        }
    }
    found
}

/// Finds documents whose keys mostly follow each other: a step along the order costs less than a search.
struct Cursor<'a> {
    world: &'a World,
    ahead: Box<dyn Iterator<Item = &'a Arc<Doc>> + 'a>,
}

impl<'a> Cursor<'a> {
    fn new(world: &'a World) -> Cursor<'a> {
        Cursor { world, ahead: Box::new(std::iter::empty()) }
    }
    fn get(&mut self, key: &Key) -> Option<&'a Arc<Doc>> {
        if let Some(doc) = self.ahead.next().filter(|doc| doc.key == *key) {
            return Some(doc);
        }
        self.ahead = Box::new(self.world.list_from(Bound::Included(key.clone())));
        self.ahead.next().filter(|doc| doc.key == *key)
    }
}

fn needs_node(doc: &Doc, pod: &Pod) -> bool {
    let told = pod.status.conditions.iter().find(|condition| condition.kind == "PodScheduled");
    told.is_some_and(|told| told.status == "False" && told.reason == "Unschedulable")
        && pod.spec.priority.unwrap_or(0) >= EXPENDABLE_PRIORITY_CUTOFF
        && pod.status.nominated_node_name.is_empty()
        && doc.meta.controller().is_none_or(|owner| owner.kind != "DaemonSet")
}

/// What the volumes of a pod's claims ask of its node, one of the terms for each volume; `None` where no node would help.
fn demands(world: &mut World, doc: &Doc) -> Option<Vec<NodeSelector>> {
    let class = world.class(doc)?;
    let mut demands = Vec::new();
    for claim in &class.claims {
        let claim_doc = world.get(&claim.key).filter(|claim| !claim.is_terminating())?;
        let spec = &claim_doc.as_volume_claim()?.spec;
        if !spec.volume_name.is_empty() {
            let volume = world.get(&Key::global(Kind::PersistentVolume, spec.volume_name.clone()))?;
            demands.extend(volume.as_persistent_volume().and_then(|volume| volume.spec.node_affinity.as_ref()?.required.clone()));
            demands.extend(labels(volume));
            continue;
        }
        let class = world.get(&Key::global(Kind::StorageClass, claim_doc.storage_class()))?.as_storage_class()?;
        if !class.waits_for_consumer() {
            return None;
        }
        let requirement = |key: &Name, values: &[Name]| Requirement { key: key.clone(), operator: "In".into(), values: values.to_vec() };
        let terms: Vec<NodeTerm> = class
            .allowed_topologies
            .iter()
            .map(|term| term.match_label_expressions.iter().map(|one| requirement(&one.key, &one.values)).collect())
            .map(|match_expressions| NodeTerm { match_expressions, ..NodeTerm::default() })
            .collect();
        demands.extend((!terms.is_empty()).then_some(NodeSelector { node_selector_terms: terms }));
    }
    Some(demands)
}

/// The zone and region that labels of a volume name (the plugin VolumeZone).
fn labels(volume: &Doc) -> Option<NodeSelector> {
    let keys = ["topology.kubernetes.io/zone", "topology.kubernetes.io/region"];
    let named = keys.iter().filter_map(|key| Some((key, volume.meta.labels.get(*key)?)));
    let all: Vec<Requirement> = named
        .map(|(key, values)| Requirement { key: (*key).into(), operator: "In".into(), values: values.split("__").map(Name::new).collect() })
        .collect();
    (!all.is_empty()).then(|| NodeSelector { node_selector_terms: vec![NodeTerm { match_expressions: all, ..NodeTerm::default() }] })
}

/// A copy of a pod whose node must satisfy these too.
fn with_terms(doc: &Arc<Doc>, demands: Vec<NodeSelector>) -> Arc<Doc> {
    if demands.is_empty() {
        return doc.clone();
    }
    let mut copy = (**doc).clone();
    if let Some(pod) = copy.as_pod_mut() {
        let spec: &mut PodSpec = Arc::make_mut(&mut pod.spec);
        let affinity = spec.affinity.get_or_insert_default().node_affinity.get_or_insert_default();
        for demand in demands {
            affinity.required = Some(match affinity.required.take() {
                None => demand,
                Some(own) => both(&own, &demand),
            });
        }
    }
    Arc::new(copy)
}

/// Terms of which one holds where one of each side does.
fn both(a: &NodeSelector, b: &NodeSelector) -> NodeSelector {
    let join = |x: &NodeTerm, y: &NodeTerm| NodeTerm {
        match_expressions: x.match_expressions.iter().chain(&y.match_expressions).cloned().collect(),
        match_fields: x.match_fields.iter().chain(&y.match_fields).cloned().collect(),
    };
    let pairs = a.node_selector_terms.iter().flat_map(|x| b.node_selector_terms.iter().map(move |y| join(x, y)));
    NodeSelector { node_selector_terms: pairs.collect() }
}

/// Whether a pod must be near to, apart from or even with others over more than one node: then its machine is not to be moved.
pub fn looks_beyond_its_node(doc: &Doc) -> bool {
    let Some(spec) = doc.as_pod().map(|pod| &pod.spec) else { return false };
    let affinity = spec.affinity.as_ref();
    let of_pods = affinity.into_iter().flat_map(|affinity| [&affinity.pod_affinity, &affinity.pod_anti_affinity]).flatten();
    let near = of_pods.flat_map(|terms| &terms.required).map(|term| &term.topology_key);
    let spread = spec.topology_spread_constraints.iter().filter(|constraint| constraint.when_unsatisfiable == "DoNotSchedule");
    near.chain(spread.map(|constraint| &constraint.topology_key)).any(|key| key != "kubernetes.io/hostname")
}

/// Labels in which pools that are alike may differ, beside zones and regions (aks-semantics SU-4).
pub const IGNORED_LABELS: [&str; 12] = [
    "kubernetes.io/hostname",
    "beta.kubernetes.io/fluentd-ds-ready",
    "kops.k8s.io/instancegroup",
    "agentpool",
    "kubernetes.azure.com/agentpool",
    "topology.disk.csi.azure.com/zone",
    "aksEngineVersion",
    "creationSource",
    "poolName",
    "resourceNameSuffix",
    "kubernetes.azure.com/node-image-version",
    "kubernetes.azure.com/consolidated-additional-properties",
];
