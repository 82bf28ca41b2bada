//! The scale subresource: `autoscaling/v1` Scale, a window on `spec.replicas` of a Deployment, ReplicaSet or StatefulSet.
//!
//! Reading makes a Scale from the object; writing checks one and gives the replicas to set. Not here: storing, conflicts.

use crate::selector::LabelSelector;
use crate::status::{FieldError, FieldPath, Status};
use serde_json::{Map, Value, json};

/// The Scale of an object.
pub fn of(object: &Value) -> Value {
    let mut metadata = Map::new();
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        if let Some(value) = object.pointer(&format!("/metadata/{field}")) {
            metadata.insert(field.to_owned(), value.clone());
        }
    }
    let replicas = object.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1);
    let current = object.pointer("/status/replicas").and_then(Value::as_i64).unwrap_or(0);
    let mut status = json!({"replicas": current});
    let selector = object.pointer("/spec/selector").and_then(|spec| LabelSelector::from_spec(spec).ok());
    if let Some(selector) = selector.filter(|selector| !selector.is_empty()) {
        status["selector"] = selector.to_string().into();
    }
    let spec = if replicas == 0 { json!({}) } else { json!({"replicas": replicas}) };
    json!({
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": metadata,
        "spec": spec,
        "status": status,
    })
}

/// The replicas that a Scale asks for (absent is 0), or the 422.
pub fn replicas(scale: &Value) -> Result<u32, Status> {
    let wanted = scale.pointer("/spec/replicas").cloned().unwrap_or_else(|| 0.into());
    match wanted.as_i64() {
        Some(number @ 0..=2_147_483_647) => Ok(u32::try_from(number).expect("in range")), // an int32 upstream
        _ => {
            let name = scale.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
            let path = FieldPath::new("spec").child("replicas");
            let error = FieldError::invalid(&path, wanted, "must be greater than or equal to 0");
            Err(Status::invalid("autoscaling", "Scale", name, &[error]))
        }
    }
}
