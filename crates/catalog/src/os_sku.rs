//! OS SKUs: the names a request may give, what each means for a Kubernetes version, and why one is refused.
//!
//! `Ubuntu` and `AzureLinux` are moving names: [`OsSku::effective`] turns them into the SKU that has images (aks-semantics O-2).
//! Invariant: every effective SKU has images for some variant. Not here: the images (image), settings that a SKU demands (arm, engine).

use crate::version::Version;
use nodelane_model::pool::OsType;

/// An OS SKU by name, the retired ones included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the variants are the names that AKS gives them")]
pub enum OsSku {
    Ubuntu,
    Ubuntu2204,
    Ubuntu2404,
    AzureLinux,
    AzureLinux3,
    AzureLinuxOsGuard,
    AzureContainerLinux,
    Windows2022,
    Windows2025,
    CblMariner,
    Mariner,
    Flatcar,
    Windows2019,
    WindowsAnnual,
}

/// Why an OS SKU cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OsSkuRefusal {
    /// No pool can be created with it any more.
    Retired,
    /// The first Kubernetes minor that it supports is newer.
    VersionTooOld {
        /// That first minor of Kubernetes 1.
        first_minor: u32,
    },
    /// The last Kubernetes minor that it supports is older.
    VersionTooNew {
        /// That last minor of Kubernetes 1.
        last_minor: u32,
    },
}

impl OsSku {
    /// Every SKU, retired ones last.
    pub const ALL: [Self; 14] = [
        Self::Ubuntu,
        Self::Ubuntu2204,
        Self::Ubuntu2404,
        Self::AzureLinux,
        Self::AzureLinux3,
        Self::AzureLinuxOsGuard,
        Self::AzureContainerLinux,
        Self::Windows2022,
        Self::Windows2025,
        Self::CblMariner,
        Self::Mariner,
        Self::Flatcar,
        Self::Windows2019,
        Self::WindowsAnnual,
    ];

    /// Name as AKS spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ubuntu => "Ubuntu",
            Self::Ubuntu2204 => "Ubuntu2204",
            Self::Ubuntu2404 => "Ubuntu2404",
            Self::AzureLinux => "AzureLinux",
            Self::AzureLinux3 => "AzureLinux3",
            Self::AzureLinuxOsGuard => "AzureLinuxOSGuard",
            Self::AzureContainerLinux => "AzureContainerLinux",
            Self::Windows2022 => "Windows2022",
            Self::Windows2025 => "Windows2025",
            Self::CblMariner => "CBLMariner",
            Self::Mariner => "Mariner",
            Self::Flatcar => "Flatcar",
            Self::Windows2019 => "Windows2019",
            Self::WindowsAnnual => "WindowsAnnual",
        }
    }

    /// The SKU of this name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sku| sku.as_str().eq_ignore_ascii_case(name))
    }

    /// Operating system of the SKU.
    pub fn os(self) -> OsType {
        match self {
            Self::Windows2022 | Self::Windows2025 | Self::Windows2019 | Self::WindowsAnnual => OsType::Windows,
            _ => OsType::Linux,
        }
    }

    /// SKU of a pool that names none (aks-semantics O-2; Windows2022 is the default up to 1.35).
    pub fn default_for(os: OsType, version: Version) -> Self {
        match os {
            OsType::Linux => Self::Ubuntu,
            OsType::Windows if version.release() <= (1, 35) => Self::Windows2022,
            OsType::Windows => Self::Windows2025,
        }
    }

    /// The SKU whose images a pool of this version gets: itself, or what its moving name stands for (aks-semantics O-2).
    pub fn effective(self, version: Version) -> Result<Self, OsSkuRefusal> {
        let (effective, first_minor, last_minor) = match self {
            Self::Ubuntu if version.release() <= (1, 34) => (Self::Ubuntu2204, 25, 34),
            Self::Ubuntu => (Self::Ubuntu2404, 35, u32::MAX),
            Self::Ubuntu2204 => (self, 25, 36),
            Self::Ubuntu2404 => (self, 32, 38),
            Self::AzureLinux => (Self::AzureLinux3, 32, u32::MAX),
            Self::AzureLinux3 => (self, 28, 36),
            Self::AzureLinuxOsGuard => (self, 32, u32::MAX),
            Self::AzureContainerLinux => (self, 34, u32::MAX),
            Self::Windows2022 => (self, 23, 36),
            Self::Windows2025 => (self, 32, u32::MAX),
            Self::CblMariner | Self::Mariner | Self::Flatcar | Self::Windows2019 | Self::WindowsAnnual => {
                return Err(OsSkuRefusal::Retired);
            }
        };
        match version.release() {
            release if release < (1, first_minor) => Err(OsSkuRefusal::VersionTooOld { first_minor }),
            release if release > (1, last_minor) => Err(OsSkuRefusal::VersionTooNew { last_minor }),
            _ => Ok(effective),
        }
    }

    /// Whether a pool may run this SKU at this version (aks-semantics O-2).
    pub fn is_allowed(self, version: Version) -> bool {
        self.effective(version).is_ok()
    }
}
