//! GPUs: vendors, their extended resources, and how NVIDIA's cards are cut into instances.
//!
//! Not here: which size has how many (size), and the device plugin that announces them (sim).

use crate::size::Size;

/// Maker of a GPU that AKS has a driver for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GpuVendor {
    /// NVIDIA.
    Nvidia,
    /// AMD.
    Amd,
}

impl GpuVendor {
    /// Value of the label `kubernetes.azure.com/accelerator` (aks-semantics G-1).
    pub fn as_str(self) -> &'static str {
        match self {
            GpuVendor::Nvidia => "nvidia",
            GpuVendor::Amd => "amd",
        }
    }

    /// Extended resource that the vendor's device plugin announces (aks-semantics G-1).
    pub fn resource_name(self) -> &'static str {
        match self {
            GpuVendor::Nvidia => "nvidia.com/gpu",
            GpuVendor::Amd => "amd.com/gpu",
        }
    }
}

/// How each GPU of a node is partitioned (aks-semantics G-3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GpuInstanceProfile {
    /// One slice an instance.
    Mig1g,
    /// Two slices an instance.
    Mig2g,
    /// Three slices an instance.
    Mig3g,
    /// Four slices an instance.
    Mig4g,
    /// The whole GPU as one instance.
    Mig7g,
}

impl GpuInstanceProfile {
    /// Every profile, smallest instance first.
    pub const ALL: [Self; 5] = [Self::Mig1g, Self::Mig2g, Self::Mig3g, Self::Mig4g, Self::Mig7g];

    /// Name as AKS spells it, e.g. `MIG1g`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mig1g => "MIG1g",
            Self::Mig2g => "MIG2g",
            Self::Mig3g => "MIG3g",
            Self::Mig4g => "MIG4g",
            Self::Mig7g => "MIG7g",
        }
    }

    /// The profile of exactly this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.as_str() == name)
    }

    /// Instances that one GPU yields (aks-semantics G-3).
    pub fn instances_per_gpu(self) -> u32 {
        match self {
            Self::Mig1g => 7,
            Self::Mig2g => 3,
            Self::Mig3g => 2,
            Self::Mig4g | Self::Mig7g => 1,
        }
    }
}

impl Size {
    /// Whether the GPUs can be partitioned: A100, H100 and H200 (aks-semantics G-3).
    pub fn supports_gpu_instances(&self) -> bool {
        self.gpu_vendor.is_some() && matches!(self.gpu_model, Some("nvidia-a100" | "nvidia-h100" | "nvidia-h200"))
    }
}
