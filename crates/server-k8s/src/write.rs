//! Create, update, patch, delete.
//!
//! Each is computed against the newest published world and submitted; where the document has moved since, it is computed again, unless
//! the client named the revision that it meant.

use crate::fields::matches;
use crate::read::{form, object};
use crate::route::Target;
use crate::{Answer, Api, Call, Result};
use http::header;
use nodelane_k8s::object::{self as objects, Part, Updated};
use nodelane_k8s::patch::{self, Dialect};
use nodelane_k8s::registry::Home;
use nodelane_k8s::request::{self, DeleteOptions, ListOptions, Propagation, WriteOptions};
use nodelane_k8s::status::{self, Status};
use nodelane_model::change::{Accepted, Change};
use nodelane_model::codec::to_value;
use nodelane_model::{Doc, Key, Origin, Refusal, Uid};
use serde_json::Value;
use std::sync::{Arc, Mutex};

/// How often a write is computed again before the client is told of the conflict; upstream's limit for patches is 5.
const TRIES: usize = 5;

/// A new object.
pub async fn create(api: &Api, call: Call, target: Target) -> Result<Answer> {
    let form = form(&call, &target, false)?;
    let options = WriteOptions::parse(&target.query, "CreateOptions")?;
    let mut body = request::decode(&json_body(&call)?, target.resource, options.field_validation)?;
    if target.resource.namespaced {
        request::check_namespace(&mut body.object, &target.namespace)?;
    }
    if let Home::SharedWith { .. } = target.resource.home {
        nodelane_k8s::registry::events_core(&mut body.object);
    }
    let doc = objects::create(target.resource, &target.namespace, body.object)?;
    if options.dry_run {
        return Ok(object(api, &target, form, &doc, 201).warn(&body.warnings));
    }
    let accepted = submit(api, &target, Change::Create(Arc::new(doc)), call.origin).await?;
    let doc = accepted.doc.ok_or_else(|| Status::internal("a created object has gone"))?;
    Ok(object(api, &target, form, &doc, 201).warn(&body.warnings))
}

/// Another content for an object; creates none.
pub async fn update(api: &Api, call: Call, target: Target) -> Result<Answer> {
    put(api, call, target, Part::Main).await
}

/// Another content for a part of an object.
pub async fn put(api: &Api, call: Call, target: Target, part: Part) -> Result<Answer> {
    let form = form(&call, &target, false)?;
    let options = WriteOptions::parse(&target.query, "UpdateOptions")?;
    let mut body = request::decode(&json_body(&call)?, target.resource, options.field_validation)?;
    request::check_name(&body.object, &target.name)?;
    if target.resource.namespaced {
        request::check_namespace(&mut body.object, &target.namespace)?;
    }
    let warnings = std::mem::take(&mut body.warnings);
    let next = |old: &Doc| objects::update(old, body.object.clone(), part);
    let doc = rewrite(api, &target, &call.origin, options.dry_run, next).await?;
    Ok(object(api, &target, form, &doc, 200).warn(&warnings))
}

/// A patched object.
pub async fn patch(api: &Api, call: Call, target: Target) -> Result<Answer> {
    change(api, call, target, Part::Main).await
}

/// A patched part of an object.
pub async fn change(api: &Api, call: Call, target: Target, part: Part) -> Result<Answer> {
    let form = form(&call, &target, false)?;
    let options = WriteOptions::parse(&target.query, "PatchOptions")?;
    let content_type = call.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let dialect = Dialect::of(content_type, target.resource)?;
    let warnings = Mutex::new(Vec::new());
    let next = |old: &Doc| {
        let patched = patch::apply(dialect, target.resource.kind, &to_value(old), &call.body)?;
        // Events are stored in the shape of the other group, which the fields of this one are not.
        if let Home::SharedWith { .. } = target.resource.home {
            return objects::update(old, patched, part);
        }
        let read = request::decode(patched.to_string().as_bytes(), target.resource, options.field_validation)?;
        *warnings.lock().expect("no one panics with them") = read.warnings;
        objects::update(old, read.object, part)
    };
    let doc = rewrite(api, &target, &call.origin, options.dry_run, next).await?;
    Ok(object(api, &target, form, &doc, 200).warn(&warnings.into_inner().expect("no one panics with them")))
}

/// Computes an object anew and submits it, again if it has moved.
pub async fn rewrite(
    api: &Api,
    target: &Target,
    origin: &Origin,
    dry_run: bool,
    next: impl Fn(&Doc) -> Result<Updated>,
) -> Result<Arc<Doc>> {
    let mut tries = 0;
    loop {
        tries += 1;
        let world = api.door.world();
        let key = target.key();
        let old = world.get(&key).filter(|doc| crate::fields::is_visible(doc));
        let old = old.ok_or_else(|| Status::not_found(target.resource.group_resource(), &target.name))?;
        let Updated { doc, base } = next(old)?;
        if dry_run {
            return Ok(Arc::new(doc));
        }
        match api.door.submit(Change::Replace { doc: Arc::new(doc), base }, origin.clone()).await {
            Ok(accepted) => {
                return accepted.doc.ok_or_else(|| Status::internal("a changed object has gone"));
            }
            // The refusal was held until what it rests on was published: the next try sees it.
            Err(Refusal::Stale { .. }) if tries < TRIES => {}
            Err(refusal) => return Err(objects::refusal(target.resource, &refusal)),
        }
    }
}

/// An object goes, or is marked as going.
pub async fn delete(api: &Api, call: Call, target: Target) -> Result<Answer> {
    let form = form(&call, &target, false)?;
    let options = DeleteOptions::parse(&target.query, &call.body)?;
    let key = target.key();
    let world = api.door.world();
    let old = world.get(&key).filter(|doc| crate::fields::is_visible(doc)).cloned();
    let old = old.ok_or_else(|| Status::not_found(target.resource.group_resource(), &target.name))?;
    objects::may_delete(target.resource, &old)?;
    if options.dry_run {
        return Ok(object(api, &target, form, &old, 200));
    }
    let accepted = submit(api, &target, deletion(key.clone(), &options)?, call.origin).await?;
    // Pods, and whatever still waits for someone, are shown; of the others only the success is told, as upstream does.
    match accepted.doc {
        Some(doc) if doc.is_terminating() || key.kind == nodelane_model::Kind::Pod => Ok(object(api, &target, form, &doc, 200)),
        _ => {
            let details = status::Details {
                name: target.name.clone(),
                group: target.resource.group.to_owned(),
                kind: target.resource.plural.to_owned(),
                uid: old.meta.uid.to_string(),
                ..status::Details::default()
            };
            Ok(Answer::value(200, &status::success(Some(&details), 200)))
        }
    }
}

fn deletion(key: Key, options: &DeleteOptions) -> Result<Change> {
    let uid = options.uid.as_deref().map(|uid| Uid::parse(uid).unwrap_or_default());
    let base = match options.resource_version.as_deref() {
        None | Some("") => None,
        Some(text) => Some(text.parse().map_err(|_| Status::bad_request(format!("invalid resourceVersion {text:?}")))?),
    };
    let propagation = match options.propagation {
        None | Some(Propagation::Background) => nodelane_model::change::Propagation::Background,
        Some(Propagation::Foreground) => nodelane_model::change::Propagation::Foreground,
        Some(Propagation::Orphan) => nodelane_model::change::Propagation::Orphan,
    };
    Ok(Change::Delete { key, uid, base, grace_seconds: options.grace_period_seconds, propagation })
}

/// Every object of a collection goes. All are asked for at once, so that they share a few syncs.
pub async fn delete_collection(api: &Api, call: Call, target: Target) -> Result<Answer> {
    let list = ListOptions::parse(&target.query, target.resource.fields, false)?;
    let options = DeleteOptions::parse(&target.query, &call.body)?;
    let world = api.door.world();
    let namespace = (!target.namespace.is_empty()).then_some(target.namespace.as_str());
    let docs: Vec<Arc<Doc>> = world.list(target.kind, namespace).filter(|doc| matches(doc, &list)).cloned().collect();
    let mut waiting = Vec::new();
    for doc in &docs {
        objects::may_delete(target.resource, doc)?;
        if !options.dry_run {
            waiting.push(api.door.submit(deletion(doc.key.clone(), &options)?, call.origin.clone()));
        }
    }
    for answer in waiting {
        match answer.await {
            Ok(_) | Err(Refusal::NotFound(_)) => {}
            Err(refusal) => return Err(objects::refusal(target.resource, &refusal)),
        }
    }
    let items: Vec<Value> = docs.iter().map(|doc| to_value(doc)).collect();
    Ok(Answer::value(
        200,
        &serde_json::json!({
            "kind": target.resource.list_kind(),
            "apiVersion": target.resource.api_version(),
            "metadata": {"resourceVersion": world.revision.to_string()},
            "items": items,
        }),
    ))
}

/// Submits a change and words its refusal.
pub async fn submit(api: &Api, target: &Target, change: Change, origin: Origin) -> Result<Accepted> {
    api.door.submit(change, origin).await.map_err(|refusal| objects::refusal(target.resource, &refusal))
}

/// The body of a create or update as JSON; other encodings are refused with 415.
pub fn json_body(call: &Call) -> Result<bytes::Bytes> {
    let content_type = call.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("application/json");
    match content_type.split(';').next().unwrap_or_default().trim() {
        "application/json" | "" => Ok(call.body.clone()),
        _ => Err(Status::unsupported_media_type()),
    }
}
