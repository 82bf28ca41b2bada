//! The cluster's own operations: they are over when every pool has done its part.
//!
//! A cluster's operation owns no machine: it begins operations of pools or sets intents, and looks again when a pool has moved.
//! Not here: whether it may begin (`admit`).

use crate::fleet;
use nodelane_model::operation::{ClusterPhase, DeletePhase, Ended, HISTORY_LIMIT, OperationError, Outcome, Progress};
use nodelane_model::operation::{StartPhase, StopPhase, UpgradePhase};
use nodelane_model::pool::Power;
use nodelane_model::{Cluster, Key, Operation, Time, Uid};
use nodelane_world::Draft;

/// Advances the cluster's operation.
pub fn reconcile(draft: &mut Draft, key: &Key) -> usize {
    let Some(operation) = draft.world.get(key).and_then(|doc| doc.as_cluster()).and_then(|cluster| cluster.state.operation.clone()) else {
        return 1;
    };
    let Progress::Cluster(phase) = operation.progress else { return 1 };
    match phase {
        ClusterPhase::Creating | ClusterPhase::Updating => end_when_pools_are_idle(draft, key, operation.started),
        ClusterPhase::Upgrading => upgrade(draft, key, &operation),
        ClusterPhase::Stopping => power(draft, key, &operation, Progress::Stop(StopPhase::Stopping)),
        ClusterPhase::Starting => power(draft, key, &operation, Progress::Start(StartPhase::Starting)),
        ClusterPhase::Deleting => delete(draft, key),
    }
}

/// The pools' own operations, begun with the cluster's, are over.
fn end_when_pools_are_idle(draft: &mut Draft, key: &Key, since: Time) -> usize {
    if draft.world.pools().all(|(_, pool)| pool.state.operation.is_none()) {
        let ended = draft.world.pools().filter_map(|(_, pool)| pool.last_ended()).filter(|ended| ended.started >= since);
        let error = ended.filter_map(|ended| ended.ended.as_ref()?.error.clone()).next();
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
        let begun = pool.last_ended().is_some_and(|ended| ended.id == part_id(operation, name));
        if begun && pool.last_outcome() != Outcome::Succeeded {
            let error = pool.last_ended().and_then(|ended| ended.ended.as_ref()?.error.clone());
            end(draft, key, error);
            return 1;
        }
        let machines = fleet::own(&draft.world, name);
        let behind = machines.iter().any(|doc| {
            doc.as_machine().is_some_and(|machine| {
                let model = (&machine.model.version, &machine.model.image, &machine.size);
                model != (&pool.state.version, &pool.state.image, &pool.spec.vm_size)
            })
        });
        if !begun && behind {
            begin(draft, &pool_key, operation, Progress::Upgrade(UpgradePhase::Surging));
            return 1;
        }
    }
    end(draft, key, None);
    1
}

/// A pool's part of the cluster's operation.
fn begin(draft: &mut Draft, pool: &Key, operation: &Operation, progress: Progress) {
    let mut part = Operation::begin(part_id(operation, &pool.name), progress, draft.now);
    part.client_request_id.clone_from(&operation.client_request_id);
    draft.update(pool, |doc| {
        if let Some(pool) = doc.as_pool_mut() {
            pool.state.operation = Some(part);
        }
    });
}

/// The id of a pool's part of the cluster's operation: derived, so that a restart knows it again.
fn part_id(operation: &Operation, pool: &str) -> Uid {
    let number = nodelane_model::hash::Hash::new(operation.id.0 as u64).text(pool).get();
    Uid::derive(number, 0, 0)
}

/// Stop and start: every pool that its user wants to run does its part, all at once.
fn power(draft: &mut Draft, key: &Key, operation: &Operation, progress: Progress) -> usize {
    let pools: Vec<_> = draft.world.pools().filter(|(_, pool)| pool.spec.power == Power::Running).map(|(doc, _)| doc.key.clone()).collect();
    for pool_key in &pools {
        let Some((_, pool)) = draft.world.pool(&pool_key.name) else { continue };
        let begun = pool.last_ended().is_some_and(|ended| ended.id == part_id(operation, &pool_key.name));
        if !begun && pool.state.operation.is_none() {
            begin(draft, pool_key, operation, progress);
        }
    }
    end_when_pools_are_idle(draft, key, operation.started);
    pools.len().max(1)
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
                crate::admit::preempt(&mut pool.state, now);
                pool.state.operation = Some(Operation::begin(id, Progress::Delete(DeletePhase::Removing), now));
                pool.state.deletion_started.get_or_insert(now);
            }
        });
    }
    if pools.is_empty() {
        end_with(draft, key, None, |cluster| cluster.state.gone = Some(now));
    }
    pools.len().max(1)
}

/// Ends the cluster's operation.
fn end(draft: &mut Draft, key: &Key, error: Option<OperationError>) {
    end_with(draft, key, error, |_| {});
}

/// The same, and what else must be so in the very write that ends it.
fn end_with(draft: &mut Draft, key: &Key, error: Option<OperationError>, also: impl FnOnce(&mut Cluster)) {
    let now = draft.now;
    let outcome = if error.is_some() { Outcome::Failed } else { Outcome::Succeeded };
    draft.update(key, |doc| {
        let Some(cluster) = doc.as_cluster_mut() else { return };
        also(cluster);
        if let Some(mut operation) = cluster.state.operation.take() {
            operation.ended = Some(Ended { at: now, outcome, error });
            cluster.state.history.push(operation);
        }
        let surplus = cluster.state.history.len().saturating_sub(HISTORY_LIMIT);
        cluster.state.history.drain(..surplus);
    });
}
