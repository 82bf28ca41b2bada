//! Updates: what of a body is taken, what stays, what may not change.
//!
//! The order is upstream's: the identity that the body names, its revision, what stays from the old object, the rules of
//! the kind, the fields that never change, the generation. A PATCH comes here as the patched object.

use super::validate::{Errors, validate};
use super::{Part, TEMPLATE_GENERATION, Updated, checked, generation, immutable, own, read, resource_of, set_annotation};
use crate::defaults;
use crate::registry::Resource;
use crate::status::{FieldError, FieldPath, Precondition, Status};
use nodelane_model::{Doc, Kind, codec};
use serde_json::{Value, json};

/// The document that `old` becomes by a body. The error is a 400, 403, 409 or 422.
pub fn update(old: &Doc, mut new: Value, part: Part) -> Result<Updated, Status> {
    let kind = old.kind();
    let resource = resource_of(kind).ok_or_else(Status::method_not_allowed)?;
    read::prepare(kind, &mut new)?;
    precondition(resource, old, &new)?;
    if matches!(kind, Kind::NodePool | Kind::Machine | Kind::Cluster) {
        return own::update(resource, old, &new);
    }
    defaults::apply(kind, &mut new);
    let before = codec::to_value(old);
    let next = carried(kind, &before, new, part);
    let mut doc = checked(resource, kind, &next, &old.key.name, |doc| {
        let mut errors = metadata_rules(old, &next);
        if part != Part::Status {
            errors.extend(validate(resource, kind, &next, Some(&before)));
        }
        let after = doc.map(codec::to_value);
        match (part, &after) {
            (Part::Status, Some(after)) => immutable::status(kind, &before, after, &mut errors),
            (_, Some(after)) => immutable::main(kind, &before, after, &mut errors),
            (_, None) => {}
        }
        errors
    })?;
    keep_identity(&mut doc, old);
    if part != Part::Status && generation::counts(kind, &before, &codec::to_value(&doc)) {
        doc.meta.generation += 1;
    }
    Ok(Updated { doc, base: old.revision })
}

/// What is never taken from a body.
pub fn keep_identity(doc: &mut Doc, old: &Doc) {
    doc.key = old.key.clone();
    doc.revision = old.revision;
    doc.meta.uid = old.meta.uid;
    doc.meta.created = old.meta.created;
    doc.meta.deleted = old.meta.deleted;
    doc.meta.grace_seconds = old.meta.grace_seconds;
    doc.meta.generation = old.meta.generation;
}

/// The uid and the revision that a body names must be the object's. Without a revision the newest is meant, but for kinds
/// that upstream wants one of.
pub fn precondition(resource: &Resource, old: &Doc, new: &Value) -> Result<(), Status> {
    let text = |field: &str| new.get("metadata").and_then(|meta| meta.get(field)).and_then(Value::as_str).unwrap_or_default();
    let (name, group_resource) = (old.key.name.as_str(), resource.group_resource());
    let (uid, found) = (text("uid"), old.meta.uid.to_string());
    if !uid.is_empty() && uid != found {
        let place = if old.key.namespace.is_empty() { name.to_owned() } else { format!("{}/{name}", old.key.namespace) };
        let why = format!(
            "StorageError: invalid object, Code: 4, Key: /registry/{}/{place}, ResourceVersion: 0, AdditionalErrorMsg: \
             Precondition failed: UID in precondition: {uid}, UID in object meta: {found}",
            resource.plural
        );
        return Err(Status::conflict_because(group_resource, name, &why));
    }
    match text("resourceVersion") {
        "" if matches!(old.kind(), Kind::PodDisruptionBudget | Kind::Lease) => {
            let path = FieldPath::new("metadata").child("resourceVersion");
            let error = FieldError::invalid(&path, 0, "must be specified for an update");
            Err(Status::invalid(resource.group, resource.plural, name, &[error])) // the resource, not the kind
        }
        "" => Ok(()),
        revision if revision == old.revision.to_string() => Ok(()),
        _ => Err(Status::conflict(group_resource, name, Precondition::Modified)),
    }
}

/// The new object with what stays of the old one.
fn carried(kind: Kind, before: &Value, mut new: Value, part: Part) -> Value {
    if part == Part::Status {
        let mut next = before.clone();
        next["metadata"] = new["metadata"].take();
        match kind {
            Kind::Deployment => keep(&mut next, before, "/metadata", "labels"),
            Kind::Pod => keep(&mut next, before, "/metadata", "ownerReferences"),
            Kind::DaemonSet => set_annotation(&mut next, TEMPLATE_GENERATION, &templates(before).to_string()),
            _ => {}
        }
        keep(&mut next, &new, "", "status");
        return next;
    }
    keep(&mut new, before, "", "status");
    match kind {
        Kind::Namespace if part == Part::Main => keep(&mut new, before, "", "spec"),
        Kind::Service => carry_addresses(&mut new, before),
        Kind::DaemonSet => count_templates(&mut new, before),
        _ => {}
    }
    new
}

/// Sets a field of `next` at a place to what it is in `from`, absent included.
fn keep(next: &mut Value, from: &Value, place: &str, field: &str) {
    let found = from.pointer(place).and_then(|object| object.get(field)).cloned();
    if let Some(object) = next.pointer_mut(place).and_then(Value::as_object_mut) {
        match found {
            Some(value) => drop(object.insert(field.to_owned(), value)),
            None => drop(object.remove(field)),
        }
    }
}

/// A service keeps its addresses and node ports where the body says nothing; one that becomes a mere name loses them.
fn carry_addresses(new: &mut Value, before: &Value) {
    let of_type = |object: &Value, name: &str| object.pointer("/spec/type").and_then(Value::as_str) == Some(name);
    let was_name = of_type(before, "ExternalName");
    let is_name = of_type(new, "ExternalName");
    let has_node_ports = of_type(new, "NodePort") || of_type(new, "LoadBalancer");
    let Some(spec) = new.get_mut("spec").and_then(Value::as_object_mut) else {
        return;
    };
    if is_name {
        if !was_name {
            for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"] {
                spec.remove(field);
            }
        }
        return;
    }
    for field in ["clusterIP", "clusterIPs"] {
        let found = before.pointer(&format!("/spec/{field}")).filter(|_| !spec.contains_key(field) && !was_name);
        if let Some(found) = found {
            spec.insert(field.to_owned(), found.clone());
        }
    }
    let old_ports = before.pointer("/spec/ports").and_then(Value::as_array);
    for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten().filter(|_| has_node_ports) {
        let same = old_ports.into_iter().flatten().find(|old| old["port"] == port["port"] && old["protocol"] == port["protocol"]);
        if let (Some(number), Some(port)) = (same.and_then(|old| old.get("nodePort")), port.as_object_mut()) {
            port.entry("nodePort").or_insert_with(|| number.clone());
        }
    }
}

fn count_templates(new: &mut Value, before: &Value) {
    // Compared as they are stored: what a type writes anew is no change.
    let template = |object: &Value| {
        let template = object.pointer("/spec/template").cloned().unwrap_or_else(|| json!({}));
        serde_json::from_value::<nodelane_model::pod::PodTemplate>(template).ok()
    };
    let changed = template(new) != template(before);
    set_annotation(new, TEMPLATE_GENERATION, &(templates(before) + i64::from(changed)).to_string());
}

/// How many templates a daemon set has had.
fn templates(object: &Value) -> i64 {
    let pointer = format!("/metadata/annotations/{TEMPLATE_GENERATION}");
    object.pointer(&pointer).and_then(Value::as_str).and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// An update neither renames an object nor starts its deletion, nor adds finalizers to one that is going.
fn metadata_rules(old: &Doc, next: &Value) -> Errors {
    let mut errors = Errors::new();
    let metadata = FieldPath::new("metadata");
    for (field, found) in [("name", &old.key.name), ("namespace", &old.key.namespace)] {
        let named = next.get("metadata").and_then(|metadata| metadata.get(field)).and_then(Value::as_str).unwrap_or_default();
        if !named.is_empty() && named != found.as_str() {
            errors.push(FieldError::immutable(&metadata.child(field), named));
        }
    }
    let found = next.pointer("/metadata/deletionTimestamp").filter(|_| old.meta.deleted.is_none());
    if let Some(time) = found {
        errors.push(FieldError::immutable(&metadata.child("deletionTimestamp"), time.clone()));
    }
    if old.meta.deleted.is_some() {
        let finalizers = next.pointer("/metadata/finalizers").and_then(Value::as_array).into_iter().flatten();
        let names: Vec<&str> = finalizers.filter_map(Value::as_str).collect();
        let added: Vec<String> =
            names.iter().filter(|name| !old.meta.finalizers.iter().any(|old| old == *name)).map(|name| format!("{name:?}")).collect();
        if !added.is_empty() {
            let why = format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
                added.join(", ")
            );
            errors.push(FieldError::forbidden(&metadata.child("finalizers"), &why));
        }
    }
    errors
}
