//! Pods bring machines: from nothing, over zones and pools, past failures, within every bound.
//!
//! Sizes: Standard_D4s_v5 lets pods use 3,860m of its four cores, so two pods of 1,500m share a machine.

#[path = "support/mod.rs"]
mod support;

use nodelane_engine::autoscale::{Skip, why_not_grow};
use nodelane_model::machine::{Intent, MachinePhase};
use nodelane_model::pool::{PoolSpec, Priority};
use nodelane_model::{Key, Kind, Time};
use serde_json::{Value, json};
use support::{Bench, HOUR, MINUTE, nodes_of, running};

/// The bounds of an autoscaled pool.
fn scaled(min: u32, max: u32) -> impl FnOnce(&mut PoolSpec) {
    move |spec| (spec.enable_auto_scaling, spec.min_count, spec.max_count) = (true, Some(min), Some(max))
}

/// Spot machines, at any price.
fn spot(spec: &mut PoolSpec, eviction: &str) {
    (spec.priority, spec.eviction_policy, spec.spot_max_price) = (Priority::Spot, eviction.into(), "-1".into());
}

/// A deployment of pods of 1,500m that may go anywhere but the system pool; `pod` is merged into their specification.
fn load(bench: &mut Bench, app: &str, replicas: u32, pod: Value) -> Key {
    let mut template = json!({"restartPolicy": "Always", "schedulerName": "default-scheduler",
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
            {"matchExpressions": [{"key": "agentpool", "operator": "NotIn", "values": ["system"]}]}]}}},
        "containers": [{"name": "c", "image": "fake", "resources": {"requests": {"cpu": "1500m", "memory": "128Mi"}}}]});
    merge(&mut template, pod);
    bench.create(
        Kind::Deployment,
        json!({"metadata": {"name": app, "namespace": "default", "generation": 1}, "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"app": app}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
            "template": {"metadata": {"labels": {"app": app}}, "spec": template}}}),
    )
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            from.into_iter().for_each(|(key, value)| merge(into.entry(key).or_insert(Value::Null), value));
        }
        (into, from) => *into = from,
    }
}

/// Messages of events of a reason, in order of time and name.
fn said(bench: &Bench, reason: &str) -> Vec<String> {
    let events = bench.world().list(Kind::Event, None).filter_map(|doc| doc.as_event());
    let mut found: Vec<_> =
        events.filter(|event| event.reason == reason).map(|event| (event.first_timestamp, event.message.to_string())).collect();
    found.sort();
    found.into_iter().map(|(_, message)| message).collect()
}

fn living(bench: &Bench, pool: &str) -> usize {
    bench.machines(pool).iter().filter(|(_, machine)| machine.intent == Intent::Run).count()
}

fn id(bench: &Bench, pool: &str) -> String {
    format!("aks-{pool}-{:08}-vmss", bench.pool(pool).state.number)
}

fn zones(bench: &Bench, pool: &str) -> Vec<String> {
    let mut zones: Vec<String> = bench.machines(pool).iter().map(|(_, machine)| machine.zone.to_string()).collect();
    zones.sort();
    zones
}

#[test]
fn pending_pods_bring_a_pool_up_from_nothing_and_say_so() {
    let mut bench = Bench::with_pool(0, scaled(0, 5));
    load(&mut bench, "web", 3, json!({}));
    bench.until(5 * MINUTE, |world| running(world, "web").len() == 3);
    let id = id(&bench, "np");
    assert_eq!(bench.nodes("np").len(), 2);
    assert_eq!(said(&bench, "TriggeredScaleUp"), vec![format!("pod triggered scale-up: [{{{id} 0->2 (max: 5)}}]"); 3]);
    assert_eq!(
        said(&bench, "ScaledUpGroup"),
        [
            format!("Scale-up: group {id} size set to 2 instead of 0 (max: 5)"),
            format!("Scale-up: setting group {id} size to 2 instead of 0 (max: 5)")
        ]
    );
    assert_eq!(bench.state("np"), "Succeeded", "the operation slot is free all the time");
    assert_eq!(bench.r.breakdowns, Vec::<String>::new());
}

#[test]
fn machines_on_their_way_are_room_and_are_not_asked_for_twice() {
    // Minutes to boot, so that many looks happen before the machine is there.
    let mut bench = Bench::new(nodelane_sim::BootProfile::Azure);
    bench.make("np", 0, scaled(0, 9));
    load(&mut bench, "web", 2, json!({}));
    bench.until(MINUTE, |world| world.machines_of(&"np".into()).count() == 1);
    assert_eq!(bench.nodes("np").len(), 0);
    load(&mut bench, "more", 1, json!({"containers": [{"name": "c", "image": "fake", "resources": {"requests": {"cpu": "500m"}}}]}));
    bench.until(5 * MINUTE, |world| running(world, "more").len() == 1);
    bench.pass(10 * MINUTE);
    assert_eq!(living(&bench, "np"), 1);
}

#[test]
fn no_pool_grows_beyond_its_maximum_and_who_is_left_is_told_why() {
    let mut bench = Bench::with_pool(0, scaled(0, 2));
    load(&mut bench, "web", 7, json!({}));
    bench.until(5 * MINUTE, |world| running(world, "web").len() == 4);
    bench.pass(5 * MINUTE);
    assert_eq!(living(&bench, "np"), 2);
    assert_eq!(said(&bench, "NotTriggerScaleUp"), vec!["pod didn't trigger scale-up: 1 max node group size reached"; 3]);
    bench.settle("np", |spec| spec.max_count = Some(3));
    bench.until(5 * MINUTE, |world| running(world, "web").len() == 6);
    assert_eq!(living(&bench, "np"), 3);
}

#[test]
fn who_no_pool_could_help_is_told_the_schedulers_reasons() {
    let mut bench = Bench::with_pool(0, scaled(0, 2));
    bench.make("dear", 0, |spec| {
        scaled(0, 2)(spec);
        spec.node_taints = vec!["team=a:NoSchedule".into()];
    });
    load(&mut bench, "huge", 1, json!({"containers": [{"name": "c", "image": "fake", "resources": {"requests": {"cpu": "9"}}}]}));
    bench.pass(MINUTE);
    assert_eq!((living(&bench, "np"), living(&bench, "dear")), (0, 0));
    assert_eq!(said(&bench, "NotTriggerScaleUp"), ["pod didn't trigger scale-up: 1 Insufficient cpu, 1 node(s) had untolerated taint(s)"]);
}

#[test]
fn expendable_and_young_pods_bring_nothing() {
    let mut bench = Bench::with_pool(0, scaled(0, 2));
    load(&mut bench, "low", 1, json!({"priority": -11}));
    bench.pass(5 * MINUTE);
    assert_eq!(living(&bench, "np"), 0, "priority -11 is below the cutoff of -10");
    load(&mut bench, "edge", 1, json!({"priority": -10}));
    bench.until(5 * MINUTE, |world| running(world, "edge").len() == 1);
}

#[test]
fn a_pool_that_is_switched_on_below_its_minimum_is_raised_and_one_above_its_maximum_stays() {
    let mut bench = Bench::with_pool(1, |_| {});
    bench.settle("np", scaled(3, 5));
    assert_eq!(bench.nodes("np").len(), 3);
    bench.settle("np", |spec| (spec.min_count, spec.max_count) = (Some(1), Some(2)));
    bench.pass(5 * MINUTE);
    assert_eq!(living(&bench, "np"), 3, "a maximum caps growth only (MS-3)");
    bench.settle("np", |spec| (spec.count, spec.min_count, spec.max_count) = (9, Some(1), Some(9)));
    bench.pass(5 * MINUTE);
    assert_eq!(living(&bench, "np"), 3, "the count of a PUT is an echo (MS-1)");
}

#[test]
fn a_pool_that_lost_machines_comes_back_to_its_minimum() {
    let mut bench = Bench::with_pool(2, |spec| {
        scaled(2, 5)(spec);
        spot(spec, "Delete");
    });
    bench.fault("gone", json!({"kind": "spot-evict", "pool": "np", "count": 1}));
    bench.until(10 * MINUTE, |world| nodes_of(world, "np").len() == 1);
    bench.until(10 * MINUTE, |world| nodes_of(world, "np").len() == 2);
}

#[test]
fn the_zone_of_a_spread_and_of_a_selector_picks_the_machines_zone() {
    let mut bench = Bench::with_pool(0, |spec| {
        scaled(0, 9)(spec);
        spec.availability_zones = ["1", "2", "3"].map(Into::into).to_vec();
    });
    load(&mut bench, "third", 4, json!({"nodeSelector": {"topology.kubernetes.io/zone": "eastus-3"}}));
    bench.until(5 * MINUTE, |world| running(world, "third").len() == 4);
    assert_eq!(zones(&bench, "np"), ["3", "3"]);
    let spread = json!({"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone",
        "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"app": "even"}}}]});
    load(&mut bench, "even", 3, spread);
    bench.until(5 * MINUTE, |world| running(world, "even").len() == 3);
    assert_eq!(zones(&bench, "np"), ["1", "2", "3", "3", "3"]);
}

#[test]
fn who_asks_for_no_zone_gets_a_machine_in_the_emptiest() {
    let mut bench = Bench::with_pool(0, |spec| {
        scaled(0, 9)(spec);
        spec.availability_zones = ["1", "2", "3"].map(Into::into).to_vec();
    });
    load(&mut bench, "first", 4, json!({"nodeSelector": {"topology.kubernetes.io/zone": "eastus-1"}}));
    bench.until(5 * MINUTE, |world| running(world, "first").len() == 4);
    load(&mut bench, "any", 6, json!({}));
    bench.until(5 * MINUTE, |world| running(world, "any").len() == 6);
    assert_eq!(zones(&bench, "np"), ["1", "1", "2", "2", "3"]);
}

#[test]
fn an_allocation_that_fails_sends_the_next_look_to_another_pool_at_once() {
    let mut bench = Bench::new(nodelane_sim::BootProfile::Fast);
    bench.make("ondemand", 0, scaled(0, 5));
    bench.make("spot", 0, |spec| {
        scaled(0, 5)(spec);
        spot(spec, "Delete");
    });
    bench.create(
        Kind::ConfigMap,
        json!({"metadata": {"name": "cluster-autoscaler-priority-expander", "namespace": "kube-system"},
            "data": {"priorities": "10:\n  - .*\n50:\n  - .*spot.*\n"}}),
    );
    profile(&mut bench, "expander", "priority");
    bench.fault("short", json!({"kind": "allocation", "pool": "spot"}));
    let since = bench.r.now();
    let spot = json!({"tolerations": [{"operator": "Exists"}]});
    load(&mut bench, "web", 2, spot);
    bench.until(5 * MINUTE, |world| running(world, "web").len() == 2);
    assert!(bench.r.now().since(since) < MINUTE, "{} ms", bench.r.now().since(since));
    let failed = bench.pool("spot").state.backoff.unwrap().failed;
    let next = bench.machines("ondemand")[0].0.clone();
    assert_eq!(bench.when(0, |doc| doc.key == next), Some(failed), "at the very moment of the failure");
    assert_eq!((living(&bench, "spot"), living(&bench, "ondemand")), (0, 1));
    let backoff = bench.pool("spot").state.backoff.unwrap();
    assert_eq!((backoff.code.as_str(), backoff.millis), ("AllocationFailed", 5 * MINUTE));
    let failed = said(&bench, "ScaleUpFailed");
    let start = format!("Failed adding 1 nodes to group {} due to OutOfResource.AllocationFailed; source errors: ", id(&bench, "spot"));
    assert!(failed.len() == 1 && failed[0].starts_with(&start), "{failed:?}");
    bench.pass(MINUTE);
    assert_eq!(bench.machines("spot"), [], "what failed is removed at once (CA-4)");
}

/// Sets a key of the cluster's autoscaler profile.
fn profile(bench: &mut Bench, key: &str, value: &str) {
    use nodelane_model::change::EtagConditions;
    let doc = bench.world().get(&nodelane_engine::cluster_key()).unwrap().clone();
    let mut spec = doc.as_cluster().unwrap().spec.clone();
    spec.auto_scaler_profile.insert(key.into(), value.into());
    let change = nodelane_model::Change::PutCluster {
        spec: Box::new(spec),
        pools: Vec::new(),
        base: Some(doc.revision),
        etag: EtagConditions::default(),
    };
    bench.ask(change).expect("the cluster is changed");
    bench.until(HOUR, |world| world.cluster().is_some_and(|cluster| cluster.state.operation.is_none()));
}

#[test]
fn backoff_doubles_with_each_failure_after_it_and_ends_when_autoscaling_is_switched_off() {
    let mut bench = Bench::with_pool(0, scaled(0, 5));
    let fault = bench.fault("short", json!({"kind": "allocation", "pool": "np"}));
    load(&mut bench, "web", 1, json!({}));
    let since = bench.r.events.len();
    bench.pass(40 * MINUTE);
    let attempts: Vec<Time> = bench.r.events[since..]
        .iter()
        .filter(|(_, event)| event.old.is_none() && event.new.as_ref().is_some_and(|doc| doc.key.kind == Kind::Machine))
        .map(|(at, _)| *at)
        .collect();
    let gaps: Vec<i64> = attempts.windows(2).map(|pair| pair[1].since(pair[0]) / MINUTE).collect();
    assert_eq!(gaps, [5, 10, 20], "aks-semantics AL-6");
    assert_eq!(said(&bench, "NotTriggerScaleUp"), ["pod didn't trigger scale-up: 1 in backoff after failed scale-up"]);
    bench.remove(&fault);
    bench.settle("np", |spec| (spec.enable_auto_scaling, spec.min_count, spec.max_count) = (false, None, None));
    assert_eq!(bench.pool("np").state.backoff, None);
    bench.settle("np", scaled(0, 5));
    bench.until(MINUTE, |world| running(world, "web").len() == 1);
}

#[test]
fn machines_that_never_register_are_removed_after_a_quarter_of_an_hour() {
    let mut bench = Bench::with_pool(0, scaled(0, 5));
    let fault = bench.fault("mute", json!({"kind": "never-registers", "pool": "np"}));
    load(&mut bench, "web", 1, json!({}));
    bench.pass(14 * MINUTE);
    assert_eq!((living(&bench, "np"), bench.nodes("np").len()), (1, 0));
    bench.pass(2 * MINUTE);
    assert_eq!(living(&bench, "np"), 0, "target reverted");
    let timed_out = said(&bench, "ScaleUpTimedOut");
    assert_eq!(timed_out, [format!("Nodes added to group {} failed to register within 15m0s", id(&bench, "np"))]);
    assert_eq!(bench.pool("np").state.backoff.unwrap().code, "timeout");
    bench.remove(&fault);
    bench.until(6 * MINUTE, |world| running(world, "web").len() == 1);
}

#[test]
fn deallocated_machines_are_started_before_new_ones_are_made() {
    let mut bench = Bench::with_pool(2, |spec| {
        scaled(0, 5)(spec);
        spec.scale_down_mode = "Deallocate".into();
        spot(spec, "Deallocate");
    });
    bench.fault("gone", json!({"kind": "spot-evict", "pool": "np", "count": 2}));
    bench.until(10 * MINUTE, |world| {
        world.machines_of(&"np".into()).filter(|(_, machine)| machine.phase == MachinePhase::Stopped).count() == 2
    });
    bench.pass(20 * MINUTE);
    let cluster = status(&bench);
    assert!(cluster.contains("suspended: 2"), "{cluster}");
    assert!(said(&bench, "ClusterUnhealthy").is_empty(), "deallocated machines are not unready (SM-2)");
    load(&mut bench, "web", 5, json!({"tolerations": [{"operator": "Exists"}]}));
    bench.until(10 * MINUTE, |world| running(world, "web").len() == 5);
    let instances: Vec<u32> = bench.machines("np").iter().map(|(_, machine)| machine.instance).collect();
    assert_eq!(instances, [0, 1, 2], "two came back, one is new");
}

fn status(bench: &Bench) -> String {
    let doc = bench.world().get(&nodelane_engine::autoscale::say::status_key()).expect("the ConfigMap is there");
    doc.as_opaque().unwrap()["data"]["status"].as_str().unwrap().to_owned()
}

#[test]
fn an_unhealthy_cluster_is_left_alone() {
    let mut bench = Bench::with_pool(6, scaled(6, 20));
    bench.fault("dark", json!({"kind": "not-ready", "pool": "np", "count": 5}));
    bench.pass(20 * MINUTE);
    assert_eq!(said(&bench, "ClusterUnhealthy"), ["Cluster is unhealthy"], "5 of 7 are unready");
    load(&mut bench, "web", 9, json!({}));
    bench.pass(20 * MINUTE);
    assert_eq!(living(&bench, "np"), 6);
}

#[test]
fn pools_that_are_alike_grow_evenly_where_the_profile_says_so() {
    let mut bench = Bench::new(nodelane_sim::BootProfile::Fast);
    for (name, zone) in [("a", "1"), ("b", "2"), ("c", "3")] {
        bench.make(name, 0, |spec| {
            scaled(0, 9)(spec);
            spec.availability_zones = vec![zone.into()];
        });
    }
    profile(&mut bench, "balance-similar-node-groups", "true");
    load(&mut bench, "web", 12, json!({}));
    bench.until(5 * MINUTE, |world| running(world, "web").len() == 12);
    assert_eq!([living(&bench, "a"), living(&bench, "b"), living(&bench, "c")], [2, 2, 2]);
    let infos = ["a", "b", "c"].map(|pool| format!("{{{} 0->2 (max: 9)}}", id(&bench, pool))).join(" ");
    assert_eq!(said(&bench, "TriggeredScaleUp")[0], format!("pod triggered scale-up: [{infos}]"));
}

#[test]
fn a_quota_is_a_bound_and_the_pods_beyond_it_are_told_which() {
    let mut env = nodelane_engine::Env::default();
    // The system pool's machine has four of the family's eleven vCPUs: one more machine of four fits.
    env.quotas.families.insert("standardDSv5Family".into(), 11);
    let mut bench = Bench::in_env(nodelane_sim::BootProfile::Fast, env.clone());
    bench.make("np", 0, scaled(0, 9));
    load(&mut bench, "web", 6, json!({}));
    bench.pass(2 * MINUTE);
    assert_eq!(living(&bench, "np"), 1);
    assert_eq!(
        said(&bench, "NotTriggerScaleUp"),
        vec!["pod didn't trigger scale-up: 1 exceeded quota: \"standardDSv5Family\", resources: cpu"; 4]
    );
    let growth = why_not_grow(bench.world(), &env, &"np".into(), bench.r.now()).unwrap();
    assert_eq!((growth.group.skip, growth.waiting), (Some(Skip::Quota("standardDSv5Family".into())), 4));
}

#[test]
fn why_a_pool_does_not_grow_is_what_its_pods_are_told() {
    let mut bench = Bench::with_pool(0, scaled(0, 1));
    let env = nodelane_engine::Env::default();
    let skip = |bench: &Bench| why_not_grow(bench.world(), &env, &"np".into(), bench.r.now()).unwrap();
    assert_eq!((skip(&bench).group.skip, skip(&bench).waiting), (None, 0));
    load(&mut bench, "huge", 2, json!({"containers": [{"name": "c", "image": "fake", "resources": {"requests": {"cpu": "9"}}}]}));
    bench.pass(MINUTE);
    let growth = skip(&bench);
    assert_eq!((growth.group.skip, growth.fitting), (None, 0));
    assert_eq!(growth.refusals.into_iter().collect::<Vec<_>>(), [("Insufficient cpu".to_owned(), 2)]);
    load(&mut bench, "web", 4, json!({}));
    bench.pass(MINUTE);
    let (growth, told) = (skip(&bench), said(&bench, "NotTriggerScaleUp"));
    let reason = growth.group.skip.unwrap();
    assert_eq!((reason.text().as_str(), growth.fitting), ("max node group size reached", 2));
    assert_eq!(*told.last().unwrap(), format!("pod didn't trigger scale-up: 1 {}", reason.text()));
}

#[test]
fn the_status_shows_pools_and_counts_and_a_cluster_at_rest_is_not_woken() {
    let mut bench = Bench::with_pool(0, scaled(0, 5));
    load(&mut bench, "web", 3, json!({}));
    bench.until(5 * MINUTE, |world| running(world, "web").len() == 3);
    bench.pass(5 * MINUTE);
    let text = status(&bench);
    let name = id(&bench, "np");
    for wanted in [
        "autoscalerStatus: Running\nclusterWide:\n  health:\n    lastProbeTime: \"2026-",
        "    nodeCounts:\n      longUnregistered: 0\n      registered:\n        notStarted: 0\n        ready: 3\n        total: 3\n        unready:\n          resourceUnready: 0\n          total: 0\n      unregistered: 0\n    status: Healthy\n",
        "nodeGroups:\n- health:\n    cloudProviderTarget: 2\n",
        "    minSize: 0\n",
        &format!("  name: {name}\n"),
        "  scaleUp:\n    lastProbeTime: ",
        "    status: NoActivity\n",
        "time: \"2026-",
    ] {
        assert!(text.contains(wanted), "{wanted}\n-- in --\n{text}");
    }
    let since = bench.r.events.len();
    bench.pass(HOUR);
    let autoscaling = |doc: &nodelane_model::Doc| doc.key == nodelane_engine::autoscale::say::status_key();
    assert_eq!(bench.when(since, autoscaling), None);
}

#[test]
fn new_pods_wait_as_long_as_the_profile_says() {
    let mut bench = Bench::with_pool(0, scaled(0, 5));
    profile(&mut bench, "new-pod-scale-up-delay", "2m");
    load(&mut bench, "web", 1, json!({}));
    bench.pass(MINUTE);
    assert_eq!(living(&bench, "np"), 0);
    bench.until(2 * MINUTE, |world| running(world, "web").len() == 1);
}

#[test]
fn a_template_from_nothing_has_the_pools_labels_taints_and_devices() {
    let mut bench = Bench::new(nodelane_sim::BootProfile::Fast);
    bench.make("gpu", 0, |spec: &mut PoolSpec| {
        scaled(0, 3)(spec);
        spec.vm_size = "Standard_NC4as_T4_v3".into();
        spec.node_labels.insert("team".into(), "ml".into());
        spec.node_taints = vec!["sku=gpu:NoSchedule".into()];
    });
    let pod = json!({"nodeSelector": {"team": "ml", "kubernetes.azure.com/accelerator": "nvidia"},
        "tolerations": [{"key": "sku", "operator": "Exists"}],
        "containers": [{"name": "c", "image": "fake", "resources": {"requests": {"cpu": "1", "nvidia.com/gpu": "1", "ephemeral-storage": "20Gi"},
            "limits": {"nvidia.com/gpu": "1"}}}]});
    load(&mut bench, "train", 2, pod);
    bench.until(5 * MINUTE, |world| running(world, "train").len() == 2);
    assert_eq!(bench.nodes("gpu").len(), 2);
}
