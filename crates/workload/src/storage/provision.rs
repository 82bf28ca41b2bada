//! New volumes, as the disk and file drivers of AKS make them: named after the claim's id, in whole GiB, a disk in its node's zone.
//!
//! Claims of other provisioners wait, as where nobody runs one. A zone-redundant disk is reached from every zone. Making a volume takes
//! no time here.

use super::{CONTROLLER, VOLUME_PROTECTION, bind};
use crate::notice::Voice;
use nodelane_model::hash::Hash;
use nodelane_model::pod::{NodeSelector, NodeTerm};
use nodelane_model::selector::Requirement;
use nodelane_model::volume::{
    ClaimRef, CsiSource, DISK_DRIVER, DISK_ZONE, FILE_DRIVER, PROVISIONED_BY, PersistentVolume, SELECTED_NODE, STORAGE_PROVISIONER,
    StorageClass, VolumeClaim, VolumeNodeAffinity, VolumeSpec,
};
use nodelane_model::{Body, Doc, Key, Kind, Meta, Name, Quantity};
use nodelane_world::Draft;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Holds a volume until its driver has deleted what is behind it.
pub(super) const PROVISIONER_PROTECTION: &str = "external-provisioner.volume.kubernetes.io/finalizer";
const BETA_STORAGE_PROVISIONER: &str = "volume.beta.kubernetes.io/storage-provisioner";
const GIB: i64 = 1 << 30;
/// The smallest premium file share (Azure Files: provisioned shares).
const PREMIUM_SHARE_GIB: i64 = 100;

/// The simulated driver behind a provisioner.
fn driver(provisioner: &str) -> Option<&'static str> {
    match provisioner {
        DISK_DRIVER | "kubernetes.io/azure-disk" => Some(DISK_DRIVER),
        FILE_DRIVER | "kubernetes.io/azure-file" => Some(FILE_DRIVER),
        _ => None,
    }
}

/// Whether somebody here makes and deletes volumes of a driver.
pub(super) fn is_simulated(name: &str) -> bool {
    driver(name) == Some(name)
}

/// Makes a volume for a claim and binds it, or says who is waited for.
pub(super) fn provision(draft: &mut Draft, claim: &Arc<Doc>, class_doc: &Doc) {
    let Some((class, body)) = class_doc.as_storage_class().zip(claim.as_volume_claim()) else { return };
    let voice = Voice { about: &claim.key, component: CONTROLLER };
    let driver = driver(&class.provisioner);
    if driver.is_none() && class.provisioner.starts_with("kubernetes.io/") {
        voice.warn(draft, "ProvisioningFailed", format!("no volume plugin matched name: {}", class.provisioner));
        return;
    }
    let provisioner = driver.map_or(class.provisioner.clone(), Name::new_static);
    draft.update(&claim.key, |doc| {
        for key in [STORAGE_PROVISIONER, BETA_STORAGE_PROVISIONER] {
            Arc::make_mut(&mut doc.meta.annotations).insert(key.into(), provisioner.clone());
        }
    });
    let waited = format!(
        "Waiting for a volume to be created either by the external provisioner '{provisioner}' or manually by the system administrator. If \
         volume creation is delayed, please verify that the provisioner is running and correctly registered."
    );
    voice.say(draft, "ExternalProvisioning", waited);
    let Some(driver) = driver else { return };
    let key = Key::global(Kind::PersistentVolume, format!("pvc-{}", claim.meta.uid));
    if draft.world.get(&key).is_none() {
        let voice = Voice { about: &claim.key, component: driver };
        let name = format!("{}/{}", claim.key.namespace, claim.key.name);
        voice.say(draft, "Provisioning", format!("External provisioner is provisioning volume for claim \"{name}\""));
        create(draft, &key, claim, body, &class_doc.key.name, class, driver);
        voice.say(draft, "ProvisioningSucceeded", format!("Successfully provisioned volume {}", key.name));
    }
    bind::bind(draft, &key, &claim.key);
}

fn create(draft: &mut Draft, key: &Key, claim: &Doc, body: &VolumeClaim, class_name: &Name, class: &StorageClass, driver: &'static str) {
    let sku = class.parameters.iter().find(|(name, _)| name.eq_ignore_ascii_case("skuname")).map_or("", |(_, sku)| sku);
    let least = if driver == FILE_DRIVER && sku.starts_with("Premium") { PREMIUM_SHARE_GIB } else { 1 };
    let gib = body.size_bytes().div_euclid(GIB) + i64::from(body.size_bytes().rem_euclid(GIB) > 0);
    let gib = gib.max(least);
    let volume_attributes = json!({"csi.storage.k8s.io/pv/name": key.name.as_str(), "csi.storage.k8s.io/pvc/name": claim.key.name.as_str(),
        "csi.storage.k8s.io/pvc/namespace": claim.key.namespace.as_str(), "requestedsizegib": gib.to_string(), "skuname": sku});
    let csi = CsiSource {
        driver: Name::new_static(driver),
        volume_handle: handle(draft, key, claim, driver),
        rest: [("volumeAttributes".to_owned(), volume_attributes)].into_iter().collect(),
    };
    let spec = VolumeSpec {
        capacity: BTreeMap::from([("storage".into(), Quantity(format!("{gib}Gi").into()))]),
        access_modes: body.spec.access_modes.clone(),
        claim_ref: Some(ClaimRef::to(claim)),
        persistent_volume_reclaim_policy: class.reclaim_policy.clone().unwrap_or("Delete".into()),
        storage_class_name: class_name.clone(),
        volume_mode: Some(body.spec.volume_mode.clone().unwrap_or("Filesystem".into())),
        volume_attributes_class_name: body.spec.volume_attributes_class_name.clone(),
        node_affinity: if driver == DISK_DRIVER { affinity(draft, claim, class, sku.ends_with("_ZRS")) } else { None },
        csi: Some(csi),
        rest: class.rest.get("mountOptions").map(|options| ("mountOptions".to_owned(), options.clone())).into_iter().collect(),
    };
    let annotations = BTreeMap::from([(PROVISIONED_BY.into(), driver.into())]);
    let finalizers = vec![PROVISIONER_PROTECTION.into(), VOLUME_PROTECTION.into()];
    let meta = Meta { annotations: Arc::new(annotations), finalizers, ..Meta::default() };
    draft.create(key.clone(), meta, Body::PersistentVolume(Box::new(PersistentVolume { spec, ..PersistentVolume::default() })));
}

/// The driver's name for a volume: a disk's resource id, or where a share is.
fn handle(draft: &Draft, key: &Key, claim: &Doc, driver: &str) -> Name {
    let cluster = draft.world.cluster();
    let group = cluster.map(|cluster| cluster.node_resource_group()).unwrap_or_default();
    let subscription = cluster.map(|cluster| cluster.spec.subscription.clone()).unwrap_or_default();
    if driver == DISK_DRIVER {
        return format!("/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Compute/disks/{}", key.name).into();
    }
    // Accounts are named f and 22 letters and digits; one serves the cluster.
    let account = format!("f{:022x}", u128::from(Hash::new(draft.world.seed).text(&group).get()));
    format!("{group}#{account}#{}###{}", key.name, claim.key.namespace).into()
}

/// The zones from which a disk is reached: the chosen node's, or one of the class's and the nodes'; all of them where it is redundant.
fn affinity(draft: &Draft, claim: &Doc, class: &StorageClass, is_redundant: bool) -> Option<VolumeNodeAffinity> {
    let selected = claim.meta.annotations.get(SELECTED_NODE).and_then(|name| draft.world.node(name));
    let zone = selected.and_then(|row| row.doc.meta.labels.get(DISK_ZONE)).cloned();
    let zones: Vec<Name> = match zone.filter(|_| !is_redundant) {
        Some(zone) => vec![zone],
        None => {
            let nodes = draft.world.nodes().map(|(_, row)| &row.doc.meta.labels);
            let there: BTreeSet<Name> =
                nodes.filter_map(|labels| labels.get(DISK_ZONE)).filter(|zone| allows(class, zone)).cloned().collect();
            let there: Vec<Name> = there.into_iter().collect();
            let one = Hash::new(0).text(&claim.key.name).get() as usize % there.len().max(1);
            if is_redundant { there } else { there.get(one).cloned().into_iter().collect() }
        }
    };
    let term = |zone: Name| {
        let requirement = Requirement { key: DISK_ZONE.into(), operator: "In".into(), values: vec![zone] };
        NodeTerm { match_expressions: vec![requirement], ..NodeTerm::default() }
    };
    let node_selector_terms: Vec<NodeTerm> = zones.into_iter().map(term).collect();
    (!node_selector_terms.is_empty()).then_some(VolumeNodeAffinity { required: Some(NodeSelector { node_selector_terms }) })
}

/// Whether a class allows disks in a zone; topologies by other keys do not narrow it.
fn allows(class: &StorageClass, zone: &Name) -> bool {
    let is_zone = |key: &Name| key == DISK_ZONE || key == "topology.kubernetes.io/zone";
    let requirements = class.allowed_topologies.iter().flat_map(|term| &term.match_label_expressions);
    let mut of_zones = requirements.filter(|requirement| is_zone(&requirement.key)).peekable();
    of_zones.peek().is_none() || of_zones.any(|requirement| requirement.values.contains(zone))
}
