//! Which pools may use which sizes, as predicates with reasons (aks-semantics V-1, V-2, V-6, V-7, M-3).
//!
//! The first reason that holds is the answer, in the order of the enum. Not here: whether a size is offered in a region (catalog), quota,
//! texts of refusals (arm).

use crate::size::{Arch, Size};
use nodelane_model::pool::{Mode, OsType};

/// Least vCPUs of any pool (aks-semantics V-1).
const VCPU_MIN: u32 = 2;
/// Least memory of a user pool (aks-semantics V-1).
const USER_MEMORY_MIN_MIB: u32 = 2 << 10;
/// Least memory of a system pool (aks-semantics V-1, V-2).
const SYSTEM_MEMORY_MIN_MIB: u32 = 4 << 10;

/// Sizes that Azure has withdrawn and this table no longer lists (aks-semantics V-6): NC and NV of the first, NC and ND of the next generation.
const WITHDRAWN: [&str; 18] = [
    "Standard_NC6",
    "Standard_NC12",
    "Standard_NC24",
    "Standard_NC24r",
    "Standard_NC6_Promo",
    "Standard_NC12_Promo",
    "Standard_NC24_Promo",
    "Standard_NC6s_v2",
    "Standard_NC12s_v2",
    "Standard_NC24s_v2",
    "Standard_NC24rs_v2",
    "Standard_ND6s",
    "Standard_ND12s",
    "Standard_ND24s",
    "Standard_ND24rs",
    "Standard_NV6",
    "Standard_NV12",
    "Standard_NV24",
];

/// Quota family of the NVv2 series, listed with prices but withdrawn.
const WITHDRAWN_FAMILY: &str = "standardNVSv2Family";

/// Why no pool, or not this pool, may use a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SizeRefusal {
    /// No size has this name.
    Unknown,
    /// Azure has withdrawn it (V-6).
    Retired,
    /// AKS has no driver for its GPU (V-6).
    UnsupportedGpu,
    /// Windows does not run on arm64 (V-7).
    WindowsOnArm64,
    /// Fewer than 2 vCPUs or less than 2 GiB (V-1).
    TooSmall,
    /// Fewer than 2 vCPUs or less than 4 GiB in a system pool (V-2).
    TooSmallForSystem,
}

/// Why a pool of one size cannot become a pool of another in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResizeRefusal {
    /// The architecture would change (M-3).
    Arch,
    /// The Hyper-V generation would change (M-3).
    Generation,
    /// A pool without GPUs would get them (V-6).
    GainsGpu,
}

impl Size {
    /// Why a pool of this mode and OS may not use the size; `None` when it may.
    pub fn refusal(&self, mode: Mode, os: OsType) -> Option<SizeRefusal> {
        // Sizes with a fraction of a GPU have none to hand out: of AMD's only MI300X_v5 remains.
        let unusable_gpu = self.gpu_model.is_some() && (self.gpu_vendor.is_none() || self.gpus == 0);
        let memory_min_mib = match mode {
            Mode::System => SYSTEM_MEMORY_MIN_MIB,
            Mode::User | Mode::Gateway => USER_MEMORY_MIN_MIB,
        };
        if self.quota_family == WITHDRAWN_FAMILY {
            Some(SizeRefusal::Retired)
        } else if unusable_gpu {
            Some(SizeRefusal::UnsupportedGpu)
        } else if os == OsType::Windows && self.arch == Arch::Arm64 {
            Some(SizeRefusal::WindowsOnArm64)
        } else if self.vcpu >= VCPU_MIN && self.memory_mib >= memory_min_mib {
            None
        } else {
            Some(match mode {
                Mode::System => SizeRefusal::TooSmallForSystem,
                Mode::User | Mode::Gateway => SizeRefusal::TooSmall,
            })
        }
    }

    /// Why a pool of this size cannot be resized in place to another; `None` when it can.
    pub fn resize_refusal(&self, to: &Size) -> Option<ResizeRefusal> {
        if self.arch != to.arch {
            Some(ResizeRefusal::Arch)
        } else if self.generation != to.generation {
            Some(ResizeRefusal::Generation)
        } else if self.gpu_model.is_none() && to.gpu_model.is_some() {
            Some(ResizeRefusal::GainsGpu)
        } else {
            None
        }
    }
}

/// What a name that the table does not list means.
pub(crate) fn unlisted(name: &str) -> SizeRefusal {
    match WITHDRAWN.iter().any(|withdrawn| withdrawn.eq_ignore_ascii_case(name)) {
        true => SizeRefusal::Retired,
        false => SizeRefusal::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No listed size of 2 vCPUs lies between 2 and 4 GiB, so the bounds are tried on an invented one.
    fn two_vcpus_with(memory_mib: u32) -> Size {
        Size {
            name: "Standard_Invented",
            quota_family: "standardInventedFamily",
            vcpu: 2,
            memory_mib,
            gpus: 0,
            gpu_model: None,
            gpu_vendor: None,
            arch: Arch::Amd64,
            generation: 2,
            temp_disk_gib: None,
            max_data_disks: None,
            spot_capable: true,
            prices: "",
        }
    }

    #[test]
    fn a_user_pool_takes_two_gib_and_a_system_pool_four() {
        let refusal = |memory_mib, mode| two_vcpus_with(memory_mib).refusal(mode, OsType::Linux);
        assert_eq!(refusal(2047, Mode::User), Some(SizeRefusal::TooSmall));
        assert_eq!(refusal(2048, Mode::User), None);
        assert_eq!(refusal(4095, Mode::System), Some(SizeRefusal::TooSmallForSystem));
        assert_eq!(refusal(4096, Mode::System), None);
    }
}
