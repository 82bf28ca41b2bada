//! What auto-repair never touches (aks-semantics H-3).
//!
//! A node that never was Ready has no record of a loss and is not looked at; the rest is read from the node's taints and annotations, as
//! AKS does, and from the cluster's other nodes. A broken network of a whole cluster shows as no node being Ready.

use nodelane_model::node::Taint;
use nodelane_model::{Doc, Name};
use nodelane_world::World;

/// Taints of nodes that somebody has shut down, or is about to remove.
const TAINTS: [&str; 2] = [crate::converge::lifecycle::SHUTDOWN, "ToBeDeletedByClusterAutoscaler"];
const NO_SCALE_DOWN: &str = "cluster-autoscaler.kubernetes.io/scale-down-disabled";
const NO_SCALE_DOWN_WHY: &str = "kubernetes.azure.com/azure-cluster-autoscaler-scale-down-disabled-reason";

/// Why a machine's node is left alone, if it is.
pub(super) fn spared(world: &World, name: &Name) -> Option<String> {
    if !world.nodes().any(|(_, row)| row.doc.as_node().is_some_and(|node| node.status.is_ready())) {
        return Some("no node of the cluster is Ready, which repairing one does not mend".to_owned());
    }
    let node = &world.node(name)?.doc;
    let marked = |taint: &&Taint| TAINTS.contains(&taint.key.as_str());
    if let Some(taint) = node.as_node().and_then(|node| node.spec.taints.iter().find(marked)) {
        return Some(format!("the node has the taint {}", taint.key));
    }
    is_upgrading(node).then(|| "the node is marked as being upgraded".to_owned())
}

fn is_upgrading(node: &Doc) -> bool {
    let is = |key: &str, value: &str| node.meta.annotations.get(key).is_some_and(|is| is == value);
    is(NO_SCALE_DOWN, "true") && is(NO_SCALE_DOWN_WHY, "upgrade")
}
