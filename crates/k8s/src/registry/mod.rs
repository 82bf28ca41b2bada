//! The closed table of kinds that the Kubernetes side serves: names, verbs, subresources, scope, rules of names and fields.
//!
//! Invariants: one entry per (group, version, plural); sorted within a group version by plural, because discovery shows
//! that order; `kind` is Kubernetes' own kind string, to which the model's kinds map one to one. A kind that is not in the
//! table does not exist. Not here: storage, defaults, admission.

mod entries;
mod events;

use crate::names::NameRule;
use crate::selector::FieldSet;
use base64::Engine;
use sha2::{Digest, Sha256};

pub use entries::GROUP_VERSIONS;
pub use events::{events_core, events_v1};

/// What a client may do with a resource; `Display` gives the wire word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// POST on the collection (or on the subresource)
    Create,
    /// DELETE of one
    Delete,
    /// DELETE of the collection
    DeleteCollection,
    /// GET of one
    Get,
    /// GET of the collection
    List,
    /// PATCH
    Patch,
    /// PUT
    Update,
    /// GET of the collection with `watch=1`
    Watch,
}

impl Verb {
    /// The word of discovery and RBAC.
    pub const fn word(self) -> &'static str {
        match self {
            Verb::Create => "create",
            Verb::Delete => "delete",
            Verb::DeleteCollection => "deletecollection",
            Verb::Get => "get",
            Verb::List => "list",
            Verb::Patch => "patch",
            Verb::Update => "update",
            Verb::Watch => "watch",
        }
    }
}

impl std::fmt::Display for Verb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

/// Where the objects of a resource are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// Documents of the store, under this resource's own key.
    Stored,
    /// Documents of another resource, shown in another shape: `events.k8s.io` events are the core events. Read: rename
    /// the fields (`involvedObject` = `regarding`, `message` = `note`, `count`/`firstTimestamp`/`lastTimestamp`/`source`
    /// = `deprecated…`); a write renames them back. One key, one revision, one watch.
    SharedWith {
        /// Group of the resource that owns the documents.
        group: &'static str,
    },
    /// Computed when read, never stored: metrics.
    Computed,
    /// A question in the shape of a create; the answer is the body with its status: access reviews.
    Question,
}

/// A path segment behind an object: `pods/log`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subresource {
    /// Segment.
    pub name: &'static str,
    /// Group, version and kind of what it reads or writes.
    pub kind: (&'static str, &'static str, &'static str),
    /// Sorted.
    pub verbs: &'static [Verb],
}

/// One kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resource {
    /// API group, `""` for core.
    pub group: &'static str,
    /// API version.
    pub version: &'static str,
    /// Path segment.
    pub plural: &'static str,
    /// For `kubectl get pod`.
    pub singular: &'static str,
    /// Kubernetes kind.
    pub kind: &'static str,
    /// `kubectl get po`.
    pub short_names: &'static [&'static str],
    /// `kubectl get all`.
    pub categories: &'static [&'static str],
    /// False for cluster scope.
    pub namespaced: bool,
    /// Sorted.
    pub verbs: &'static [Verb],
    /// Sorted by name.
    pub subresources: &'static [Subresource],
    /// Shape of names.
    pub names: NameRule,
    /// Fields that selectors may use.
    pub fields: FieldSet,
    /// Where its objects are.
    pub home: Home,
    /// Strategic merge patches are for built-in kinds only; others answer 415.
    pub strategic_patch: bool,
}

impl Resource {
    /// `v1`, `apps/v1`.
    pub fn api_version(&self) -> String {
        api_version(self.group, self.version)
    }

    /// `PodList`.
    pub fn list_kind(&self) -> String {
        format!("{}List", self.kind)
    }

    /// May a client do this?
    pub fn allows(&self, verb: Verb) -> bool {
        self.verbs.contains(&verb)
    }

    /// The subresource of that name.
    pub fn subresource(&self, name: &str) -> Option<&'static Subresource> {
        self.subresources.iter().find(|subresource| subresource.name == name)
    }

    /// As error texts name it.
    pub fn group_resource(&self) -> crate::status::GroupResource<'static> {
        crate::status::GroupResource { group: self.group, resource: self.plural }
    }

    /// `storageVersionHash` of discovery: the first eight bytes of SHA-256 over the *stored* `group/version/Kind`. Empty
    /// for what is not stored.
    pub fn storage_version_hash(&self) -> String {
        let group = match self.home {
            Home::Stored => self.group,
            Home::SharedWith { group } => group,
            Home::Computed | Home::Question => return String::new(),
        };
        let digest = Sha256::digest(format!("{group}/{}/{}", self.version, self.kind));
        base64::engine::general_purpose::STANDARD.encode(&digest[..8])
    }
}

/// `v1`, `apps/v1`.
pub fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

/// All kinds, in discovery order.
pub fn all() -> impl Iterator<Item = &'static Resource> {
    GROUP_VERSIONS.iter().flat_map(|(_, _, resources)| resources.iter())
}

/// The kinds of one group version; `None` when there is none.
pub fn group_version(group: &str, version: &str) -> Option<&'static [Resource]> {
    GROUP_VERSIONS.iter().find(|(g, v, _)| *g == group && *v == version).map(|(_, _, resources)| *resources)
}

/// The kind behind a path.
pub fn find(group: &str, version: &str, plural: &str) -> Option<&'static Resource> {
    group_version(group, version)?.iter().find(|resource| resource.plural == plural)
}

/// The kind of a body (`apiVersion`, `kind`).
pub fn by_kind(group: &str, version: &str, kind: &str) -> Option<&'static Resource> {
    group_version(group, version)?.iter().find(|resource| resource.kind == kind)
}
