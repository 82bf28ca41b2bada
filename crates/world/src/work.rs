//! What is left to do, by planner, and when to look again.
//!
//! Each list holds at least every subject whose reconciler would act. Membership follows from the deltas of documents, so it is the
//! same in a fork, and after a restart every subject is looked at once. Order is that of keys (or of urgency, for pods), never that of
//! history. Deadlines put a subject back on its list when they pass.

use imbl::OrdSet;
use nodelane_model::{Key, Kind, Time};

/// The lists, one per kind of work.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum List {
    /// Pools and clusters whose operation may have to advance.
    Operations,
    /// Machines that differ from what is wanted, or whose node does.
    Machines,
    /// Machines whose node was Ready and is not, and the cluster where the next of them may be taken.
    Repairs,
    /// Workloads and budgets whose pods or status may be off, volumes and claims, and pods whose claims are still to be made.
    Owners,
    /// Documents that are terminating, or whose owner is gone.
    Doomed,
    /// What autoscaling looks at again: machines that changed, or whose node did, pools that changed, and the cluster when it is time.
    Autoscale,
}

/// What is left to do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Work {
    operations: OrdSet<Key>,
    machines: OrdSet<Key>,
    repairs: OrdSet<Key>,
    owners: OrdSet<Key>,
    doomed: OrdSet<Key>,
    autoscale: OrdSet<Key>,
    /// Unbound pods, the most urgent first: highest priority, then oldest, then by name.
    pub pending: OrdSet<(i64, Time, Key)>,
    deadlines: OrdSet<(Time, List, Key)>,
}

impl Work {
    /// One list.
    pub fn list(&self, list: List) -> &OrdSet<Key> {
        match list {
            List::Operations => &self.operations,
            List::Machines => &self.machines,
            List::Repairs => &self.repairs,
            List::Owners => &self.owners,
            List::Doomed => &self.doomed,
            List::Autoscale => &self.autoscale,
        }
    }
    fn list_mut(&mut self, list: List) -> &mut OrdSet<Key> {
        match list {
            List::Operations => &mut self.operations,
            List::Machines => &mut self.machines,
            List::Repairs => &mut self.repairs,
            List::Owners => &mut self.owners,
            List::Doomed => &mut self.doomed,
            List::Autoscale => &mut self.autoscale,
        }
    }
    /// Puts a subject on a list.
    pub fn add(&mut self, list: List, key: Key) {
        self.list_mut(list).insert(key);
    }
    /// Takes a subject off a list.
    pub fn done(&mut self, list: List, key: &Key) {
        self.list_mut(list).remove(key);
    }
    /// Takes the first subject after `after` off a list: a pass in key order that ends even if reconcilers add subjects.
    pub fn take_after(&mut self, list: List, after: Option<&Key>) -> Option<Key> {
        use std::ops::Bound;
        let from = after.map_or(Bound::Unbounded, |key| Bound::Excluded(key.clone()));
        let key = self.list(list).range((from, Bound::Unbounded)).next().cloned()?;
        self.done(list, &key);
        Some(key)
    }
    /// Looks at a subject again at a time.
    pub fn wake(&mut self, at: Time, list: List, key: Key) {
        self.deadlines.insert((at, list, key));
    }
    /// Puts every subject whose deadline has passed back on its list.
    pub fn ring(&mut self, now: Time) {
        while let Some((at, _, _)) = self.deadlines.get_min()
            && *at <= now
        {
            let (_, list, key) = self.deadlines.remove_min().expect("it was just seen");
            self.add(list, key);
        }
    }
    /// When the next deadline passes.
    pub fn next_deadline(&self) -> Option<Time> {
        self.deadlines.get_min().map(|(at, _, _)| *at)
    }
    /// Whether a turn would find a subject to look at.
    pub fn is_idle(&self) -> bool {
        let lists = [&self.operations, &self.machines, &self.repairs, &self.owners, &self.doomed, &self.autoscale];
        lists.iter().all(|list| list.is_empty())
    }
    /// The list on which a document's own reconciler looks, if its kind has one.
    pub(crate) fn list_of(kind: Kind) -> Option<List> {
        match kind {
            Kind::Cluster | Kind::NodePool => Some(List::Operations),
            Kind::Machine => Some(List::Machines),
            Kind::Deployment
            | Kind::ReplicaSet
            | Kind::StatefulSet
            | Kind::DaemonSet
            | Kind::Job
            | Kind::CronJob
            | Kind::Namespace
            | Kind::PersistentVolume
            | Kind::PersistentVolumeClaim
            | Kind::PodDisruptionBudget
            | Kind::Service => Some(List::Owners),
            _ => None,
        }
    }
}
