//! Kubernetes objects as users give them: applied as the Kubernetes API does, with its checks, defaults and refusals.
//!
//! What is not there is created. What is there is patched with what the manifest says (a strategic merge), so that fields which it
//! leaves out stay, as replicas do that someone else scales; a field that was taken out of a manifest stays too, unlike with kubectl.
//! Not here: files and YAML (`scenario`).

use crate::Rehearsal;
use nodelane_k8s::object::{self, Part};
use nodelane_k8s::patch::{self, Dialect};
use nodelane_k8s::registry::{self, Resource};
use nodelane_k8s::request::{self, FieldValidation};
use nodelane_k8s::status::Status;
use nodelane_model::change::{Change, Origin, Principal};
use nodelane_model::codec::to_value;
use nodelane_model::{Doc, Key, Kind, Refusal};
use serde_json::{Value, json};
use std::sync::Arc;

/// Creates an object of a resource that is named by its plural.
pub(crate) fn create(rehearsal: &mut Rehearsal, plural: &str, value: Value) -> Result<(), String> {
    let (group, version) = group_version(&value);
    let resource = registry::find(group, version, plural).ok_or_else(|| format!("{plural} is no resource"))?;
    let namespace = text(&value, "/metadata/namespace").to_owned();
    let doc = object::create(resource, &namespace, value).map_err(|status| status.message.clone())?;
    ask(rehearsal, resource, Change::Create(Arc::new(doc)))
}

/// Applies an object, or every object of a list.
///
/// # Errors
/// What the Kubernetes API answers, behind the object's name.
pub fn apply(rehearsal: &mut Rehearsal, mut value: Value) -> Result<(), String> {
    if text(&value, "/kind").ends_with("List")
        && let Some(Value::Array(items)) = value.get_mut("items").map(Value::take)
    {
        return items.into_iter().try_for_each(|item| apply(rehearsal, item));
    }
    let name = format!("{} {}", text(&value, "/kind"), text(&value, "/metadata/name"));
    apply_one(rehearsal, value).map_err(|why| format!("{name}: {why}"))
}

fn apply_one(rehearsal: &mut Rehearsal, value: Value) -> Result<(), String> {
    let (group, version) = group_version(&value);
    let kind = text(&value, "/kind");
    let unknown = || format!("no kind {kind:?} of {:?} is known here", text(&value, "/apiVersion"));
    let resource = registry::by_kind(group, version, kind).ok_or_else(unknown)?;
    let of_kind = Kind::from_name(kind).ok_or_else(unknown)?;
    let message = |status: Status| status.message.clone();
    let mut body = request::decode(value.to_string().as_bytes(), resource, FieldValidation::Strict).map_err(message)?;
    let namespace = match (resource.namespaced, text(&body.object, "/metadata/namespace")) {
        (false, _) => String::new(),
        (true, "") => "default".to_owned(),
        (true, namespace) => namespace.to_owned(),
    };
    if resource.namespaced {
        request::check_namespace(&mut body.object, &namespace).map_err(message)?;
    }
    let key = Key::new(of_kind, namespace.as_str(), text(&body.object, "/metadata/name"));
    let old = rehearsal.world().get(&key).cloned();
    let change = match &old {
        None => Change::Create(Arc::new(object::create(resource, &namespace, body.object).map_err(message)?)),
        Some(old) => replace(resource, old, &body.object).map_err(message)?,
    };
    ask(rehearsal, resource, change)
}

fn replace(resource: &Resource, old: &Doc, manifest: &Value) -> Result<Change, Status> {
    let dialect = if resource.strategic_patch { Dialect::Strategic } else { Dialect::Merge };
    let patched = patch::apply(dialect, resource.kind, &to_value(old), manifest.to_string().as_bytes())?;
    let read = request::decode(patched.to_string().as_bytes(), resource, FieldValidation::Ignore)?;
    let updated = object::update(old, read.object, Part::Main)?;
    Ok(Change::Replace { doc: Arc::new(updated.doc), base: updated.base })
}

/// The documents that a workload's name means: `web`, `shop/web`, `Deployment/web` or `shop/Deployment/web`.
pub fn scalable(rehearsal: &Rehearsal, workload: &str) -> Vec<Key> {
    let kinds = [Kind::Deployment, Kind::ReplicaSet, Kind::StatefulSet];
    let docs = kinds.into_iter().flat_map(|kind| rehearsal.world().list(kind, None));
    let meant = docs.filter(|doc| is_meant(workload, &doc.key.namespace, doc.key.kind.as_str(), &doc.key.name));
    meant.filter(|doc| doc.meta.controller().is_none()).map(|doc| doc.key.clone()).collect()
}

/// Whether a workload's name, with or without namespace and kind before it, means this one.
pub fn is_meant(workload: &str, namespace: &str, kind: &str, name: &str) -> bool {
    let is_kind = |text: &str| text.eq_ignore_ascii_case(kind);
    match workload.split('/').collect::<Vec<_>>().as_slice() {
        [own] => *own == name,
        [before, own] => *own == name && (*before == namespace || is_kind(before)),
        [space, before, own] => *own == name && *space == namespace && is_kind(before),
        _ => false,
    }
}

/// How many replicas a workload asks for.
pub fn replicas(rehearsal: &Rehearsal, key: &Key) -> Option<i64> {
    let doc = rehearsal.world().get(key)?;
    object::scale_of(doc).pointer("/spec/replicas").and_then(Value::as_i64)
}

/// Asks for another number of replicas, as the subresource `scale` does.
///
/// # Errors
/// What the Kubernetes API answers.
pub fn scale(rehearsal: &mut Rehearsal, key: &Key, replicas: i64) -> Result<(), String> {
    let gone = || format!("{}/{} is gone", key.namespace, key.name);
    let old = rehearsal.world().get(key).cloned().ok_or_else(gone)?;
    let (group, version) = key.kind.api_version().split_once('/').unwrap_or(("", key.kind.api_version()));
    let resource = registry::by_kind(group, version, key.kind.as_str()).ok_or_else(gone)?;
    let wanted = json!({"metadata": {"name": key.name, "namespace": key.namespace}, "spec": {"replicas": replicas}});
    let updated = object::with_scale(&old, wanted).map_err(|status| status.message.clone())?;
    ask(rehearsal, resource, Change::Replace { doc: Arc::new(updated.doc), base: updated.base })
}

/// Everything that a scenario's author does is done as this user.
pub(crate) fn origin() -> Origin {
    Origin { principal: Principal::User("rehearsal".into()), ..Origin::default() }
}

fn ask(rehearsal: &mut Rehearsal, resource: &Resource, change: Change) -> Result<(), String> {
    let worded = |refusal: Refusal| object::refusal(resource, &refusal).message.clone();
    rehearsal.request(change, origin()).map(drop).map_err(worded)
}

fn group_version(value: &Value) -> (&str, &str) {
    let version = text(value, "/apiVersion");
    version.split_once('/').unwrap_or(("", if version.is_empty() { "v1" } else { version }))
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
