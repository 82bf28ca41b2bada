//! Node images: the releases of each OS SKU, their version strings, and what a node of one reports.
//!
//! Invariants: releases of a SKU are ascending by date; only effective SKUs have images. Kernel and containerd belong to the image, not to the
//! Kubernetes version, as on AKS. Not here: when a pool moves to a newer image (engine), images of FIPS and confidential nodes.

use crate::os_sku::OsSku;
use crate::table::{Fields, lines};
use std::sync::OnceLock;

const IMAGES: &str = include_str!("../data/images.csv");

/// Build of an image, chosen by the VM size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ImageVariant {
    /// Hyper-V generation 1, amd64.
    Gen1,
    /// Hyper-V generation 2, amd64.
    Gen2,
    /// Hyper-V generation 2, arm64.
    Gen2Arm64,
}

/// One release of a node image.
#[derive(Debug, PartialEq, Eq)]
pub struct NodeImage {
    /// Effective OS SKU.
    pub os_sku: OsSku,
    /// Release, e.g. `202607.09.0` or, on Windows, `20348.5386.260715`.
    pub release: &'static str,
    /// containerd, e.g. `1.7.33-1`.
    pub containerd: &'static str,
    /// `nodeInfo.kernelVersion`, e.g. `5.15.0-1116-azure`.
    pub kernel_version: &'static str,
    /// `nodeInfo.osImage`, e.g. `Ubuntu 22.04.5 LTS`.
    pub os_image: &'static str,
}

impl ImageVariant {
    const ALL: [Self; 3] = [Self::Gen1, Self::Gen2, Self::Gen2Arm64];

    /// What stands before the release in an image version; `None` where the SKU has no such build.
    fn prefix(self, os_sku: OsSku) -> Option<&'static str> {
        Some(match (os_sku, self) {
            (OsSku::Ubuntu2204, Self::Gen1) => "AKSUbuntu-2204containerd",
            (OsSku::Ubuntu2204, Self::Gen2) => "AKSUbuntu-2204gen2containerd",
            (OsSku::Ubuntu2204, Self::Gen2Arm64) => "AKSUbuntu-2204gen2arm64containerd",
            (OsSku::Ubuntu2404, Self::Gen1) => "AKSUbuntu-2404containerd",
            (OsSku::Ubuntu2404, Self::Gen2) => "AKSUbuntu-2404gen2containerd",
            (OsSku::Ubuntu2404, Self::Gen2Arm64) => "AKSUbuntu-2404gen2arm64containerd",
            (OsSku::AzureLinux3, Self::Gen1) => "AKSAzureLinux-V3",
            (OsSku::AzureLinux3, Self::Gen2) => "AKSAzureLinux-V3gen2",
            (OsSku::AzureLinux3, Self::Gen2Arm64) => "AKSAzureLinux-V3gen2arm64",
            (OsSku::AzureLinuxOsGuard, Self::Gen2) => "AKSAzureLinux-OSGuardV3gen2fipsTL",
            (OsSku::AzureContainerLinux, Self::Gen2 | Self::Gen2Arm64) => "AKSAzureContainerLinux",
            (OsSku::Windows2022, Self::Gen1 | Self::Gen2) => "AKSWindows-2022-containerd",
            (OsSku::Windows2025, Self::Gen1) => "AKSWindows-2025",
            (OsSku::Windows2025, Self::Gen2) => "AKSWindows-2025-gen2",
            _ => return None,
        })
    }

    /// Whether nodes of this build exist for an effective OS SKU: no Windows on arm64, no trusted-launch SKU on generation 1.
    pub fn exists_for(self, os_sku: OsSku) -> bool {
        self.prefix(os_sku).is_some()
    }
}

impl NodeImage {
    /// `nodeImageVersion` of this release for a build (aks-semantics O-4), e.g. `AKSUbuntu-2204gen2containerd-202607.09.0`; `None` where the
    /// SKU has no such build.
    pub fn version(&self, variant: ImageVariant) -> Option<String> {
        variant.prefix(self.os_sku).map(|prefix| format!("{prefix}-{}", self.release))
    }

    /// `nodeInfo.containerRuntimeVersion`, e.g. `containerd://1.7.33-1`.
    pub fn container_runtime_version(&self) -> String {
        format!("containerd://{}", self.containerd)
    }
}

/// All images, by SKU and within it by date.
pub(crate) fn all() -> &'static [NodeImage] {
    static TABLE: OnceLock<Vec<NodeImage>> = OnceLock::new();
    TABLE.get_or_init(|| lines(IMAGES).map(parse).collect())
}

/// Releases of an effective OS SKU, oldest first.
pub(crate) fn of_sku(os_sku: OsSku) -> &'static [NodeImage] {
    let images = all();
    let start = images.iter().position(|image| image.os_sku == os_sku).unwrap_or(images.len());
    let count = images[start..].iter().take_while(|image| image.os_sku == os_sku).count();
    &images[start..start + count]
}

/// The release that an image version names.
pub(crate) fn find(version: &str) -> Option<&'static NodeImage> {
    let (prefix, release) = version.rsplit_once('-')?;
    all()
        .iter()
        .find(|image| image.release == release && ImageVariant::ALL.iter().any(|variant| variant.prefix(image.os_sku) == Some(prefix)))
}

fn parse(line: &'static str) -> NodeImage {
    let mut fields = Fields::of(line);
    NodeImage {
        os_sku: OsSku::from_name(fields.text()).expect("built-in table names a known OS SKU"),
        release: fields.text(),
        containerd: fields.text(),
        kernel_version: fields.text(),
        os_image: fields.text(),
    }
}
