//! A node that is not there yet: what a machine of a pool will register as, for questions about nodes that could come.
//!
//! Labels and taints are those that a node is born with, amounts the catalogue's after reservations; a size that is not known has none.
//! Not here: what a kubelet says of itself (`sim`).

use super::labels;
use nodelane_catalog::{Catalog, NetworkPlugin, Version, allocatable, capacity, default_os_disk_gib};
use nodelane_model::node::{Node, NodeSpec, NodeStatus, Taint};
use nodelane_model::pool::PoolSpec;
use nodelane_model::{Body, Cluster, Doc, Key, Kind, Machine, Meta};
use std::sync::Arc;

/// The node of a machine of the pool, under that name.
pub fn newborn(cluster: &Cluster, pool: &PoolSpec, machine: &Machine, name: &str, catalog: &Catalog) -> Doc {
    let labels = Arc::new(labels::of_node(cluster, pool, machine, name, catalog));
    let taints = labels::taints(pool).iter().filter_map(|text| Taint::parse(text)).collect();
    let node = Node { spec: NodeSpec { taints, ..NodeSpec::default() }, status: status(pool, machine, catalog) };
    Doc::new(Key::global(Kind::Node, name), 0, Meta { labels, ..Meta::default() }, Body::Node(Box::new(node)))
}

fn status(pool: &PoolSpec, machine: &Machine, catalog: &Catalog) -> NodeStatus {
    let Some(size) = catalog.size(&machine.size) else { return NodeStatus::default() };
    let version: Version = machine.model.version.parse().unwrap_or_else(|_| catalog.default_version());
    let or = |given: u32, default: u32| if given == 0 { default } else { given };
    let disk_gib = or(pool.os_disk_size_gb, default_os_disk_gib(size.vcpu));
    let pods = or(pool.max_pods, NetworkPlugin::AzureOverlay.default_max_pods());
    NodeStatus {
        capacity: Arc::new(capacity(size, disk_gib, pods).list(size)),
        allocatable: Arc::new(allocatable(size, pool.os_type, version, disk_gib, pods).list(size)),
        ..NodeStatus::default()
    }
}
