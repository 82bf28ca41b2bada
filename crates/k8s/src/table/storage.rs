//! PersistentVolumes, their claims and classes, CSINodes.
//!
//! Quantities print as they are stored: whoever stores them brings them into canonical form. An object that is being
//! deleted shows `Terminating` whatever its phase.

use super::access::{age, boolean, is_deleting, joined, list, name, text, text_or};
use super::{AGE, Column, NAME};
use nodelane_model::Time;
use serde_json::Value;

const MODES: Column = Column::text("Access Modes", "How many may read and write.");
const CLASS_OF: Column = Column::text("StorageClass", "Class that it comes from.");
const ATTRIBUTES: Column = Column::text("VolumeAttributesClass", "Class of its changeable attributes.");
const MODE: Column = Column::wide("VolumeMode", "File system or block device.");
const OLD_CLASS: &str = "/metadata/annotations/volume.beta.kubernetes.io~1storage-class";

pub(super) const VOLUME: &[Column] = &[
    NAME,
    Column::text("Capacity", "Size."),
    MODES,
    Column::text("Reclaim Policy", "What becomes of it when its claim is gone."),
    Column::text("Status", "Phase."),
    Column::text("Claim", "Claim that has it."),
    CLASS_OF,
    ATTRIBUTES,
    Column::text("Reason", "Why it failed."),
    AGE,
    MODE,
];

pub(super) fn volume(object: &Value, now: Time) -> Vec<Value> {
    let claim = match object.pointer("/spec/claimRef") {
        Some(claim) => format!("{}/{}", text(claim, "/namespace"), text(claim, "/name")),
        None => String::new(),
    };
    vec![
        name(object),
        text_or(object, "/spec/capacity/storage", "0").into(),
        modes(object, "/spec/accessModes").into(),
        text_or(object, "/spec/persistentVolumeReclaimPolicy", "Retain").into(),
        phase(object).into(),
        claim.into(),
        text_or(object, OLD_CLASS, text(object, "/spec/storageClassName")).into(),
        text_or(object, "/spec/volumeAttributesClassName", "<unset>").into(),
        text(object, "/status/reason").into(),
        age(object, now),
        text_or(object, "/spec/volumeMode", "<unset>").into(),
    ]
}

pub(super) const CLAIM: &[Column] = &[
    NAME,
    Column::text("Status", "Phase."),
    Column::text("Volume", "Volume that it has."),
    Column::text("Capacity", "Size of that volume."),
    MODES,
    CLASS_OF,
    ATTRIBUTES,
    AGE,
    MODE,
];

pub(super) fn claim(object: &Value, now: Time) -> Vec<Value> {
    let volume = text(object, "/spec/volumeName");
    let (capacity, modes) = match volume {
        "" => ("", String::new()),
        _ => (text_or(object, "/status/capacity/storage", "0"), modes(object, "/status/accessModes")),
    };
    vec![
        name(object),
        phase(object).into(),
        volume.into(),
        capacity.into(),
        modes.into(),
        text_or(object, OLD_CLASS, text(object, "/spec/storageClassName")).into(),
        text_or(object, "/spec/volumeAttributesClassName", "<unset>").into(),
        age(object, now),
        text_or(object, "/spec/volumeMode", "<unset>").into(),
    ]
}

fn phase(object: &Value) -> &str {
    if is_deleting(object) { "Terminating" } else { text(object, "/status/phase") }
}

/// `RWO,ROX`: in this order, each once.
fn modes(object: &Value, pointer: &str) -> String {
    let modes = list(object, pointer);
    let has = |mode: &str| modes.iter().any(|have| have.as_str() == Some(mode));
    joined(
        [("ReadWriteOnce", "RWO"), ("ReadOnlyMany", "ROX"), ("ReadWriteMany", "RWX"), ("ReadWriteOncePod", "RWOP")]
            .into_iter()
            .filter(|(mode, _)| has(mode))
            .map(|(_, short)| short),
    )
}

pub(super) const CLASS: &[Column] = &[
    NAME,
    Column::text("Provisioner", "Who makes its volumes."),
    Column::text("ReclaimPolicy", "What becomes of volumes whose claim is gone."),
    Column::text("VolumeBindingMode", "Whether volumes wait for a pod."),
    Column::text("AllowVolumeExpansion", "Whether volumes may grow."),
    AGE,
];

pub(super) fn class(object: &Value, now: Time) -> Vec<Value> {
    let is_default = ["storageclass.kubernetes.io~1is-default-class", "storageclass.beta.kubernetes.io~1is-default-class"]
        .iter()
        .any(|annotation| text(object, &format!("/metadata/annotations/{annotation}")) == "true");
    let suffix = if is_default { " (default)" } else { "" };
    vec![
        format!("{}{suffix}", text(object, "/metadata/name")).into(),
        text(object, "/provisioner").into(),
        text_or(object, "/reclaimPolicy", "Delete").into(),
        text_or(object, "/volumeBindingMode", "Immediate").into(),
        boolean(object, "/allowVolumeExpansion").into(),
        age(object, now),
    ]
}

pub(super) const CSI_NODE: &[Column] = &[NAME, Column::integer("Drivers", "Storage drivers on the node."), AGE];

pub(super) fn csi_node(object: &Value, now: Time) -> Vec<Value> {
    vec![name(object), list(object, "/spec/drivers").len().into(), age(object, now)]
}
