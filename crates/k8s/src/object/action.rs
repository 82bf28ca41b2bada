//! Bodies of the subresources that do something: scale, binding, eviction.
//!
//! Pure, against one document as it was read (kube-apiserver's own answers are in the tests).
//! Not here: whether the change may happen now.

use super::update::precondition;
use super::{Updated, resource_of};
use crate::request::{DeleteOptions, Query, WriteOptions, check_name};
use crate::scale;
use crate::status::{FieldError, FieldPath, Status};
use nodelane_model::{Body, Doc, codec};
use serde_json::Value;

/// The `autoscaling/v1` Scale of a deployment, replica set or stateful set.
pub fn scale_of(doc: &Doc) -> Value {
    scale::of(&codec::to_value(doc))
}

/// The document with the replicas that a Scale asks for; counts a generation where that is a change.
pub fn with_scale(old: &Doc, wanted: Value) -> Result<Updated, Status> {
    let resource = resource_of(old.kind()).ok_or_else(Status::method_not_allowed)?;
    check_name(&wanted, &old.key.name)?;
    let replicas = i32::try_from(scale::replicas(&wanted)?).expect("checked");
    precondition(resource, old, &wanted)?;
    let mut doc = old.clone();
    let count = match &mut doc.body {
        Body::Deployment(body) => &mut body.spec.replicas,
        Body::ReplicaSet(body) => &mut body.spec.replicas,
        Body::StatefulSet(body) => &mut body.spec.replicas,
        _ => return Err(Status::no_such_path()),
    };
    if count.replace(replicas) != Some(replicas) {
        doc.meta.generation += 1;
    }
    Ok(Updated { doc, base: old.revision })
}

/// The node that a `v1` Binding names.
pub fn binding(body: &Value) -> Result<String, Status> {
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let target = FieldPath::new("target");
    let mut errors = Vec::new();
    if !matches!(text("/target/kind"), "" | "Node") {
        errors.push(FieldError::not_supported(&target.child("kind"), text("/target/kind"), &["Node", "<empty>"]));
    }
    if text("/target/name").is_empty() {
        errors.push(FieldError::required(&target.child("name"), ""));
    }
    if errors.is_empty() {
        Ok(text("/target/name").to_owned())
    } else {
        Err(Status::invalid("", "Binding", text("/metadata/name"), &errors))
    }
}

/// What a `policy/v1` Eviction asks for. A dry run may be asked for in the body or in the query.
pub fn eviction(body: &Value, query: Query<'_>) -> Result<DeleteOptions, Status> {
    let asked = WriteOptions::parse(query, "CreateOptions")?;
    let options = match body.get("deleteOptions").filter(|options| !options.is_null()) {
        None => DeleteOptions::default(),
        Some(options) => DeleteOptions::parse(&[], options.to_string().as_bytes())?,
    };
    Ok(DeleteOptions { dry_run: options.dry_run || asked.dry_run, ..options })
}
