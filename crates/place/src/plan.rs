//! Placing what is pending: the most urgent first, each on the best node, and a word to those that fit nowhere.
//!
//! A pod that fits nowhere is told once, and again only when the reason changes. Its class is not tried again before room may have come
//! (the world's epoch) or, where it waits for more than room, before anything was written. Nothing here depends on a restart.

use crate::board::Board;
use crate::diagnosis::Diagnosis;
use crate::preempt;
use crate::session::Session;
use imbl::OrdSet;
use nodelane_model::event::Notice;
use nodelane_model::pod::Condition;
use nodelane_model::{Doc, Key, Name, Revision, Time};
use nodelane_world::{ClassId, Draft};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Boards kept at once; the one unused for longest goes. At 5,000 nodes a board is about 0.5 MiB: 64 MiB.
const BOARD_LIMIT: usize = 128;

/// What was found not to fit. Soft: losing it costs a second look.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    epoch: u64,
    refused: BTreeMap<ClassId, Refused>,
    /// The pending pods that have all been dealt with, and the revision then.
    settled: Option<(OrdSet<(i64, Time, Key)>, Revision)>,
}

#[derive(Clone, Debug)]
struct Refused {
    message: Name,
    /// The last write before the verdict, where another write may change it.
    revision: Option<Revision>,
}

impl Memory {
    /// The message to a class that cannot have become placeable since.
    fn refused(&self, class: ClassId, revision: Revision) -> Option<&Name> {
        let refused = self.refused.get(&class)?;
        refused
            .revision
            .is_none_or(|then| then == revision)
            .then_some(&refused.message)
    }
    /// Whether no pending pod can have become placeable.
    fn is_settled(&self, draft: &Draft) -> bool {
        let waits_for_room = || self.refused.values().all(|refused| refused.revision.is_none());
        self.settled.as_ref().is_some_and(|(pending, revision)| {
            pending.ptr_eq(&draft.world.work.pending) && (*revision == draft.world.revision || waits_for_room())
        })
    }
}

/// Places every pending pod that may fit, most urgent first, and gives the units spent: at most `budget`, one for each pod that was bound,
/// told, or looked at in vain. Pods that are known not to fit and have been told cost nothing.
///
/// Binds by writing the node and the condition `PodScheduled`, with the event `Scheduled`; a pod that fits nowhere gets the condition
/// with the whole message and the event `FailedScheduling`, both only when the message changes. Pods with scheduling gates are not
/// pending. kube-scheduler breaks ties at random and looks at a sample of large clusters; here ties go by name and all nodes count.
pub fn plan(draft: &mut Draft, memory: &mut Memory, budget: usize) -> usize {
    if memory.epoch != draft.world.room_epoch {
        *memory = Memory {
            epoch: draft.world.room_epoch,
            ..Memory::default()
        };
    }
    let (pending, revision) = (draft.world.work.pending.clone(), draft.world.revision);
    if pending.is_empty() || memory.is_settled(draft) {
        return 0;
    }
    let (mut run, mut spent, mut complete) = (None, 0, true);
    for (_, _, key) in &pending {
        let Some(doc) = draft.world.get(key).cloned() else {
            continue;
        };
        let Some(class) = draft.world.class(&doc) else { continue };
        let known = memory.refused(class.id, revision).cloned();
        if known.as_ref().is_some_and(|message| knows(&doc, message)) {
            continue;
        }
        if spent == budget {
            complete = false;
            break;
        }
        spent += match known {
            Some(message) => decline(draft, &doc, &message),
            None => run
                .get_or_insert_with(|| Run::new(draft))
                .place(draft, memory, &doc, class.id),
        };
    }
    // What waits for more than room is tried again after the next write; our own writes of this run are not such.
    for refused in memory.refused.values_mut() {
        refused.revision = refused.revision.map(|_| draft.world.revision);
    }
    memory.settled = complete.then(|| (draft.world.work.pending.clone(), draft.world.revision));
    spent
}

/// A session with its boards.
struct Run {
    session: Session,
    /// Boards with when they were last used, in pods.
    boards: BTreeMap<u32, (Board, u64)>,
    pods: u64,
    /// Profiles that fit nowhere in this run.
    refused: BTreeMap<u32, Name>,
}

impl Run {
    fn new(draft: &Draft) -> Run {
        let mut session = Session::new(&draft.world);
        session.read_pods();
        Run {
            session,
            boards: BTreeMap::new(),
            pods: 0,
            refused: BTreeMap::new(),
        }
    }
    /// Binds a pod or tells it that it fits nowhere; gives the units spent.
    fn place(&mut self, draft: &mut Draft, memory: &mut Memory, doc: &Arc<Doc>, class: ClassId) -> usize {
        let Some(profile) = self.session.profile(doc, true) else {
            return 0;
        };
        let (message, spent) = match self.refused.get(&profile) {
            Some(message) => (message.clone(), 0),
            None => match self.node_for(profile) {
                Ok(node) => {
                    bind(draft, doc, self.session.name(node));
                    self.session.bind(profile, node);
                    return 1;
                }
                Err(diagnosis) => (Name::from(diagnosis.message()), 1),
            },
        };
        self.refused.insert(profile, message.clone());
        let revision = self.session.profiles[profile as usize]
            .waits_for_more_than_room()
            .then_some(0);
        let told = decline(draft, doc, &message);
        memory.refused.insert(class, Refused { message, revision });
        told.max(spent)
    }
    fn node_for(&mut self, profile: u32) -> Result<u32, Diagnosis> {
        if let Some(diagnosis) = preempt::refused_before(&self.session, profile) {
            return Err(diagnosis);
        }
        self.pods += 1;
        if self.boards.len() == BOARD_LIMIT && !self.boards.contains_key(&profile) {
            let oldest = self
                .boards
                .iter()
                .min_by_key(|(_, (_, used))| *used)
                .map(|(profile, _)| *profile);
            oldest.map(|profile| self.boards.remove(&profile));
        }
        let (board, used) = self
            .boards
            .entry(profile)
            .or_insert_with(|| (Board::new(&mut self.session, profile), 0));
        *used = self.pods;
        board.catch_up(&mut self.session);
        board
            .pick()
            .ok_or_else(|| preempt::diagnose(&mut self.session, board, profile))
    }
}

const SCHEDULED: Name = Name::new_static("PodScheduled");
const COMPONENT: &str = "default-scheduler";

fn bind(draft: &mut Draft, pod: &Arc<Doc>, node: &Name) {
    // Straight from the document at hand: comparing old and new, as `update` does, costs more than the rest.
    let mut doc = (**pod).clone();
    if let Some(pod) = doc.as_pod_mut() {
        pod.node = Some(node.clone());
        set_condition(
            &mut pod.status.conditions,
            Name::new_static("True"),
            Name::default(),
            Name::default(),
            draft.now,
        );
    }
    let key = doc.key.clone();
    draft.put(doc);
    let message = format!("Successfully assigned {}/{} to {node}", key.namespace, key.name).into();
    draft.notify(&Notice {
        about: key,
        warning: false,
        reason: "Scheduled",
        message,
        component: COMPONENT,
    });
}

/// Tells a pod that it fits nowhere, where it does not know; gives the units spent.
fn decline(draft: &mut Draft, pod: &Arc<Doc>, message: &Name) -> usize {
    if knows(pod, message) {
        return 0;
    }
    let mut doc = (**pod).clone();
    let now = draft.now;
    if let Some(pod) = doc.as_pod_mut() {
        let status = Name::new_static("False");
        set_condition(
            &mut pod.status.conditions,
            status,
            Name::new_static("Unschedulable"),
            message.clone(),
            now,
        );
    }
    let key = doc.key.clone();
    draft.put(doc);
    let note = Diagnosis::note(message).into();
    draft.notify(&Notice {
        about: key,
        warning: true,
        reason: "FailedScheduling",
        message: note,
        component: COMPONENT,
    });
    1
}

fn knows(pod: &Doc, message: &Name) -> bool {
    let told = |condition: &Condition| {
        condition.kind == SCHEDULED && condition.status == "False" && condition.message == *message
    };
    pod.as_pod().is_some_and(|pod| pod.status.conditions.iter().any(told))
}

fn set_condition(conditions: &mut Vec<Condition>, status: Name, reason: Name, message: Name, now: Time) {
    let at = conditions
        .iter()
        .position(|condition| condition.kind == SCHEDULED)
        .unwrap_or_else(|| {
            conditions.push(Condition {
                kind: SCHEDULED,
                ..Condition::default()
            });
            conditions.len() - 1
        });
    let condition = &mut conditions[at];
    if condition.status != status {
        condition.last_transition_time = Some(now.whole_seconds());
    }
    (condition.status, condition.reason, condition.message) = (status, reason, message);
}
