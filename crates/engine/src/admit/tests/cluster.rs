//! Clusters: made, changed, upgraded, stopped, started and deleted.
//!
//! A refused request leaves nothing behind, neither of the cluster nor of its pools.

use super::{Bench, cluster_spec, refusal, spec};
use crate::admit::Env;
use nodelane_model::cluster::ClusterSpec;
use nodelane_model::operation::{ClusterPhase, Outcome, Progress};
use nodelane_model::pool::{Mode, PoolSpec, Power, Priority};
use nodelane_model::refusal::PoolRefusal;
use nodelane_model::{Change, Cluster, Name, Origin, Time};
use nodelane_world::{Draft, World};

fn empty() -> Bench {
    let draft = Draft::new(World::new(7), Time(0));
    Bench { draft, env: Env::default(), origin: Origin::default() }
}

fn system() -> PoolSpec {
    PoolSpec { mode: Mode::System, ..spec() }
}

fn cluster(bench: &Bench) -> Cluster {
    bench.draft.world.cluster().unwrap().clone()
}

fn progress(bench: &Bench) -> Progress {
    cluster(bench).state.operation.unwrap().progress
}

#[test]
fn a_cluster_is_made_with_its_pools() {
    let mut bench = empty();
    let accepted = bench.put_cluster(cluster_spec(), vec![("system".into(), system()), ("np1".into(), spec())]).unwrap();
    assert!(accepted.created && accepted.operation.is_some());
    assert_eq!((cluster(&bench).state.version.as_str(), progress(&bench)), ("1.35.6", Progress::Cluster(ClusterPhase::Creating)));
    for name in ["system", "np1"] {
        assert_eq!((bench.pool(name).state.version.as_str(), bench.state(name)), ("1.35.6", "Creating"), "UV-7");
    }
}

#[test]
fn a_cluster_is_not_made_without_a_system_pool_or_with_a_pool_that_no_rule_takes() {
    let cases: [(&str, Vec<(Name, PoolSpec)>); 4] = [
        ("SP-1", vec![]),
        ("SP-1", vec![("np1".into(), spec())]),
        ("N-1", vec![("system".into(), system()), ("Bad".into(), spec())]),
        ("UV-6", vec![("system".into(), PoolSpec { orchestrator_version: "1.34".into(), ..system() })]),
    ];
    for (rule, pools) in cases {
        let mut bench = empty();
        assert_eq!(refusal(bench.put_cluster(cluster_spec(), pools)).rule(), rule);
        assert!(bench.draft.world.is_empty(), "{rule}: a refusal leaves nothing behind");
    }
}

#[test]
fn names_and_versions_of_clusters_are_those_that_azure_takes() {
    let spec = |name: &str, version: &str| ClusterSpec { name: name.into(), kubernetes_version: version.into(), ..cluster_spec() };
    for (rule, spec) in [
        ("N-6", spec("-a", "1.35")),
        ("N-6", spec("a b", "1.35")),
        ("N-6", spec(&"a".repeat(64), "1.35")),
        ("N-6", ClusterSpec { resource_group: "g".repeat(75).into(), ..cluster_spec() }),
        ("UV-4", spec("dev", "1.20")),
        ("V-4", ClusterSpec { location: "nowhere".into(), ..cluster_spec() }),
    ] {
        assert_eq!(refusal(empty().put_cluster(spec, vec![("system".into(), system())])).rule(), rule);
    }
}

#[test]
fn an_equal_put_is_nothing_to_do_and_a_change_moves_every_etag() {
    let mut bench = Bench::new();
    let pools = vec![("system".into(), bench.spec("system"))];
    let same = cluster(&bench).spec;
    assert_eq!(bench.put_cluster(same.clone(), pools.clone()).unwrap().operation, None);
    let before = (cluster(&bench).state.etag, bench.pool("system").state.etag);
    let mut tagged = same;
    tagged.tags.insert("a".into(), "b".into());
    bench.put_cluster(tagged, pools).unwrap();
    assert_eq!(progress(&bench), Progress::Cluster(ClusterPhase::Updating));
    assert_eq!((cluster(&bench).state.etag, bench.pool("system").state.etag), (before.0 + 1, before.1 + 1), "X-1");
}

#[test]
fn pools_and_cluster_do_not_change_at_once() {
    let mut bench = Bench::new();
    bench.made("np1", spec());
    bench.put("np1", PoolSpec { count: 3, ..bench.spec("np1") }).unwrap();
    let mut tagged = cluster(&bench).spec;
    tagged.tags.insert("a".into(), "b".into());
    let expected = PoolRefusal::ClusterBlockedByPool { pool: "np1".into(), state: "Scaling" };
    assert_eq!(refusal(bench.put_cluster(tagged.clone(), Vec::new())), expected, "LK-3");
    bench.settle("np1", Outcome::Succeeded);
    bench.put_cluster(tagged.clone(), Vec::new()).unwrap();
    let busy = PoolRefusal::ClusterBusy { state: "Updating" };
    assert_eq!(refusal(bench.put("np1", spec())), busy, "LK-2");
    assert_eq!(refusal(bench.delete("np1")), busy, "LK-2");
    assert_eq!(refusal(bench.put_cluster(tagged, Vec::new())), busy);
}

fn upgraded(bench: &Bench, version: &str) -> ClusterSpec {
    ClusterSpec { kubernetes_version: version.into(), ..cluster(bench).spec }
}

#[test]
fn the_control_plane_goes_up_one_minor_at_a_time() {
    let mut bench = empty();
    let old = ClusterSpec { kubernetes_version: "1.33".into(), ..cluster_spec() };
    bench.put_cluster(old, vec![("system".into(), system())]).unwrap();
    bench.settle("system", Outcome::Succeeded);
    bench.settle_cluster();
    let PoolRefusal::UpgradePath { rule, from, to, available } = refusal(bench.put_cluster(upgraded(&bench, "1.35"), Vec::new())) else {
        panic!("UV-3")
    };
    assert_eq!((rule, from.as_str(), to.as_str()), ("UV-3", "1.33.13", "1.35.6"));
    assert_eq!(available, ["1.34.7", "1.34.8", "1.34.9"]);
    bench.put_cluster(upgraded(&bench, "1.34"), Vec::new()).unwrap();
    assert_eq!((cluster(&bench).state.version.as_str(), progress(&bench)), ("1.34.9", Progress::Cluster(ClusterPhase::Upgrading)));
    assert_eq!(bench.pool("system").state.version, "1.33.13", "the control plane alone");
}

#[test]
fn a_full_upgrade_takes_the_pools_along_one_by_one() {
    let mut bench = Bench::new();
    bench.made("np1", spec());
    let pools = ["system", "np1"].map(|name| (name.into(), PoolSpec { orchestrator_version: "1.36".into(), ..bench.spec(name) }));
    bench.put_cluster(upgraded(&bench, "1.36"), pools.to_vec()).unwrap();
    let operation = cluster(&bench).state.operation.unwrap();
    assert_eq!(operation.victims, ["system", "np1"]);
    for name in ["system", "np1"] {
        let pool = bench.pool(name);
        assert_eq!((pool.state.version.as_str(), pool.spec.orchestrator_version.as_str()), ("1.36.2", "1.36"));
        assert!(pool.state.operation.is_none(), "each has its turn");
    }
}

#[test]
fn a_pools_version_in_a_clusters_request_is_its_own_or_the_control_planes() {
    let mut bench = Bench::new();
    bench.made("np1", PoolSpec { orchestrator_version: "1.33".into(), ..spec() });
    let third = vec![("np1".into(), PoolSpec { orchestrator_version: "1.34".into(), ..bench.spec("np1") })];
    assert_eq!(refusal(bench.put_cluster(upgraded(&bench, "1.36"), third)), PoolRefusal::PoolVersionsMixed, "UV-6");
    let to_control_plane = vec![("np1".into(), PoolSpec { orchestrator_version: "1.35".into(), ..bench.spec("np1") })];
    bench.put_cluster(cluster(&bench).spec, to_control_plane).unwrap();
    assert_eq!(cluster(&bench).state.operation.unwrap().victims, ["np1"]);
}

#[test]
fn a_full_upgrade_of_a_cluster_with_a_spot_pool_is_refused_and_of_the_control_plane_is_not() {
    let mut bench = Bench::new();
    bench.made("spot", PoolSpec { priority: Priority::Spot, eviction_policy: "Delete".into(), spot_max_price: "-1".into(), ..spec() });
    let full = vec![("system".into(), PoolSpec { orchestrator_version: "1.36".into(), ..bench.spec("system") })];
    assert_eq!(refusal(bench.put_cluster(upgraded(&bench, "1.36"), full)).rule(), "S-6");
    assert_eq!(cluster(&bench).state.version, "1.35.6", "nothing is left of the refused one");
    assert!(bench.put_cluster(upgraded(&bench, "1.36"), Vec::new()).is_ok());
}

#[test]
fn a_count_in_a_clusters_request_scales_its_pool() {
    let mut bench = Bench::new();
    let pools = vec![("system".into(), PoolSpec { count: 5, ..bench.spec("system") })];
    bench.put_cluster(cluster(&bench).spec, pools).unwrap();
    assert_eq!((progress(&bench), bench.state("system")), (Progress::Cluster(ClusterPhase::Updating), "Scaling"));
}

#[test]
fn a_stopped_cluster_takes_only_a_start_and_a_deletion() {
    let mut bench = Bench::new();
    bench.ask(&Change::StopCluster).unwrap();
    assert_eq!((cluster(&bench).spec.power, progress(&bench)), (Power::Stopped, Progress::Cluster(ClusterPhase::Stopping)));
    bench.settle_cluster();
    assert_eq!(refusal(bench.put("np1", spec())).rule(), "LK-5");
    assert_eq!(refusal(bench.put_cluster(cluster(&bench).spec, Vec::new())).rule(), "LK-5");
    assert_eq!(bench.ask(&Change::StopCluster).unwrap().operation, None, "it is stopped");
    bench.ask(&Change::StartCluster).unwrap();
    assert_eq!((cluster(&bench).spec.power, progress(&bench)), (Power::Running, Progress::Cluster(ClusterPhase::Starting)));
}

#[test]
fn a_deletion_preempts_the_clusters_operation_and_its_pools() {
    let mut bench = Bench::new();
    bench.made("np1", spec());
    let scale = bench.put("np1", PoolSpec { count: 3, ..bench.spec("np1") }).unwrap().operation.unwrap();
    let gone = bench.ask(&Change::DeleteCluster).unwrap().operation;
    assert_eq!(progress(&bench), Progress::Cluster(ClusterPhase::Deleting));
    let ended = bench.pool("np1").operation(scale).unwrap().ended.clone().unwrap();
    assert_eq!(ended.error.unwrap().code, "AKSOperationPreemptedByDelete");
    assert_eq!(bench.state("system"), "Deleting");
    assert_eq!(bench.ask(&Change::DeleteCluster).unwrap().operation, gone, "a second one joins it");
}

#[test]
fn where_and_how_a_cluster_lies_is_fixed() {
    type Change = fn(&mut ClusterSpec);
    let cases: [(&str, Change); 5] = [
        ("location", |spec| spec.location = "westus".into()),
        ("properties.networkProfile.networkPlugin", |spec| spec.network_plugin = "none".into()),
        ("properties.networkProfile.podCidr", |spec| spec.pod_cidr = "10.1.0.0/16".into()),
        ("properties.networkProfile.serviceCidr", |spec| spec.service_cidr = "10.2.0.0/16".into()),
        ("properties.windowsProfile", |spec| spec.windows = false),
    ];
    for (property, change) in cases {
        let mut bench = Bench::new();
        let mut spec = cluster(&bench).spec;
        change(&mut spec);
        let expected = PoolRefusal::PropertyChange { rule: "M-1", property: property.into() };
        assert_eq!(refusal(bench.put_cluster(spec, Vec::new())), expected);
    }
}
