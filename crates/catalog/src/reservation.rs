//! What a node has and what it may hand out (aks-semantics ).
//!
//! Units: the rules' "MB" are read as MiB, as the kubelet flags that carry them do; sizes are in MiB already. The arithmetic is the same in either unit.
//! Nothing is reserved for the system beside the kubelet. Not here: GPUs (size and gpu), usage.

use crate::size::Size;
use crate::version::Version;
use nodelane_model::Quantity;
use nodelane_model::pool::OsType;
use nodelane_model::quantity::Resources;

/// Part of a VM's memory that its OS hides, in thousandths (aks-semantics A-3 and section 9, 0): none.
pub const VM_MEMORY_OVERHEAD_PERMILLE: i64 = 0;

/// Part of the node's file system that the kubelet keeps free before it evicts, in percent (`nodefs.available<10%`).
const NODEFS_EVICTION_PERCENT: i64 = 10;

/// Memory that Windows keeps beside the kubelet's reservation, in MiB (aks-semantics A-2).
const WINDOWS_RESERVED_MIB: i64 = 2048;

const MIB: i64 = 1 << 20;
const GIB: i64 = 1 << 30;

/// Quantities of a node, either capacity or allocatable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeResources {
    /// Thousandths of a core.
    pub cpu_milli: i64,
    /// Memory in bytes.
    pub memory_bytes: i64,
    /// Ephemeral storage in bytes.
    pub ephemeral_bytes: i64,
    /// Pods.
    pub pods: i64,
}

impl NodeResources {
    /// The same as a node of the size lists it: memory and storage in Ki, huge pages of which none are set aside, and its GPUs.
    pub fn list(&self, size: &Size) -> Resources {
        let mut list = Resources::from([
            ("cpu".into(), Quantity::from_milli(self.cpu_milli)),
            ("memory".into(), Quantity::from_kibibytes(self.memory_bytes)),
            ("ephemeral-storage".into(), Quantity::from_kibibytes(self.ephemeral_bytes)),
            ("pods".into(), Quantity::from_count(self.pods)),
            ("hugepages-1Gi".into(), Quantity::from_count(0)),
            ("hugepages-2Mi".into(), Quantity::from_count(0)),
        ]);
        if let Some(vendor) = size.gpu_vendor.filter(|_| size.gpus > 0) {
            list.insert(vendor.resource_name().into(), Quantity::from_count(i64::from(size.gpus)));
        }
        list
    }
}

/// All that a node of this size has.
pub fn capacity(size: &Size, os_disk_gib: u32, max_pods: u32) -> NodeResources {
    NodeResources {
        cpu_milli: i64::from(size.vcpu) * 1000,
        memory_bytes: size.memory_bytes() * (1000 - VM_MEMORY_OVERHEAD_PERMILLE) / 1000,
        ephemeral_bytes: i64::from(os_disk_gib) * GIB,
        pods: i64::from(max_pods),
    }
}

/// What a node of this size may hand out to pods, never below zero.
pub fn allocatable(size: &Size, os: OsType, version: Version, os_disk_gib: u32, max_pods: u32) -> NodeResources {
    let has = capacity(size, os_disk_gib, max_pods);
    let windows_mib = if os == OsType::Windows { WINDOWS_RESERVED_MIB } else { 0 };
    let kept_mib = memory_kept_mib(has.memory_bytes / MIB, max_pods, version) + windows_mib;
    NodeResources {
        cpu_milli: has.cpu_milli - kube_reserved_cpu_milli(size.vcpu),
        memory_bytes: (has.memory_bytes - kept_mib * MIB).max(0),
        ephemeral_bytes: has.ephemeral_bytes * (100 - NODEFS_EVICTION_PERCENT) / 100,
        pods: has.pods,
    }
}

/// CPU that the kubelet reserves, in milli-cores: 60 for the first core, 40 for the second, 20 each for the next two, 10 each beyond (aks-semantics A-1).
pub fn kube_reserved_cpu_milli(vcpu: u32) -> i64 {
    (0..vcpu).map(|core| [60, 40, 20, 20].get(core as usize).copied().unwrap_or(10)).sum()
}

/// Memory that pods never get: the kubelet's reservation and the eviction threshold.
fn memory_kept_mib(total_mib: i64, max_pods: u32, version: Version) -> i64 {
    match version.release() >= (1, 29) {
        true => kube_reserved_memory(total_mib, max_pods) + 100,
        false => kube_reserved_memory_before_1_29_mib(total_mib) + 750,
    }
}

/// `min(20 x maxPods + 50, a quarter)`, in the unit of `total` (aks-semantics A-2, Kubernetes 1.29 and later).
fn kube_reserved_memory(total: i64, max_pods: u32) -> i64 {
    (20 * i64::from(max_pods) + 50).min(total / 4)
}

/// A quarter of the first 4 GiB, a fifth of the next 4, and so on (aks-semantics A-2, before Kubernetes 1.29).
fn kube_reserved_memory_before_1_29_mib(total_mib: i64) -> i64 {
    let mut rest_mib = total_mib;
    let mut percent_mib = 0;
    for (tier_mib, percent) in [(4 << 10, 25), (4 << 10, 20), (8 << 10, 10), (112 << 10, 6), (i64::MAX, 2)] {
        let in_tier_mib = rest_mib.min(tier_mib);
        percent_mib += in_tier_mib * percent;
        rest_mib -= in_tier_mib;
    }
    percent_mib / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_reservation_is_that_of_the_documented_examples() {
        // 8 GB with 30 pods: 650 MB reserved, 7.25 GB left after the eviction threshold. 4 GB with 70 pods: capped at 1000 MB.
        assert_eq!(kube_reserved_memory(8000, 30), 650);
        assert_eq!(8000 - kube_reserved_memory(8000, 30) - 100, 7250);
        assert_eq!(kube_reserved_memory(4000, 70), 1000);
    }

    #[test]
    fn old_versions_reserve_memory_in_tiers() {
        // 7 GiB: 0.25 x 4 + 0.20 x 3 = 1.6 GiB; 256 GiB: 1 + 0.8 + 0.8 + 6.72 + 2.56 = 11.88 GiB.
        assert_eq!(kube_reserved_memory_before_1_29_mib(7 << 10), 1638);
        assert_eq!(kube_reserved_memory_before_1_29_mib(256 << 10), 12165);
    }
}
