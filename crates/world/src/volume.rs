//! The volumes that pods use, as far as other pods care: claims, and disks that a pod names itself.
//!
//! A node's row counts them as it counts ports, so taking a pod away is a subtraction. Which volume a claim stands for, and how many a
//! node attaches, is not here: claims are bound while their pods stay.

use nodelane_model::pod::PodSpec;
use nodelane_model::{Doc, Key, Kind, Name, Rest, Uid};
use serde_json::Value;

/// What a pod uses.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum VolumeUse {
    /// A claim of the pod's namespace; those of generic ephemeral volumes too.
    Claim(Key),
    /// A disk without a claim.
    Disk(Disk),
}

/// The in-tree sources that placing looks at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum DiskKind {
    /// `azureDisk`.
    Azure,
    /// `gcePersistentDisk`.
    Gce,
    /// `awsElasticBlockStore`.
    Ebs,
    /// `cinder`.
    Cinder,
    /// `portworxVolume`.
    Portworx,
    /// `iscsi`.
    Iscsi,
    /// `rbd`.
    Rbd,
}

/// The field of a source, and the field in it that names the disk.
const SOURCES: [(DiskKind, &str, &str); 7] = [
    (DiskKind::Azure, "azureDisk", "diskURI"),
    (DiskKind::Gce, "gcePersistentDisk", "pdName"),
    (DiskKind::Ebs, "awsElasticBlockStore", "volumeID"),
    (DiskKind::Cinder, "cinder", "volumeID"),
    (DiskKind::Portworx, "portworxVolume", "volumeID"),
    (DiskKind::Iscsi, "iscsi", "iqn"),
    (DiskKind::Rbd, "rbd", "image"),
];

/// A disk of an in-tree source.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Disk {
    /// The source.
    pub kind: DiskKind,
    /// The source's name for the disk.
    pub id: Name,
    /// Whether it is only read.
    pub read_only: bool,
    /// Ceph's monitors, for `rbd`.
    monitors: Vec<Name>,
    /// Ceph's pool, for `rbd`.
    pool: Name,
}

impl Disk {
    /// The disk of a source, as a pod's volume or a persistent volume's specification has it beside its other fields.
    pub fn of_source(fields: &Rest) -> Option<Disk> {
        let (kind, source, id) = SOURCES.iter().find_map(|(kind, field, id)| Some((*kind, fields.get(*field)?, *id)))?;
        let text = |field: &str| source.get(field).and_then(Value::as_str).map(Name::new).unwrap_or_default();
        let monitors = source.get("monitors").and_then(Value::as_array).into_iter().flatten();
        let read_only = source.get("readOnly").and_then(Value::as_bool).unwrap_or(false);
        let pool = if kind == DiskKind::Rbd && source.get("pool").is_none() { Name::new("rbd") } else { text("pool") };
        Some(Disk { kind, id: text(id), read_only, monitors: monitors.filter_map(Value::as_str).map(Name::new).collect(), pool })
    }
    /// Whether its kind can clash at all.
    pub fn is_exclusive(&self) -> bool {
        matches!(self.kind, DiskKind::Gce | DiskKind::Ebs | DiskKind::Iscsi | DiskKind::Rbd)
    }
    /// Whether two pods may not have these on one node.
    pub fn clashes(&self, other: &Disk) -> bool {
        let both_read = self.read_only && other.read_only;
        let same = self.kind == other.kind && self.id == other.id;
        match self.kind {
            DiskKind::Ebs => same,
            DiskKind::Gce | DiskKind::Iscsi => same && !both_read,
            DiskKind::Rbd => same && !both_read && self.pool == other.pool && self.monitors.iter().any(|m| other.monitors.contains(m)),
            DiskKind::Azure | DiskKind::Cinder | DiskKind::Portworx => false,
        }
    }
}

/// A pod with generic ephemeral volumes: their claims have names of their own for each pod.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EphemeralOwner {
    /// The pod's name.
    pub name: Name,
    /// The pod's id.
    pub uid: Uid,
}

impl EphemeralOwner {
    /// The pod, where it has such volumes.
    pub fn of(doc: &Doc) -> Option<EphemeralOwner> {
        let volumes = &doc.as_pod()?.spec.volumes;
        let some = volumes.iter().any(|volume| volume.rest.contains_key("ephemeral"));
        some.then(|| EphemeralOwner { name: doc.key.name.clone(), uid: doc.meta.uid })
    }
    /// The name of the claim behind a volume.
    pub fn claim(&self, volume: &str) -> Name {
        format!("{}-{volume}", self.name).into()
    }
}

/// A claim that a pod's volume stands for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClaimUse {
    /// The claim.
    pub key: Key,
    /// Whether it must be the pod's own (a generic ephemeral volume).
    pub is_ephemeral: bool,
}

impl ClaimUse {
    /// The claims of a pod, in the order of its volumes.
    pub fn of_pod(doc: &Doc) -> Vec<ClaimUse> {
        doc.as_pod().map_or_else(Vec::new, |pod| claims_of(&pod.spec, &doc.key.namespace, EphemeralOwner::of(doc).as_ref()))
    }
}

/// The claims of a specification's volumes, in order.
pub(crate) fn claims_of(spec: &PodSpec, namespace: &Name, owner: Option<&EphemeralOwner>) -> Vec<ClaimUse> {
    let claims = spec.volumes.iter().filter_map(|volume| {
        let named = volume.rest.get("persistentVolumeClaim").and_then(|claim| claim.get("claimName")?.as_str()).map(Name::new);
        let ephemeral = || owner.filter(|_| volume.rest.contains_key("ephemeral")).map(|owner| owner.claim(&volume.name));
        let is_ephemeral = named.is_none();
        let name = named.or_else(ephemeral)?;
        Some(ClaimUse { key: Key::new(Kind::PersistentVolumeClaim, namespace.clone(), name), is_ephemeral })
    });
    claims.collect()
}

/// The disks that a pod names itself, in order.
pub(crate) fn disks_of(spec: &PodSpec) -> Vec<Disk> {
    spec.volumes.iter().filter_map(|volume| Disk::of_source(&volume.rest)).collect()
}
