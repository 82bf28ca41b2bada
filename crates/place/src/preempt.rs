//! Why a pod fits nowhere, and whether taking less urgent pods away would help it (kube-scheduler's DefaultPreemption).
//!
//! Nothing is written here: this names the node and the pods that would go, see [`crate::nominate`] for the rest. Every node that could be
//! helped is looked at; kube-scheduler stops at a tenth of them, and at 100 at least, from a random one on. Nodes as good as each other
//! go by name.

use crate::board::Board;
use crate::diagnosis::{Diagnosis, Preemption};
use crate::filter::{node_affinity::Named, volumes};
use crate::reason::{Plugin, Reason, Refusal};
use crate::session::Session;
use crate::victims::{self, Way};
use nodelane_model::Doc;
use nodelane_world::World;
use std::collections::BTreeMap;

/// Why the pods of a profile are refused before any node is asked: there is none, affinity terms contradict each other, or claims are
/// not as they must be.
pub(crate) fn refused_before(session: &Session, profile: u32) -> Option<Diagnosis> {
    let (own, nodes) = (&session.profiles[profile as usize], session.roster.len());
    let refused = |before| Diagnosis { nodes, before, reasons: BTreeMap::new(), preemption: Preemption::NotReached };
    if nodes == 0 {
        return Some(refused(None));
    }
    let devices = || own.claims_devices().then_some(Reason::DeviceClaims);
    let reason = Named::by(own).conflict().or_else(|| volumes::refused_before(&session.world, own)).or_else(devices);
    reason.map(|reason| refused(Some(reason)))
}

/// Why a pod fits nowhere, and the best way to make room for it. `column` is what the nodes say, `world` what is on them now.
pub(crate) fn diagnose(session: &mut Session, board: &mut Board, column: &[u32], world: &World, pod: &Doc) -> (Diagnosis, Option<Way>) {
    let mut by_refusal = Vec::new();
    let mut hopeful = Vec::new();
    for node in session.roster.iter() {
        let said = column[node as usize] as usize;
        if by_refusal.len() <= said {
            by_refusal
                .extend((by_refusal.len()..=said).map(|said| (0, board.refusal_of(said as u32).is_some_and(|refusal| refusal.resolvable))));
        }
        by_refusal[said].0 += 1;
        if by_refusal[said].1 {
            hopeful.push(node);
        }
    }
    let mut reasons = BTreeMap::new();
    for (said, (nodes, _)) in (0..).zip(&by_refusal) {
        board.refusal_of(said).filter(|_| *nodes > 0).into_iter().for_each(|refusal| count(&mut reasons, refusal, *nodes));
    }
    let (preemption, way) = prospects(session, board, world, pod, &hopeful);
    (Diagnosis { nodes: session.roster.len(), before: None, reasons, preemption }, way)
}

fn count(reasons: &mut BTreeMap<Reason, usize>, refusal: &Refusal, nodes: usize) {
    for reason in &refusal.reasons {
        *reasons.entry(reason.clone()).or_default() += nodes;
    }
}

fn prospects(session: &mut Session, board: &mut Board, world: &World, pod: &Doc, hopeful: &[u32]) -> (Preemption, Option<Way>) {
    let own = board.profile(session);
    if !own.config.runs(Plugin::DefaultPreemption) {
        return (Preemption::Off, None);
    }
    if own.spec().preemption_policy.as_deref() == Some("Never") {
        return (Preemption::Never, None);
    }
    let priority = own.priority();
    let nominated = session.nominated_node(pod);
    if nominated.is_some_and(|node| hopeful.contains(&node) && victims::are_leaving(world, session.name(node), priority)) {
        return (Preemption::Waiting, None);
    }
    let mut reasons = BTreeMap::new();
    let mut best: Option<Way> = None;
    // In order of name: of ways as good as each other the first is taken.
    let (without, hopeful_still): (Vec<u32>, Vec<u32>) =
        hopeful.iter().partition(|node| session.lowest_priority[**node as usize] >= priority);
    if !without.is_empty() {
        count(&mut reasons, &Refusal::lasting(Reason::NoVictims), without.len());
    }
    for node in &hopeful_still {
        match board.way(session, world, *node, &pod.key) {
            Ok(way) if best.as_ref().is_none_or(|best| way.is_better_than(best)) => best = Some(way),
            Ok(_) => {}
            Err(refusal) => count(&mut reasons, &refusal, 1),
        }
    }
    if best.is_some() {
        return (Preemption::Possible, best);
    }
    let others = session.roster.len() - hopeful.len();
    if others > 0 {
        reasons.insert(Reason::PreemptionNoHelp, others);
    }
    (Preemption::Hopeless(reasons), None)
}
