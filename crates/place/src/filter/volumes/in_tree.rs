//! Sources that were once part of Kubernetes, as the CSI drivers see them which took them over.
//!
//! Facts of k8s.io/csi-translation-lib 0.36: names of plugins and drivers, volume handles, and topology keys. Azure's and Portworx's
//! volumes keep their node affinity as it is. Azure File and vSphere were taken over too, but kube-scheduler does not count them.

use nodelane_model::pod::NodeTerm;
use nodelane_model::selector::Requirement;
use nodelane_model::volume::VolumeNodeAffinity;
use nodelane_model::{Doc, Labels, Name};
use nodelane_world::{Disk, DiskKind};
use std::collections::BTreeSet;
use std::sync::Arc;

const ZONE: &str = "topology.kubernetes.io/zone";
const REGION: &str = "topology.kubernetes.io/region";
const BETA_ZONE: &str = "failure-domain.beta.kubernetes.io/zone";
const BETA_REGION: &str = "failure-domain.beta.kubernetes.io/region";
/// On a `CSINode`: the plugins that its drivers have taken over.
const MIGRATED_PLUGINS: &str = "storage.alpha.kubernetes.io/migrated-plugins";

/// Plugin, driver, and the driver's key for zones where the volume's affinity is translated.
fn facts(kind: DiskKind) -> Option<(&'static str, &'static str, Option<&'static str>)> {
    Some(match kind {
        DiskKind::Azure => ("kubernetes.io/azure-disk", "disk.csi.azure.com", None),
        DiskKind::Gce => ("kubernetes.io/gce-pd", "pd.csi.storage.gke.io", Some("topology.gke.io/zone")),
        DiskKind::Ebs => ("kubernetes.io/aws-ebs", "ebs.csi.aws.com", Some("topology.ebs.csi.aws.com/zone")),
        DiskKind::Cinder => ("kubernetes.io/cinder", "cinder.csi.openstack.org", Some("topology.cinder.csi.openstack.org/zone")),
        DiskKind::Portworx => ("kubernetes.io/portworx-volume", "pxd.portworx.com", None),
        DiskKind::Iscsi | DiskKind::Rbd => return None,
    })
}

const MIGRATED: [DiskKind; 5] = [DiskKind::Azure, DiskKind::Gce, DiskKind::Ebs, DiskKind::Cinder, DiskKind::Portworx];
const UNCOUNTED: [&str; 2] = ["kubernetes.io/azure-file", "kubernetes.io/vsphere-volume"];

/// The driver that took a source over.
pub(super) fn driver(kind: DiskKind) -> Option<&'static str> {
    facts(kind).map(|(_, driver, _)| driver)
}

/// The driver behind a class's provisioner: the one that took it over, else itself.
pub(super) fn driver_for(provisioner: &Name) -> Option<Name> {
    let known = MIGRATED.iter().filter_map(|kind| facts(*kind)).find(|(plugin, _, _)| provisioner == plugin);
    match known {
        Some((_, driver, _)) => Some(Name::new_static(driver)),
        None => (!provisioner.is_empty() && !UNCOUNTED.contains(&provisioner.as_str())).then(|| provisioner.clone()),
    }
}

/// The disk of a volume, where its source is in-tree.
pub(super) fn disk(volume: &Doc) -> Option<Disk> {
    Disk::of_source(&volume.as_persistent_volume()?.spec.rest)
}

/// The plugin of a volume's source, where a driver took it over.
pub(super) fn plugin(volume: &Doc) -> Option<&'static str> {
    facts(disk(volume)?.kind).map(|(plugin, _, _)| plugin)
}

/// Whether a node's drivers have taken a plugin over.
pub(super) fn is_migrated_on(csi_node: Option<&Arc<Doc>>, plugin: &str) -> bool {
    let plugins = csi_node.and_then(|doc| doc.meta.annotations.get(MIGRATED_PLUGINS));
    plugins.is_some_and(|plugins| plugins.split(',').any(|name| name == plugin))
}

/// The driver's name for a disk; a persistent volume's labels say where it is.
pub(super) fn handle(disk: &Disk, labels: Option<&Labels>) -> Option<Name> {
    Some(match disk.kind {
        DiskKind::Gce => {
            let label = |key: &str| labels.and_then(|labels| labels.get(key)).filter(|value| !value.is_empty());
            let zones: Vec<&str> = label(BETA_ZONE).or_else(|| label(ZONE)).map_or(Vec::new(), |zones| zones.split("__").collect());
            let place = match zones[..] {
                [] => "zones/UNSPECIFIED".to_owned(),
                [zone] => format!("zones/{zone}"),
                _ => {
                    let regions: BTreeSet<&str> = zones.iter().filter_map(|zone| Some(zone.rsplit_once('-')?.0)).collect();
                    format!("regions/{}", regions.first().filter(|_| regions.len() == 1)?)
                }
            };
            format!("projects/UNSPECIFIED/{place}/disks/{}", disk.id).into()
        }
        DiskKind::Ebs => disk
            .id
            .strip_prefix("aws://")
            .map_or(disk.id.clone(), |path| Name::new(path.split_once('/').map_or("", |(_, id)| id).trim_matches('/'))),
        _ => disk.id.clone(),
    })
}

/// A volume's node affinity as its driver sees it: zones under the driver's own key.
pub(super) fn migrated_affinity(volume: &Doc) -> Option<VolumeNodeAffinity> {
    let mut affinity = volume.as_persistent_volume()?.spec.node_affinity.clone();
    let Some(key) = facts(disk(volume)?.kind).and_then(|(_, _, key)| key) else {
        return affinity;
    };
    let terms = affinity.as_ref().and_then(|affinity| affinity.required.as_ref()).map_or(&[][..], |required| &required.node_selector_terms);
    let labels = &volume.meta.labels;
    let is_beta = !has_key(terms, ZONE) && (has_key(terms, BETA_ZONE) || !labels.contains_key(ZONE) && labels.contains_key(BETA_ZONE));
    let zone = if is_beta { BETA_ZONE } else { ZONE };
    if has_values(terms, zone) {
        rename(affinity.as_mut()?, zone, key);
    } else if let Some(label) = labels.get(zone) {
        let zones: BTreeSet<Name> = label.split("__").map(str::trim).filter(|zone| !zone.is_empty()).map(Name::new).collect();
        if !zones.is_empty() {
            let terms = &mut affinity.get_or_insert_default().required.get_or_insert_default().node_selector_terms;
            if terms.is_empty() {
                terms.push(NodeTerm::default());
            }
            let one_of = Requirement { key: key.into(), operator: "In".into(), values: zones.into_iter().collect() };
            terms.iter_mut().for_each(|term| term.match_expressions.push(one_of.clone()));
        }
    }
    if is_beta && let Some(affinity) = &mut affinity {
        rename(affinity, BETA_REGION, REGION);
    }
    affinity
}

fn has_key(terms: &[NodeTerm], key: &str) -> bool {
    terms.iter().flat_map(|term| &term.match_expressions).any(|requirement| requirement.key == key)
}

fn has_values(terms: &[NodeTerm], key: &str) -> bool {
    terms.iter().flat_map(|term| &term.match_expressions).any(|requirement| requirement.key == key && !requirement.values.is_empty())
}

fn rename(affinity: &mut VolumeNodeAffinity, old: &str, new: &str) {
    let terms = affinity.required.iter_mut().flat_map(|required| &mut required.node_selector_terms);
    for requirement in terms.flat_map(|term| &mut term.match_expressions).filter(|requirement| requirement.key == old) {
        requirement.key = new.into();
    }
}
