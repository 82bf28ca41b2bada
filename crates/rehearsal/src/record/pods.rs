//! A row for every pod that there was: made, bound, gone.
//!
//! A pod is known by its id, so that a stateful set's next pod of the same name gets a row of its own.

use super::PodRow;
use nodelane_model::{Doc, Name, Time, Uid};
use nodelane_world::World;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The topmost owner of a pod: its kind and name.
pub(super) type Workload = (Name, Name);

/// Rows of pods, of all clusters; ids are of a cluster, which is named by its place.
#[derive(Default)]
pub(super) struct Pods {
    pub(super) rows: Vec<PodRow>,
    by_uid: BTreeMap<(usize, Uid), usize>,
    /// By the id of the pods' owner.
    workloads: BTreeMap<(usize, Name), Workload>,
}

impl Pods {
    /// A pod as it was and as it is; `world` is as of this instant.
    pub(super) fn pod(&mut self, cluster: usize, at: Time, old: Option<&Arc<Doc>>, new: Option<&Arc<Doc>>, world: &World) {
        if let (Some(old), true) = (old, new.is_none_or(|new| old.is_none_or(|old| old.meta.uid != new.meta.uid)))
            && let Some(row) = self.by_uid.remove(&(cluster, old.meta.uid))
        {
            self.rows[row].deleted = Some(at);
        }
        let Some((doc, pod)) = new.and_then(|doc| Some((doc, doc.as_pod()?))) else { return };
        let row = match self.by_uid.get(&(cluster, doc.meta.uid)) {
            Some(row) => *row,
            None => {
                let (kind, workload) = self.workload(cluster, doc, world).unzip();
                self.rows.push(PodRow {
                    namespace: doc.key.namespace.clone(),
                    name: doc.key.name.clone(),
                    workload,
                    workload_kind: kind.unwrap_or_default(),
                    created: at,
                    bound: None,
                    node: None,
                    deleted: None,
                });
                self.by_uid.insert((cluster, doc.meta.uid), self.rows.len() - 1);
                self.rows.len() - 1
            }
        };
        if let (Some(node), None) = (&pod.node, &self.rows[row].node) {
            self.rows[row].node = Some(node.clone());
            self.rows[row].bound = Some(at);
        }
    }
    /// The workload of a pod.
    pub(super) fn workload(&mut self, cluster: usize, doc: &Doc, world: &World) -> Option<Workload> {
        let owner = doc.meta.controller()?;
        if let Some(known) = self.workloads.get(&(cluster, owner.uid.clone())) {
            return Some(known.clone());
        }
        let above = || {
            let doc = world.by_uid(Uid::parse(&owner.uid)?)?;
            let above = doc.meta.controller()?;
            Some((above.kind.clone(), above.name.clone()))
        };
        let workload = above().unwrap_or_else(|| (owner.kind.clone(), owner.name.clone()));
        self.workloads.insert((cluster, owner.uid.clone()), workload.clone());
        Some(workload)
    }
}
