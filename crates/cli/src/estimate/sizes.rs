//! Sizes from a file: what a machine has, what pods may use of it, and its offerings by zone and kind of capacity.
//!
//! `[{"Name", "CPUMilli", "MemBytes", "Pods", "AllocCPUMilli", "AllocMem", "AllocPods", "Offerings": [{"Zone", "CapacityType", "Price"}]}]`,
//! and where wanted `"MaxCount"`, `"Labels"`, `"Taints"` (`key=value:Effect`). A group of the expanders is a size with one kind of
//! capacity, in all its zones.

use super::{Listed, Offers};
use anyhow::{Context, Result};
use nodelane_model::node::{Node, NodeSpec, NodeStatus, Taint};
use nodelane_model::quantity::Resources;
use nodelane_model::{Body, Doc, Key, Kind, Meta, Name, Quantity};
use nodelane_place::estimate::{Limit, Template};
use nodelane_world::NodeRow;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Size {
    name: Name,
    #[serde(rename = "CPUMilli")]
    cpu_milli: i64,
    mem_bytes: i64,
    pods: i64,
    #[serde(rename = "AllocCPUMilli")]
    alloc_cpu_milli: Option<i64>,
    alloc_mem: Option<i64>,
    alloc_pods: Option<i64>,
    offerings: Vec<Offering>,
    max_count: Option<i64>,
    #[serde(default)]
    labels: BTreeMap<Name, Name>,
    #[serde(default)]
    taints: Vec<Name>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Offering {
    zone: Name,
    capacity_type: Name,
    price: f64,
}

/// Reads sizes.
pub(super) fn offers(bytes: &[u8]) -> Result<Offers> {
    let sizes: Vec<Size> = serde_json::from_slice::<Listed<Size>>(bytes)?.items();
    let mut offers = Offers::default();
    for size in &sizes {
        let taint = |text: &Name| Taint::parse(text).with_context(|| format!("{}: the taint {text} is not key=value:Effect", size.name));
        let taints: Vec<Taint> = size.taints.iter().map(taint).collect::<Result<_>>()?;
        let takes = size.max_count.map(|left| {
            offers.limits.push(Limit { name: format!("{} machines of {}", left, size.name).into(), left });
            (offers.limits.len() - 1, 1)
        });
        let capacity = Arc::new(amounts(size.cpu_milli, size.mem_bytes, size.pods));
        let allocatable = Arc::new(amounts(
            size.alloc_cpu_milli.unwrap_or(size.cpu_milli),
            size.alloc_mem.unwrap_or(size.mem_bytes),
            size.alloc_pods.unwrap_or(size.pods),
        ));
        for offering in &size.offerings {
            let spec = NodeSpec { taints: taints.clone(), ..NodeSpec::default() };
            let status = NodeStatus { capacity: capacity.clone(), allocatable: allocatable.clone(), ..NodeStatus::default() };
            let meta = Meta { labels: Arc::new(labels(size, offering)), ..Meta::default() };
            let doc = Doc::new(Key::global(Kind::Node, size.name.clone()), 0, meta, Body::Node(Box::new(Node { spec, status })));
            offers.templates.push(Template {
                group: format!("{}/{}", size.name, offering.capacity_type).into(),
                size: size.name.clone(),
                zone: offering.zone.clone(),
                capacity_type: offering.capacity_type.clone(),
                row: NodeRow::empty(Arc::new(doc)),
                price_nano_usd: (offering.price * 1e9).round() as i64,
                takes: takes.into_iter().collect(),
            });
        }
    }
    Ok(offers)
}

fn amounts(cpu_milli: i64, memory_bytes: i64, pods: i64) -> Resources {
    let amounts =
        [("cpu", Quantity::from_milli(cpu_milli)), ("memory", Quantity::from_count(memory_bytes)), ("pods", Quantity::from_count(pods))];
    amounts.map(|(name, amount)| (Name::new_static(name), amount)).into()
}

/// What a node of an offering is labelled with: the well-known labels, and Karpenter's for the kind of capacity.
fn labels(size: &Size, offering: &Offering) -> BTreeMap<Name, Name> {
    let known = [
        ("kubernetes.io/arch", "amd64"),
        ("kubernetes.io/os", "linux"),
        ("node.kubernetes.io/instance-type", size.name.as_str()),
        ("topology.kubernetes.io/zone", offering.zone.as_str()),
        ("karpenter.sh/capacity-type", offering.capacity_type.as_str()),
    ];
    let mut labels: BTreeMap<Name, Name> = known.map(|(key, value)| (Name::new_static(key), value.into())).into();
    labels.extend(size.labels.clone());
    labels
}
