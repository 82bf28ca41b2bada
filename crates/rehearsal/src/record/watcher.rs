//! Follows every cell of a run and keeps its record.
//!
//! Events are taken in the order of the cells' revisions. Rows of pools are written once an instant is over: what only holds between two
//! writes of one instant, no one sees.

use super::budgets::Budgets;
use super::decisions::Decisions;
use super::pods::Pods;
use super::pools::Pools;
use super::{OperationRow, PoolRow, Record};
use nodelane_control::Event;
use nodelane_model::operation::{Outcome, Progress};
use nodelane_model::{Doc, Kind, Name, Operation, Report, Time, Uid};
use nodelane_world::World;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

struct Cluster {
    name: Name,
    pools: Pools,
    budgets: Budgets,
}

/// Keeps the record of a run.
pub struct Recorder {
    start: Time,
    clusters: Vec<Cluster>,
    timeline: Vec<PoolRow>,
    pods: Pods,
    decisions: Decisions,
    operations: Vec<OperationRow>,
    by_id: BTreeMap<(usize, Uid), usize>,
    /// Operations that were over before the run.
    over: BTreeSet<(usize, Uid)>,
    changes: u64,
}

impl Recorder {
    /// Begins with worlds as they are.
    pub fn new<'a>(start: Time, worlds: impl IntoIterator<Item = (Name, &'a World)>) -> Recorder {
        let mut recorder = Recorder {
            start,
            clusters: Vec::new(),
            timeline: Vec::new(),
            pods: Pods::default(),
            decisions: Decisions::default(),
            operations: Vec::new(),
            by_id: BTreeMap::new(),
            over: BTreeSet::new(),
            changes: 0,
        };
        for (at, (name, world)) in worlds.into_iter().enumerate() {
            let region = world.cluster().map(|cluster| cluster.spec.location.clone()).unwrap_or_default();
            let pools = Pools::new(name.clone(), region);
            recorder.clusters.push(Cluster { name, pools, budgets: Budgets::default() });
            recorder.begin(at, world);
        }
        recorder.flush(start);
        recorder
    }
    fn begin(&mut self, cluster: usize, world: &World) {
        let docs = [Kind::NodePool, Kind::Cluster].into_iter().flat_map(|kind| world.list(kind, None));
        self.over.extend(
            docs.flat_map(|doc| operations_of(doc)).filter(|operation| operation.ended.is_some()).map(|operation| (cluster, operation.id)),
        );
        let kinds = [
            Kind::Cluster,
            Kind::NodePool,
            Kind::Node,
            Kind::Machine,
            Kind::Deployment,
            Kind::ReplicaSet,
            Kind::StatefulSet,
            Kind::PodDisruptionBudget,
            Kind::Pod,
        ];
        for doc in kinds.into_iter().flat_map(|kind| world.list(kind, None)) {
            self.follow(cluster, self.start, None, Some(doc), world);
        }
        self.decisions.rows.clear();
    }
    /// Takes up what became durable in a cell, and what its planners declined.
    pub fn take(&mut self, cluster: usize, events: Vec<(Time, Event)>, reports: Vec<(Time, Report)>, world: &World) {
        self.changes += events.len() as u64;
        for (at, event) in &events {
            self.follow(cluster, *at, event.old.as_ref(), event.new.as_ref(), world);
        }
        let name = self.clusters[cluster].name.clone();
        for (at, report) in &reports {
            let workload =
                world.get(&report.subject).filter(|doc| doc.as_pod().is_some()).and_then(|doc| self.pods.workload(cluster, doc, world));
            self.decisions.report(*at, &name, report, workload.map(|(_, name)| name));
        }
    }
    /// Something that the scenario did, or was refused.
    pub fn deed(&mut self, at: Time, cluster: usize, planner: &str, action: &str, subject: &str, reason: &str) {
        let cluster = &self.clusters[cluster].name;
        let subject = if subject.is_empty() { cluster.to_string() } else { format!("{cluster}/{subject}") };
        self.decisions.add(at, planner, subject, action, reason);
    }
    /// An instant is over.
    pub fn flush(&mut self, at: Time) {
        for cluster in &mut self.clusters {
            cluster.pools.rows(at, &mut self.timeline);
        }
    }
    /// The record, without assertions.
    pub fn finish(self, seed: u64, until: Time) -> Record {
        Record {
            seed,
            start: self.start,
            until,
            timeline: self.timeline,
            pods: self.pods.rows,
            operations: self.operations,
            decisions: self.decisions.rows,
            asserts: Vec::new(),
            changes: self.changes,
        }
    }

    fn follow(&mut self, cluster: usize, at: Time, old: Option<&Arc<Doc>>, new: Option<&Arc<Doc>>, world: &World) {
        let Some(doc) = new.or(old) else { return };
        let (before, after) = (old.map(|doc| &**doc), new.map(|doc| &**doc));
        let Cluster { name, pools, budgets } = &mut self.clusters[cluster];
        match doc.key.kind {
            Kind::Pod => {
                self.pods.pod(cluster, at, old, new, world);
                if budgets.watches(&doc.key.namespace) {
                    let workload = self.pods.workload(cluster, doc, world);
                    for violation in budgets.pod(before, after, workload) {
                        let subject = format!("{name}/{}/{}", violation.budget.namespace, violation.budget.name);
                        let (pod, left, needed) = (&doc.key.name, violation.left, violation.needed);
                        let reason = format!("pod {pod} was taken: {left} Ready pods are left, {needed} are needed");
                        self.decisions.add(at, "budget", subject, "violate", reason);
                    }
                }
            }
            Kind::Node => pools.node(before, after),
            Kind::Machine => {
                pools.machine(before, after);
                if let Some(after) = after {
                    budgets.machine(after);
                }
                let pool = doc.as_machine().and_then(|machine| world.pool(&machine.pool)).map(|(_, pool)| pool);
                self.decisions.machine(at, name, before, after, pool);
            }
            Kind::NodePool => {
                pools.pool(doc);
                self.operations(cluster, at, old, new);
            }
            Kind::Cluster => self.operations(cluster, at, old, new),
            Kind::Deployment | Kind::ReplicaSet | Kind::StatefulSet => budgets.scale(doc),
            Kind::PodDisruptionBudget => {
                let pods = world.list(Kind::Pod, Some(&doc.key.namespace));
                let of_pods = &mut self.pods;
                budgets.budget(&doc.key, after, pods.map(|pod| (&**pod, of_pods.workload(cluster, pod, world))));
            }
            Kind::Event if before.is_none() => {
                let workload = doc.as_event().map(|event| &event.involved_object).filter(|about| about.kind == "Pod").and_then(|about| {
                    let pod = world.by_uid(Uid::parse(&about.uid)?)?;
                    Some(self.pods.workload(cluster, pod, world)?.1)
                });
                self.decisions.event(at, name, doc, workload);
            }
            _ => {}
        }
    }

    /// The operations of a pool or of the cluster, as they are now.
    fn operations(&mut self, cluster: usize, at: Time, old: Option<&Arc<Doc>>, new: Option<&Arc<Doc>>) {
        let Some(doc) = new.or(old) else { return };
        let pool = doc.as_pool().map(|_| doc.key.name.clone());
        for operation in operations_of(doc) {
            if self.over.contains(&(cluster, operation.id)) {
                continue;
            }
            let row = *self.by_id.entry((cluster, operation.id)).or_insert_with(|| {
                self.operations.push(OperationRow {
                    cluster: self.clusters[cluster].name.clone(),
                    pool: pool.clone(),
                    kind: kind_of(operation.progress),
                    start: operation.started,
                    end: None,
                    outcome: None,
                });
                self.operations.len() - 1
            });
            let row = &mut self.operations[row];
            if let (Some(ended), None) = (&operation.ended, row.end) {
                row.end = Some(ended.at);
                row.outcome = Some(match ended.outcome {
                    Outcome::Succeeded => "Succeeded",
                    Outcome::Failed => "Failed",
                    Outcome::Canceled => "Canceled",
                });
            } else if new.is_none() && row.end.is_none() {
                (row.end, row.outcome) = (Some(at), Some("Succeeded")); // A deletion ends with its document.
            }
        }
    }
}

fn operations_of(doc: &Doc) -> impl Iterator<Item = &Operation> {
    let pool = doc.as_pool().map(|pool| &pool.state).into_iter();
    let cluster = doc.as_cluster().map(|cluster| &cluster.state).into_iter();
    let of_pool = pool.flat_map(|state| state.history.iter().chain(&state.operation).chain(&state.successor));
    of_pool.chain(cluster.flat_map(|state| state.history.iter().chain(&state.operation)))
}

/// The word for an operation; an upgrade of the image alone is an upgrade too.
pub(super) fn kind_of(progress: Progress) -> &'static str {
    use nodelane_model::operation::ClusterPhase;
    match progress {
        Progress::Create(_) | Progress::Cluster(ClusterPhase::Creating) => "create",
        Progress::Update(_) | Progress::Cluster(ClusterPhase::Updating) => "update",
        Progress::Scale(_) => "scale",
        Progress::Upgrade(_) | Progress::Cluster(ClusterPhase::Upgrading) => "upgrade",
        Progress::Stop(_) | Progress::Cluster(ClusterPhase::Stopping) => "stop",
        Progress::Start(_) | Progress::Cluster(ClusterPhase::Starting) => "start",
        Progress::Delete(_) | Progress::Cluster(ClusterPhase::Deleting) => "delete",
        Progress::DeleteMachines(_) => "delete-machines",
    }
}
