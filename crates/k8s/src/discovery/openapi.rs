//! OpenAPI: which paths, operations and parameters exist, and the names and types of the fields of upstream's kinds.
//!
//! Why it must be there: `kubectl apply` and `create` look up whether PATCH of the kind takes `fieldValidation` (and
//! `--dry-run=server` whether it takes `dryRun`), and refuse to go on without an answer (seen with kubectl 1.32). Merge keys
//! of built-in kinds are compiled into kubectl. Not here: what a field is for; `kubectl explain` shows names and types.

use crate::registry::{self, GROUP_VERSIONS, Resource, Verb};
use crate::schema::{self, Count, Type};
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

fn base(group: &str, version: &str) -> String {
    if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") }
}

static INDEX: LazyLock<Value> = LazyLock::new(|| {
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
});

/// `/openapi/v3`: the index of the documents. The hash changes with the registry, so clients may cache by it.
pub fn v3_index() -> Value {
    INDEX.clone()
}

/// `/openapi/v3/{api/v1 | apis/group/version}`: an OpenAPI 3 document.
pub fn v3(group: &str, version: &str) -> Option<Value> {
    let (mut paths, mut schemas) = (Map::new(), Map::new());
    for resource in registry::group_version(group, version)? {
        let scope = if resource.namespaced { "/namespaces/{namespace}" } else { "" };
        let collection = format!("/{}{scope}/{}", base(group, version), resource.plural);
        let named = format!("{collection}/{{name}}");
        let on_collection = [("get", Verb::List), ("post", Verb::Create), ("delete", Verb::DeleteCollection)];
        let on_object = [("get", Verb::Get), ("put", Verb::Update), ("patch", Verb::Patch), ("delete", Verb::Delete)];
        paths.insert(collection, operations(resource, &on_collection));
        paths.insert(named, operations(resource, &on_object));
        let kind = json!([identity(resource)]);
        match schema::of_kind(&registry::api_version(group, version), resource.kind) {
            Some(message) => {
                describe(message, &mut schemas);
                schemas[&name(message)]["x-kubernetes-group-version-kind"] = kind;
            }
            None => {
                let any = json!({"type": "object", "x-kubernetes-group-version-kind": kind});
                schemas.insert(resource.kind.to_owned(), any);
            }
        }
    }
    Some(json!({
        "openapi": "3.0.0",
        "info": {"title": "Nodelane", "version": version},
        "paths": paths,
        "components": {"schemas": schemas},
    }))
}

/// A message's name among the schemas, upstream's.
fn name(message: &str) -> String {
    match message.split_once('.') {
        Some(("meta", kind)) => format!("io.k8s.apimachinery.pkg.apis.meta.v1.{kind}"),
        Some(("resource" | "runtime", kind)) => format!("io.k8s.apimachinery.pkg.api.resource.{kind}"),
        Some(("intstr", kind)) => format!("io.k8s.apimachinery.pkg.util.intstr.{kind}"),
        Some((group, kind)) => format!("io.k8s.api.{group}.v1.{kind}"),
        None => message.to_owned(),
    }
}

/// Adds a message, and those that it holds, to the schemas.
fn describe(message: &str, schemas: &mut Map<String, Value>) {
    let name = name(message);
    if schemas.contains_key(&name) {
        return;
    }
    schemas.insert(name.clone(), json!({"type": "object"}));
    let mut properties = Map::new();
    if message.split_once('.').is_some_and(|(_, kind)| registry::all().any(|resource| resource.kind == kind)) {
        properties.insert("apiVersion".to_owned(), json!({"type": "string"}));
        properties.insert("kind".to_owned(), json!({"type": "string"}));
    }
    for field in schema::shown_fields(message) {
        let one = match field.kind {
            Type::Int => json!({"type": "integer"}),
            Type::Bool => json!({"type": "boolean"}),
            Type::Text => json!({"type": "string"}),
            Type::Bytes => json!({"type": "string", "format": "byte"}),
            Type::Message("meta.Time" | "meta.MicroTime") => json!({"type": "string", "format": "date-time"}),
            Type::Message("resource.Quantity") => json!({"type": "string", "format": "quantity"}),
            Type::Message("intstr.IntOrString") => json!({"type": "string", "format": "int-or-string"}),
            Type::Message(inner) if schema::fields(inner).is_none() => json!({"type": "object"}),
            Type::Message(inner) => {
                describe(inner, schemas);
                json!({"$ref": format!("#/components/schemas/{}", self::name(inner))})
            }
        };
        let value = match field.count {
            Count::One => one,
            Count::Many => json!({"type": "array", "items": one}),
            Count::Map => json!({"type": "object", "additionalProperties": one}),
        };
        properties.insert(field.name.to_owned(), value);
    }
    schemas.insert(name, json!({"type": "object", "properties": properties}));
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
                Verb::List => &["continue", "fieldSelector", "labelSelector", "limit", "resourceVersion", "watch"],
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
