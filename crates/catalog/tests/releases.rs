//! Kubernetes versions, OS SKUs, node images, reservations.
//!
//! Expected values are those of aks-semantics 1.5, 1.11 and 4.1 and of the published release notes.
//! Not here: the unit-free arithmetic of memory reservations (unit test of reservation).

use nodelane_catalog::{
    Catalog, ImageVariant, NetworkPlugin, OsSku, OsSkuRefusal, Support, Version, allocatable, capacity, kube_reserved_cpu_milli,
};
use nodelane_model::pool::OsType;

const MIB: i64 = 1 << 20;

fn catalog() -> Catalog {
    Catalog::default()
}

fn version(text: &str) -> Version {
    text.parse().unwrap_or_else(|_| panic!("{text} is a version"))
}

fn texts(versions: Vec<Version>) -> Vec<String> {
    versions.iter().map(Version::to_string).collect()
}

#[test]
fn versions_parse_and_order_by_number() {
    assert_eq!(version("v1.34.9"), Version::new(1, 34, 9));
    assert!(version("1.34.10") > version("1.34.9"));
    assert_eq!(version("1.34.9").kubelet_version(), "v1.34.9");
    for bad in ["", "1", "1.34", "1.34.9.1", "1.34.x", "1.+34.9", "1.034.9", "vv1.34.9", "1.34.", " 1.34.9", "1.34.99999999999"] {
        assert!(bad.parse::<Version>().is_err(), "{bad}");
    }
}

#[test]
fn four_minors_of_at_least_two_patches_are_on_offer() {
    let releases = catalog().releases();
    assert!(releases.is_sorted_by_key(|release| release.version));
    for minor in 33..=36 {
        let of_minor: Vec<_> = releases.iter().filter(|release| release.version.minor == minor).collect();
        assert!(of_minor.len() >= 2);
        let support = if minor == 33 { Support::PlatformOnly } else { Support::GenerallyAvailable };
        assert!(of_minor.iter().all(|release| release.support == support));
        assert_eq!(catalog().newest_patch(minor), of_minor.last().map(|release| release.version));
    }
    assert_eq!(catalog().newest_patch(32), None);
}

#[test]
fn an_alias_names_the_newest_patch_and_the_default_is_the_second_newest_minor() {
    assert_eq!(catalog().resolve_version("1.34"), Some(version("1.34.9")));
    assert_eq!(catalog().resolve_version("v1.34"), Some(version("1.34.9")));
    assert_eq!(catalog().resolve_version("1.34.8"), Some(version("1.34.8")));
    for unknown in ["1.34.99", "1.20.7", "1.99", "2.34", "1", "", "latest"] {
        assert_eq!(catalog().resolve_version(unknown), None, "{unknown}");
    }
    assert_eq!(catalog().default_version(), version("1.35.6"));
}

#[test]
fn upgrades_go_one_minor_at_a_time() {
    assert_eq!(texts(catalog().upgrades_from(version("1.34.8"))), ["1.34.9", "1.35.4", "1.35.5", "1.35.6"]);
    assert_eq!(texts(catalog().upgrades_from(version("1.32.11"))), ["1.33.11", "1.33.12", "1.33.13"]);
    assert_eq!(texts(catalog().upgrades_from(version("1.36.1"))), ["1.36.2"]);
    assert!(catalog().upgrades_from(version("1.36.2")).is_empty());
}

#[test]
fn an_unsupported_version_upgrades_to_the_lowest_supported_minor() {
    assert_eq!(texts(catalog().upgrades_from(version("1.29.0"))), ["1.34.7", "1.34.8", "1.34.9"]);
}

#[test]
fn moving_os_names_follow_the_kubernetes_version() {
    assert_eq!(OsSku::Ubuntu.effective(version("1.34.9")), Ok(OsSku::Ubuntu2204));
    assert_eq!(OsSku::Ubuntu.effective(version("1.35.4")), Ok(OsSku::Ubuntu2404));
    assert_eq!(OsSku::AzureLinux.effective(version("1.33.13")), Ok(OsSku::AzureLinux3));
    assert_eq!(OsSku::default_for(OsType::Linux, version("1.36.0")), OsSku::Ubuntu);
    assert_eq!(OsSku::default_for(OsType::Windows, version("1.35.6")), OsSku::Windows2022);
    assert_eq!(OsSku::default_for(OsType::Windows, version("1.36.0")), OsSku::Windows2025);
}

#[test]
fn os_skus_are_allowed_in_the_documented_ranges() {
    let ranges = [
        (OsSku::Ubuntu2204, 25, 36),
        (OsSku::Ubuntu2404, 32, 38),
        (OsSku::AzureLinux3, 28, 36),
        (OsSku::AzureLinuxOsGuard, 32, 99),
        (OsSku::AzureContainerLinux, 34, 99),
        (OsSku::Windows2022, 23, 36),
        (OsSku::Windows2025, 32, 99),
    ];
    for (os_sku, first, last) in ranges {
        for minor in 20..100 {
            assert_eq!(os_sku.is_allowed(Version::new(1, minor, 0)), (first..=last).contains(&minor), "{os_sku:?} {minor}");
        }
    }
    let first_minor = OsSkuRefusal::VersionTooOld { first_minor: 34 };
    assert_eq!(OsSku::AzureContainerLinux.effective(version("1.33.13")), Err(first_minor));
}

#[test]
fn retired_os_skus_are_known_and_refused() {
    for name in ["CBLMariner", "Mariner", "Flatcar", "Windows2019", "WindowsAnnual"] {
        let os_sku = OsSku::from_name(name).unwrap();
        assert_eq!(os_sku.effective(version("1.34.9")), Err(OsSkuRefusal::Retired));
    }
    assert_eq!(OsSku::from_name("azurelinuxosguard"), Some(OsSku::AzureLinuxOsGuard));
    assert_eq!(OsSku::from_name("Debian"), None);
}

#[test]
fn every_effective_os_sku_has_dated_images_in_order() {
    let versions = catalog().releases().iter().map(|release| release.version);
    let effective = versions.flat_map(|version| OsSku::ALL.map(|os_sku| os_sku.effective(version))).flatten();
    for os_sku in effective {
        let images = catalog().images(os_sku);
        assert!(images.len() >= 4, "{os_sku:?}");
        assert!(images.is_sorted_by_key(|image| date(image.release)), "{os_sku:?}");
        assert_eq!(catalog().newest_image(os_sku), images.last());
        for image in images {
            for variant in [ImageVariant::Gen1, ImageVariant::Gen2, ImageVariant::Gen2Arm64] {
                assert_eq!(image.version(variant).is_some(), variant.exists_for(os_sku));
                assert!(image.version(variant).is_none_or(|version| catalog().image(&version) == Some(image)));
            }
        }
    }
    assert!(catalog().images(OsSku::Ubuntu).is_empty());
}

/// `YYYYMM`, day and patch, or on Windows `YYMMDD` after the build.
fn date(release: &str) -> Vec<u32> {
    let numbers: Vec<u32> = release.split('.').map(|part| part.parse().unwrap()).collect();
    if numbers[0] > 200_000 { numbers } else { vec![numbers[2]] }
}

#[test]
fn image_versions_are_spelled_as_aks_spells_them() {
    let newest = |os_sku, variant| catalog().newest_image(os_sku).unwrap().version(variant);
    let spelled = [
        (OsSku::Ubuntu2204, ImageVariant::Gen2, "AKSUbuntu-2204gen2containerd-202607.09.0"),
        (OsSku::Ubuntu2204, ImageVariant::Gen1, "AKSUbuntu-2204containerd-202607.09.0"),
        (OsSku::Ubuntu2404, ImageVariant::Gen2Arm64, "AKSUbuntu-2404gen2arm64containerd-202607.09.0"),
        (OsSku::AzureLinux3, ImageVariant::Gen2, "AKSAzureLinux-V3gen2-202607.09.0"),
        (OsSku::AzureLinux3, ImageVariant::Gen2Arm64, "AKSAzureLinux-V3gen2arm64-202607.09.0"),
        (OsSku::AzureContainerLinux, ImageVariant::Gen2, "AKSAzureContainerLinux-202607.09.0"),
        (OsSku::Windows2022, ImageVariant::Gen2, "AKSWindows-2022-containerd-20348.5386.260715"),
        (OsSku::Windows2025, ImageVariant::Gen2, "AKSWindows-2025-gen2-26100.33158.260715"),
    ];
    for (os_sku, variant, version) in spelled {
        assert_eq!(newest(os_sku, variant).as_deref(), Some(version));
    }
    assert_eq!(newest(OsSku::Windows2022, ImageVariant::Gen2Arm64), None);
    assert_eq!(catalog().image("AKSUbuntu-2404gen2containerd-20348.5386.260715"), None);
}

#[test]
fn a_node_reports_what_its_image_carries() {
    let image = catalog().image("AKSUbuntu-2204gen2containerd-202604.24.0").unwrap();
    assert_eq!(image.container_runtime_version(), "containerd://1.7.31-1");
    assert_eq!((image.kernel_version, image.os_image), ("5.15.0-1110-azure", "Ubuntu 22.04.5 LTS"));
}

#[test]
fn cpu_reservation_is_that_of_the_documented_table() {
    let table = [(1, 60), (2, 100), (4, 140), (8, 180), (16, 260), (32, 420), (64, 740)];
    for (vcpu, milli) in table {
        assert_eq!(kube_reserved_cpu_milli(vcpu), milli);
    }
}

#[test]
fn allocatable_is_capacity_less_reservations_and_eviction_thresholds() {
    let size = catalog().size("Standard_D4s_v5").unwrap();
    let has = capacity(size, 128, 110);
    assert_eq!((has.cpu_milli, has.memory_bytes, has.pods), (4000, 16 * 1024 * MIB, 110));
    assert_eq!(has.ephemeral_bytes, 128 * 1024 * MIB);
    let gives = allocatable(size, OsType::Linux, version("1.34.9"), 128, 110);
    assert_eq!((gives.cpu_milli, gives.pods), (3860, 110));
    assert_eq!(gives.memory_bytes, (16 * 1024 - (20 * 110 + 50) - 100) * MIB);
    assert_eq!(gives.ephemeral_bytes, 128 * 1024 * MIB * 9 / 10);
}

#[test]
fn windows_keeps_two_gib_more_and_old_versions_reserve_in_tiers() {
    let size = catalog().size("Standard_D2s_v5").unwrap();
    let memory_mib = |os, text| allocatable(size, os, version(text), 128, 30).memory_bytes / MIB;
    assert_eq!(memory_mib(OsType::Linux, "1.34.9"), 8192 - 650 - 100);
    assert_eq!(memory_mib(OsType::Windows, "1.34.9"), 8192 - 650 - 100 - 2048);
    // 25 % of the first 4 GiB and 20 % of the next: 1843.2 MiB, and 750 for eviction.
    assert_eq!(memory_mib(OsType::Linux, "1.28.9"), 8192 - 1843 - 750);
}

#[test]
fn no_size_has_less_than_nothing_to_hand_out() {
    for size in catalog().sizes() {
        for os in [OsType::Linux, OsType::Windows] {
            let gives = allocatable(size, os, version("1.34.9"), 128, 250);
            let has = capacity(size, 128, 250);
            assert!(gives.cpu_milli > 0 && gives.cpu_milli < has.cpu_milli, "{}", size.name);
            assert!(gives.memory_bytes >= 0 && gives.memory_bytes < has.memory_bytes, "{}", size.name);
        }
    }
}

#[test]
fn max_pods_defaults_follow_the_network_plugin() {
    let plugins = [
        (NetworkPlugin::AzureOverlay, 250),
        (NetworkPlugin::AzurePodSubnet, 110),
        (NetworkPlugin::AzureNodeSubnet, 30),
        (NetworkPlugin::Kubenet, 110),
    ];
    for (plugin, max_pods) in plugins {
        assert_eq!(plugin.default_max_pods(), max_pods);
    }
}
