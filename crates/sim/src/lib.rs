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
use nodelane_model::{Doc, Time};
use nodelane_provider::{Call, Completion, Provider};
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
    /// What kubelets (and the fault injector) ask for.
    pub changes: Vec<(Change, Origin)>,
}

/// The simulated world of one cell.
pub struct Sim {
    cloud: cloud::Cloud,
    kubelets: kubelet::Kubelets,
}

impl Sim {
    /// The world around these documents, at a time.
    pub fn prime(world: &World, profile: BootProfile, catalog: Catalog, now: Time) -> Sim {
        let mut kubelets = kubelet::Kubelets::new(world.seed, profile, catalog);
        kubelets.prime(world, now);
        Sim { cloud: cloud::Cloud::new(world.seed, profile), kubelets }
    }
    /// Takes a provider call.
    pub fn submit(&mut self, call: Call, world: &World, now: Time) {
        self.cloud.slow = fault::active(world, now).any(|fault| fault.kind == "slow-boot" && fault.hits(&call));
        self.cloud.submit(call, now);
    }
    /// Follows one change of a document.
    pub fn follow(&mut self, old: Option<&Arc<Doc>>, new: Option<&Arc<Doc>>, now: Time) {
        self.kubelets.follow(old, new, now);
    }
    /// When something happens next.
    pub fn next_at(&self) -> Option<Time> {
        [self.cloud.next_at(), self.kubelets.next_at()].into_iter().flatten().min()
    }
    /// Everything that happens by `now`, at most `limit` changes.
    pub fn advance(&mut self, world: &World, now: Time, limit: usize) -> Deeds {
        let mut deeds = Deeds::default();
        for mut completion in self.cloud.poll(now) {
            fault::strike(world, &mut completion, now, &mut deeds.changes);
            deeds.completions.push(completion);
        }
        self.kubelets.advance(world, now, limit, &mut deeds.changes);
        deeds
    }
}
