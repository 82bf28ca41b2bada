//! Aggregated discovery (`apidiscovery.k8s.io/v2`): everything in two answers instead of one per group version.
//!
//! Served on `/api` and `/apis` when the client asks for it (see [`Shape::AggregatedDiscovery`]).
//!
//! [`Shape::AggregatedDiscovery`]: crate::accept::Shape::AggregatedDiscovery

use super::{names_of, words};
use crate::registry::{GROUP_VERSIONS, Resource};
use serde_json::{Value, json};

/// `/api`: the core group.
pub fn aggregated_core() -> Value {
    list(|group| group.is_empty())
}

/// `/apis`: all other groups.
pub fn aggregated_groups() -> Value {
    list(|group| !group.is_empty())
}

fn list(wanted: impl Fn(&str) -> bool) -> Value {
    let items: Vec<Value> = GROUP_VERSIONS
        .iter()
        .filter(|(group, _, _)| wanted(group))
        .map(|(group, version, resources)| {
            let resources: Vec<Value> = resources.iter().map(resource_entry).collect();
            let mut metadata = json!({});
            if !group.is_empty() {
                metadata["name"] = (*group).into();
            }
            let version = json!({"version": version, "resources": resources, "freshness": "Current"});
            json!({"metadata": metadata, "versions": [version]})
        })
        .collect();
    json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": items,
    })
}

/// Empty group and version mean those of the resource.
fn response_kind(resource: &Resource, (group, version, kind): (&str, &str, &str)) -> Value {
    let same = (group, version) == (resource.group, resource.version);
    let (group, version) = if same { ("", "") } else { (group, version) };
    json!({"group": group, "version": version, "kind": kind})
}

fn resource_entry(resource: &Resource) -> Value {
    let mut entry = json!({
        "resource": resource.plural,
        "responseKind": response_kind(resource, (resource.group, resource.version, resource.kind)),
        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": resource.singular,
        "verbs": words(resource.verbs),
    });
    names_of(resource, &mut entry);
    if !resource.subresources.is_empty() {
        let subresources: Vec<Value> = resource
            .subresources
            .iter()
            .map(|subresource| {
                json!({
                    "subresource": subresource.name,
                    "responseKind": response_kind(resource, subresource.kind),
                    "verbs": words(subresource.verbs),
                })
            })
            .collect();
        entry["subresources"] = subresources.into();
    }
    entry
}
