//! What becomes of a node that cannot be emptied in time (aks-semantics UD-2, UF-3).
//!
//! Schedule: it takes pods again and stays as it was, the extra machines go, the operation fails. Cordon: it stays cordoned and is
//! marked, an extra machine takes its place for good, and the roll goes on; at its end the operation has failed if every such node
//! could be replaced, else it is canceled.

use super::fail;
use crate::disrupt::{self, Drained};
use crate::fleet::{self, extra, own};
use crate::operation::error;
use nodelane_model::machine::{CordonOwner, Roll};
use nodelane_model::operation::Outcome;
use nodelane_model::pool::Undrainable;
use nodelane_model::{Doc, Key, Kind, Name};
use nodelane_world::{Draft, World};
use std::sync::Arc;

/// The label of a node that an upgrade could not empty.
const STATUS_LABEL: &str = "kubernetes.azure.com/upgrade-status";

/// Gives a node up; `false` when the operation has ended with it.
pub fn give_up(draft: &mut Draft, key: &Key, machine: &Key, drained: &Drained, behavior: Undrainable) -> bool {
    match behavior {
        Undrainable::Schedule => {
            let message = message(&draft.world, machine, drained);
            fail(draft, key, Outcome::Failed, error("UpgradeFailed", message));
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
    let undrainable = |doc: &&Arc<Doc>| doc.as_machine().is_some_and(|machine| machine.roll == Some(Roll::Undrainable));
    let Some(first) = machines.iter().find(undrainable) else { return };
    let count = draft.world.get(key).and_then(|doc| doc.as_pool()).map_or(0, |pool| pool.spec.count) as usize;
    let replaced = machines.len() - machines.iter().filter(undrainable).count() >= count;
    let blocked = first.as_machine().and_then(|machine| machine.drain.as_ref()?.blocked.clone());
    let drained = blocked.map_or(Drained::Leaving(Name::default()), Drained::Blocked);
    let message = message(&draft.world, &first.key, &drained);
    let outcome = if replaced { Outcome::Failed } else { Outcome::Canceled };
    fail(draft, key, outcome, error("UpgradeFailed", message));
}

/// The sentence of an upgrade that a budget stopped (aks-semantics UF-3), or a pod that does not go (DL-1).
pub fn message(world: &World, machine: &Key, drained: &Drained) -> String {
    let node = &machine.name;
    let (namespace, pod) = drained.waits_for().split_once('/').unwrap_or_default();
    let Drained::Blocked(blocked) = drained else {
        return format!("PodDrainFailure: Node '{node}' failed to be drained with error: 'Drain did not complete pods [{pod}] in time'");
    };
    let budget = Key::new(Kind::PodDisruptionBudget, namespace, blocked.budget.clone());
    let unready = world.budget(&budget).map_or(0, |row| row.pods - row.healthy);
    format!(
        "Drain node {node} failed when evicting pod {pod} failed with Too Many Requests error. This is often caused by a restrictive Pod Disruption Budget (PDB) policy. See https://aka.ms/aks/debugdrainfailures. Original error: Cannot evict pod as it would violate the pod's disruption budget.. PDB debug info: {namespace}/{pod} blocked by pdb {} with {unready} unready pods.",
        blocked.budget
    )
}
