//! What a request about a pool meets and what it brings: the whole table, and the line of a PUT.
//!
//! The table is total and has no wildcard arm. Order of judging: a repeat gets its first answer, then the eTag, then the cluster's own
//! state, then the table, then whether the pool has moved since the request was merged with it, then the rules.

use super::{Ask, create, pool_key, rollback, rules, update};
use nodelane_model::change::{Accepted, EtagConditions};
use nodelane_model::machine::Intent;
use nodelane_model::operation::{Outcome, Progress};
use nodelane_model::pool::{PoolSpec, Power, etag};
use nodelane_model::refusal::PoolRefusal;
use nodelane_model::{Doc, Name, NodePool, Refusal, Revision};
use nodelane_world::World;

macro_rules! closed {
    ($(#[$doc:meta])* $enum:ident { $($(#[$vdoc:meta])* $variant:ident),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum $enum { $($(#[$vdoc])* $variant),* }
        impl $enum {
            /// Every one, in order.
            pub const ALL: &'static [$enum] = &[$($enum::$variant),*];
        }
    };
}

closed! {
    /// What a request meets.
    Met {
        /// No pool of that name, ever or any more.
        Nothing,
        /// A pool that is gone, kept for those who poll its operations.
        Tombstone,
        /// An operation that runs.
        Live,
        /// A deletion that runs.
        Deleting,
        /// A pool whose last operation failed.
        Failed,
        /// A pool whose deletion failed.
        DeleteFailed,
        /// A pool whose last operation was aborted.
        Canceled,
        /// A pool as it was asked for.
        Succeeded,
    }
}

closed! {
    /// What a request brings.
    Brought {
        /// A PUT of what is there.
        Same,
        /// A PUT that changes something.
        Different,
        /// A PUT that stops the pool.
        Stop,
        /// The newest image.
        Image,
        /// Machines to delete.
        Machines,
        /// A deletion.
        Delete,
        /// An abort.
        Abort,
        /// The same request as the one that began an operation.
        Repeat,
    }
}

closed! {
    /// What follows.
    Verdict {
        /// A pool is made.
        Create,
        /// An operation begins.
        Begin,
        /// Nothing is to be done.
        Unchanged,
        /// The running operation ends, and a deletion begins.
        Preempt,
        /// The running operation is to stop.
        Abort,
        /// The running deletion is the answer.
        Join,
        /// The first answer is given again.
        Again,
        /// Refused: there is no such pool.
        NotFound,
        /// Refused: an operation runs.
        Busy,
        /// Refused: only a deletion is accepted.
        OnlyDelete,
        /// Refused: a failed pool cannot do this.
        NotWhileFailed,
    }
}

/// What a request meets and what it brings, decided (aks-semantics 4.9; section 9 item 0).
pub fn verdict(met: Met, brought: Brought) -> Verdict {
    use Brought::{Abort, Delete, Different, Image, Machines, Repeat, Same, Stop};
    use Met::{Canceled, DeleteFailed, Deleting, Failed, Live, Nothing, Succeeded, Tombstone};
    match (met, brought) {
        (Nothing | Tombstone | Live | Deleting | Failed | DeleteFailed | Canceled | Succeeded, Repeat) => Verdict::Again,
        (Nothing | Tombstone, Same | Different | Stop) => Verdict::Create,
        (Nothing | Tombstone, Image | Machines | Abort) => Verdict::NotFound,
        (Nothing | Tombstone, Delete) => Verdict::Unchanged,
        (Live, Same | Different | Stop | Image | Machines) => Verdict::Busy,
        (Live, Delete) => Verdict::Preempt,
        (Live, Abort) => Verdict::Abort,
        (Deleting | DeleteFailed, Same | Different | Stop | Image | Machines | Abort) => Verdict::OnlyDelete,
        (Deleting, Delete) => Verdict::Join,
        (DeleteFailed, Delete) => Verdict::Begin,
        (Failed, Stop) => Verdict::NotWhileFailed,
        (Failed | Canceled, Same) => Verdict::Begin,
        (Succeeded, Same) => Verdict::Unchanged,
        (Canceled | Succeeded, Stop) => Verdict::Begin,
        (Failed | Canceled | Succeeded, Different | Image | Machines | Delete) => Verdict::Begin,
        (Failed | Canceled | Succeeded, Abort) => Verdict::Unchanged,
    }
}

impl Met {
    /// What a request about a pool of that name meets.
    pub(super) fn of(world: &World, name: &Name) -> Met {
        let Some(pool) = world.get(&pool_key(name)).and_then(|doc| doc.as_pool()) else {
            return Met::Nothing;
        };
        let deleting = pool.state.deletion_started.is_some();
        match (pool.exists(), &pool.state.operation, deleting, pool.last_outcome()) {
            (false, _, _, _) => Met::Tombstone,
            (true, Some(_), true, _) => Met::Deleting,
            (true, Some(_), false, _) => Met::Live,
            (true, None, true, _) => Met::DeleteFailed,
            (true, None, false, Outcome::Failed) => Met::Failed,
            (true, None, false, Outcome::Canceled) => Met::Canceled,
            (true, None, false, Outcome::Succeeded) => Met::Succeeded,
        }
    }
}

/// The first answer, where this very request has begun an operation of the pool (the live one, or one of the two that ended last).
pub(super) fn repeat(ask: &Ask, name: &Name) -> Option<Accepted> {
    let doc = ask.draft.world.get(&pool_key(name))?;
    let state = &doc.as_pool()?.state;
    let known = state.operation.iter().chain(&state.successor).chain(state.history.iter().rev().take(2));
    let operation = known.into_iter().find(|operation| ask.is_repeat(operation))?;
    Some(ask.polled(Some(doc.clone()), matches!(operation.progress, Progress::Create(_)), operation.id))
}

/// The refusal of a verdict that refuses.
pub(super) fn refused(ask: &Ask, name: &Name, verdict: Verdict, asked: &'static str) -> Option<Refusal> {
    let world = &ask.draft.world;
    let pool = world.pool(name).map(|(_, pool)| pool);
    Some(match verdict {
        Verdict::NotFound => {
            let cluster = world.cluster().map(|cluster| cluster.spec.name.clone()).unwrap_or_default();
            PoolRefusal::PoolNotFound { pool: name.clone(), cluster }.into()
        }
        Verdict::Busy => PoolRefusal::PoolBusy { pool: name.clone(), state: pool?.provisioning_state() }.into(),
        Verdict::OnlyDelete => {
            let since = pool?.state.deletion_started?;
            let elapsed_millis = ask.draft.now.since(since);
            PoolRefusal::PoolDeleting { pool: name.clone(), asked, since, elapsed_millis }.into()
        }
        Verdict::NotWhileFailed => PoolRefusal::NotAllowed {
            rule: "PS-2",
            why: "A pool in provisioning state Failed cannot be stopped.".into(),
            accepted: "the same PUT again, a scale, an upgrade or a deletion; then a stop".into(),
        }
        .into(),
        Verdict::Create | Verdict::Begin | Verdict::Unchanged | Verdict::Preempt => return None,
        Verdict::Abort | Verdict::Join | Verdict::Again => return None,
    })
}

/// Judges the conditions on a pool's or cluster's eTag (aks-semantics X-1).
pub(super) fn check_etag(conditions: &EtagConditions, current: Option<Name>) -> Result<(), Refusal> {
    let fits = match (&conditions.if_match, &current) {
        (Some(_), None) => false,
        (Some(wanted), Some(current)) => wanted == "*" || wanted == current,
        (None, _) => true,
    };
    match fits && !(conditions.if_none_match && current.is_some()) {
        true => Ok(()),
        false => Err(PoolRefusal::EtagMismatch { current }.into()),
    }
}

/// The eTag of a pool that exists.
pub(super) fn etag_of(doc: &Doc) -> Option<Name> {
    doc.as_pool().filter(|pool| pool.exists()).map(|pool| etag(doc.meta.uid, pool.state.etag))
}

/// Whether pools of the cluster may change at all (aks-semantics LK-2, LK-5).
pub(super) fn check_cluster(world: &World) -> Result<(), Refusal> {
    let Some(cluster) = world.cluster().filter(|cluster| cluster.state.gone.is_none()) else {
        return Err(Refusal::NotFound(super::cluster_key()));
    };
    let state = cluster.provisioning_state();
    if cluster.state.operation.is_some() {
        return Err(PoolRefusal::ClusterBusy { state }.into());
    }
    match cluster.spec.power {
        Power::Running => Ok(()),
        Power::Stopped => Err(PoolRefusal::ClusterStopped { state }.into()),
    }
}

/// A PUT of a pool.
pub(super) fn put(
    ask: &mut Ask,
    name: &Name,
    spec: &PoolSpec,
    base: Option<Revision>,
    conditions: &EtagConditions,
) -> Result<Accepted, Refusal> {
    if let Some(answer) = repeat(ask, name) {
        return Ok(answer);
    }
    check_etag(conditions, ask.draft.world.get(&pool_key(name)).and_then(|doc| etag_of(doc)))?;
    check_cluster(&ask.draft.world)?;
    place(ask, 0, name, spec, base)
}

/// A pool is to be as given, in a cluster that may change; `ordinal` keeps several of one request apart.
pub(super) fn place(ask: &mut Ask, ordinal: u64, name: &Name, spec: &PoolSpec, base: Option<Revision>) -> Result<Accepted, Refusal> {
    let world = &ask.draft.world;
    let met = Met::of(world, name);
    let stored = world.pool(name).map(|(doc, pool)| (doc.clone(), pool.clone()));
    let Some((doc, old)) = stored else {
        if base.is_some() {
            return Err(stale(name, base));
        }
        return create::pool(ask, ordinal, name, spec);
    };
    rollback::check_image(ask, &old, spec)?;
    let wish = update::wish(ask, name, &old, spec);
    let brought = match &wish {
        None => Brought::Same,
        Some(wish) if matches!(wish.progress, Progress::Stop(_)) => Brought::Stop,
        Some(_) => Brought::Different,
    };
    let asked = wish.as_ref().map_or("Updating", |wish| wish.state());
    let verdict = verdict(met, brought);
    if let Some(refusal) = refused(ask, name, verdict, asked) {
        return Err(refusal);
    }
    if base != Some(doc.revision) {
        return Err(stale(name, base));
    }
    match wish {
        Some(wish) => update::begin(ask, ordinal, name, &old, wish),
        None if verdict == Verdict::Begin => {
            let wish = update::resume(ask, name, &old);
            update::begin(ask, ordinal, name, &old, wish)
        }
        None => Ok(ask.unchanged(Some(doc))),
    }
}

fn stale(name: &Name, base: Option<Revision>) -> Refusal {
    Refusal::Stale { key: pool_key(name), base: base.unwrap_or_default() }
}

/// Machines of a pool that are meant to live and to stay; deallocated ones count (aks-semantics S-5).
pub(super) fn living(world: &World, name: &Name) -> u32 {
    rules::machines(world, name).filter(|machine| !machine.surge && machine.intent != Intent::Gone).count() as u32
}

/// Machines that a pool is to have: the user's count, or what the autoscaler has made of it.
pub fn count(world: &World, name: &Name, pool: &NodePool) -> u32 {
    match pool.spec.enable_auto_scaling && pool.spec.power == Power::Running && pool.state.operation.is_none() {
        true => living(world, name),
        false => pool.spec.count,
    }
}
