//! Pools that could be added: the cheapest size on which the pod fits an empty node, in no zone and in each.
//!
//! A new pool has no labels and taints but the system's; a pod that asks for others needs another change beside it, or another fix.
//! Sizes with another processor than most images are built for are taken only where the pod asks for them, burstable ones never: what
//! they may hand out is more than what they can keep up.

use super::edit::Edit;
use super::lane::Lane;
use super::newcomer;
use super::search::Question;
use nodelane_catalog::{Arch, OsSku, Size};
use nodelane_model::Name;
use nodelane_model::pod::PodSpec;
use nodelane_model::pool::{Mode, NodePool, OsType, Priority};
use nodelane_world::Amounts;

const ARCH: &str = "kubernetes.io/arch";
const OS: &str = "kubernetes.io/os";
const SIZE: &str = "node.kubernetes.io/instance-type";
/// Pods that a node may hold where no pool of the cluster says otherwise.
const DEFAULT_MAX_PODS: u32 = 110;

/// Pools that could be added, with what that takes.
pub(crate) fn lanes(question: &Question) -> Vec<(Lane, Vec<Edit>)> {
    let (means, world) = (question.means, &question.snapshot.world);
    let Some(spec) = question.pod.as_pod().map(|pod| &pod.spec) else { return Vec::new() };
    let Some(region) = newcomer::location(world).and_then(|name| means.catalog.region(&name)) else { return Vec::new() };
    let os = if asks(spec, OS).contains(&"windows".into()) { OsType::Windows } else { OsType::Linux };
    let price = |size: &Size| means.catalog.price_micro_usd_per_hour(region, size, os, Priority::Regular);
    let mut sizes: Vec<(i64, &'static Size)> =
        means.catalog.offered_sizes(region).filter(|size| may_use(size, spec, os)).filter_map(|size| Some((price(size)?, size))).collect();
    sizes.sort_by_key(|(price, size)| (*price, size.name));
    let mut found = Vec::new();
    let zones = std::iter::once("").chain(region.zones.iter().copied().filter(|_| question.is_zonal()));
    let fits = |size: &&'static Size| holds(question, &lane(question, size, "", os), spec);
    let Some(size) = sizes.into_iter().map(|(_, size)| size).find(|size| fits(size)) else { return Vec::new() };
    for zone in zones {
        let lane = lane(question, size, zone, os);
        let add = Edit::AddPool { pool: lane.name.clone(), size: size.name.into(), zone: zone.into() };
        let edits = std::iter::once(add).chain(means.quota_edits(Some(size), 1)).collect();
        found.push((lane, edits));
    }
    found
}

/// Values that the pod's selector, or a requirement of its affinity, asks of a label.
fn asks(spec: &PodSpec, key: &str) -> Vec<Name> {
    let required = spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.as_ref()?.required.as_ref());
    let terms = required.into_iter().flat_map(|required| &required.node_selector_terms).flat_map(|term| &term.match_expressions);
    let of_terms = terms.filter(|it| it.key == key && it.operator == "In").flat_map(|it| &it.values);
    spec.node_selector.get(key).into_iter().chain(of_terms).cloned().collect()
}

fn may_use(size: &Size, spec: &PodSpec, os: OsType) -> bool {
    let (arch, sizes) = (asks(spec, ARCH), asks(spec, SIZE));
    let has_arch = if arch.is_empty() { size.arch == Arch::Amd64 } else { arch.iter().any(|arch| arch == size.arch.as_str()) };
    has_arch
        && !size.is_burstable()
        && (sizes.is_empty() || sizes.iter().any(|name| name == size.name))
        && size.refusal(Mode::User, os).is_none()
}

fn lane(question: &Question, size: &Size, zone: &str, os: OsType) -> Lane {
    let like = question.lanes.iter().filter_map(|lane| lane.pool.as_ref()).find(|pool| pool.spec.os_type == os);
    let mut pool = NodePool::default();
    if let Some(like) = like {
        (pool.state.version, pool.state.image) = (like.state.version.clone(), like.state.image.clone());
    }
    let version = pool.state.version.parse().unwrap_or_else(|_| question.means.catalog.default_version());
    pool.spec.vm_size = size.name.into();
    pool.spec.max_pods = like.map_or(DEFAULT_MAX_PODS, |pool| pool.spec.max_pods);
    pool.spec.os_disk_size_gb = nodelane_catalog::default_os_disk_gib(size.vcpu);
    pool.spec.os_disk_type = "Managed".into();
    pool.spec.os_type = os;
    pool.spec.os_sku = OsSku::default_for(os, version).as_str().into();
    pool.spec.kind = "VirtualMachineScaleSets".into();
    pool.spec.availability_zones = if zone.is_empty() { Vec::new() } else { vec![zone.into()] };
    Lane { name: free_name(question), nodes: Vec::new(), pool: Some(pool), limits: Vec::new() }
}

/// The name that the pod asks for where it names a pool that is not there, else `extra1`, `extra2`, …
fn free_name(question: &Question) -> Name {
    let taken = |name: &Name| question.lanes.iter().any(|lane| lane.name == *name);
    let spec = question.pod.as_pod().map(|pod| &pod.spec);
    let asked = spec.and_then(|spec| {
        ["agentpool", "kubernetes.azure.com/agentpool"].iter().find_map(|key| asks(spec, key).into_iter().find(|name| !taken(name)))
    });
    let is_name = |name: &Name| {
        name.len() <= 12
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    asked.filter(is_name).unwrap_or_else(|| (1..).map(|at| Name::from(format!("extra{at}"))).find(|name| !taken(name)).unwrap_or_default())
}

/// Whether the pod's requests fit a new node beside its daemons.
fn holds(question: &Question, lane: &Lane, spec: &PodSpec) -> bool {
    let mut world = question.snapshot.world.clone();
    let came = newcomer::add(&mut world, question.means, lane, 1);
    let Some(row) = came.first().and_then(|name| world.node(name)) else { return false };
    let mut after = row.used.clone();
    after.add(&Amounts::of_pod(spec), 1);
    let (all, needs) = (&row.allocatable, Amounts::of_pod(spec));
    let fits = |need: i64, used: i64, all: i64| need == 0 || used <= all;
    after.pods <= all.pods
        && fits(needs.cpu_milli, after.cpu_milli, all.cpu_milli)
        && fits(needs.memory_bytes, after.memory_bytes, all.memory_bytes)
        && fits(needs.ephemeral_bytes, after.ephemeral_bytes, all.ephemeral_bytes)
        && needs
            .extended
            .iter()
            .all(|(name, _)| after.extended.get(name).copied().unwrap_or(0) <= all.extended.get(name).copied().unwrap_or(0))
}
