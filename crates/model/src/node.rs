//! Nodes: a machine as Kubernetes sees it.
//!
//! What kubelets of one pool report alike (amounts, images) is shared between their nodes. Heartbeats are not kept: whoever shows a
//! node computes them. Not here: which labels and taints a node of a pool has.

use crate::meta::is_false;
use crate::pod::Condition;
use crate::quantity::Resources;
use crate::{Name, Rest, Time};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A node.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Node {
    /// What was asked for.
    pub spec: NodeSpec,
    /// What the kubelet reports.
    pub status: NodeStatus,
}

/// What was asked of a node.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeSpec {
    /// The machine behind it.
    #[serde(rename = "providerID", skip_serializing_if = "Name::is_empty")]
    pub provider_id: Name,
    /// Whether it takes no new pods.
    #[serde(skip_serializing_if = "is_false")]
    pub unschedulable: bool,
    /// Its taints.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub taints: Vec<Taint>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// A mark that keeps pods away.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Taint {
    /// Key.
    pub key: Name,
    /// Value.
    #[serde(skip_serializing_if = "Name::is_empty")]
    pub value: Name,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    pub effect: Name,
    /// When a NoExecute taint was added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_added: Option<Time>,
}

impl Taint {
    /// Reads `key=value:Effect`, the form of pools.
    pub fn parse(text: &str) -> Option<Taint> {
        let (pair, effect) = text.rsplit_once(':')?;
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        Some(Taint { key: key.into(), value: value.into(), effect: effect.into(), time_added: None })
    }
    /// Whether key and effect are the same: what makes a taint unique on a node.
    pub fn same_place(&self, other: &Taint) -> bool {
        self.key == other.key && self.effect == other.effect
    }
}

/// What a kubelet reports.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeStatus {
    /// All there is.
    pub capacity: Arc<Resources>,
    /// What pods may use.
    pub allocatable: Arc<Resources>,
    /// Conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Address>,
    /// Versions and ids.
    pub node_info: NodeInfo,
    /// Container images on the node, shared between nodes alike.
    #[serde(skip_serializing_if = "no_images")]
    pub images: Arc<Vec<Image>>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

fn no_images(images: &Arc<Vec<Image>>) -> bool {
    images.is_empty()
}

impl NodeStatus {
    /// Whether the condition `Ready` is true.
    pub fn is_ready(&self) -> bool {
        self.conditions.iter().any(|c| c.kind == "Ready" && c.status == "True")
    }
}

/// An address of a node.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Address {
    /// `InternalIP`, `Hostname`, …
    #[serde(rename = "type")]
    pub kind: Name,
    /// The address.
    pub address: Name,
}

/// A container image on a node.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Image {
    /// Its names.
    pub names: Vec<Name>,
    /// Its size.
    pub size_bytes: i64,
}

/// Versions and ids of a node.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeInfo {
    /// Stays the same over reboots, changes with a reimage.
    #[serde(rename = "machineID")]
    pub machine_id: Name,
    /// As the machine id, from the firmware.
    #[serde(rename = "systemUUID")]
    pub system_uuid: Name,
    /// Changes with every boot.
    #[serde(rename = "bootID")]
    pub boot_id: Name,
    /// Kernel.
    pub kernel_version: Name,
    /// Distribution.
    pub os_image: Name,
    /// Container runtime.
    pub container_runtime_version: Name,
    /// Kubelet, with a leading `v`.
    pub kubelet_version: Name,
    /// The same as the kubelet's.
    pub kube_proxy_version: Name,
    /// `linux` or `windows`.
    pub operating_system: Name,
    /// `amd64` or `arm64`.
    pub architecture: Name,
}
