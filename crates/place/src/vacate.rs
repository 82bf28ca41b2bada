//! Whether the pods of a node would find room elsewhere if the node went.
//!
//! Nodes go one after another, and each only where every pod that has to move finds a place among those that stay, by the filters that
//! place pods; the place is taken for the nodes after it. Pods go to the first node that takes them, in an order that fills nodes which
//! stay before nodes which may go too: scores say where a pod is best, and the question here is whether it can be. Nothing is written.
//!
//! Not here: which pods have to move, which nodes may go, and in which order they are asked.

use crate::config::Config;
use crate::filter::node_affinity::Named;
use crate::filter::{self, node_ports, resources_fit};
use crate::plan::Run;
use crate::preempt;
use crate::session::Session;
use nodelane_model::{Doc, Key, Name};
use nodelane_world::World;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What one question took to know that serves the next. Whoever copies it begins anew.
#[derive(Debug, Default)]
pub struct Vacancies {
    kept: Option<Box<Run>>,
    /// Whether it is not the first question: then pods are read, so that the next can follow what changes.
    was_asked: bool,
}

impl Clone for Vacancies {
    fn clone(&self) -> Vacancies {
        Vacancies::default()
    }
}

/// Moves after which going back costs more than beginning anew.
const MOVES_LIMIT: usize = 4_096;

impl Vacancies {
    /// Opens the question for a world. Pods go to the nodes in `last` only where no other takes them, to the last of those first.
    pub fn open(&mut self, world: &World, config: &Arc<Config>, last: &[&Name]) -> Vacating {
        let mut run = Run::resume(self.kept.take(), world, config);
        let mut session = run.session.take().unwrap_or_else(|| Session::configured(world, config.clone()));
        if std::mem::replace(&mut self.was_asked, true) {
            session.read_pods();
        }
        let mut vacating = Vacating {
            is_told: false,
            order: Vec::new(),
            closed: vec![false; session.rows.len()],
            run,
            session,
            moves: Vec::new(),
            walks: BTreeMap::new(),
        };
        let late: Vec<u32> = last.iter().rev().filter_map(|name| vacating.index(name)).collect();
        let mut is_late = vec![false; vacating.closed.len()];
        late.iter().for_each(|node| is_late[*node as usize] = true);
        vacating.order = vacating.session.roster.iter().filter(|node| !is_late[*node as usize]).chain(late).collect();
        vacating
    }
}

/// A pod that was moved in thought.
#[derive(Clone, Copy, Debug)]
struct Move {
    profile: u32,
    from: u32,
    to: u32,
    /// Whether it gave back its room: pods on their way out hold theirs to the end.
    freed: bool,
}

/// How far along the order a profile's pods have found no room.
#[derive(Debug)]
struct Walk {
    named: Named,
    next: usize,
    /// The node that admitted the last one, room aside.
    admits: Option<u32>,
}

/// The question, while nodes go.
#[derive(Debug)]
pub struct Vacating {
    run: Box<Run>,
    session: Session,
    /// Whether moves are told to the session and its boards, or only charged to its rows: those of pods that nothing but room can stop
    /// need no more, and most are such.
    is_told: bool,
    order: Vec<u32>,
    /// Nodes that take no pods: they went, or are on their way.
    closed: Vec<bool>,
    moves: Vec<Move>,
    walks: BTreeMap<u32, Walk>,
}

impl Vacating {
    fn index(&self, name: &Name) -> Option<u32> {
        self.session.roster.find(name)
    }
    /// A node takes no pods from now on.
    pub fn close(&mut self, node: &Name) {
        if let Some(at) = self.index(node) {
            self.closed[at as usize] = true;
        }
    }
    /// A node goes, and these pods move: to where, node by node. Where one finds no place, the node stays and that pod is named.
    pub fn vacate(&mut self, node: &Name, pods: &[Arc<Doc>]) -> Result<BTreeSet<Name>, Key> {
        let Some(from) = self.index(node) else { return Ok(BTreeSet::new()) };
        let (mark, was_closed) = (self.moves.len(), std::mem::replace(&mut self.closed[from as usize], true));
        let mut last: Option<(&Arc<Doc>, u32)> = None;
        for pod in pods {
            let known = last.filter(|(other, _)| are_alike(other, pod)).map(|(_, profile)| profile);
            let Some(profile) = known.or_else(|| self.session.profile(pod, false)) else { continue };
            last = Some((pod, profile));
            if !self.is_told && !self.is_plain(profile) {
                self.tell_all();
            }
            let freed = !pod.is_terminating();
            self.free(profile, from, freed);
            let Some(to) = self.place(profile) else {
                self.unfree(profile, from, freed);
                self.go_back(mark);
                self.closed[from as usize] = was_closed;
                return Err(pod.key.clone());
            };
            self.take(profile, to, 1);
            self.moves.push(Move { profile, from, to, freed });
        }
        let mut nodes: Vec<u32> = self.moves[mark..].iter().map(|moved| moved.to).collect();
        nodes.dedup();
        Ok(nodes.into_iter().map(|node| self.session.name(node).clone()).collect())
    }
    /// The same in thought only: the node stays, and nothing is taken.
    pub fn would_vacate(&mut self, node: &Name, pods: &[Arc<Doc>]) -> Result<BTreeSet<Name>, Key> {
        let mark = self.moves.len();
        let at = self.index(node);
        let was_closed = at.is_some_and(|at| self.closed[at as usize]);
        let answer = self.vacate(node, pods);
        self.go_back(mark);
        at.inspect(|at| self.closed[*at as usize] = was_closed);
        answer
    }
    /// Ends the question: everything is as it was.
    pub fn close_into(mut self, vacancies: &mut Vacancies) {
        if !self.is_told || self.moves.len() <= MOVES_LIMIT {
            self.go_back(0);
            let world = self.session.world.clone();
            self.run.session = Some(self.session);
            vacancies.kept = self.run.rest(&world);
        }
    }
    fn go_back(&mut self, mark: usize) {
        for Move { profile, from, to, freed } in self.moves.split_off(mark).into_iter().rev() {
            self.take(profile, to, -1);
            self.unfree(profile, from, freed);
        }
        self.walks.clear();
    }
    /// A pod takes room on a node, or gives it back.
    fn take(&mut self, profile: u32, node: u32, times: i64) {
        match (self.is_told, times > 0) {
            (false, _) => self.session.rows[node as usize].charge(&self.session.profiles[profile as usize].class, times),
            (true, true) => self.session.bind(profile, node),
            (true, false) => self.session.end(profile, node, true),
        }
    }
    fn free(&mut self, profile: u32, node: u32, freed: bool) {
        if freed {
            self.take(profile, node, -1);
        }
    }
    fn unfree(&mut self, profile: u32, node: u32, freed: bool) {
        if freed {
            self.take(profile, node, 1);
        }
    }
    /// From now on moves are told, those that were made too.
    fn tell_all(&mut self) {
        let moves = std::mem::take(&mut self.moves);
        for Move { profile, from, to, freed } in moves.iter().rev().copied() {
            self.take(profile, to, -1);
            self.unfree(profile, from, freed);
        }
        self.is_told = true;
        self.session.read_pods();
        for Move { profile, from, to, freed } in moves.iter().copied() {
            self.free(profile, from, freed);
            self.take(profile, to, 1);
        }
        self.moves = moves;
    }
    /// The first node in order that takes a pod of the profile.
    fn place(&mut self, profile: u32) -> Option<u32> {
        if self.is_plain(profile) { self.walk(profile) } else { self.search(profile) }
    }
    /// Whether nothing but the node itself and what is taken of it can keep the profile's pods from a node.
    fn is_plain(&self, profile: u32) -> bool {
        let own = &self.session.profiles[profile as usize];
        let class = &own.class;
        self.session.world.exclusive.is_empty()
            && self.session.world.nominated.is_empty()
            && !own.is_affine()
            && own.spec().topology_spread_constraints.is_empty()
            && !own.config.spreads_as_a_must()
            && class.claims.is_empty()
            && class.disks.is_empty()
            && !own.claims_devices()
    }
    /// Room only shrinks while nodes go, so each profile walks along the order once.
    fn walk(&mut self, profile: u32) -> Option<u32> {
        let own = &self.session.profiles[profile as usize];
        let walk = self.walks.entry(profile).or_insert_with(|| Walk { named: Named::by(own), next: 0, admits: None });
        for (at, node) in self.order.iter().enumerate().skip(walk.next) {
            let row = &self.session.rows[*node as usize];
            if self.closed[*node as usize] || !resources_fit::fits(own, row) || node_ports::check(own, row).is_some() {
                continue;
            }
            if walk.admits != Some(*node) {
                if filter::lasting(own, &walk.named, row).is_some() {
                    continue;
                }
                walk.admits = Some(*node);
            }
            walk.next = at;
            return Some(*node);
        }
        walk.next = self.order.len();
        None
    }
    fn search(&mut self, profile: u32) -> Option<u32> {
        if preempt::refused_before(&self.session, profile).is_some() {
            return None;
        }
        let board = self.run.board(&mut self.session, profile);
        let own = &self.session.profiles[profile as usize];
        let roomy = self.order.iter().filter(|node| !self.closed[**node as usize]).filter(|node| {
            // Most nodes are refused here, which saves asking the rest.
            resources_fit::fits(own, &self.session.rows[**node as usize])
        });
        roomy.copied().find(|node| board.refusal_beside(&self.session, *node, None).is_none())
    }
}

/// Whether two pods are of one template, so that what holds for the one holds for the other; pods with volumes are looked at one by one.
fn are_alike(a: &Doc, b: &Doc) -> bool {
    let spec = |doc: &Doc| doc.as_pod().map(|pod| Arc::as_ptr(&pod.spec));
    spec(a) == spec(b)
        && Arc::ptr_eq(&a.meta.labels, &b.meta.labels)
        && a.key.namespace == b.key.namespace
        && b.as_pod().is_some_and(|pod| pod.spec.volumes.is_empty())
}
