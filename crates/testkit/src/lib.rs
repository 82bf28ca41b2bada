//! Fixtures for tests: a small cluster and its pools, as they come from the wire.
//!
//! A development dependency only: no product code may use it (a tidy check sees to that).
//! Its own tests hold the checkout to the house rules.

use nodelane_model::change::EtagConditions;
use nodelane_model::cluster::ClusterSpec;
use nodelane_model::pool::{Mode, PoolSpec};
use nodelane_model::{Change, Name};

/// A user pool of 1.34 as `az aks nodepool add` asks for it: Standard_D4s_v5, 110 pods a node.
pub fn pool_spec(count: u32) -> PoolSpec {
    PoolSpec {
        count,
        vm_size: "Standard_D4s_v5".into(),
        os_disk_size_gb: 128,
        os_disk_type: "Managed".into(),
        max_pods: 110,
        os_sku: "Ubuntu".into(),
        scale_down_mode: "Delete".into(),
        kind: "VirtualMachineScaleSets".into(),
        orchestrator_version: "1.34".into(),
        ..PoolSpec::default()
    }
}

/// The same as a system pool of 1.35.
pub fn system_spec(count: u32) -> PoolSpec {
    PoolSpec { mode: Mode::System, orchestrator_version: "1.35".into(), ..pool_spec(count) }
}

/// The cluster `dev` of 1.35 in eastus, with an overlay network and a Windows profile.
pub fn cluster_spec() -> ClusterSpec {
    ClusterSpec {
        subscription: "00000000-0000-0000-0000-000000000001".into(),
        resource_group: "lanes".into(),
        name: "dev".into(),
        location: "eastus".into(),
        kubernetes_version: "1.35".into(),
        network_plugin: "azure".into(),
        network_plugin_mode: "overlay".into(),
        pod_cidr: "100.64.0.0/10".into(),
        node_cidr: "10.224.0.0/12".into(),
        service_cidr: "10.0.0.0/16".into(),
        windows: true,
        ..ClusterSpec::default()
    }
}

/// The request that makes the cluster with these pools.
pub fn put_cluster(pools: impl IntoIterator<Item = (Name, PoolSpec)>) -> Change {
    let pools = pools.into_iter().collect();
    Change::PutCluster { spec: Box::new(cluster_spec()), pools, base: None, etag: EtagConditions::default() }
}
