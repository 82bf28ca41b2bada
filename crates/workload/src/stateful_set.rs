//! Stateful sets: pods with names that stay, one after the other.
//!
//! One pass walks the ordinals as the upstream controller does and stops at the first pod that the order has to wait for. Claims for
//! volumes are made before their pod and outlive it (retention policies other than `Retain` are not acted on).

mod identity;

use crate::availability::{is_available, next_available};
use crate::claim::{claim, ordinal_of};
use crate::delete::delete;
use crate::notice::{Voice, namespace_takes};
use crate::revision::{self, REVISION_LABEL};
use identity::Identity;
use nodelane_model::pod::Phase;
use nodelane_model::workload::{StatefulSet, StatefulSetStatus};
use nodelane_model::{Doc, Key, Kind, Name};
use nodelane_world::Draft;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

/// A stateful set being reconciled.
struct Walk<'a> {
    draft: &'a mut Draft,
    doc: &'a Doc,
    set: &'a StatefulSet,
    /// Ordinals that should have a pod.
    range: Range<i32>,
    current: Arc<Doc>,
    update: Arc<Doc>,
    units: usize,
    spent: usize,
}

pub(crate) fn reconcile(draft: &mut Draft, key: &Key, units: usize) -> usize {
    let Some(doc) = draft.world.get(key).cloned() else {
        return 0;
    };
    let Some(set) = doc.as_stateful_set() else { return 0 };
    let is_new = set.status.observed_generation != doc.meta.generation;
    claim(draft, &doc, &set.spec.selector, Kind::Pod, is_new);
    if !namespace_takes(draft, &key.namespace) {
        return 0;
    }
    let Some(update) = revision::sync(draft, &doc, &set.spec.template, is_new) else {
        return 0;
    };
    let stored = Key::new(Kind::ControllerRevision, key.namespace.clone(), set.status.current_revision.clone());
    let current = draft.world.get(&stored).cloned().unwrap_or_else(|| update.clone());
    let start = set.spec.rest.get("ordinals").and_then(|ordinals| ordinals.get("start")?.as_i64()).unwrap_or(0) as i32;
    let range = start..start + set.spec.replicas.unwrap_or(1).max(0);
    let mut walk = Walk { draft, doc: &doc, set, range, current, update, units, spent: 0 };
    if !doc.is_terminating() {
        let _ = walk.step();
    }
    walk.write_status();
    let spent = walk.spent;
    if is_new {
        crate::budget::touch(draft, &key.namespace);
    }
    spent
}

impl Walk<'_> {
    /// The set's pods by ordinal.
    fn pods(&self) -> BTreeMap<i32, Arc<Doc>> {
        let pods = crate::claim::controlled(&self.draft.world, self.doc, Kind::Pod);
        pods.into_iter().filter_map(|pod| Some((ordinal_of(&self.doc.key.name, &pod.key.name)?, pod))).collect()
    }
    fn is_ordered(&self) -> bool {
        self.set.spec.pod_management_policy != "Parallel"
    }
    fn least_ready_seconds(&self) -> i32 {
        self.set.spec.min_ready_seconds.unwrap_or(0)
    }
    fn is_available(&self, pod: &Doc) -> bool {
        is_running(pod) && is_available(pod, self.least_ready_seconds(), self.draft.now)
    }
    fn spend(&mut self) -> ControlFlow<()> {
        self.spent += 1;
        if self.spent < self.units {
            return ControlFlow::Continue(());
        }
        crate::again(self.draft, &self.doc.key);
        ControlFlow::Break(())
    }

    fn step(&mut self) -> ControlFlow<()> {
        let pods = self.pods();
        for ordinal in self.range.clone() {
            self.fill(ordinal, pods.get(&ordinal))?;
        }
        let first_unhealthy = pods.iter().find(|(_, pod)| !is_healthy(pod)).map(|(ordinal, _)| *ordinal);
        let range = self.range.clone();
        for (ordinal, pod) in pods.iter().rev().filter(|(ordinal, _)| !range.contains(ordinal)) {
            self.condemn(pod, first_unhealthy == Some(*ordinal))?;
        }
        self.roll(&pods)
    }

    /// One ordinal that should have a pod.
    fn fill(&mut self, ordinal: i32, pod: Option<&Arc<Doc>>) -> ControlFlow<()> {
        let waits = match self.is_ordered() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        let Some(pod) = pod else {
            self.create(ordinal);
            self.spend()?;
            return waits;
        };
        if pod.as_pod().is_some_and(|pod| pod.status.is_terminal()) {
            self.delete(pod); // Its name is free once it is gone.
            return ControlFlow::Break(());
        }
        if pod.is_terminating() || !self.is_available(pod) { waits } else { ControlFlow::Continue(()) }
    }

    /// One pod beyond the range, from the highest ordinal down.
    fn condemn(&mut self, pod: &Doc, is_first_unhealthy: bool) -> ControlFlow<()> {
        let ordered = self.is_ordered();
        let blocks = ordered && (pod.is_terminating() || (!self.is_available(pod) && !is_first_unhealthy));
        if blocks {
            return ControlFlow::Break(());
        }
        if !pod.is_terminating() {
            self.delete(pod);
            self.spend()?;
            if ordered {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }

    /// One pod of an old revision, from the highest ordinal down to the partition.
    fn roll(&mut self, pods: &BTreeMap<i32, Arc<Doc>>) -> ControlFlow<()> {
        if self.set.spec.update_strategy.kind == "OnDelete" {
            return ControlFlow::Continue(());
        }
        let least = self.range.start + self.partition().unwrap_or(0);
        for (_, pod) in pods.range(self.range.clone()).rev().take_while(|(ordinal, _)| **ordinal >= least) {
            let is_old = pod.meta.labels.get(REVISION_LABEL) != Some(&self.update.key.name);
            if is_old && !pod.is_terminating() {
                self.delete(pod);
                return ControlFlow::Break(());
            }
            if pod.is_terminating() || !self.is_available(pod) {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }

    fn partition(&self) -> Option<i32> {
        let rolling = self.set.spec.update_strategy.rolling_update.as_ref()?;
        Some(rolling.partition.unwrap_or(0))
    }

    /// Whether the pod of an ordinal is still stamped from the current revision.
    fn keeps_current(&self, ordinal: i32) -> bool {
        let kept = self.partition().unwrap_or(self.set.status.current_replicas);
        self.set.spec.update_strategy.kind != "OnDelete" && ordinal < self.range.start + kept
    }

    fn create(&mut self, ordinal: i32) {
        let revision = if self.keeps_current(ordinal) { self.current.clone() } else { self.update.clone() };
        let template = match revision.key == self.update.key {
            true => Some(self.set.spec.template.clone()),
            false => revision::template(&revision),
        };
        let identity = Identity { doc: self.doc, set: self.set, ordinal };
        let template = template.unwrap_or_else(|| self.set.spec.template.clone());
        let voice = Voice { about: &self.doc.key, component: "statefulset-controller" };
        let key = Key::new(Kind::Pod, self.doc.key.namespace.clone(), identity.name());
        let (pod, set) = (&key.name, &self.doc.key.name);
        if self.draft.world.get(&key).is_some() {
            let message = format!("create Pod {pod} in StatefulSet {set} failed error: pods \"{pod}\" already exists");
            return voice.warn(self.draft, "FailedCreate", message);
        }
        for claim in identity.create_claims(self.draft) {
            voice.say(self.draft, "SuccessfulCreate", format!("create Claim {claim} Pod {pod} in StatefulSet {set} success"));
        }
        identity.stamp(&self.draft.world, &template, &revision.key.name).create(self.draft, key.clone(), Some(format!("{set}-").into()));
        voice.say(self.draft, "SuccessfulCreate", format!("create Pod {pod} in StatefulSet {set} successful"));
    }

    fn delete(&mut self, pod: &Doc) {
        if pod.is_terminating() {
            return;
        }
        delete(self.draft, &pod.key, None, None);
        let message = format!("delete Pod {} in StatefulSet {} successful", pod.key.name, self.doc.key.name);
        Voice { about: &self.doc.key, component: "statefulset-controller" }.say(self.draft, "SuccessfulDelete", message);
    }

    /// Writes the status, drops revisions that are no longer of use, and wakes when a ready pod becomes available.
    fn write_status(&mut self) {
        let pods = self.pods();
        let count = |test: &dyn Fn(&Doc) -> bool| pods.values().filter(|pod| test(pod)).count() as i32;
        let of = |revision: &Doc, pod: &Doc| !pod.is_terminating() && pod.meta.labels.get(REVISION_LABEL) == Some(&revision.key.name);
        let mut status = StatefulSetStatus {
            observed_generation: self.doc.meta.generation,
            replicas: pods.len() as i32,
            ready_replicas: count(&is_ready),
            available_replicas: count(&|pod| self.is_available(pod)),
            current_replicas: count(&|pod| of(&self.current, pod)),
            updated_replicas: count(&|pod| of(&self.update, pod)),
            current_revision: self.current.key.name.clone(),
            update_revision: self.update.key.name.clone(),
            rest: self.set.status.rest.clone(),
        };
        status.rest.entry("collisionCount").or_insert(0.into());
        let all = self.range.len() as i32;
        let rolls = self.set.spec.update_strategy.kind != "OnDelete";
        if rolls && status.updated_replicas == all && status.ready_replicas == all && status.replicas == all {
            status.current_revision = status.update_revision.clone();
            status.current_replicas = status.updated_replicas;
        }
        let mut live: BTreeSet<Name> = pods.values().filter_map(|pod| pod.meta.labels.get(REVISION_LABEL).cloned()).collect();
        live.extend([status.current_revision.clone(), status.update_revision.clone()]);
        if status != self.set.status {
            self.draft.update(&self.doc.key, |doc| doc.as_stateful_set_mut().expect("it was one").status = status);
        }
        revision::truncate(self.draft, self.doc, &self.set.spec.rest, &live);
        let (least, now) = (self.least_ready_seconds(), self.draft.now);
        if let Some(at) = next_available(pods.values().map(|pod| &**pod), least, now) {
            crate::wake(self.draft, at, &self.doc.key);
        }
    }
}

fn is_running(pod: &Doc) -> bool {
    pod.as_pod().is_some_and(|pod| pod.status.phase == Phase::Running)
}

fn is_ready(pod: &Doc) -> bool {
    is_running(pod) && pod.as_pod().is_some_and(|pod| pod.status.is_ready())
}

fn is_healthy(pod: &Doc) -> bool {
    is_ready(pod) && !pod.is_terminating()
}
