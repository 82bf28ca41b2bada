//! Judges evictions by budgets, from pods alone: no status and no ledger of ours is believed.
//!
//! A pod is taken when it was Ready and begins to end, or is gone, while its machine is being emptied or is meant to go. For each budget
//! that covers it, the pods that are still Ready are counted and compared with what the budget asks for. Pods whose kubelets went
//! silent, and those that the platform took along (spot, scheduled events), were not taken by anyone. Not here: the budgets that a
//! workload's own rollout passes over.

use nodelane_model::budget::{BudgetSpec, IntOrPercent};
use nodelane_model::machine::{CordonOwner, Intent};
use nodelane_model::{Doc, Key, Kind, Name, Uid};
use std::collections::{BTreeMap, BTreeSet};

/// Who asks for how many pods: kind and name, in a namespace.
type Scale = (Name, Name, Name);

struct Watched {
    spec: BudgetSpec,
    /// Pods that it covers: who asks for them, and whether they are Ready.
    pods: BTreeMap<Uid, (Option<Scale>, bool)>,
}

/// Budgets of one cluster.
#[derive(Default)]
pub(super) struct Budgets {
    watched: BTreeMap<Name, BTreeMap<Name, Watched>>,
    scales: BTreeMap<Scale, i32>,
    /// Machines that are being emptied or are meant to go.
    leaving: BTreeSet<Name>,
}

/// A budget that was not kept.
pub(super) struct Violation {
    pub(super) budget: Key,
    pub(super) left: i32,
    pub(super) needed: i32,
}

impl Budgets {
    /// A machine as it is.
    pub(super) fn machine(&mut self, doc: &Doc) {
        let Some(machine) = doc.as_machine() else { return };
        let cordoned = machine.cordoned_by.iter().any(|owner| *owner != CordonOwner::User);
        let struck = machine.preempted.is_some() || machine.scheduled.is_some();
        let leaves = !struck && (cordoned || machine.drain.is_some() || machine.intent != Intent::Run);
        match leaves {
            true => drop(self.leaving.insert(doc.key.name.clone())),
            false => drop(self.leaving.remove(&doc.key.name)),
        }
    }
    /// Something that asks for a number of pods.
    pub(super) fn scale(&mut self, doc: &Doc) {
        let replicas = doc
            .as_deployment()
            .map(|body| body.spec.replicas)
            .or_else(|| doc.as_replica_set().map(|body| body.spec.replicas))
            .or_else(|| doc.as_stateful_set().map(|body| body.spec.replicas));
        if let Some(replicas) = replicas {
            let key = (doc.key.namespace.clone(), Name::from(doc.key.kind.as_str()), doc.key.name.clone());
            self.scales.insert(key, replicas.unwrap_or(1));
        }
    }
    /// A budget as it is, or gone; `pods` are those of its namespace with their workloads.
    pub(super) fn budget<'a>(&mut self, key: &Key, doc: Option<&Doc>, pods: impl Iterator<Item = (&'a Doc, Option<(Name, Name)>)>) {
        let of_namespace = self.watched.entry(key.namespace.clone()).or_default();
        let Some(budget) = doc.and_then(|doc| doc.as_budget()) else {
            of_namespace.remove(&key.name);
            return;
        };
        if let Some(watched) = of_namespace.get_mut(&key.name)
            && watched.spec.selector == budget.spec.selector
        {
            watched.spec = budget.spec.clone();
            return;
        }
        let mut watched = Watched { spec: budget.spec.clone(), pods: BTreeMap::new() };
        for (pod, workload) in pods.filter(|(pod, _)| watched_by(&budget.spec, pod)) {
            watched.pods.insert(pod.meta.uid, (scale_of(pod, workload), is_ready(pod)));
        }
        of_namespace.insert(key.name.clone(), watched);
    }
    /// Whether there is a budget in a namespace.
    pub(super) fn watches(&self, namespace: &str) -> bool {
        self.watched.get(namespace).is_some_and(|budgets| !budgets.is_empty())
    }
    /// A pod as it was and as it is; the budgets that it was taken against.
    pub(super) fn pod(&mut self, old: Option<&Doc>, new: Option<&Doc>, workload: Option<(Name, Name)>) -> Vec<Violation> {
        let Some(doc) = new.or(old) else { return Vec::new() };
        let Some(of_namespace) = self.watched.get_mut(&doc.key.namespace) else { return Vec::new() };
        let goes = |old: &Doc| is_ready(old) && new.is_none_or(|new| new.is_terminating());
        let node = old.and_then(|old| old.as_pod()?.node.clone());
        let taken = old.is_some_and(goes) && node.is_some_and(|node| self.leaving.contains(&node));
        let mut violations = Vec::new();
        for (name, watched) in of_namespace {
            let was = watched.pods.contains_key(&doc.meta.uid);
            match new.filter(|new| watched_by(&watched.spec, new)) {
                Some(new) => drop(watched.pods.insert(new.meta.uid, (scale_of(new, workload.clone()), is_ready(new)))),
                None => drop(watched.pods.remove(&doc.meta.uid)),
            }
            if was && taken {
                let left = watched.pods.values().filter(|(_, ready)| *ready).count() as i32;
                let needed = watched.needed(&self.scales, i32::from(new.is_none()));
                if left < needed {
                    let budget = Key::new(Kind::PodDisruptionBudget, doc.key.namespace.clone(), name.clone());
                    violations.push(Violation { budget, left, needed });
                }
            }
        }
        violations
    }
}

impl Watched {
    /// How many pods have to be Ready; `gone` pods were there until now.
    fn needed(&self, scales: &BTreeMap<Scale, i32>, gone: i32) -> i32 {
        let asked: BTreeSet<&Scale> = self.pods.values().filter_map(|(scale, _)| scale.as_ref()).collect();
        let expected: i32 = match asked.is_empty() {
            true => self.pods.len() as i32 + gone,
            false => asked.iter().map(|scale| scales.get(*scale).copied().unwrap_or(1)).sum(),
        };
        match (&self.spec.max_unavailable, &self.spec.min_available) {
            (Some(most), _) => expected - most.scaled_up(expected),
            // A plain number asks for no more than there are.
            (None, Some(IntOrPercent::Int(least))) => *least,
            (None, Some(share)) => share.scaled_up(expected),
            (None, None) => 0,
        }
    }
}

fn watched_by(spec: &BudgetSpec, pod: &Doc) -> bool {
    spec.selector.as_ref().is_some_and(|selector| selector.matches(&pod.meta.labels))
}

fn is_ready(doc: &Doc) -> bool {
    doc.as_pod().is_some_and(|pod| pod.status.is_ready()) && !doc.is_terminating()
}

fn scale_of(pod: &Doc, workload: Option<(Name, Name)>) -> Option<Scale> {
    workload.map(|(kind, name)| (pod.key.namespace.clone(), kind, name))
}
