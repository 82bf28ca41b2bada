//! ControllerRevisions: the templates that stateful sets and daemon sets have had.
//!
//! A revision holds `{"spec": {"template": …}}` and a number; the newest number is what pods go to. A template that comes back gets its
//! old revision with a new number. The name's suffix is the template's hash; it is also the label `controller-revision-hash` of pods.

use crate::claim::{controlled, controlled_meta, with};
use crate::stamp::template_hash;
use nodelane_model::pod::PodTemplate;
use nodelane_model::{Body, Doc, Key, Kind, Name, Rest};
use nodelane_world::Draft;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

const HASH: &str = "controller.kubernetes.io/hash";
/// The label of pods that names their revision.
pub(crate) const REVISION_LABEL: &str = "controller-revision-hash";
/// Kubernetes keeps ten where nothing is said.
const HISTORY: i64 = 10;

/// The number of a revision.
pub(crate) fn number(doc: &Doc) -> i64 {
    doc.as_opaque().and_then(|rest| rest.get("revision")?.as_i64()).unwrap_or(0)
}

/// The hash of a revision's template.
pub(crate) fn hash(doc: &Doc) -> Name {
    doc.meta.labels.get(HASH).cloned().unwrap_or_default()
}

/// The template of a revision.
pub(crate) fn template(doc: &Doc) -> Option<PodTemplate> {
    let template = doc.as_opaque()?.get("data")?.get("spec")?.get("template")?;
    serde_json::from_value(template.clone()).ok()
}

/// The revision of a template: the newest of the owner's afterwards. It is looked for only where `is_new` says that the owner changed.
pub(crate) fn sync(draft: &mut Draft, owner: &Doc, template: &PodTemplate, is_new: bool) -> Option<Arc<Doc>> {
    let mut all = controlled(&draft.world, owner, Kind::ControllerRevision);
    all.sort_by_key(|doc| number(doc));
    if !is_new && let Some(newest) = all.last() {
        return Some(newest.clone());
    }
    let next = all.last().map_or(0, |doc| number(doc)) + 1;
    let mut data = json!({"spec": {"template": template}});
    data["spec"]["template"]["$patch"] = "replace".into();
    let same = |doc: &&Arc<Doc>| doc.as_opaque().and_then(|rest| rest.get("data")) == Some(&data);
    if let Some(known) = all.iter().find(same) {
        if number(known) + 1 == next {
            return Some(known.clone());
        }
        return draft.update(&known.key, |doc| {
            if let Body::Opaque(rest) = &mut doc.body {
                rest.insert("revision".into(), next.into());
            }
        });
    }
    Some(create(draft, owner, template, data, next))
}

fn create(draft: &mut Draft, owner: &Doc, template: &PodTemplate, data: Value, number: i64) -> Arc<Doc> {
    let of = |collisions| template_hash(template, collisions);
    let key = |hash: &Name| Key::new(Kind::ControllerRevision, owner.key.namespace.clone(), format!("{}-{hash}", owner.key.name));
    let mut hashes = std::iter::once(None).chain((1..).map(Some)).map(of);
    let hash = hashes.find(|hash| draft.world.get(&key(hash)).is_none()).expect("names are never all taken");
    let labels = with(&template.labels, &[(HASH, hash.clone())]);
    let meta = controlled_meta(owner, labels, owner.meta.annotations.clone(), 0);
    draft.create(key(&hash), meta, Body::Opaque(Rest::from_iter([("data".into(), data), ("revision".into(), number.into())])))
}

/// Removes the oldest revisions beyond the history limit that nothing in `live` (names or hashes) names.
pub(crate) fn truncate(draft: &mut Draft, owner: &Doc, rest: &Rest, live: &BTreeSet<Name>) {
    let limit = rest.get("revisionHistoryLimit").and_then(Value::as_i64).unwrap_or(HISTORY).max(0) as usize;
    let mut idle = controlled(&draft.world, owner, Kind::ControllerRevision);
    idle.retain(|doc| !live.contains(&doc.key.name) && !live.contains(&hash(doc)));
    idle.sort_by_key(|doc| number(doc));
    let surplus = idle.len().saturating_sub(limit);
    idle.iter().take(surplus).for_each(|doc| crate::delete::delete(draft, &doc.key, None, None));
}
