//! From a path and a method to a verb on a resource.
//!
//! Paths are Kubernetes' own: `/api/v1/…`, `/apis/group/version/…`, with or without a namespace, subresources after the name, and the
//! old `/watch/` form. Health, version, discovery and OpenAPI are answered here, bodies in protobuf become JSON here. Invariant: what the
//! registry does not list is 404, a verb that it does not list is 405. Not here: what a verb does.

use crate::{Answer, Api, Call, Result, metrics, read, review, sub, write};
use http::{HeaderValue, Method, header};
use nodelane_k8s::accept::{self, Shape};
use nodelane_k8s::registry::{self, Home, Resource, Verb};
use nodelane_k8s::status::Status;
use nodelane_k8s::{discovery, protobuf};
use nodelane_model::{Key, Kind};

/// What a path names.
#[derive(Clone, Debug)]
pub struct Target {
    /// The resource.
    pub resource: &'static Resource,
    /// The kind of document behind it.
    pub kind: Kind,
    /// The namespace; empty for cluster-wide kinds and for lists over all namespaces.
    pub namespace: String,
    /// The object's name; empty for collections.
    pub name: String,
    /// The subresource; empty for none.
    pub sub: String,
    /// Whether the path is of the old `/watch/` form.
    pub watch: bool,
    /// The query, decoded.
    pub query: Vec<(String, String)>,
}

impl Target {
    /// The key of the object that the path names.
    pub fn key(&self) -> Key {
        let namespace = if self.resource.namespaced { self.namespace.as_str() } else { "" };
        Key::new(self.kind, namespace, self.name.as_str())
    }
    /// A parameter of the query.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Answers a request.
pub async fn route(api: &Api, mut call: Call) -> Result<Answer> {
    let segments: Vec<String> = call.path.split('/').filter(|segment| !segment.is_empty()).map(decode).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    if let Some(answer) = meta(api, &call, &segments)? {
        return Ok(answer);
    }
    let target = target(&segments, &call.query)?;
    read_protobuf(&mut call)?;
    serve(api, call, target).await
}

/// Behind this, every body is JSON.
fn read_protobuf(call: &mut Call) -> Result<()> {
    let content_type = call.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if content_type.split(';').next().is_some_and(|media| media.trim() == protobuf::CONTENT_TYPE) {
        if !call.body.is_empty() {
            call.body = protobuf::to_json(&call.body)?.to_string().into();
        }
        call.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    Ok(())
}

fn target(segments: &[&str], query: &str) -> Result<Target> {
    let (group, version, rest) = match segments {
        ["api", version, rest @ ..] => ("", *version, rest),
        ["apis", group, version, rest @ ..] => (*group, *version, rest),
        _ => return Err(Status::no_such_path()),
    };
    let (watch, rest) = match rest {
        ["watch", rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let (namespace, rest) = match rest {
        // `namespaces/x/pods` is about pods; `namespaces/x` and `namespaces/x/status` about the namespace.
        ["namespaces", namespace, plural, rest @ ..] if !matches!(*plural, "status" | "finalize") => {
            (*namespace, [&[*plural], rest].concat())
        }
        rest => ("", rest.to_vec()),
    };
    let (plural, name, sub) = match rest.as_slice() {
        [plural] => (*plural, "", String::new()),
        [plural, name] => (*plural, *name, String::new()),
        [plural, name, sub @ ..] => (*plural, *name, sub.join("/")),
        [] => return Err(Status::no_such_path()),
    };
    let resource = registry::find(group, version, plural).ok_or_else(Status::no_such_path)?;
    let misplaced = !namespace.is_empty() && !resource.namespaced || namespace.is_empty() && resource.namespaced && !name.is_empty();
    let kind = Kind::from_name(resource.kind).unwrap_or(Kind::Pod);
    if misplaced {
        return Err(Status::no_such_path());
    }
    let query = pairs(query);
    Ok(Target { resource, kind, namespace: namespace.to_owned(), name: name.to_owned(), sub, watch, query })
}

async fn serve(api: &Api, call: Call, target: Target) -> Result<Answer> {
    if !target.sub.is_empty() {
        return sub::serve(api, call, target).await;
    }
    if target.resource.home == Home::Question {
        return match call.method {
            Method::POST => review::answer(&call, &target),
            _ => Err(Status::method_not_allowed()),
        };
    }
    if target.resource.home == Home::Computed {
        return metrics::serve(api, &call, &target);
    }
    let wants_watch = target.watch || matches!(target.parameter("watch"), Some("1" | "true"));
    let verb = match (&call.method, target.name.is_empty()) {
        (&Method::GET | &Method::HEAD, true) if wants_watch => Verb::Watch,
        (&Method::GET | &Method::HEAD, true) => Verb::List,
        (&Method::GET | &Method::HEAD, false) if wants_watch => Verb::Watch,
        (&Method::GET | &Method::HEAD, false) => Verb::Get,
        (&Method::POST, true) => Verb::Create,
        (&Method::PUT, false) => Verb::Update,
        (&Method::PATCH, false) => Verb::Patch,
        (&Method::DELETE, false) => Verb::Delete,
        (&Method::DELETE, true) => Verb::DeleteCollection,
        _ => return Err(Status::method_not_allowed()),
    };
    if !target.resource.allows(verb) {
        return Err(Status::method_not_allowed());
    }
    match verb {
        Verb::Get => read::get(api, &call, &target),
        Verb::List => read::list(api, &call, &target),
        Verb::Watch => crate::watch::open(api, &call, &target),
        Verb::Create => write::create(api, call, target).await,
        Verb::Update => write::update(api, call, target).await,
        Verb::Patch => write::patch(api, call, target).await,
        Verb::Delete => write::delete(api, call, target).await,
        Verb::DeleteCollection => write::delete_collection(api, call, target).await,
    }
}

/// Health, version, discovery.
fn meta(api: &Api, call: &Call, segments: &[&str]) -> Result<Option<Answer>> {
    let get = call.method == Method::GET || call.method == Method::HEAD;
    let value = match segments {
        ["healthz" | "livez" | "readyz", ..] => return Ok(Some(Answer::whole(200, "text/plain; charset=utf-8", "ok"))),
        ["version"] => discovery::version(&version(api), "", "2026-01-01T00:00:00Z"),
        ["api"] | ["apis"] => {
            let accept = call.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
            let negotiated = accept::negotiate(accept, &[Shape::AggregatedDiscovery])?;
            let value = match (segments, negotiated.shape == Shape::AggregatedDiscovery) {
                (["api"], true) => discovery::aggregated_core(),
                (["api"], false) => discovery::core_versions(&api.address),
                (_, true) => discovery::aggregated_groups(),
                (_, false) => discovery::groups(),
            };
            return Ok(Some(tagged(call, negotiated.content_type(), &value)));
        }
        ["api", version] => discovery::resources("", version).ok_or_else(Status::no_such_path)?,
        ["apis", group] => discovery::group(group).ok_or_else(Status::no_such_path)?,
        ["apis", group, version] => discovery::resources(group, version).ok_or_else(Status::no_such_path)?,
        ["openapi", "v2"] => match call.headers.get(header::ACCEPT) {
            Some(accept) if accept.to_str().is_ok_and(|accept| accept.contains("proto-openapi")) => {
                return Ok(Some(Answer::whole(200, discovery::openapi::V2_PROTOBUF_TYPE, discovery::openapi::V2_PROTOBUF)));
            }
            _ => discovery::openapi::v2(),
        },
        ["openapi", "v3"] => discovery::openapi::v3_index(),
        ["openapi", "v3", "api", version] => discovery::openapi::v3("", version).ok_or_else(Status::no_such_path)?,
        ["openapi", "v3", "apis", group, version] => discovery::openapi::v3(group, version).ok_or_else(Status::no_such_path)?,
        _ => return Ok(None),
    };
    if !get {
        return Err(Status::method_not_allowed());
    }
    Ok(Some(Answer::value(200, &value)))
}

/// The cluster's own version; before it has one, the newest known.
fn version(api: &Api) -> String {
    let world = api.door.world();
    let cluster = world.cluster().map(|cluster| cluster.state.version.to_string()).unwrap_or_default();
    if cluster.is_empty() { api.kubernetes_version.clone() } else { cluster }
}

fn tagged(call: &Call, content_type: &'static str, value: &serde_json::Value) -> Answer {
    let body = value.to_string();
    let etag = discovery::etag(body.as_bytes());
    let known = call.headers.get(header::IF_NONE_MATCH).is_some_and(|tags| tags.as_bytes() == etag.as_bytes());
    let mut answer = if known { Answer::whole(304, content_type, "") } else { Answer::whole(200, content_type, body) };
    if let Ok(etag) = etag.parse() {
        answer.headers.insert(header::ETAG, etag);
    }
    answer
}

/// A query as pairs.
pub fn pairs(query: &str) -> Vec<(String, String)> {
    let part = |text: &str| decode(&text.replace('+', " "));
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').map_or((part(pair), String::new()), |(key, value)| (part(key), part(value))))
        .collect()
}

/// Percent-decodes; what is not UTF-8 then matches nothing.
fn decode(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}
