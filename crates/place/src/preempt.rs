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
    let (own, nodes) = (&session.profiles[profile as usize], session.rows.len());
    let refused = |before| Diagnosis { nodes, before, reasons: BTreeMap::new(), preemption: Preemption::NotReached };
    if nodes == 0 {
        return Some(refused(None));
    }
    let devices = || own.claims_devices().then_some(Reason::DeviceClaims);
    let reason = Named::by(own).conflict().or_else(|| volumes::refused_before(&session.world, own)).or_else(devices);
    reason.map(|reason| refused(Some(reason)))
}

/// Why a pod fits nowhere, and the best way to make room for it. `world` is what is on the nodes now.
pub(crate) fn diagnose(session: &mut Session, board: &mut Board, world: &World, pod: &Doc) -> (Diagnosis, Option<Way>) {
    let mut reasons = BTreeMap::new();
    let mut hopeful = Vec::new();
    for node in 0..session.rows.len() as u32 {
        let Some(refusal) = board.refusal_beside(session, node, Some(&pod.key)) else {
            continue;
        };
        count(&mut reasons, &refusal);
        if refusal.resolvable {
            hopeful.push(node);
        }
    }
    let (preemption, way) = prospects(session, board, world, pod, &hopeful);
    (Diagnosis { nodes: session.rows.len(), before: None, reasons, preemption }, way)
}

fn count(reasons: &mut BTreeMap<Reason, usize>, refusal: &Refusal) {
    for reason in &refusal.reasons {
        *reasons.entry(reason.clone()).or_default() += 1;
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
    for node in hopeful {
        match board.way(session, world, *node, &pod.key) {
            Ok(way) if best.as_ref().is_none_or(|best| way.is_better_than(best)) => best = Some(way),
            Ok(_) => {}
            Err(refusal) => count(&mut reasons, &refusal),
        }
    }
    if best.is_some() {
        return (Preemption::Possible, best);
    }
    let others = session.rows.len() - hopeful.len();
    if others > 0 {
        reasons.insert(Reason::PreemptionNoHelp, others);
    }
    (Preemption::Hopeless(reasons), None)
}
