//! One admission, one turn: each all or nothing.
//!
//! A refused change leaves no write behind. A planner that breaks down, or does what the lint forbids, loses its turn's writes and is left
//! out for a while, longer each time; the others go on.

use nodelane_engine::lint::Breach;
use nodelane_engine::{Env, Memory};
use nodelane_model::change::{Accepted, Change, Origin};
use nodelane_model::report::{Planner, Reason, Report};
use nodelane_model::{Refusal, Time};
use nodelane_world::Draft;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The first pause of a planner that broke down; doubled each time.
const QUARANTINE_MILLIS: i64 = 1_000;
/// Doublings at most: about 17 minutes.
const QUARANTINE_DOUBLINGS: u32 = 10;

/// Admits a change, or leaves the draft as it was.
pub fn admit(draft: &mut Draft, change: &Change, origin: &Origin, env: &Env) -> Result<Accepted, Refusal> {
    let before = draft.world.clone();
    let written = draft.writes.len();
    let answer = catch_unwind(AssertUnwindSafe(|| nodelane_engine::admit(draft, change, origin, env)))
        .unwrap_or_else(|panic| Err(Refusal::Unavailable(format!("an assertion failed: {}", text(&*panic)).into())));
    if answer.is_err() {
        draft.world = before;
        draft.writes.truncate(written);
    }
    answer
}

/// Runs a turn; `true` if another would find work at once.
pub fn plan(
    draft: &mut Draft,
    env: &Env,
    memory: &mut Memory,
    quarantine: &mut BTreeMap<Planner, (Time, u32)>,
    breakdowns: &mut Vec<(Planner, String)>,
) -> bool {
    loop {
        let (before, written, now) = (draft.world.clone(), draft.writes.len(), draft.now);
        let mut running = Planner::Operation;
        let enabled = |planner: Planner| quarantine.get(&planner).is_none_or(|(until, _)| *until <= now);
        let done = catch_unwind(AssertUnwindSafe(|| nodelane_engine::plan(draft, env, memory, enabled, &mut running)));
        let (said, report) = match done {
            Ok(Ok(more)) => {
                quarantine.retain(|_, (until, _)| *until > now);
                return more && quarantine.is_empty();
            }
            Ok(Err(Breach { planner, rule, subject })) => {
                let said = format!("{subject}: {rule}");
                (said, Some(Report { planner, subject, declined: Reason::Lint { rule } }))
            }
            Err(panic) => (text(&*panic), None),
        };
        draft.world = before;
        draft.writes.truncate(written);
        report.into_iter().for_each(|report| draft.report(report));
        *memory = Memory::default();
        let (until, times) = quarantine.entry(running).or_insert((now, 0));
        *until = now.plus(QUARANTINE_MILLIS << (*times).min(QUARANTINE_DOUBLINGS));
        *times += 1;
        breakdowns.push((running, said));
    }
}

fn text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("no message").to_owned()
}
