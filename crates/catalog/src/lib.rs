//! What the cloud offers, as data: VM sizes, regions, prices, Kubernetes versions, node images, limits.
//!
//! [`Catalog`] is the door. It is two words long and `Copy`; the tables behind it are built in, parsed once on first use and live forever, so
//! every reference handed out is `'static`. Sizes take half a millisecond, everything else a tenth.
//! Invariants: integers only (micro US dollars, MiB, milli-cores); every listing has a fixed order; no IO, no clock.
//! Not here: what a subscription has used of its quota, who may create what (engine), error texts (arm).

mod catalog;
mod gpu;
mod image;
mod limits;
mod os_sku;
mod price;
mod region;
mod release;
mod reservation;
mod restriction;
mod size;
mod table;
mod version;

pub use catalog::Catalog;
pub use gpu::{GpuInstanceProfile, GpuVendor};
pub use image::{ImageVariant, NodeImage};
pub use limits::{
    MAX_NODES_PER_CLUSTER, MAX_NODES_PER_POOL, MAX_POOLS_PER_CLUSTER, NetworkPlugin, PODS_PER_NODE_MAX, PODS_PER_NODE_MIN,
    PODS_PER_POOL_MIN, VCPU_QUOTA_PER_FAMILY, VCPU_QUOTA_PER_REGION,
};
pub use os_sku::{OsSku, OsSkuRefusal};
pub use price::{SPOT_PERCENT_SIMULATED, WINDOWS_MICRO_USD_PER_VCPU_HOUR};
pub use region::Region;
pub use release::{Release, Support};
pub use reservation::{NodeResources, VM_MEMORY_OVERHEAD_PERMILLE, allocatable, capacity, kube_reserved_cpu_milli};
pub use restriction::{ResizeRefusal, SizeRefusal};
pub use size::{Arch, Size, default_os_disk_gib};
pub use version::{ParseVersionError, Version};
