//! Daemon sets: one pod on every node that should have one.
//!
//! A pod is tied to its node by a required affinity on `metadata.name` and scheduled like any other. It tolerates what daemons must
//! (a node that is not ready, unreachable, short of something, cordoned). Surge is not acted on: a rolling update with `maxSurge` runs
//! as one with `maxUnavailable` 1, as Kubernetes does without the field.

mod eligible;
mod foretell;

pub use foretell::daemons_on;

use crate::availability::is_available;
use crate::claim::{claim, controlled, with};
use crate::delete::delete;
use crate::notice::{Voice, namespace_takes};
use crate::revision::{self, REVISION_LABEL};
use crate::stamp::Stamp;
use eligible::{Daemon, target_of};
use nodelane_model::pod::Phase;
use nodelane_model::workload::{DaemonSet, DaemonSetStatus};
use nodelane_model::{Doc, Key, Kind, Name, Time};
use nodelane_world::Draft;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The set's pods by node; the oldest first.
type ByNode = BTreeMap<Name, Vec<Arc<Doc>>>;

pub(crate) fn reconcile(draft: &mut Draft, key: &Key, units: usize) -> usize {
    let Some(doc) = draft.world.get(key).cloned() else {
        return 0;
    };
    let Some(set) = doc.as_daemon_set() else { return 0 };
    if set.spec.selector.is_empty() || !namespace_takes(draft, &key.namespace) {
        return 0;
    }
    let is_new = set.status.observed_generation != doc.meta.generation;
    claim(draft, &doc, &set.spec.selector, Kind::Pod, is_new);
    let Some(update) = revision::sync(draft, &doc, &set.spec.template, is_new) else {
        return 0;
    };
    let hash = revision::hash(&update);
    let daemon = Daemon::of(&set.spec.template);
    let mut spent = 0;
    if !doc.is_terminating() {
        spent += manage(draft, &doc, set, &daemon, &hash, units);
        if set.spec.update_strategy.kind != "OnDelete" {
            spent += roll(draft, &doc, set, &daemon, &hash);
        }
        let mut live: BTreeSet<Name> =
            controlled(&draft.world, &doc, Kind::Pod).iter().filter_map(|pod| pod.meta.labels.get(REVISION_LABEL).cloned()).collect();
        live.insert(hash.clone());
        revision::truncate(draft, &doc, &set.spec.rest, &live);
    }
    write_status(draft, &doc, set, &daemon, &hash);
    spent
}

fn voice(doc: &Doc) -> Voice<'_> {
    Voice { about: &doc.key, component: "daemonset-controller" }
}

fn by_node(draft: &Draft, doc: &Doc) -> ByNode {
    let mut nodes = ByNode::new();
    for pod in controlled(&draft.world, doc, Kind::Pod) {
        if let Some(node) = target_of(&pod) {
            nodes.entry(node).or_default().push(pod);
        }
    }
    nodes.values_mut().for_each(|pods| pods.sort_by(|a, b| (a.meta.created, &a.key).cmp(&(b.meta.created, &b.key))));
    nodes
}

/// Makes pods where one is missing, and deletes those that should not be, or ended.
fn manage(draft: &mut Draft, doc: &Doc, set: &DaemonSet, daemon: &Daemon, hash: &Name, units: usize) -> usize {
    let pods = by_node(draft, doc);
    let (mut missing, mut surplus): (Vec<Name>, Vec<Arc<Doc>>) = (Vec::new(), Vec::new());
    for (node, row) in draft.world.nodes() {
        let (should_run, may_stay) = daemon.verdict(&row.doc);
        let here = pods.get(node).map_or(&[][..], |pods| pods);
        let mut live = here.iter().filter(|pod| !pod.is_terminating());
        if should_run && here.is_empty() {
            missing.push(node.clone());
        } else if !may_stay {
            surplus.extend(live.cloned());
        } else {
            // Ended pods go, and of several that run all but the oldest.
            let (ended, running): (Vec<_>, Vec<_>) =
                live.by_ref().cloned().partition(|pod| pod.as_pod().is_some_and(|pod| pod.status.is_terminal()));
            surplus.extend(ended.into_iter().chain(running.into_iter().skip(1)));
        }
    }
    let stranded = pods.iter().filter(|(node, _)| draft.world.node(node).is_none()).flat_map(|(_, pods)| pods);
    surplus.extend(stranded.filter(|pod| !pod.is_terminating() && pod.as_pod().is_some_and(|pod| pod.node.is_none())).cloned());
    let needed = missing.len() + surplus.len();
    missing.truncate(units);
    surplus.truncate(units - missing.len());
    if missing.len() + surplus.len() < needed {
        crate::again(draft, &doc.key);
    }
    surplus.iter().for_each(|pod| warn_of_end(draft, doc, pod));
    let spent = missing.len() + surplus.len();
    create(draft, doc, set, daemon, hash, &missing);
    delete_pods(draft, doc, &surplus);
    spent
}

fn warn_of_end(draft: &mut Draft, doc: &Doc, pod: &Doc) {
    let place = format!("{}/{} on node {}", pod.key.namespace, pod.key.name, target_of(pod).unwrap_or_default());
    match pod.as_pod().map(|pod| pod.status.phase) {
        Some(Phase::Failed) => voice(doc).warn(draft, "FailedDaemonPod", format!("Found failed daemon pod {place}, will try to kill it")),
        Some(Phase::Succeeded) => {
            voice(doc).say(draft, "SucceededDaemonPod", format!("Found succeeded daemon pod {place}, will try to delete it"))
        }
        _ => {}
    }
}

fn create(draft: &mut Draft, doc: &Doc, set: &DaemonSet, daemon: &Daemon, hash: &Name, nodes: &[Name]) {
    if nodes.is_empty() {
        return;
    }
    let mut template = set.spec.template.clone();
    let generation = doc.meta.annotations.get("deprecated.daemonset.template.generation").cloned().unwrap_or_else(|| "1".into());
    template.labels = with(&template.labels, &[(REVISION_LABEL, hash.clone()), ("pod-template-generation", generation)]);
    template.spec = daemon.spec.clone();
    let stamp = Stamp::of(&draft.world, &template, doc);
    let prefix = format!("{}-", doc.key.name);
    let mut names = Vec::with_capacity(nodes.len());
    for node in nodes {
        let mut stamp = stamp.clone();
        eligible::tie(Arc::make_mut(&mut stamp.spec), node);
        names.push(stamp.generate(draft, &prefix).key.name.clone());
    }
    voice(doc).say_each(draft, "SuccessfulCreate", "Created pod: ", &names);
}

fn delete_pods(draft: &mut Draft, doc: &Doc, pods: &[Arc<Doc>]) {
    pods.iter().for_each(|pod| delete(draft, &pod.key, None, None));
    let names: Vec<Name> = pods.iter().map(|pod| pod.key.name.clone()).collect();
    voice(doc).say_each(draft, "SuccessfulDelete", "Deleted pod: ", &names);
}

/// Deletes old pods: those that are not available, and others while not too many are missing.
fn roll(draft: &mut Draft, doc: &Doc, set: &DaemonSet, daemon: &Daemon, hash: &Name) -> usize {
    let least = set.spec.min_ready_seconds.unwrap_or(0);
    let desired = draft.world.nodes().filter(|(_, row)| daemon.verdict(&row.doc).0).count() as i32;
    let most = set.spec.update_strategy.rolling_update.as_ref().and_then(|rolling| rolling.max_unavailable.as_ref());
    let most = most.map_or(1, |most| most.scaled_up(desired)).max(1);
    let (mut missing, mut broken, mut candidates) = (0, Vec::new(), Vec::new());
    for pods in by_node(draft, doc).into_values() {
        let mut live = pods.iter().filter(|pod| !pod.is_terminating());
        match (live.next(), live.next()) {
            (Some(pod), None) => {
                let available = is_available(pod, least, draft.now);
                if pod.meta.labels.get(REVISION_LABEL) == Some(hash) {
                    missing += i32::from(!available);
                } else if available {
                    candidates.push(pod.clone());
                } else {
                    broken.push(pod.clone());
                }
            }
            _ => missing += 1,
        }
    }
    candidates.truncate((most - missing).max(0) as usize);
    broken.extend(candidates);
    delete_pods(draft, doc, &broken);
    broken.len()
}

fn write_status(draft: &mut Draft, doc: &Doc, set: &DaemonSet, daemon: &Daemon, hash: &Name) {
    let pods = by_node(draft, doc);
    let least = set.spec.min_ready_seconds.unwrap_or(0);
    let mut status = DaemonSetStatus { observed_generation: doc.meta.generation, rest: set.status.rest.clone(), ..Default::default() };
    let mut next: Option<Time> = None;
    for (node, row) in draft.world.nodes() {
        let (should_run, _) = daemon.verdict(&row.doc);
        let oldest = pods.get(node).and_then(|pods| pods.first());
        status.desired_number_scheduled += i32::from(should_run);
        let Some(pod) = oldest else { continue };
        if !should_run {
            status.number_misscheduled += 1;
            continue;
        }
        let available = is_available(pod, least, draft.now);
        status.current_number_scheduled += 1;
        status.number_ready += i32::from(pod.as_pod().is_some_and(|pod| pod.status.is_ready()));
        status.number_available += i32::from(available);
        status.updated_number_scheduled += i32::from(pod.meta.labels.get(REVISION_LABEL) == Some(hash));
        if !available && let Some(at) = pod.as_pod().and_then(|pod| crate::availability::available_at(pod, least)) {
            next = Some(next.map_or(at, |next| next.min(at)));
        }
    }
    status.number_unavailable = status.desired_number_scheduled - status.number_available;
    if status != set.status {
        draft.update(&doc.key, |doc| doc.as_daemon_set_mut().expect("it was one").status = status);
    }
    if let Some(at) = next {
        crate::wake(draft, at, &doc.key);
    }
}
