//! What names a document: its kind, namespace and name.
//!
//! Keys order by kind, then namespace, then name: a range of keys is a list call. The closed set of kinds is here; their groups,
//! versions, plurals and verbs are in the room `k8s`.

use std::fmt;

/// A short text that clones without copying.
pub type Name = smol_str::SmolStr;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident),* $(,)?) => {
        /// The kinds of documents. Names are Kubernetes' own, or ours in the group `nodelane.dev`.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Kind { $($(#[$doc])* $kind),* }
        impl Kind {
            /// Every kind, in order.
            pub const ALL: &'static [Kind] = &[$(Kind::$kind),*];
            /// The kind's name, as in a document's `kind` field.
            pub const fn as_str(self) -> &'static str {
                match self { $(Kind::$kind => stringify!($kind)),* }
            }
            /// The kind of that name.
            pub fn from_name(name: &str) -> Option<Kind> {
                match name { $(stringify!($kind) => Some(Kind::$kind),)* _ => None }
            }
        }
    };
}

kinds! {
    /// The managed cluster of this cell; one document.
    Cluster,
    /// A node pool.
    NodePool,
    /// One virtual machine of a pool.
    Machine,
    /// An injected fault.
    Fault,
    /// A subscription of the account.
    Subscription,
    /// A resource group of a subscription.
    ResourceGroup,
    /// Where the account keeps which clusters exist.
    ClusterEntry,
    /// A Kubernetes node.
    Node,
    /// A Kubernetes namespace.
    Namespace,
    /// A pod.
    Pod,
    /// A service.
    Service,
    /// A config map.
    ConfigMap,
    /// A secret.
    Secret,
    /// A service account.
    ServiceAccount,
    /// An event; core/v1 and events.k8s.io/v1 are one store.
    Event,
    /// Endpoints of a service.
    Endpoints,
    /// A slice of a service's endpoints.
    EndpointSlice,
    /// A persistent volume.
    PersistentVolume,
    /// A claim for a volume.
    PersistentVolumeClaim,
    /// A storage class.
    StorageClass,
    /// Volume limits of a node.
    CSINode,
    /// A lease.
    Lease,
    /// A deployment.
    Deployment,
    /// A replica set.
    ReplicaSet,
    /// A stateful set.
    StatefulSet,
    /// A daemon set.
    DaemonSet,
    /// A job.
    Job,
    /// A cron job.
    CronJob,
    /// A revision of a stateful set's or daemon set's template.
    ControllerRevision,
    /// A disruption budget.
    PodDisruptionBudget,
    /// A priority class.
    PriorityClass,
    /// A resource quota.
    ResourceQuota,
    /// A limit range.
    LimitRange,
}

impl Kind {
    /// Group and version, as in a document's `apiVersion` field: part of the stored shape.
    pub const fn api_version(self) -> &'static str {
        match self {
            Kind::Cluster | Kind::NodePool | Kind::Machine | Kind::Fault => "nodelane.dev/v1",
            Kind::Subscription | Kind::ResourceGroup | Kind::ClusterEntry => "account.nodelane.dev/v1",
            Kind::Node | Kind::Namespace | Kind::Pod | Kind::Service | Kind::ConfigMap | Kind::Secret => "v1",
            Kind::ServiceAccount | Kind::Event | Kind::Endpoints | Kind::PersistentVolume => "v1",
            Kind::PersistentVolumeClaim | Kind::ResourceQuota | Kind::LimitRange => "v1",
            Kind::EndpointSlice => "discovery.k8s.io/v1",
            Kind::StorageClass | Kind::CSINode => "storage.k8s.io/v1",
            Kind::Lease => "coordination.k8s.io/v1",
            Kind::Deployment | Kind::ReplicaSet | Kind::StatefulSet | Kind::DaemonSet => "apps/v1",
            Kind::ControllerRevision => "apps/v1",
            Kind::Job | Kind::CronJob => "batch/v1",
            Kind::PodDisruptionBudget => "policy/v1",
            Kind::PriorityClass => "scheduling.k8s.io/v1",
        }
    }
}

/// What names a document. Cluster-wide kinds have an empty namespace.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The kind.
    pub kind: Kind,
    /// The namespace, or empty.
    pub namespace: Name,
    /// The name.
    pub name: Name,
}

impl Key {
    /// A key in a namespace.
    pub fn new(kind: Kind, namespace: impl Into<Name>, name: impl Into<Name>) -> Key {
        Key { kind, namespace: namespace.into(), name: name.into() }
    }
    /// A key of a cluster-wide kind.
    pub fn global(kind: Kind, name: impl Into<Name>) -> Key {
        Key::new(kind, "", name)
    }
    /// The stored form: kind, namespace and name with a slash between. None of the three holds one.
    pub fn to_stored(&self) -> String {
        self.to_string()
    }
    /// Reads the stored form.
    pub fn from_stored(text: &str) -> Option<Key> {
        let (kind, rest) = text.split_once('/')?;
        let (namespace, name) = rest.split_once('/')?;
        Some(Key::new(Kind::from_name(kind)?, namespace, name))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.kind.as_str(), self.namespace, self.name)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
