//! The cluster's own operations: they are over when every pool has done its part.

use crate::fleet;
use nodelane_model::machine::{Intent, MachinePhase};
use nodelane_model::operation::{ClusterPhase, DeletePhase, Ended, HISTORY_LIMIT, OperationError, Outcome, Progress, UpgradePhase};
use nodelane_model::{Key, Operation};
use nodelane_world::Draft;

/// Advances the cluster's operation.
pub fn reconcile(draft: &mut Draft, key: &Key) -> usize {
    let Some(operation) = draft.world.get(key).and_then(|doc| doc.as_cluster()).and_then(|cluster| cluster.state.operation.clone()) else {
        return 1;
    };
    let Progress::Cluster(phase) = operation.progress else { return 1 };
    match phase {
        ClusterPhase::Creating | ClusterPhase::Updating => end_when_pools_are_idle(draft, key),
        ClusterPhase::Upgrading => upgrade(draft, key, &operation),
        ClusterPhase::Stopping => set_all(draft, key, Intent::Stop),
        ClusterPhase::Starting => set_all(draft, key, Intent::Run),
        ClusterPhase::Deleting => delete(draft, key),
    }
}

fn end_when_pools_are_idle(draft: &mut Draft, key: &Key) -> usize {
    if draft.world.pools().all(|(_, pool)| pool.state.operation.is_none()) {
        let failed = draft.world.pools().find(|(_, pool)| pool.last_outcome() == Outcome::Failed);
        let error = failed.and_then(|(_, pool)| pool.last_ended()?.ended.as_ref()?.error.clone());
        end(draft, key, error);
    }
    1
}

/// A full upgrade: the pools named as victims follow the control plane one by one; the first that fails ends it (aks-semantics UV-6).
fn upgrade(draft: &mut Draft, key: &Key, operation: &Operation) -> usize {
    for name in &operation.victims {
        let pool_key = Key::global(nodelane_model::Kind::NodePool, name.clone());
        let Some((_, pool)) = draft.world.pool(name) else { continue };
        if pool.state.operation.is_some() {
            return 1;
        }
        let begun = pool.last_ended().is_some_and(|ended| ended.id == pool_operation_id(operation, name));
        if begun && pool.last_outcome() != Outcome::Succeeded {
            let error = pool.last_ended().and_then(|ended| ended.ended.as_ref()?.error.clone());
            end(draft, key, error);
            return 1;
        }
        let machines = fleet::own(&draft.world, name);
        let behind = machines.iter().any(|doc| {
            doc.as_machine().is_some_and(|machine| machine.model.version != pool.state.version || machine.model.image != pool.state.image)
        });
        if !begun && behind {
            let mut next = Operation::begin(pool_operation_id(operation, name), Progress::Upgrade(UpgradePhase::Surging), draft.now);
            next.client_request_id.clone_from(&operation.client_request_id);
            draft.update(&pool_key, |doc| {
                if let Some(pool) = doc.as_pool_mut() {
                    pool.state.operation = Some(next);
                }
            });
            return 1;
        }
    }
    end(draft, key, None);
    1
}

/// The id of the upgrade of one pool within a cluster's upgrade: derived, so that a restart knows it again.
fn pool_operation_id(operation: &Operation, pool: &str) -> nodelane_model::Uid {
    let number = nodelane_model::hash::Hash::new(operation.id.0 as u64).text(pool).get();
    nodelane_model::Uid::derive(number, 0, 0)
}

/// Stop and start: every machine of every running pool; over when all are deallocated, or Ready again.
fn set_all(draft: &mut Draft, key: &Key, intent: Intent) -> usize {
    use nodelane_model::pool::Power;
    let pools: Vec<_> = draft.world.pools().filter(|(_, pool)| pool.spec.power == Power::Running).map(|(doc, _)| doc.key.name.clone()).collect();
    let mut settled = true;
    let mut spent = 1;
    let machines: Vec<_> = pools.iter().flat_map(|pool| fleet::wanted(&draft.world, pool)).collect();
    for doc in machines {
        fleet::change(draft, &doc.key, |machine| machine.intent = intent);
        let phase = doc.as_machine().map(|machine| machine.phase);
        settled &= match intent {
            Intent::Run => fleet::is_ready(&draft.world, &doc),
            Intent::Stop | Intent::Gone => matches!(phase, Some(MachinePhase::Stopped | MachinePhase::Failed)),
        };
        spent += 1;
    }
    if settled {
        end(draft, key, None);
    }
    spent
}

fn delete(draft: &mut Draft, key: &Key) -> usize {
    let pools: Vec<Key> = draft.world.pools().map(|(doc, _)| doc.key.clone()).collect();
    let now = draft.now;
    for (ordinal, pool) in (0_u64..).zip(&pools) {
        let id = draft.id(ordinal);
        draft.update(pool, |doc| {
            if let Some(pool) = doc.as_pool_mut()
                && !pool.state.operation.as_ref().is_some_and(|operation| matches!(operation.progress, Progress::Delete(_)))
            {
                pool.state.operation = Some(Operation::begin(id, Progress::Delete(DeletePhase::Removing), now));
                pool.state.deletion_started.get_or_insert(now);
            }
        });
    }
    if pools.is_empty() {
        end(draft, key, None);
        draft.update(key, |doc| {
            if let Some(cluster) = doc.as_cluster_mut() {
                cluster.state.gone = Some(now);
            }
        });
    }
    pools.len().max(1)
}

/// Ends the cluster's operation.
fn end(draft: &mut Draft, key: &Key, error: Option<OperationError>) {
    let now = draft.now;
    let outcome = if error.is_some() { Outcome::Failed } else { Outcome::Succeeded };
    draft.update(key, |doc| {
        let Some(cluster) = doc.as_cluster_mut() else { return };
        if let Some(mut operation) = cluster.state.operation.take() {
            operation.ended = Some(Ended { at: now, outcome, error });
            cluster.state.history.push(operation);
        }
        let surplus = cluster.state.history.len().saturating_sub(HISTORY_LIMIT);
        cluster.state.history.drain(..surplus);
    });
}
