//! Which pods of one node would have to go for a pod, and which of two nodes is the better one to make room on.
//!
//! All less urgent pods are thought away; if the pod fits then, they are let back as far as it still does: those first that would go
//! against a disruption budget, the most important ones first among both. What budgets allow is read from their status, as
//! kube-scheduler does. Pods without a start time count as started last; equally important ones go by name.

use crate::board::Board;
use crate::reason::{Reason, Refusal};
use crate::session::Session;
use crate::tally::Moves;
use nodelane_model::{Doc, Key, Name};
use nodelane_world::World;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A way to make room: a node, and the pods on it that would go.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Way {
    pub node: u32,
    /// The most important first; never empty.
    pub victims: Arc<Vec<Arc<Doc>>>,
    rank: Rank,
}

/// What ways are compared by; the least is the best.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Rank {
    violations: usize,
    highest_priority: i32,
    priorities: i64,
    victims: usize,
    /// When the first of the most urgent victims started: late is good.
    started: Reverse<i64>,
}

impl Way {
    fn new(node: u32, victims: Vec<Arc<Doc>>, violations: usize) -> Way {
        // Every priority is lifted above 0, so that more victims are never better for having negative ones.
        let lifted = |doc: &Arc<Doc>| i64::from(priority_of(doc)) + (1 << 31);
        let highest_priority = victims.iter().map(|doc| priority_of(doc)).max().unwrap_or(i32::MIN);
        let urgent = victims.iter().filter(|doc| priority_of(doc) == highest_priority);
        let rank = Rank {
            violations,
            highest_priority,
            priorities: victims.iter().map(lifted).sum(),
            victims: victims.len(),
            started: Reverse(urgent.map(|doc| started(doc)).min().unwrap_or(i64::MAX)),
        };
        Way { node, victims: Arc::new(victims), rank }
    }
    /// Whether this is the way to take of two whatever their nodes' names.
    pub fn is_better_than(&self, other: &Way) -> bool {
        self.rank < other.rank
    }
}

fn priority_of(doc: &Doc) -> i32 {
    doc.as_pod().and_then(|pod| pod.spec.priority).unwrap_or(0)
}

fn started(doc: &Doc) -> i64 {
    doc.as_pod().and_then(|pod| pod.status.start_time).map_or(i64::MAX, |time| time.0)
}

/// The most important pods have the least.
fn importance(doc: &Doc) -> (Reverse<i32>, i64) {
    (Reverse(priority_of(doc)), started(doc))
}

/// Whether pods less urgent than `priority` are leaving a node because they were preempted.
pub(crate) fn are_leaving(world: &World, node: &Name, priority: i32) -> bool {
    let preempted = |doc: &Doc| {
        let condition = doc.as_pod().and_then(|pod| pod.status.conditions.iter().find(|condition| condition.kind == "DisruptionTarget"));
        condition.is_some_and(|condition| condition.status == "True" && condition.reason == "PreemptionByScheduler")
    };
    world.pods_on(node).any(|doc| doc.is_terminating() && is_running(doc) && priority_of(doc) < priority && preempted(doc))
}

fn is_running(doc: &Doc) -> bool {
    doc.as_pod().is_some_and(|pod| !pod.status.is_terminal())
}

/// Which pods of a node would have to go, or why that would not help.
pub(crate) fn select(session: &mut Session, board: &mut Board, world: &World, node: u32, own: &Key) -> Result<Way, Refusal> {
    let priority = board.profile(session).priority();
    let less_urgent = |doc: &&Arc<Doc>| is_running(doc) && priority_of(doc) < priority;
    let mut pods: Vec<Arc<Doc>> = match session.lowest_priority[node as usize] < priority {
        true => world.pods_on(session.name(node)).filter(less_urgent).cloned().collect(),
        false => Vec::new(),
    };
    if pods.is_empty() {
        return Err(Refusal::lasting(Reason::NoVictims));
    }
    pods.sort_by_key(|doc| importance(doc)); // They come in order of name.
    let mut place = Place { row: session.rows[node as usize].clone(), tally: board.tally.clone(), node };
    let pods: Vec<Pod> = pods
        .into_iter()
        .filter_map(|doc| {
            let profile = session.profile(&doc, false)?;
            Some(Pod { moves: board.moves_of(session, profile), doc, profile })
        })
        .collect();
    pods.iter().for_each(|pod| place.take_up(session, pod, -1));
    if let Some(refusal) = board.refusal_with(session, &place.row, &place.tally, node, Some(own)) {
        return Err(refusal);
    }
    let violating = violating(session, &pods);
    let mut victims = Vec::new();
    let mut violations = 0;
    for first in [true, false] {
        for at in (0..pods.len()).filter(|at| violating[*at] == first) {
            place.take_up(session, &pods[at], 1);
            if board.refusal_with(session, &place.row, &place.tally, node, Some(own)).is_some() {
                place.take_up(session, &pods[at], -1);
                victims.push(pods[at].doc.clone());
                violations += usize::from(first);
            }
        }
    }
    // Of equally important ones those whose leaving goes against a budget stay in front.
    victims.sort_by_key(|doc| importance(doc));
    // Where all are let back the pod fits as things are; nobody asks then.
    if victims.is_empty() { Err(Refusal::lasting(Reason::NoVictims)) } else { Ok(Way::new(node, victims, violations)) }
}

/// A pod that may have to go.
struct Pod {
    doc: Arc<Doc>,
    profile: u32,
    moves: Moves,
}

/// A node as it would be.
struct Place {
    row: nodelane_world::NodeRow,
    tally: crate::tally::Tally,
    node: u32,
}

impl Place {
    fn take_up(&mut self, session: &Session, pod: &Pod, times: i64) {
        let class = &session.profiles[pod.profile as usize].class;
        self.row.charge(class, times);
        if times < 0 {
            // A port that two pods have (no scheduler did that) is free once one of them is away: kube-scheduler keeps a set.
            for port in &class.ports {
                self.row.ports.remove(port);
            }
        }
        // Terminating pods are taken away from the counts of spreading as well, as kube-scheduler does.
        self.tally.apply(&pod.moves, self.node, false, times);
    }
}

/// Which pods' leaving would go against a budget, if all of them left in this order.
fn violating(session: &mut Session, pods: &[Pod]) -> Vec<bool> {
    let budgets = session.budgets();
    let mut allowed: BTreeMap<&Key, i32> = BTreeMap::new();
    let goes_against = |pod: &Pod| {
        let mut violated = false;
        for doc in budgets.get(&pod.doc.key.namespace).into_iter().flatten() {
            let Some(budget) = doc.as_budget() else { continue };
            let covers =
                budget.spec.selector.as_ref().is_some_and(|selector| !selector.is_empty() && selector.matches(&pod.doc.meta.labels));
            // A pod without labels is covered by none, and one that was evicted already is in the counts.
            if pod.doc.meta.labels.is_empty() || !covers || budget.status.disrupted_pods.contains_key(&pod.doc.key.name) {
                continue;
            }
            let left = allowed.entry(&doc.key).or_insert(budget.status.disruptions_allowed);
            *left -= 1;
            violated |= *left < 0;
        }
        violated
    };
    pods.iter().map(goes_against).collect()
}
