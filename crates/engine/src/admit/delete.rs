//! A pool goes. A deletion preempts whatever runs (aks-semantics DL-2, LK-6) and is the last thing that a pool accepts (LK-4).
//!
//! A second deletion joins the first. Draining and removing are the planner's.

use super::pool::{Brought, Met, Verdict, check_cluster, check_etag, etag_of, refused, repeat, verdict};
use super::{Ask, pool_key, rules};
use nodelane_model::change::{Accepted, EtagConditions};
use nodelane_model::operation::{DeletePhase, Ended, HISTORY_LIMIT, OperationError, Outcome, Progress};
use nodelane_model::pool::PoolState;
use nodelane_model::{Name, Operation, Refusal, Time};

/// A pool is to go; nothing happens where there is none.
pub(super) fn pool(ask: &mut Ask, name: &Name, ignore_budgets: bool, conditions: &EtagConditions) -> Result<Accepted, Refusal> {
    if let Some(answer) = repeat(ask, name) {
        return Ok(answer);
    }
    let verdict = verdict(Met::of(&ask.draft.world, name), Brought::Delete);
    debug_assert_eq!(verdict == Verdict::Unchanged, ask.draft.world.pool(name).is_none());
    let Some(doc) = ask.draft.world.pool(name).map(|(doc, _)| doc.clone()) else {
        return Ok(ask.unchanged(None)); // a deletion of nothing is fine, whatever its conditions.
    };
    check_etag(conditions, etag_of(&doc))?;
    check_cluster(&ask.draft.world)?;
    if let Some(refusal) = refused(ask, name, verdict, "Deleting") {
        return Err(refusal);
    }
    if verdict == Verdict::Join {
        return Ok(join(ask, name, ignore_budgets));
    }
    rules::system::check_another_remains(ask, name)?;
    rules::check_unprotected(doc.as_pool().map(|pool| (name, pool)).into_iter())?;
    let mut operation = ask.operation(0, Progress::Delete(DeletePhase::Draining));
    operation.ignore_budgets = ignore_budgets;
    let id = operation.id;
    let now = ask.draft.now;
    let doc = ask.draft.update(&pool_key(name), |doc| {
        if let Some(pool) = doc.as_pool_mut() {
            preempt(&mut pool.state, now);
            pool.state.etag += 1;
            pool.state.deletion_started.get_or_insert(now);
            pool.state.operation = Some(operation);
        }
    });
    Ok(ask.polled(doc, false, id))
}

/// The running deletion is the answer; it passes over budgets from now on if this one would.
fn join(ask: &mut Ask, name: &Name, ignore_budgets: bool) -> Accepted {
    let mut id = None;
    let doc = ask.draft.update(&pool_key(name), |doc| {
        if let Some(operation) = doc.as_pool_mut().and_then(|pool| pool.state.operation.as_mut()) {
            operation.ignore_budgets |= ignore_budgets;
            id = Some(operation.id);
        }
    });
    Accepted { operation: id, ..ask.unchanged(doc) }
}

/// Ends what runs, and the abort that waits for it, because a deletion came.
pub(crate) fn preempt(state: &mut PoolState, now: Time) {
    let ended: Vec<Operation> = state.successor.take().into_iter().chain(state.operation.take()).collect();
    for mut operation in ended {
        operation.ended = Some(preempted(now));
        state.history.push(operation);
    }
    let surplus = state.history.len().saturating_sub(HISTORY_LIMIT);
    state.history.drain(..surplus);
}

/// How an operation ends that a deletion has preempted (aks-semantics LK-6).
pub(super) fn preempted(now: Time) -> Ended {
    let error = OperationError {
        code: "AKSOperationPreemptedByDelete".into(),
        message: "This operation has been preempted by Deleting operation.".into(),
    };
    Ended { at: now, outcome: Outcome::Canceled, error: Some(error) }
}
