//! Every rule about values, refused just outside of its bound and accepted just inside (aks-semantics sections 1 to 4).
//!
//! Codes and sentences of the refusals are tested in the room `arm`.

use super::{Bench, cluster_spec, refusal, spec};
use crate::admit::Policy;
use nodelane_model::Kind;
use nodelane_model::budget::IntOrPercent;
use nodelane_model::operation::Outcome;
use nodelane_model::pool::{Mode, OsType, PoolSpec, Power, Priority, Undrainable};
use nodelane_model::refusal::PoolRefusal;
use serde_json::json;

type Change = fn(&mut PoolSpec);

fn system(spec: &mut PoolSpec) {
    spec.mode = Mode::System;
}
fn windows(spec: &mut PoolSpec) {
    spec.os_type = OsType::Windows;
    spec.os_sku = "Windows2022".into();
}
fn spot(spec: &mut PoolSpec) {
    spec.priority = Priority::Spot;
    spec.eviction_policy = "Delete".into();
    spec.spot_max_price = "-1".into();
}
fn scaling(spec: &mut PoolSpec) {
    spec.enable_auto_scaling = true;
    (spec.min_count, spec.max_count) = (Some(1), Some(3));
}
fn label(spec: &mut PoolSpec, key: &str, value: &str) {
    spec.node_labels.insert(key.into(), value.into());
}
fn surge(spec: &mut PoolSpec, surge: &str, unavailable: &str) {
    spec.upgrade_settings.max_surge = IntOrPercent::parse(surge);
    spec.upgrade_settings.max_unavailable = IntOrPercent::parse(unavailable);
}

const REFUSED: &[(&str, &str, Change)] = &[
    ("N-1", "BadName", |_| ()),
    ("N-1", "1abc", |_| ()),
    ("N-1", "abcdefghijklm", |_| ()),
    ("N-1", "", |_| ()),
    ("N-1", "a-b", |_| ()),
    ("N-2", "win2022", windows),
    ("N-4", "aksmanagedap", |_| ()),
    ("L-4", "np1", |spec| spec.count = 1001),
    ("L-4", "np1", |spec| {
        system(spec);
        spec.count = 0;
    }),
    ("P-1", "np1", |spec| spec.max_pods = 9),
    ("P-1", "np1", |spec| spec.max_pods = 251),
    ("P-1", "np1", |spec| (spec.max_pods, spec.count) = (10, 2)),
    ("V-1", "np1", |spec| spec.vm_size = "Standard_DS1_v2".into()),
    ("V-2", "np1", |spec| {
        system(spec);
        spec.vm_size = "Standard_DS1_v2".into();
    }),
    ("V-4", "np1", |spec| spec.vm_size = "Standard_Nope".into()),
    ("V-4", "np1", |spec| spec.vm_size = "Standard_D11_v2_Promo".into()), // Not sold in eastus.
    ("V-6", "np1", |spec| spec.vm_size = "Standard_NC6".into()),
    ("O-2", "np1", |spec| {
        spec.vm_size = "Standard_A4_v2".into(); // Generation 1, for which AzureContainerLinux has no image.
        spec.os_sku = "AzureContainerLinux".into();
    }),
    ("S-1", "np1", |spec| {
        spot(spec);
        spec.vm_size = "Standard_B12ms".into();
    }),
    ("V-7", "win1", |spec| {
        windows(spec);
        spec.vm_size = "Standard_D4ps_v5".into();
    }),
    ("V-8", "np1", |spec| spec.os_disk_size_gb = 2049),
    ("V-8", "np1", |spec| spec.os_disk_type = "Ephemeral".into()),
    ("O-2", "np1", |spec| spec.os_sku = "Windows2022".into()),
    ("O-2", "np1", |spec| spec.os_sku = "Debian".into()),
    ("O-2", "win1", |spec| {
        windows(spec);
        spec.os_sku = "Windows2019".into();
    }),
    ("O-2", "np1", |spec| {
        spec.os_sku = "AzureContainerLinux".into();
        spec.orchestrator_version = "1.33".into();
    }),
    ("Z-2", "np1", |spec| spec.availability_zones = vec!["4".into()]),
    ("SP-3", "np1", |spec| {
        system(spec);
        spot(spec);
    }),
    ("SP-3", "win1", |spec| {
        system(spec);
        windows(spec);
    }),
    ("SP-3", "np1", |spec| {
        system(spec);
        scaling(spec);
        spec.min_count = Some(0);
    }),
    ("SP-3", "np1", |spec| {
        system(spec);
        surge(spec, "0", "1");
    }),
    ("ST-1", "np1", |spec| spec.power = Power::Stopped),
    ("S-2", "np1", |spec| {
        spot(spec);
        spec.spot_max_price = "-2".into();
    }),
    ("S-2", "np1", |spec| {
        spot(spec);
        spec.spot_max_price = "0.123456".into();
    }),
    ("S-2", "np1", |spec| {
        spot(spec);
        spec.spot_max_price = "0".into();
    }),
    ("S-2", "np1", |spec| spec.spot_max_price = "0.5".into()),
    ("S-4", "np1", |spec| {
        spot(spec);
        spec.upgrade_settings.max_surge = Some(IntOrPercent::Percent(10));
    }),
    ("LB-3", "np1", |spec| label(spec, "-a", "b")),
    ("LB-3", "np1", |spec| label(spec, "a", &"x".repeat(64))),
    ("LB-3", "np1", |spec| label(spec, &"x".repeat(64), "")),
    ("LB-3", "np1", |spec| label(spec, "/a", "b")),
    ("LB-3", "np1", |spec| label(spec, "A.b/a", "b")),
    ("LB-4", "np1", |spec| label(spec, "kubernetes.azure.com/x", "1")),
    ("LB-4", "np1", |spec| label(spec, "kubernetes.azure.com/scalesetpriority", "spot")),
    ("LB-5", "np1", |spec| label(spec, "kubernetes.io/x", "1")),
    ("LB-5", "np1", |spec| label(spec, "foo.k8s.io/x", "1")),
    ("LB-1", "np1", |spec| label(spec, "agentpool", "x")),
    ("T-1", "np1", |spec| spec.node_taints = vec!["lane".into()]),
    ("T-1", "np1", |spec| spec.node_taints = vec!["a=b:Sometimes".into()]),
    ("T-1", "np1", |spec| spec.node_taints = vec!["k=:NoSchedule".into()]),
    ("T-2", "np1", |spec| {
        system(spec);
        spec.node_taints = vec!["a=b:NoSchedule".into()];
    }),
    ("MS-2", "np1", |spec| (spec.min_count, spec.max_count) = (Some(1), Some(3))),
    ("MS-2", "np1", |spec| {
        scaling(spec);
        spec.min_count = Some(4);
    }),
    ("MS-2", "np1", |spec| {
        scaling(spec);
        spec.max_count = Some(1001);
    }),
    ("MS-2", "np1", |spec| {
        scaling(spec);
        spec.max_count = None;
    }),
    ("MS-2", "np1", |spec| {
        scaling(spec);
        (spec.min_count, spec.max_count) = (Some(0), Some(0));
    }),
    ("UV-1", "np1", |spec| spec.orchestrator_version = "1.36".into()),
    ("UV-4", "np1", |spec| spec.orchestrator_version = "1.20.7".into()),
    ("US-3", "np1", |spec| surge(spec, "1", "1")),
    ("US-3", "np1", |spec| surge(spec, "0", "0")),
    ("UD-1", "np1", |spec| spec.upgrade_settings.drain_timeout_in_minutes = Some(1441)),
    ("UD-1", "np1", |spec| spec.upgrade_settings.node_soak_duration_in_minutes = Some(31)),
    ("M-4", "np1", |spec| spec.mode = Mode::Gateway),
    ("M-5", "np1", |spec| spec.kind = "VirtualMachines".into()),
    ("E2", "np1", |spec| (spec.vm_size, spec.count) = ("Standard_D96s_v5".into(), 1000)),
];

const ACCEPTED: &[(&str, &str, Change)] = &[
    ("N-1", "abcdefghijkl", |_| ()),
    ("N-2", "win202", windows),
    ("N-2", "win2022", |_| ()),
    ("L-2", "np1", |spec| spec.count = 0),
    ("L-2", "np1", |spec| spec.count = 1000),
    ("L-3", "np1", system),
    ("P-1", "np1", |spec| (spec.max_pods, spec.count) = (10, 3)),
    ("P-1", "np1", |spec| {
        system(spec);
        (spec.max_pods, spec.count) = (29, 2);
    }),
    ("V-3", "np1", |spec| {
        system(spec);
        spec.vm_size = "Standard_B2s".into();
    }),
    ("V-8", "np1", |spec| spec.os_disk_size_gb = 2048),
    ("O-2", "np1", |spec| spec.os_sku = "Ubuntu2404".into()),
    ("O-2", "np1", |spec| spec.os_sku = "AzureLinux".into()),
    ("Z-1", "np1", |spec| spec.availability_zones = vec!["3".into(), "1".into()]),
    ("S-2", "np1", |spec| {
        spot(spec);
        spec.spot_max_price = "0.12345".into();
    }),
    ("LB-4", "np1", |spec| {
        spot(spec);
        label(spec, "kubernetes.azure.com/scalesetpriority", "spot");
    }),
    ("LB-5", "np1", |spec| label(spec, "node.kubernetes.io/x", "1")),
    ("LB-3", "np1", |spec| label(spec, "a", &"x".repeat(63))),
    ("LB-3", "np1", |spec| label(spec, "a.b/c_d.e", "")),
    ("T-2", "np1", |spec| {
        system(spec);
        spec.node_taints = vec!["CriticalAddonsOnly=true:NoSchedule".into()];
    }),
    ("T-2", "np1", |spec| {
        system(spec);
        spec.node_taints = vec!["a=b:PreferNoSchedule".into()];
    }),
    ("MS-2", "np1", |spec| {
        scaling(spec);
        spec.min_count = Some(0);
    }),
    ("UV-2", "np1", |spec| spec.orchestrator_version = "1.33".into()),
    ("US-3", "np1", |spec| surge(spec, "0", "1")),
    ("UD-1", "np1", |spec| {
        spec.upgrade_settings.drain_timeout_in_minutes = Some(1);
        spec.upgrade_settings.node_soak_duration_in_minutes = Some(30);
        spec.upgrade_settings.undrainable_node_behavior = Some(Undrainable::Cordon);
    }),
];

#[test]
fn values_outside_of_a_bound_are_refused_by_its_rule() {
    let mut wrong = Vec::new();
    for (rule, name, change) in REFUSED {
        let mut pool = spec();
        change(&mut pool);
        let found = match Bench::new().put(name, pool) {
            Err(nodelane_model::Refusal::Pool(refusal)) => refusal.rule().to_owned(),
            other => format!("{other:?}"),
        };
        if found != *rule {
            wrong.push(format!("{rule} {name}: {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[cfg(feature = "rules-off")]
#[test]
fn a_rule_that_is_off_refuses_nothing_and_the_others_stand() {
    for (rule, name, change) in REFUSED {
        let mut bench = Bench::new();
        bench.env.rule_off = (*rule).into();
        let mut pool = spec();
        change(&mut pool);
        if let Err(nodelane_model::Refusal::Pool(refusal)) = bench.put(name, pool) {
            assert_ne!(refusal.rule(), *rule, "{name}");
        }
        let other = if *rule == "N-1" { ("L-4", "np1", 1001) } else { ("N-1", "Bad", 1) };
        let answer = refusal(bench.put(other.1, PoolSpec { count: other.2, ..spec() }));
        assert_eq!(answer.rule(), if *rule == "L-4" { "N-1" } else { other.0 });
    }
}

#[test]
fn values_inside_of_a_bound_are_accepted() {
    for (rule, name, change) in ACCEPTED {
        let mut pool = spec();
        change(&mut pool);
        let answer = Bench::new().put(name, pool);
        assert!(answer.is_ok_and(|accepted| accepted.created), "{rule} {name}");
    }
}

#[test]
fn the_quota_of_a_resize_is_for_what_all_machines_need_at_last() {
    // M-3, US-5: three system machines and three of the pool, of 2 vCPUs each, hold 12; three and a surge machine of 4 need 16, less the
    // 6 that go. Another family has all of it on top: three and a surge machine of 2.
    for (size, limit) in [("Standard_D4s_v5", 12 + 10), ("Standard_E2s_v5", 8)] {
        for (limit, fits) in [(limit - 1, false), (limit, true)] {
            let mut bench = Bench::new();
            bench.made("np", PoolSpec { count: 3, ..spec() });
            bench.origin.api_version = "2026-01-02-preview".into();
            bench.env.quotas.any_family = limit;
            let mut changed = bench.spec("np");
            changed.vm_size = size.into();
            match bench.put("np", changed) {
                Ok(_) => assert!(fits, "{size} {limit}"),
                Err(nodelane_model::Refusal::Pool(PoolRefusal::FamilyQuota { .. })) => assert!(!fits, "{size} {limit}"),
                other => panic!("{size} {limit}: {other:?}"),
            }
        }
    }
}

#[test]
fn fixed_properties_do_not_change_and_their_echo_is_no_change() {
    let spotted = |spec: &mut PoolSpec| spot(spec);
    let cases: [(&str, Change, Change); 17] = [
        ("vmSize", |_| (), |spec| spec.vm_size = "Standard_D4s_v5".into()),
        ("osType", |_| (), |spec| spec.os_type = OsType::Windows),
        ("osDiskSizeGB", |_| (), |spec| spec.os_disk_size_gb = 256),
        ("osDiskType", |_| (), |spec| spec.os_disk_type = "Ephemeral".into()),
        ("maxPods", |_| (), |spec| spec.max_pods = 60),
        ("availabilityZones", |spec| spec.availability_zones = vec!["1".into()], |spec| spec.availability_zones = vec!["2".into()]),
        ("type", |_| (), |spec| spec.kind = "VirtualMachines".into()),
        ("scaleSetPriority", |_| (), spotted),
        ("scaleSetEvictionPolicy", spotted, |spec| spec.eviction_policy = "Deallocate".into()),
        ("spotMaxPrice", spotted, |spec| spec.spot_max_price = "0.5".into()),
        ("kubeletDiskType", |spec| rest(spec, "kubeletDiskType", json!("OS")), |spec| rest(spec, "kubeletDiskType", json!("Temporary"))),
        ("enableNodePublicIP", |_| (), |spec| rest(spec, "enableNodePublicIP", json!(true))),
        ("enableEncryptionAtHost", |_| (), |spec| rest(spec, "enableEncryptionAtHost", json!(true))),
        ("enableUltraSSD", |_| (), |spec| rest(spec, "enableUltraSSD", json!(true))),
        ("workloadRuntime", |_| (), |spec| rest(spec, "workloadRuntime", json!("KataVmIsolation"))),
        ("vnetSubnetID", |_| (), |spec| rest(spec, "vnetSubnetID", json!("/subscriptions/s/x"))),
        ("kubeletConfig", |_| (), |spec| rest(spec, "kubeletConfig", json!({"podMaxPids": 100}))),
    ];
    for (property, made, change) in cases {
        let mut bench = Bench::new();
        let mut pool = spec();
        made(&mut pool);
        bench.made("fixed", pool);
        let mut changed = bench.spec("fixed");
        change(&mut changed);
        let expected = PoolRefusal::PropertyChange { rule: "M-1", property: format!("properties.{property}").into() };
        assert_eq!(refusal(bench.put("fixed", changed)), expected);
        let echo = bench.spec("fixed");
        assert_eq!(bench.put("fixed", echo).unwrap().operation, None, "{property}");
    }
}

fn rest(spec: &mut PoolSpec, key: &str, value: serde_json::Value) {
    spec.rest.insert(key.into(), value);
}

#[test]
fn empty_values_of_a_fixed_property_are_one() {
    let mut bench = Bench::new();
    bench.made("fixed", spec());
    let empty = [json!(null), json!(""), json!(false), json!(0), json!([]), json!({})].map(|value| ("kubeletDiskType", value));
    for (key, value) in empty.into_iter().chain([("workloadRuntime", json!("OCIContainer"))]) {
        let mut echo = bench.spec("fixed");
        rest(&mut echo, key, value.clone());
        assert!(bench.put("fixed", echo).is_ok(), "{value}");
        bench.settle("fixed", Outcome::Succeeded);
    }
}

#[test]
fn a_pool_becomes_system_only_if_it_could_have_been_made_so() {
    let cases: [(&str, Change); 6] = [
        ("SP-3", spot),
        ("V-2", |spec| spec.vm_size = "Standard_B2ts_v2".into()),
        ("V-2", |spec| spec.vm_size = "Standard_B2ats_v2".into()),
        ("T-2", |spec| spec.node_taints = vec!["a=b:NoSchedule".into()]),
        ("L-4", |spec| spec.count = 0),
        ("SP-3", windows),
    ];
    for (rule, made) in cases {
        let mut pool = spec();
        made(&mut pool);
        let mut bench = Bench::new();
        if bench.put("user", pool).is_err() {
            continue; // Not every region has the small sizes: the others prove the rule.
        }
        bench.boot("user");
        bench.settle("user", Outcome::Succeeded);
        let changed = PoolSpec { mode: Mode::System, ..bench.spec("user") };
        assert_eq!(refusal(bench.put("user", changed)).rule(), rule);
    }
}

#[test]
fn quota_counts_every_pool_of_the_family_and_what_other_clusters_have() {
    let mut bench = Bench::new();
    // The system pool has 3 machines of 2 vCPUs: 6 of the family's 20, 4 are used elsewhere, 10 are left.
    bench.env.quotas.families.insert("standardDSv5Family".into(), 20);
    bench.env.used_elsewhere.insert("standardDSv5Family".into(), 4);
    let expected =
        PoolRefusal::FamilyQuota { requested: 12, remaining: 10, family: "standardDSv5Family".into(), location: "eastus".into() };
    assert_eq!(refusal(bench.put("np1", PoolSpec { count: 6, ..spec() })), expected);
    bench.made("np1", PoolSpec { count: 5, ..spec() });
    let more = PoolSpec { count: 6, ..bench.spec("np1") };
    assert!(matches!(refusal(bench.put("np1", more)), PoolRefusal::FamilyQuota { requested: 2, remaining: 0, .. }));
    let fewer = PoolSpec { count: 4, ..bench.spec("np1") };
    assert!(bench.put("np1", fewer).is_ok(), "fewer machines need nothing");
}

#[test]
fn the_regions_quota_counts_every_family() {
    let mut bench = Bench::new();
    bench.env.quotas.region = 9;
    let mut other = PoolSpec { count: 1, vm_size: "Standard_D4as_v5".into(), ..spec() };
    let expected = PoolRefusal::RegionQuota { requested: 4, remaining: 3, location: "eastus".into() };
    assert_eq!(refusal(bench.put("np1", other.clone())), expected);
    other.vm_size = "Standard_D2as_v5".into();
    assert!(bench.put("np1", other).is_ok());
}

#[test]
fn an_upgrade_needs_quota_for_its_surge() {
    let mut bench = Bench::new();
    bench.made("np1", PoolSpec { count: 4, orchestrator_version: "1.34".into(), ..spec() });
    bench.env.quotas.families.insert("standardDSv5Family".into(), 15); // 6 + 8 used, 1 left; a surge node needs 2.
    let upgrade = PoolSpec { orchestrator_version: "1.35".into(), ..bench.spec("np1") };
    assert!(matches!(refusal(bench.put("np1", upgrade.clone())), PoolRefusal::FamilyQuota { requested: 2, remaining: 1, .. }));
    let mut without = upgrade;
    surge(&mut without, "0", "1");
    assert!(bench.put("np1", without).is_ok(), "without surge nodes it goes");
}

#[test]
fn a_pool_too_large_for_its_surge_is_not_upgraded() {
    let mut bench = Bench::new();
    bench.made("large", PoolSpec { count: 1000, orchestrator_version: "1.34".into(), ..spec() });
    let upgrade = PoolSpec { orchestrator_version: "1.35".into(), ..bench.spec("large") };
    assert_eq!(refusal(bench.put("large", upgrade)).rule(), "L-6");
}

#[test]
fn an_overlay_has_as_many_nodes_as_blocks_of_pod_addresses() {
    // A /16 has 256 blocks of /24; the system pool takes 3 (aks-semantics P-4).
    let mut bench = Bench::new();
    bench.draft.update(&crate::admit::cluster_key(), |doc| doc.as_cluster_mut().unwrap().spec.pod_cidr = "10.244.0.0/16".into());
    let answer = refusal(bench.put("np1", PoolSpec { count: 254, ..spec() }));
    assert_eq!(
        answer,
        PoolRefusal::SubnetSize { needed: 257 * 256, available: 65_536, cidr: "10.244.0.0/16".into(), subnet: "pods".into() }
    );
    assert!(bench.put("np1", PoolSpec { count: 253, ..spec() }).is_ok());
}

#[test]
fn an_autoscaled_pool_counts_with_its_maximum_and_node_subnets_with_their_pods() {
    let mut bench = Bench::new();
    bench.draft.update(&crate::admit::cluster_key(), |doc| {
        let spec = &mut doc.as_cluster_mut().unwrap().spec;
        spec.network_plugin_mode = "".into();
        spec.node_cidr = "10.224.0.0/22".into(); // 1024 - 5; the system pool takes 3 x 251 = 753.
    });
    let mut pool = PoolSpec { max_pods: 30, ..spec() };
    scaling(&mut pool);
    pool.max_count = Some(9); // 9 x 31 = 279
    assert!(matches!(refusal(bench.put("np1", pool.clone())), PoolRefusal::SubnetSize { needed: 1032, available: 1019, .. }));
    pool.max_count = Some(8);
    assert!(bench.put("np1", pool).is_ok());
}

#[test]
fn a_pool_lags_at_most_three_minors_behind_its_control_plane() {
    let control_plane = |version: &str| {
        let mut bench = Bench::new();
        bench.draft.update(&crate::admit::cluster_key(), |doc| doc.as_cluster_mut().unwrap().state.version = version.into());
        bench.put("np1", PoolSpec { orchestrator_version: "1.33".into(), ..spec() })
    };
    assert!(control_plane("1.36.2").is_ok(), "UV-2, section 9 item 3");
    let expected = PoolRefusal::TooFarBehind { pool: "1.33.13".into(), control_plane: "1.37.0".into(), minors: 3 };
    assert_eq!(refusal(control_plane("1.37.0")), expected);
}

#[test]
fn a_system_pool_is_not_stopped_even_where_there_is_another() {
    let mut bench = Bench::new();
    bench.made("second", PoolSpec { mode: Mode::System, ..spec() });
    let stopped = PoolSpec { power: Power::Stopped, ..bench.spec("second") };
    assert_eq!(refusal(bench.put("second", stopped)).rule(), "SP-3");
}

#[test]
fn windows_needs_the_clusters_windows_profile() {
    let mut bench = Bench::new();
    bench.draft.update(&crate::admit::cluster_key(), |doc| doc.as_cluster_mut().unwrap().spec.windows = false);
    let mut pool = spec();
    windows(&mut pool);
    assert_eq!(refusal(bench.put("win1", pool)).rule(), "O-1");
}

#[test]
fn a_cluster_has_at_most_a_hundred_pools() {
    let mut bench = Bench::new();
    for number in 1..100 {
        bench.put(&format!("np{number}"), PoolSpec { count: 0, ..spec() }).unwrap();
    }
    assert_eq!(refusal(bench.put("np100", PoolSpec { count: 0, ..spec() })).rule(), "L-1");
}

#[test]
fn the_policy_of_a_subscription_refuses_what_it_does_not_allow() {
    let mut bench = Bench::new();
    bench.env.policy = Some(Policy {
        allowed_sizes: vec!["standard_d2s_v5".into()],
        required_tags: vec!["team".into()],
        name_pattern: "lane*".into(),
        allowed_regions: vec!["eastus".into()],
    });
    let tagged = || {
        let mut pool = spec();
        pool.tags.insert("Team".into(), "night".into());
        pool
    };
    assert_eq!(refusal(bench.put("lane1", spec())).rule(), "E9", "a tag is missing");
    assert_eq!(refusal(bench.put("np1", tagged())).rule(), "E9", "the name");
    assert_eq!(refusal(bench.put("lane1", PoolSpec { vm_size: "Standard_D4s_v5".into(), ..tagged() })).rule(), "E9", "the size");
    assert!(bench.put("lane1", tagged()).is_ok());
    let elsewhere = nodelane_model::cluster::ClusterSpec { location: "westus".into(), ..cluster_spec() };
    assert!(bench.put_cluster(elsewhere, Vec::new()).is_err());
}

#[test]
fn a_budget_that_never_lets_a_pod_go_is_found_before_the_roll() {
    let mut bench = Bench::new();
    bench.made("np1", PoolSpec { orchestrator_version: "1.34".into(), ..spec() });
    let pod = json!({"metadata": {"name": "p", "namespace": "default", "labels": {"app": "stuck"}}, "spec": {"nodeName": "np1-0"}});
    let budget = json!({"metadata": {"name": "stuck", "namespace": "default"},
                        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "stuck"}}}});
    for (kind, value) in [(Kind::Pod, pod), (Kind::PodDisruptionBudget, budget)] {
        let doc = nodelane_model::codec::from_value(kind, &value).unwrap();
        bench.draft.create(doc.key.clone(), doc.meta.clone(), doc.body.clone());
    }
    let upgrade = PoolSpec { orchestrator_version: "1.35".into(), ..bench.spec("np1") };
    assert_eq!(refusal(bench.put("np1", upgrade)), PoolRefusal::UnsatisfiableBudgets(vec!["default/stuck".into()]));
}
