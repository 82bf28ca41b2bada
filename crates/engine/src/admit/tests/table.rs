//! What a request meets and what it brings: every cell is set up, asked and compared with the specification's answer.
//!
//! The table below is written from the specification, not from the code: aks-semantics 4.9 and section 9 item 0.

use super::{Bench, spec};
use crate::admit::{Brought, Met};
use nodelane_model::change::Accepted;
use nodelane_model::operation::{Outcome, Progress};
use nodelane_model::pool::{PoolSpec, Power};
use nodelane_model::refusal::PoolRefusal;
use nodelane_model::{Change, Refusal};

const NAME: &str = "np1";

/// Rows: what is met. Columns: Same, Different, Stop, Image, Machines, Delete, Abort, Repeat.
/// From aks-semantics 4.9 (PS-2, LK-1, LK-4, LK-6, AB-1), DL-1, DL-2 and section 9 item 0.
const EXPECTED: [(Met, [&str; 8]); 8] = [
    (Met::Nothing, ["create", "create", "refused ST-1", "404", "404", "nothing", "404", "again"]),
    (Met::Tombstone, ["create", "create", "refused ST-1", "404", "404", "nothing", "404", "again"]),
    (Met::Live, ["busy", "busy", "busy", "busy", "busy", "delete", "abort", "again"]),
    (Met::Deleting, ["only delete", "only delete", "only delete", "only delete", "only delete", "again", "only delete", "again"]),
    (Met::Failed, ["begin", "begin", "refused PS-2", "begin", "begin", "delete", "nothing", "again"]),
    (Met::DeleteFailed, ["only delete", "only delete", "only delete", "only delete", "only delete", "delete", "only delete", "again"]),
    (Met::Canceled, ["begin", "begin", "begin", "begin", "begin", "delete", "nothing", "again"]),
    (Met::Succeeded, ["nothing", "begin", "begin", "begin", "begin", "delete", "nothing", "again"]),
];

/// A bench in which `NAME` is as given; the last request carried the client's id `first`.
fn bench(met: Met) -> Bench {
    let mut bench = Bench::new();
    bench.origin.client_request_id = "first".into();
    if met == Met::Nothing {
        return bench;
    }
    bench.put(NAME, PoolSpec { count: 2, ..spec() }).unwrap();
    bench.boot(NAME);
    bench.settle(NAME, Outcome::Succeeded);
    match met {
        Met::Nothing | Met::Succeeded => {}
        Met::Live => change_labels(&mut bench),
        Met::Failed => {
            change_labels(&mut bench);
            bench.settle(NAME, Outcome::Failed);
        }
        Met::Canceled => {
            change_labels(&mut bench);
            bench.settle(NAME, Outcome::Canceled);
        }
        Met::Deleting => drop(bench.delete(NAME).unwrap()),
        Met::DeleteFailed => {
            bench.delete(NAME).unwrap();
            bench.settle(NAME, Outcome::Failed);
        }
        Met::Tombstone => {
            bench.delete(NAME).unwrap();
            bench.bury(NAME);
        }
    }
    bench
}

fn labelled(bench: &Bench) -> PoolSpec {
    let mut spec = bench.draft.world.pool(NAME).map_or_else(spec, |(_, pool)| pool.spec.clone());
    spec.node_labels.insert("lane".into(), "first".into());
    spec
}

fn change_labels(bench: &mut Bench) {
    let spec = labelled(bench);
    bench.put(NAME, spec).unwrap();
}

fn request(bench: &mut Bench, met: Met, brought: Brought) -> Result<Accepted, Refusal> {
    if brought != Brought::Repeat {
        bench.origin.client_request_id = "second".into();
    }
    let there = bench.draft.world.pool(NAME).map_or_else(spec, |(_, pool)| pool.spec.clone());
    match brought {
        Brought::Same => bench.put(NAME, there),
        Brought::Different => bench.put(NAME, PoolSpec { count: 5, ..there }),
        Brought::Stop => bench.put(NAME, PoolSpec { power: Power::Stopped, ..there }),
        Brought::Image => {
            bench.draft.update(&crate::admit::pool_key(&NAME.into()), |doc| {
                doc.as_pool_mut().unwrap().state.image = "AKSUbuntu-2404gen2containerd-202604.13.0".into();
            });
            bench.ask(&Change::UpgradePoolImage { name: NAME.into() })
        }
        Brought::Machines => {
            let machines = vec![format!("{NAME}-0").into()];
            bench.ask(&Change::DeleteMachines { name: NAME.into(), machines })
        }
        Brought::Delete => bench.delete(NAME),
        Brought::Abort => bench.abort(NAME),
        Brought::Repeat => match met {
            Met::Nothing => {
                // The first of two: without a pool there is nothing to repeat, so it is made first.
                bench.put(NAME, PoolSpec { count: 2, ..spec() }).unwrap();
                bench.put(NAME, PoolSpec { count: 2, ..spec() })
            }
            Met::Succeeded => bench.put(NAME, PoolSpec { count: 2, ..spec() }),
            Met::Live | Met::Failed | Met::Canceled => {
                let spec = labelled(bench);
                bench.put(NAME, spec)
            }
            Met::Deleting | Met::DeleteFailed | Met::Tombstone => bench.delete(NAME),
        },
    }
}

/// What an answer is called in the table.
fn called(bench: &Bench, ids_before: &[nodelane_model::Uid], answer: Result<Accepted, Refusal>) -> String {
    let accepted = match answer {
        Ok(accepted) => accepted,
        Err(Refusal::Pool(PoolRefusal::PoolBusy { .. })) => return "busy".into(),
        Err(Refusal::Pool(PoolRefusal::PoolDeleting { .. })) => return "only delete".into(),
        Err(Refusal::Pool(PoolRefusal::PoolNotFound { .. })) => return "404".into(),
        Err(Refusal::Pool(refusal)) => return format!("refused {}", refusal.rule()),
        Err(other) => return format!("{other:?}"),
    };
    let Some(id) = accepted.operation else {
        return "nothing".into();
    };
    if ids_before.contains(&id) {
        return "again".into();
    }
    let pool = bench.pool(NAME);
    let operation = pool.operation(id).unwrap();
    match operation.progress {
        _ if operation.abort_requested => "abort".into(),
        Progress::Create(_) if accepted.created => "create".into(),
        Progress::Delete(_) => "delete".into(),
        _ => "begin".into(),
    }
}

fn ids(bench: &Bench) -> Vec<nodelane_model::Uid> {
    let pool = bench.draft.world.get(&crate::admit::pool_key(&NAME.into())).and_then(|doc| doc.as_pool()).cloned();
    let state = pool.map(|pool| pool.state).unwrap_or_default();
    state.operation.iter().chain(&state.successor).chain(&state.history).map(|operation| operation.id).collect()
}

#[test]
fn every_request_meets_every_state_as_the_specification_says() {
    assert_eq!(EXPECTED.map(|(met, _)| met), Met::ALL);
    let mut wrong = Vec::new();
    for (met, row) in EXPECTED {
        for (brought, expected) in Brought::ALL.iter().zip(row) {
            let mut bench = bench(met);
            assert_eq!(Met::of(&bench.draft.world, &NAME.into()), met, "the bench is set up");
            let mut before = ids(&bench);
            if met == Met::Nothing && *brought == Brought::Repeat {
                // The operation of the first of the two requests is what the second is to get.
                let mut other = self::bench(met);
                before = vec![request(&mut other, met, *brought).unwrap().operation.unwrap()];
            }
            let answer = request(&mut bench, met, *brought);
            let found = called(&bench, &before, answer);
            if found != expected {
                wrong.push(format!("{met:?} x {brought:?}: {found}, not {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_same_client_id_with_another_body_is_another_request() {
    // az uses one client request id for every request of a command.
    let mut bench = bench(Met::Live);
    let answer = bench.put(NAME, PoolSpec { count: 7, ..spec() });
    assert!(matches!(super::refusal(answer), PoolRefusal::PoolBusy { .. }));
}

#[test]
fn a_repeat_without_a_client_id_is_no_repeat() {
    let mut bench = Bench::new();
    bench.put(NAME, spec()).unwrap();
    assert!(matches!(super::refusal(bench.put(NAME, spec())), PoolRefusal::PoolBusy { .. }));
}
