//! I1, I9 and E5: what clients were answered. An answer rests on what is published and survives every crash; a repeat gets the first
//! answer; an eTag or revision is used up by the write that it allowed; a store that takes nothing says so, and only then.
//!
//! An answer is looked up by the revision of the document that it shows. Not here: what a watch shows (`view`).

use super::{Findings, Invariant, View};
use nodelane_control::Event;
use nodelane_model::change::Accepted;
use nodelane_model::machine::MachineModel;
use nodelane_model::operation::Outcome;
use nodelane_model::pool::etag;
use nodelane_model::{Key, Kind, Name, NodePool, Refusal, Revision, Time, Uid};
use nodelane_world::World;
use std::collections::{BTreeMap, BTreeSet};

/// What a client asked for, as far as its answer can be judged by it.
#[derive(Clone, Default, Debug)]
pub struct Asked {
    /// The revision of the document that the change was computed from.
    pub base: Option<Revision>,
    /// The eTag that it named.
    pub if_match: Option<Name>,
    /// Whether it is a PUT of a pool.
    pub is_put: bool,
    /// The request that it repeats, with the same client id.
    pub repeat_of: Option<u64>,
}

/// What a write did, for those who ask by its revision.
struct Written {
    key: Key,
    base: Option<Revision>,
    etag: Option<Name>,
    /// An operation began that nothing was there to be done for.
    needless: bool,
}

/// Writes that are remembered: more than come before an answer does.
const WRITTEN_LIMIT: usize = 2_048;

/// What clients asked for and were answered.
#[derive(Default)]
pub(super) struct Requests {
    asked: BTreeMap<u64, Asked>,
    operations: BTreeMap<u64, Uid>,
    written: BTreeMap<Revision, Written>,
    used: BTreeSet<(Key, Name)>,
    acknowledged: Revision,
    last: Option<(Time, bool)>,
}

fn pool_etag(doc: &nodelane_model::Doc) -> Option<Name> {
    doc.as_pool().filter(|pool| pool.exists()).map(|pool| etag(doc.meta.uid, pool.state.etag))
}

impl Requests {
    pub(super) fn asked(&mut self, id: u64, asked: Asked) {
        self.asked.insert(id, asked);
    }
    pub(super) fn after(&mut self, findings: &mut Findings, view: &View, at: Time, event: &Event) {
        let (Some(old), Some(new)) = (&event.old, &event.new) else { return };
        let mut needless = false;
        if let (Some(was), Some(is)) = (old.as_pool(), new.as_pool()) {
            let id = |pool: &NodePool| pool.state.operation.as_ref().map(|operation| operation.id);
            let begins = id(is).is_some_and(|begun| id(was) != Some(begun));
            if begins && view.cluster_operation().is_none() {
                let moved = is.state.etag > was.state.etag;
                findings.check(Invariant::Retry, at, moved, || format!("an operation of {} began and the eTag stayed", new.key));
            }
            let idle = was.state.operation.is_none() && was.last_outcome() == Outcome::Succeeded;
            needless = begins && idle && was.spec == is.spec && is_current(view, &new.key.name, was);
        }
        let written = Written { key: new.key.clone(), base: Some(old.revision), etag: pool_etag(old), needless };
        self.written.insert(event.revision, written);
        if self.written.len() > WRITTEN_LIMIT {
            self.written.pop_first();
        }
    }
    #[allow(clippy::too_many_arguments)]
    pub(super) fn answered(
        &mut self,
        findings: &mut Findings,
        view: &View,
        at: Time,
        id: u64,
        answer: &Result<Accepted, Refusal>,
        durable: Revision,
        closed: bool,
    ) {
        let Some(asked) = self.asked.remove(&id) else { return };
        match answer {
            Ok(accepted) => {
                findings.check(Invariant::Durable, at, accepted.revision <= durable, || {
                    format!("an answer that rests on revision {} was given at {durable}", accepted.revision)
                });
                self.acknowledged = self.acknowledged.max(accepted.revision);
                findings.check(Invariant::ReadOnly, at, !closed, || "a write was accepted while the store was closed".to_owned());
                self.accepted(findings, view, at, id, &asked, accepted);
            }
            Err(Refusal::Unavailable(message)) if message.starts_with("an assertion failed") => {
                findings.check(Invariant::Planner, at, false, || message.to_string());
            }
            Err(Refusal::Unavailable(message)) => {
                findings.check(Invariant::ReadOnly, at, closed && !message.is_empty(), || format!("the store is open and said: {message}"));
            }
            Err(refusal) => {
                let known = asked.repeat_of.and_then(|first| self.operations.get(&first)).is_some_and(|id| is_recent(view, *id));
                findings.check(Invariant::Retry, at, !known, || format!("a repeat of an accepted request was refused: {refusal}"));
            }
        }
        self.last = Some((at, closed));
    }

    fn accepted(&mut self, findings: &mut Findings, view: &View, at: Time, id: u64, asked: &Asked, accepted: &Accepted) {
        let first = asked.repeat_of.and_then(|first| self.operations.get(&first)).filter(|id| is_recent(view, **id));
        if let Some(first) = first {
            let same = accepted.operation == Some(*first);
            return findings
                .check(Invariant::Retry, at, same, || format!("a repeat got the operation {:?}, not {first}", accepted.operation));
        }
        if let Some(operation) = accepted.operation {
            self.operations.insert(id, operation);
        }
        // A repeat is shown the document as it is now.
        let Some(doc) = accepted.doc.as_ref().filter(|_| asked.repeat_of.is_none()) else { return };
        let Some(written) = self.written.get(&doc.revision).filter(|written| written.key == doc.key) else { return };
        // A cluster's PUT writes its document more than once.
        if let Some(base) = asked.base.filter(|base| *base != doc.revision && doc.key.kind != Kind::Cluster) {
            findings.check(Invariant::Retry, at, written.base == Some(base), || {
                format!("a change of {} computed from revision {base} was written over {:?}", doc.key, written.base)
            });
        }
        if asked.is_put {
            findings
                .check(Invariant::Retry, at, !written.needless, || format!("a PUT that changes nothing began an operation of {}", doc.key));
        }
        if let (Some(named), true) = (&asked.if_match, accepted.operation.is_some()) {
            let matched = written.etag.as_ref() == Some(named);
            findings.check(Invariant::Retry, at, matched, || format!("{} had eTag {:?}, the request named {named}", doc.key, written.etag));
            let first = self.used.insert((doc.key.clone(), named.clone()));
            findings.check(Invariant::Retry, at, first, || format!("the eTag {named} of {} was used twice", doc.key));
        }
    }
    pub(super) fn restarted(&mut self, findings: &mut Findings, at: Time, world: &World) {
        self.asked.clear();
        findings.check(Invariant::Durable, at, world.revision >= self.acknowledged, || {
            format!("revision {} was acknowledged, and after the crash there is {}", self.acknowledged, world.revision)
        });
    }
}

/// Whether an operation runs, or is one of the two that ended last: a repeat finds those.
fn is_recent(view: &View, id: Uid) -> bool {
    view.list(Kind::NodePool).filter_map(|doc| doc.as_pool()).any(|pool| {
        let state = &pool.state;
        let mut known = state.operation.iter().chain(&state.successor).chain(state.history.iter().rev().take(2));
        known.any(|operation| operation.id == id)
    })
}

/// Whether no machine of a pool has another model than the pool.
fn is_current(view: &View, name: &Name, pool: &NodePool) -> bool {
    let target = MachineModel { version: pool.state.version.clone(), image: pool.state.image.clone() };
    view.machines(name).all(|(_, machine)| machine.running.as_ref().is_none_or(|running| *running == target))
}
