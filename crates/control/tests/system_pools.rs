//! One system pool exists at every moment, whatever is asked at once (aks-semantics SP-1, SP-2; invariant I4).
//!
//! A thousand rounds of twice 32 requests in one step, merged with the same published world; judged after every single event.

mod support;

use nodelane_control::Input;
use nodelane_model::change::EtagConditions;
use nodelane_model::hash::Hash;
use nodelane_model::pool::Mode;
use nodelane_model::refusal::PoolRefusal;
use nodelane_model::{Change, Doc, Key, Kind, Refusal};
use nodelane_world::World;
use std::collections::BTreeSet;
use support::*;

const ROUNDS: u64 = 1_000;
const AT_ONCE: u64 = 32;

/// Whether a document is a system pool that exists.
fn is_system_pool(doc: &Doc) -> bool {
    doc.as_pool().is_some_and(|pool| pool.exists() && pool.spec.mode == Mode::System)
}

/// A deletion or a change of mode of one of the two pools, merged with what is published.
fn draw(world: &World, draw: u64) -> Option<Change> {
    let name = if draw & 1 == 0 { "a" } else { "b" };
    if draw >> 1 & 15 == 0 {
        return Some(Change::DeletePool { name: name.into(), ignore_budgets: true, etag: EtagConditions::default() });
    }
    let (doc, pool) = world.pool(name)?;
    let mut spec = Box::new(pool.spec.clone());
    spec.mode = if draw >> 5 & 1 == 0 { Mode::User } else { Mode::System };
    Some(Change::PutPool { name: name.into(), spec, base: Some(doc.revision), etag: EtagConditions::default(), request_hash: draw })
}

#[test]
fn a_system_pool_remains_under_racing_deletes_and_mode_changes() {
    let start = two_system_pools();
    let (mut refused, mut gone, mut changed) = (0, 0, 0);
    for round in 0..ROUNDS {
        let mut bench = Bench::on(start.clone());
        let mut system: BTreeSet<Key> =
            start.list(Kind::NodePool, None).filter(|doc| is_system_pool(doc)).map(|doc| doc.key.clone()).collect();
        for wave in 0..2 {
            let seed = Hash::new(round).number(wave);
            let published = bench.cell.durable().clone();
            let inputs: Vec<Input> =
                (0..AT_ONCE).filter_map(|n| draw(&published, seed.number(n).get())).map(|change| bench.request(change).1).collect();
            bench.step(inputs);
            bench.settle();
        }
        for event in &bench.events {
            let key = event.key().unwrap().clone();
            match event.new.as_ref().is_some_and(|doc| is_system_pool(doc)) {
                true => system.insert(key),
                false => system.remove(&key),
            };
            assert!(!system.is_empty(), "round {round}, revision {}", event.revision);
        }
        let last = |answer: &Answer| matches!(answer.1, Err(Refusal::Pool(PoolRefusal::LastSystemPool)));
        refused += bench.answers.iter().filter(|answer| last(answer)).count();
        let world = bench.cell.durable();
        gone += usize::from(world.pools().count() < 2);
        changed += usize::from(world.pools().any(|(_, pool)| pool.spec.mode == Mode::User));
    }
    // The rule was put to the test: it refused, and what it allowed has happened.
    assert!(refused > 1_000 && gone > 500 && changed > 50, "{refused} refused, {gone} rounds lost a pool, {changed} have a user pool");
}
