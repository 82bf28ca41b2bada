//! What becomes of a node that cannot be emptied in time (aks-semantics UD-2, UF-3).
//!
//! Schedule: it takes pods again and stays as it was, the extra machines go, the operation fails. Cordon: it stays cordoned and is
//! marked, an extra machine takes its place for good, and the roll goes on; at its end the operation has failed if every such node
//! could be replaced, else it is canceled. So many and no more (UD-3): at the next one the roll stops.

use super::{Bounds, fail};
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
pub fn give_up(draft: &mut Draft, key: &Key, machine: &Key, drained: &Drained, limits: &Bounds) -> bool {
    match limits.undrainable {
        Undrainable::Schedule => {
            let message = message(&draft.world, machine, drained);
            fail(draft, key, Outcome::Failed, error("UpgradeFailed", message));
            false
        }
        // One more than may be given up: the roll stops, and this one takes pods again (UD-3).
        Undrainable::Cordon if quarantined(&draft.world, key) >= limits.blocked as usize => {
            let (message, outcome) = (message(&draft.world, machine, drained), outcome(draft, key));
            fail(draft, key, outcome, error("UpgradeFailed", message));
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
    let Some(first) = machines.iter().find(is_given_up) else { return };
    let blocked = first.as_machine().and_then(|machine| machine.drain.as_ref()?.blocked.clone());
    let drained = blocked.map_or(Drained::Leaving(Name::default()), Drained::Blocked);
    let message = message(&draft.world, &first.key, &drained);
    let outcome = outcome(draft, key);
    fail(draft, key, outcome, error("UpgradeFailed", message));
}

fn is_given_up(doc: &&Arc<Doc>) -> bool {
    doc.as_machine().is_some_and(|machine| machine.roll == Some(Roll::Undrainable))
}

fn quarantined(world: &World, key: &Key) -> usize {
    own(world, &key.name).iter().filter(is_given_up).count()
}

/// Failed where every node that was given up has another in its place, else canceled (UD-2).
fn outcome(draft: &Draft, key: &Key) -> Outcome {
    let count = draft.world.pool(&key.name).map_or(0, |(_, pool)| pool.spec.count) as usize;
    let others = own(&draft.world, &key.name).len() - quarantined(&draft.world, key);
    if others >= count { Outcome::Failed } else { Outcome::Canceled }
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
