//! VM sizes: what a machine of each size has.
//!
//! Invariants: sorted by name without regard to case; a name is unique; one price line per size, in the same order as the sizes.
//! Memory is the size's own figure in MiB. Unknown disks are `None`, never zero.
//! Not here: whether a pool may use a size (restriction), what it costs (price), what a node may hand out (reservation).

use crate::gpu::GpuVendor;
use crate::image::ImageVariant;
use crate::table::{Fields, compare_ignoring_case, lines};
use std::sync::OnceLock;

const SIZES: &str = include_str!("../data/sizes.csv");

/// Processor architecture, in the words of `kubernetes.io/arch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Arch {
    /// x86-64.
    Amd64,
    /// 64-bit Arm.
    Arm64,
}

impl Arch {
    /// Value of the label `kubernetes.io/arch`.
    pub fn as_str(self) -> &'static str {
        match self {
            Arch::Amd64 => "amd64",
            Arch::Arm64 => "arm64",
        }
    }
}

/// One VM size.
#[derive(Debug, PartialEq, Eq)]
pub struct Size {
    /// Canonical name, e.g. `Standard_D4s_v5`.
    pub name: &'static str,
    /// Quota family as Azure spells it, e.g. `standardDSv5Family`.
    pub quota_family: &'static str,
    /// Virtual processors.
    pub vcpu: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Whole GPUs; zero for sizes with a fraction of one.
    pub gpus: u32,
    /// GPU model, e.g. `nvidia-a100`; `Some` even where AKS cannot use it.
    pub gpu_model: Option<&'static str>,
    /// Vendor whose driver AKS installs; `None` without a GPU or without a driver for it.
    pub gpu_vendor: Option<GpuVendor>,
    /// Processor architecture.
    pub arch: Arch,
    /// Newest Hyper-V generation that the size boots: 1 or 2.
    pub generation: u32,
    /// Local temporary disk in GiB; `None` when unknown.
    pub temp_disk_gib: Option<u32>,
    /// Most data disks; `None` when unknown.
    pub max_data_disks: Option<u32>,
    /// Whether spot capacity is sold.
    pub spot_capable: bool,
    /// This size's line of the price table.
    pub(crate) prices: &'static str,
}

impl Size {
    /// Memory in bytes.
    pub fn memory_bytes(&self) -> i64 {
        i64::from(self.memory_mib) << 20
    }

    /// Which build of a node image the size boots (aks-semantics O-4: generation 2 where the size supports it).
    pub fn image_variant(&self) -> ImageVariant {
        match (self.arch, self.generation) {
            (Arch::Arm64, _) => ImageVariant::Gen2Arm64,
            (Arch::Amd64, 1) => ImageVariant::Gen1,
            (Arch::Amd64, _) => ImageVariant::Gen2,
        }
    }

    /// Whether an ephemeral OS disk of this many GiB fits the temporary disk (aks-semantics V-8). An unknown disk fits nothing.
    pub fn supports_ephemeral(&self, os_disk_gib: u32) -> bool {
        self.temp_disk_gib.is_some_and(|temp_disk_gib| temp_disk_gib >= os_disk_gib)
    }

    /// Whether the size is of the burstable B series (aks-semantics V-3: a warning on system pools, never a refusal).
    pub fn is_burstable(&self) -> bool {
        self.name.starts_with("Standard_B")
    }
}

/// Managed OS disk in GiB when the request names none (aks-semantics V-8).
pub fn default_os_disk_gib(vcpu: u32) -> u32 {
    match vcpu {
        0..=7 => 128,
        8..=15 => 256,
        16..=63 => 512,
        64.. => 1024,
    }
}

/// All sizes by name.
pub(crate) fn all() -> &'static [Size] {
    static TABLE: OnceLock<Vec<Size>> = OnceLock::new();
    TABLE.get_or_init(|| lines(SIZES).zip(crate::price::lines()).map(|(line, prices)| parse(line, prices)).collect())
}

/// The size of this name, in any case.
pub(crate) fn find(name: &str) -> Option<&'static Size> {
    let index = all().binary_search_by(|size| compare_ignoring_case(size.name, name)).ok()?;
    Some(&all()[index])
}

fn parse(line: &'static str, prices: &'static str) -> Size {
    let mut fields = Fields::of(line);
    Size {
        name: fields.text(),
        quota_family: fields.text(),
        vcpu: fields.number(),
        memory_mib: fields.number(),
        gpus: fields.number(),
        gpu_model: fields.optional_text(),
        gpu_vendor: fields.optional_text().map(|vendor| match vendor {
            "nvidia" => GpuVendor::Nvidia,
            "amd" => GpuVendor::Amd,
            other => panic!("built-in table names the GPU vendor {other}"),
        }),
        arch: match fields.text() {
            "amd64" => Arch::Amd64,
            "arm64" => Arch::Arm64,
            other => panic!("built-in table names the architecture {other}"),
        },
        generation: fields.number(),
        temp_disk_gib: fields.optional_number(),
        max_data_disks: fields.optional_number(),
        spot_capable: fields.number() == 1,
        prices,
    }
}
