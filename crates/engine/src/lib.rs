//! Decides, never acts.
//!
//! [`admit()`] says whether a change may happen and writes what it means; [`plan`] takes the next steps towards what the documents
//! want. Both write to a [`Draft`], in which everything is assumed at once. Same world, same time, same draft, byte for byte: no clock,
//! no randomness, no IO.

pub mod admit;
pub mod autoscale;
pub mod converge;
pub mod disrupt;
pub mod fleet;
pub mod lint;
pub mod marks;
pub mod operation;
pub mod repair;
pub mod upgrade;

pub use admit::{Env, admit};

use nodelane_model::cluster::CLUSTER;
use nodelane_model::report::Planner;
use nodelane_model::{Key, Kind};
use nodelane_world::Draft;

/// What planners remember and may forget: losing it delays, and never harms.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// What the placement remembers.
    pub place: nodelane_place::Memory,
    /// What autoscaling remembers.
    pub autoscale: autoscale::Memory,
}

/// Work of one turn per planner: pods created, placed, machines looked at. 512 pods of 2 KiB, each written twice, are 2 MiB a batch.
pub const UNITS_PER_TURN: usize = 512;

/// The key of the cell's cluster.
pub fn cluster_key() -> Key {
    Key::global(Kind::Cluster, CLUSTER)
}

/// One turn: every planner in this order, each over its worklist. `true` if another turn would find work at once; a breach where a planner
/// did what none may, and then the draft is not to be used.
pub fn plan(
    draft: &mut Draft,
    env: &Env,
    memory: &mut Memory,
    enabled: impl Fn(Planner) -> bool,
    running: &mut Planner,
) -> Result<bool, lint::Breach> {
    draft.world.work.ring(draft.now);
    memory.place.config = env.scheduler.clone();
    let (mut more, mut placed_all) = (false, true);
    for planner in [Planner::Operation, Planner::Repair, Planner::Workload, Planner::Place, Planner::Autoscale, Planner::Converge] {
        if !enabled(planner) {
            continue;
        }
        *running = planner;
        let (base, written) = (draft.world.clone(), draft.writes.len());
        let spent = match planner {
            Planner::Operation => operation::plan(draft, env, UNITS_PER_TURN),
            Planner::Workload => nodelane_workload::plan(draft, UNITS_PER_TURN),
            Planner::Place => nodelane_place::plan(draft, &mut memory.place, UNITS_PER_TURN, |draft, pod| {
                nodelane_workload::delete(draft, pod, None, None)
            }),
            Planner::Converge => converge::plan(draft, env, UNITS_PER_TURN),
            Planner::Autoscale => autoscale::plan(draft, env, &mut memory.autoscale, placed_all, UNITS_PER_TURN),
            Planner::Repair => repair::plan(draft, env, UNITS_PER_TURN),
            Planner::Upgrade => 0,
        };
        lint::judge(&base, &draft.world, planner, &draft.writes[written..])?;
        placed_all &= planner != Planner::Place || spent < UNITS_PER_TURN;
        more |= spent >= UNITS_PER_TURN;
    }
    Ok(more || !draft.world.work.is_idle())
}
