//! The simulated outside world: a cloud that makes machines and kubelets that run pods.
//!
//! A client like any other: it follows a cell's documents and answers with provider completions and with changes under a node's
//! identity. What it will do next is a function of documents, seed and time, so it is primed from any world: after a restart, on a
//! fork, on a recorded cluster. It decides nothing for anyone.

pub mod cloud;
pub mod fault;
pub mod kubelet;

use nodelane_catalog::Catalog;
use nodelane_model::change::{Change, Origin};
use nodelane_model::{Doc, FaultKind, Kind, Time};
use nodelane_provider::{Call, Completion, Observation, Provider};
use nodelane_world::World;
use std::sync::Arc;

/// How long machines take.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum BootProfile {
    /// Nothing takes any time.
    Instant,
    /// Seconds: for people.
    #[default]
    Fast,
    /// Minutes: as in Azure.
    Azure,
}

/// What the simulated world does next.
#[derive(Debug, Default)]
pub struct Deeds {
    /// Answers of the cloud.
    pub completions: Vec<Completion>,
    /// What the cloud says unasked.
    pub observations: Vec<Observation>,
    /// What kubelets (and the fault injector) ask for.
    pub changes: Vec<(Change, Origin)>,
}

/// The simulated world of one cell.
pub struct Sim {
    cloud: cloud::Cloud,
    evictions: cloud::spot::Evictions,
    scheduled: cloud::scheduled::Scheduled,
    ledger: fault::Ledger,
    kubelets: kubelet::Kubelets,
}

impl Sim {
    /// The world around these documents, at a time.
    pub fn prime(world: &World, profile: BootProfile, catalog: Catalog, now: Time) -> Sim {
        let mut kubelets = kubelet::Kubelets::new(world.seed, profile, catalog);
        kubelets.prime(world, now);
        let (mut evictions, mut scheduled) = (cloud::spot::Evictions::default(), cloud::scheduled::Scheduled::default());
        for doc in [Kind::Fault, Kind::Machine].into_iter().flat_map(|kind| world.list(kind, None)) {
            evictions.follow(None, doc, now);
            scheduled.follow(None, doc, now);
        }
        Sim { cloud: cloud::Cloud::new(world.seed, profile), evictions, scheduled, ledger: fault::Ledger::default(), kubelets }
    }
    /// Takes a provider call.
    pub fn submit(&mut self, call: Call, world: &World, now: Time) {
        let boots = cloud::boots(call.verb);
        let slows = |fault: &nodelane_model::Fault| fault.kind == FaultKind::SlowBoot && fault::hits(fault, &call);
        self.cloud.slow = boots && fault::active(world, now).any(|fault| slows(&fault) && self.ledger.take(&fault));
        self.cloud.submit(call, now);
    }
    /// Follows one change of a document.
    pub fn follow(&mut self, old: Option<&Arc<Doc>>, new: Option<&Arc<Doc>>, now: Time) {
        if new.or(old).is_some_and(|doc| doc.key.kind == Kind::Fault) {
            self.ledger.settle(old, new);
        }
        if let Some(new) = new {
            self.evictions.follow(old, new, now);
            self.scheduled.follow(old, new, now);
        }
        self.kubelets.follow(old, new, now);
    }
    /// When something happens next.
    pub fn next_at(&self) -> Option<Time> {
        [self.cloud.next_at(), self.evictions.next_at(), self.scheduled.next_at(), self.kubelets.next_at()].into_iter().flatten().min()
    }
    /// Everything that happens by `now`, at most `limit` changes.
    pub fn advance(&mut self, world: &World, now: Time, limit: usize) -> Deeds {
        let mut deeds = Deeds::default();
        for mut completion in self.cloud.poll(now) {
            fault::strike(world, &mut self.ledger, &mut completion, now);
            deeds.completions.push(completion);
        }
        deeds.observations = self.evictions.advance(world, &mut self.ledger, now);
        deeds.observations.extend(self.scheduled.advance(world, now));
        self.ledger.write(world, &mut deeds.changes);
        self.kubelets.advance(world, now, limit, &mut deeds.changes);
        deeds
    }
}
