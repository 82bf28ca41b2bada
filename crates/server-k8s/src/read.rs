//! Get and list, in the form that the client asked for: objects, a table, metadata only.
//!
//! Reading looks at one published world and never waits. A list that goes on over pages is one world's; when that is no longer kept, the
//! client gets 410 with a token to go on from in the newest. Encoded documents are passed on as they are, nothing is parsed.
//! Not here: watches, and writes, whose answers `object` makes as well.

use crate::fields::{is_visible, matches};
use crate::route::Target;
use crate::{Answer, Api, Call, Result, heartbeat, lease};
use bytes::Bytes;
use http::header;
use nodelane_k8s::accept::{self, Negotiated, Shape};
use nodelane_k8s::registry::Home;
use nodelane_k8s::request::{ContinueToken, ListOptions, Version, VersionMatch};
use nodelane_k8s::status::Status;
use nodelane_k8s::table::{self, IncludeObject, Printer};
use nodelane_model::codec::{encode, to_value};
use nodelane_model::{Doc, Key, Time};
use nodelane_world::World;
use serde_json::{Value, json};
use std::ops::Bound;
use std::sync::Arc;

/// How a client wants objects.
#[derive(Clone, Copy)]
pub struct Form {
    pub negotiated: Negotiated,
    pub include: IncludeObject,
}

/// Reads the `Accept` header; lists and single objects are offered in their own shapes.
pub fn form(call: &Call, target: &Target, list: bool) -> Result<Form> {
    let accept = call.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let partial = if list { Shape::PartialObjectList } else { Shape::PartialObject };
    let negotiated = accept::negotiate(accept, &[Shape::Table, partial, Shape::PartialObject])?;
    let include = IncludeObject::parse(target.parameter("includeObject").unwrap_or_default())?;
    Ok(Form { negotiated, include })
}

/// The printer of a target's kind.
pub fn printer(target: &Target) -> Printer {
    table::printer(target.resource.group, target.resource.kind)
}

/// An object as the target's group shows it (events are kept in the shape of core/v1).
pub fn shown(target: &Target, doc: &Doc) -> Value {
    let mut value = to_value(doc);
    if let Home::SharedWith { .. } = target.resource.home {
        nodelane_k8s::registry::events_v1(&mut value);
    }
    value
}

/// A table of documents, or the object of a watch's event.
pub fn tabled<'a>(
    target: &Target,
    meta: Value,
    with_columns: bool,
    docs: impl Iterator<Item = &'a Doc>,
    now: Time,
    include: IncludeObject,
) -> Vec<u8> {
    let printer = printer(target);
    if target.resource.home == Home::Stored {
        return table::encode_table(printer, &meta, with_columns, docs, now, include);
    }
    let rows = docs.map(|doc| table::row(printer, &shown(target, doc), now, include)).collect();
    let mut table = table::table(printer, meta, rows);
    if !with_columns {
        table["columnDefinitions"] = Value::Null;
    }
    table.to_string().into()
}

/// An object as JSON bytes: as it was encoded once, where nothing about it depends on who looks and when.
pub fn encoded(target: &Target, doc: &Doc, now: Time) -> Bytes {
    if target.resource.home != Home::Stored {
        return shown(target, doc).to_string().into();
    }
    match heartbeat::beating(doc, now) {
        Some(node) => encode(&node).clone(),
        None => encode(doc).clone(),
    }
}

/// One object.
pub fn get(api: &Api, call: &Call, target: &Target) -> Result<Answer> {
    let form = form(call, target, false)?;
    let world = api.door.world();
    let stored = world.get(&target.key()).filter(|doc| is_visible(doc)).cloned();
    let doc = stored.or_else(|| lease::find(&world, &target.key(), api.door.now()));
    let doc = doc.ok_or_else(|| Status::not_found(target.resource.group_resource(), &target.name))?;
    Ok(object(api, target, form, &doc, 200))
}

/// An answer that shows one object.
pub fn object(api: &Api, target: &Target, form: Form, doc: &Doc, status: u16) -> Answer {
    let now = api.door.now();
    let body: Bytes = match form.negotiated.shape {
        Shape::Table => {
            let meta = json!({"resourceVersion": doc.revision.to_string()});
            tabled(target, meta, true, std::iter::once(doc), now, form.include).into()
        }
        Shape::PartialObject | Shape::PartialObjectList => table::encode_partial_object(doc).into(),
        Shape::Object | Shape::AggregatedDiscovery => encoded(target, doc, now),
    };
    // JSON is YAML: a client that asks for YAML reads it as it is.
    Answer::whole(status, form.negotiated.content_type(), body)
}

/// A page of a list.
struct Page {
    docs: Vec<Arc<Doc>>,
    next: Option<ContinueToken>,
    remaining: Option<usize>,
}

/// A list, or a page of one.
pub fn list(api: &Api, call: &Call, target: &Target) -> Result<Answer> {
    let form = form(call, target, true)?;
    let options = ListOptions::parse(&target.query, target.resource.fields, false)?;
    let world = world_of(api, &options)?;
    let mut page = page(&world, target, &options);
    if target.kind == nodelane_model::Kind::Lease && matches!(target.namespace.as_str(), "" | lease::NAMESPACE) && page.next.is_none() {
        page.docs.extend(lease::leases(&world, api.door.now()).filter(|doc| matches(doc, &options) && world.get(&doc.key).is_none()));
    }
    if page.next.is_some() {
        api.remember(&world);
    }
    let mut meta = json!({"resourceVersion": world.revision.to_string()});
    if let Some(next) = &page.next {
        meta["continue"] = next.encode().into();
    }
    if let Some(remaining) = page.remaining {
        meta["remainingItemCount"] = remaining.into();
    }
    let now = api.door.now();
    let (list_kind, api_version) = (target.resource.list_kind(), target.resource.api_version());
    let body = match form.negotiated.shape {
        Shape::Table => tabled(target, meta, true, page.docs.iter().map(|doc| &**doc), now, form.include),
        Shape::PartialObject | Shape::PartialObjectList => {
            let items = page.docs.iter().map(|doc| table::encode_partial_object(doc).into());
            concatenated("PartialObjectMetadataList", "meta.k8s.io/v1", &meta, items)
        }
        Shape::Object | Shape::AggregatedDiscovery => {
            concatenated(&list_kind, &api_version, &meta, page.docs.iter().map(|doc| encoded(target, doc, now)))
        }
    };
    Ok(Answer::whole(200, form.negotiated.content_type(), body))
}

/// A list in its own shape: the objects' encoded forms, one after another, nothing parsed.
fn concatenated(kind: &str, api_version: &str, meta: &Value, items: impl ExactSizeIterator<Item = Bytes>) -> Vec<u8> {
    /// What an object of a list takes, mostly: a small pod.
    const USUAL_BYTES: usize = 2_048;
    let mut out = Vec::with_capacity(items.len() * USUAL_BYTES);
    out.extend_from_slice(format!("{{\"kind\":\"{kind}\",\"apiVersion\":\"{api_version}\",\"metadata\":{meta},\"items\":[").as_bytes());
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(&item);
    }
    out.extend_from_slice(b"]}");
    out
}

/// The world that a list is of: the newest, or the one that its first page was of.
fn world_of(api: &Api, options: &ListOptions) -> Result<Arc<World>> {
    let newest = api.door.world();
    if let Some(token) = &options.continue_token {
        return match token.revision {
            None => Ok(newest),
            Some(revision) if revision == newest.revision => Ok(newest),
            Some(revision) => api.recall(revision).ok_or_else(|| {
                let rest = ContinueToken { revision: None, last_key: token.last_key.clone() };
                Status::expired_continue(Some(rest.encode()))
            }),
        };
    }
    match (options.version, options.version_match) {
        (Version::At(revision), Some(VersionMatch::Exact)) if revision != newest.revision => {
            api.recall(revision).ok_or_else(Status::expired_list)
        }
        (Version::At(revision), _) if revision > newest.revision => Err(Status::resource_version_too_large(revision, newest.revision)),
        _ => Ok(newest),
    }
}

fn page(world: &World, target: &Target, options: &ListOptions) -> Page {
    let namespace = target.namespace.as_str();
    let in_scope = |doc: &Doc| doc.key.kind == target.kind && (namespace.is_empty() || doc.key.namespace == namespace);
    let start = match options.continue_token.as_ref().and_then(|token| Key::from_stored(&token.last_key)) {
        Some(key) => Bound::Excluded(key),
        None => Bound::Included(Key::new(target.kind, namespace, options.fields.exact("metadata.name").unwrap_or_default())),
    };
    let limit = options.limit.unwrap_or(usize::MAX);
    let mut page = Page { docs: Vec::new(), next: None, remaining: None };
    let mut rest = world.list_from(start).take_while(|doc| in_scope(doc)).filter(|doc| matches(doc, options));
    let mut last: Option<Key> = None;
    for doc in rest.by_ref() {
        if page.docs.len() == limit {
            let last_key = last.map(|key| key.to_stored()).unwrap_or_default();
            page.next = Some(ContinueToken { revision: Some(world.revision), last_key });
            // Counting costs as much as listing: told only where no selector hides how much is left.
            if options.labels.is_empty() && options.fields.is_empty() {
                page.remaining = Some(rest.count() + 1);
            }
            break;
        }
        last = Some(doc.key.clone());
        page.docs.push(doc.clone());
    }
    page
}
