//! Sizes, regions, prices and the rules of sizes.
//!
//! Expected figures are read by hand from the sources that data/README.md names, expected rules from aks-semantics 1.4 and 1.8.
//! Not here: the order of the price lines (unit test of price).

use nodelane_catalog::{
    Arch, Catalog, GpuInstanceProfile, GpuVendor, ImageVariant, Region, ResizeRefusal, Size, SizeRefusal, WINDOWS_MICRO_USD_PER_VCPU_HOUR,
    default_os_disk_gib,
};
use nodelane_model::pool::{Mode, OsType, Priority};

fn catalog() -> Catalog {
    Catalog::default()
}

fn size(name: &str) -> &'static Size {
    catalog().size(name).unwrap_or_else(|| panic!("{name} is listed"))
}

fn region(name: &str) -> &'static Region {
    catalog().region(name).unwrap_or_else(|| panic!("{name} is listed"))
}

fn price(region_name: &str, size_name: &str) -> Option<i64> {
    catalog().price_micro_usd_per_hour(region(region_name), size(size_name), OsType::Linux, Priority::Regular)
}

#[test]
fn tables_have_every_size_and_region_in_order() {
    let sizes = catalog().sizes();
    assert_eq!(sizes.len(), 1367);
    assert!(sizes.is_sorted_by_key(|size| size.name.to_ascii_lowercase()));
    assert!(sizes.iter().all(|size| size.vcpu > 0 && size.memory_mib > 0));
    assert_eq!(sizes.iter().filter(|size| size.arch == Arch::Arm64).count(), 97);
    assert_eq!(sizes.iter().filter(|size| !size.spot_capable).count(), 41);
    assert_eq!(catalog().regions().len(), 60);
    assert!(catalog().regions().is_sorted_by_key(|region| region.name));
}

#[test]
fn every_size_is_found_by_its_name_in_any_case() {
    for size in catalog().sizes() {
        assert_eq!(catalog().size(&size.name.to_uppercase()), Some(size));
        assert_eq!(catalog().size(&size.name.to_lowercase()), Some(size));
    }
    assert_eq!(catalog().size("Standard_D4s_v55"), None);
    assert_eq!(catalog().size(""), None);
}

#[test]
fn every_region_is_found_by_its_display_name() {
    for region in catalog().regions() {
        assert_eq!(catalog().region(region.display_name), Some(region));
        assert_eq!(catalog().region(&region.name.to_uppercase()), Some(region));
    }
    assert_eq!(region("East US 2").name, "eastus2");
    assert_eq!(catalog().region("mars"), None);
}

#[test]
fn sizes_have_the_figures_of_the_source() {
    let d4s = size("standard_d4s_v5");
    assert_eq!((d4s.name, d4s.quota_family), ("Standard_D4s_v5", "standardDSv5Family"));
    assert_eq!((d4s.vcpu, d4s.memory_mib, d4s.gpus, d4s.temp_disk_gib), (4, 16 * 1024, 0, Some(0)));
    assert_eq!((d4s.max_data_disks, d4s.spot_capable, d4s.arch), (Some(8), true, Arch::Amd64));
    let a100 = size("Standard_NC24ads_A100_v4");
    assert_eq!((a100.vcpu, a100.memory_mib, a100.gpus), (24, 220 * 1024, 1));
    assert_eq!((a100.gpu_vendor, a100.quota_family), (Some(GpuVendor::Nvidia), "StandardNCADSA100v4Family"));
    assert_eq!(size("Standard_M832ids_16_v3").memory_bytes(), 15_200 << 30);
    assert_eq!(size("Standard_B2s").temp_disk_gib, None);
}

#[test]
fn prices_are_those_of_the_source() {
    assert_eq!(price("eastus", "Standard_D4s_v5"), Some(192_000));
    assert_eq!(price("westeurope", "Standard_D4s_v5"), Some(230_000));
    assert_eq!(price("eastus", "Standard_D2as_v5"), Some(86_000));
    assert_eq!(price("eastus", "Standard_NC24ads_A100_v4"), Some(3_673_000));
    let offers: usize = catalog().regions().iter().map(|region| catalog().offered_sizes(region).count()).sum();
    assert_eq!(offers, 54_853 - SWEDEN_SOUTH_OFFERS - SPAIN_ZERO_PRICES);
}

/// Rows of a region that the region table does not list.
const SWEDEN_SOUTH_OFFERS: usize = 607;
/// Rows with a price of zero.
const SPAIN_ZERO_PRICES: usize = 6;

#[test]
fn regions_without_prices_offer_nothing() {
    for name in ["belgiumcentral", "centraluseuap", "denmarkeast", "eastus2euap"] {
        assert_eq!(catalog().offered_sizes(region(name)).count(), 0);
        assert_eq!(catalog().default_size(region(name)), None);
    }
    assert_eq!(price("spaincentral", "Standard_L8as_v3"), None);
}

#[test]
fn default_size_exists_wherever_anything_is_offered() {
    assert_eq!(catalog().default_size(region("eastus")).unwrap().name, "Standard_DS2_v2");
    for region in catalog().regions() {
        assert_eq!(catalog().default_size(region).is_some(), catalog().offered_sizes(region).next().is_some(), "{region:?}");
    }
}

#[test]
fn windows_costs_more_per_vcpu_where_it_runs_and_spot_a_share() {
    let (eastus, d4s) = (region("eastus"), size("Standard_D4s_v5"));
    let price = |size, os, priority| catalog().price_micro_usd_per_hour(eastus, size, os, priority);
    assert_eq!(price(d4s, OsType::Windows, Priority::Regular), Some(376_000));
    assert_eq!(WINDOWS_MICRO_USD_PER_VCPU_HOUR, 46_000);
    assert_eq!(price(size("Standard_D8pds_v6"), OsType::Windows, Priority::Regular), None);
    assert_eq!(price(size("Standard_B2s"), OsType::Windows, Priority::Regular), None);
    assert_eq!(price(size("Standard_B2s"), OsType::Linux, Priority::Spot), None);
    let cheap = Catalog { spot_percent: 10 };
    assert_eq!(cheap.price_micro_usd_per_hour(eastus, d4s, OsType::Linux, Priority::Spot), Some(19_200));
}

#[test]
fn zones_of_a_size_are_those_of_its_region() {
    assert_eq!(catalog().zones(region("eastus"), size("Standard_D4s_v5")), ["1", "2", "3"]);
    assert!(catalog().zones(region("westus"), size("Standard_D4s_v5")).is_empty());
    assert!(catalog().zones(region("centraluseuap"), size("Standard_D4s_v5")).is_empty());
    assert_eq!(region("eastus2euap").zones, ["1", "2", "3", "4"]);
    assert_eq!(region("uaecentral").paired, Some("uaenorth"));
}

#[test]
fn small_sizes_are_refused_for_system_pools_before_user_pools() {
    let refusal = |name, mode| catalog().usable_size(name, mode, OsType::Linux).err();
    assert_eq!(refusal("Standard_DS1_v2", Mode::User), Some(SizeRefusal::TooSmall));
    assert_eq!(refusal("Standard_DS1_v2", Mode::System), Some(SizeRefusal::TooSmallForSystem));
    assert_eq!(refusal("Standard_B2ats_v2", Mode::User), Some(SizeRefusal::TooSmall));
    assert_eq!(refusal("Standard_A2_v2", Mode::System), None);
    assert_eq!(refusal("Standard_B2s", Mode::System), None);
    assert!(size("Standard_B2s").is_burstable());
    assert!(!size("Standard_D2s_v5").is_burstable());
}

#[test]
fn withdrawn_unknown_and_driverless_sizes_are_told_apart() {
    let refusal = |name| catalog().usable_size(name, Mode::User, OsType::Linux).err();
    assert_eq!(refusal("Standard_NC6"), Some(SizeRefusal::Retired));
    assert_eq!(refusal("standard_nv12"), Some(SizeRefusal::Retired));
    assert_eq!(refusal("Standard_NV12s_v2"), Some(SizeRefusal::Retired));
    assert_eq!(refusal("Standard_Z9"), Some(SizeRefusal::Unknown));
    assert_eq!(refusal("Standard_NV4as_v4"), Some(SizeRefusal::UnsupportedGpu));
    assert_eq!(refusal("Standard_NV4ads_V710_v5"), Some(SizeRefusal::UnsupportedGpu));
    assert_eq!(refusal("Standard_NP10s"), Some(SizeRefusal::UnsupportedGpu));
    assert_eq!(refusal("Standard_NC4as_T4_v3"), None);
}

#[test]
fn of_amd_only_the_mi300x_is_usable() {
    let usable: Vec<_> = catalog()
        .sizes()
        .iter()
        .filter(|size| size.gpu_vendor == Some(GpuVendor::Amd) && size.refusal(Mode::User, OsType::Linux).is_none())
        .map(|size| size.name)
        .collect();
    assert_eq!(usable, ["Standard_ND96isr_MI300X_v5"]);
}

#[test]
fn windows_does_not_run_on_arm64() {
    let arm = size("Standard_D4ps_v5");
    assert_eq!(arm.refusal(Mode::User, OsType::Windows), Some(SizeRefusal::WindowsOnArm64));
    assert_eq!(arm.refusal(Mode::User, OsType::Linux), None);
}

#[test]
fn gpu_instances_need_a_card_that_can_be_cut() {
    assert!(size("Standard_NC24ads_A100_v4").supports_gpu_instances());
    assert!(size("Standard_ND96isr_H200_v5").supports_gpu_instances());
    assert!(!size("Standard_NC4as_T4_v3").supports_gpu_instances());
    assert!(!size("Standard_D4s_v5").supports_gpu_instances());
    assert_eq!(GpuInstanceProfile::ALL.map(GpuInstanceProfile::instances_per_gpu), [7, 3, 2, 1, 1]);
    assert_eq!(GpuInstanceProfile::from_name("MIG2g"), Some(GpuInstanceProfile::Mig2g));
    assert_eq!(GpuInstanceProfile::from_name("MIG5g"), None);
}

#[test]
fn a_resize_keeps_architecture_generation_and_the_lack_of_gpus() {
    let refusal = |from, to| size(from).resize_refusal(size(to));
    assert_eq!(refusal("Standard_D4s_v5", "Standard_D8s_v5"), None);
    assert_eq!(refusal("Standard_D4s_v5", "Standard_D4ps_v5"), Some(ResizeRefusal::Arch));
    assert_eq!(refusal("Standard_D4s_v3", "Standard_D4_v3"), Some(ResizeRefusal::Generation));
    assert_eq!(refusal("Standard_D4s_v5", "Standard_NC4as_T4_v3"), Some(ResizeRefusal::GainsGpu));
}

#[test]
fn os_disk_default_grows_with_vcpus_and_ephemeral_needs_a_temp_disk() {
    let by_vcpu = [(1, 128), (7, 128), (8, 256), (15, 256), (16, 512), (63, 512), (64, 1024), (416, 1024)];
    for (vcpu, disk_gib) in by_vcpu {
        assert_eq!(default_os_disk_gib(vcpu), disk_gib);
    }
    assert!(size("Standard_D4ds_v5").supports_ephemeral(150));
    assert!(!size("Standard_D4ds_v5").supports_ephemeral(151));
    assert!(!size("Standard_D4s_v5").supports_ephemeral(30));
    assert!(!size("Standard_B2s").supports_ephemeral(30));
}

#[test]
fn image_variant_follows_architecture_and_generation() {
    assert_eq!(size("Standard_D4s_v5").image_variant(), ImageVariant::Gen2);
    assert_eq!(size("Standard_D4_v3").image_variant(), ImageVariant::Gen1);
    assert_eq!(size("Standard_D4ps_v5").image_variant(), ImageVariant::Gen2Arm64);
}
