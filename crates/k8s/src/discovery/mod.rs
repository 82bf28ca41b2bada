//! Discovery: which groups, versions and kinds there are, in both of Kubernetes' dialects, and the version document.
//!
//! Invariants: the documents are functions of the registry (and the version given), so their ETag is stable across restarts
//! and changes with the registry only. Not here: HTTP (304 on `If-None-Match` is one comparison with [`etag`]), and
//! OpenAPI schemas ([`openapi`] says why).

mod aggregated;
pub mod openapi;

use crate::registry::{self, GROUP_VERSIONS, Resource, Verb};
pub use aggregated::{aggregated_core, aggregated_groups};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// `/api`. `address` is what clients should dial, `host:port`.
pub fn core_versions(address: &str) -> Value {
    json!({
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    })
}

/// `/apis`.
pub fn groups() -> Value {
    let groups: Vec<Value> =
        GROUP_VERSIONS.iter().filter(|(group, _, _)| !group.is_empty()).map(|(group, version, _)| group_entry(group, version)).collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// `/apis/{group}`; `None` when there is no such group.
pub fn group(name: &str) -> Option<Value> {
    let (group, version, _) = GROUP_VERSIONS.iter().find(|(group, _, _)| *group == name && !group.is_empty())?;
    let mut entry = group_entry(group, version);
    entry["kind"] = "APIGroup".into();
    entry["apiVersion"] = "v1".into();
    Some(entry)
}

// Each group has one version today; a second one needs a list here and a preference.
fn group_entry(group: &str, version: &str) -> Value {
    let version = json!({"groupVersion": registry::api_version(group, version), "version": version});
    json!({"name": group, "versions": [version], "preferredVersion": version})
}

/// `/api/v1` and `/apis/{group}/{version}`; `None` when there is no such group version.
pub fn resources(group: &str, version: &str) -> Option<Value> {
    let mut list = Vec::new();
    for resource in registry::group_version(group, version)? {
        list.push(resource_entry(resource));
        list.extend(resource.subresources.iter().map(|subresource| {
            let (sub_group, sub_version, kind) = subresource.kind;
            let mut entry = json!({
                "name": format!("{}/{}", resource.plural, subresource.name),
                "singularName": "",
                "namespaced": resource.namespaced,
                "kind": kind,
                "verbs": words(subresource.verbs),
            });
            if (sub_group, sub_version) != (group, version) {
                entry["group"] = sub_group.into();
                entry["version"] = sub_version.into();
            }
            entry
        }));
    }
    Some(json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": registry::api_version(group, version),
        "resources": list,
    }))
}

fn resource_entry(resource: &Resource) -> Value {
    let mut entry = json!({
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": words(resource.verbs),
    });
    names_of(resource, &mut entry);
    let hash = resource.storage_version_hash();
    if !hash.is_empty() {
        entry["storageVersionHash"] = hash.into();
    }
    entry
}

fn names_of(resource: &Resource, entry: &mut Value) {
    if !resource.short_names.is_empty() {
        entry["shortNames"] = resource.short_names.into();
    }
    if !resource.categories.is_empty() {
        entry["categories"] = resource.categories.into();
    }
}

fn words(verbs: &[Verb]) -> Vec<&'static str> {
    verbs.iter().map(|verb| verb.word()).collect()
}

/// `/version` for a Kubernetes version such as `1.34.2`; the build facts are ours.
pub fn version(kubernetes: &str, build_commit: &str, build_date: &str) -> Value {
    let mut numbers = kubernetes.split('.');
    let (major, minor) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    json!({
        "major": major,
        "minor": minor,
        "gitVersion": format!("v{kubernetes}"),
        "gitCommit": build_commit,
        "gitTreeState": "clean",
        "buildDate": build_date,
        "goVersion": "",
        "compiler": "rustc",
        "platform": "linux/amd64",
    })
}

/// The `ETag` of a document, with its quotes: a hash of its bytes.
pub fn etag(body: &[u8]) -> String {
    let digest = Sha256::digest(body);
    let hex: String = digest.iter().map(|byte| format!("{byte:02X}")).collect();
    format!("\"{hex}\"")
}
