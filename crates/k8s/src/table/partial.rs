//! `PartialObjectMetadata`: objects reduced to their metadata.
//!
//! For clients that need names, labels and owners only (garbage collectors, metadata informers), and for the rows of a
//! table. Invariant: `metadata` is passed on whole.

use serde_json::{Map, Value, json};

/// One object's metadata in its envelope.
pub fn partial_object(object: &Value) -> Value {
    let metadata = object.get("metadata").cloned().unwrap_or_else(|| Map::new().into());
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata})
}

/// A list of them; `list_meta` is the list's own metadata.
pub fn partial_object_list<'a>(list_meta: Value, objects: impl Iterator<Item = &'a Value>) -> Value {
    let items: Vec<Value> = objects.map(partial_object).collect();
    json!({
        "kind": "PartialObjectMetadataList",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": list_meta,
        "items": items,
    })
}
