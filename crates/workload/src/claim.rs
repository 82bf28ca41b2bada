//! Who controls whom: adoption of what no one owns, release of what no longer matches.
//!
//! A workload that is new or whose specification changed looks through its namespace for orphans; after that, a document that comes
//! without a controller, or loses it, is *offered* ([`offer`]) to the first workload that selects it. No pass scans a table.

use nodelane_model::selector::Selector;
use nodelane_model::{Doc, Key, Kind, Labels, Meta, Name, OwnerRef, Uid};
use nodelane_world::{Draft, World};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The reference by which a document is controlled.
pub(crate) fn controller_ref(owner: &Doc) -> OwnerRef {
    OwnerRef {
        api_version: owner.key.kind.api_version().into(),
        kind: owner.key.kind.as_str().into(),
        name: owner.key.name.clone(),
        uid: owner.meta.uid.to_string().into(),
        controller: true,
        block_owner_deletion: true,
    }
}

/// Metadata of a new document that `owner` controls.
pub(crate) fn controlled_meta(owner: &Doc, labels: Labels, annotations: Labels, generation: i64) -> Meta {
    Meta { labels, annotations, generation, owners: Arc::new(vec![controller_ref(owner)]), ..Meta::default() }
}

/// Documents of a kind that `owner` controls, in order of name.
pub(crate) fn controlled(world: &World, owner: &Doc, kind: Kind) -> Vec<Arc<Doc>> {
    let uid = owner.meta.uid.to_string();
    let is_mine = |doc: &&Arc<Doc>| doc.key.kind == kind && doc.meta.controller().is_some_and(|owner| owner.uid == uid);
    world.owned_by(owner.meta.uid).filter(is_mine).cloned().collect()
}

/// The document that controls `doc`, where it exists.
pub(crate) fn controller_of<'a>(world: &'a World, doc: &Doc) -> Option<&'a Arc<Doc>> {
    world.by_uid(Uid::parse(&doc.meta.controller()?.uid)?)
}

/// Documents of a kind that `owner` controls and selects, after release of the rest and, where `adopt` says so, adoption of orphans.
pub(crate) fn claim(draft: &mut Draft, owner: &Doc, selector: &Selector, kind: Kind, adopt: bool) -> Vec<Arc<Doc>> {
    let mut mine = controlled(&draft.world, owner, kind);
    if owner.is_terminating() {
        return mine;
    }
    let mut seen: Option<Labels> = None; // Pods of one template share their labels: one look for all.
    mine.retain(|doc| {
        let fits = seen.as_ref().is_some_and(|labels| Arc::ptr_eq(labels, &doc.meta.labels))
            || selector.matches(&doc.meta.labels)
            || doc.is_terminating();
        if fits {
            seen = Some(doc.meta.labels.clone());
        } else {
            let released = disown(draft, &doc.key, owner.meta.uid);
            released.then(|| offer(draft, &doc.key));
        }
        fits
    });
    if adopt {
        let fits = |doc: &&Arc<Doc>| may_adopt(owner, selector, doc);
        let orphans: Vec<Key> = draft.world.list(kind, Some(&owner.key.namespace)).filter(fits).map(|doc| doc.key.clone()).collect();
        if !orphans.is_empty() {
            orphans.iter().for_each(|key| give(draft, key, owner));
            mine = controlled(&draft.world, owner, kind);
        }
    }
    mine
}

/// Takes an owner off a document; says whether there was one to take.
pub(crate) fn disown(draft: &mut Draft, key: &Key, owner: Uid) -> bool {
    let uid = owner.to_string();
    let Some(doc) = draft.world.get(key).filter(|doc| doc.meta.owners.iter().any(|owner| owner.uid == uid)) else {
        return false;
    };
    let mut doc = (**doc).clone();
    Arc::make_mut(&mut doc.meta.owners).retain(|owner| owner.uid != uid);
    draft.put(doc);
    true
}

/// Gives a pod or replica set that no one controls to the first workload that selects it. The admission of such documents and of
/// changes to their labels or owners calls this.
pub fn offer(draft: &mut Draft, key: &Key) {
    let kinds: &[Kind] = match key.kind {
        Kind::Pod => &[Kind::ReplicaSet, Kind::StatefulSet, Kind::DaemonSet, Kind::Job],
        Kind::ReplicaSet => &[Kind::Deployment],
        _ => return,
    };
    let Some(doc) = draft.world.get(key).cloned() else {
        return;
    };
    let takes = |owner: &&Arc<Doc>| !owner.is_terminating() && selector_of(owner).is_some_and(|selector| may_adopt(owner, selector, &doc));
    let owner = kinds.iter().find_map(|kind| draft.world.list(*kind, Some(&key.namespace)).find(takes)).cloned();
    if let Some(owner) = owner {
        give(draft, key, &owner);
    }
}

/// The selector of a workload.
pub(crate) fn selector_of(doc: &Doc) -> Option<&Selector> {
    doc.as_replica_set()
        .map(|body| &body.spec.selector)
        .or_else(|| doc.as_deployment().map(|body| &body.spec.selector))
        .or_else(|| doc.as_stateful_set().map(|body| &body.spec.selector))
        .or_else(|| doc.as_daemon_set().map(|body| &body.spec.selector))
        .or_else(|| doc.as_job().and_then(|body| body.spec.selector.as_ref()))
}

fn may_adopt(owner: &Doc, selector: &Selector, doc: &Doc) -> bool {
    let named = owner.key.kind != Kind::StatefulSet || ordinal_of(&owner.key.name, &doc.key.name).is_some();
    named
        && doc.meta.controller().is_none()
        && !doc.is_terminating()
        && doc.as_pod().is_none_or(|pod| !pod.status.is_terminal())
        && !selector.is_empty()
        && selector.matches(&doc.meta.labels)
}

/// The ordinal in the name of a stateful set's pod.
pub(crate) fn ordinal_of(set: &str, pod: &str) -> Option<i32> {
    let ordinal = pod.strip_prefix(set)?.strip_prefix('-')?;
    ordinal.bytes().all(|b| b.is_ascii_digit()).then(|| ordinal.parse().ok()).flatten()
}

fn give(draft: &mut Draft, key: &Key, owner: &Doc) {
    draft.update(key, |doc| Arc::make_mut(&mut doc.meta.owners).push(controller_ref(owner)));
}

/// A map with further entries.
pub(crate) fn with(map: &Labels, more: &[(&str, Name)]) -> Labels {
    let mut map: BTreeMap<Name, Name> = (**map).clone();
    map.extend(more.iter().map(|(key, value)| (Name::new(key), value.clone())));
    Arc::new(map)
}
