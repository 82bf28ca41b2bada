//! What preemption would come to: asked for the text of a diagnosis only. Nothing is evicted here.
//!
//! On each node that could be helped, the pods that are less urgent are thought away, and the filters asked again.

use crate::board::Board;
use crate::diagnosis::{Diagnosis, Preemption};
use crate::filter::{node_affinity::Named, volumes};
use crate::reason::{Reason, Refusal};
use crate::session::Session;
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

/// Why the pods of a profile fit nowhere.
pub(crate) fn diagnose(session: &mut Session, board: &mut Board, profile: u32) -> Diagnosis {
    let mut reasons = BTreeMap::new();
    let mut hopeful = Vec::new();
    for (row, node) in session.rows.iter().zip(0..) {
        let Some(refusal) = board.refusal(session, row, &board.tally, node) else {
            continue;
        };
        count(&mut reasons, &refusal);
        if refusal.resolvable {
            hopeful.push(node);
        }
    }
    let preemption = prospects(session, board, profile, &hopeful);
    Diagnosis { nodes: session.rows.len(), before: None, reasons, preemption }
}

fn count(reasons: &mut BTreeMap<Reason, usize>, refusal: &Refusal) {
    for reason in &refusal.reasons {
        *reasons.entry(reason.clone()).or_default() += 1;
    }
}

fn prospects(session: &mut Session, board: &mut Board, profile: u32, hopeful: &[u32]) -> Preemption {
    let own = &session.profiles[profile as usize];
    if own.spec().preemption_policy.as_deref() == Some("Never") {
        return Preemption::Never;
    }
    let priority = own.priority();
    let mut reasons = BTreeMap::new();
    for node in hopeful {
        if session.lowest_priority[*node as usize] >= priority {
            *reasons.entry(Reason::NoVictims).or_default() += 1;
            continue;
        }
        match without_victims(session, board, *node, priority) {
            Some(refusal) => count(&mut reasons, &refusal),
            None => return Preemption::Possible,
        }
    }
    let others = session.rows.len() - hopeful.len();
    if others > 0 {
        reasons.insert(Reason::PreemptionNoHelp, others);
    }
    Preemption::Hopeless(reasons)
}

/// The refusal of a node if its less urgent pods were gone.
fn without_victims(session: &Session, board: &mut Board, node: u32, priority: i32) -> Option<Refusal> {
    let (mut row, mut tally) = (session.rows[node as usize].clone(), board.tally.clone());
    for other in 0..session.profiles.len() as u32 {
        let victim = &session.profiles[other as usize];
        let pods = session.placed[other as usize].iter().filter(|pod| pod.node == node);
        let count = if victim.priority() < priority { pods.count() } else { 0 };
        if count > 0 {
            row.charge(&victim.class, -(count as i64));
            let moves = board.moves_of(session, other);
            // Terminating pods are taken away from the counts of spreading as well, as kube-scheduler does.
            tally.apply(&moves, node, false, -(count as i64));
        }
    }
    board.refusal(session, &row, &tally, node)
}
