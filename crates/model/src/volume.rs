//! Volumes and the claims for them, storage classes, and what a node can attach.
//!
//! Typed is what placing and binding decide on; sources that nothing here reads (and in-tree ones, which are read by name) stay in `rest`
//! and come back unchanged. The annotations are those of Kubernetes' own volume controllers. Not here: binding.

use crate::pod::{ContainerResources, NodeSelector};
use crate::quantity::Resources;
use crate::selector::Selector;
use crate::{Doc, Name, Rest};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// On a claim: binding it is finished. The value does not matter.
pub const BIND_COMPLETED: &str = "pv.kubernetes.io/bind-completed";
/// On a claim or volume: a controller, not a user, bound it.
pub const BOUND_BY_CONTROLLER: &str = "pv.kubernetes.io/bound-by-controller";
/// On a claim: the node that the scheduler has chosen for its first pod.
pub const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";
/// On a claim: who is to provision a volume for it.
pub const STORAGE_PROVISIONER: &str = "volume.kubernetes.io/storage-provisioner";
/// On a volume: who provisioned it.
pub const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";
/// On a storage class: claims that name none get this one.
pub const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";
/// The old way to name a class; it goes before the field.
const BETA_CLASS: &str = "volume.beta.kubernetes.io/storage-class";
/// The binding mode of classes whose claims wait for a pod.
pub const WAIT_FOR_FIRST_CONSUMER: &str = "WaitForFirstConsumer";
/// The provisioner of classes that provision nothing.
pub const NO_PROVISIONER: &str = "kubernetes.io/no-provisioner";
/// The driver of Azure's managed disks.
pub const DISK_DRIVER: &str = "disk.csi.azure.com";
/// The driver of Azure's file shares.
pub const FILE_DRIVER: &str = "file.csi.azure.com";
/// The node label by which [`DISK_DRIVER`] knows zones.
pub const DISK_ZONE: &str = "topology.disk.csi.azure.com/zone";
/// The access mode of claims that one pod may use at a time.
pub const READ_WRITE_ONCE_POD: &str = "ReadWriteOncePod";

/// A persistent volume.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PersistentVolume {
    /// What it is.
    pub spec: VolumeSpec,
    /// How it fares.
    pub status: VolumeStatus,
}

/// What a persistent volume is.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VolumeSpec {
    /// Its size, under `storage`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub capacity: Resources,
    /// How it can be mounted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub access_modes: Vec<Name>,
    /// The claim that it is bound to, or kept for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim_ref: Option<ClaimRef>,
    /// `Delete`, `Retain` or `Recycle`.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub persistent_volume_reclaim_policy: Name,
    /// Its class; empty for none.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub storage_class_name: Name,
    /// `Filesystem` (when absent) or `Block`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume_mode: Option<Name>,
    /// Where it can be reached from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_affinity: Option<VolumeNodeAffinity>,
    /// Its attributes class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume_attributes_class_name: Option<Name>,
    /// The source, where a CSI driver serves it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub csi: Option<CsiSource>,
    /// Everything else; other sources under their own names.
    #[serde(flatten)]
    pub rest: Rest,
}

/// The nodes that can reach a volume.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct VolumeNodeAffinity {
    /// Terms of which one must hold; absent is every node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required: Option<NodeSelector>,
}

/// A volume of a CSI driver.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CsiSource {
    /// The driver.
    pub driver: Name,
    /// The driver's name for the volume.
    pub volume_handle: Name,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// The claim of a volume.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClaimRef {
    /// The claim's namespace.
    pub namespace: Name,
    /// The claim's name.
    pub name: Name,
    /// The claim's id; empty where a user keeps the volume for a claim by name.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub uid: Name,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// How a volume fares.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct VolumeStatus {
    /// `Pending`, `Available`, `Bound`, `Released` or `Failed`.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub phase: Name,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// A claim for a volume.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct VolumeClaim {
    /// What is asked for.
    pub spec: ClaimSpec,
    /// How it fares.
    pub status: ClaimStatus,
}

/// What a claim asks for.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClaimSpec {
    /// How it is to be mounted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub access_modes: Vec<Name>,
    /// The size, as a request for `storage`.
    pub resources: ContainerResources,
    /// The class; absent is not the same as empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_class_name: Option<Name>,
    /// The volume that it is bound to.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub volume_name: Name,
    /// `Filesystem` (when absent) or `Block`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume_mode: Option<Name>,
    /// Which volumes may serve it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<Selector>,
    /// Its attributes class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume_attributes_class_name: Option<Name>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// How a claim fares.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClaimStatus {
    /// `Pending`, `Bound` or `Lost`.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub phase: Name,
    /// How it can be mounted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub access_modes: Vec<Name>,
    /// The size that it got.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub capacity: Resources,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// A storage class.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StorageClass {
    /// Who makes its volumes.
    pub provisioner: Name,
    /// What the provisioner is told.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<Name, Name>,
    /// `Delete` or `Retain`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reclaim_policy: Option<Name>,
    /// `Immediate` (when absent) or `WaitForFirstConsumer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume_binding_mode: Option<Name>,
    /// Where its volumes may be; empty is anywhere.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed_topologies: Vec<TopologyTerm>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// One place where volumes of a class may be; all requirements must hold.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopologyTerm {
    /// The requirements.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub match_label_expressions: Vec<TopologyRequirement>,
}

/// A node label and its possible values.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TopologyRequirement {
    /// The label's key.
    pub key: Name,
    /// The values.
    pub values: Vec<Name>,
}

/// What the CSI drivers of a node can do.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CsiNode {
    /// The drivers.
    pub spec: CsiNodeSpec,
}

/// The CSI drivers of a node.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CsiNodeSpec {
    /// One entry per driver.
    #[serde(deserialize_with = "none_of_null")]
    pub drivers: Vec<CsiNodeDriver>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// One CSI driver of a node.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CsiNodeDriver {
    /// The driver.
    pub name: Name,
    /// The driver's name for the node.
    #[serde(rename = "nodeID")]
    pub node_id: Name,
    /// Node labels that its volumes' topology is about; Kubernetes writes `null` for none.
    pub topology_keys: Option<Vec<Name>>,
    /// How many volumes it attaches; absent is without limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocatable: Option<VolumeCount>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// A number of volumes.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct VolumeCount {
    /// The number; absent is without limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<i32>,
}

fn none_of_null<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<CsiNodeDriver>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl PersistentVolume {
    /// Its size in bytes.
    pub fn size_bytes(&self) -> i64 {
        self.spec.capacity.get("storage").and_then(|size| size.units()).unwrap_or(0)
    }
}

impl VolumeClaim {
    /// The size that it asks for, in bytes.
    pub fn size_bytes(&self) -> i64 {
        self.spec.resources.requests.get("storage").and_then(|size| size.units()).unwrap_or(0)
    }
    /// Whether only one pod may use it at a time.
    pub fn is_of_one_pod(&self) -> bool {
        self.spec.access_modes.iter().any(|mode| mode == READ_WRITE_ONCE_POD)
    }
}

impl StorageClass {
    /// Whether its claims wait for a pod.
    pub fn waits_for_consumer(&self) -> bool {
        self.volume_binding_mode.as_deref() == Some(WAIT_FOR_FIRST_CONSUMER)
    }
    /// Whether somebody makes its volumes.
    pub fn provisions(&self) -> bool {
        !self.provisioner.is_empty() && self.provisioner != NO_PROVISIONER
    }
}

impl ClaimRef {
    /// A reference to a claim, as the volume controllers write it.
    pub fn to(claim: &Doc) -> ClaimRef {
        let rest =
            [("apiVersion", "v1".into()), ("kind", "PersistentVolumeClaim".into()), ("resourceVersion", claim.revision.to_string().into())];
        ClaimRef {
            namespace: claim.key.namespace.clone(),
            name: claim.key.name.clone(),
            uid: claim.meta.uid.to_string().into(),
            rest: rest.into_iter().map(|(field, value)| (field.to_owned(), value)).collect(),
        }
    }
    /// Whether it means this claim: by name, and by id where it has one.
    pub fn is(&self, claim: &Doc) -> bool {
        let same_id = || self.uid.is_empty() || self.uid == claim.meta.uid.to_string();
        self.name == claim.key.name && self.namespace == claim.key.namespace && same_id()
    }
}

impl Doc {
    /// The storage class of a claim or volume; empty for none.
    pub fn storage_class(&self) -> &str {
        if let Some(class) = self.meta.annotations.get(BETA_CLASS) {
            return class;
        }
        let of_claim = self.as_volume_claim().and_then(|claim| claim.spec.storage_class_name.as_deref());
        of_claim.or_else(|| self.as_persistent_volume().map(|volume| volume.spec.storage_class_name.as_str())).unwrap_or("")
    }
    /// Whether a claim is bound, with nothing left to do.
    pub fn is_fully_bound(&self) -> bool {
        let named = self.as_volume_claim().is_some_and(|claim| !claim.spec.volume_name.is_empty());
        named && self.meta.annotations.contains_key(BIND_COMPLETED)
    }
}
