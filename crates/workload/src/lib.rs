//! Deployments to CronJobs, budgets, endpoint slices, volumes, garbage: pods come and go, as pure reconcilers.
//!
//! [`plan`] takes the subjects of the worklists `Doomed` and `Owners` in key order and reconciles each against the world under change.
//! A pass looks at what was on the lists when it began: what a reconciler makes is looked at in the next turn, one level of the chain
//! at a time. A reconciler that finds nothing to do writes nothing, so lists run empty. Deadlines are wakes, never polls.
//!
//! Not here: API defaulting and validation (`k8s`), binding (`place`), running pods (`sim`), ringing deadlines (the driver of turns).

mod admission;
mod availability;
mod budget;
mod claim;
mod cron;
mod daemon_set;
mod delete;
mod deployment;
mod endpoints;
mod garbage;
mod job;
mod namespace;
mod notice;
mod rank;
mod replica_set;
mod revision;
mod stamp;
mod stateful_set;
mod storage;
mod taint;

pub use admission::{complete_pod, resolve_priority};
pub use budget::status as budget_status;
pub use claim::offer;
pub use daemon_set::daemons_on;
pub use delete::delete;
pub use job::complete::complete_job;
pub use stamp::qos_class;
pub use storage::complete_storage;
pub use taint::evict_tainted;

use nodelane_model::{Key, Kind};
use nodelane_world::{Draft, List};

/// Reconciles subjects of the worklists in key order until none is left or `budget_units` are spent; gives the units spent. A unit is
/// one subject looked at, or one document created or deleted where a subject needs many. A subject that did not get all it needs
/// stays on its list.
pub fn plan(draft: &mut Draft, budget_units: usize) -> usize {
    let mut spent = 0;
    for list in [List::Doomed, List::Owners] {
        let subjects = draft.world.work.list(list).clone();
        for key in subjects.iter() {
            if spent >= budget_units {
                return spent;
            }
            if !draft.world.work.list(list).contains(key) {
                continue;
            }
            draft.world.work.done(list, key);
            let units = match list {
                List::Doomed => garbage::reconcile(draft, key),
                _ => reconcile(draft, key, budget_units - spent),
            };
            spent += units.max(1);
        }
    }
    spent
}

fn reconcile(draft: &mut Draft, key: &Key, units: usize) -> usize {
    match key.kind {
        Kind::Namespace => namespace::reconcile(draft, key, units),
        Kind::Deployment => deployment::reconcile(draft, key),
        Kind::ReplicaSet => replica_set::reconcile(draft, key, units),
        Kind::StatefulSet => stateful_set::reconcile(draft, key, units),
        Kind::DaemonSet => daemon_set::reconcile(draft, key, units),
        Kind::Job => job::reconcile(draft, key, units),
        Kind::CronJob => cron::reconcile(draft, key),
        Kind::PodDisruptionBudget => budget::reconcile(draft, key),
        Kind::Service => endpoints::reconcile(draft, key),
        Kind::PersistentVolumeClaim | Kind::PersistentVolume | Kind::Pod => storage::reconcile(draft, key),
        _ => 0,
    }
}

/// Looks at a subject again at a time.
fn wake(draft: &mut Draft, at: nodelane_model::Time, key: &Key) {
    draft.world.work.wake(at, List::Owners, key.clone());
}

/// Leaves a subject on its list for the next turn.
fn again(draft: &mut Draft, key: &Key) {
    draft.world.work.add(List::Owners, key.clone());
}
