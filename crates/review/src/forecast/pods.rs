//! Which pods a change moves, and where they end: by workload and pool.
//!
//! A pod moves when it was bound and begins to end, or is gone, before its work was done. Pods of DaemonSets stay with their nodes and do
//! not count. Where they end is where the workload's pods of after the change are; one that nothing makes anew is lost.

use super::{Names, SHOWN, workload};
use nodelane_model::{Doc, Name, Uid};
use nodelane_world::World;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Pods of a change.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Pods {
    /// Evictions: a pod that moves twice counts twice.
    pub moved: usize,
    /// Those that wait for a node in the end.
    pub pending: usize,
    /// Those that nothing makes anew.
    pub lost: usize,
    /// By workload, those with the most moves first; at most [`SHOWN`].
    pub workloads: Vec<Workload>,
    /// Workloads that are not shown.
    pub more: usize,
}

/// A workload whose pods move.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Workload {
    /// Namespace.
    pub namespace: Name,
    /// Kind of what makes the pods, `Pod` for a pod of its own.
    pub kind: Name,
    /// Its name.
    pub name: Name,
    /// Evictions.
    pub moved: usize,
    /// Pods that wait for a node in the end.
    pub pending: usize,
    /// Where its moved pods end, by pool.
    pub to: Vec<Destination>,
}

/// Where moved pods end.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Destination {
    /// Pool of the nodes.
    pub pool: Name,
    /// Pods.
    pub pods: usize,
    /// Nodes.
    pub nodes: Names,
}

type Of = (Name, Name, Name);

#[derive(Default)]
pub(super) struct Moves {
    moved: BTreeMap<Of, usize>,
    gone: BTreeSet<Uid>,
    /// Pods that were made since, and have not gone.
    made: BTreeMap<Uid, (Of, Option<Name>)>,
}

impl Moves {
    pub(super) fn pod(&mut self, old: Option<&Arc<Doc>>, new: Option<&Arc<Doc>>, world: &World) {
        let Some(doc) = new.or(old) else { return };
        let (kind, name) = workload(world, doc);
        let of = (doc.key.namespace.clone(), kind, name);
        if of.1 == "DaemonSet" {
            return;
        }
        let id = doc.meta.uid;
        let was_bound = old.is_some_and(|old| old.as_pod().is_some_and(|pod| pod.node.is_some() && !pod.status.is_terminal()));
        let ends = new.is_none_or(|new| new.is_terminating());
        if was_bound && ends && self.gone.insert(id) {
            *self.moved.entry(of.clone()).or_default() += 1;
        }
        match (old, new.filter(|new| !new.is_terminating())) {
            (_, None) => drop(self.made.remove(&id)),
            (Some(_), Some(_)) if !self.made.contains_key(&id) => {}
            (_, Some(new)) => drop(self.made.insert(id, (of, new.as_pod().and_then(|pod| pod.node.clone())))),
        }
    }
    pub(super) fn waits(&self) -> bool {
        self.made.values().any(|(of, node)| node.is_none() && self.moved.contains_key(of))
    }
    pub(super) fn finish(self, after: &World) -> Pods {
        let mut pods = Pods::default();
        let mut made: BTreeMap<&Of, Vec<&Option<Name>>> = BTreeMap::new();
        self.made.values().for_each(|(of, node)| made.entry(of).or_default().push(node));
        for (of, moved) in &self.moved {
            let nodes = made.remove(of).unwrap_or_default();
            let mut to: BTreeMap<Name, Vec<Name>> = BTreeMap::new();
            for node in nodes.iter().filter_map(|node| node.as_ref()) {
                let pool = after.node(node).and_then(|row| row.doc.meta.labels.get("agentpool").cloned()).unwrap_or_default();
                to.entry(pool).or_default().push(node.clone());
            }
            let pending = nodes.iter().filter(|node| node.is_none()).count();
            pods.moved += moved;
            pods.pending += pending;
            pods.lost += if of.1 == "Pod" && nodes.is_empty() { *moved } else { 0 };
            let to = to.into_iter().map(destination).collect();
            let (namespace, kind, name) = of.clone();
            pods.workloads.push(Workload { namespace, kind, name, moved: *moved, pending, to });
        }
        pods.workloads.sort_by_key(|workload| std::cmp::Reverse((workload.pending, workload.moved)));
        pods.more = pods.workloads.len().saturating_sub(SHOWN);
        pods.workloads.truncate(SHOWN);
        pods
    }
}

fn destination((pool, nodes): (Name, Vec<Name>)) -> Destination {
    let distinct: BTreeSet<&Name> = nodes.iter().collect();
    let names = distinct.iter().take(SHOWN).map(|name| (*name).clone()).collect();
    Destination { pool, pods: nodes.len(), nodes: Names { count: distinct.len(), names } }
}
