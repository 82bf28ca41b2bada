//! What deciding needs to know beside the world: what the cloud offers, how much of it this subscription may have, and its policy.
//!
//! A value, given by the caller: the same environment gives the same answer.

use nodelane_catalog::{Catalog, VCPU_QUOTA_PER_FAMILY, VCPU_QUOTA_PER_REGION};
use nodelane_model::refusal::PoolRefusal;
use nodelane_model::{Kind, Name};
use nodelane_world::World;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What deciding needs to know beside the world.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Env {
    /// What the cloud offers.
    pub catalog: Catalog,
    /// What the subscription may have of it, in the cluster's region.
    pub quotas: Quotas,
    /// vCPUs by family that the subscription's other clusters have in the region.
    pub used_elsewhere: BTreeMap<Name, u64>,
    /// The subscription's policy.
    pub policy: Option<Policy>,
    /// How pods are placed.
    pub scheduler: Arc<nodelane_place::Config>,
    /// How pools are autoscaled, where the cluster does not say.
    pub autoscaler: crate::autoscale::Strategy,
    /// The rule that is not enforced, to see that a test misses it.
    #[cfg(feature = "rules-off")]
    pub rule_off: Name,
}

impl Env {
    /// Whether a refusal is passed over: never, but in builds for testing the tests.
    pub(super) fn excuses(&self, _refusal: &PoolRefusal) -> bool {
        #[cfg(feature = "rules-off")]
        return self.rule_off == _refusal.rule();
        #[cfg(not(feature = "rules-off"))]
        false
    }
}

/// vCPUs that a subscription may have in a region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Quotas {
    /// Of a family, by name.
    pub families: BTreeMap<Name, u64>,
    /// Of a family that is not named.
    pub any_family: u64,
    /// Of all families together.
    pub region: u64,
}

impl Default for Quotas {
    fn default() -> Quotas {
        Quotas { families: BTreeMap::new(), any_family: VCPU_QUOTA_PER_FAMILY.into(), region: VCPU_QUOTA_PER_REGION.into() }
    }
}

impl Quotas {
    /// vCPUs of a family.
    pub fn family(&self, family: &str) -> u64 {
        self.families.get(family).copied().unwrap_or(self.any_family)
    }
}

/// Adds up the vCPUs by family of the machines that a cluster means to have.
pub fn count_vcpus(world: &World, catalog: &Catalog, used: &mut BTreeMap<Name, u64>) {
    for machine in world.list(Kind::Machine, None).filter_map(|doc| doc.as_machine()).filter(|machine| machine.is_wanted()) {
        if let Some(size) = catalog.size(&machine.size) {
            *used.entry(size.quota_family.into()).or_default() += u64::from(size.vcpu);
        }
    }
}

/// What a subscription's policy demands of pools and clusters; an empty part demands nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Policy {
    /// VM sizes, in any case.
    pub allowed_sizes: Vec<Name>,
    /// Regions.
    pub allowed_regions: Vec<Name>,
    /// Tags that must be there, with any value.
    pub required_tags: Vec<Name>,
    /// What names must look like: `*` stands for any characters, `?` for one.
    pub name_pattern: Name,
}
