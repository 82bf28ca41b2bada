//! Node pools from a file, as templates: one by zone, with the labels and taints that nodes of the pool get.
//!
//! A pool may grow to its largest count, or to AKS's limit where it does not scale by itself; a stopped one does not grow. Sizes, prices
//! and what pods may use come from the catalogue. Not here: reading the list (`sources`), what a new node is like (`engine`).

use super::Offers;
use anyhow::{Context, Result, bail};
use nodelane_catalog::{Catalog, MAX_NODES_PER_POOL, Region};
use nodelane_engine::converge::newborn;
use nodelane_model::cluster::ClusterSpec;
use nodelane_model::machine::MachineModel;
use nodelane_model::pool::{NodePool, Power, Priority};
use nodelane_model::{Cluster, Machine, Name, Time};
use nodelane_place::estimate::{Limit, Template};
use nodelane_sources::Objects;
use nodelane_world::NodeRow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Reads pools. `quotas` are FAMILY=VCPUS.
pub(super) fn offers(bytes: &[u8], region: &str, quotas: &[String]) -> Result<Offers> {
    let catalog = Catalog::default();
    let region = catalog.region(region).with_context(|| format!("there is no region {region}"))?;
    let mut objects = Objects::default();
    objects.add_pools(bytes)?;
    let mut offers = Offers { of_pools: true, ..Offers::default() };
    let mut families: BTreeMap<String, usize> = BTreeMap::new();
    for quota in quotas {
        let (family, vcpus) = quota.split_once('=').with_context(|| format!("{quota} is not FAMILY=VCPUS"))?;
        let left = vcpus.parse().with_context(|| format!("{vcpus} is not a number of vCPUs"))?;
        families.insert(family.to_lowercase(), offers.limits.len());
        offers.limits.push(Limit { name: format!("{left} vCPUs of {family}").into(), left });
    }
    for (doc, pool) in objects.into_world().pools() {
        let name = &doc.key.name;
        add(&mut offers, &catalog, region, &families, name, pool).with_context(|| format!("node pool {name}"))?;
    }
    Ok(offers)
}

fn add(
    offers: &mut Offers,
    catalog: &Catalog,
    region: &'static Region,
    families: &BTreeMap<String, usize>,
    name: &Name,
    pool: &NodePool,
) -> Result<()> {
    let spec = &pool.spec;
    let size = catalog.size(&spec.vm_size).with_context(|| format!("the catalogue has no size {:?}", spec.vm_size))?;
    let largest = if spec.enable_auto_scaling { spec.max_count.unwrap_or(spec.count) } else { MAX_NODES_PER_POOL };
    let left = if spec.power == Power::Stopped { 0 } else { largest.saturating_sub(spec.count).into() };
    let mut takes = vec![(offers.limits.len(), 1)];
    offers.limits.push(Limit { name: format!("{left} more machines of {name}").into(), left });
    takes.extend(families.get(&size.quota_family.to_lowercase()).map(|limit| (*limit, i64::from(size.vcpu))));
    let Some(price) = catalog.price_micro_usd_per_hour(region, size, spec.os_type, spec.priority) else {
        bail!("{} has no price in {}: choose another region", size.name, region.name);
    };
    let cluster = Cluster { spec: ClusterSpec { location: region.name.into(), ..ClusterSpec::default() }, ..Cluster::default() };
    let model = MachineModel { version: pool.state.version.clone(), image: pool.state.image.clone() };
    let zones = if spec.availability_zones.is_empty() { vec![Name::default()] } else { spec.availability_zones.clone() };
    for zone in zones {
        let machine = Machine { zone: zone.clone(), ..Machine::requested(name, 0, size.name, model.clone(), Time(0)) };
        let mut node = newborn(&cluster, spec, &machine, name, catalog);
        // The estimator gives each machine a host name of its own.
        Arc::make_mut(&mut node.meta.labels).remove("kubernetes.io/hostname");
        offers.templates.push(Template {
            group: name.clone(),
            size: size.name.into(),
            row: NodeRow::empty(Arc::new(node)),
            zone,
            capacity_type: if spec.priority == Priority::Spot { "spot" } else { "on-demand" }.into(),
            price_nano_usd: price * 1000,
            takes: takes.clone(),
        });
    }
    Ok(())
}
