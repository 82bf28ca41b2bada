//! What users of a storm ask for, computed as a server computes it: from the world that is published, which may have moved on.
//!
//! Clients remember an eTag and a revision of each pool, to use them once too often. Not here: when what is asked (`draw`).

use super::objects;
use super::script::{How, Put, Script, What};
use crate::invariants::Asked;
use nodelane_model::budget::IntOrPercent;
use nodelane_model::change::{EtagConditions, Propagation};
use nodelane_model::hash::Hash;
use nodelane_model::pool::{Mode, PoolSpec, Power, etag};
use nodelane_model::{Change, Doc, Key, Kind, Name, Time};
use nodelane_world::World;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A request on its way.
#[derive(Clone, Debug)]
pub(super) struct Request {
    /// What is asked.
    pub change: Change,
    /// What its answer is judged by.
    pub asked: Asked,
    /// The client's id of it.
    pub client_id: Name,
    /// What it is called in the table.
    pub verb: &'static str,
}

/// What clients remember.
#[derive(Default)]
pub(super) struct Client {
    numbered: u64,
    /// The eTag of a pool that was last named in a request.
    etags: BTreeMap<Name, Name>,
    /// Revisions of pools that were seen before.
    seen: BTreeMap<Name, u64>,
}

fn pick<T>(of: &[T], number: u32) -> Option<&T> {
    of.get(number as usize % of.len().max(1))
}

fn nodes(world: &World) -> Vec<&Arc<Doc>> {
    world.list(Kind::Node, None).collect()
}

impl Client {
    fn request(&mut self, verb: &'static str, change: Change) -> Request {
        self.numbered += 1;
        Request { change, asked: Asked::default(), client_id: format!("r{}", self.numbered).into(), verb }
    }
    fn one(&mut self, verb: &'static str, change: Change) -> Vec<Request> {
        vec![self.request(verb, change)]
    }
    /// The requests of a step; those of one step are sent at once.
    pub fn requests(&mut self, script: &Script, world: &World, what: &What, now: Time) -> Vec<Request> {
        let lane = |index: usize| Name::from(script.lanes.get(index).map_or("none", |lane| lane.name.as_str()));
        match what {
            What::Put(index, put, how) => self.put(script, world, lane(*index), put, *how),
            What::Add(index) => match script.lanes.get(*index) {
                Some(lane) if world.pool(&lane.name).is_none() => {
                    let change = put_pool(lane.name.clone().into(), objects::pool(lane), None, EtagConditions::default());
                    self.one("add", change)
                }
                _ => Vec::new(),
            },
            What::Image(index) => self.one("upgrade image", Change::UpgradePoolImage { name: lane(*index) }),
            What::Delete(index, ignore_budgets) => {
                let (name, ignore_budgets) = (lane(*index), *ignore_budgets);
                self.one("delete", Change::DeletePool { name, ignore_budgets, etag: EtagConditions::default() })
            }
            What::Abort(index) => self.one("abort", Change::AbortPool { name: lane(*index) }),
            What::Machines(index, from, count) => {
                let name = lane(*index);
                let all: Vec<Name> = world.machines_of(&name).map(|(doc, _)| doc.key.name.clone()).collect();
                let machines: Vec<Name> = (0..*count).filter_map(|more| pick(&all, from + more)).cloned().collect();
                self.one("delete machines", Change::DeleteMachines { name, machines })
            }
            What::StopCluster => self.one("stop cluster", Change::StopCluster),
            What::StartCluster => self.one("start cluster", Change::StartCluster),
            What::UpgradeCluster(with_pools) => self.cluster(world, Some(*with_pools), 0),
            What::TagCluster(tag) => self.cluster(world, None, *tag),
            What::Fault(kind, lane, count, rate, minutes) => {
                let until = now.plus(i64::from(*minutes) * 60_000).to_string();
                let mut spec = json!({"kind": kind, "rate": rate, "until": until});
                if let Some(lane) = lane.and_then(|lane| script.lanes.get(lane)) {
                    spec["pool"] = lane.name.clone().into();
                }
                if *count > 0 {
                    spec["count"] = (*count).into();
                }
                // The count also says which zone, which event, and what heals a silence.
                let one = |of: [&str; 4]| of[(count % 4) as usize].to_owned();
                match kind.as_str() {
                    "zone-out" => spec["zone"] = (1 + count % 3).to_string().into(),
                    "scheduled-event" => spec["event"] = one(["Freeze", "Reboot", "Redeploy", "Terminate"]).into(),
                    "not-ready" => spec["healsBy"] = one(["none", "reboot", "reimage", "redeploy"]).into(),
                    _ => {}
                }
                self.numbered += 1;
                let doc = objects::fault(&format!("f{}", self.numbered), spec);
                self.one("fault", Change::Create(Arc::new(doc)))
            }
            What::Clear => world.list(Kind::Fault, None).map(|doc| self.request("clear", delete(&doc.key))).collect(),
            other => self.object(script, world, other),
        }
    }

    /// Requests about Kubernetes objects.
    fn object(&mut self, script: &Script, world: &World, what: &What) -> Vec<Request> {
        match what {
            What::Cordon(number) => pick(&nodes(world), *number).map(|node| self.cordon(node, true)).into_iter().collect(),
            What::Uncordon(number) => {
                let cordoned: Vec<&Arc<Doc>> = nodes(world).into_iter().filter(|doc| is_cordoned(doc)).collect();
                pick(&cordoned, *number).map(|node| self.cordon(node, false)).into_iter().collect()
            }
            What::Evict(number) => {
                let pods: Vec<&Arc<Doc>> = world.list(Kind::Pod, None).collect();
                pick(&pods, *number).map(|pod| self.evict(&pod.key)).into_iter().collect()
            }
            What::DeletePod(number) => {
                let pods: Vec<&Arc<Doc>> = world.list(Kind::Pod, None).collect();
                pick(&pods, *number).map(|pod| self.request("delete pod", delete(&pod.key))).into_iter().collect()
            }
            What::Budget(app, text) => {
                let Some(app) = script.apps.get(*app) else { return Vec::new() };
                let key = Key::new(Kind::PodDisruptionBudget, "default", app.name.clone());
                match (world.get(&key), text.is_empty()) {
                    (None, true) => Vec::new(),
                    (None, false) => self.one("budget", Change::Create(Arc::new(objects::budget(app, &app.name, text)))),
                    (Some(_), true) => self.one("budget", delete(&key)),
                    (Some(old), false) => vec![self.replace("budget", old, |doc| {
                        doc.meta.generation += 1;
                        if let Some(budget) = doc.as_budget_mut() {
                            objects::bound(&mut budget.spec, text);
                        }
                    })],
                }
            }
            What::Twin(app) => {
                let Some(app) = script.apps.get(*app) else { return Vec::new() };
                let name = format!("{}-twin", app.name);
                let key = Key::new(Kind::PodDisruptionBudget, "default", name.clone());
                let twin = || Change::Create(Arc::new(objects::budget(app, &name, "max 1")));
                self.one("budget", if world.get(&key).is_none() { twin() } else { delete(&key) })
            }
            What::Scale(app, replicas) => self.edit_app(script, world, "scale app", *app, |doc| {
                let replicas = Some(*replicas as i32);
                if let Some(body) = doc.as_deployment_mut() {
                    body.spec.replicas = replicas;
                }
                if let Some(body) = doc.as_stateful_set_mut() {
                    body.spec.replicas = replicas.map(|count| count.min(4));
                }
            }),
            What::Rollout(app) => self.edit_app(script, world, "roll out", *app, |doc| {
                let number = doc.meta.generation;
                let stamp = |annotations: &mut nodelane_model::Labels| {
                    Arc::make_mut(annotations).insert("stamp".into(), number.to_string().into());
                };
                if let Some(body) = doc.as_deployment_mut() {
                    stamp(&mut body.spec.template.annotations);
                }
                if let Some(body) = doc.as_stateful_set_mut() {
                    stamp(&mut body.spec.template.annotations);
                }
            }),
            What::Remove(app) => {
                let key = script.apps.get(*app).map(objects::key).filter(|key| world.get(key).is_some());
                key.map(|key| self.request("remove app", delete(&key))).into_iter().collect()
            }
            What::Create(app) => {
                let Some(app) = script.apps.get(*app).filter(|app| world.get(&objects::key(app)).is_none()) else { return Vec::new() };
                objects::app(app, &script.lanes).into_iter().map(|doc| self.request("create app", Change::Create(Arc::new(doc)))).collect()
            }
            _ => Vec::new(),
        }
    }

    fn edit_app(&mut self, script: &Script, world: &World, verb: &'static str, app: usize, change: impl FnOnce(&mut Doc)) -> Vec<Request> {
        let Some(old) = script.apps.get(app).and_then(|app| world.get(&objects::key(app))) else { return Vec::new() };
        if !matches!(old.key.kind, Kind::Deployment | Kind::StatefulSet) {
            return Vec::new();
        }
        vec![self.replace(verb, old, |doc| {
            doc.meta.generation += 1;
            change(doc);
        })]
    }
    fn replace(&mut self, verb: &'static str, old: &Arc<Doc>, change: impl FnOnce(&mut Doc)) -> Request {
        let mut doc = (**old).clone();
        change(&mut doc);
        let mut request = self.request(verb, Change::Replace { base: old.revision, doc: Arc::new(doc) });
        request.asked.base = Some(old.revision);
        request
    }
    /// A node is cordoned or uncordoned.
    pub fn cordon(&mut self, node: &Arc<Doc>, unschedulable: bool) -> Request {
        self.replace(if unschedulable { "cordon" } else { "uncordon" }, node, |doc| {
            if let Some(node) = doc.as_node_mut() {
                node.spec.unschedulable = unschedulable;
            }
        })
    }
    /// A pod is asked to go.
    pub fn evict(&mut self, pod: &Key) -> Request {
        self.request("evict", Change::Evict { pod: pod.clone(), grace_seconds: None, dry_run: false })
    }
    /// A document is to go.
    pub fn remove(&mut self, verb: &'static str, key: &Key) -> Request {
        self.request(verb, delete(key))
    }

    /// A PUT of a pool as it is, changed.
    fn put(&mut self, script: &Script, world: &World, name: Name, put: &Put, how: How) -> Vec<Request> {
        let Some((doc, pool)) = world.pool(&name) else { return Vec::new() };
        let mut spec = pool.spec.clone();
        change(script, world, &name, &mut spec, put, pool.state.version.as_str());
        let current = etag(doc.meta.uid, pool.state.etag);
        let named = match how {
            How::Match | How::Race => Some(current.clone()),
            How::OldMatch => self.etags.get(&name).cloned(),
            How::Plain | How::Stale | How::Twice => None,
        };
        let base = if how == How::Stale { self.seen.get(&name).copied().unwrap_or(doc.revision) } else { doc.revision };
        let send = |client: &mut Client, spec: PoolSpec| {
            let conditions = EtagConditions { if_match: named.clone(), if_none_match: false };
            let mut request = client.request("put", put_pool(name.clone(), spec, Some(base), conditions));
            request.asked = Asked { base: Some(base), if_match: named.clone(), is_put: true, repeat_of: None };
            request
        };
        let mut all = vec![send(self, spec.clone())];
        match how {
            How::Twice => all.push(all[0].clone()),
            How::Race => {
                spec.count += 1;
                all.push(send(self, spec));
            }
            How::Plain | How::Match | How::OldMatch | How::Stale => {}
        }
        self.etags.insert(name.clone(), current);
        self.seen.insert(name, doc.revision);
        all
    }

    /// The cluster's tags change, or its version, alone or with its pools.
    fn cluster(&mut self, world: &World, upgrade: Option<bool>, tag: u32) -> Vec<Request> {
        let key = Key::global(Kind::Cluster, nodelane_model::cluster::CLUSTER);
        let Some((doc, cluster)) = world.get(&key).and_then(|doc| Some((doc, doc.as_cluster()?))) else { return Vec::new() };
        let mut spec = cluster.spec.clone();
        let mut pools = Vec::new();
        match upgrade {
            Some(with_pools) => {
                let version = next_minor(&cluster.state.version);
                spec.kubernetes_version = version.clone();
                if with_pools {
                    pools = world
                        .pools()
                        .map(|(doc, pool)| (doc.key.name.clone(), PoolSpec { orchestrator_version: version.clone(), ..pool.spec.clone() }))
                        .collect();
                }
            }
            None => drop(spec.tags.insert("storm".into(), tag.to_string().into())),
        }
        let change = Change::PutCluster { spec: Box::new(spec), pools, base: Some(doc.revision), etag: EtagConditions::default() };
        let verb = if upgrade.is_some() { "upgrade cluster" } else { "put cluster" };
        let mut request = self.request(verb, change);
        request.asked.base = Some(doc.revision);
        vec![request]
    }
    /// The PUT that resumes a pool, with its machines running.
    pub fn resume(&mut self, world: &World, name: &Name) -> Option<Request> {
        let (doc, pool) = world.pool(name)?;
        let spec = PoolSpec { power: Power::Running, ..pool.spec.clone() };
        Some(self.request("put", put_pool(name.clone(), spec, Some(doc.revision), EtagConditions::default())))
    }
    /// The deletion that resumes a deletion.
    pub fn delete_again(&mut self, name: &Name) -> Request {
        self.request("delete", Change::DeletePool { name: name.clone(), ignore_budgets: true, etag: EtagConditions::default() })
    }
}

/// Whether a node is cordoned.
pub(super) fn is_cordoned(doc: &Doc) -> bool {
    doc.as_node().is_some_and(|node| node.spec.unschedulable)
}

fn delete(key: &Key) -> Change {
    Change::Delete { key: key.clone(), uid: None, base: None, grace_seconds: None, propagation: Propagation::Background }
}

fn put_pool(name: Name, spec: PoolSpec, base: Option<u64>, etag: EtagConditions) -> Change {
    let request_hash = Hash::new(3).text(&format!("{spec:?}{etag:?}")).get();
    Change::PutPool { name, spec: Box::new(spec), base, etag, request_hash }
}

/// `1.35` for `1.34.7`.
fn next_minor(version: &str) -> Name {
    let minor: u32 = version.split('.').nth(1).and_then(|minor| minor.parse().ok()).unwrap_or(0);
    format!("1.{}", minor + 1).into()
}

fn change(script: &Script, world: &World, name: &str, spec: &mut PoolSpec, put: &Put, version: &str) {
    match put {
        Put::Same => {}
        Put::Count(count) => spec.count = *count,
        Put::Version => {
            let control_plane = world.cluster().map(|cluster| cluster.state.version.clone()).unwrap_or_default();
            let next = next_minor(version);
            let minor = |text: &str| text.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok()).unwrap_or(0);
            spec.orchestrator_version = if minor(&next) <= minor(&control_plane) { next } else { control_plane };
        }
        Put::Label(0) => drop(spec.node_labels.remove("lane")),
        Put::Label(number) => drop(spec.node_labels.insert("lane".into(), format!("l{number}").into())),
        Put::Taint(on) => {
            let taint = objects::taint(name);
            spec.node_taints.retain(|other| *other != taint);
            if *on {
                spec.node_taints.push(taint);
            }
        }
        Put::Settings(lane) => {
            if let Some(lane) = script.lanes.get(*lane) {
                objects::settings(spec, lane);
            }
        }
        Put::Stop => spec.power = Power::Stopped,
        Put::Start => spec.power = Power::Running,
        Put::Scaled(least, most) => (spec.enable_auto_scaling, spec.min_count, spec.max_count) = (true, Some(*least), Some(*most)),
        Put::Manual => (spec.enable_auto_scaling, spec.min_count, spec.max_count) = (false, None, None),
        Put::System(on) => spec.mode = if *on { Mode::System } else { Mode::User },
    }
    if spec.mode == Mode::System {
        spec.upgrade_settings.max_unavailable = None;
        spec.upgrade_settings.max_surge = spec.upgrade_settings.max_surge.clone().filter(|surge| *surge != IntOrPercent::Int(0));
    }
}
