//! What becomes of a node that cannot be emptied in time (aks-semantics UD-2, UF-3).
//!
//! Schedule: it takes pods again and stays as it was, the extra machines go, the operation fails. Cordon: it stays cordoned and is
//! marked, an extra machine takes its place for good, and the roll goes on; at its end the operation has failed if every such node
//! could be replaced, else it is canceled.

use super::{extra, fail, own};
use crate::operation::{end, error};
use crate::{disrupt, fleet};
use nodelane_model::machine::{Blocked, CordonOwner, Intent, Roll};
use nodelane_model::operation::Outcome;
use nodelane_model::pool::Undrainable;
use nodelane_model::{Key, Kind, Name};
use nodelane_world::{Draft, World};
use std::sync::Arc;

/// The label of a node that an upgrade could not empty.
const STATUS_LABEL: &str = "kubernetes.azure.com/upgrade-status";

/// Gives a node up; `false` when the operation has ended with it.
pub fn give_up(draft: &mut Draft, key: &Key, machine: &Key, behavior: Undrainable) -> bool {
    let blocked = blocked(&draft.world, machine);
    match behavior {
        Undrainable::Schedule => {
            let message = message(&draft.world, &machine.name, &blocked);
            fail(draft, key, Outcome::Failed, "UpgradeFailed", message);
            false
        }
        Undrainable::Cordon => {
            disrupt::cordon(draft, machine, CordonOwner::Quarantine);
            fleet::change(draft, machine, |machine| {
                machine.cordoned_by.remove(&CordonOwner::Operation);
                machine.roll = Some(Roll::Undrainable);
            });
            draft.update(&Key::global(Kind::Node, machine.name.clone()), |doc| {
                Arc::make_mut(&mut doc.meta.labels).insert(STATUS_LABEL.into(), "Quarantined".into());
            });
            let replacement = extra(&draft.world, &key.name).into_iter().find(|doc| fleet::is_ready(&draft.world, doc));
            if let Some(replacement) = replacement {
                fleet::change(draft, &replacement.key, |machine| machine.surge = false);
            }
            true
        }
    }
}

/// The roll is over and some nodes could not be emptied.
pub fn finish(draft: &mut Draft, key: &Key) {
    let machines = own(&draft.world, &key.name);
    let undrainable: Vec<&Arc<nodelane_model::Doc>> =
        machines.iter().filter(|doc| doc.as_machine().is_some_and(|machine| machine.roll == Some(Roll::Undrainable))).collect();
    let Some(first) = undrainable.first().map(|doc| doc.key.clone()) else { return };
    let count = draft.world.get(key).and_then(|doc| doc.as_pool()).map_or(0, |pool| pool.spec.count) as usize;
    let replaced = machines.len() - undrainable.len() >= count;
    let message = message(&draft.world, &first.name, &blocked(&draft.world, &first));
    for doc in fleet::wanted(&draft.world, &key.name) {
        disrupt::uncordon(draft, &doc.key, CordonOwner::Operation);
        fleet::change(draft, &doc.key, |machine| {
            machine.drain = None;
            machine.roll = None;
            if machine.surge {
                machine.intent = Intent::Gone;
            }
        });
    }
    let outcome = if replaced { Outcome::Failed } else { Outcome::Canceled };
    end(draft, key, outcome, Some(error("UpgradeFailed", message)));
}

fn blocked(world: &World, machine: &Key) -> Blocked {
    let drain = world.get(machine).and_then(|doc| doc.as_machine()).and_then(|machine| machine.drain.as_ref());
    drain.and_then(|drain| drain.blocked.clone()).unwrap_or(Blocked { pod: Name::default(), budget: Name::default() })
}

/// The sentence of an upgrade that a budget stopped (aks-semantics UF-3).
pub fn message(world: &World, node: &str, blocked: &Blocked) -> String {
    let (namespace, pod) = blocked.pod.split_once('/').unwrap_or(("", &blocked.pod));
    let budget = Key::new(Kind::PodDisruptionBudget, namespace, blocked.budget.clone());
    let unready = world.budget(&budget).map_or(0, |row| row.pods - row.healthy);
    format!(
        "Drain node {node} failed when evicting pod {pod} failed with Too Many Requests error. This is often caused by a restrictive Pod Disruption Budget (PDB) policy. See https://aka.ms/aks/debugdrainfailures. Original error: Cannot evict pod as it would violate the pod's disruption budget.. PDB debug info: {namespace}/{pod} blocked by pdb {} with {unready} unready pods.",
        blocked.budget
    )
}
