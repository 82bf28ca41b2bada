//! Whom to ask about a pod: what its labels and annotations say, then its budget's, then its namespace's, at last what made it.
//!
//! Not here: who may do what (RBAC); a label is a hint for people.

use nodelane_model::{Doc, Key, Kind, Name, Uid};
use nodelane_world::World;
use serde::Serialize;
use std::sync::Arc;

/// Who owns a pod, and where that stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Owner {
    /// The value: a team, a person, a tool, or the workload.
    pub name: Name,
    /// Where it stands, as `label team of the pod`.
    pub from: String,
}

/// Last parts of keys that name an owner (`example.com/team`), the better first.
const WORDS: [&str; 3] = ["owner", "team", "contact"];
/// Whole keys that say who looks after it, asked after those.
const KEYS: [&str; 2] = ["app.kubernetes.io/managed-by", "app.kubernetes.io/part-of"];

/// The owner of a pod, given as namespace/name, that a budget of its namespace holds.
pub fn of(world: &World, pod: &str, budget: &str) -> Option<Owner> {
    let (namespace, name) = pod.split_once('/')?;
    let doc = world.get(&Key::new(Kind::Pod, namespace, name));
    let budget = world.get(&Key::new(Kind::PodDisruptionBudget, namespace, budget));
    let namespace = world.get(&Key::global(Kind::Namespace, namespace));
    let places = [("the pod", doc), ("the budget", budget), ("the namespace", namespace)];
    let said = places.iter().find_map(|(place, doc)| said(place, doc.as_ref()?));
    said.or_else(|| workload(world, doc?))
}

fn said(place: &str, doc: &Arc<Doc>) -> Option<Owner> {
    let kinds = [("label", &doc.meta.labels), ("annotation", &doc.meta.annotations)];
    let named = |wanted: &dyn Fn(&str) -> bool| {
        kinds.iter().find_map(|(kind, map)| {
            let (key, value) = map.iter().find(|(key, value)| !value.is_empty() && wanted(key))?;
            Some(Owner { name: value.clone(), from: format!("{kind} {key} of {place}") })
        })
    };
    let by_word = WORDS.iter().find_map(|word| named(&|key| key.rsplit('/').next().is_some_and(|last| last.eq_ignore_ascii_case(word))));
    by_word.or_else(|| KEYS.iter().find_map(|wanted| named(&|key| key == *wanted)))
}

/// What made the pod, and what made that.
fn workload(world: &World, pod: &Arc<Doc>) -> Option<Owner> {
    let mut made_by = pod.meta.controller()?;
    while let Some(next) = Uid::parse(&made_by.uid).and_then(|uid| world.by_uid(uid)).and_then(|doc| doc.meta.controller()) {
        made_by = next;
    }
    Some(Owner { name: format!("{}/{}", made_by.kind, made_by.name).into(), from: "what made the pod".into() })
}
