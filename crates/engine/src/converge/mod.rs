//! Makes machines do what is wanted of them, and nodes look as their pools say.
//!
//! One machine at a time, from the worklist of machines: what the provider is asked next, and whether the node still has its pool's
//! labels and taints (re-asserted: aks-semantics LB-6, T-3). Which machines there are to be, and when one is emptied, is decided by
//! operations; here nothing is created and nothing is evicted but what a NoExecute taint drives off.

mod drivers;
pub mod labels;
pub(crate) mod lifecycle;
mod newborn;
mod observe;
mod preempt;
mod register;
mod scheduled;

pub use drivers::register_drivers;
pub use newborn::newborn;
pub use observe::observe;
pub use preempt::preempt;
pub use register::register;

use crate::Env;
use crate::disrupt::set_unschedulable;
use nodelane_model::machine::{Applied, Intent, MachinePhase};
use nodelane_model::node::Taint;
use nodelane_model::{Doc, Key, Kind, Machine, Name};
use nodelane_world::{Draft, List};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Reconciles machines from the worklist, at most `budget`; gives back how many.
pub fn plan(draft: &mut Draft, env: &Env, budget: usize) -> usize {
    let (mut spent, mut last) = (0, None);
    while spent < budget
        && let Some(key) = draft.world.work.take_after(List::Machines, last.as_ref())
    {
        reconcile(draft, env, &key);
        // What was just changed would be found again at once: it is settled, unless someone else touches it.
        draft.world.work.done(List::Machines, &key);
        spent += 1;
        last = Some(key);
    }
    spent
}

fn reconcile(draft: &mut Draft, env: &Env, key: &Key) {
    let Some(doc) = draft.world.get(key).cloned() else { return };
    let Some(machine) = doc.as_machine() else { return };
    if let Some(phase) = next_phase(machine) {
        let now = draft.now;
        draft.update(key, |doc| {
            if let Some(machine) = doc.as_machine_mut() {
                machine.enter(phase, now);
            }
        });
    }
    let node = Key::global(Kind::Node, key.name.clone());
    if let Some(node_doc) = draft.world.get(&node).cloned() {
        reassert(draft, env, &doc, &node_doc);
        if !machine.cordoned_by.is_empty() {
            set_unschedulable(draft, &node, true);
        }
        preempt::empty(draft, key, machine);
        scheduled::empty(draft, key, machine);
        lifecycle::mark_pods(draft, &node_doc);
        nodelane_workload::evict_tainted(draft, &key.name);
    }
    if machine.drain.as_ref().is_some_and(|drain| drain.done.is_none()) {
        draft.world.work.add(List::Operations, Key::global(Kind::NodePool, machine.pool.clone()));
    }
}

/// What the provider is to be asked next, if anything.
fn next_phase(machine: &Machine) -> Option<MachinePhase> {
    match (machine.intent, machine.phase) {
        (Intent::Gone, MachinePhase::Deleting) => None,
        (Intent::Gone, _) => Some(MachinePhase::Deleting),
        (Intent::Stop, MachinePhase::Running) => Some(MachinePhase::Stopping),
        (Intent::Run, MachinePhase::Stopped) => Some(MachinePhase::Starting),
        (Intent::Run | Intent::Stop, _) => None,
    }
}

/// Gives a node the labels and taints of its pool, and takes off those that the pool dropped.
fn reassert(draft: &mut Draft, env: &Env, machine_doc: &Arc<Doc>, node: &Arc<Doc>) {
    let Some(machine) = machine_doc.as_machine() else { return };
    let Some((cluster, pool)) = draft.world.cluster().zip(draft.world.pool(&machine.pool).map(|(_, pool)| pool)) else { return };
    let wanted = labels::of_node(cluster, &pool.spec, machine, &node.key.name, &env.catalog);
    let taints = labels::taints(&pool.spec);
    let user_keys: Vec<Name> = pool.spec.node_labels.keys().cloned().collect();
    let applied = machine.applied.clone();
    draft.update(&node.key, |doc| {
        let dropped = applied.labels.iter().filter(|key| !wanted.contains_key(*key));
        let same = wanted.iter().all(|(key, value)| doc.meta.labels.get(key) == Some(value));
        if !same || dropped.clone().any(|key| doc.meta.labels.contains_key(key)) {
            let mut labels: BTreeMap<Name, Name> = (*doc.meta.labels).clone();
            dropped.for_each(|key| drop(labels.remove(key)));
            labels.extend(wanted.clone());
            doc.meta.labels = Arc::new(labels);
        }
        if let Some(node) = doc.as_node_mut() {
            match_taints(&mut node.spec.taints, &taints, &applied.taints);
        }
    });
    draft.update(&machine_doc.key, |doc| {
        if let Some(machine) = doc.as_machine_mut() {
            machine.applied = Applied { labels: user_keys, taints };
        }
    });
}

/// Adds and corrects the pool's taints, removes those that it dropped, and leaves all others alone.
fn match_taints(taints: &mut Vec<Taint>, wanted: &[Name], applied: &[Name]) {
    let read = |taints: &[Name]| taints.iter().filter_map(|text| Taint::parse(text)).collect::<Vec<_>>();
    let wanted = read(wanted);
    for dropped in read(applied).iter().filter(|taint| !wanted.iter().any(|other| other.same_place(taint))) {
        taints.retain(|taint| !taint.same_place(dropped));
    }
    for taint in wanted {
        match taints.iter_mut().find(|other| other.same_place(&taint)) {
            Some(other) if other.value == taint.value => {}
            Some(other) => other.value = taint.value,
            None => taints.push(taint),
        }
    }
}
