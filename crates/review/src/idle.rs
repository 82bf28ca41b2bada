//! Why a node is not removed: the autoscaler's own answer, in a shape for users and in words.
//!
//! The reason's name is cluster-autoscaler's, the sentence ours: what holds, and what would change it. Nodes of a foreign cluster have no
//! machine here; they are asked about as if each had one that runs.

use nodelane_engine::Env;
use nodelane_engine::autoscale::down::drainability::Block;
use nodelane_engine::autoscale::down::{Standing, Unremovable, why};
use nodelane_model::machine::{MachineModel, MachinePhase};
use nodelane_model::{Body, Doc, Key, Kind, Machine, Meta, Name};
use nodelane_world::Snapshot;
use serde::Serialize;
use std::fmt;
use std::sync::Arc;

const POOL_LABEL: &str = "agentpool";

/// How a node stands with the autoscaler.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeStanding {
    /// The node.
    pub node: String,
    /// Its pool; empty where it has none.
    pub pool: String,
    /// Whether it goes at the autoscaler's next look.
    pub removable: bool,
    /// Why it is not removed, in cluster-autoscaler's word; `null` where it goes.
    pub reason: Option<&'static str>,
    /// The same in a sentence, with what would change it.
    pub message: String,
    /// The pod that keeps it, as `namespace/name`.
    pub pod: Option<String>,
    /// Why that pod does, in cluster-autoscaler's word.
    pub pod_reason: Option<&'static str>,
    /// The share of the node that is asked for and counts.
    pub utilization: Option<f64>,
    /// Since when it is of no need.
    pub unneeded_since: Option<String>,
    /// When the reason ends by itself, where that is known.
    pub until: Option<String>,
    /// Pods that would have to move.
    pub pods_to_move: usize,
    /// Where those would go.
    pub destinations: Vec<String>,
}

/// How nodes stand: one, those of a pool, or all, in order of name.
pub fn node_standings(snapshot: &Snapshot, env: &Env, pool: Option<&str>, node: Option<&str>) -> Vec<NodeStanding> {
    let snapshot = with_machines(snapshot);
    let is_asked = |name: &&Name| node.is_none_or(|node| *name == node) && pool.is_none_or(|pool| pool_of(&snapshot, name) == pool);
    let names: Vec<Name> = snapshot.world.nodes().map(|(name, _)| name).filter(is_asked).cloned().collect();
    why(&snapshot, env, &names).iter().map(|standing| shown(&snapshot, standing)).collect()
}

fn pool_of<'a>(snapshot: &'a Snapshot, node: &Name) -> &'a str {
    let label = snapshot.world.node(node).and_then(|row| row.doc.meta.labels.get(POOL_LABEL));
    label.map(|label| label.as_str()).unwrap_or_default()
}

/// The snapshot with a machine that runs behind every node of a pool.
pub(crate) fn with_machines(snapshot: &Snapshot) -> Snapshot {
    let mut complete = snapshot.clone();
    for (at, (name, row)) in (0..).zip(snapshot.world.nodes()) {
        let key = Key::global(Kind::Machine, name.clone());
        let pool = row.doc.meta.labels.get(POOL_LABEL).filter(|pool| snapshot.world.pool(pool).is_some());
        if let (None, Some(pool)) = (snapshot.world.get(&key), pool) {
            let mut machine = Machine::requested(pool, at, "", MachineModel::default(), row.doc.meta.created);
            machine.enter(MachinePhase::Running, row.doc.meta.created);
            let revision = complete.world.revision + 1;
            complete.world.put(Arc::new(Doc::new(key, revision, Meta::default(), Body::Machine(Box::new(machine)))));
        }
    }
    complete
}

fn shown(snapshot: &Snapshot, standing: &Standing) -> NodeStanding {
    let why = standing.why.as_ref();
    let pod = why.and_then(|why| why.pod());
    NodeStanding {
        node: standing.node.to_string(),
        pool: standing.pool.to_string(),
        removable: why.is_none(),
        reason: why.map(Unremovable::as_str),
        message: sentence(snapshot, standing),
        pod: pod.map(|pod| format!("{}/{}", pod.namespace, pod.name)),
        pod_reason: why.and_then(Unremovable::block).map(Block::as_str),
        utilization: standing.utilization.map(|utilization| utilization.share),
        unneeded_since: standing.since.map(|at| at.to_string()),
        until: standing.until.map(|at| at.to_string()),
        pods_to_move: standing.pods,
        destinations: standing.destinations.iter().map(ToString::to_string).collect(),
    }
}

/// What holds, and what would change it.
fn sentence(snapshot: &Snapshot, standing: &Standing) -> String {
    let pool = &standing.pool;
    let until = standing.until.map(|at| format!(", until {at}")).unwrap_or_default();
    let share = standing.utilization.map(|it| format!("{:.0} % of its {}", it.share * 100.0, it.resource)).unwrap_or_default();
    let Some(why) = &standing.why else { return "It goes at the autoscaler's next look.".to_owned() };
    match why {
        Unremovable::ScaleDownDisabledAnnotation => {
            "Its annotation cluster-autoscaler.kubernetes.io/scale-down-disabled is true: it stays until that is taken off.".to_owned()
        }
        Unremovable::ScaleDownUnreadyDisabled => "It is not ready, and such nodes stay.".to_owned(),
        Unremovable::NotAutoscaled => not_autoscaled(snapshot, pool),
        Unremovable::NotUnneededLongEnough => format!("It is of no need, but not for long enough{until}: scale-down-unneeded-time."),
        Unremovable::NotUnreadyLongEnough => {
            format!("It is not ready and of no need, but not for long enough{until}: scale-down-unready-time.")
        }
        Unremovable::NodeGroupMinSizeReached => format!("Pool {pool} is at its minimum{until}: a lower minCount would let it go."),
        Unremovable::NodeGroupMaxDeletionCountReached => "As many nodes go already as may at once: max-empty-bulk-delete.".to_owned(),
        Unremovable::AtomicScaleDownFailed => "Its pool goes as a whole or not at all.".to_owned(),
        Unremovable::MinimalResourceLimitExceeded => "The cluster would have less than it must.".to_owned(),
        Unremovable::CurrentlyBeingDeleted => "It is on its way out already, or its machine does not run.".to_owned(),
        Unremovable::NotUnderutilized => format!("Pods ask for {share}, which is above scale-down-utilization-threshold."),
        Unremovable::NotUnneededOtherReason => {
            "It may go, but a delay after the last change holds it up, or other nodes go first.".to_owned()
        }
        Unremovable::RecentlyUnremovable => "It could not go a moment ago, and is looked at again within five minutes.".to_owned(),
        Unremovable::NoPlaceToMovePods { pod } => {
            format!(
                "Pod {}/{} would find no other place: `nodelane explain pod {}/{}` says what each node lacks.",
                pod.namespace, pod.name, pod.namespace, pod.name
            )
        }
        Unremovable::BlockedByPod { pod, block } => {
            format!("Pod {}/{} keeps it: {}{until}.", pod.namespace, pod.name, block_sentence(*block))
        }
        Unremovable::BlockedByOnCompletionPod { pod } => {
            format!("Pod {}/{} is to end by itself first: its annotation safe-to-evict is on-completion.", pod.namespace, pod.name)
        }
        Unremovable::NoNodeInfo => "Nothing is known of it.".to_owned(),
        Unremovable::UnexpectedError => "It says of itself that it has no CPU or memory to give.".to_owned(),
    }
}

fn not_autoscaled(snapshot: &Snapshot, pool: &Name) -> String {
    match snapshot.world.pool(pool) {
        Some((_, state)) if state.spec.enable_auto_scaling => {
            format!("The autoscaler leaves pool {pool} alone now: an operation is at work on it, or it is stopped.")
        }
        Some(_) => format!("Pool {pool} is not autoscaled: `az aks nodepool update --enable-cluster-autoscaler` would change that."),
        None => "It belongs to no pool.".to_owned(),
    }
}

fn block_sentence(block: Block) -> &'static str {
    match block {
        Block::ControllerNotFound => "the owner that it names is gone",
        Block::MinReplicasReached => "its owner has too few replicas",
        Block::NotReplicated => "no controller of a known kind would make it anew; the annotation safe-to-evict \"true\" lets it go",
        Block::UnmovableKubeSystemPod => {
            "it is a system pod that no budget covers, for its first hour; a budget lets it go sooner, a system pool keeps it away"
        }
        Block::NotSafeToEvictAnnotation => "its annotation safe-to-evict is \"false\"",
        Block::LocalStorageRequested => "it keeps data on the node (skip-nodes-with-local-storage)",
        Block::NotEnoughPdb => "a budget that covers it has no slack",
    }
}

impl fmt::Display for NodeStanding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason {
            None => writeln!(f, "{} goes.", self.node)?,
            Some(reason) => writeln!(f, "{} stays: {reason}", self.node)?,
        }
        writeln!(f, "  {}", self.message)?;
        if let Some(since) = &self.unneeded_since {
            writeln!(f, "  Of no need since {since}.")?;
        }
        if let Some(share) = self.utilization {
            writeln!(f, "  Asked for: {:.1} %.", share * 100.0)?;
        }
        if !self.destinations.is_empty() {
            writeln!(f, "  {} pods would move to {}.", self.pods_to_move, self.destinations.join(", "))?;
        }
        Ok(())
    }
}

/// Many nodes as a table, with a count of each reason at the end.
pub fn standings_table(standings: &[NodeStanding]) -> String {
    let width = |of: &dyn Fn(&NodeStanding) -> usize, least: usize| standings.iter().map(of).max().unwrap_or(0).max(least);
    let (node, pool, reason) =
        (width(&|it| it.node.len(), 4), width(&|it| it.pool.len(), 4), width(&|it| it.reason.unwrap_or("goes").len(), 6));
    let mut text = format!("{:node$}  {:pool$}  {:reason$}  {:>5}  POD\n", "NODE", "POOL", "REASON", "USED");
    let mut counts = std::collections::BTreeMap::<&str, usize>::new();
    for it in standings {
        let word = it.reason.unwrap_or("goes");
        *counts.entry(word).or_default() += 1;
        let used = it.utilization.map(|share| format!("{:.0} %", share * 100.0)).unwrap_or_default();
        let pod = match (&it.pod, it.pod_reason) {
            (Some(pod), Some(why)) => format!("{pod} ({why})"),
            (pod, _) => pod.clone().unwrap_or_default(),
        };
        text += format!("{:node$}  {:pool$}  {word:reason$}  {used:>5}  {pod}", it.node, it.pool).trim_end();
        text.push('\n');
    }
    let counts: Vec<String> = counts.iter().map(|(word, count)| format!("{count} {word}")).collect();
    text + &format!("\n{} nodes: {}\n", standings.len(), counts.join(", "))
}
