//! A new pool: its document with the operation that makes its machines.
//!
//! A tombstone of the same name hands over its finished operations, so that those who poll them still find them.

use super::pool::{Met, Verdict, refused, verdict};
use super::{Ask, pool_key, rules, update};
use nodelane_model::change::Accepted;
use nodelane_model::hash::Hash;
use nodelane_model::operation::{CreatePhase, Progress};
use nodelane_model::pool::{PoolSpec, PoolState};
use nodelane_model::{Body, Meta, Name, NodePool, Operation, Refusal};
use nodelane_world::World;

/// A pool that is not there is to be.
pub(super) fn pool(ask: &mut Ask, ordinal: u64, name: &Name, spec: &PoolSpec) -> Result<Accepted, Refusal> {
    let met = Met::of(&ask.draft.world, name);
    debug_assert_eq!(verdict(met, super::Brought::Different), Verdict::Create);
    if let Some(refusal) = refused(ask, name, verdict(met, super::Brought::Different), "Creating") {
        return Err(refusal);
    }
    let spec = update::settled(spec.clone(), None, 0);
    let step = rules::Step { adds: spec.count, surge: 0, rolls: false, renews_image: true, back_to: None };
    let target = rules::check(ask, name, &spec, None, &step)?;
    let mut state = PoolState {
        version: target.version,
        image: target.image,
        etag: 1,
        number: number(&ask.draft.world, name),
        operation: Some(ask.operation(ordinal, Progress::Create(CreatePhase::Provisioning))),
        ..PoolState::default()
    };
    let id = state.operation.as_ref().map(|operation| operation.id).unwrap_or_default();
    state.history = inherited(ask, name);
    let spec = PoolSpec { orchestrator_version: target.asked, ..spec };
    let meta = Meta { generation: 1, ..Meta::default() };
    let doc = ask.draft.create(pool_key(name), meta, Body::NodePool(Box::new(NodePool { spec, state })));
    Ok(ask.polled(Some(doc), true, id))
}

/// Takes a tombstone away and gives its finished operations.
fn inherited(ask: &mut Ask, name: &Name) -> Vec<Operation> {
    let key = pool_key(name);
    let history = ask.draft.world.get(&key).and_then(|doc| doc.as_pool()).map(|pool| pool.state.history.clone());
    if history.is_some() {
        ask.draft.remove(&key);
    }
    history.unwrap_or_default()
}

/// Eight digits that no other pool of the cluster has (aks-semantics N-7).
fn number(world: &World, name: &Name) -> u32 {
    let taken: Vec<u32> =
        world.list(nodelane_model::Kind::NodePool, None).filter_map(|doc| doc.as_pool()).map(|pool| pool.state.number).collect();
    let draw = |attempt| {
        let hash = Hash::new(world.seed).text("pool number").text(name).number(world.revision).number(attempt);
        hash.between(10_000_000, 99_999_999) as u32
    };
    // At most a hundred pools and their tombstones share ninety million numbers: the second draw is all but certain to be free.
    (0..).map(draw).find(|number| !taken.contains(number)).unwrap_or_default()
}
