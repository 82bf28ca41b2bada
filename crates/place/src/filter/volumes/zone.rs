//! VolumeZone: volumes with labels for zone or region go with nodes of the same.
//!
//! A label may name several zones, with `__` between them; one that names an empty zone is passed over. A node without any such label
//! takes every volume. Only claims that a pod names count, not those of generic ephemeral volumes.

use crate::profile::Profile;
use crate::reason::Reason;
use nodelane_model::{Key, Kind, Name};
use nodelane_world::World;
use std::collections::{BTreeMap, BTreeSet};

/// The labels, each with the one that replaced it.
const LABELS: [(&str, &str); 4] = [
    ("failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone"),
    ("failure-domain.beta.kubernetes.io/region", "topology.kubernetes.io/region"),
    ("topology.kubernetes.io/zone", "topology.kubernetes.io/zone"),
    ("topology.kubernetes.io/region", "topology.kubernetes.io/region"),
];

/// What the labels of a pod's volumes ask: a node label, the one that replaced it, and the values.
pub(super) struct Zones(Vec<(&'static str, &'static str, BTreeSet<Name>)>);

impl Zones {
    pub fn of(world: &World, own: &Profile) -> Zones {
        let claims = own.class.claims.iter().filter(|claim| !claim.is_ephemeral);
        let names = claims.filter_map(|claim| Some(world.get(&claim.key)?.as_volume_claim()?.spec.volume_name.clone()));
        let volumes = names.filter_map(|name| world.get(&Key::global(Kind::PersistentVolume, name)));
        let asked = volumes
            .flat_map(|volume| LABELS.iter().filter_map(|(label, now)| Some((*label, *now, values(volume.meta.labels.get(*label)?)?))));
        Zones(asked.collect())
    }
    /// The node labels that may be asked about.
    pub fn keys() -> impl Iterator<Item = Name> {
        LABELS.iter().map(|(label, _)| Name::new_static(label))
    }
    pub fn check(&self, labels: &BTreeMap<Name, Name>) -> Option<Reason> {
        if self.0.is_empty() || !LABELS.iter().any(|(label, _)| labels.contains_key(*label)) {
            return None;
        }
        let holds = |label: &str, now: &str, values: &BTreeSet<Name>| {
            labels.get(label).or_else(|| labels.get(now)).is_some_and(|value| values.contains(value))
        };
        (!self.0.iter().all(|(label, now, values)| holds(label, now, values))).then_some(Reason::VolumeZone)
    }
}

fn values(label: &str) -> Option<BTreeSet<Name>> {
    label.split("__").map(|zone| Some(zone.trim()).filter(|zone| !zone.is_empty()).map(Name::new)).collect()
}
