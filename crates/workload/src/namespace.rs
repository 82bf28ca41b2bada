//! Namespaces: what every one has, and how one ends.
//!
//! A namespace that terminates loses its pods first and everything else once they are gone, then the finalizer `kubernetes`, then
//! itself. The CA that `kube-root-ca.crt` shows is the one in `kube-system`: the server seeds that one.

use crate::delete::{delete, may_go, remove};
use nodelane_model::pod::Condition;
use nodelane_model::{Body, Doc, Key, Kind, Meta, Name, Rest};
use nodelane_world::Draft;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

const ROOT_CA: &str = "kube-root-ca.crt";
const ROOT_CA_DESCRIPTION: &str = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints \
such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.";

/// Whether a namespace always has a document of that key.
pub(crate) fn has_always(key: &Key) -> bool {
    (key.kind == Kind::ServiceAccount && key.name == "default") || (key.kind == Kind::ConfigMap && key.name == ROOT_CA)
}

pub(crate) fn reconcile(draft: &mut Draft, key: &Key, units: usize) -> usize {
    match draft.world.get(key).cloned() {
        Some(doc) if doc.is_terminating() => terminate(draft, &doc, units),
        Some(_) => furnish(draft, &key.name),
        None => 0,
    }
}

fn furnish(draft: &mut Draft, namespace: &Name) -> usize {
    let before = draft.writes.len();
    let account = Key::new(Kind::ServiceAccount, namespace.clone(), "default");
    if draft.world.get(&account).is_none() {
        draft.create(account, Meta::default(), Body::Opaque(Rest::new()));
    }
    let seeded = draft.world.get(&Key::new(Kind::ConfigMap, "kube-system", ROOT_CA)).cloned();
    let data = seeded.and_then(|doc| doc.as_opaque()?.get("data").cloned()).unwrap_or_else(|| json!({"ca.crt": ""}));
    let map = Key::new(Kind::ConfigMap, namespace.clone(), ROOT_CA);
    let show = |doc: &mut Doc| {
        if let Body::Opaque(rest) = &mut doc.body {
            rest.insert("data".into(), data.clone());
        }
    };
    if draft.world.get(&map).is_some() {
        draft.update(&map, show);
    } else {
        let annotations = Arc::new(BTreeMap::from([("kubernetes.io/description".into(), ROOT_CA_DESCRIPTION.into())]));
        let rest = Rest::from_iter([("data".to_owned(), data)]);
        draft.create(map, Meta { annotations, ..Meta::default() }, Body::Opaque(rest));
    }
    draft.writes.len() - before
}

fn terminate(draft: &mut Draft, doc: &Doc, units: usize) -> usize {
    let name = &doc.key.name;
    let pods: Vec<Key> = draft.world.list(Kind::Pod, Some(name)).map(|doc| doc.key.clone()).collect();
    let content = match pods.is_empty() {
        false => pods,
        true => Kind::ALL.iter().flat_map(|kind| draft.world.list(*kind, Some(name))).map(|doc| doc.key.clone()).collect(),
    };
    let mut spent = 0;
    for key in &content {
        if draft.world.get(key).is_some_and(|doc| !doc.is_terminating()) {
            if spent >= units {
                crate::again(draft, &doc.key);
                break;
            }
            delete(draft, key, None, None);
            spent += 1;
        }
    }
    let left: Vec<Arc<Doc>> = Kind::ALL.iter().flat_map(|kind| draft.world.list(*kind, Some(name))).cloned().collect();
    let conditions = conditions(&left, draft);
    let is_empty = left.is_empty();
    let after = draft.update(&doc.key, |doc| write(doc, conditions, is_empty));
    if after.is_some_and(|after| is_empty && may_go(&after)) {
        remove(draft, &doc.key);
    }
    spent
}

/// Writes the conditions; an empty namespace loses our finalizer.
fn write(doc: &mut Doc, conditions: Vec<Condition>, is_empty: bool) {
    let Body::Opaque(rest) = &mut doc.body else { return };
    let status = rest.entry("status").or_insert_with(|| json!({}));
    let mut all: Vec<Condition> = status.get("conditions").and_then(|all| serde_json::from_value(all.clone()).ok()).unwrap_or_default();
    conditions.into_iter().for_each(|condition| condition.set_in(&mut all));
    if let Some(status) = status.as_object_mut() {
        status.insert("phase".into(), "Terminating".into());
        status.insert("conditions".into(), serde_json::to_value(all).expect("conditions have string keys only"));
    }
    let finalizers = rest.get_mut("spec").and_then(|spec| spec.get_mut("finalizers")).and_then(Value::as_array_mut);
    if let Some(finalizers) = finalizers.filter(|_| is_empty) {
        finalizers.retain(|finalizer| finalizer != "kubernetes");
    }
}

/// What is left, by resource, and what holds it, in the words of the upstream controller.
fn conditions(left: &[Arc<Doc>], draft: &Draft) -> Vec<Condition> {
    let (mut kinds, mut held) = (BTreeMap::<Kind, usize>::new(), BTreeMap::<Name, usize>::new());
    for doc in left {
        *kinds.entry(doc.key.kind).or_default() += 1;
        doc.meta.finalizers.iter().for_each(|finalizer| *held.entry(finalizer.clone()).or_default() += 1);
    }
    let list = |parts: Vec<String>| parts.join(", ");
    let kinds = list(kinds.iter().map(|(kind, n)| format!("{} has {n} resource instances", resource(*kind))).collect());
    let held = list(held.iter().map(|(finalizer, n)| format!("{finalizer} in {n} resource instances")).collect());
    let condition = |kind, bad: bool, reason, message: &str| Condition::new(kind, bad, draft.now).because(reason, message);
    let remain = format!("Some resources are remaining: {kinds}");
    let finalizers = format!("Some content in the namespace has finalizers remaining: {held}");
    let ended = "All content successfully deleted, may be waiting on finalization";
    vec![
        condition("NamespaceDeletionDiscoveryFailure", false, "ResourcesDiscovered", "All resources successfully discovered"),
        condition("NamespaceDeletionGroupVersionParsingFailure", false, "ParsedGroupVersions", "All legacy kube types successfully parsed"),
        condition("NamespaceDeletionContentFailure", false, "ContentDeleted", ended),
        if kinds.is_empty() {
            condition("NamespaceContentRemaining", false, "ContentRemoved", "All content successfully removed")
        } else {
            condition("NamespaceContentRemaining", true, "SomeResourcesRemain", &remain)
        },
        if held.is_empty() {
            let message = "All content-preserving finalizers finished";
            condition("NamespaceFinalizersRemaining", false, "ContentHasNoFinalizers", message)
        } else {
            condition("NamespaceFinalizersRemaining", true, "SomeFinalizersRemain", &finalizers)
        },
    ]
}

/// `pods.`, `deployments.apps`: plural and group as the upstream message has them.
fn resource(kind: Kind) -> String {
    let (group, _) = kind.api_version().split_once('/').unwrap_or(("", ""));
    let singular = kind.as_str().to_lowercase();
    match singular.strip_suffix("class") {
        Some(_) => format!("{singular}es.{group}"),
        None if singular.ends_with('s') => format!("{singular}.{group}"),
        None => format!("{singular}s.{group}"),
    }
}
