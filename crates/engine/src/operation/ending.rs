//! How operations end: the one place that moves an operation into its document's history.
//!
//! Nothing is taken back: an aborted or failed operation leaves what it has done, says so, and lets go of what it held.
//! Not here: when one ends.

use crate::fleet;
use nodelane_model::machine::{Intent, MachineFailure, MachinePhase};
use nodelane_model::operation::{Ended, HISTORY_LIMIT, OperationError, Outcome, Progress};
use nodelane_model::pool::Power;
use nodelane_model::{Key, Name, NodePool, Time};
use nodelane_world::{Draft, List};

/// An operation's error.
pub fn error(code: &str, message: impl Into<Name>) -> OperationError {
    OperationError { code: code.into(), message: message.into() }
}

/// Ends a pool's operation, and with it the abort that asked for it.
pub fn end(draft: &mut Draft, key: &Key, outcome: Outcome, error: Option<OperationError>) {
    end_with(draft, key, outcome, error, |_| {});
}

/// The same, and what else must be so in the very write that ends it.
pub fn end_with(draft: &mut Draft, key: &Key, outcome: Outcome, error: Option<OperationError>, also: impl FnOnce(&mut NodePool)) {
    let now = draft.now;
    draft.update(key, |doc| {
        let Some(pool) = doc.as_pool_mut() else { return };
        also(pool);
        if let Some(mut operation) = pool.state.operation.take() {
            operation.ended = Some(Ended { at: now, outcome, error: error.clone() });
            pool.state.history.push(operation);
        }
        if let Some(mut abort) = pool.state.successor.take() {
            abort.ended = Some(Ended { at: now, outcome: Outcome::Succeeded, error: None });
            // Before what it ended: the newest of the history says how the pool is.
            let last = pool.state.history.len().saturating_sub(1);
            pool.state.history.insert(last, abort);
        }
        let surplus = pool.state.history.len().saturating_sub(HISTORY_LIMIT);
        pool.state.history.drain(..surplus);
    });
    // A pool's end may be what its cluster waits for.
    draft.world.work.add(List::Operations, crate::cluster_key());
}

/// What a provider's failure is for the operation that met it: its code, and a sentence that wraps it (aks-semantics section 5).
pub fn provider_error(progress: Progress, failure: Option<MachineFailure>) -> OperationError {
    let outer = match progress {
        Progress::Create(_) => "CreateVMSSAgentPoolFailed",
        Progress::Start(_) | Progress::Update(_) | Progress::Upgrade(_) => "ReconcileVMSSAgentPoolFailed",
        Progress::Delete(_) => "DeleteVMSSAgentPoolFailed",
        Progress::Scale(_) | Progress::Stop(_) | Progress::DeleteMachines(_) | Progress::Cluster(_) => "ScaleVMSSAgentPoolFailed",
    };
    let MachineFailure { code, message } = failure.unwrap_or(MachineFailure { code: outer.into(), message: Name::default() });
    let message =
        format!("VMSSAgentPoolReconciler retry failed: Category: ClientError; SubCode: {code}; {outer}: Original Error: {message}");
    error(&code, message)
}

/// Ends an aborted operation (aks-semantics AB-1 and section 9 item 0): no rollback; machines already requested are finished, the
/// count is what exists; an aborted stop restores Running and the count. Extra machines of a roll are emptied, and may outlast it.
pub fn abort(draft: &mut Draft, key: &Key) {
    let Some(operation) = draft.world.get(key).and_then(|doc| doc.as_pool()).and_then(|pool| pool.state.operation.clone()) else {
        return;
    };
    let stopping = matches!(operation.progress, Progress::Stop(_));
    crate::upgrade::let_go(draft, key);
    let mut settled = true;
    for doc in fleet::own(&draft.world, &key.name) {
        let failed = doc.as_machine().is_some_and(|machine| machine.phase == MachinePhase::Failed);
        fleet::change(draft, &doc.key, |machine| {
            machine.intent = match machine.intent {
                _ if failed => Intent::Gone,
                Intent::Stop if stopping => Intent::Run,
                as_it_is => as_it_is,
            };
        });
        settled &= failed || fleet::is_ready(&draft.world, &doc);
    }
    let deadline = operation.phase_since.plus(super::PROVISION_LIMIT_MILLIS);
    if !settled && draft.now < deadline {
        draft.world.work.wake(deadline, List::Operations, key.clone());
        return;
    }
    let living = fleet::own(&draft.world, &key.name).len() as u32;
    end_with(draft, key, Outcome::Canceled, None, |pool| {
        pool.spec.count = match (&operation.before, stopping) {
            (Some(before), true) => before.count,
            _ => living,
        };
        crate::upgrade::blue_green::restore(pool, &operation);
        if stopping {
            pool.spec.power = Power::Running;
        }
    });
}

/// How long something has taken, as Go prints a duration in whole seconds: `10m0s`.
pub fn go_minutes(from: Time, to: Time) -> String {
    let seconds = to.since(from) / 1000;
    format!("{}m{}s", seconds / 60, seconds % 60)
}
