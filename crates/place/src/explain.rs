//! The answer to "which node, and why not the others?" for one pod, by the predicates that place it.
//!
//! Nothing is written. An answer is a session of its own on a fork of the world; a [`Room`] goes on with that of the answer before. A pod that is bound already
//! is asked about as if it were one more, and only its own node passes. How to word a refusal is not here.

use crate::config::Config;
use crate::diagnosis::Diagnosis;
use crate::plan::Run;
use crate::preempt;
use crate::reason::Refusal;
use crate::score::Scores;
use crate::session::Session;
use nodelane_model::{Doc, Key, Name};
use nodelane_world::World;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What every node says to a pod.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Verdict {
    /// By node: its scores where it fits, or the first plugin's refusal. Empty where the pod was refused before any node was asked.
    pub nodes: BTreeMap<Name, Result<Scores, Refusal>>,
    /// The node that it is nominated for, where it fits there; else the one with the highest score, the first by name of several.
    pub chosen: Option<Name>,
    /// Why it fits nowhere, where that is so.
    pub diagnosis: Option<Diagnosis>,
    /// Where room would be made for it, where that is the way.
    pub nominated: Option<Name>,
    /// The pods that would go from there, the most important first.
    pub victims: Vec<Key>,
}

/// What every node says to a pod as the world is. A document that is no pod gets an empty verdict.
pub fn explain(world: &World, pod: &Doc) -> Verdict {
    explain_with(world, pod, &Arc::default())
}

/// What every node says to a pod as the world is and the scheduler is configured.
pub fn explain_with(world: &World, pod: &Doc, config: &Arc<Config>) -> Verdict {
    Room { config: config.clone(), kept: None }.explain(world, pod)
}

/// For many questions about worlds that differ little: what one answer took to know serves the next.
#[derive(Debug, Default)]
pub struct Room {
    /// How the scheduler is configured.
    pub config: Arc<Config>,
    kept: Option<Box<Run>>,
}

impl Room {
    /// What every node says to a pod as the world is; the same as [`explain`] says.
    pub fn explain(&mut self, world: &World, pod: &Doc) -> Verdict {
        let mut run = Run::resume(self.kept.take(), world, &self.config);
        let mut session = run.session.take().unwrap_or_else(|| Session::configured(world, self.config.clone()));
        let verdict = answer(&mut run, &mut session, world, pod);
        run.session = Some(session);
        self.kept = run.rest(world);
        verdict
    }
}

fn answer(run: &mut Run, session: &mut Session, world: &World, pod: &Doc) -> Verdict {
    let mut verdict = Verdict::default();
    let Some(profile) = session.profile(pod, true) else {
        return verdict;
    };
    session.read_pods();
    if let Some(diagnosis) = preempt::refused_before(session, profile) {
        verdict.diagnosis = Some(diagnosis);
        return verdict;
    }
    let board = run.board(session, profile);
    let mut fitting = Vec::new();
    for node in 0..session.rows.len() as u32 {
        match board.refusal_beside(session, node, Some(&pod.key)) {
            Some(refusal) => {
                verdict.nodes.insert(session.name(node).clone(), Err(refusal));
            }
            None => fitting.push(node),
        }
    }
    for (node, scores) in fitting.iter().zip(board.scores(session, &fitting)) {
        verdict.nodes.insert(session.name(*node).clone(), Ok(scores));
    }
    let nominated = session.nominated_node(pod).filter(|node| fitting.contains(node));
    match nominated.or_else(|| board.pick()) {
        Some(node) => verdict.chosen = Some(session.name(node).clone()),
        None => {
            let (diagnosis, way) = preempt::diagnose(session, board, world, pod);
            verdict.diagnosis = Some(diagnosis);
            verdict.nominated = way.as_ref().map(|way| session.name(way.node).clone());
            verdict.victims = way.iter().flat_map(|way| way.victims.iter()).map(|doc| doc.key.clone()).collect();
        }
    }
    verdict
}
