//! Limits of the service and defaults of its quotas, as named constants.
//!
//! Not here: what is used of them, and who refuses (engine).

/// vCPUs of one quota family in a region, unless configured: 5,000 nodes, the largest cluster, of 4 vCPUs.
pub const VCPU_QUOTA_PER_FAMILY: u32 = 20_000;
/// vCPUs of all families in a region, unless configured: five such families.
pub const VCPU_QUOTA_PER_REGION: u32 = 5 * VCPU_QUOTA_PER_FAMILY;

/// Pools in a cluster (aks-semantics L-1).
pub const MAX_POOLS_PER_CLUSTER: u32 = 100;
/// Nodes in a pool (aks-semantics L-1).
pub const MAX_NODES_PER_POOL: u32 = 1000;
/// Nodes in a cluster (aks-semantics L-1).
pub const MAX_NODES_PER_CLUSTER: u32 = 5000;
/// Lowest `maxPods` (aks-semantics P-1).
pub const PODS_PER_NODE_MIN: u32 = 10;
/// Highest `maxPods` (aks-semantics P-1).
pub const PODS_PER_NODE_MAX: u32 = 250;
/// Pods that a pool as a whole must be able to hold (aks-semantics P-1).
pub const PODS_PER_POOL_MIN: u32 = 30;

/// How pods get their addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NetworkPlugin {
    /// Azure CNI, pods in an overlay.
    AzureOverlay,
    /// Azure CNI, pods in a subnet of their own.
    AzurePodSubnet,
    /// Azure CNI, pods in the nodes' subnet.
    AzureNodeSubnet,
    /// kubenet.
    Kubenet,
    /// A plugin that the user brings.
    None,
}

impl NetworkPlugin {
    /// `maxPods` when the request names none (aks-semantics P-2; 250 for a brought plugin is our choice).
    pub fn default_max_pods(self) -> u32 {
        match self {
            NetworkPlugin::AzureOverlay | NetworkPlugin::None => 250,
            NetworkPlugin::AzurePodSubnet | NetworkPlugin::Kubenet => 110,
            NetworkPlugin::AzureNodeSubnet => 30,
        }
    }
}
