//! Which lists make the world of a running cluster, and which more a server of ours has.
//!
//! The caller asks for them; a kind that the server does not have is no error. Secrets are not among them.

use crate::{Objects, Unreadable};
use nodelane_model::{Kind, codec};
use serde_json::Value;

/// Paths of the lists that placing needs, the same kinds as a dump's.
pub const LISTS: [&str; 16] = [
    "/api/v1/nodes",
    "/api/v1/namespaces",
    "/api/v1/pods",
    "/api/v1/services",
    "/api/v1/persistentvolumes",
    "/api/v1/persistentvolumeclaims",
    "/apis/storage.k8s.io/v1/storageclasses",
    "/apis/storage.k8s.io/v1/csinodes",
    "/apis/apps/v1/deployments",
    "/apis/apps/v1/replicasets",
    "/apis/apps/v1/statefulsets",
    "/apis/apps/v1/daemonsets",
    "/apis/batch/v1/jobs",
    "/apis/policy/v1/poddisruptionbudgets",
    "/apis/scheduling.k8s.io/v1/priorityclasses",
    "/apis/batch/v1/cronjobs",
];

/// Lists of a server of ours beside those.
pub const OWN_LISTS: [(&str, Kind); 4] = [
    ("/apis/nodelane.dev/v1/clusters", Kind::Cluster),
    ("/apis/nodelane.dev/v1/nodepools", Kind::NodePool),
    ("/apis/nodelane.dev/v1/machines", Kind::Machine),
    ("/apis/nodelane.dev/v1/faults", Kind::Fault),
];

impl Objects {
    /// Takes up a list of a kind of ours.
    ///
    /// # Errors
    /// The first object that cannot be read.
    pub fn add_own(&mut self, kind: Kind, list: &mut Value) -> Result<(), Unreadable> {
        for item in list["items"].as_array_mut().into_iter().flatten() {
            if let Some(metadata) = item["metadata"].as_object_mut() {
                metadata.remove("resourceVersion");
            }
            let name = || format!("{} {}", kind.as_str(), item["metadata"]["name"].as_str().unwrap_or_default());
            let doc = codec::from_value(kind, item).map_err(|error| Unreadable { object: name(), why: error.to_string() })?;
            self.put(doc);
        }
        Ok(())
    }
}
