//! A cluster in a test: documents from JSON, plans until nothing is left, and a kubelet that does as it is told.
//!
//! Whenever it comes to rest it rebuilds the world and plans again: a write then is work that the worklists had missed.
//! Time stands still but for what a test adds.
#![allow(dead_code)] // Each test file uses its own part.

use nodelane_model::pod::{Condition, ContainerState, ContainerStatus, Phase, Terminated};
use nodelane_model::{Doc, Key, Kind, Name, Time, codec};
use nodelane_workload::{delete, plan};
use nodelane_world::{Draft, List, World};
use serde_json::{Value, json};
use std::sync::Arc;

pub const START: Time = Time(1_767_225_600_000); // 2026-01-01T00:00:00Z
const NS: &str = "x";

pub struct Bench {
    pub draft: Draft,
    /// Looked at after every plan.
    pub watch: Option<fn(&Bench)>,
}

impl Bench {
    pub fn new() -> Bench {
        Bench { draft: Draft::new(World::new(7), START), watch: None }
    }
    pub fn with_nodes(count: usize) -> Bench {
        let mut bench = Bench::new();
        (0..count).for_each(|n| bench.node(&format!("n{n}"), json!({})));
        bench
    }
    /// Creates or replaces a document; a new specification is a new generation.
    pub fn apply(&mut self, kind: Kind, json: Value) -> Key {
        let mut doc = codec::from_value(kind, &json).unwrap();
        if doc.key.namespace.is_empty() && !matches!(kind, Kind::Node | Kind::Namespace | Kind::PersistentVolume | Kind::StorageClass) {
            doc.key.namespace = NS.into();
        }
        let key = doc.key.clone();
        match self.draft.world.get(&key).cloned() {
            Some(old) => {
                doc.meta.uid = old.meta.uid;
                doc.meta.created = old.meta.created;
                doc.meta.generation = old.meta.generation + 1;
                let mut notes = (*old.meta.annotations).clone();
                notes.extend(doc.meta.annotations.iter().map(|(k, v)| (k.clone(), v.clone())));
                doc.meta.annotations = notes.into();
                keep_status(&mut doc, &old);
                self.draft.put(doc);
            }
            None => {
                doc.meta.generation = 1;
                doc.meta.uid = self.draft.uid();
                nodelane_workload::complete_job(&mut doc);
                if matches!(kind, Kind::PersistentVolume | Kind::PersistentVolumeClaim) {
                    nodelane_workload::complete_storage(&self.draft.world, &mut doc);
                }
                self.draft.create(key.clone(), doc.meta, doc.body);
            }
        }
        key
    }
    pub fn node(&mut self, name: &str, spec: Value) {
        let labels = json!({"kubernetes.io/hostname": name});
        let status =
            json!({"conditions": [{"type": "Ready", "status": "True"}], "allocatable": {"cpu": "8", "memory": "16Gi", "pods": "110"}});
        self.apply(Kind::Node, json!({"metadata": {"name": name, "labels": labels}, "spec": spec, "status": status}));
    }
    pub fn get(&self, key: &Key) -> Arc<Doc> {
        self.draft.world.get(key).unwrap_or_else(|| panic!("{key} is gone")).clone()
    }
    pub fn json(&self, key: &Key) -> Value {
        codec::to_value(&self.get(key))
    }
    pub fn list(&self, kind: Kind) -> Vec<Arc<Doc>> {
        self.draft.world.list(kind, None).cloned().collect()
    }
    pub fn names(&self, kind: Kind) -> Vec<Name> {
        self.list(kind).iter().map(|doc| doc.key.name.clone()).collect()
    }
    pub fn pods(&self) -> Vec<Arc<Doc>> {
        self.list(Kind::Pod)
    }
    pub fn live_pods(&self) -> Vec<Arc<Doc>> {
        self.pods().into_iter().filter(|pod| !pod.is_terminating()).collect()
    }
    pub fn pass(&mut self, seconds: i64) {
        self.draft.now = self.draft.now.plus(seconds * 1000);
        self.settle();
    }
    fn is_idle(&self) -> bool {
        let work = &self.draft.world.work;
        work.list(List::Owners).is_empty() && work.list(List::Doomed).is_empty()
    }
    /// Plans until nothing is left to do.
    pub fn settle(&mut self) {
        for _ in 0..500 {
            self.draft.world.work.ring(self.draft.now);
            if self.is_idle() {
                return self.assert_complete();
            }
            self.step(10_000);
        }
        panic!("not at rest after 500 turns: {:?}", self.draft.world.work);
    }
    pub fn step(&mut self, units: usize) -> usize {
        let spent = plan(&mut self.draft, units);
        if let Some(watch) = self.watch {
            watch(self);
        }
        spent
    }
    /// At rest every reconciler over every subject changes nothing: the worklists had all that there was to do.
    pub fn assert_complete(&self) {
        let docs: Vec<Arc<Doc>> = self.draft.world.list_from(std::ops::Bound::Unbounded).cloned().collect();
        let world = World::rebuild(7, self.draft.world.revision, docs);
        let mut draft = Draft::new(world, self.draft.now);
        while !draft.world.work.list(List::Owners).is_empty() || !draft.world.work.list(List::Doomed).is_empty() {
            plan(&mut draft, 10_000);
            // An event is said again by whoever is asked again; that is no change of the state.
            let state = draft.writes.iter().filter(|write| write.key.kind != Kind::Event);
            let written: Vec<String> = state.map(describe).collect();
            assert!(written.is_empty(), "the worklists missed: {written:#?}");
        }
    }

    /// Binds every unbound pod: to the node that it is tied to, or round robin.
    pub fn bind_all(&mut self) {
        let nodes: Vec<Name> = self.draft.world.nodes().map(|(name, _)| name.clone()).collect();
        let unbound: Vec<Arc<Doc>> =
            self.live_pods().into_iter().filter(|doc| doc.as_pod().is_some_and(|pod| pod.node.is_none())).collect();
        for (n, doc) in unbound.iter().enumerate() {
            let tied = codec::to_value(doc)["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
                ["nodeSelectorTerms"][0]["matchFields"][0]["values"][0]
                .as_str()
                .map(Name::new);
            let node = tied.unwrap_or_else(|| nodes[n % nodes.len()].clone());
            self.draft.update(&doc.key, |doc| doc.as_pod_mut().unwrap().node = Some(node));
        }
    }
    pub fn make_ready(&mut self, key: &Key) {
        let now = self.draft.now;
        self.draft.update(key, |doc| {
            let revision = doc.revision;
            let pod = doc.as_pod_mut().unwrap();
            pod.status.phase = Phase::Running;
            if pod.status.pod_ip.is_empty() {
                pod.status.pod_ip = format!("100.64.{}.{}", revision / 250 % 250, revision % 250).into();
            }
            pod.status.conditions.retain(|condition| condition.kind != "Ready");
            pod.status.conditions.push(Condition::new("Ready", true, now));
        });
    }
    /// The kubelets: bound pods become ready, terminating ones go.
    pub fn kubelet(&mut self) {
        self.bind_all();
        for doc in self.pods() {
            let pod = doc.as_pod().unwrap();
            if doc.is_terminating() {
                delete(&mut self.draft, &doc.key, Some(0), None);
            } else if pod.node.is_some() && !pod.status.is_terminal() && !pod.status.is_ready() {
                self.make_ready(&doc.key);
            }
        }
    }
    /// Ends a pod well or badly.
    pub fn end(&mut self, key: &Key, well: bool) {
        let now = self.draft.now;
        self.draft.update(key, |doc| {
            let pod = doc.as_pod_mut().unwrap();
            pod.status.phase = if well { Phase::Succeeded } else { Phase::Failed };
            pod.status.conditions = vec![Condition::new("Ready", false, now)];
            let terminated = Terminated { finished_at: now, ..Terminated::default() };
            let state = ContainerState { terminated: Some(terminated), ..ContainerState::default() };
            pod.status.container_statuses = vec![ContainerStatus { state, ..ContainerStatus::default() }];
        });
    }
    /// Plans and kubelets until nothing changes.
    pub fn run(&mut self) {
        for _ in 0..200 {
            self.settle();
            let before = self.draft.world.revision;
            self.draft.now = self.draft.now.plus(1000);
            self.kubelet();
            self.settle();
            if self.draft.world.revision == before {
                return;
            }
        }
        panic!("not at rest after 200 rounds");
    }
    /// Reasons and messages of the events about an object, in order of writing.
    pub fn events(&self, kind: Kind) -> Vec<(Name, Name)> {
        let mut docs: Vec<Arc<Doc>> =
            self.list(Kind::Event).into_iter().filter(|doc| doc.as_event().unwrap().involved_object.kind == kind.as_str()).collect();
        docs.sort_by_key(|doc| doc.revision);
        docs.iter().map(|doc| (doc.as_event().unwrap().reason.clone(), doc.as_event().unwrap().message.clone())).collect()
    }
    pub fn condition(&self, key: &Key, kind: &str) -> Value {
        let doc = self.json(key);
        let all = doc["status"]["conditions"].as_array().cloned().unwrap_or_default();
        all.into_iter().find(|condition| condition["type"] == kind).unwrap_or(Value::Null)
    }
}

fn describe(write: &nodelane_world::Write) -> String {
    let show = |doc: &Option<Arc<Doc>>| doc.as_ref().map_or("nothing".into(), |doc| codec::to_value(doc).to_string());
    format!("{}: {} -> {}", write.key, show(&write.old), show(&write.new))
}

fn keep_status(doc: &mut Doc, old: &Doc) {
    if let (Some(new), Some(old)) = (doc.as_deployment_mut(), old.as_deployment()) {
        new.status = old.status.clone();
    }
    if let (Some(new), Some(old)) = (doc.as_replica_set_mut(), old.as_replica_set()) {
        new.status = old.status.clone();
    }
    if let (Some(new), Some(old)) = (doc.as_stateful_set_mut(), old.as_stateful_set()) {
        new.status = old.status.clone();
    }
    if let (Some(new), Some(old)) = (doc.as_daemon_set_mut(), old.as_daemon_set()) {
        new.status = old.status.clone();
    }
    if let (Some(new), Some(old)) = (doc.as_job_mut(), old.as_job()) {
        new.status = old.status.clone();
        new.spec.selector = old.spec.selector.clone();
        new.spec.template = old.spec.template.clone();
    }
    if let (Some(new), Some(old)) = (doc.as_cron_job_mut(), old.as_cron_job()) {
        new.status = old.status.clone();
    }
    if let (Some(new), Some(old)) = (doc.as_budget_mut(), old.as_budget()) {
        new.status = old.status.clone();
    }
}

/// A pod template of an app with an image.
pub fn template(image: &str) -> Value {
    json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": image}], "terminationGracePeriodSeconds": 30}})
}

/// A workload `web` with a selector for its template and further fields of the specification.
pub fn workload(image: &str, more: Value) -> Value {
    let mut spec = json!({"selector": {"matchLabels": {"app": "web"}}, "template": template(image)});
    for (field, value) in more.as_object().unwrap() {
        spec[field] = value.clone();
    }
    json!({"metadata": {"name": "web"}, "spec": spec})
}
