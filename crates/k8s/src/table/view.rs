//! The parts of a document that printing looks at, as a value.
//!
//! A page of pods is mostly specifications, of which a row shows the number of containers. Pods and nodes are therefore cut down
//! to what `pod` and `node` read before they become values; invariant (tested on the golden objects): the row is the same as
//! that of the whole object. Other kinds are few or small and stay whole.

use nodelane_model::pod::Container;
use nodelane_model::{Body, Doc, Pod, Rest, codec};
use serde::Serialize;
use serde_json::{Value, json};

/// What the row of a document is made of (with [`super::IncludeObject::Object`], take all of it instead).
pub fn printed(doc: &Doc) -> Value {
    let (spec, status) = match &doc.body {
        Body::Pod(pod) => (pod_spec(pod), value(&pod.status)),
        Body::Node(node) => {
            let status = &node.status;
            let shown = json!({"conditions": status.conditions, "addresses": status.addresses, "nodeInfo": status.node_info});
            (json!({"unschedulable": node.spec.unschedulable}), shown)
        }
        _ => return codec::to_value(doc),
    };
    let mut object = metadata_only(doc);
    object["spec"] = spec;
    object["status"] = status;
    object
}

/// What `PartialObjectMetadata` is made of.
pub fn metadata_only(doc: &Doc) -> Value {
    codec::to_value(&Doc::new(doc.key.clone(), doc.revision, doc.meta.clone(), Body::Opaque(Rest::new())))
}

fn pod_spec(pod: &Pod) -> Value {
    let shown = |container: &Container| json!({"name": container.name, "restartPolicy": container.restart_policy});
    let mut spec = json!({
        "containers": pod.spec.containers.iter().map(shown).collect::<Vec<_>>(),
        "initContainers": pod.spec.init_containers.iter().map(shown).collect::<Vec<_>>(),
        "nodeName": pod.node,
    });
    if let Some(gates) = pod.spec.rest.get("readinessGates") {
        spec["readinessGates"] = gates.clone();
    }
    spec
}

fn value(part: &impl Serialize) -> Value {
    serde_json::to_value(part).expect("documents have string keys only")
}
