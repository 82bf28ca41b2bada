//! What a new pool is where the request does not say (arm-wire section 5; aks-semantics P-2, V-5, V-8, O-2).
//!
//! Everything is filled in once, at creation: a default that changes later does not change a pool.

use super::merge::Context;
use nodelane_catalog::{NetworkPlugin, OsSku, Size, default_os_disk_gib};
use nodelane_model::Name;
use nodelane_model::cluster::ClusterSpec;
use nodelane_model::pool::PoolSpec;

/// The size of a pool that names none.
const DEFAULT_SIZE: &str = "Standard_D2s_v5";

/// A pool as it is where nothing is said.
pub(super) fn spec(context: &Context) -> PoolSpec {
    PoolSpec {
        count: 1,
        vm_size: default_size(context),
        scale_down_mode: "Delete".into(),
        kind: "VirtualMachineScaleSets".into(),
        ..PoolSpec::default()
    }
}

fn default_size(context: &Context) -> Name {
    let Some(region) = context.catalog.region(&context.cluster.location) else {
        return DEFAULT_SIZE.into();
    };
    let ours = context.catalog.size(DEFAULT_SIZE).filter(|size| context.catalog.offered(region, size));
    ours.or_else(|| context.catalog.default_size(region)).map_or(DEFAULT_SIZE.into(), |size| size.name.into())
}

/// Fills what depends on what the request did say.
pub(super) fn complete(spec: &mut PoolSpec, context: &Context, says_count: bool) {
    if !says_count && spec.enable_auto_scaling {
        spec.count = spec.min_count.unwrap_or(1);
    }
    if spec.max_pods == 0 {
        let has_pod_subnet = spec.rest.contains_key("podSubnetID");
        spec.max_pods = plugin(context.cluster, has_pod_subnet).default_max_pods();
    }
    if spec.os_sku.is_empty() {
        let version = context.catalog.resolve_version(&spec.orchestrator_version).unwrap_or(context.control_plane);
        spec.os_sku = OsSku::default_for(spec.os_type, version).as_str().into();
    }
    if let Some(size) = context.catalog.size(&spec.vm_size) {
        disk(spec, size);
    }
}

/// An ephemeral OS disk where it fits and no size is given, else a managed one (aks-semantics V-8).
fn disk(spec: &mut PoolSpec, size: &Size) {
    let unspecified = spec.os_disk_size_gb == 0;
    if unspecified {
        spec.os_disk_size_gb = default_os_disk_gib(size.vcpu);
    }
    if spec.os_disk_type.is_empty() {
        let ephemeral = unspecified && size.supports_ephemeral(spec.os_disk_size_gb) && spec.scale_down_mode != "Deallocate";
        spec.os_disk_type = if ephemeral { "Ephemeral" } else { "Managed" }.into();
    }
}

/// How pods of the cluster get their addresses.
fn plugin(cluster: &ClusterSpec, has_pod_subnet: bool) -> NetworkPlugin {
    match cluster.network_plugin.as_str() {
        "kubenet" => NetworkPlugin::Kubenet,
        "none" => NetworkPlugin::None,
        _ if cluster.network_plugin_mode.eq_ignore_ascii_case("overlay") => NetworkPlugin::AzureOverlay,
        _ if has_pod_subnet => NetworkPlugin::AzurePodSubnet,
        _ => NetworkPlugin::AzureNodeSubnet,
    }
}
