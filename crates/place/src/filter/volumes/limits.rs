//! NodeVolumeLimits: how many volumes a CSI driver attaches to a node, as the node's `CSINode` says.
//!
//! A volume counts once, however many pods use it. A claim without a volume yet counts for the provisioner of its class. In-tree volumes
//! count for the driver that took them over.

use super::in_tree;
use crate::reason::{Reason, Refusal};
use crate::session::Session;
use nodelane_model::{Key, Kind, Name};
use nodelane_world::{NodeRow, VolumeUse, World};
use std::collections::BTreeSet;

pub(super) fn csi_node_key(node: &Name) -> Key {
    Key::global(Kind::CSINode, node.clone())
}

/// A volume that a driver attaches.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Attachment {
    driver: Name,
    handle: Name,
}

/// What is attached for a volume; `None` where no driver is known to.
pub(super) fn attachment(world: &World, volume: &VolumeUse) -> Option<Attachment> {
    let claim = match volume {
        VolumeUse::Disk(disk) => {
            let (driver, handle) = (in_tree::driver(disk.kind)?, in_tree::handle(disk, None)?);
            return Some(Attachment { driver: Name::new_static(driver), handle });
        }
        VolumeUse::Claim(key) => world.get(key)?,
    };
    let name = claim.as_volume_claim()?.spec.volume_name.clone();
    let volume = Some(name).filter(|name| !name.is_empty()).and_then(|name| world.get(&Key::global(Kind::PersistentVolume, name)));
    match volume {
        Some(volume) => match &volume.as_persistent_volume()?.spec.csi {
            Some(csi) => Some(Attachment { driver: csi.driver.clone(), handle: csi.volume_handle.clone() }),
            None => {
                let disk = in_tree::disk(volume)?;
                let (driver, handle) = (in_tree::driver(disk.kind)?, in_tree::handle(&disk, Some(&volume.meta.labels))?);
                Some(Attachment { driver: Name::new_static(driver), handle })
            }
        },
        None => {
            let class = world.get(&Key::global(Kind::StorageClass, claim.storage_class()))?.as_storage_class()?;
            let driver = in_tree::driver_for(&class.provisioner)?;
            // No driver names a volume like this.
            Some(Attachment { driver, handle: format!("?{}/{}", claim.key.namespace, claim.key.name).into() })
        }
    }
}

/// Whether a node's drivers can attach what the pod needs beside what is there.
pub(super) fn check(own: &[Attachment], session: &Session, row: &NodeRow, node: u32) -> Option<Refusal> {
    if own.is_empty() {
        return None;
    }
    let csi_node = session.csi_nodes.get(session, node)?.as_csi_node()?;
    let limits = csi_node.spec.drivers.iter().filter_map(|driver| Some((&driver.name, driver.allocatable.as_ref()?.count?)));
    let mut there: Option<BTreeSet<Attachment>> = None;
    for (driver, limit) in limits {
        // Counting every volume of every driver is quick, and mostly enough.
        let (at_most, limit) = (own.len() + row.volumes.len(), usize::try_from(limit).unwrap_or(0));
        if at_most <= limit || !own.iter().any(|volume| volume.driver == *driver) {
            continue;
        }
        let there = there.get_or_insert_with(|| row.volumes.keys().filter_map(|volume| attachment(&session.world, volume)).collect());
        let new: BTreeSet<&Attachment> = own.iter().filter(|volume| volume.driver == *driver && !there.contains(*volume)).collect();
        let attached = there.iter().filter(|volume| volume.driver == *driver).count();
        if !new.is_empty() && attached + new.len() > limit {
            return Some(Refusal::resolvable(Reason::TooManyVolumes));
        }
    }
    None
}
