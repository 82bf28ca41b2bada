//! Emptying a machine: cordon, then evict what the budgets allow, again and again until only daemons are left.
//!
//! Nothing here waits. A call does what can be done now and says what it waits for; the world puts the machine back on its worklist
//! when one of its pods is gone or a budget that holds it up has moved. Slack goes to the machine that has waited longest. Cordons have
//! owners, and nobody lifts another's.

use super::{Grant, grant};
use nodelane_model::event::Notice;
use nodelane_model::machine::{Blocked, CordonOwner, Drain, Roll};
use nodelane_model::node::Taint;
use nodelane_model::{Doc, Key, Kind, Machine, Name, OwnerRef, Time};
use nodelane_world::{Draft, World};
use std::sync::Arc;

/// The taint of a cordoned node.
pub const UNSCHEDULABLE_TAINT: &str = "node.kubernetes.io/unschedulable";

/// How far a drain is.
#[derive(Clone, PartialEq, Debug)]
pub enum Drained {
    /// Only daemons are left, since this time.
    Yes(Time),
    /// Pods are on their way out; the first of them, as namespace/name.
    Leaving(Name),
    /// A budget holds it up.
    Blocked(Blocked),
}

/// Keeps new pods off a machine's node, for an owner.
pub fn cordon(draft: &mut Draft, machine: &Key, owner: CordonOwner) {
    let node = Key::global(Kind::Node, machine.name.clone());
    let by_user = draft.world.get(&node).and_then(|doc| doc.as_node()).is_some_and(|node| node.spec.unschedulable);
    draft.update(machine, |doc| {
        if let Some(machine) = doc.as_machine_mut() {
            // A node that is cordoned while no one of us holds it was cordoned by a user.
            if by_user && machine.cordoned_by.is_empty() {
                machine.cordoned_by.insert(CordonOwner::User);
            }
            machine.cordoned_by.insert(owner);
        }
    });
    set_unschedulable(draft, &node, true);
}

/// Ends an operation's drain: lifts its cordon; the node takes pods again if no one else holds it.
pub fn release(draft: &mut Draft, machine: &Key) {
    release_for(draft, machine, CordonOwner::Operation);
}

/// Ends an owner's drain: lifts its cordon; the node takes pods again if no one else holds it.
pub fn release_for(draft: &mut Draft, machine: &Key, owner: CordonOwner) {
    let mut free = false;
    draft.update(machine, |doc| {
        if let Some(machine) = doc.as_machine_mut() {
            if !is_emptied_by_another(machine, owner) {
                machine.drain = None;
            }
            free = machine.cordoned_by.remove(&owner) && machine.cordoned_by.is_empty();
        }
    });
    if free {
        set_unschedulable(draft, &Key::global(Kind::Node, machine.name.clone()), false);
    }
}

/// Whether somebody else than an owner empties a machine: the record of how far that is, is theirs too.
pub fn is_emptied_by_another(machine: &Machine, owner: CordonOwner) -> bool {
    let empties = |other: &CordonOwner| !matches!(other, CordonOwner::User | CordonOwner::Quarantine) && *other != owner;
    machine.cordoned_by.iter().any(empties)
}

/// Sets the bit and the taint that goes with it (aks-semantics H-9).
pub fn set_unschedulable(draft: &mut Draft, node: &Key, unschedulable: bool) {
    let now = draft.now.whole_seconds();
    draft.update(node, |doc| {
        let Some(node) = doc.as_node_mut() else { return };
        if node.spec.unschedulable != unschedulable {
            node.spec.unschedulable = unschedulable;
            match_taint(&mut node.spec.taints, unschedulable, now);
        }
    });
}

/// Adds or removes the taint that a cordoned node has.
pub fn match_taint(taints: &mut Vec<Taint>, unschedulable: bool, now: Time) {
    let taint = Taint { key: UNSCHEDULABLE_TAINT.into(), effect: "NoSchedule".into(), time_added: Some(now), ..Taint::default() };
    let has = taints.iter().any(|other| other.same_place(&taint));
    match (unschedulable, has) {
        (true, false) => taints.push(taint),
        (false, true) => taints.retain(|other| !other.same_place(&taint)),
        _ => {}
    }
}

/// Empties a machine for the operation that runs on its pool.
pub fn drain(draft: &mut Draft, machine: &Key, ignore_budgets: bool) -> Drained {
    drain_for(draft, machine, CordonOwner::Operation, ignore_budgets)
}

/// Empties a machine for an owner as far as is allowed now, and records how far that is on it.
pub fn drain_for(draft: &mut Draft, machine: &Key, owner: CordonOwner, ignore_budgets: bool) -> Drained {
    cordon(draft, machine, owner);
    let pods: Vec<Arc<Doc>> = draft.world.pods_on(&machine.name).filter(|pod| must_leave(draft, pod)).cloned().collect();
    let mut blocked = None;
    for pod in &pods {
        if pod.is_terminating() {
            continue;
        }
        match if ignore_budgets { Grant::Allowed } else { grant_in_turn(&draft.world, machine, pod) } {
            Grant::Allowed => nodelane_workload::delete(draft, &pod.key, None, None),
            Grant::Blocked { budget, .. } => blocked = blocked.or_else(|| Some(block(&pod.key, budget.name, draft.now))),
            Grant::TwoBudgets { budgets } => blocked = blocked.or_else(|| Some(block(&pod.key, budgets.into(), draft.now))),
        }
    }
    let now = draft.now;
    let left = draft.world.pods_on(&machine.name).find(|pod| must_leave(draft, pod)).map(|pod| full_name(&pod.key));
    let was = draft.world.get(machine).and_then(|doc| doc.as_machine()).and_then(|machine| machine.drain.clone());
    let mut drain = was.clone().unwrap_or(Drain { since: now, done: None, blocked: None });
    drain.done = if left.is_some() { None } else { drain.done.or(Some(now)) };
    drain.hold_up(blocked);
    let blocked = drain.blocked.clone();
    if let Some(blocked) = &blocked
        && was.and_then(|drain| drain.blocked).as_ref() != Some(blocked)
    {
        draft.notify(&Notice {
            about: Key::global(Kind::Node, machine.name.clone()),
            warning: true,
            reason: "Drain",
            message: format!("Eviction blocked by Too Many Requests (usually a pdb): {}", pod_name(&blocked.pod)).into(),
            component: "upgrader",
        });
    }
    draft.update(machine, |doc| {
        if let Some(machine) = doc.as_machine_mut() {
            machine.drain = Some(drain.clone());
        }
    });
    match (left, blocked) {
        (None, _) => Drained::Yes(drain.done.unwrap_or(now)),
        (Some(_), Some(blocked)) => Drained::Blocked(blocked),
        (Some(pod), None) => Drained::Leaving(pod),
    }
}

/// Whether a pod may be evicted now, and it is this machine's turn: slack of a budget goes to whoever has waited longest for it.
pub fn grant_in_turn(world: &World, machine: &Key, pod: &Doc) -> Grant {
    let granted = grant(world, pod);
    let Some(budget) = world.budgets_of(pod).next().filter(|_| granted == Grant::Allowed) else { return granted };
    if !pod.as_pod().is_some_and(|pod| pod.status.is_ready()) {
        return granted; // It spends no slack.
    }
    let since = |machine: &Machine| machine.drain.as_ref().map(|drain| drain.since);
    let own = world.get(machine).and_then(|doc| since(doc.as_machine()?));
    let older = |doc: &Doc, other: &Machine| doc.key != *machine && own.is_none_or(|own| since(other).is_some_and(|since| since < own));
    let waits = |other: &Machine| {
        let blocked = other.drain.as_ref().and_then(|drain| drain.blocked.as_ref());
        blocked.is_some_and(|blocked| blocked.budget == budget.key.name) && drains(other)
    };
    let before = world.blocked_in(&budget.key.namespace).filter(|(doc, other)| older(doc, other) && waits(other)).count();
    let status = nodelane_workload::budget_status(world, budget);
    if status.disruptions_allowed as usize > before {
        return granted;
    }
    Grant::Blocked { budget: budget.key.clone(), needed: status.desired_healthy, healthy: status.current_healthy }
}

/// Whether somebody still empties a machine, and it will take what it is granted.
fn drains(machine: &Machine) -> bool {
    let owner = |owner: &CordonOwner| !matches!(owner, CordonOwner::User | CordonOwner::Quarantine);
    machine.roll != Some(Roll::Undrainable) && machine.cordoned_by.iter().any(owner)
}

impl Drained {
    /// The pod that it waits for, as namespace/name.
    pub fn waits_for(&self) -> &str {
        match self {
            Drained::Yes(_) => "",
            Drained::Leaving(pod) => pod,
            Drained::Blocked(blocked) => &blocked.pod,
        }
    }
}

fn full_name(pod: &Key) -> Name {
    format!("{}/{}", pod.namespace, pod.name).into()
}

fn block(pod: &Key, budget: Name, since: Time) -> Blocked {
    Blocked { pod: full_name(pod), budget, since }
}

fn pod_name(pod: &str) -> &str {
    pod.split_once('/').map_or(pod, |(_, name)| name)
}

/// Whether a drain waits for a pod: daemons, mirror pods and pods that have ended stay (aks-semantics H-7).
fn must_leave(draft: &Draft, doc: &Doc) -> bool {
    let Some(pod) = doc.as_pod() else { return false };
    let daemon = |owner: &OwnerRef| {
        let key = Key::new(Kind::DaemonSet, doc.key.namespace.clone(), owner.name.clone());
        owner.kind == "DaemonSet" && draft.world.get(&key).is_some()
    };
    let mirror = doc.meta.annotations.contains_key("kubernetes.io/config.mirror");
    !(pod.status.is_terminal() || mirror || doc.meta.controller().is_some_and(daemon))
}

/// Gives a cordoned node its taint.
pub fn match_cordon(taints: &mut Vec<Taint>, now: Time) {
    match_taint(taints, true, now.whole_seconds());
}
