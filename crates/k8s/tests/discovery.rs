//! Discovery against a real kube-apiserver 1.36.2 (`golden/discovery.json`): what we serve we describe as it does.
//!
//! Expected values come from a real peer or from the documents that the case names, never from our own output.
//! Not here: what other test files of this room cover.

use nodelane_k8s::accept::{Encoding, Negotiated, Shape, negotiate};
use nodelane_k8s::discovery;
use nodelane_k8s::registry::{self, Home, Verb};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn golden(part: &str) -> Value {
    let all: Value = serde_json::from_str(include_str!("golden/discovery.json")).expect("golden file");
    all[part].clone()
}

fn by<'a>(list: &'a Value, field: &str, name: &str) -> &'a Value {
    let items = list.as_array().expect("a list");
    items.iter().find(|item| item[field] == name).unwrap_or_else(|| panic!("upstream has no {name}"))
}

#[test]
fn every_entry_of_a_group_version_is_upstreams_entry() {
    for (group, version, _) in registry::GROUP_VERSIONS {
        if matches!(*group, "metrics.k8s.io" | "nodelane.dev") {
            continue; // not in that server
        }
        let theirs = golden(if group.is_empty() { "core" } else { group });
        let ours = discovery::resources(group, version).expect("ours");
        for part in ["kind", "groupVersion"] {
            assert_eq!(ours[part], theirs[part]);
        }
        for entry in ours["resources"].as_array().expect("a list") {
            let name = entry["name"].as_str().expect("text");
            assert_eq!(entry, by(&theirs["resources"], "name", name), "{group} {name}");
        }
    }
}

#[test]
fn aggregated_discovery_is_upstreams() {
    let compare = |ours: &Value, theirs: &Value| {
        assert_eq!(ours["metadata"]["name"], theirs["metadata"]["name"]);
        let (ours, theirs) = (&ours["versions"][0], &theirs["versions"][0]);
        assert_eq!((&ours["version"], &ours["freshness"]), (&theirs["version"], &theirs["freshness"]));
        for entry in ours["resources"].as_array().expect("a list") {
            let mut theirs = by(&theirs["resources"], "resource", entry["resource"].as_str().expect("text")).clone();
            let mut entry = entry.clone();
            let (ours_sub, theirs_sub) = (entry["subresources"].take(), theirs["subresources"].take());
            assert_eq!(entry, theirs);
            for sub in ours_sub.as_array().into_iter().flatten() {
                assert_eq!(sub, by(&theirs_sub, "subresource", sub["subresource"].as_str().expect("text")));
            }
        }
    };
    let (core, theirs) = (discovery::aggregated_core(), golden("aggregated_core"));
    for part in ["kind", "apiVersion", "metadata"] {
        assert_eq!(core[part], theirs[part]);
    }
    compare(&core["items"][0], &theirs["items"][0]);
    let groups = discovery::aggregated_groups();
    for theirs in golden("aggregated")["items"].as_array().expect("a list") {
        let ours = groups["items"].as_array().expect("a list").iter().find(|item| item["metadata"]["name"] == theirs["metadata"]["name"]);
        compare(ours.expect("the group"), theirs);
    }
}

#[test]
fn a_group_document_is_upstreams() {
    assert_eq!(discovery::group("apps"), Some(golden("apps_group")));
    assert_eq!(discovery::group("nope"), None);
    let names: Vec<Value> = discovery::groups()["groups"].as_array().expect("a list").iter().map(|group| group["name"].clone()).collect();
    assert!(names.contains(&json!("nodelane.dev")) && !names.contains(&json!("")));
}

#[test]
fn etags_are_stable_and_follow_the_body() {
    let body = discovery::aggregated_core().to_string();
    assert_eq!(discovery::etag(body.as_bytes()), discovery::etag(discovery::aggregated_core().to_string().as_bytes()));
    assert_ne!(discovery::etag(b"a"), discovery::etag(b"b"));
    assert!(discovery::etag(b"a").starts_with('"') && discovery::etag(b"a").ends_with('"'));
}

#[test]
fn the_version_document_splits_the_version() {
    let version = discovery::version("1.34.2", "abc", "2026-01-01T00:00:00Z");
    assert_eq!((&version["major"], &version["minor"]), (&json!("1"), &json!("34")));
    assert_eq!(version["gitVersion"], "v1.34.2");
}

#[test]
fn the_openapi_index_names_a_document_per_group_version() {
    let index = discovery::openapi::v3_index();
    for (path, entry) in index["paths"].as_object().expect("paths") {
        let url = entry["serverRelativeURL"].as_str().expect("a URL");
        assert!(url.starts_with(&format!("/openapi/v3/{path}?hash=")));
    }
    assert_eq!(index["paths"].as_object().map(serde_json::Map::len), Some(registry::GROUP_VERSIONS.len()));
    // What kubectl apply looks for before it sends anything.
    let core = discovery::openapi::v3("", "v1").expect("core");
    let patch = &core["paths"]["/api/v1/namespaces/{namespace}/pods/{name}"]["patch"];
    assert_eq!(patch["x-kubernetes-group-version-kind"], json!({"group": "", "version": "v1", "kind": "Pod"}));
    let names: Vec<&Value> = patch["parameters"].as_array().expect("a list").iter().map(|p| &p["name"]).collect();
    assert!(names.contains(&&json!("fieldValidation")) && names.contains(&&json!("dryRun")));
}

#[test]
fn openapi_describes_fields_and_every_reference_leads_somewhere() {
    for (group, version, _) in registry::GROUP_VERSIONS {
        let document = discovery::openapi::v3(group, version).expect("a document");
        let text = document.to_string();
        for reference in text.split("\"#/components/schemas/").skip(1) {
            let name = reference.split('"').next().expect("a name");
            assert!(document["components"]["schemas"].get(name).is_some(), "{name} in {group}");
        }
    }
    let core = discovery::openapi::v3("", "v1").expect("core");
    let probe = &core["components"]["schemas"]["io.k8s.api.core.v1.Probe"]["properties"];
    // `httpGet` stands in the handler that Go inlines.
    assert_eq!(probe["httpGet"]["$ref"], "#/components/schemas/io.k8s.api.core.v1.HTTPGetAction");
    assert_eq!(probe["periodSeconds"]["type"], "integer");
}

#[test]
fn the_registry_is_sorted_and_free_of_clashes() {
    for (group, version, resources) in registry::GROUP_VERSIONS {
        assert!(resources.is_sorted_by_key(|resource| resource.plural), "{group}");
        for resource in *resources {
            assert_eq!((resource.group, resource.version), (*group, *version));
            assert!(resource.verbs.is_sorted() && resource.subresources.is_sorted_by_key(|sub| sub.name));
            assert!(resource.subresources.iter().all(|sub| sub.verbs.is_sorted()));
        }
    }
    // Within a group, a short name means one kind.
    let mut seen = BTreeSet::new();
    assert!(registry::all().all(|r| r.short_names.iter().all(|short| seen.insert((r.group, *short)))));
    let events = registry::find("events.k8s.io", "v1", "events").expect("events");
    assert_eq!(events.home, Home::SharedWith { group: "" });
    assert!(events.allows(Verb::Watch));
    assert_eq!(registry::by_kind("apps", "v1", "Deployment").map(|r| r.plural), Some("deployments"));
    assert!(registry::find("apps", "v1", "pods").is_none());
}

#[test]
fn the_best_clause_of_accept_that_can_be_served_wins() {
    let kubectl = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
    let json = |shape| Ok(Negotiated { encoding: Encoding::Json, shape });
    let shapes = &[Shape::Table, Shape::PartialObjectList][..];
    assert_eq!(negotiate(Some(kubectl), shapes), json(Shape::Table));
    assert_eq!(negotiate(Some(kubectl), &[]), json(Shape::Object));
    assert_eq!(negotiate(None, shapes), json(Shape::Object));
    assert_eq!(negotiate(Some("application/vnd.kubernetes.protobuf,application/json;q=0.5"), shapes), json(Shape::Object));
    let yaml = Negotiated { encoding: Encoding::Yaml, shape: Shape::Object };
    assert_eq!(negotiate(Some("application/json;q=0.1, application/yaml"), shapes), Ok(yaml));
    assert_eq!(negotiate(Some("application/vnd.kubernetes.protobuf"), shapes).expect_err("406").code, 406);
    let aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";
    let found = negotiate(Some(aggregated), &[Shape::AggregatedDiscovery]).expect("served");
    assert_eq!(found.content_type(), "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList");
}
