//! The one form of everything stored: a key, a revision, metadata and a typed body.
//!
//! Documents are immutable behind an `Arc`: lists, watches, planners and forks share the one copy. A change makes a new document.
//! The encoded form is made at most once per document, by the first who needs it; planning never does.

use crate::volume::{CsiNode, PersistentVolume, StorageClass, VolumeClaim};
use crate::workload::{CronJob, DaemonSet, Deployment, Job, ReplicaSet, StatefulSet};
use crate::{Budget, Cluster, Event, Key, Kind, Machine, Meta, Node, NodePool, Pod, Rest};
use bytes::Bytes;
use std::sync::OnceLock;

/// Counts the writes of a cell; a document's revision is that of its last write. Kubernetes' `resourceVersion`.
pub type Revision = u64;

/// A stored document.
#[derive(Clone, Debug)]
pub struct Doc {
    /// What names it.
    pub key: Key,
    /// Its last write.
    pub revision: Revision,
    /// Metadata.
    pub meta: Meta,
    /// The rest, by kind.
    pub body: Body,
    encoded: Encoded,
}

#[derive(Debug, Default)]
struct Encoded(OnceLock<Bytes>);

impl Clone for Encoded {
    fn clone(&self) -> Encoded {
        Encoded::default() // A clone is about to be changed: the old bytes would lie.
    }
}

impl Doc {
    /// A document that no one has encoded yet.
    pub fn new(key: Key, revision: Revision, meta: Meta, body: Body) -> Doc {
        Doc { key, revision, meta, body, encoded: Encoded::default() }
    }
    /// The encoded form; `encode` runs only the first time.
    pub fn encoded(&self, encode: impl FnOnce(&Doc) -> Bytes) -> &Bytes {
        self.encoded.0.get_or_init(|| encode(self))
    }
    /// Length of the encoded form, where someone has made it already.
    pub fn encoded_bytes(&self) -> Option<usize> {
        self.encoded.0.get().map(Bytes::len)
    }
    /// The kind.
    pub fn kind(&self) -> Kind {
        self.key.kind
    }
    /// Whether its deletion was asked for.
    pub fn is_terminating(&self) -> bool {
        self.meta.deleted.is_some()
    }
}

impl PartialEq for Doc {
    /// Equal in content; the encoded form does not count.
    fn eq(&self, other: &Doc) -> bool {
        self.key == other.key && self.revision == other.revision && self.meta == other.meta && self.body == other.body
    }
}

macro_rules! bodies {
    ($($(#[$doc:meta])* $kind:ident($type:ty), $as:ident, $as_mut:ident;)*) => {
        /// What a document holds beside its metadata. Kinds without a type of their own are `Opaque`: all fields as they came.
        #[derive(Clone, PartialEq, Debug)]
        #[allow(clippy::large_enum_variant)] // Pods are by far the most common; boxing them would cost an allocation each.
        pub enum Body {
            $($(#[$doc])* $kind(Box<$type>),)*
            /// A pod.
            Pod(Pod),
            /// Any other kind.
            Opaque(Rest),
        }
        impl Doc {
            $(
                /// The body, where it is of this kind.
                pub fn $as(&self) -> Option<&$type> {
                    match &self.body { Body::$kind(body) => Some(body), _ => None }
                }
                /// The body to change, where it is of this kind.
                pub fn $as_mut(&mut self) -> Option<&mut $type> {
                    match &mut self.body { Body::$kind(body) => Some(body), _ => None }
                }
            )*
        }
    };
}

bodies! {
    /// A node.
    Node(Node), as_node, as_node_mut;
    /// A node pool.
    NodePool(NodePool), as_pool, as_pool_mut;
    /// A machine.
    Machine(Machine), as_machine, as_machine_mut;
    /// The cluster.
    Cluster(Cluster), as_cluster, as_cluster_mut;
    /// A deployment.
    Deployment(Deployment), as_deployment, as_deployment_mut;
    /// A replica set.
    ReplicaSet(ReplicaSet), as_replica_set, as_replica_set_mut;
    /// A stateful set.
    StatefulSet(StatefulSet), as_stateful_set, as_stateful_set_mut;
    /// A daemon set.
    DaemonSet(DaemonSet), as_daemon_set, as_daemon_set_mut;
    /// A job.
    Job(Job), as_job, as_job_mut;
    /// A cron job.
    CronJob(CronJob), as_cron_job, as_cron_job_mut;
    /// A disruption budget.
    PodDisruptionBudget(Budget), as_budget, as_budget_mut;
    /// A persistent volume.
    PersistentVolume(PersistentVolume), as_persistent_volume, as_persistent_volume_mut;
    /// A claim for a volume.
    PersistentVolumeClaim(VolumeClaim), as_volume_claim, as_volume_claim_mut;
    /// A storage class.
    StorageClass(StorageClass), as_storage_class, as_storage_class_mut;
    /// What the CSI drivers of a node can do.
    CSINode(CsiNode), as_csi_node, as_csi_node_mut;
    /// An event.
    Event(Event), as_event, as_event_mut;
}

impl Doc {
    /// The pod, where it is one.
    pub fn as_pod(&self) -> Option<&Pod> {
        match &self.body {
            Body::Pod(pod) => Some(pod),
            _ => None,
        }
    }
    /// The pod to change, where it is one.
    pub fn as_pod_mut(&mut self) -> Option<&mut Pod> {
        match &mut self.body {
            Body::Pod(pod) => Some(pod),
            _ => None,
        }
    }
    /// The fields, where the kind has no type of its own.
    pub fn as_opaque(&self) -> Option<&Rest> {
        match &self.body {
            Body::Opaque(rest) => Some(rest),
            _ => None,
        }
    }
}
