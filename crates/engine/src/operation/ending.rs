//! How operations end: the one place that moves an operation into its document's history.

use crate::{disrupt, fleet};
use nodelane_model::machine::{CordonOwner, Intent, MachinePhase};
use nodelane_model::operation::{Ended, HISTORY_LIMIT, OperationError, Outcome, Progress};
use nodelane_model::pool::Power;
use nodelane_model::{Key, Name, Time};
use nodelane_world::{Draft, List};

/// An operation's error.
pub fn error(code: &str, message: impl Into<Name>) -> OperationError {
    OperationError { code: code.into(), message: message.into() }
}

/// Ends a pool's operation, and with it the abort that asked for it.
pub fn end(draft: &mut Draft, key: &Key, outcome: Outcome, error: Option<OperationError>) {
    let now = draft.now;
    draft.update(key, |doc| {
        let Some(pool) = doc.as_pool_mut() else { return };
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

/// Ends an aborted operation (aks-semantics AB-1 and section 9 item 0): no rollback; machines already requested are finished, the
/// count is what exists; an aborted stop restores Running and the count.
pub fn abort(draft: &mut Draft, key: &Key) -> usize {
    let Some(operation) = draft.world.get(key).and_then(|doc| doc.as_pool()).and_then(|pool| pool.state.operation.clone()) else {
        return 1;
    };
    let stopping = matches!(operation.progress, Progress::Stop(_));
    let mut settled = true;
    for doc in fleet::wanted(&draft.world, &key.name) {
        let Some(machine) = doc.as_machine() else { continue };
        disrupt::uncordon(draft, &doc.key, CordonOwner::Operation);
        fleet::change(draft, &doc.key, |machine| {
            machine.drain = None;
            machine.roll = None;
            if stopping {
                machine.intent = Intent::Run;
            }
            if machine.surge || machine.phase == MachinePhase::Failed {
                machine.intent = Intent::Gone; // Extra machines of a roll that is over have no use.
            }
        });
        settled &= machine.surge || machine.phase == MachinePhase::Failed || fleet::is_ready(&draft.world, &doc);
    }
    let deadline = operation.phase_since.plus(super::PROVISION_LIMIT_MILLIS);
    if !settled && draft.now < deadline {
        draft.world.work.wake(deadline, List::Operations, key.clone());
        return 1;
    }
    let living = fleet::wanted_count(&draft.world, &key.name);
    draft.update(key, |doc| {
        let Some(pool) = doc.as_pool_mut() else { return };
        pool.spec.count = match (&operation.before, stopping) {
            (Some(before), true) => before.count,
            _ => living,
        };
        if stopping {
            pool.spec.power = Power::Running;
        }
    });
    end(draft, key, Outcome::Canceled, None);
    1
}

/// How long something has taken, as Go prints a duration in whole seconds: `10m0s`.
pub fn go_minutes(from: Time, to: Time) -> String {
    let seconds = to.since(from) / 1000;
    format!("{}m{}s", seconds / 60, seconds % 60)
}
