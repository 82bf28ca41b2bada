//! Pools, machines and the cluster through Kubernetes: to be read, labelled and annotated, not to be changed.
//!
//! They are the contract of the ARM side, which knows their eTags, quotas and operations; a second door to the same state
//! would pass by all that.

use super::{Updated, read, update::keep_identity};
use crate::names;
use crate::registry::Resource;
use crate::status::Status;
use nodelane_model::{Doc, Kind};
use serde_json::Value;
use std::sync::Arc;

/// Where a change of the kind is made instead.
pub fn advice(kind: Kind) -> &'static str {
    match kind {
        Kind::NodePool => {
            "node pools are changed through ARM: use az aks nodepool or nodelane nodepool; here only labels and annotations \
             of the object may change"
        }
        Kind::Machine => {
            "machines follow their node pool: use az aks machine, or az aks nodepool scale and upgrade; here only labels and \
             annotations of the object may change"
        }
        _ => "the cluster is changed through ARM: use az aks; here only labels and annotations of the object may change",
    }
}

/// Takes labels and annotations from a body, and nothing else.
pub fn update(resource: &Resource, old: &Doc, new: &Value) -> Result<Updated, Status> {
    let kind = old.kind();
    let mut doc = read::doc(resource, kind, new)?;
    let errors = names::object_meta(new.get("metadata").unwrap_or(&Value::Null), resource.names);
    if !errors.is_empty() {
        return Err(Status::invalid(resource.group, resource.kind, &old.key.name, &errors));
    }
    keep_identity(&mut doc, old);
    let is_same = doc.body == old.body && doc.meta.owners == old.meta.owners && doc.meta.finalizers == old.meta.finalizers;
    if !is_same {
        return Err(Status::forbidden(resource.group_resource(), &old.key.name, advice(kind)));
    }
    let mut next = old.clone();
    next.meta.labels = Arc::clone(&doc.meta.labels);
    next.meta.annotations = Arc::clone(&doc.meta.annotations);
    Ok(Updated { doc: next, base: old.revision })
}
