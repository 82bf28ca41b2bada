//! From the mark to the end: a node that goes is emptied and let go, or spared (aks-semantics SD-3, SD-4).
//!
//! All that a restart has to know is on the machine: who cordoned it, since when, whether it was empty. Five seconds after its taint an
//! empty node goes, if it is empty still. Pods of others are evicted through the ledger, again every ten seconds for two minutes, and
//! have their grace up to the profile's; daemons as far as they let themselves be. Where a pod stays, the node is spared: pods that went
//! do not come back. An operation on the pool spares its nodes too.

use super::act::{node_key, say, staying};
use super::drainability::{Fate, fate, is_daemon, is_mirror};
use super::{COMPONENT, DELETION_CANDIDATE, TO_BE_DELETED, eligible, machine_key, wake_for};
use crate::autoscale::profile::{MAX_POD_EVICTION_MILLIS, NODE_DELETE_DELAY_AFTER_TAINT_MILLIS, Profile};
use crate::autoscale::{self, may_scale, minimum};
use crate::converge::lifecycle::SHUTDOWN;
use crate::disrupt::{self, Grant, grant, grant_in_turn};
use crate::fleet;
use nodelane_model::event::Notice;
use nodelane_model::machine::{Blocked, CordonOwner, Drain, Intent, MachinePhase};
use nodelane_model::node::Taint;
use nodelane_model::pool::{NodePool, Priority};
use nodelane_model::{Doc, Key, Machine, Name, Time};
use nodelane_world::Draft;
use std::sync::Arc;

/// Pause between two tries to evict a pod (aks-semantics SD-4).
const RETRY_MILLIS: i64 = 10_000;
/// What pods get beyond the longest grace (aks-semantics SD-4).
const HEADROOM_MILLIS: i64 = 30_000;
const DS_EVICTION: &str = "cluster-autoscaler.kubernetes.io/enable-ds-eviction";

/// Whether a marked machine had no pods that have to move when it was marked.
pub fn is_of_empty(machine: &Machine) -> bool {
    machine.drain.as_ref().is_some_and(|drain| drain.done == Some(drain.since))
}

/// Marks a machine, then its node.
pub fn begin(draft: &mut Draft, name: &Name, is_empty: bool) {
    let (key, now) = (machine_key(name), draft.now);
    fleet::change(draft, &key, |machine| {
        machine.drain = Some(Drain { since: now, done: is_empty.then_some(now), blocked: None });
    });
    disrupt::cordon(draft, &key, CordonOwner::ScaleDown);
    taint(draft, name, now);
    wake_for(draft, name, now.plus(NODE_DELETE_DELAY_AFTER_TAINT_MILLIS));
}

fn taint(draft: &mut Draft, name: &Name, since: Time) {
    draft.update(&node_key(name), |doc| {
        let Some(node) = doc.as_node_mut() else { return };
        let value = since.0.div_euclid(1000).to_string().into();
        let taint = Taint { key: TO_BE_DELETED.into(), value, effect: "NoSchedule".into(), time_added: None };
        if !node.spec.taints.iter().any(|other| other.same_place(&taint)) {
            node.spec.taints.push(taint);
        }
    });
}

/// Takes the next step with a marked machine: looks at it, and where it is time for another try, tries.
pub fn step(draft: &mut Draft, memory: &mut autoscale::Memory, profile: &Profile, name: &Name) {
    let Some((machine, pool)) = eligible::machine_of(&draft.world, name) else { return };
    let Some(drain) = machine.drain.clone().filter(|_| eligible::is_marked(machine)) else { return };
    let (is_empty, pool_name) = (is_of_empty(machine), machine.pool.clone());
    // The machine itself no longer counts among those that stay.
    if !may_scale(pool) || staying(&draft.world, &pool_name) < minimum::at(pool, draft.now) {
        return spare(draft, memory, name);
    }
    let own = eligible::profile_of(&draft.world, profile, name).into_owned();
    let begins = drain.since.plus(NODE_DELETE_DELAY_AFTER_TAINT_MILLIS);
    taint(draft, name, drain.since);
    if draft.now < begins {
        return wake_for(draft, name, begins);
    }
    let is_turn = memory.down.tried.get(name).is_none_or(|tried| draft.now.since(*tried) >= RETRY_MILLIS);
    if is_turn {
        memory.down.tried.insert(name.clone(), draft.now);
    }
    let result = if is_empty { check_empty(draft, &own, name) } else { empty(draft, &own, name, begins, is_turn) };
    match result {
        Ok(true) => let_go(draft, memory, name, is_empty),
        Ok(false) => {}
        Err(why) => {
            let what = if is_empty { "failed to delete empty node" } else { "failed to drain and delete node" };
            tell(draft, &node_key(name), true, "ScaleDownFailed", format!("{what}: {why}"));
            spare(draft, memory, name);
            memory.cooldowns.note_failure(&pool_name, draft.now);
        }
    }
}

/// Whether a node that was empty is so still; its daemons are asked to go where the profile says so.
fn check_empty(draft: &mut Draft, profile: &Profile, name: &Name) -> Result<bool, String> {
    match eligible::movable(&draft.world, profile, name, draft.now) {
        Ok(pods) if pods.is_empty() => {
            evict_daemons(draft, profile, name, profile.daemonset_eviction_for_empty_nodes);
            Ok(true)
        }
        Ok(_) => Err(format!("failed to delete empty node {:?}, new pods scheduled", name.as_str())),
        Err(why) => Err(format!("GetPodsToMove for {:?} returned error: {}", name.as_str(), describe(&why))),
    }
}

fn describe(why: &super::Unremovable) -> String {
    let pod = why.pod().map(|pod| format!("{}/{}", pod.namespace, pod.name)).unwrap_or_default();
    format!("{} {pod}", why.block().map_or(why.as_str(), |block| block.as_str()))
}

/// Evicts what may be evicted now; whether nothing is left that has to move.
fn empty(draft: &mut Draft, profile: &Profile, name: &Name, begins: Time, is_turn: bool) -> Result<bool, String> {
    let now = draft.now;
    let has_begun = draft.world.pods_on(name).any(|pod| pod.is_terminating() && asked_at(pod) >= begins.whole_seconds())
        || draft.world.get(&machine_key(name)).and_then(|doc| doc.as_machine()?.drain.as_ref()?.blocked.as_ref()).is_some();
    if !has_begun && let Err(why) = eligible::movable(&draft.world, profile, name, now) {
        return Err(format!("GetPodsToMove for {:?} returned error: {}", name.as_str(), describe(&why)));
    }
    if is_turn {
        evict_daemons(draft, profile, name, profile.daemonset_eviction_for_occupied_nodes);
    }
    let left = leaving(draft, profile, name);
    let mut blocked = Vec::new();
    for pod in left.iter().filter(|pod| !pod.is_terminating()) {
        if !has_begun {
            tell(draft, &pod.key, false, "ScaleDown", "deleting pod for node scale down".to_owned());
        }
        match if is_turn { grant_in_turn(&draft.world, &machine_key(name), pod) } else { refused(pod) } {
            Grant::Allowed => evict(draft, profile, pod),
            refusal => blocked.push((pod.clone(), refusal)),
        }
    }
    if is_turn {
        note_blocked(draft, name, blocked.first());
    }
    if !blocked.is_empty() {
        return wait_for_budgets(draft, name, begins, is_turn, &blocked);
    }
    let left = leaving(draft, profile, name);
    let Some(last) = left.iter().map(|pod| asked_at(pod)).max() else { return Ok(true) };
    let until = last.plus(profile.max_graceful_termination_millis + HEADROOM_MILLIS);
    if now >= until {
        return Err(format!("Failed to drain node /{name}: pods remaining after timeout"));
    }
    wake_for(draft, name, until);
    Ok(false)
}

/// Pods that have to be gone before the node is.
fn leaving(draft: &Draft, profile: &Profile, name: &Name) -> Vec<Arc<Doc>> {
    let counts = |pod: &&Arc<Doc>| !matches!(fate(&draft.world, profile, pod, draft.now), Fate::Ignored | Fate::Daemon) && !is_daemon(pod);
    draft.world.pods_on(name).filter(counts).cloned().collect()
}

/// What stands for the answer of the ledger between two tries.
fn refused(pod: &Doc) -> Grant {
    Grant::Blocked { budget: pod.key.clone(), needed: 0, healthy: 0 }
}

/// Pods that no budget lets go: they are asked again, until that has lasted too long.
fn wait_for_budgets(draft: &mut Draft, name: &Name, begins: Time, is_turn: bool, blocked: &[(Arc<Doc>, Grant)]) -> Result<bool, String> {
    if draft.now < begins.plus(MAX_POD_EVICTION_MILLIS) {
        if is_turn {
            wake_for(draft, name, draft.now.plus(RETRY_MILLIS));
        }
        return Ok(false);
    }
    let mut errors = Vec::new();
    for (pod, grant) in blocked {
        tell(draft, &pod.key, true, "ScaleDownFailed", "failed to delete pod for ScaleDown".to_owned());
        let last = match grant {
            Grant::TwoBudgets { .. } => "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
            _ => "Cannot evict pod as it would violate the pod's disruption budget.",
        };
        let (namespace, pod) = (&pod.key.namespace, &pod.key.name);
        errors.push(format!("failed to evict pod {namespace}/{pod} within allowed timeout (last error: {last})"));
    }
    Err(format!("Failed to drain node /{name}, due to following errors: [{}]", errors.join(" ")))
}

/// When a pod on its way out was asked to go.
fn asked_at(pod: &Doc) -> Time {
    pod.meta.deleted.unwrap_or_default().plus(-pod.meta.grace_seconds.unwrap_or(0) * 1000)
}

fn evict(draft: &mut Draft, profile: &Profile, pod: &Doc) {
    let grace = pod.as_pod().and_then(|pod| pod.spec.termination_grace_period_seconds).unwrap_or(30);
    let most = profile.max_graceful_termination_millis / 1000;
    let grace = if most > 0 { grace.min(most) } else { grace };
    nodelane_workload::delete(draft, &pod.key, Some(grace), None);
}

/// Daemons go if budgets let them and nobody waits for them; their annotation says otherwise than the profile.
fn evict_daemons(draft: &mut Draft, profile: &Profile, name: &Name, by_default: bool) {
    let goes = |pod: &&Arc<Doc>| {
        let own = pod.meta.annotations.get(DS_EVICTION).map(|value| value == "true");
        is_daemon(pod) && !is_mirror(pod) && !pod.is_terminating() && own.unwrap_or(by_default)
    };
    let pods: Vec<Arc<Doc>> = draft.world.pods_on(name).filter(goes).cloned().collect();
    for pod in pods {
        tell(draft, &pod.key, false, "ScaleDown", "deleting pod for node scale down".to_owned());
        if grant(&draft.world, &pod) == Grant::Allowed {
            evict(draft, profile, &pod);
        }
    }
}

fn note_blocked(draft: &mut Draft, name: &Name, first: Option<&(Arc<Doc>, Grant)>) {
    let since = draft.now;
    let blocked = first.map(|(pod, grant)| Blocked {
        pod: format!("{}/{}", pod.key.namespace, pod.key.name).into(),
        budget: match grant {
            Grant::Blocked { budget, .. } => budget.name.clone(),
            Grant::TwoBudgets { budgets } => budgets.as_str().into(),
            Grant::Allowed => Name::default(),
        },
        since,
    });
    fleet::change(draft, &machine_key(name), |machine| {
        if let Some(drain) = &mut machine.drain {
            drain.hold_up(blocked);
        }
    });
}

/// The machine goes, or is deallocated where its pool keeps them so.
fn let_go(draft: &mut Draft, memory: &mut autoscale::Memory, name: &Name, is_empty: bool) {
    let keeps = eligible::machine_of(&draft.world, name).is_some_and(|(_, pool)| pool.spec.scale_down_mode == "Deallocate");
    let now = draft.now;
    fleet::change(draft, &machine_key(name), |machine| {
        machine.intent = if keeps { Intent::Stop } else { Intent::Gone };
        if let Some(drain) = &mut machine.drain {
            drain.done = drain.done.or(Some(now));
            drain.blocked = None;
        }
    });
    memory.down.marked.remove(name);
    memory.down.tried.remove(name);
    if draft.world.node(name).is_some() {
        tell(draft, &node_key(name), false, "ScaleDown", "nodes removed by cluster autoscaler".to_owned());
    }
    if is_empty {
        say(draft, "ScaleDownEmpty", format!("Scale-down: empty node {name} removed"));
    } else {
        say(draft, "ScaleDown", format!("Scale-down: node {name} removed with drain"));
    }
}

/// A machine that the autoscaler had deallocated: its node stays, not ready and marked so by the cloud, and nothing of the mark is left.
pub fn park(draft: &mut Draft, key: &Key) {
    let now = draft.now;
    disrupt::release_for(draft, key, CordonOwner::ScaleDown);
    let taint = Taint { key: SHUTDOWN.into(), effect: "NoSchedule".into(), time_added: Some(now.whole_seconds()), ..Taint::default() };
    draft.update(&node_key(&key.name), |doc| {
        let Some(node) = doc.as_node_mut() else { return };
        node.spec.taints.retain(|other| other.key != TO_BE_DELETED && other.key != DELETION_CANDIDATE && other.key != SHUTDOWN);
        node.spec.taints.push(taint);
    });
}

/// A machine that is deallocated goes where its pool does not keep such any more (aks-semantics SM-1). Spot machines that the cloud
/// deallocated are another matter.
pub fn discard(draft: &mut Draft, name: &Name) {
    let goes = |(machine, pool): (&Machine, &NodePool)| {
        let is_kept = pool.spec.scale_down_mode == "Deallocate" || pool.spec.priority == Priority::Spot;
        machine.intent == Intent::Stop && machine.phase == MachinePhase::Stopped && may_scale(pool) && !is_kept
    };
    if eligible::machine_of(&draft.world, name).is_some_and(goes) {
        fleet::change(draft, &machine_key(name), |machine| machine.intent = Intent::Gone);
    }
}

/// The node stays: the mark is taken back.
fn spare(draft: &mut Draft, memory: &mut autoscale::Memory, name: &Name) {
    disrupt::release_for(draft, &machine_key(name), CordonOwner::ScaleDown);
    draft.update(&node_key(name), |doc| {
        if let Some(node) = doc.as_node_mut() {
            node.spec.taints.retain(|taint| taint.key != TO_BE_DELETED);
        }
    });
    memory.down.marked.remove(name);
    memory.down.tried.remove(name);
    memory.down.changed.insert(name.clone());
}

fn tell(draft: &mut Draft, about: &Key, warning: bool, reason: &'static str, message: String) {
    draft.notify(&Notice { about: about.clone(), warning, reason, message: message.into(), component: COMPONENT });
}
