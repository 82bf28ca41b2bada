//! Changes of Kubernetes objects: conditions, identities, deletion, binding, eviction.
//!
//! What an object is to look like was computed before, against a published revision; here it is only decided whether it may be so now.

use crate::disrupt::{self, grant};
use crate::{Env, converge};
use nodelane_model::change::{Accepted, Principal, Propagation};
use nodelane_model::hash::Hash;
use nodelane_model::pod::{Condition, Phase};
use nodelane_model::{Change, Doc, Key, Kind, Name, Origin, Refusal, Revision, Time, Uid};
use nodelane_world::{Draft, World};
use std::sync::Arc;

/// Admits a change of a Kubernetes object; `None` where the change is of another sort.
pub fn admit(draft: &mut Draft, change: &Change, origin: &Origin, env: &Env) -> Option<Result<Accepted, Refusal>> {
    Some(match change {
        Change::Create(doc) => create(draft, doc, origin, env),
        Change::Replace { doc, base } => replace(draft, doc, *base, origin),
        Change::Delete { key, uid, base, grace_seconds, propagation } => {
            delete(draft, key, *uid, *base, *grace_seconds, *propagation, origin)
        }
        Change::Bind { pod, node } => bind(draft, pod, node),
        Change::Evict { pod, grace_seconds, dry_run } => evict(draft, pod, *grace_seconds, *dry_run),
        _ => return None,
    })
}

fn accepted(draft: &Draft, doc: Option<Arc<Doc>>, created: bool) -> Accepted {
    Accepted { revision: draft.world.revision, doc, created, operation: None }
}

fn create(draft: &mut Draft, doc: &Arc<Doc>, origin: &Origin, env: &Env) -> Result<Accepted, Refusal> {
    let mut doc = (**doc).clone();
    if doc.key.name.is_empty() {
        doc.key.name = generate_name(draft, &doc);
    }
    check_namespace(&draft.world, &doc.key)?;
    if draft.world.get(&doc.key).is_some() {
        return Err(Refusal::AlreadyExists(doc.key));
    }
    if let Principal::Node(node) = &origin.principal {
        let own = doc.key.kind == Kind::Node && doc.key.name == *node;
        if !own && doc.key.kind != Kind::Event {
            return Err(forbidden(&doc.key, "a node may create only itself"));
        }
        if own {
            converge::register(draft, env, &mut doc)?;
        }
    }
    match doc.key.kind {
        Kind::Fault => super::fault::check(&draft.world, &doc)?,
        Kind::Service => give_cluster_ip(draft, &mut doc),
        Kind::Job => {
            doc.meta.uid = draft.uid();
            nodelane_workload::complete_job(&mut doc);
        }
        Kind::Pod => nodelane_workload::complete_pod(draft, &mut doc),
        Kind::PersistentVolume | Kind::PersistentVolumeClaim => nodelane_workload::complete_storage(&draft.world, &mut doc),
        _ => {}
    }
    let Doc { key, meta, body, .. } = doc;
    let stored = draft.create(key, meta, body);
    if stored.key.kind == Kind::Node {
        converge::register_drivers(draft, env, &stored);
    }
    // A pod or replica set that no one controls may be what a workload looks for.
    nodelane_workload::offer(draft, &stored.key);
    Ok(accepted(draft, Some(stored), true))
}

/// Five characters of the alphabet that Kubernetes generates names from, until the name is free.
fn generate_name(draft: &Draft, doc: &Doc) -> Name {
    const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let prefix = doc.meta.generate_name.clone().unwrap_or_default();
    let mut ordinal = 0;
    loop {
        let mut hash = Hash::new(draft.world.seed).number(draft.world.revision).number(ordinal).get();
        let mut name = prefix.to_string();
        for _ in 0..5 {
            name.push(ALPHABET[(hash % ALPHABET.len() as u64) as usize] as char);
            hash /= ALPHABET.len() as u64;
        }
        let key = Key { name: name.into(), ..doc.key.clone() };
        if draft.world.get(&key).is_none() {
            return key.name;
        }
        ordinal += 1;
    }
}

fn check_namespace(world: &World, key: &Key) -> Result<(), Refusal> {
    // An account's groups and clusters lie under their subscription, which is no namespace.
    if key.namespace.is_empty() || matches!(key.kind, Kind::ResourceGroup | Kind::ClusterEntry) {
        return Ok(());
    }
    let namespace = Key::global(Kind::Namespace, key.namespace.clone());
    match world.get(&namespace) {
        None => Err(Refusal::NotFound(namespace)),
        Some(doc) if doc.is_terminating() && key.kind != Kind::Event => {
            Err(Refusal::NamespaceTerminating { key: key.clone(), namespace: key.namespace.clone() })
        }
        Some(_) => Ok(()),
    }
}

/// An address of the cluster's service network for a service that has none; the first 256 are kept for static use, as upstream does.
fn give_cluster_ip(draft: &Draft, doc: &mut Doc) {
    let taken: std::collections::BTreeSet<String> = draft.world.list(Kind::Service, None).filter_map(|doc| cluster_ip(doc)).collect();
    let uid = draft.uid();
    let nodelane_model::Body::Opaque(rest) = &mut doc.body else { return };
    let spec = rest.entry("spec").or_insert_with(|| serde_json::json!({}));
    let named = |field: &str| spec.get(field).and_then(serde_json::Value::as_str).unwrap_or_default();
    if named("type") == "ExternalName" || !named("clusterIP").is_empty() {
        return;
    }
    let free = (0..65_536_u64).map(|ordinal| {
        let host = Hash::new(uid.0 as u64).number(ordinal).between(256, 65_534);
        format!("10.0.{}.{}", host / 256, host % 256)
    });
    if let Some(address) = free.into_iter().find(|address| !taken.contains(address)) {
        spec["clusterIP"] = address.clone().into();
        spec["clusterIPs"] = serde_json::json!([address]);
    }
}

fn cluster_ip(doc: &Doc) -> Option<String> {
    doc.as_opaque()?.get("spec")?.get("clusterIP")?.as_str().map(str::to_owned)
}

fn forbidden(key: &Key, message: &str) -> Refusal {
    Refusal::Forbidden { key: key.clone(), message: message.into() }
}

/// What a node identity may change: its node, and the pods on it (NodeRestriction; security T5).
fn check_identity(world: &World, key: &Key, origin: &Origin) -> Result<(), Refusal> {
    let Principal::Node(node) = &origin.principal else { return Ok(()) };
    let on_it = || world.get(key).and_then(|doc| doc.as_pod()).is_some_and(|pod| pod.node.as_ref() == Some(node));
    match key.kind {
        Kind::Node if key.name == *node => Ok(()),
        Kind::Pod if on_it() => Ok(()),
        _ => Err(forbidden(key, "a node may change only itself and its pods")),
    }
}

fn replace(draft: &mut Draft, doc: &Arc<Doc>, base: Revision, origin: &Origin) -> Result<Accepted, Refusal> {
    let old = draft.world.get(&doc.key).cloned().ok_or_else(|| Refusal::NotFound(doc.key.clone()))?;
    if old.revision != base {
        return Err(Refusal::Stale { key: doc.key.clone(), base });
    }
    check_identity(&draft.world, &doc.key, origin)?;
    if doc.key.kind == Kind::Fault && matches!(origin.principal, Principal::User(_)) {
        super::fault::check(&draft.world, doc)?;
    }
    let mut next = (**doc).clone();
    if next.key.kind == Kind::Node && !matches!(origin.principal, Principal::Node(_)) {
        follow_cordon(&mut next, &old, draft.now);
    }
    if next.is_terminating() && next.meta.finalizers.is_empty() && old.is_terminating() && !old.meta.finalizers.is_empty() {
        draft.remove(&next.key);
        return Ok(accepted(draft, Some(Arc::new(next)), false));
    }
    if let Some(node) = next.as_node_mut() {
        converge::lifecycle::match_condition(node, draft.now);
    }
    next.revision = old.revision;
    if next == *old {
        return Ok(accepted(draft, Some(old), false));
    }
    let key = next.key.clone();
    let user_cordon = next.as_node().map(|node| node.spec.unschedulable);
    let was_cordoned = old.as_node().map(|node| node.spec.unschedulable);
    crate::repair::note_loss(draft, &old, &next);
    // A cordon is noted before it is set, and lifted before the note goes: a crash in between leaves nobody's cordon.
    if user_cordon != was_cordoned && user_cordon == Some(true) {
        note_user_cordon(draft, &key.name, true);
    }
    let stored = draft.put(next);
    if old.meta.labels != stored.meta.labels || old.meta.owners != stored.meta.owners {
        nodelane_workload::offer(draft, &key);
    }
    converge::lifecycle::note_loss(draft, &old, &stored);
    if user_cordon != was_cordoned && user_cordon == Some(false) {
        note_user_cordon(draft, &key.name, false);
    }
    Ok(accepted(draft, Some(stored), false))
}

/// The taint follows the bit that a user set.
fn follow_cordon(next: &mut Doc, old: &Doc, now: Time) {
    let was = old.as_node().is_some_and(|node| node.spec.unschedulable);
    if let Some(node) = next.as_node_mut()
        && node.spec.unschedulable != was
    {
        let unschedulable = node.spec.unschedulable;
        disrupt::match_taint(&mut node.spec.taints, unschedulable, now.whole_seconds());
    }
}

/// A user's cordon is the user's: nobody else lifts it. A user's uncordon lifts every cordon.
fn note_user_cordon(draft: &mut Draft, node: &Name, cordoned: bool) {
    use nodelane_model::machine::CordonOwner;
    crate::fleet::change(draft, &Key::global(Kind::Machine, node.clone()), |machine| {
        if cordoned {
            machine.cordoned_by.insert(CordonOwner::User);
        } else {
            machine.cordoned_by.clear();
        }
    });
}

fn delete(
    draft: &mut Draft,
    key: &Key,
    uid: Option<Uid>,
    base: Option<Revision>,
    grace_seconds: Option<i64>,
    propagation: Propagation,
    origin: &Origin,
) -> Result<Accepted, Refusal> {
    let old = draft.world.get(key).cloned().ok_or_else(|| Refusal::NotFound(key.clone()))?;
    check_identity(&draft.world, key, origin)?;
    let precondition = |message: String| Err(Refusal::Precondition { key: key.clone(), message: message.into() });
    if let Some(uid) = uid
        && uid.to_string() != old.meta.uid.to_string()
    {
        return precondition(format!("the UID in the precondition ({uid}) does not match the UID in record ({})", old.meta.uid));
    }
    if let Some(base) = base
        && base != old.revision
    {
        return precondition(format!(
            "the ResourceVersion in the precondition ({base}) does not match the ResourceVersion in record ({})",
            old.revision
        ));
    }
    if key.kind == Kind::Namespace && matches!(key.name.as_str(), "default" | "kube-system" | "kube-public" | "kube-node-lease") {
        return Err(forbidden(key, "this namespace may not be deleted"));
    }
    nodelane_workload::delete(draft, key, grace_seconds, Some(propagation));
    let left = draft.world.get(key).cloned();
    Ok(accepted(draft, left.or(Some(old)), false))
}

fn bind(draft: &mut Draft, key: &Key, node: &Name) -> Result<Accepted, Refusal> {
    let old = draft.world.get(key).cloned().ok_or_else(|| Refusal::NotFound(key.clone()))?;
    let Some(pod) = old.as_pod() else { return Err(Refusal::NotFound(key.clone())) };
    if let Some(bound) = &pod.node {
        let message = format!("pod {} is already assigned to node \"{bound}\"", key.name);
        return Err(Refusal::Precondition { key: key.clone(), message: message.into() });
    }
    if old.is_terminating() {
        let message = format!("pod {} is being deleted, cannot be assigned to a host", key.name);
        return Err(Refusal::Precondition { key: key.clone(), message: message.into() });
    }
    let now = draft.now;
    let stored = draft.update(key, |doc| {
        if let Some(pod) = doc.as_pod_mut() {
            pod.node = Some(node.clone());
            pod.status.conditions.retain(|condition| condition.kind != "PodScheduled");
            pod.status.conditions.push(Condition::new("PodScheduled", true, now));
        }
    });
    Ok(accepted(draft, stored, true))
}

fn evict(draft: &mut Draft, key: &Key, grace_seconds: Option<i64>, dry_run: bool) -> Result<Accepted, Refusal> {
    let doc = draft.world.get(key).cloned().ok_or_else(|| Refusal::NotFound(key.clone()))?;
    if let Some(refusal) = grant(&draft.world, &doc).refusal(key) {
        return Err(refusal);
    }
    let pending = doc.as_pod().is_some_and(|pod| pod.status.phase == Phase::Pending && pod.node.is_none());
    if !dry_run && !doc.is_terminating() {
        let grace = if pending { Some(0) } else { grace_seconds };
        nodelane_workload::delete(draft, key, grace, None);
    }
    Ok(accepted(draft, None, true))
}
