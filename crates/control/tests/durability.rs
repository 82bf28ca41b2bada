//! Nothing leaves a cell before the revision that it rests on is durable, and what a store did not take has not happened.
//!
//! The store is the test: it says what is durable and when. Here too: extra ticks change nothing, the same inputs give the same
//! outputs, and a planner that breaks down pauses while the others go on.

mod support;

use nodelane_control::{Input, StoreFailure};
use nodelane_model::hash::Hash;
use nodelane_model::machine::MachinePhase;
use nodelane_model::{Change, Key, Kind};
use nodelane_provider::{Completion, Verb};
use nodelane_world::World;
use support::*;

fn failed() -> Input {
    Input::StoreFailed(StoreFailure { message: "no space left on device".into() })
}

#[test]
fn replies_calls_and_events_wait_for_the_store() {
    let mut bench = Bench::on(World::new(7));
    let id = bench.ask(put_cluster(&["a"]));
    bench.step(vec![Input::Tick]);
    assert!(bench.appended() > 0 && bench.answers.is_empty() && bench.calls.is_empty() && bench.events.is_empty());
    assert_eq!((bench.cell.durable().revision, bench.cell.durable().len()), (0, 0));
    let last = bench.appended();
    bench.step(vec![Input::Durable(last - 1)]);
    assert!(bench.answers.is_empty() && bench.calls.is_empty() && bench.events.is_empty(), "half a batch is no batch");
    bench.step(vec![Input::Durable(last)]);
    assert!(bench.answer(id).is_some_and(Result::is_ok));
    assert_eq!(bench.calls.iter().map(|call| call.verb).collect::<Vec<_>>(), [Verb::Create]);
    assert_eq!(bench.events.iter().map(|event| event.revision).collect::<Vec<_>>(), (1..=last).collect::<Vec<_>>());
    assert_eq!(bench.cell.durable().revision, last);
}

#[test]
fn a_refusal_that_rests_on_a_write_waits_for_it() {
    let mut bench = Bench::on(World::new(7));
    let first = bench.ask(Bench::namespace("x"));
    let second = bench.ask(Bench::namespace("x"));
    assert!(bench.answers.is_empty(), "the name is taken only if the first is stored");
    bench.durable();
    assert!(bench.answer(first).unwrap().is_ok() && bench.answer(second).unwrap().is_err());
    let third = bench.ask(Bench::namespace("x"));
    assert!(bench.answer(third).unwrap().is_err(), "with nothing under way an answer goes out at once");
}

#[test]
fn batches_land_in_order_and_no_further_than_they_are_durable() {
    let mut bench = Bench::on(World::new(7));
    let ids: Vec<_> = ["x", "y", "z"].map(|name| bench.ask(Bench::namespace(name))).to_vec();
    let lasts: Vec<_> = bench.appends.iter().map(|append| append.last).collect();
    for (landed, last) in lasts.iter().enumerate() {
        bench.step(vec![Input::Durable(*last)]);
        assert_eq!(ids.iter().filter(|id| bench.answer(**id).is_some()).count().max(landed), ids.len().min(landed + 1));
        assert_eq!(bench.cell.durable().revision, *last);
    }
}

#[test]
fn what_the_store_did_not_take_has_not_happened() {
    let mut bench = Bench::on(World::new(7));
    let stored = bench.ask(Bench::namespace("kept"));
    bench.settle();
    let (world, seen) = (bench.cell.durable().clone(), bench.events.len());
    let lost = [bench.ask(put_cluster(&["a"])), bench.ask(Bench::namespace("lost"))];
    let (in_the_same_step, input) = bench.request(Bench::namespace("too"));
    bench.step(vec![input, failed()]);
    assert!(bench.answer(stored).unwrap().is_ok());
    assert!(lost.iter().chain([&in_the_same_step]).all(|id| bench.is_unavailable(*id)), "{:?}", bench.answers);
    assert_eq!((bench.cell.durable().revision, bench.events.len(), bench.calls.len()), (world.revision, seen, 0));
    let late = bench.ask(Bench::namespace("late"));
    assert!(bench.is_unavailable(late), "a closed store is said at once");

    bench.step(vec![Input::StoreRecovered]);
    let again = bench.ask(Bench::namespace("lost"));
    assert_eq!(bench.appends.last().unwrap().first, world.revision + 1, "revisions go on from what is durable");
    bench.settle();
    assert!(bench.answer(again).unwrap().is_ok());
    assert!(bench.cell.durable().cluster().is_none() && bench.calls.is_empty());
}

#[test]
fn an_answer_of_a_provider_that_could_not_be_stored_is_asked_for_again() {
    for while_closed in [false, true] {
        let mut bench = Bench::on(World::new(7));
        bench.ask(put_cluster(&["a"]));
        bench.durable();
        let call = bench.calls.pop().unwrap();
        let answer = Input::Provider(Completion { call: call.clone(), result: Ok(()) });
        let inputs = if while_closed { vec![failed(), answer] } else { vec![answer] };
        bench.step(inputs);
        if !while_closed {
            bench.step(vec![failed()]);
        }
        let phase = |bench: &Bench| bench.cell.durable().list(Kind::Machine, None).next().unwrap().as_machine().unwrap().phase;
        assert_eq!(phase(&bench), MachinePhase::Requested);
        bench.step(vec![Input::StoreRecovered]);
        assert_eq!(bench.calls, [call], "{while_closed}");
        bench.settle();
        assert_eq!(phase(&bench), MachinePhase::Running);
    }
}

#[test]
fn extra_ticks_change_nothing() {
    let mut bench = Bench::on(two_system_pools());
    let (revision, work) = (bench.cell.durable().revision, bench.cell.durable().work.next_deadline());
    bench.settle();
    for minute in 0..100 {
        bench.now = START.plus(minute * 60_000);
        let out = bench.step(vec![Input::Tick, Input::Tick]);
        assert!(out.append.is_none() && !out.more, "at {}", bench.now);
    }
    assert_eq!((bench.cell.durable().revision, bench.cell.durable().work.next_deadline()), (revision, work));
}

/// Everything that a run gives, as text.
fn run(seed: u64) -> String {
    let mut bench = Bench::on(two_system_pools());
    let mut told = String::new();
    for step in 0..60 {
        bench.now = bench.now.plus(1_000);
        let draw = Hash::new(seed).number(step).get();
        let name = if draw & 1 == 0 { "a" } else { "b" };
        match draw >> 1 & 7 {
            0 | 1 => drop(bench.ask(Bench::namespace(&format!("n{step}")))),
            2 => drop(bench.ask(Change::DeletePool { name: name.into(), ignore_budgets: false, etag: Default::default() })),
            3 => drop(bench.step(vec![failed(), Input::StoreRecovered])),
            4 => drop(bench.durable()),
            5 => drop(bench.ask(put_cluster(&["a", "b"]))),
            _ => bench.settle(),
        }
        for append in bench.appends.drain(..) {
            told.push_str(&format!("{append:?}\n"));
        }
        told.push_str(&format!("{:?}\n", bench.answers));
        bench.settle();
    }
    told
}

#[test]
fn the_same_inputs_give_the_same_outputs() {
    for seed in 0..5 {
        let told = run(seed);
        assert!(told.len() > 10_000 && told == run(seed), "seed {seed}");
    }
}

/// A world in which the operations' planner breaks down: the name of the machine that it would make is taken by another pool's.
fn broken() -> World {
    let mut bench = Bench::on(two_system_pools());
    bench.settle();
    let mut world = bench.cell.durable().clone();
    let (doc, pool) = world.pool("a").map(|(doc, pool)| (doc.clone(), pool.clone())).unwrap();
    let mut other = (**world.machines_of(&"b".into()).next().unwrap().0).clone();
    other.key.name = format!("aks-a-{:08}-vmss000001", pool.state.number).into();
    other.revision = world.revision + 1;
    world.put(other.into());
    let mut next = (*doc).clone();
    next.revision = world.revision + 1;
    let pool = next.as_pool_mut().unwrap();
    pool.spec.count = 2;
    pool.state.operation = Some(nodelane_model::Operation::begin(
        nodelane_model::Uid(9),
        nodelane_model::operation::Progress::Scale(nodelane_model::operation::ScalePhase::Provisioning),
        START,
    ));
    world.put(next.into());
    world
}

#[test]
fn a_planner_that_breaks_down_pauses_longer_each_time_and_the_others_go_on() {
    use nodelane_model::report::Planner;
    let world = broken();
    let mut bench = Bench::on(world.clone());
    let mut pauses = Vec::new();
    for _ in 0..4 {
        let out = bench.step(vec![Input::Tick]);
        assert_eq!(out.breakdowns.iter().map(|(planner, _)| *planner).collect::<Vec<_>>(), [Planner::Operation]);
        assert!(out.breakdowns[0].1.contains("is taken"), "{:?}", out.breakdowns);
        let wake_at = out.wake_at.expect("it is tried again");
        pauses.push(wake_at.since(bench.now));
        // Meanwhile requests are answered and the other planners work.
        let id = bench.ask(Bench::namespace(&format!("n{}", pauses.len())));
        bench.durable();
        assert!(bench.answer(id).unwrap().is_ok());
        bench.now = wake_at;
    }
    assert_eq!(pauses, [1_000, 2_000, 4_000, 8_000]);
    assert_eq!(bench.cell.durable().pool("a").unwrap().1.state.next_instance, 1, "half a turn leaves no write");

    // What broke it is taken away: it goes on, and nothing reminds of it.
    let stray = Key::global(Kind::Machine, format!("aks-a-{:08}-vmss000001", world.pool("a").unwrap().1.state.number));
    bench.ask(Change::Delete { key: stray, uid: None, base: None, grace_seconds: None, propagation: Default::default() });
    bench.settle();
    let out = bench.step(vec![Input::Tick]);
    assert!(out.breakdowns.is_empty() && out.wake_at.is_none_or(|at| at > bench.now), "{:?}", out.wake_at);
    assert_eq!(bench.cell.durable().pool("a").unwrap().1.provisioning_state(), "Succeeded");
}
