//! What clients ask for: the closed set of changes, and who asks.
//!
//! A change is computed outside of the cell against a published revision and carries it: if the document has moved since, the cell
//! answers [`Refusal::Stale`](crate::Refusal) and the caller computes it again. Nothing here knows how a request was spelled.

use crate::pool::PoolSpec;
use crate::{Doc, Key, Name, Revision, Uid};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Who asks, and which request it was; goes into the log.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    /// Who.
    pub principal: Principal,
    /// The server's id of the request.
    pub request_id: Name,
    /// The id that ties requests together.
    pub correlation_id: Name,
    /// The client's own id of the request.
    #[serde(default, skip_serializing_if = "Name::is_empty")]
    pub client_request_id: Name,
    /// The api-version that an ARM request names: previews may ask for what others may not.
    #[serde(default, skip_serializing_if = "Name::is_empty")]
    pub api_version: Name,
    /// What the client calls itself, at most [`USER_AGENT_LENGTH`] bytes: tells the manager of a pool from others.
    #[serde(default, skip_serializing_if = "Name::is_empty")]
    pub user_agent: Name,
    /// Whether the request changes what somebody else manages on purpose.
    #[serde(default, skip_serializing_if = "crate::meta::is_false")]
    pub overrides_manager: bool,
}

impl Origin {
    /// Whether the request names a preview api-version, this one or a later.
    pub fn previews(&self, since: &str) -> bool {
        self.api_version.ends_with("-preview") && self.api_version.as_str() >= since
    }
}

/// Bytes of a user agent that the log keeps: Terraform's and az's are shorter.
pub const USER_AGENT_LENGTH: usize = 256;

/// Who asks.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Principal {
    /// The system itself.
    #[default]
    System,
    /// A user or service principal, by name.
    User(Name),
    /// The kubelet of a node.
    Node(Name),
}

/// What happens to what a deleted document owns.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Propagation {
    /// It goes afterwards.
    #[default]
    Background,
    /// It goes first.
    Foreground,
    /// It stays.
    Orphan,
}

/// Conditions on a pool's eTag (aks-semantics X-1).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct EtagConditions {
    /// `If-Match`: an eTag or `*`.
    pub if_match: Option<Name>,
    /// `If-None-Match: *`.
    pub if_none_match: bool,
}

/// What a client asks for.
#[derive(Clone, Debug)]
pub enum Change {
    /// A new document. Its uid, revision and creation time are set by the cell. A name is made from `generate_name` where it is empty.
    Create(Arc<Doc>),
    /// Another content for a document, computed from revision `base`. Removes it where it is terminating and no finalizer is left.
    Replace {
        /// The new content.
        doc: Arc<Doc>,
        /// The revision it was computed from.
        base: Revision,
    },
    /// A document is to go.
    Delete {
        /// Which.
        key: Key,
        /// Only if it has this id.
        uid: Option<Uid>,
        /// Only at this revision.
        base: Option<Revision>,
        /// Seconds of grace; absent is the document's own.
        grace_seconds: Option<i64>,
        /// What happens to what it owns.
        propagation: Propagation,
    },
    /// A pod goes to a node.
    Bind {
        /// The pod.
        pod: Key,
        /// The node.
        node: Name,
    },
    /// A pod is to leave, if its budget allows.
    Evict {
        /// The pod.
        pod: Key,
        /// Seconds of grace; absent is the pod's own.
        grace_seconds: Option<i64>,
        /// Only ask.
        dry_run: bool,
    },
    /// A pool is to be as given.
    PutPool {
        /// Its name.
        name: Name,
        /// What it is to be: merged with what is stored, validated for form.
        spec: Box<PoolSpec>,
        /// The revision of the stored pool that it was merged with; `None` if there was none.
        base: Option<Revision>,
        /// Conditions on the eTag.
        etag: EtagConditions,
        /// Hash of the request, to know a repeat.
        request_hash: u64,
    },
    /// A pool's machines get the newest image.
    UpgradePoolImage {
        /// Its name.
        name: Name,
    },
    /// A pool is to go.
    DeletePool {
        /// Its name.
        name: Name,
        /// Whether budgets are passed over.
        ignore_budgets: bool,
        /// Conditions on the eTag.
        etag: EtagConditions,
    },
    /// The running operation is to stop.
    AbortPool {
        /// The pool's name.
        name: Name,
    },
    /// Named machines are to go.
    DeleteMachines {
        /// The pool's name.
        name: Name,
        /// The machines' names.
        machines: Vec<Name>,
    },
    /// The cluster is to be as given; `pools` are created with it, or must equal what is stored.
    PutCluster {
        /// What it is to be.
        spec: Box<crate::cluster::ClusterSpec>,
        /// Its pools, where the request names them.
        pools: Vec<(Name, PoolSpec)>,
        /// The revision of the stored cluster that it was merged with; `None` if there was none.
        base: Option<Revision>,
        /// Conditions on the eTag.
        etag: EtagConditions,
    },
    /// The cluster and all that is in it is to go.
    DeleteCluster,
    /// When the cluster may be worked on; `None` takes the configuration away.
    PutMaintenance {
        /// The configuration's name, one of three.
        name: Name,
        /// What it is to be, validated for form.
        maintenance: Option<Box<crate::maintenance::Maintenance>>,
    },
    /// Every machine is deallocated.
    StopCluster,
    /// Every machine comes back.
    StartCluster,
}

/// What the cell answers to an accepted change.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    /// The cell's revision that the answer rests on.
    pub revision: Revision,
    /// The document as it is now; absent where it is gone.
    pub doc: Option<Arc<Doc>>,
    /// Whether the document is new.
    pub created: bool,
    /// The long-running operation to poll; absent where there is nothing to wait for.
    pub operation: Option<Uid>,
}
