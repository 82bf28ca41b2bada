//! Node pools from a file, as templates: one by zone, with the labels and taints that nodes of the pool get.
//!
//! Reads the rows of `nodelane export nodepool` and of `az aks nodepool list`, whose names for things differ. A pool may grow to its
//! largest count, or to AKS's limit where it does not scale by itself; a stopped one does not grow. Sizes, prices and what pods may use
//! come from the catalogue.

use super::Offers;
use anyhow::{Context, Result, bail};
use nodelane_catalog::{Catalog, Region, Size, Version, allocatable, capacity, default_os_disk_gib};
use nodelane_engine::converge::labels;
use nodelane_model::cluster::ClusterSpec;
use nodelane_model::machine::MachineModel;
use nodelane_model::node::{Node, NodeSpec, NodeStatus, Taint};
use nodelane_model::pool::{Mode, OsType, PoolSpec, Priority};
use nodelane_model::quantity::Resources;
use nodelane_model::{Body, Cluster, Doc, Key, Kind, Machine, Meta, Name, Quantity, Time};
use nodelane_place::estimate::{Limit, Template};
use nodelane_world::NodeRow;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The most nodes that a pool holds (aks-semantics SC-1).
const POOL_LIMIT: i64 = 1000;
/// Pods on a node where a pool does not say: Azure CNI Overlay's default.
const DEFAULT_MAX_PODS: u32 = 250;

/// Reads pools. `quotas` are FAMILY=VCPUS.
pub(super) fn offers(bytes: &[u8], region: &str, quotas: &[String]) -> Result<Offers> {
    let catalog = Catalog::default();
    let region = catalog.region(region).with_context(|| format!("there is no region {region}"))?;
    let rows: Value = serde_json::from_slice(bytes)?;
    let rows = rows.as_array().or_else(|| rows["value"].as_array()).context("a list of node pools was expected")?;
    let mut offers = Offers { of_pools: true, ..Offers::default() };
    let mut families: BTreeMap<String, usize> = BTreeMap::new();
    for quota in quotas {
        let (family, vcpus) = quota.split_once('=').with_context(|| format!("{quota} is not FAMILY=VCPUS"))?;
        let left = vcpus.parse().with_context(|| format!("{vcpus} is not a number of vCPUs"))?;
        families.insert(family.to_lowercase(), offers.limits.len());
        offers.limits.push(Limit { name: format!("{left} vCPUs of {family}").into(), left });
    }
    for row in rows {
        // ARM's own form keeps everything but the name under `properties`.
        let fields = if row["properties"].is_object() { &row["properties"] } else { row };
        let name = row["name"].as_str().context("a node pool has no name")?;
        add(&mut offers, &catalog, region, &families, name, fields).with_context(|| format!("node pool {name}"))?;
    }
    Ok(offers)
}

fn add(
    offers: &mut Offers,
    catalog: &Catalog,
    region: &'static Region,
    families: &BTreeMap<String, usize>,
    name: &str,
    row: &Value,
) -> Result<()> {
    let size_name = row["vmSize"].as_str().context("it has no vmSize")?;
    let size = catalog.size(size_name).with_context(|| format!("the catalogue has no size {size_name}"))?;
    let spec = spec(row, size);
    let count = row["count"].as_i64().unwrap_or(0);
    let largest = if spec.enable_auto_scaling { row["maxCount"].as_i64().unwrap_or(count) } else { POOL_LIMIT };
    let power = row["powerState"].as_str().or_else(|| row["powerState"]["code"].as_str());
    let left = if power == Some("Stopped") { 0 } else { (largest - count).max(0) };
    let mut takes = vec![(offers.limits.len(), 1)];
    offers.limits.push(Limit { name: format!("{left} more machines of {name}").into(), left });
    takes.extend(families.get(&size.quota_family.to_lowercase()).map(|limit| (*limit, i64::from(size.vcpu))));
    let Some(price) = catalog.price_micro_usd_per_hour(region, size, spec.os_type, spec.priority) else {
        bail!("{} has no price in {}: choose another region", size.name, region.name);
    };
    let zones = if spec.availability_zones.is_empty() { vec![Name::default()] } else { spec.availability_zones.clone() };
    for zone in zones {
        offers.templates.push(Template {
            group: name.into(),
            size: size.name.into(),
            row: NodeRow::empty(Arc::new(node(catalog, region, name, &spec, size, &zone))),
            zone,
            capacity_type: if spec.priority == Priority::Spot { "spot" } else { "on-demand" }.into(),
            price_nano_usd: price * 1000,
            takes: takes.clone(),
        });
    }
    Ok(())
}

/// The first of several fields that is there.
fn field<'a>(row: &'a Value, names: &[&str]) -> &'a Value {
    names.iter().map(|name| &row[*name]).find(|value| !value.is_null()).unwrap_or(&Value::Null)
}

fn spec(row: &Value, size: &Size) -> PoolSpec {
    let text = |names: &[&str]| field(row, names).as_str().unwrap_or_default();
    let number = |names: &[&str]| field(row, names).as_u64().filter(|number| *number > 0).and_then(|number| u32::try_from(number).ok());
    let list = |names: &[&str]| field(row, names).as_array().into_iter().flatten().filter_map(Value::as_str).map(Name::new).collect();
    let pairs = field(row, &["nodeLabels", "labels"]).as_object().into_iter().flatten();
    PoolSpec {
        vm_size: size.name.into(),
        os_disk_size_gb: number(&["osDiskSizeGb", "osDiskSizeGB"]).unwrap_or_else(|| default_os_disk_gib(size.vcpu)),
        os_disk_type: Name::new(field(row, &["osDiskType"]).as_str().unwrap_or("Managed")),
        max_pods: number(&["maxPods"]).unwrap_or(DEFAULT_MAX_PODS),
        os_type: if text(&["osType"]) == "Windows" { OsType::Windows } else { OsType::Linux },
        os_sku: text(&["osSku", "osSKU"]).into(),
        enable_auto_scaling: field(row, &["enableAutoScaling", "autoscaling"]).as_bool().unwrap_or(false),
        mode: if text(&["mode"]) == "System" { Mode::System } else { Mode::User },
        kind: "VirtualMachineScaleSets".into(),
        orchestrator_version: text(&["currentOrchestratorVersion", "orchestratorVersion", "kubernetesVersion"]).into(),
        availability_zones: list(&["availabilityZones", "zones"]),
        priority: if text(&["scaleSetPriority", "priority"]) == "Spot" { Priority::Spot } else { Priority::Regular },
        node_labels: pairs.filter_map(|(key, value)| Some((key.into(), value.as_str()?.into()))).collect(),
        node_taints: list(&["nodeTaints", "taints"]),
        ..PoolSpec::default()
    }
}

/// A node as it would register, but for its host name.
fn node(catalog: &Catalog, region: &Region, pool: &str, spec: &PoolSpec, size: &Size, zone: &Name) -> Doc {
    let cluster = Cluster { spec: ClusterSpec { location: region.name.into(), ..ClusterSpec::default() }, ..Cluster::default() };
    let model = MachineModel { version: spec.orchestrator_version.clone(), ..MachineModel::default() };
    let machine = Machine { zone: zone.clone(), ..Machine::requested(pool, 0, size.name, model, Time(0)) };
    let mut labels = labels::of_node(&cluster, spec, &machine, "", catalog);
    labels.remove("kubernetes.io/hostname");
    let version: Version = spec.orchestrator_version.parse().unwrap_or_else(|_| catalog.default_version());
    let amounts = |has: nodelane_catalog::NodeResources| -> Arc<Resources> {
        let mut amounts: Resources = [
            ("cpu", Quantity::from_milli(has.cpu_milli)),
            ("memory", Quantity::from_kibibytes(has.memory_bytes)),
            ("ephemeral-storage", Quantity::from_count(has.ephemeral_bytes)),
            ("pods", Quantity::from_count(has.pods)),
        ]
        .map(|(name, amount)| (Name::new_static(name), amount))
        .into();
        if let Some(vendor) = size.gpu_vendor.filter(|_| size.gpus > 0) {
            amounts.insert(vendor.resource_name().into(), Quantity::from_count(i64::from(size.gpus)));
        }
        Arc::new(amounts)
    };
    let status = NodeStatus {
        capacity: amounts(capacity(size, spec.os_disk_size_gb, spec.max_pods)),
        allocatable: amounts(allocatable(size, spec.os_type, version, spec.os_disk_size_gb, spec.max_pods)),
        ..NodeStatus::default()
    };
    let taints = labels::taints(spec).iter().filter_map(|text| Taint::parse(text)).collect();
    let meta = Meta { labels: Arc::new(labels), ..Meta::default() };
    Doc::new(
        Key::global(Kind::Node, pool),
        0,
        meta,
        Body::Node(Box::new(Node { spec: NodeSpec { taints, ..NodeSpec::default() }, status })),
    )
}
