//! The runs of a planned change: the first one says whether it is accepted and what happens, the others how long it may take.
//!
//! Each run has the same state and another seed, so other times of booting and draining; runs go side by side, and the answer does not
//! depend on how many at once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use nodelane_engine::Env;
use nodelane_model::hash::Hash;
use nodelane_rehearsal::{End, Rehearsal, Seat, Trial};
use nodelane_review::forecast::{
    BudgetView, Forecast, Minutes, Outcomes, Refused, Verdict, minutes, per_hour_micro_usd, single_replicas, tight, warnings,
};
use nodelane_server::BootProfile;

use super::present::Present;
use crate::az::Failure;
use crate::nodepool::{OfPool, PoolVerb};
use crate::rehearse::hands::{Cluster, InProcess};

/// A change that was asked for in the first run.
pub struct Begun {
    present: Present,
    verb: PoolVerb,
    pool: String,
    subject: usize,
    command: String,
    /// The cell of the cluster, before any time passed.
    first: Option<Asked>,
    tight: Vec<BudgetView>,
}

/// A run that has been asked.
struct Asked {
    trial: Trial,
    answer: Result<(), Failure>,
}

/// Asks for the change.
pub fn begin(present: Present, verb: PoolVerb, pool: &OfPool, command: String) -> Begun {
    let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
    let is_meant =
        |id: &nodelane_arm::ClusterId| same(&id.cluster, &pool.cluster.cluster_name) && same(&id.group.group, &pool.cluster.resource_group);
    let subject = present.clusters.iter().position(|(id, ..)| is_meant(id)).unwrap_or(0);
    let tight = present.clusters.get(subject).map(|(_, world, _)| tight(world, &pool.name)).unwrap_or_default();
    let first = ask(&present, &verb, &pool.name, subject, 0);
    Begun { present, verb, pool: pool.name.clone(), subject, command, first, tight }
}

fn ask(present: &Present, verb: &PoolVerb, pool: &str, subject: usize, seed: u64) -> Option<Asked> {
    let account = Seat::new(Rehearsal::new(present.account.clone(), Env::default(), BootProfile::Instant, present.now));
    let cluster = |(id, world, env): &(nodelane_arm::ClusterId, nodelane_world::World, Env)| {
        let mut world = world.clone();
        world.seed = Hash::new(world.seed).bytes(&seed.to_le_bytes()).get();
        let seat = Seat::new(Rehearsal::new(world, env.clone(), BootProfile::Azure, present.now));
        Cluster { id: id.clone(), seat, env: env.clone() }
    };
    let clusters: Vec<Cluster> = present.clusters.iter().map(cluster).collect();
    let trial = Trial::new(clusters.get(subject)?.seat.clone(), pool);
    let answer = InProcess::new(account, clusters).ask(verb.clone());
    Some(Asked { trial, answer })
}

impl Begun {
    /// Why it is refused.
    pub fn refusal(&self) -> Option<Refused> {
        match &self.first {
            None => Some(Refused { code: None, message: "there is no cluster".to_owned() }),
            Some(asked) => asked.answer.as_ref().err().map(refused),
        }
    }
    /// US dollars an hour now.
    pub fn price(&self) -> f64 {
        self.present.clusters.get(self.subject).map_or(0.0, |(_, world, _)| per_hour_micro_usd(world) as f64 / 1e6)
    }
    /// Budgets without slack.
    pub fn tight(&self) -> &[BudgetView] {
        &self.tight
    }

    /// Runs it to its end under so many seeds.
    pub fn finish(mut self, seeds: u64) -> Forecast {
        let refusal = self.refusal();
        let first = self.first.take();
        match (refusal, first) {
            (None, Some(first)) => {
                let ends = self.ends(first, seeds);
                self.accepted(ends)
            }
            (refusal, first) => {
                let course = first.map(|first| first.trial.stay());
                let (machines, pods, price) = course.map(|course| (course.machines, course.pods, course.price)).unwrap_or_default();
                Forecast {
                    verdict: Verdict::Refused,
                    refusal,
                    outcomes: Outcomes::default(),
                    machines,
                    pods,
                    budgets: self.tight,
                    minutes: Minutes::default(),
                    price_per_hour: price,
                    warnings: self.present.clusters.get(self.subject).map(|of| warnings(&of.1, &self.pool)).unwrap_or_default(),
                    command: self.command,
                }
            }
        }
    }

    fn ends(&self, first: Asked, seeds: u64) -> Vec<End> {
        let next = AtomicU64::new(1);
        let ends = Mutex::new(Vec::new());
        let add = |seed: u64, end: End| ends.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((seed, end));
        let work = || loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds {
                return;
            }
            let asked = ask(&self.present, &self.verb, &self.pool, self.subject, seed).filter(|asked| asked.answer.is_ok());
            asked.into_iter().for_each(|asked| add(seed, asked.trial.finish()));
        };
        std::thread::scope(|scope| {
            let more = std::thread::available_parallelism().map_or(1, usize::from) as u64;
            for _ in 1..more.min(seeds) {
                scope.spawn(work);
            }
            add(0, first.trial.finish());
            work();
        });
        let mut ends = ends.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        ends.sort_by_key(|(seed, _)| *seed);
        ends.into_iter().map(|(_, end)| end).collect()
    }

    fn accepted(self, ends: Vec<End>) -> Forecast {
        let error = ends.iter().find_map(|end| end.failure.as_ref()?.error.as_ref());
        let failed = ends.iter().filter(|end| end.failure.is_some()).count();
        let unfinished = ends.iter().filter(|end| end.millis.is_none()).count();
        let outcomes = Outcomes {
            runs: ends.len(),
            succeeded: ends.len() - failed - unfinished,
            failed,
            unfinished,
            error: error.map(|error| Refused { code: Some(error.code.to_string()), message: error.message.to_string() }),
        };
        let minutes = minutes(ends.iter().filter_map(|end| end.millis).collect());
        let before = &self.present.clusters[self.subject].1;
        let first = ends.into_iter().next().expect("the first run has ended");
        let mut warnings = warnings(&first.world, &self.pool);
        if first.course.pods.moved > 0 {
            warnings.extend(single_replicas(before, &self.pool));
        }
        Forecast {
            verdict: Verdict::Accepted,
            refusal: None,
            outcomes,
            machines: first.course.machines,
            pods: first.course.pods,
            budgets: first.course.budgets,
            minutes,
            price_per_hour: first.course.price,
            warnings,
            command: self.command,
        }
    }
}

/// A failure as the service's code and sentence: `(Code) sentence`, then both again.
fn refused(failure: &Failure) -> Refused {
    let plain = || Refused { code: None, message: failure.message.clone() };
    let Some((code, rest)) = failure.message.strip_prefix('(').and_then(|rest| rest.split_once(") ")) else { return plain() };
    let message = rest.split(&format!("\nCode: {code}")).next().unwrap_or(rest);
    Refused { code: Some(code.to_owned()), message: message.to_owned() }
}
