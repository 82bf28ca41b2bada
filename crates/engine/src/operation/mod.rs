//! Advances the long-running operations of pools and of the cluster.
//!
//! One subject at a time from the worklist. An operation never waits: it looks at how far its machines and nodes are, takes the next
//! step if there is one, and is looked at again when one of them moves or a deadline passes. It ends only when Kubernetes shows it:
//! every node Ready, or gone.

pub mod channel;
mod cluster;
mod ending;
mod shrink;

pub use ending::{end, end_with, error, provider_error};

use crate::{Env, fleet, upgrade};
use nodelane_model::machine::{Intent, MachinePhase};
use nodelane_model::operation::{
    CreatePhase, DeleteMachinesPhase, DeletePhase, Outcome, Progress, ScalePhase, StartPhase, StopPhase, UpdatePhase, UpgradePhase,
};
use nodelane_model::{Doc, Key, Kind, NodePool, Operation};
use nodelane_world::{Draft, List};
use std::sync::Arc;

/// How long requested machines may take to become Ready nodes before the operation fails (aks-semantics CA max-node-provision-time).
pub const PROVISION_LIMIT_MILLIS: i64 = 15 * 60_000;
/// How long clients may poll the operations of a pool that is gone.
pub const TOMBSTONE_MILLIS: i64 = 24 * 3_600_000;

/// Reconciles pools and clusters from the worklist, at most `budget`; gives back how many.
pub fn plan(draft: &mut Draft, env: &Env, budget: usize) -> usize {
    let (mut spent, mut last) = (0, None);
    while spent < budget
        && let Some(key) = draft.world.work.take_after(List::Operations, last.as_ref())
    {
        spent += match key.kind {
            Kind::Cluster => {
                let spent = cluster::reconcile(draft, &key);
                channel::reconcile(draft, env, &key);
                spent
            }
            _ => reconcile(draft, env, &key, budget - spent),
        };
        last = Some(key);
    }
    spent
}

/// One pool; gives back the units of work.
fn reconcile(draft: &mut Draft, env: &Env, key: &Key, budget: usize) -> usize {
    let Some(doc) = draft.world.get(key).cloned() else { return 1 };
    let Some(pool) = doc.as_pool() else { return 1 };
    if let Some(gone) = pool.state.gone {
        expire(draft, key, gone);
        return 1;
    }
    let roll = |operation: &Operation| matches!(operation.progress, Progress::Upgrade(_));
    if !pool.state.operation.as_ref().is_some_and(roll) {
        upgrade::dismiss(draft, key); // What a roll left behind.
    }
    let Some(operation) = &pool.state.operation else { return 1 };
    // Where old machines go already there is no way back: what is left is done.
    let ends_anyway = operation.progress == Progress::Upgrade(UpgradePhase::Retiring);
    if operation.abort_requested && !ends_anyway {
        ending::abort(draft, key);
        return 1;
    }
    match operation.progress {
        Progress::Create(CreatePhase::Provisioning) | Progress::Scale(ScalePhase::Provisioning) | Progress::Start(StartPhase::Starting) => {
            provision(draft, key, pool, operation, budget)
        }
        Progress::Update(UpdatePhase::Applying) => apply(draft, key),
        Progress::Scale(ScalePhase::Draining) => shrink::choose_and_drain(draft, key),
        Progress::Scale(ScalePhase::Removing) | Progress::DeleteMachines(DeleteMachinesPhase::Removing) => shrink::remove(draft, key),
        Progress::Upgrade(phase) => upgrade::step(draft, env, key, phase),
        Progress::Stop(StopPhase::Stopping) => stop(draft, key, pool),
        Progress::Delete(DeletePhase::Draining) => shrink::drain_all(draft, key),
        Progress::Delete(DeletePhase::Removing) => shrink::remove_all(draft, key),
        Progress::Cluster(_) => 1,
    }
}

/// Requests what is missing and waits until every machine is a Ready node.
fn provision(draft: &mut Draft, key: &Key, pool: &NodePool, operation: &Operation, budget: usize) -> usize {
    for doc in fleet::own(&draft.world, &key.name) {
        let Some(machine) = doc.as_machine() else { continue };
        match (machine.phase, machine.intent) {
            (MachinePhase::Failed, _) if machine.phase_since >= operation.phase_since => return give_up(draft, key, operation, &doc),
            // What an earlier operation left broken is replaced.
            (MachinePhase::Failed, _) => fleet::change(draft, &doc.key, |machine| machine.intent = Intent::Gone),
            (_, Intent::Stop) => fleet::change(draft, &doc.key, |machine| machine.intent = Intent::Run),
            (_, Intent::Run | Intent::Gone) => {}
        }
    }
    let wanted = pool.spec.count as usize;
    let missing = wanted.saturating_sub(fleet::own(&draft.world, &key.name).len());
    let added = missing.min(budget.max(1));
    for _ in 0..added {
        fleet::add(draft, key, false);
    }
    let machines = fleet::own(&draft.world, &key.name);
    let ready = machines.iter().filter(|doc| fleet::is_ready(&draft.world, doc)).count();
    let deadline = operation.phase_since.plus(PROVISION_LIMIT_MILLIS);
    if ready >= wanted {
        end(draft, key, Outcome::Succeeded, None);
    } else if draft.now >= deadline {
        let message = format!("Not all nodes reached Ready state. Expected: {wanted}, Actual: {ready}");
        end(draft, key, Outcome::Failed, Some(error("NodesNotReady", message)));
    } else {
        draft.world.work.wake(deadline, List::Operations, key.clone());
        if missing > added {
            draft.world.work.add(List::Operations, key.clone());
        }
    }
    machines.len().max(1)
}

/// The provider could not make a machine: the failed ones go, the operation fails with the provider's words.
fn give_up(draft: &mut Draft, key: &Key, operation: &Operation, failed: &Arc<Doc>) -> usize {
    let failure = failed.as_machine().and_then(|machine| machine.failure.clone());
    let machines = fleet::own(&draft.world, &key.name);
    for doc in machines.iter().filter(|doc| doc.as_machine().is_some_and(|machine| machine.phase == MachinePhase::Failed)) {
        fleet::change(draft, &doc.key, |machine| machine.intent = Intent::Gone);
    }
    end(draft, key, Outcome::Failed, Some(provider_error(operation.progress, failure)));
    machines.len().max(1)
}

/// Ends when every node of the pool has been given what the pool says; converging does it in the same turn.
fn apply(draft: &mut Draft, key: &Key) -> usize {
    let settled = draft.world.machines_of(&key.name).all(|(doc, machine)| {
        let node = draft.world.node(&doc.key.name);
        let wanted = draft.world.pool(&key.name).map(|(_, pool)| pool);
        node.is_none()
            || wanted.is_some_and(|pool| {
                machine.applied.labels.iter().eq(pool.spec.node_labels.keys())
                    && machine.applied.taints == crate::converge::labels::taints(&pool.spec)
                    && !draft.world.work.list(List::Machines).contains(&doc.key)
            })
    });
    if settled {
        end(draft, key, Outcome::Succeeded, None);
    } else {
        draft.world.work.add(List::Operations, key.clone());
    }
    1
}

/// Deallocates every machine and waits until all are. What a scale-in that failed could not empty goes: the pool starts with its count.
fn stop(draft: &mut Draft, key: &Key, pool: &NodePool) -> usize {
    let surplus = fleet::own(&draft.world, &key.name).len().saturating_sub(pool.spec.count as usize);
    if !pool.spec.enable_auto_scaling {
        for name in shrink::choose(&draft.world, &key.name, surplus) {
            fleet::change(draft, &Key::global(Kind::Machine, name), |machine| machine.intent = Intent::Gone);
        }
    }
    let machines = fleet::own(&draft.world, &key.name);
    for doc in &machines {
        fleet::change(draft, &doc.key, |machine| machine.intent = Intent::Stop);
    }
    let stopped =
        |doc: &Arc<Doc>| doc.as_machine().is_some_and(|machine| matches!(machine.phase, MachinePhase::Stopped | MachinePhase::Failed));
    let leaving = draft.world.machines_of(&key.name).any(|(_, machine)| machine.intent == Intent::Gone && !machine.surge);
    if machines.iter().all(stopped) && !leaving {
        end(draft, key, Outcome::Succeeded, None);
    }
    machines.len().max(1)
}

/// A pool that is gone is forgotten when no one polls its operations any more.
fn expire(draft: &mut Draft, key: &Key, gone: nodelane_model::Time) {
    let until = gone.plus(TOMBSTONE_MILLIS);
    if draft.now >= until {
        draft.remove(key);
    } else {
        draft.world.work.wake(until, List::Operations, key.clone());
    }
}
