//! OpenAPI: an honest minimum, documents that say which paths, operations and parameters exist and nothing about fields.
//!
//! Why it must be there: `kubectl apply` and `create` look up whether PATCH of the kind takes `fieldValidation` (and
//! `--dry-run=server` whether it takes `dryRun`), and refuse to go on without an answer (seen with kubectl 1.32). Merge keys
//! of built-in kinds are compiled into kubectl. Not here: the fields of a kind; `kubectl explain` shows a sentence instead.

use crate::registry::{self, GROUP_VERSIONS, Resource, Verb};
use serde_json::{Map, Value, json};

fn base(group: &str, version: &str) -> String {
    if group.is_empty() {
        format!("api/{version}")
    } else {
        format!("apis/{group}/{version}")
    }
}

/// `/openapi/v3`: the index of the documents. The hash changes with the registry, so clients may cache by it.
pub fn v3_index() -> Value {
    let paths: Map<String, Value> = GROUP_VERSIONS
        .iter()
        .map(|(group, version, _)| {
            let path = base(group, version);
            let document = v3(group, version).expect("a listed group version").to_string();
            let etag = super::etag(document.as_bytes());
            let url = format!("/openapi/v3/{path}?hash={}", etag.trim_matches('"'));
            (path, json!({"serverRelativeURL": url}))
        })
        .collect();
    json!({"paths": paths})
}

/// `/openapi/v3/{api/v1 | apis/group/version}`: an OpenAPI 3 document.
pub fn v3(group: &str, version: &str) -> Option<Value> {
    let (mut paths, mut schemas) = (Map::new(), Map::new());
    for resource in registry::group_version(group, version)? {
        let scope = if resource.namespaced {
            "/namespaces/{namespace}"
        } else {
            ""
        };
        let collection = format!("/{}{scope}/{}", base(group, version), resource.plural);
        let named = format!("{collection}/{{name}}");
        let on_collection = [
            ("get", Verb::List),
            ("post", Verb::Create),
            ("delete", Verb::DeleteCollection),
        ];
        let on_object = [
            ("get", Verb::Get),
            ("put", Verb::Update),
            ("patch", Verb::Patch),
            ("delete", Verb::Delete),
        ];
        paths.insert(collection, operations(resource, &on_collection));
        paths.insert(named, operations(resource, &on_object));
        let schema = json!({
            "type": "object",
            "description": "Fields are as in Kubernetes; this server does not list them.",
            "x-kubernetes-group-version-kind": [identity(resource)],
        });
        schemas.insert(resource.kind.to_owned(), schema);
    }
    Some(json!({
        "openapi": "3.0.0",
        "info": {"title": "Nodelane", "version": version},
        "paths": paths,
        "components": {"schemas": schemas},
    }))
}

/// `/openapi/v2` as JSON: no kind is described, so that clients that validate by it (kubectl, for a `List`) leave it to us.
pub fn v2() -> Value {
    json!({"swagger": "2.0", "info": {"title": "Nodelane", "version": "v1"}, "paths": {}})
}

/// The same in protobuf: 1 = swagger, 2 = info (1 = title, 2 = version).
pub const V2_PROTOBUF: &[u8] = b"\x0a\x032.0\x12\x0e\x0a\x08Nodelane\x12\x02v1";

/// The content type of the protobuf form.
pub const V2_PROTOBUF_TYPE: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

fn identity(resource: &Resource) -> Value {
    json!({"group": resource.group, "version": resource.version, "kind": resource.kind})
}

fn operations(resource: &Resource, methods: &[(&str, Verb)]) -> Value {
    let allowed = methods.iter().filter(|(_, verb)| resource.allows(*verb));
    allowed
        .map(|(method, verb)| {
            let names: &[&str] = match verb {
                Verb::Create | Verb::Update | Verb::Patch => &["dryRun", "fieldManager", "fieldValidation"],
                Verb::Delete | Verb::DeleteCollection => &["dryRun", "gracePeriodSeconds", "propagationPolicy"],
                Verb::List => &[
                    "continue",
                    "fieldSelector",
                    "labelSelector",
                    "limit",
                    "resourceVersion",
                    "watch",
                ],
                Verb::Get | Verb::Watch => &[],
            };
            let parameter = |name: &&str| json!({"name": name, "in": "query", "schema": {"type": "string"}});
            let operation = json!({
                "parameters": names.iter().map(parameter).collect::<Vec<_>>(),
                "responses": {"200": {"description": "OK"}},
                "x-kubernetes-action": verb.word(),
                "x-kubernetes-group-version-kind": identity(resource),
            });
            ((*method).to_owned(), operation)
        })
        .collect::<Map<String, Value>>()
        .into()
}
