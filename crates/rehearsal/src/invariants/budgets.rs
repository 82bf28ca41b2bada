//! I5: no pod is evicted beyond its disruption budget, and no node is taken with pods on it.
//!
//! What a budget allows is counted here from the pods and from the scales of their owners, as the upstream disruption controller
//! documents it; `PodDisruptionBudget.status` is never read. Ending a pod is no eviction where its owner has too many, is gone or ends
//! it itself, where a taint, preemption or a missing node drives it off, or where a user deletes it; a deletion of a pool that was asked
//! to pass over budgets is exempt (aks-semantics DL-1).

use super::{Findings, Invariant, Users, View, is};
use nodelane_control::Event;
use nodelane_model::budget::IntOrPercent;
use nodelane_model::machine::MachinePhase;
use nodelane_model::operation::{ClusterPhase, Progress};
use nodelane_model::pod::Phase;
use nodelane_model::pool::Priority;
use nodelane_model::{Budget, Doc, Kind, Pod, Time};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a budget allows, counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Slack {
    /// Pods that are Ready and not on their way out.
    pub healthy: i64,
    /// How many must be.
    pub desired: i64,
    /// Whether there are pods to count at all.
    pub expected: i64,
}

impl Slack {
    /// Evictions of healthy pods that are allowed.
    pub fn allowed(self) -> i64 {
        if self.expected > 0 { (self.healthy - self.desired).max(0) } else { 0 }
    }
}

/// Counts what a budget allows, from pods and owners.
pub fn slack(view: &View, doc: &Doc) -> Slack {
    let Some(budget) = doc.as_budget() else { return Slack::default() };
    let pods: Vec<&Arc<Doc>> = view.list_in(Kind::Pod, &doc.key.namespace).filter(|pod| covers(budget, pod)).collect();
    let healthy = pods.iter().filter(|pod| is_healthy(pod)).count() as i64;
    let share = |value: &IntOrPercent, of: i64| match *value {
        IntOrPercent::Int(count) => i64::from(count),
        IntOrPercent::Percent(percent) => (i64::from(percent) * of + 99) / 100,
    };
    let (desired, expected) = match (&budget.spec.min_available, &budget.spec.max_unavailable) {
        (Some(least @ IntOrPercent::Int(_)), _) => (share(least, 0), pods.len() as i64),
        (Some(least), _) => scales(view, &pods).map_or((i64::MAX, 1), |of| (share(least, of), of)),
        (_, Some(most)) => scales(view, &pods).map_or((i64::MAX, 1), |of| ((of - share(most, of)).max(0), of)),
        (None, None) => (0, 0),
    };
    Slack { healthy, desired, expected }
}

/// The sum of the scales of the pods' owners; `None` where one has none.
fn scales(view: &View, pods: &[&Arc<Doc>]) -> Option<i64> {
    let mut scales = BTreeMap::new();
    for pod in pods {
        let Some(owner) = owner(view, pod) else {
            if pod.meta.controller().is_some() {
                return None;
            }
            continue;
        };
        let top = owner.as_replica_set().and_then(|_| self::owner(view, owner)).unwrap_or(owner);
        scales.insert(top.meta.uid, replicas(top)?);
    }
    Some(scales.values().sum())
}

fn replicas(doc: &Doc) -> Option<i64> {
    let replicas = match doc.key.kind {
        Kind::Deployment => doc.as_deployment()?.spec.replicas,
        Kind::ReplicaSet => doc.as_replica_set()?.spec.replicas,
        Kind::StatefulSet => doc.as_stateful_set()?.spec.replicas,
        _ => return None,
    };
    Some(i64::from(replicas.unwrap_or(1)))
}

fn owner<'a>(view: &'a View, doc: &Doc) -> Option<&'a Arc<Doc>> {
    let owner = doc.meta.controller()?;
    let key = nodelane_model::Key::new(owner.known_kind()?, doc.key.namespace.clone(), owner.name.clone());
    view.get(&key).filter(|found| found.meta.uid.to_string() == owner.uid.as_str())
}

fn covers(budget: &Budget, pod: &Doc) -> bool {
    let selects = budget.spec.selector.as_ref().is_some_and(|selector| selector.matches(&pod.meta.labels));
    selects && pod.as_pod().is_some_and(|pod| !matches!(pod.status.phase, Phase::Succeeded | Phase::Failed))
}

fn is_healthy(doc: &Doc) -> bool {
    doc.meta.deleted.is_none() && doc.as_pod().is_some_and(|pod| pod.status.is_ready())
}

/// Judges a write against what was there before it.
pub(super) fn judge(findings: &mut Findings, view: &View, users: &Users, at: Time, event: &Event) {
    if let Some(what) = overspent(view, users, event) {
        findings.check(Invariant::Budget, at, what.is_none(), || what.unwrap_or_default());
    }
    if is(event, Kind::Node)
        && let (Some(node), None) = (&event.old, &event.new)
    {
        let left = taken_along(view, users, &node.key.name);
        findings.check(Invariant::Budget, at, left.is_none(), || {
            format!("node {} goes with pod {} on it", node.key.name, left.map(|pod| pod.key.to_string()).unwrap_or_default())
        });
    }
}

/// Whether a write evicts a pod, and then what is wrong with that: `None` where it is no eviction, `Some(None)` where it is within budgets.
pub fn overspent(view: &View, users: &Users, event: &Event) -> Option<Option<String>> {
    let old = event.old.as_ref().filter(|old| old.key.kind == Kind::Pod && old.meta.deleted.is_none())?;
    let pod = old.as_pod().filter(|pod| pod.status.phase == Phase::Running && pod.node.is_some())?;
    if event.new.as_ref().is_some_and(|new| new.meta.deleted.is_none()) || is_excused(view, users, old, pod, event.new.as_deref()) {
        return None;
    }
    let budgets: Vec<&Arc<Doc>> =
        view.list_in(Kind::PodDisruptionBudget, &old.key.namespace).filter(|doc| doc.as_budget().is_some_and(|b| covers(b, old))).collect();
    let [budget] = budgets[..] else {
        let two = budgets.len() > 1;
        return Some(two.then(|| format!("pod {} has {} budgets and was evicted", old.key, budgets.len())));
    };
    let slack = slack(view, budget);
    let always = budget.as_budget().is_some_and(|budget| budget.spec.unhealthy_pod_eviction_policy.as_deref() == Some("AlwaysAllow"));
    let unready = !pod.status.is_ready() && (always || slack.desired > 0 && slack.healthy >= slack.desired);
    let fits = slack.allowed() > 0 || unready;
    Some((!fits).then(|| format!("pod {} was evicted against budget {}: {slack:?}", old.key, budget.key.name)))
}

/// Whether the end of a pod is no eviction.
fn is_excused(view: &View, users: &Users, old: &Doc, pod: &Pod, new: Option<&Doc>) -> bool {
    let driven = |doc: &Doc| {
        let conditions = doc.as_pod().map(|pod| pod.status.conditions.iter()).into_iter().flatten();
        let mut reasons = conditions.filter(|c| c.kind == "DisruptionTarget" && c.status == "True").map(|c| c.reason.as_str());
        reasons.any(|reason| matches!(reason, "DeletionByTaintManager" | "PreemptionByScheduler" | "DeletionByPodGC"))
    };
    let Some(node) = pod.node.as_ref() else { return true };
    let machine = view.machine(node);
    let forced = machine.is_some_and(|machine| view.operation(&machine.pool).is_some_and(|operation| operation.ignore_budgets));
    driven(old)
        || new.is_some_and(driven)
        || users.deletes.contains(&old.key)
        || view.node(node).is_none()
        || forced
        || is_surplus(view, old)
}

/// Whether a pod's owner ends it of its own accord: it has too many, or is gone, or replaces it.
fn is_surplus(view: &View, pod: &Doc) -> bool {
    let Some(reference) = pod.meta.controller() else { return false };
    let Some(owner) = owner(view, pod).filter(|owner| owner.meta.deleted.is_none()) else { return true };
    match reference.known_kind() {
        Some(Kind::ReplicaSet) => {
            let stays = |doc: &&Arc<Doc>| doc.meta.deleted.is_none() && covers_owner(doc, &reference.uid);
            let count = view.list_in(Kind::Pod, &pod.key.namespace).filter(stays).count() as i64;
            count > replicas(owner).unwrap_or(0)
        }
        Some(Kind::StatefulSet) => {
            let ordinal = pod.key.name.rsplit_once('-').and_then(|(_, ordinal)| ordinal.parse::<i64>().ok()).unwrap_or(0);
            let revision = pod.meta.labels.get("controller-revision-hash");
            ordinal >= replicas(owner).unwrap_or(0) || revision != newest_revision(view, owner).as_ref()
        }
        None => false,
        Some(_) => true, // Daemons and jobs: no scale to judge by, and drains pass daemons over.
    }
}

/// The name of the revision that a set updates to.
fn newest_revision(view: &View, set: &Doc) -> Option<nodelane_model::Name> {
    let uid = set.meta.uid.to_string();
    let revisions = view.list_in(Kind::ControllerRevision, &set.key.namespace);
    let own = revisions.filter(|doc| doc.meta.controller().is_some_and(|owner| owner.uid == uid));
    own.max_by_key(|doc| doc.as_opaque().and_then(|rest| rest.get("revision")?.as_i64())).map(|doc| doc.key.name.clone())
}

fn covers_owner(doc: &Doc, uid: &str) -> bool {
    let active = doc.as_pod().is_some_and(|pod| !matches!(pod.status.phase, Phase::Succeeded | Phase::Failed));
    active && doc.meta.controller().is_some_and(|owner| owner.uid.as_str() == uid)
}

/// A pod that was on a node when the node was taken, and should have been asked to go and given its grace.
fn taken_along(view: &View, users: &Users, node: &str) -> Option<Arc<Doc>> {
    let machine = view.machine(node)?;
    let pool = view.pool(&machine.pool)?;
    let runs = |is: fn(Progress) -> bool| view.runs(&machine.pool, is);
    let asked = runs(|p| matches!(p, Progress::Stop(_))) || view.cluster_operation().is_some_and(|o| is_power(o.progress));
    let rolls_undrained = pool.spec.priority == Priority::Spot && runs(|p| matches!(p, Progress::Upgrade(_)));
    let forced = pool.state.operation.as_ref().is_some_and(|operation| operation.ignore_budgets);
    let out_of_hand = machine.scheduled.is_some()
        || machine.preempted.is_some()
        || matches!(machine.phase, MachinePhase::Failed | MachinePhase::Stopping)
        || users.named.contains(node);
    let silent = !view.node(node)?.status.is_ready();
    if asked || rolls_undrained || forced || out_of_hand || silent {
        return None;
    }
    let must_leave = |doc: &&Arc<Doc>| {
        let ended = doc.as_pod().is_some_and(|pod| matches!(pod.status.phase, Phase::Succeeded | Phase::Failed));
        !ended && doc.meta.controller().is_none_or(|owner| owner.kind != "DaemonSet")
    };
    view.pods_on(node).find(must_leave).cloned()
}

fn is_power(progress: Progress) -> bool {
    matches!(progress, Progress::Cluster(ClusterPhase::Stopping | ClusterPhase::Deleting))
}
