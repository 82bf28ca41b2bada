//! What a change of a pool does, told before it is made: machines, pods, budgets, time and price, and what the pool's design risks.
//!
//! A [`Watch`] follows the documents of a run of the change on a copy of the world, from any driver; [`Watch::finish`] compares the
//! worlds before and after. Lists are bounded, counts are not. Prices are of all machines of the cluster, for moved pods may move other
//! pools too. Not here: running it (`rehearsal`), reading worlds, flags (`cli`), and the text of it (`text`).

mod budgets;
mod design;
mod machines;
mod pods;
mod price;
mod text;

pub use budgets::{BudgetView, tight};
pub use design::{Warning, single_replicas, warnings};
pub use machines::{Machines, Names};
pub use pods::{Destination, Pods, Workload};
pub use price::per_hour_micro_usd;
pub use text::first_words;

use nodelane_model::{Doc, Kind, Name, Time};
use nodelane_world::World;
use serde::Serialize;
use std::sync::Arc;

/// Names or rows that a list shows at most: one screen at 3 a.m.
pub const SHOWN: usize = 20;

/// Whether a change would be taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The service would begin.
    Accepted,
    /// It would not.
    Refused,
}

/// Why a change would be refused, in the service's words.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Refused {
    /// The service's code; null where `az` itself refuses.
    pub code: Option<String>,
    /// The sentence.
    pub message: String,
}

/// How the runs ended.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Outcomes {
    /// Runs.
    pub runs: usize,
    /// Those whose operation succeeded, or that needed none.
    pub succeeded: usize,
    /// Those whose operation failed or was canceled.
    pub failed: usize,
    /// Those that had not ended after the longest time that is looked ahead.
    pub unfinished: usize,
    /// The first failure, as code and message.
    pub error: Option<Refused>,
}

/// Minutes from the request to the end of the operation, over the runs; null where none ended.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct Minutes {
    /// The middle one.
    pub p50: Option<f64>,
    /// The long one.
    pub p95: Option<f64>,
}

/// US dollars an hour that the cluster's machines cost.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Price {
    /// Now.
    pub before: f64,
    /// At most, on the way.
    pub peak: f64,
    /// When all is over.
    pub after: f64,
}

/// What a change would do.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Forecast {
    /// Whether it would be taken.
    pub verdict: Verdict,
    /// Why not.
    pub refusal: Option<Refused>,
    /// How it would end.
    pub outcomes: Outcomes,
    /// Machines that come, go and are imaged again.
    pub machines: Machines,
    /// Pods that move.
    pub pods: Pods,
    /// Budgets that hold it up, the longest first; for a refusal those without slack.
    pub budgets: Vec<BudgetView>,
    /// How long it takes.
    pub minutes: Minutes,
    /// What it costs.
    pub price_per_hour: Price,
    /// What the pool's design risks.
    pub warnings: Vec<Warning>,
    /// The command that makes the change.
    pub command: String,
}

/// What one run did.
#[derive(Clone, PartialEq, Debug)]
pub struct Course {
    /// Machines.
    pub machines: Machines,
    /// Pods.
    pub pods: Pods,
    /// Budgets that held a drain up.
    pub budgets: Vec<BudgetView>,
    /// Price.
    pub price: Price,
}

/// Follows the documents of a run.
pub struct Watch {
    before: World,
    machines: machines::Tally,
    pods: pods::Moves,
    budgets: budgets::Holds,
    price: price::Meter,
}

impl Watch {
    /// From a world on, at a time; `pool` is the pool that changes.
    pub fn new(before: &World, pool: &str) -> Watch {
        Watch {
            before: before.clone(),
            machines: machines::Tally::new(before, pool),
            pods: pods::Moves::default(),
            budgets: budgets::Holds::default(),
            price: price::Meter::new(before),
        }
    }
    /// A document as it was and as it is; `world` is as of this instant.
    pub fn follow(&mut self, at: Time, old: Option<&Arc<Doc>>, new: Option<&Arc<Doc>>, world: &World) {
        let Some(kind) = new.or(old).map(|doc| doc.key.kind) else { return };
        match kind {
            Kind::Machine => {
                self.machines.machine(old.map(|doc| &**doc), new.map(|doc| &**doc));
                self.budgets.machine(at, new.or(old).map(|doc| &**doc), new.is_some(), world);
                self.price.machine(old.map(|doc| &**doc), new.map(|doc| &**doc), world);
            }
            Kind::Pod => self.pods.pod(old, new, world),
            _ => {}
        }
    }
    /// An instant is over: what it cost counts now.
    pub fn rest(&mut self) {
        self.price.rest();
    }
    /// Pods that the run moved and that wait for a node.
    pub fn waits(&self) -> bool {
        self.pods.waits()
    }
    /// What the run did, at its end.
    pub fn finish(self, at: Time, after: &World) -> Course {
        Course {
            machines: self.machines.finish(&self.before, after),
            pods: self.pods.finish(after),
            budgets: self.budgets.finish(at),
            price: self.price.finish(),
        }
    }
}

/// Nearest rank of sorted or unsorted milliseconds, in minutes with one digit behind the point.
pub fn minutes(mut millis: Vec<i64>) -> Minutes {
    millis.sort_unstable();
    let rank = |percent: usize| {
        let place = (millis.len() * percent).div_ceil(100).max(1);
        millis.get(place - 1).map(|millis| (*millis as f64 / 6_000.0).round() / 10.0)
    };
    Minutes { p50: rank(50), p95: rank(95) }
}

/// A pod's topmost owner as kind and name; itself where it has none.
fn workload(world: &World, pod: &Doc) -> (Name, Name) {
    let Some(owner) = pod.meta.controller() else { return ("Pod".into(), pod.key.name.clone()) };
    let above = nodelane_model::Uid::parse(&owner.uid).and_then(|uid| world.by_uid(uid)).and_then(|doc| doc.meta.controller());
    above.map_or_else(|| (owner.kind.clone(), owner.name.clone()), |above| (above.kind.clone(), above.name.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nearest rank: the value at place ceil(p/100 x n).
    #[test]
    fn the_middle_and_the_long_time_are_nearest_ranks() {
        let told = minutes(vec![300_000, 60_000, 120_000, 240_000, 180_000]);
        assert_eq!((told.p50, told.p95), (Some(3.0), Some(5.0)));
        assert_eq!(minutes(Vec::new()), Minutes::default());
    }
}
