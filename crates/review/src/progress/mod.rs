//! How far a pool's operation is, node by node: what each of them has, what holds it up and whose that is, and when it should end.
//!
//! Everything is derived from the documents of one snapshot, so it is the same from a running server, a dump and a rehearsal. True
//! versions are what machines say they run, not what the pool is to have (the pain that aks-semantics section 8 row 1 and 10 name).
//! Not here: the text of it (`text`), who owns a pod (`owner`), and how the end is reckoned (`eta`).

mod eta;
mod owner;
mod text;

pub use owner::{Owner, of as owner};

use nodelane_engine::fleet;
use nodelane_engine::upgrade::{self, Bounds};
use nodelane_model::machine::{Blocked, CordonOwner, Intent, MachinePhase, Roll};
use nodelane_model::operation::{Ended, Fallback, Progress};
use nodelane_model::{Doc, Machine, Name, NodePool, Operation, Time};
use nodelane_world::{Snapshot, World};
use serde::Serialize;
use std::sync::Arc;

/// How far an operation of a pool is.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolProgress {
    /// The pool.
    pub pool: Name,
    /// The operation's id, as ARM shows it.
    pub id: String,
    /// ARM's provisioning state of the pool.
    pub state: Name,
    /// What the operation does and its phase, as `Upgrade(Rolling)`.
    pub phase: String,
    /// When it was accepted.
    pub started: Time,
    /// When it entered its phase.
    pub phase_since: Time,
    /// The Kubernetes version that machines are to have.
    pub version: Name,
    /// The image that machines are to have.
    pub image: Name,
    /// Machines that have what they are to have.
    pub done: usize,
    /// Machines of the pool, without extra ones.
    pub total: usize,
    /// Extra machines that a roll makes, as things are.
    pub surge: u32,
    /// Machines that a roll may miss, as things are.
    pub unavailable: u32,
    /// Surges that found no room.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fallbacks: Vec<Fallback>,
    /// Whether evictions pass over disruption budgets.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ignores_budgets: bool,
    /// When it should end; absent where too little is known, or something holds it up.
    pub eta: Option<Time>,
    /// How it ended, where it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
    /// Its machines, in order of instance; extra ones last.
    pub nodes: Vec<NodeProgress>,
}

/// How far one machine is.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeProgress {
    /// The node.
    pub node: Name,
    /// Whether it is extra, for the roll.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub extra: bool,
    /// The Kubernetes version that it runs; absent where it has never booted.
    pub version: Option<Name>,
    /// The image that it runs.
    pub image: Option<Name>,
    /// Its VM size.
    pub size: Name,
    /// What it is at.
    pub phase: NodePhase,
    /// Since when.
    pub since: Time,
    /// What holds it up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked_by: Option<BlockedBy>,
    /// When its drain is given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gives_up: Option<Time>,
    /// When it should be done.
    pub eta: Option<Time>,
}

/// What a machine is at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub enum NodePhase {
    /// Its turn has not come.
    Waiting,
    /// Its machine comes.
    Coming,
    /// It is being emptied.
    Draining,
    /// It is empty and waits for the soak to pass.
    Soaking,
    /// It gets its image, or another machine takes its place.
    Reimaging,
    /// It is empty, and may still take over again (blue-green).
    Emptied,
    /// It has what it is to have.
    Done,
    /// It could not be emptied, and is kept apart.
    Quarantined,
    /// It is there and not concerned.
    Ready,
    /// It does not have what it is to have, and nothing rolls: an upgrade has left it.
    Behind,
    /// It is deallocated.
    Stopped,
    /// It goes.
    Leaving,
    /// The provider could not do it.
    Failed,
}

/// What holds a drain up.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct BlockedBy {
    /// The pod, as namespace/name.
    pub pod: Name,
    /// The budget; several where more than one covers the pod.
    pub budget: Name,
    /// Since when.
    pub since: Time,
    /// Whom to ask.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
}

/// How far the pool's operation is, or how its last one ended, or that of an id; `None` for a pool that has had none.
pub fn progress(snapshot: &Snapshot, pool: &str, id: Option<&str>) -> Option<PoolProgress> {
    let (doc, pool) = snapshot.world.pool(pool)?;
    let mut all = pool.state.operation.iter().chain(pool.state.history.iter().rev()).chain(&pool.state.successor);
    let operation = all.find(|operation| id.is_none_or(|id| operation.id.to_string() == id))?;
    Some(of(snapshot, &doc.key.name, pool, operation))
}

/// The same for every pool that an operation runs on, in order of name.
pub fn running(snapshot: &Snapshot) -> Vec<PoolProgress> {
    let live = snapshot.world.pools().filter_map(|(doc, pool)| Some((doc, pool, pool.state.operation.as_ref()?)));
    live.map(|(doc, pool, operation)| of(snapshot, &doc.key.name, pool, operation)).collect()
}

/// The pool that has, or lately had, the operation of this id.
pub fn pool_of(world: &World, id: &str) -> Option<Name> {
    let has = |pool: &NodePool| {
        let state = &pool.state;
        state.operation.iter().chain(&state.successor).chain(&state.history).any(|operation| operation.id.to_string() == id)
    };
    world.pools().find(|(_, pool)| has(pool)).map(|(doc, _)| doc.key.name.clone())
}

fn of(snapshot: &Snapshot, name: &Name, pool: &NodePool, operation: &Operation) -> PoolProgress {
    let world = &snapshot.world;
    let rolls = matches!(operation.progress, Progress::Upgrade(_)) && operation.ended.is_none();
    let is_blue_green = rolls && upgrade::blue_green::settings(&pool.spec).is_some();
    let (own, extra) = (fleet::own(world, name), fleet::extra(world, name));
    let limits = upgrade::bounds(pool, own.len() as u32);
    let leaving = world.machines_of(name).filter(|(_, machine)| machine.intent == Intent::Gone).map(|(doc, _)| doc);
    let mut nodes: Vec<NodeProgress> =
        own.iter().chain(&extra).chain(leaving).filter_map(|doc| node(world, pool, doc, rolls, &limits)).collect();
    let has = |doc: &&Arc<Doc>| doc.as_machine().is_some_and(|machine| !upgrade::is_behind(machine, pool));
    let new = if is_blue_green { &extra } else { &own };
    let done = new.iter().filter(has).count();
    let history = own.iter().filter_map(|doc| doc.as_machine()?.rolled).filter(|rolled| rolled.since >= operation.started);
    let eta = (rolls && !is_blue_green).then(|| eta::reckon(&mut nodes, history, &limits, snapshot.now)).flatten();
    PoolProgress {
        pool: name.clone(),
        id: operation.id.to_string(),
        state: pool.provisioning_state().into(),
        phase: format!("{:?}", operation.progress),
        started: operation.started,
        phase_since: operation.phase_since,
        version: pool.state.version.clone(),
        image: pool.state.image.clone(),
        done,
        total: own.len(),
        surge: limits.surge,
        unavailable: limits.unavailable,
        fallbacks: operation.fallbacks.clone(),
        ignores_budgets: operation.ignore_budgets,
        eta,
        ended: operation.ended.clone(),
        nodes,
    }
}

fn node(world: &World, pool: &NodePool, doc: &Doc, rolls: bool, limits: &Bounds) -> Option<NodeProgress> {
    let machine = doc.as_machine()?;
    let phase = phase(world, pool, doc, machine, rolls);
    let drain = machine.drain.as_ref();
    let since = match phase {
        NodePhase::Draining => drain.map(|drain| drain.since),
        NodePhase::Soaking => drain.and_then(|drain| drain.done),
        NodePhase::Done => machine.rolled.and_then(|rolled| rolled.done),
        _ => None,
    };
    let blocked = drain.and_then(|drain| drain.blocked.as_ref()).filter(|_| matches!(phase, NodePhase::Draining | NodePhase::Quarantined));
    let gives_up = drain.filter(|_| phase == NodePhase::Draining).map(|drain| drain.since.plus(limits.drain_timeout_millis));
    Some(NodeProgress {
        node: doc.key.name.clone(),
        extra: machine.surge,
        version: machine.running.as_ref().map(|model| model.version.clone()),
        image: machine.running.as_ref().map(|model| model.image.clone()),
        size: machine.size.clone(),
        phase,
        since: since.unwrap_or(machine.phase_since),
        blocked_by: blocked.map(|blocked| blocked_by(world, blocked)),
        gives_up,
        eta: None,
    })
}

fn phase(world: &World, pool: &NodePool, doc: &Doc, machine: &Machine, rolls: bool) -> NodePhase {
    match (machine.intent, machine.phase, machine.roll) {
        (_, MachinePhase::Failed, _) => NodePhase::Failed,
        (Intent::Gone, _, _) | (_, MachinePhase::Deleting, _) => NodePhase::Leaving,
        (_, MachinePhase::Stopping | MachinePhase::Stopped, _) => NodePhase::Stopped,
        _ if machine.cordoned_by.contains(&CordonOwner::Quarantine) => NodePhase::Quarantined,
        (_, _, Some(Roll::Undrainable)) => NodePhase::Quarantined,
        (_, _, Some(Roll::Draining)) => NodePhase::Draining,
        (_, _, Some(Roll::Soaking)) => NodePhase::Soaking,
        (_, _, Some(Roll::Reimaging)) => NodePhase::Reimaging,
        // Auto-repair has it: it comes back as it was.
        (_, MachinePhase::Rebooting | MachinePhase::Redeploying, None | Some(Roll::Done)) => NodePhase::Coming,
        (_, MachinePhase::Requested | MachinePhase::Starting, None | Some(Roll::Done)) => NodePhase::Coming,
        (_, MachinePhase::Reimaging, None | Some(Roll::Done)) => NodePhase::Reimaging,
        (_, MachinePhase::Running, Some(Roll::Done)) if upgrade::is_behind(machine, pool) => NodePhase::Emptied,
        (_, MachinePhase::Running, Some(Roll::Done)) => NodePhase::Done,
        (_, MachinePhase::Running, None) if !fleet::is_ready(world, doc) => NodePhase::Coming,
        (_, MachinePhase::Running, None) if machine.drain.is_some() => NodePhase::Draining,
        (_, MachinePhase::Running, None) if !upgrade::is_behind(machine, pool) => NodePhase::Ready,
        (_, MachinePhase::Running, None) if rolls => NodePhase::Waiting,
        (_, MachinePhase::Running, None) => NodePhase::Behind,
    }
}

fn blocked_by(world: &World, blocked: &Blocked) -> BlockedBy {
    let owner = owner::of(world, &blocked.pod, &blocked.budget);
    BlockedBy { pod: blocked.pod.clone(), budget: blocked.budget.clone(), since: blocked.since, owner }
}
