//! Placing what is pending: the most urgent first, each on the best node, and a word to those that fit nowhere.
//!
//! A pod that fits nowhere has room made for it, or is told once, and again only when the reason changes. Its class is not tried again before room may have come
//! (the world's epoch) or, where it waits for more than room, before anything was written. Nothing here depends on a restart.

use crate::board::Board;
use crate::config::Config;
use crate::diagnosis::{Diagnosis, Preemption};
use crate::filter::volumes;
use crate::follow::Kept as Followed;
use crate::session::Session;
use crate::victims::{self, Way};
use crate::{nominate, preempt};
use imbl::OrdSet;
use nodelane_model::event::Notice;
use nodelane_model::pod::Condition;
use nodelane_model::{Doc, Key, Name, Revision, Time};
use nodelane_world::{ClassId, Draft, World};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Boards kept, from run to run too; the one unused for longest goes. A board is about 52 bytes a node: at 5,000 nodes 0.25 MiB, 32 MiB.
const BOARD_LIMIT: usize = 128;

/// What was found not to fit. Soft: losing it costs a second look.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// The world's epoch that all of this is about.
    epoch: u64,
    /// What the pods of a class are told, where only room could let them in.
    refused: BTreeMap<ClassId, Name>,
    /// What the last run went through.
    done: Option<Done>,
    /// Whether pods wait for more than room, and the revision at which they were looked at in vain.
    waiting: bool,
    waited_at: Revision,
    /// Whether room was kept for pods whose claims are not bound yet: who was refused may have been refused for that room.
    reserved: bool,
    /// How pods are placed. Given, not remembered: it is kept when the rest is forgotten.
    pub config: Arc<Config>,
    kept: Kept,
}

/// The last run, for the next to go on with. Whoever copies a memory begins a run anew.
#[derive(Debug, Default)]
struct Kept(Option<Box<Run>>);

impl Clone for Kept {
    fn clone(&self) -> Kept {
        Kept::default()
    }
}

/// Pending pods as the world orders them: by urgency, age and name.
type Pending = OrdSet<(i64, Time, Key)>;

#[derive(Clone, Debug)]
struct Done {
    /// The pending pods then.
    pending: Pending,
    /// The last one that was dealt with; absent where all were.
    last: Option<(i64, Time, Key)>,
    /// Documents that are newer were not seen.
    revision: Revision,
}

impl Memory {
    /// Whether nothing can have become placeable.
    fn is_settled(&self, world: &World) -> bool {
        let waits = self.waiting && self.waited_at != world.revision;
        let same = |done: &Done| done.last.is_none() && done.pending.ptr_eq(&world.work.pending);
        self.epoch == world.room_epoch && !waits && self.done.as_ref().is_some_and(same)
    }
    /// Whether a pod was dealt with, and cannot have become placeable.
    fn covers(&self, entry: &(i64, Time, Key), doc: &Doc, revision: Revision) -> bool {
        let seen = |done: &Done| doc.revision <= done.revision && done.last.as_ref().is_none_or(|last| entry <= last);
        self.done.as_ref().is_some_and(seen)
            && (self.waited_at == revision || !(self.reserved || waits_for_more_than_room(doc, &self.config)))
    }
}

/// How a pod is deleted, with its own grace: the rules of deletion are another room's.
pub type Evict = fn(&mut Draft, &Key);

/// Places every pending pod that may fit, most urgent first, and gives the units spent: one for each pod that was bound,
/// told, looked at in vain or asked to go; no pod is begun with once `budget` are spent. Pods that are known not to fit and have been told cost nothing.
///
/// Binds by writing the node and the condition `PodScheduled`, with the event `Scheduled`; a pod that fits nowhere gets the condition
/// with the whole message and the event `FailedScheduling`, both only when the message changes. Where less urgent
/// pods are in the way, those that must go get the condition `DisruptionTarget` and the event `Preempted` and are given to `evict`, and the
/// pod is nominated for their node until it is bound. Claims that wait for the pod are given its node first, and the pod is bound in a
/// later run, when they are bound; until then its place is kept in each run. Pods with scheduling gates are not pending. kube-scheduler
/// breaks ties at random and looks at a sample of large clusters; here ties go by name and all nodes count.
pub fn plan(draft: &mut Draft, memory: &mut Memory, budget: usize, evict: Evict) -> usize {
    if draft.world.work.pending.is_empty() || memory.is_settled(&draft.world) {
        return 0;
    }
    if memory.epoch != draft.world.room_epoch {
        let kept = std::mem::take(&mut memory.kept);
        *memory = Memory { epoch: draft.world.room_epoch, config: memory.config.clone(), kept, ..Memory::default() };
    }
    let (pending, revision) = (draft.world.work.pending.clone(), draft.world.revision);
    let mut run = Run::resume(memory.kept.0.take(), &draft.world, &memory.config);
    let (mut spent, mut last, mut complete) = (0, None, true);
    for entry in &pending {
        let Some(doc) = draft.world.get(&entry.2).filter(|doc| is_ours(doc, &memory.config)).cloned() else {
            continue;
        };
        if memory.covers(entry, &doc, revision) {
            continue;
        }
        if spent >= budget {
            complete = false;
            break;
        }
        spent += run.place(draft, memory, &doc, evict);
        last = Some(entry.clone());
    }
    memory.waiting |= run.waiting;
    memory.reserved = run.has_reserved;
    let has_bound = run.bound;
    memory.kept.0 = run.rest(&draft.world);
    // Pods that were bound in this run may be what was waited for.
    memory.waited_at = if memory.waiting && has_bound { 0 } else { draft.world.revision };
    let (pending, revision) = (draft.world.work.pending.clone(), draft.world.revision);
    memory.done = (complete || last.is_some()).then_some(Done { pending, last: last.filter(|_| !complete), revision });
    spent
}

/// One run: a session with its boards, opened by the first pod that needs one.
#[derive(Debug, Default)]
pub(crate) struct Run {
    pub session: Option<Session>,
    /// Boards with when they were last used, in pods.
    pub boards: BTreeMap<u32, (Board, u64)>,
    pods: u64,
    /// What profiles that fit nowhere are told in this run.
    refused: BTreeMap<u32, Name>,
    /// What pods of a profile are told that wait for room where they are nominated.
    told_to_wait: BTreeMap<u32, Name>,
    /// Whether a pod waits for more than room, and whether one was bound.
    waiting: bool,
    bound: bool,
    /// Whether the session has what no world shows: room that is kept for a pod.
    has_promised: bool,
    /// Whether that is room for a pod whose claims are not bound yet.
    has_reserved: bool,
}

impl Run {
    /// Goes on with a run where the world has moved on little; else begins one.
    pub fn resume(kept: Option<Box<Run>>, world: &World, config: &Arc<Config>) -> Box<Run> {
        let follow = |session: &mut Session| if session.config == *config { session.follow(world) } else { None };
        let Some(mut run) = kept else { return Box::default() };
        match run.session.as_mut().and_then(follow) {
            None => return Box::default(),
            Some(Followed::Rows) => run.boards.clear(),
            Some(Followed::Boards) => {}
        }
        run.refused.clear();
        run.told_to_wait.clear();
        (run.waiting, run.bound) = (false, false);
        run.boards.values_mut().for_each(|(board, _)| board.forget_ways());
        run
    }
    /// Ends a run that has come to this world; what is left where another may go on with it.
    pub fn rest(mut self: Box<Run>, world: &World) -> Option<Box<Run>> {
        let has_promised = self.has_promised;
        let session = self.session.as_mut().filter(|_| !has_promised)?;
        session.world = world.clone();
        Some(self)
    }
    /// Where pods would go one after the other; afterwards the session is as it was.
    pub fn try_out(&mut self, session: &mut Session, pods: &[Arc<Doc>]) -> Vec<Option<u32>> {
        let mut placed = Vec::with_capacity(pods.len());
        for doc in pods {
            let profile = session.profile(doc, true).filter(|profile| preempt::refused_before(session, *profile).is_none());
            let waits = session.nominated_node(doc);
            let node = profile.and_then(|profile| {
                let board = self.board(session, profile);
                let nominated = waits.filter(|node| board.refusal_beside(session, *node, Some(&doc.key)).is_none());
                nominated.or_else(|| board.pick(session))
            });
            if let Some((profile, node)) = profile.zip(node) {
                waits.iter().for_each(|waits| session.dismiss(&doc.key, *waits));
                session.bind(profile, node);
            }
            placed.push((doc, profile, node, waits));
        }
        for (doc, profile, node, waits) in placed.iter().rev() {
            if let Some((profile, node)) = profile.zip(*node) {
                session.end(profile, node, true);
                waits.iter().for_each(|waits| session.nominate(&doc.key, profile, *waits));
            }
        }
        placed.into_iter().map(|(_, _, node, _)| node).collect()
    }
    /// Binds a pod, makes room for it or tells it that it fits nowhere; gives the units spent.
    fn place(&mut self, draft: &mut Draft, memory: &mut Memory, doc: &Arc<Doc>, evict: Evict) -> usize {
        let Some(class) = draft.world.class(doc).map(|class| class.id) else {
            return 0;
        };
        let is_nominated = doc.as_pod().is_some_and(|pod| !pod.status.nominated_node_name.is_empty());
        if let Some(message) = memory.refused.get(&class).filter(|_| !is_nominated) {
            return decline(draft, doc, message, None);
        }
        let mut session = self.session.take().unwrap_or_else(|| Session::configured(&draft.world, memory.config.clone()));
        let spent = match session.profile(doc, true) {
            None => 0,
            Some(profile) => match self.verdict(&mut session, &draft.world, doc, profile) {
                Outcome::Node(node) => self.bind(draft, &mut session, doc, profile, node),
                Outcome::Room(message, way) => {
                    self.has_promised = true;
                    self.waiting |= waits_for_more_than_room(doc, &memory.config);
                    let gone = nominate::make_room(draft, &mut session, &way, doc, profile, evict);
                    if nominate::are_gone(draft, &way) && self.fits_on(&mut session, doc, profile, way.node) {
                        // Nobody had to be waited for.
                        gone + self.bind(draft, &mut session, doc, profile, way.node)
                    } else {
                        gone + decline(draft, doc, &message, Some(session.name(way.node).clone())).max(1)
                    }
                }
                Outcome::Nowhere { message, gives_up, keeps, is_new } => {
                    if waits_for_more_than_room(doc, &memory.config) {
                        self.waiting = true;
                    } else if gives_up && !self.has_reserved {
                        memory.refused.insert(class, message.clone());
                    }
                    if let Some(node) = session.nominated_node(doc).filter(|_| !keeps) {
                        session.dismiss(&doc.key, node);
                    }
                    decline(draft, doc, &message, (!keeps).then(Name::default)).max(usize::from(is_new))
                }
            },
        };
        self.session = Some(session);
        spent
    }
    /// Binds a pod, or gives the node to claims that wait for it; its place is kept for the rest of this run either way.
    fn bind(&mut self, draft: &mut Draft, session: &mut Session, doc: &Arc<Doc>, profile: u32, node: u32) -> usize {
        let revision = draft.world.revision;
        if volumes::reserve(draft, &session.profiles[profile as usize], &session.rows[node as usize].doc) {
            (self.waiting, self.has_promised, self.has_reserved) = (true, true, true);
            session.renew_claims(&draft.world);
            session.bind(profile, node);
            let wrote = draft.world.revision > revision;
            self.bound |= wrote;
            return usize::from(wrote);
        }
        bind(draft, doc, session.name(node));
        if let Some(node) = session.nominated_node(doc) {
            session.dismiss(&doc.key, node);
        }
        session.dismiss(&doc.key, node);
        session.bind(profile, node);
        self.bound = true;
        1
    }
    /// What becomes of a pod.
    fn verdict(&mut self, session: &mut Session, world: &World, doc: &Arc<Doc>, profile: u32) -> Outcome {
        let nominated = session.nominated_node(doc);
        if let Some(message) = self.refused.get(&profile).filter(|_| nominated.is_none()) {
            return Outcome::Nowhere { message: message.clone(), gives_up: true, keeps: true, is_new: false };
        }
        if let Some(diagnosis) = preempt::refused_before(session, profile) {
            let message = self.refused.entry(profile).or_insert_with(|| diagnosis.message().into()).clone();
            return Outcome::Nowhere { message, gives_up: true, keeps: diagnosis.nodes > 0, is_new: true };
        }
        session.read_pods();
        let board = self.board(session, profile);
        if let Some(node) = nominated.filter(|node| board.refusal_beside(session, *node, Some(&doc.key)).is_none()) {
            return Outcome::Node(node);
        }
        if let Some(node) = board.pick(session) {
            return Outcome::Node(node);
        }
        let priority = session.profiles[profile as usize].priority();
        if let Some(message) = self.told_to_wait.get(&profile)
            && nominated.is_some_and(|node| victims::are_leaving(world, session.name(node), priority))
        {
            return Outcome::Nowhere { message: message.clone(), gives_up: false, keeps: true, is_new: false };
        }
        let board = self.board(session, profile);
        let column = board.column(session, &doc.key);
        let (diagnosis, way) = preempt::diagnose(session, board, &column, world, doc);
        let message = Name::from(diagnosis.message());
        match way {
            Some(way) => Outcome::Room(message, way),
            None => {
                let waits = diagnosis.preemption == Preemption::Waiting;
                let known = if waits { &mut self.told_to_wait } else { &mut self.refused };
                known.insert(profile, message.clone());
                let keeps = !matches!(diagnosis.preemption, Preemption::Hopeless(_));
                Outcome::Nowhere { message, gives_up: !waits, keeps, is_new: true }
            }
        }
    }
    /// Whether a pod fits on a node as things are now.
    fn fits_on(&mut self, session: &mut Session, doc: &Doc, profile: u32, node: u32) -> bool {
        self.board(session, profile).refusal_beside(session, node, Some(&doc.key)).is_none()
    }
    /// The board of a profile, up to date.
    pub fn board(&mut self, session: &mut Session, profile: u32) -> &mut Board {
        self.pods += 1;
        if self.boards.len() == BOARD_LIMIT && !self.boards.contains_key(&profile) {
            self.drop_oldest();
        }
        let (board, used) = self.boards.entry(profile).or_insert_with(|| (Board::new(session, profile), 0));
        *used = self.pods;
        board.catch_up(session);
        board
    }
    fn drop_oldest(&mut self) {
        let oldest = self.boards.iter().min_by_key(|(_, (_, used))| *used).map(|(profile, _)| *profile);
        oldest.map(|profile| self.boards.remove(&profile));
    }
}

/// What becomes of a pod.
enum Outcome {
    /// It goes to this node.
    Node(u32),
    /// Room is to be made for it; with what it is told.
    Room(Name, Way),
    /// It fits nowhere. `gives_up` where it need not be tried again as things are, `keeps` where it stays nominated for a node if it is,
    /// and `is_new` where it took a look to know.
    Nowhere { message: Name, gives_up: bool, keeps: bool, is_new: bool },
}

const SCHEDULED: Name = Name::new_static("PodScheduled");
pub(crate) const COMPONENT: &str = "default-scheduler";

fn bind(draft: &mut Draft, pod: &Arc<Doc>, node: &Name) {
    // Straight from the document at hand: comparing old and new, as `update` does, costs more than the rest.
    let mut doc = (**pod).clone();
    if let Some(pod) = doc.as_pod_mut() {
        pod.node = Some(node.clone());
        pod.status.nominated_node_name = Name::default();
        set_condition(&mut pod.status.conditions, Name::new_static("True"), Name::default(), Name::default(), draft.now);
    }
    let key = doc.key.clone();
    draft.put(doc);
    let message = format!("Successfully assigned {}/{} to {node}", key.namespace, key.name).into();
    draft.notify(&Notice { about: key, warning: false, reason: "Scheduled", message, component: COMPONENT });
}

/// Tells a pod that it fits nowhere, and nominates it for a node (or none), where that is news to it; gives the units spent.
fn decline(draft: &mut Draft, pod: &Arc<Doc>, message: &Name, nominated: Option<Name>) -> usize {
    let now = draft.now;
    let is_told = knows(pod, message);
    let is_nominated = |name: &Name| pod.as_pod().is_some_and(|pod| pod.status.nominated_node_name == *name);
    if is_told && nominated.as_ref().is_none_or(is_nominated) {
        return 0;
    }
    let mut doc = (**pod).clone();
    if let Some(pod) = doc.as_pod_mut() {
        let nominated = nominated.unwrap_or_else(|| pod.status.nominated_node_name.clone());
        pod.status.nominated_node_name = nominated;
        let status = Name::new_static("False");
        set_condition(&mut pod.status.conditions, status, Name::new_static("Unschedulable"), message.clone(), now);
    }
    let key = doc.key.clone();
    draft.put(doc);
    if is_told {
        return 1;
    }
    let note = Diagnosis::note(message).into();
    draft.notify(&Notice { about: key, warning: true, reason: "FailedScheduling", message: note, component: COMPONENT });
    1
}

/// Whether something else than room could let the pod in: a pod that is bound, or a claim. (Pods that leave or change their labels move
/// the world's epoch as nodes do.)
fn waits_for_more_than_room(doc: &Doc, config: &Config) -> bool {
    let Some(spec) = doc.as_pod().map(|pod| &pod.spec) else {
        return false;
    };
    let near = spec.affinity.as_ref().and_then(|affinity| affinity.pod_affinity.as_ref());
    near.is_some_and(|near| !near.required.is_empty())
        || spec.topology_spread_constraints.iter().any(|constraint| constraint.when_unsatisfiable == "DoNotSchedule")
        || config.spreads_as_a_must()
        || spec.volumes.iter().any(|volume| ["persistentVolumeClaim", "ephemeral"].iter().any(|source| volume.rest.contains_key(*source)))
}

/// Whether the pod is left to the scheduler of this configuration; pods without a name are left to the default one.
pub(crate) fn is_ours(pod: &Doc, config: &Config) -> bool {
    let name = pod.as_pod().map(|pod| pod.spec.scheduler_name.as_str());
    name.is_some_and(|name| if name.is_empty() { config.scheduler_name == COMPONENT } else { config.scheduler_name == name })
}

fn knows(pod: &Doc, message: &Name) -> bool {
    let told = |condition: &Condition| condition.kind == SCHEDULED && condition.status == "False" && condition.message == *message;
    pod.as_pod().is_some_and(|pod| pod.status.conditions.iter().any(told))
}

fn set_condition(conditions: &mut Vec<Condition>, status: Name, reason: Name, message: Name, now: Time) {
    let at = conditions.iter().position(|condition| condition.kind == SCHEDULED).unwrap_or_else(|| {
        conditions.push(Condition { kind: SCHEDULED, ..Condition::default() });
        conditions.len() - 1
    });
    let condition = &mut conditions[at];
    if condition.status != status {
        condition.last_transition_time = Some(now.whole_seconds());
    }
    (condition.status, condition.reason, condition.message) = (status, reason, message);
}
