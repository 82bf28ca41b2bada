//! The `CSINode` of a node: the storage drivers that AKS runs on it, and how many disks its size takes.
//!
//! The node's kubelet writes it once its drivers have registered; it goes with the node, which owns it.

use crate::Env;
use nodelane_model::volume::{CsiNode, CsiNodeDriver, CsiNodeSpec, DISK_DRIVER, DISK_ZONE, FILE_DRIVER, VolumeCount};
use nodelane_model::{Body, Doc, Key, Kind, Meta, OwnerRef};
use nodelane_world::Draft;
use std::collections::BTreeMap;
use std::sync::Arc;

/// In-tree plugins whose volumes the drivers serve, as kubelet 1.34 to 1.36 lists them.
const MIGRATED: &str = "kubernetes.io/aws-ebs,kubernetes.io/azure-disk,kubernetes.io/azure-file,kubernetes.io/cinder,kubernetes.io/gce-pd,\
    kubernetes.io/portworx-volume,kubernetes.io/vsphere-volume";

/// Writes which drivers a node has, where it is a machine's.
pub fn register_drivers(draft: &mut Draft, env: &Env, node: &Doc) {
    let key = Key::global(Kind::CSINode, node.key.name.clone());
    let machine = draft.world.get(&Key::global(Kind::Machine, node.key.name.clone())).and_then(|doc| doc.as_machine());
    let Some(machine) = machine.filter(|_| draft.world.get(&key).is_none()) else { return };
    let disks = env.catalog.size(&machine.size).and_then(|size| size.max_data_disks);
    let count = disks.and_then(|disks| i32::try_from(disks).ok());
    let driver = |name: &str| CsiNodeDriver { name: name.into(), node_id: node.key.name.clone(), ..CsiNodeDriver::default() };
    let allocatable = count.map(|count| VolumeCount { count: Some(count) });
    let disk = CsiNodeDriver { topology_keys: Some(vec![DISK_ZONE.into()]), allocatable, ..driver(DISK_DRIVER) };
    let owner = OwnerRef {
        api_version: Kind::Node.api_version().into(),
        kind: Kind::Node.as_str().into(),
        name: node.key.name.clone(),
        uid: node.meta.uid.to_string().into(),
        controller: false,
        block_owner_deletion: false,
    };
    let annotations = BTreeMap::from([("storage.alpha.kubernetes.io/migrated-plugins".into(), MIGRATED.into())]);
    let meta = Meta { owners: Arc::new(vec![owner]), annotations: Arc::new(annotations), ..Meta::default() };
    let spec = CsiNodeSpec { drivers: vec![disk, driver(FILE_DRIVER)], ..CsiNodeSpec::default() };
    draft.create(key, meta, Body::CSINode(Box::new(CsiNode { spec })));
}
