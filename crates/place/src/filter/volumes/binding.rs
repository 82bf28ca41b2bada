//! VolumeBinding and VolumeZone by node: where bound volumes can be reached, and whether claims that wait can be served.
//!
//! A claim that waits takes the smallest free volume of its class that fits and can be reached, else a new one is made where its class
//! allows it. Claims are served in order of size. kube-scheduler takes any of several smallest volumes; here it is the first by name.

use super::claims::Claims;
use super::in_tree;
use super::zone::Zones;
use crate::profile::Profile;
use crate::reason::{Reason, Refusal};
use crate::session::Session;
use nodelane_model::volume::{BOUND_BY_CONTROLLER, ClaimRef, SELECTED_NODE, StorageClass, VolumeNodeAffinity};
use nodelane_model::{Doc, Key, Kind, Labels, Name};
use nodelane_world::{Draft, World};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where a bound volume can be reached, as it says and as its CSI driver sees it.
struct Reach {
    plugin: Option<&'static str>,
    native: Option<VolumeNodeAffinity>,
    migrated: Option<VolumeNodeAffinity>,
}

/// A claim that waits, with the volumes that might serve it.
struct Waiting {
    claim: Arc<Doc>,
    /// In order of name: free ones of its class, and those kept for it.
    candidates: Vec<Arc<Doc>>,
    class: Option<Arc<Doc>>,
}

/// Everything about a pod's claims that does not depend on the node.
struct Search {
    /// `None` where the volume does not exist.
    bound: Vec<Option<Reach>>,
    /// In order of size.
    waiting: Vec<Waiting>,
}

/// What is done on a node for claims that wait.
#[derive(Default)]
struct Plan {
    taken: Vec<(Arc<Doc>, Arc<Doc>)>,
    made_for: Vec<Arc<Doc>>,
}

/// Where the volumes of a pod's claims are, and where those may be made that are not there yet.
pub(crate) struct Places {
    search: Search,
    zones: Zones,
}

impl Places {
    /// `None` for a pod without claims.
    pub fn of(world: &World, own: &Profile) -> Option<Places> {
        (!own.class.claims.is_empty()).then(|| Places { search: Search::new(world, own), zones: Zones::of(world, own) })
    }
    /// What claims and volumes say to a node.
    pub fn refusal(&self, node: &Doc, csi_node: Option<&Arc<Doc>>) -> Option<Refusal> {
        match self.search.on(node, csi_node) {
            Err(reasons) => Some(Refusal { reasons, resolvable: false }),
            Ok(_) => self.zones.check(&node.meta.labels).map(Refusal::lasting),
        }
    }
    /// The node labels that they ask about.
    pub fn keys(&self) -> Vec<Name> {
        let natives = self.search.bound.iter().flatten().filter_map(|reach| reach.native.as_ref());
        let candidates = self.search.waiting.iter().flat_map(|waiting| &waiting.candidates);
        let offered = candidates.filter_map(|volume| volume.as_persistent_volume()?.spec.node_affinity.as_ref());
        let terms =
            natives.chain(offered).filter_map(|affinity| affinity.required.as_ref()).flat_map(|required| &required.node_selector_terms);
        let of_volumes = terms.flat_map(|term| &term.match_expressions).map(|requirement| requirement.key.clone());
        let classes = self.search.waiting.iter().filter_map(|waiting| waiting.class.as_ref()?.as_storage_class());
        let topologies = classes.flat_map(|class| &class.allowed_topologies).flat_map(|term| &term.match_label_expressions);
        of_volumes.chain(topologies.map(|requirement| requirement.key.clone())).chain(Zones::keys()).collect()
    }
}

/// What claims and volumes say to each node.
pub(super) fn refusals(session: &Session, own: &Profile) -> Vec<Option<Refusal>> {
    let Some(places) = Places::of(&session.world, own) else { return Vec::new() };
    let nodes = session.rows.iter().zip(0..).map(|(row, node)| places.refusal(&row.doc, session.csi_nodes.get(session, node)));
    nodes.collect()
}

/// Gives claims that wait to the node that was chosen, as kube-scheduler does before it binds a pod: volumes are kept for them, or the
/// node is written for who makes one. `false` where nothing waits and the pod may be bound at once.
pub(crate) fn reserve(draft: &mut Draft, own: &Profile, node: &Arc<Doc>) -> bool {
    let search = Search::new(&draft.world, own);
    if search.waiting.is_empty() {
        return false;
    }
    let csi_node = draft.world.get(&super::limits::csi_node_key(&node.key.name)).cloned();
    let plan = search.on(node, csi_node.as_ref()).unwrap_or_default();
    for (claim, volume) in &plan.taken {
        draft.update(&volume.key, |doc| keep(doc, claim));
    }
    for claim in &plan.made_for {
        draft.update(&claim.key, |doc| annotate(&mut doc.meta.annotations, SELECTED_NODE, node.key.name.clone()));
    }
    true
}

fn keep(volume: &mut Doc, claim: &Doc) {
    let Some(body) = volume.as_persistent_volume_mut() else { return };
    let is_kept = body.spec.claim_ref.as_ref().is_some_and(|kept| kept.is(claim));
    body.spec.claim_ref = Some(ClaimRef::to(claim));
    if !is_kept {
        annotate(&mut volume.meta.annotations, BOUND_BY_CONTROLLER, Name::new_static("yes"));
    }
}

fn annotate(annotations: &mut Labels, key: &'static str, value: Name) {
    Arc::make_mut(annotations).insert(Name::new_static(key), value);
}

impl Search {
    fn new(world: &World, own: &Profile) -> Search {
        let claims = Claims::of(world, own);
        let bound = claims.bound.iter().map(|claim| {
            let name = claim.as_volume_claim().map(|claim| claim.spec.volume_name.clone())?;
            world.get(&Key::global(Kind::PersistentVolume, name)).map(Reach::of)
        });
        let mut waiting: Vec<Waiting> = claims.waiting.into_iter().map(|claim| Waiting::new(world, claim)).collect();
        waiting.sort_by_key(|waiting| waiting.claim.as_volume_claim().map_or(0, |claim| claim.size_bytes()));
        Search { bound: bound.collect(), waiting }
    }
    fn on(&self, node: &Doc, csi_node: Option<&Arc<Doc>>) -> Result<Plan, Vec<Reason>> {
        let labels = &*node.meta.labels;
        let mut reasons = Vec::new();
        let mut is_missing = false;
        for reach in &self.bound {
            match reach {
                None => is_missing = true,
                Some(reach) if reach.allows(labels, csi_node) => continue,
                Some(_) => reasons.push(Reason::VolumeElsewhere),
            }
            break; // The first that fails is the last that is looked at.
        }
        let plan = self.serve(&node.key.name, labels);
        if plan.is_none() {
            reasons.push(Reason::NoVolumeToBind);
        }
        is_missing.then(|| reasons.push(Reason::VolumeMissing));
        plan.filter(|_| reasons.is_empty()).ok_or(reasons)
    }
    /// How the claims that wait can be served on a node; `None` where one cannot.
    fn serve(&self, node: &Name, labels: &BTreeMap<Name, Name>) -> Option<Plan> {
        let mut plan = Plan::default();
        let selected = |waiting: &Waiting| waiting.claim.meta.annotations.get(SELECTED_NODE).cloned();
        if self.waiting.iter().any(|waiting| selected(waiting).is_some_and(|selected| selected != *node)) {
            return None;
        }
        let (selected, free): (Vec<_>, Vec<_>) = self.waiting.iter().partition(|waiting| selected(waiting).is_some());
        let mut to_make = selected;
        for waiting in free {
            match waiting.find(labels, &plan.taken) {
                Some(volume) => plan.taken.push((waiting.claim.clone(), volume)),
                None => to_make.push(waiting),
            }
        }
        if !to_make.iter().all(|waiting| waiting.can_be_made(labels)) {
            return None;
        }
        plan.made_for = to_make.into_iter().map(|waiting| waiting.claim.clone()).collect();
        Some(plan)
    }
}

impl Reach {
    fn of(volume: &Arc<Doc>) -> Reach {
        let native = volume.as_persistent_volume().and_then(|volume| volume.spec.node_affinity.clone());
        let plugin = in_tree::plugin(volume);
        Reach { plugin, migrated: plugin.and_then(|_| in_tree::migrated_affinity(volume)), native }
    }
    fn allows(&self, labels: &BTreeMap<Name, Name>, csi_node: Option<&Arc<Doc>>) -> bool {
        let is_migrated = self.plugin.is_some_and(|plugin| in_tree::is_migrated_on(csi_node, plugin));
        is_reached_from(if is_migrated { self.migrated.as_ref() } else { self.native.as_ref() }, labels)
    }
}

/// Whether a volume can be reached from a node with these labels. Terms about fields hold for none.
fn is_reached_from(affinity: Option<&VolumeNodeAffinity>, labels: &BTreeMap<Name, Name>) -> bool {
    let Some(required) = affinity.and_then(|affinity| affinity.required.as_ref()) else {
        return true;
    };
    required.node_selector_terms.iter().any(|term| {
        !(term.match_expressions.is_empty() && term.match_fields.is_empty())
            && term.match_expressions.iter().all(|requirement| requirement.matches(labels))
            && term.match_fields.iter().all(|requirement| requirement.holds(None))
    })
}

impl Waiting {
    fn new(world: &World, claim: Arc<Doc>) -> Waiting {
        let candidates = world.volumes_for(&claim);
        let class = world.get(&Key::global(Kind::StorageClass, claim.storage_class())).cloned();
        Waiting { claim, candidates, class }
    }
    /// The volume that it gets on a node: the one that is kept for it, else the smallest.
    fn find(&self, labels: &BTreeMap<Name, Name>, taken: &[(Arc<Doc>, Arc<Doc>)]) -> Option<Arc<Doc>> {
        let is_left = |volume: &&Arc<Doc>| !taken.iter().any(|(_, taken)| taken.key == volume.key);
        let body = |volume: &Arc<Doc>| volume.as_persistent_volume().map(|body| (body.spec.claim_ref.is_some(), body.size_bytes()));
        let reached =
            |volume: &Arc<Doc>| is_reached_from(volume.as_persistent_volume().and_then(|body| body.spec.node_affinity.as_ref()), labels);
        let left = || self.candidates.iter().filter(is_left);
        if let Some(kept) = left().find(|volume| body(volume).is_some_and(|(is_kept, _)| is_kept)) {
            return reached(kept).then(|| kept.clone());
        }
        left().filter(|volume| reached(volume)).min_by_key(|volume| body(volume).map(|(_, size)| size)).cloned()
    }
    /// Whether a volume can be made for it on a node.
    fn can_be_made(&self, labels: &BTreeMap<Name, Name>) -> bool {
        let class = self.class.as_ref().and_then(|class| class.as_storage_class());
        class.is_some_and(|class| class.provisions() && allows(class, labels))
    }
}

/// Whether a class allows volumes where a node with these labels is. A term without requirements allows none.
fn allows(class: &StorageClass, labels: &BTreeMap<Name, Name>) -> bool {
    let mut terms = class.allowed_topologies.iter().map(|term| &term.match_label_expressions);
    let holds = |key: &Name, values: &[Name]| labels.get(key).is_some_and(|value| values.contains(value));
    class.allowed_topologies.is_empty()
        || terms.any(|term| !term.is_empty() && term.iter().all(|requirement| holds(&requirement.key, &requirement.values)))
}
