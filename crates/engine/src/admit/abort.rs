//! The running operation is to stop (aks-semantics AB-1): no rollback, and an operation of its own to poll.
//!
//! An abort is the operation's successor; a second one joins the first. A deletion cannot be aborted (LK-4).

use super::pool::{Brought, Met, Verdict, check_cluster, refused, verdict};
use super::{Ask, pool_key};
use nodelane_model::change::Accepted;
use nodelane_model::{Name, Refusal};

/// The pool's running operation is to stop; nothing happens where none runs.
///
/// The abort is the operation's successor: it has the progress of what it ends, and is over when that is.
pub(super) fn pool(ask: &mut Ask, name: &Name) -> Result<Accepted, Refusal> {
    check_cluster(&ask.draft.world)?;
    let verdict = verdict(Met::of(&ask.draft.world, name), Brought::Abort);
    if let Some(refusal) = refused(ask, name, verdict, "Canceling") {
        return Err(refusal);
    }
    let stored = ask.draft.world.pool(name).map(|(doc, pool)| (doc.clone(), pool.clone()));
    let Some((doc, pool)) = stored else {
        return Ok(ask.unchanged(None));
    };
    let Some(live) = pool.state.operation.as_ref().filter(|_| verdict == Verdict::Abort) else {
        return Ok(ask.unchanged(Some(doc)));
    };
    if let Some(abort) = &pool.state.successor {
        return Ok(ask.polled(Some(doc), false, abort.id)); // Already asked: the first abort is the answer.
    }
    let mut abort = ask.operation(0, live.progress);
    abort.abort_requested = true;
    let id = abort.id;
    let now = ask.draft.now;
    let doc = ask.draft.update(&pool_key(name), |doc| {
        if let Some(pool) = doc.as_pool_mut() {
            pool.state.etag += 1;
            if let Some(operation) = &mut pool.state.operation {
                operation.abort_requested = true;
                operation.phase_since = now;
            }
            pool.state.successor = Some(abort);
        }
    });
    Ok(ask.polled(doc, false, id))
}
