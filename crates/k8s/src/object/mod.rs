//! Request bodies to documents: what a create, an update, a scale, a binding or an eviction asks for.
//!
//! Invariants: every function is pure and computes against one document as it was read; the document that comes out names
//! the revision it rests on, so that the cell refuses it when that has moved. What a client may not say (ids, times,
//! status beside its own subresource) is taken from the old document, or is empty on a new one. Refusals are
//! kube-apiserver 1.36's, word for word where the tests have its answer. Not here: names that are generated, addresses,
//! priorities, a job's selector (the cell gives them), and whether the namespace exists.

mod action;
mod generation;
mod immutable;
mod own;
mod pod_status;
pub(crate) mod read;
mod refusal;
mod update;
mod validate;

use crate::defaults;
use crate::registry::{self, Resource};
use crate::status::Status;
use nodelane_model::{Doc, Key, Kind, Meta, Revision};
use serde_json::{Value, json};
use validate::Errors;

pub use action::{binding, eviction, scale_of, with_scale};
pub use refusal::refusal;
pub use update::update;

/// Which part of an object a write is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The object; its status stays.
    Main,
    /// `status`; labels, annotations, owners and finalizers may come along, as upstream lets them.
    Status,
    /// `finalize` of a namespace: its `spec.finalizers`.
    Finalize,
}

/// A document that is to replace another.
#[derive(Clone, Debug)]
pub struct Updated {
    /// The new content.
    pub doc: Doc,
    /// The revision that it was computed from.
    pub base: Revision,
}

/// Annotation in which upstream keeps a daemon set's count of templates.
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

/// A new document from a request's body, in `namespace` (empty for cluster-wide kinds). The error is the 400 or the 422.
pub fn create(resource: &Resource, namespace: &str, mut object: Value) -> Result<Doc, Status> {
    let kind = Kind::from_name(resource.kind).ok_or_else(Status::method_not_allowed)?;
    read::prepare(kind, &mut object)?;
    if object.pointer("/metadata/resourceVersion").and_then(Value::as_str).is_some_and(|text| !text.is_empty()) {
        return Err(Status::unknown("resourceVersion should not be set on objects to be created"));
    }
    defaults::apply(kind, &mut object);
    reset(kind, &mut object);
    let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut doc = checked(resource, kind, &object, &name, |_| validate::validate(resource, kind, &object, None))?;
    doc.key = Key::new(kind, if resource.namespaced { namespace } else { "" }, doc.key.name);
    doc.revision = 0;
    let Meta { labels, annotations, owners, finalizers, generate_name, .. } = doc.meta;
    let generation = generation::first(kind);
    doc.meta = Meta { generation, labels, annotations, owners, finalizers, generate_name, ..Meta::default() };
    if let Some(pod) = doc.as_pod_mut() {
        pod_status::start(pod);
    }
    Ok(doc)
}

/// A document from an object that another server printed: as it is, neither defaulted nor judged. The error is the 400.
pub fn from_elsewhere(resource: &Resource, object: &mut Value) -> Result<Doc, Status> {
    let kind = Kind::from_name(resource.kind).ok_or_else(Status::method_not_allowed)?;
    read::prepare(kind, object)?;
    Ok(read::doc(resource, kind, object)?)
}

/// The object as a document, when it can be read and breaks no rule. The rules see the document only where all of it could
/// be read, and nothing where a type is wrong.
fn checked(resource: &Resource, kind: Kind, object: &Value, name: &str, rules: impl FnOnce(Option<&Doc>) -> Errors) -> Result<Doc, Status> {
    let read = read::doc(resource, kind, object);
    let errors = match &read {
        Err(unreadable) if !unreadable.has_right_types => Errors::new(),
        read => rules(read.as_ref().ok()),
    };
    if errors.is_empty() {
        return Ok(read?);
    }
    Err(Status::invalid(resource.group, resource.kind, name, &errors))
}

/// What a client cannot say about a new object.
fn reset(kind: Kind, object: &mut Value) {
    let status = match kind {
        // A kubelet brings its node's status along.
        Kind::Node => object.get("status").cloned(),
        Kind::Namespace => Some(json!({"phase": "Active"})),
        Kind::PersistentVolumeClaim | Kind::PersistentVolume => Some(json!({"phase": "Pending"})),
        Kind::Service => Some(json!({"loadBalancer": {}})),
        _ => None,
    };
    let Some(fields) = object.as_object_mut() else { return };
    fields.remove("status");
    if let Some(status) = status {
        fields.insert("status".into(), status);
    }
    if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
        for field in ["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"] {
            metadata.remove(field);
        }
    }
    match kind {
        Kind::DaemonSet => set_annotation(object, TEMPLATE_GENERATION, "1"),
        Kind::Namespace => {
            let mut finalizers = object.pointer("/spec/finalizers").and_then(Value::as_array).cloned().unwrap_or_default();
            if !finalizers.contains(&json!("kubernetes")) {
                finalizers.push(json!("kubernetes"));
            }
            object["spec"] = json!({"finalizers": finalizers});
        }
        _ => {}
    }
}

/// Sets an annotation; does nothing where the metadata are malformed, which decoding refuses.
fn set_annotation(object: &mut Value, key: &str, value: &str) {
    let Some(object) = object.as_object_mut() else { return };
    let metadata = object.entry("metadata").or_insert_with(|| json!({}));
    let Some(metadata) = metadata.as_object_mut() else {
        return;
    };
    let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
    if let Some(annotations) = annotations.as_object_mut() {
        annotations.insert(key.into(), value.into());
    }
}

/// Whether an object may be deleted at all; the error is the 403. Budgets, finalizers and owners are not looked at.
pub fn may_delete(resource: &Resource, doc: &Doc) -> Result<(), Status> {
    let is_own = matches!(doc.kind(), Kind::NodePool | Kind::Machine | Kind::Cluster);
    let is_lasting = matches!(doc.key.name.as_str(), "default" | "kube-system" | "kube-public" | "kube-node-lease");
    let forbidden = |why: &str| Err(Status::forbidden(resource.group_resource(), &doc.key.name, why));
    match doc.kind() {
        _ if is_own => forbidden(own::advice(doc.kind())),
        Kind::Namespace if is_lasting => forbidden("this namespace may not be deleted"),
        _ => Ok(()),
    }
}

/// The registry's entry of a kind.
fn resource_of(kind: Kind) -> Option<&'static Resource> {
    let (group, version) = kind.api_version().split_once('/').unwrap_or(("", kind.api_version()));
    registry::by_kind(group, version, kind.as_str())
}
