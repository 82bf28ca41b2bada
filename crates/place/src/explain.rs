//! The answer to "which node, and why not the others?" for one pod, by the predicates that place it.
//!
//! Nothing is written. An answer is a session of its own on a fork of the world; a [`Room`] goes on with that of the answer before. A pod
//! that is bound already is asked about as if it were one more, and only its own node passes. An [`Answer`] is a small number a node; names
//! and scores are put to them by whoever asks for them. How to word a refusal is not here.

use crate::board::{Board, FITS};
use crate::config::Config;
use crate::diagnosis::Diagnosis;
use crate::plan::Run;
use crate::preempt;
use crate::reason::Refusal;
use crate::score::Scores;
use crate::session::Session;
use crate::topology::{By, NONE};
use crate::victims::Way;
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
        self.ask(world, pod).verdict()
    }
    /// What every node says to a pod as the world is, by columns.
    pub fn ask(&mut self, world: &World, pod: &Doc) -> Answer<'_> {
        let (run, mut session) = self.open(world);
        let found = answer(run, &mut session, world, pod);
        let session = run.session.insert(session);
        let board = found.profile.and_then(|profile| run.boards.get(&profile)).map(|(board, _)| board);
        Answer { session, board, column: found.column, chosen: found.chosen, diagnosis: found.diagnosis, way: found.way }
    }
    /// Where these pods would go, one after the other, each with those before it in their places; `None` for one that fits nowhere as things
    /// are then. Nothing is written, no room is made, and claims that wait for a pod are not given its node: two pods may both count on one
    /// volume. Afterwards the room is as it was.
    pub fn try_out(&mut self, world: &World, pods: &[Arc<Doc>]) -> Vec<Option<Name>> {
        let (run, mut session) = self.open(world);
        session.read_pods();
        let places = run.try_out(&mut session, pods);
        let names = places.into_iter().map(|node| node.map(|node| session.name(node).clone())).collect();
        run.session = Some(session);
        names
    }
    /// The run, come to a world; its session is the caller's to put back.
    fn open(&mut self, world: &World) -> (&mut Run, Session) {
        let run = Run::resume(self.kept.take(), world, &self.config);
        let run = self.kept.insert(run);
        let session = run.session.take().unwrap_or_else(|| Session::configured(world, self.config.clone()));
        (run, session)
    }
}

/// What every node says to a pod, a small number each. A room is busy while its answer is read.
#[derive(Debug)]
pub struct Answer<'a> {
    session: &'a mut Session,
    /// Absent where no node was asked.
    board: Option<&'a Board>,
    column: Vec<u32>,
    chosen: Option<u32>,
    diagnosis: Option<Diagnosis>,
    way: Option<Way>,
}

impl Answer<'_> {
    /// The nodes in order of name, with why each refuses; `None` for one that does not. Empty where the pod was refused before any node was
    /// asked.
    pub fn nodes(&self) -> impl Iterator<Item = (&Name, Option<&Refusal>)> {
        let asked = self.board.into_iter().flat_map(|board| self.session.roster.iter().map(move |node| (board, node)));
        asked.map(|(board, node)| (self.session.name(node), board.refusal_of(self.column[node as usize])))
    }
    /// How often each refusal is, by the value of a label; an empty one is that of nodes without it. In order of value and refusal.
    pub fn refusals_by(&mut self, label: &Name) -> Vec<(Name, &Refusal, usize)> {
        let Some(board) = self.board else { return Vec::new() };
        let topology = self.session.topology(By::Label(label.clone()));
        let (domains, said) = (topology.domains + 1, board.refusals_end() as usize);
        let mut counts = vec![0; domains * said];
        for node in self.session.roster.iter() {
            let domain = match topology.domain_of[node as usize] {
                NONE => 0,
                domain => domain as usize + 1,
            };
            counts[domain * said + self.column[node as usize] as usize] += 1;
        }
        let values = std::iter::once(Name::default()).chain(self.session.topologies.values(&topology));
        let of_value = |(value, counts): (Name, &[usize])| {
            let refused = (0..).zip(counts).filter(|(_, nodes)| **nodes > 0);
            let named = refused.filter_map(|(said, nodes)| Some((value.clone(), board.refusal_of(said)?, *nodes)));
            named.collect::<Vec<_>>()
        };
        let mut all: Vec<(Name, &Refusal, usize)> = values.zip(counts.chunks(said)).flat_map(of_value).collect();
        all.sort_unstable();
        all
    }
    /// What one node says; `None` where it does not exist or was not asked.
    pub fn node(&self, name: &str) -> Option<Result<(), &Refusal>> {
        let said = self.column[self.board.and_then(|_| self.session.roster.find(name))? as usize];
        Some(self.board?.refusal_of(said).map_or(Ok(()), Err))
    }
    /// As [`Verdict::chosen`].
    pub fn chosen(&self) -> Option<&Name> {
        self.chosen.map(|node| self.session.name(node))
    }
    /// As [`Verdict::diagnosis`].
    pub fn diagnosis(&self) -> Option<&Diagnosis> {
        self.diagnosis.as_ref()
    }
    /// All of it by name, with the scores of nodes that fit.
    pub fn verdict(&self) -> Verdict {
        let mut nodes = BTreeMap::new();
        if let Some(board) = self.board {
            let fitting: Vec<u32> = self.session.roster.iter().filter(|node| self.column[*node as usize] == FITS).collect();
            let mut scores = board.scores(self.session, &fitting).into_iter();
            nodes.extend(self.session.roster.iter().map(|node| {
                let said = match board.refusal_of(self.column[node as usize]) {
                    Some(refusal) => Err(refusal.clone()),
                    None => Ok(scores.next().unwrap_or_default()),
                };
                (self.session.name(node).clone(), said)
            }));
        }
        Verdict {
            nodes,
            chosen: self.chosen().cloned(),
            diagnosis: self.diagnosis.clone(),
            nominated: self.way.as_ref().map(|way| self.session.name(way.node).clone()),
            victims: self.way.iter().flat_map(|way| way.victims.iter()).map(|doc| doc.key.clone()).collect(),
        }
    }
}

/// An answer before it is put to names.
#[derive(Default)]
struct Found {
    /// Absent where no node was asked.
    profile: Option<u32>,
    column: Vec<u32>,
    chosen: Option<u32>,
    diagnosis: Option<Diagnosis>,
    way: Option<Way>,
}

fn answer(run: &mut Run, session: &mut Session, world: &World, pod: &Doc) -> Found {
    let Some(profile) = session.profile(pod, true) else {
        return Found::default();
    };
    session.read_pods();
    if let Some(diagnosis) = preempt::refused_before(session, profile) {
        return Found { diagnosis: Some(diagnosis), ..Found::default() };
    }
    let board = run.board(session, profile);
    let column = board.column(session, &pod.key);
    let nominated = session.nominated_node(pod).filter(|node| column[*node as usize] == FITS);
    let chosen = nominated.or_else(|| board.pick(session));
    let mut found = Found { profile: Some(profile), column, chosen, ..Found::default() };
    if found.chosen.is_none() {
        let (diagnosis, way) = preempt::diagnose(session, board, &found.column, world, pod);
        (found.diagnosis, found.way) = (Some(diagnosis), way);
    }
    found
}
