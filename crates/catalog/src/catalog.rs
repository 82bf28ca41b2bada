//! The door: every question about what the cloud offers, answered from the built-in tables.
//!
//! A value and not a set of functions, so that a snapshot carries it and what may differ between two worlds (the spot price) is in it.

use crate::image::{self, NodeImage};
use crate::os_sku::OsSku;
use crate::price::{self, SPOT_PERCENT_SIMULATED};
use crate::region::{self, Region};
use crate::release::{self, Release};
use crate::restriction::{self, SizeRefusal};
use crate::size::{self, Size};
use crate::version::Version;
use nodelane_model::pool::{Mode, OsType, Priority};

/// Sizes tried in this order when a request names none: the default of old, then its successors where a region never had it.
const DEFAULT_SIZES: [&str; 3] = ["Standard_DS2_v2", "Standard_D2ds_v5", "Standard_D2ds_v6"];

/// What the cloud offers. Free to copy; all copies share the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Catalog {
    /// Simulated spot price in percent of on-demand.
    pub spot_percent: i64,
}

impl Default for Catalog {
    fn default() -> Self {
        Self { spot_percent: SPOT_PERCENT_SIMULATED }
    }
}

impl Catalog {
    /// Every size, by name without regard to case.
    pub fn sizes(&self) -> &'static [Size] {
        size::all()
    }

    /// The size of this name, in any case; its `name` is the canonical one.
    pub fn size(&self, name: &str) -> Option<&'static Size> {
        size::find(name)
    }

    /// The size of this name if a pool of this mode and OS may use it, else why not (aks-semantics V-1, V-2, V-6, V-7).
    pub fn usable_size(&self, name: &str, mode: Mode, os: OsType) -> Result<&'static Size, SizeRefusal> {
        let size = size::find(name).ok_or_else(|| restriction::unlisted(name))?;
        size.refusal(mode, os).map_or(Ok(size), Err)
    }

    /// Size of a pool that names none (aks-semantics V-5); `None` where none of the defaults is offered.
    pub fn default_size(&self, region: &Region) -> Option<&'static Size> {
        DEFAULT_SIZES.into_iter().filter_map(size::find).find(|size| self.offered(region, size))
    }

    /// Every region, by name.
    pub fn regions(&self) -> &'static [Region] {
        region::all()
    }

    /// The region of this name or display name, in any case: `eastus` and `East US` are one.
    pub fn region(&self, name: &str) -> Option<&'static Region> {
        region::find(name)
    }

    /// Whether a size is sold in a region.
    pub fn offered(&self, region: &Region, size: &Size) -> bool {
        price::linux_micro_usd_per_hour(region, size).is_some()
    }

    /// Sizes sold in a region, in the order of [`Catalog::sizes`].
    pub fn offered_sizes(&self, region: &Region) -> impl Iterator<Item = &'static Size> {
        size::all().iter().filter(|size| self.offered(region, size))
    }

    /// Zones in which a size can be placed: those of the region, none where it is not sold (aks-semantics section 9, 0).
    pub fn zones(&self, region: &'static Region, size: &Size) -> &'static [&'static str] {
        if self.offered(region, size) { &region.zones } else { &[] }
    }

    /// Price in micro US dollars per hour.
    ///
    /// Windows is an estimate, spot is simulated. `None` where the size is not sold, has no spot capacity, or has no Windows price (arm64, B series).
    pub fn price_micro_usd_per_hour(&self, region: &Region, size: &Size, os: OsType, priority: Priority) -> Option<i64> {
        price::micro_usd_per_hour(region, size, os, priority, self.spot_percent)
    }

    /// Kubernetes versions on offer, ascending.
    pub fn releases(&self) -> &'static [Release] {
        &release::ALL
    }

    /// Version of a cluster that names none: the newest patch of the second newest minor.
    pub fn default_version(&self) -> Version {
        release::default_version()
    }

    /// Newest patch of a minor of Kubernetes 1; `None` when the minor is not on offer.
    pub fn newest_patch(&self, minor: u32) -> Option<Version> {
        release::newest_patch((1, minor))
    }

    /// The version on offer that `1.34.9`, `v1.34.9` or the alias `1.34` names (aks-semantics UV-5).
    pub fn resolve_version(&self, text: &str) -> Option<Version> {
        release::resolve(text)
    }

    /// Versions that a cluster of this version may be upgraded to, ascending (aks-semantics UV-3).
    pub fn upgrades_from(&self, current: Version) -> Vec<Version> {
        release::upgrades_from(current)
    }

    /// Images of an effective OS SKU, oldest first; empty for moving names and retired SKUs.
    pub fn images(&self, effective: OsSku) -> &'static [NodeImage] {
        image::of_sku(effective)
    }

    /// Newest image of an effective OS SKU.
    pub fn newest_image(&self, effective: OsSku) -> Option<&'static NodeImage> {
        image::of_sku(effective).last()
    }

    /// The image that a `nodeImageVersion` names.
    pub fn image(&self, version: &str) -> Option<&'static NodeImage> {
        image::find(version)
    }
}
