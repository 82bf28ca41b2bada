//! Replica sets: as many pods as asked for.
//!
//! Pods that have ended or are on their way out do not count. The status is written once per pass, after pods were made or deleted.

use crate::availability::{is_active, is_available, next_available};
use crate::claim::{claim, controlled, controller_of};
use crate::delete::delete;
use crate::notice::{Voice, namespace_takes};
use crate::rank::{count_by_node, victims};
use crate::stamp::Stamp;
use nodelane_model::workload::{ReplicaSet, ReplicaSetStatus};
use nodelane_model::{Doc, Key, Kind, Name};
use nodelane_world::{Draft, List, World};
use std::sync::Arc;

pub(crate) fn reconcile(draft: &mut Draft, key: &Key, units: usize) -> usize {
    let Some(doc) = draft.world.get(key).cloned() else {
        return 0;
    };
    let Some(set) = doc.as_replica_set() else { return 0 };
    let is_new = set.status.observed_generation != doc.meta.generation;
    let all = claim(draft, &doc, &set.spec.selector, Kind::Pod, is_new);
    let pods: Vec<Arc<Doc>> = all.iter().filter(|pod| is_active(pod)).cloned().collect();
    let spent = if doc.is_terminating() { 0 } else { manage(draft, &doc, set, pods, units) };
    if let Some(at) = observe(draft, key) {
        crate::wake(draft, at, key);
    }
    if all.is_empty() {
        report_empty(draft, &doc);
    }
    if is_new {
        crate::budget::touch(draft, &key.namespace);
    }
    spent
}

/// Makes what is missing or deletes what is too much; gives the pods touched. What does not fit into `units` waits for the next turn.
fn manage(draft: &mut Draft, doc: &Doc, set: &ReplicaSet, pods: Vec<Arc<Doc>>, units: usize) -> usize {
    let wanted = set.spec.replicas.unwrap_or(1).max(0) as usize;
    let voice = Voice { about: &doc.key, component: "replicaset-controller" };
    let missing = wanted.saturating_sub(pods.len());
    let surplus = pods.len().saturating_sub(wanted);
    let count = units.min(missing + surplus);
    let mut names: Vec<Name> = Vec::with_capacity(count);
    if missing > 0 && namespace_takes(draft, &doc.key.namespace) {
        let stamp = Stamp::of(&draft.world, &set.spec.template, doc).alike(pods.first());
        let prefix = format!("{}-", doc.key.name);
        names.extend((0..count).map(|_| stamp.generate(draft, &prefix).key.name.clone()));
        voice.say_each(draft, "SuccessfulCreate", "Created pod: ", &names);
    } else if surplus > 0 {
        let on_node = count_by_node(related(&draft.world, doc).iter());
        for pod in victims(pods, count, &on_node, draft.now) {
            delete(draft, &pod.key, None, None);
            names.push(pod.key.name.clone());
        }
        voice.say_each(draft, "SuccessfulDelete", "Deleted pod: ", &names);
    }
    if names.len() < missing + surplus && !names.is_empty() {
        crate::again(draft, &doc.key);
    }
    names.len()
}

/// Active pods of the replica sets of the same owner.
fn related(world: &World, doc: &Doc) -> Vec<Arc<Doc>> {
    let sets = match controller_of(world, doc) {
        Some(owner) => controlled(world, owner, Kind::ReplicaSet),
        None => Vec::new(),
    };
    let mut pods = controlled(world, doc, Kind::Pod);
    for set in sets.iter().filter(|set| set.key != doc.key) {
        pods.extend(controlled(world, set, Kind::Pod));
    }
    pods.retain(|pod| is_active(pod));
    pods
}

/// Writes the status where it changed; gives when it will change by itself.
pub(crate) fn observe(draft: &mut Draft, key: &Key) -> Option<nodelane_model::Time> {
    let doc = draft.world.get(key).cloned()?;
    let set = doc.as_replica_set()?;
    let pods: Vec<Arc<Doc>> = controlled(&draft.world, &doc, Kind::Pod).into_iter().filter(|pod| is_active(pod)).collect();
    let least = set.spec.min_ready_seconds.unwrap_or(0);
    let count = |test: &dyn Fn(&Doc) -> bool| pods.iter().filter(|pod| test(pod)).count() as i32;
    let template = &set.spec.template.labels;
    let now = draft.now;
    let status = ReplicaSetStatus {
        replicas: pods.len() as i32,
        fully_labeled_replicas: count(&|pod| {
            Arc::ptr_eq(template, &pod.meta.labels) || template.iter().all(|(key, value)| pod.meta.labels.get(key) == Some(value))
        }),
        ready_replicas: count(&|pod| pod.as_pod().is_some_and(|pod| pod.status.is_ready())),
        available_replicas: count(&|pod| is_available(pod, least, now)),
        observed_generation: doc.meta.generation,
        ..set.status.clone()
    };
    if status != set.status {
        draft.update(key, |doc| doc.as_replica_set_mut().expect("it was one").status = status);
    }
    next_available(pods.iter().map(|pod| &**pod), least, now)
}

/// A deployment that recreates waits for the last pod of its old sets, which no status shows.
fn report_empty(draft: &mut Draft, doc: &Doc) {
    let owner = controller_of(&draft.world, doc).filter(|owner| {
        let recreates = owner.as_deployment().is_some_and(|body| body.spec.strategy.kind == "Recreate");
        recreates && doc.as_replica_set().is_some_and(|set| set.spec.replicas == Some(0))
    });
    if let Some(key) = owner.map(|owner| owner.key.clone()) {
        draft.world.work.add(List::Owners, key);
    }
}
