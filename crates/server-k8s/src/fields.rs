//! What selectors look at in a document.
//!
//! Fields that clients select by in bulk (a pod's node and phase, an event's object) are read from the typed document; the rest from its
//! JSON form. Which fields a kind supports is the registry's business: an unsupported one was refused before it gets here.

use nodelane_k8s::request::ListOptions;
use nodelane_model::{Body, Doc, Kind, Name};

/// Whether a document exists for Kubernetes clients: tombstones of pools do not.
pub fn is_visible(doc: &Doc) -> bool {
    doc.as_pool().is_none_or(|pool| pool.exists())
}

/// Whether a document matches the selectors of a list or watch.
pub fn matches(doc: &Doc, options: &ListOptions) -> bool {
    is_visible(doc)
        && options.labels.matches(|key| doc.meta.labels.get(key).map(Name::as_str))
        && (options.fields.is_empty() || options.fields.matches(|field| field_of(doc, field)))
}

/// A field of a document, as text; empty where it has none.
pub fn field_of(doc: &Doc, field: &str) -> Name {
    match (field, &doc.body) {
        ("metadata.name", _) => doc.key.name.clone(),
        ("metadata.namespace", _) => doc.key.namespace.clone(),
        (_, Body::Pod(pod)) => match field {
            "spec.nodeName" => pod.node.clone().unwrap_or_default(),
            "status.phase" => format!("{:?}", pod.status.phase).into(),
            "spec.schedulerName" => pod.spec.scheduler_name.clone(),
            "spec.restartPolicy" => pod.spec.restart_policy.clone(),
            "spec.hostNetwork" => pod.spec.host_network.to_string().into(),
            "status.podIP" => pod.status.pod_ip.clone(),
            "status.nominatedNodeName" => pod.status.nominated_node_name.clone(),
            _ => from_json(doc, field),
        },
        (_, Body::Node(node)) if field == "spec.unschedulable" => node.spec.unschedulable.to_string().into(),
        (_, Body::Event(event)) => match field {
            "involvedObject.kind" | "regarding.kind" => event.involved_object.kind.clone(),
            "involvedObject.namespace" | "regarding.namespace" => event.involved_object.namespace.clone(),
            "involvedObject.name" | "regarding.name" => event.involved_object.name.clone(),
            "involvedObject.uid" | "regarding.uid" => event.involved_object.uid.clone(),
            "involvedObject.apiVersion" => event.involved_object.api_version.clone(),
            "involvedObject.resourceVersion" => event.involved_object.resource_version.clone(),
            "involvedObject.fieldPath" => event.involved_object.field_path.clone(),
            "reason" => event.reason.clone(),
            "type" => event.kind.clone(),
            "source" | "reportingComponent" => event.source.component.clone(),
            _ => from_json(doc, field),
        },
        _ => from_json(doc, field),
    }
}

fn from_json(doc: &Doc, field: &str) -> Name {
    let value = nodelane_model::codec::to_value(doc);
    let pointer = format!("/{}", field.replace('.', "/"));
    match value.pointer(&pointer) {
        Some(serde_json::Value::String(text)) => text.into(),
        Some(serde_json::Value::Null) | None if doc.kind() == Kind::Secret && field == "type" => "Opaque".into(),
        Some(serde_json::Value::Null) | None => Name::default(),
        Some(other) => other.to_string().into(),
    }
}
