//! The claims of a pod before any node is asked: which are missing, lost, leaving, another pod's or unbound, and which wait for a node.
//!
//! The order is that of the plugins: VolumeRestrictions looks up every claim that is named, VolumeBinding goes through the volumes one
//! by one, VolumeZone looks up the volumes of claims that are bound.

use crate::profile::Profile;
use crate::reason::Reason;
use nodelane_model::{Doc, Key, Kind, Uid};
use nodelane_world::{ClaimUse, EphemeralOwner, World};
use std::sync::Arc;

/// The claims of a pod that may be scheduled.
#[derive(Debug, Default)]
pub(super) struct Claims {
    pub bound: Vec<Arc<Doc>>,
    /// Not bound, and to be bound where the pod goes.
    pub waiting: Vec<Arc<Doc>>,
}

impl Claims {
    /// The claims in order; those that are missing, or should have been bound, are left out.
    pub fn of(world: &World, own: &Profile) -> Claims {
        let mut claims = Claims::default();
        for claim in own.class.claims.iter().filter_map(|claim| world.get(&claim.key)) {
            if claim.is_fully_bound() {
                claims.bound.push(claim.clone());
            } else if waits_for_node(world, claim) {
                claims.waiting.push(claim.clone());
            }
        }
        claims
    }
}

/// Whether a claim that is not bound is bound where its pod goes. One that names its volume is not.
fn waits_for_node(world: &World, claim: &Doc) -> bool {
    let class = || world.get(&Key::global(Kind::StorageClass, claim.storage_class()));
    claim.as_volume_claim().is_some_and(|claim| claim.spec.volume_name.is_empty())
        && class().and_then(|class| class.as_storage_class()).is_some_and(|class| class.waits_for_consumer())
}

/// Claims that only one pod may use, of those that the pod names.
pub(super) fn exclusive(world: &World, own: &Profile) -> Vec<Key> {
    let of_one = |key: &Key| world.get(key).and_then(|doc| doc.as_volume_claim()).is_some_and(|claim| claim.is_of_one_pod());
    let named = own.class.claims.iter().filter(|claim| !claim.is_ephemeral);
    named.map(|claim| &claim.key).filter(|key| of_one(key)).cloned().collect()
}

/// Why a pod is refused for its claims before any node is asked.
pub(crate) fn refused_before(world: &World, own: &Profile) -> Option<Reason> {
    let claims = &own.class.claims;
    let missing = claims.iter().find(|claim| !claim.is_ephemeral && world.get(&claim.key).is_none());
    if let Some(claim) = missing {
        return Some(Reason::ClaimMissing(claim.key.name.clone()));
    }
    if let Some(reason) = claims.iter().find_map(|claim| fault(world, claim, own.class.only.as_ref())) {
        return Some(reason);
    }
    let has_to_wait = |doc: &&Arc<Doc>| !doc.is_fully_bound() && !waits_for_node(world, doc);
    if claims.iter().filter_map(|claim| world.get(&claim.key)).any(|doc| has_to_wait(&doc)) {
        return Some(Reason::ClaimsUnbound);
    }
    let volumes = claims.iter().filter(|claim| !claim.is_ephemeral).filter_map(|claim| world.get(&claim.key)?.as_volume_claim());
    let mut named = volumes.map(|claim| &claim.spec.volume_name).filter(|name| !name.is_empty());
    let gone = named.find(|name| world.get(&Key::global(Kind::PersistentVolume, (*name).clone())).is_none());
    gone.map(|name| Reason::VolumeNotFound(name.clone()))
}

fn fault(world: &World, claim: &ClaimUse, owner: Option<&EphemeralOwner>) -> Option<Reason> {
    let name = || claim.key.name.clone();
    let Some(doc) = world.get(&claim.key) else {
        return Some(Reason::ClaimAwaited(name()));
    };
    let body = doc.as_volume_claim()?;
    if body.status.phase == "Lost" {
        return Some(Reason::ClaimLost { claim: name(), volume: body.spec.volume_name.clone() });
    }
    if doc.is_terminating() {
        return Some(Reason::ClaimTerminating(name()));
    }
    let owner = owner.filter(|_| claim.is_ephemeral)?;
    let is_own = doc.meta.controller().and_then(|owner| Uid::parse(&owner.uid)) == Some(owner.uid);
    let full = |name: &str| format!("{}/{name}", claim.key.namespace).into();
    (!is_own).then(|| Reason::ClaimOfAnother { claim: full(&claim.key.name), pod: full(&owner.name) })
}
