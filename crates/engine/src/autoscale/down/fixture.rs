//! Documents for the tests of this planner, written as Kubernetes writes them.
//!
//! A document's revision is its uid too. Larger worlds are built by the tests that need them.

use nodelane_model::{Doc, Kind, Uid, codec};
use nodelane_world::World;
use serde_json::Value;
use std::sync::Arc;

/// A document from JSON, with the deletion and creation times that it names.
pub fn put(world: &mut World, kind: Kind, value: Value) -> Arc<Doc> {
    let mut doc = codec::from_value(kind, &value).expect("the fixture is a document");
    doc.revision = world.revision + 1;
    doc.meta.uid = Uid(u128::from(doc.revision));
    let doc = Arc::new(doc);
    world.put(doc.clone());
    doc
}

/// Sets what a JSON pointer names; its parent is there.
pub fn set(value: &mut Value, pointer: &str, change: Value) {
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer has a slash");
    match value.pointer_mut(parent).expect("the parent is there") {
        Value::Object(fields) => drop(fields.insert(key.to_owned(), change)),
        Value::Array(items) => items[key.parse::<usize>().expect("an index")] = change,
        _ => panic!("{parent} holds nothing"),
    }
}
