//! Nodes.
//!
//! The status is the Ready condition (missing is `Unknown`, anything but True is `NotReady`) and whether it is cordoned.
//! Taints do not show. Roles come from two kinds of labels, sorted, each once.

use super::access::{age, boolean, condition, list, name, text, text_or};
use super::{AGE, Column, NAME};
use nodelane_model::Time;
use serde_json::Value;
use std::collections::BTreeSet;

pub(super) const COLUMNS: &[Column] = &[
    NAME,
    Column::text("Status", "Ready or not, and whether pods are scheduled to it."),
    Column::text("Roles", "Roles from its labels."),
    AGE,
    Column::text("Version", "Version of its kubelet."),
    Column::wide("Internal-IP", "Address inside the network."),
    Column::wide("External-IP", "Address outside the network."),
    Column::wide("OS-Image", "Operating system."),
    Column::wide("Kernel-Version", "Kernel, and the architecture."),
    Column::wide("Container-Runtime", "Container runtime and its version."),
];

pub(super) fn cells(node: &Value, now: Time) -> Vec<Value> {
    let mut status = match condition(node, "Ready") {
        None => "Unknown",
        Some("True") => "Ready",
        Some(_) => "NotReady",
    }
    .to_owned();
    if boolean(node, "/spec/unschedulable") {
        status.push_str(",SchedulingDisabled");
    }
    let address = |kind: &str| {
        let found = list(node, "/status/addresses").iter().find(|address| text(address, "/type") == kind);
        found.map_or("<none>", |address| text(address, "/address")).to_owned()
    };
    let info = |field: &str| text_or(node, &format!("/status/nodeInfo/{field}"), "<unknown>").to_owned();
    let mut kernel = info("kernelVersion");
    let architecture = text(node, "/status/nodeInfo/architecture");
    if !architecture.is_empty() {
        kernel.push_str(&format!(" ({architecture})"));
    }
    vec![
        name(node),
        status.into(),
        roles(node).into(),
        age(node, now),
        text(node, "/status/nodeInfo/kubeletVersion").into(),
        address("InternalIP").into(),
        address("ExternalIP").into(),
        info("osImage").into(),
        kernel.into(),
        info("containerRuntimeVersion").into(),
    ]
}

/// `node-role.kubernetes.io/<role>` or `kubernetes.io/role=<role>`.
fn roles(node: &Value) -> String {
    let labels = node.pointer("/metadata/labels").and_then(Value::as_object);
    let role = |(key, value): (&'_ String, &'_ Value)| match key.strip_prefix("node-role.kubernetes.io/") {
        Some(role) => Some(role.to_owned()),
        None if key == "kubernetes.io/role" => value.as_str().map(str::to_owned),
        None => None,
    };
    let roles: BTreeSet<String> = labels.into_iter().flatten().filter_map(role).filter(|role| !role.is_empty()).collect();
    if roles.is_empty() { "<none>".to_owned() } else { roles.into_iter().collect::<Vec<_>>().join(",") }
}
