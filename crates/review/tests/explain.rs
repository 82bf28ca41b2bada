//! What an on-call engineer asks of a pod that waits: the cases of the AKS documentation's own troubleshooting pages.
//!
//! Expected fixes are those that the documentation names for each case, with their prices from the retail list (a Standard_D4s_v5 in
//! eastus is 0.192 dollars an hour).

mod support;

use nodelane_model::Kind;
use nodelane_place::{Config, Plugin, Strategy};
use nodelane_review::{Usage, pending};
use serde_json::json;
use std::sync::Arc;
use support::{Cluster, fixes};

/// A system pool that is full, so that what is asked is about the other pools.
fn cluster() -> Cluster {
    let mut cluster = Cluster::new();
    cluster.pool("sys", 1, json!({"mode": "System", "nodeTaints": ["CriticalAddonsOnly=true:NoSchedule"]}));
    cluster.pod("full-0", "3860m", Some("sys-0"), json!({}));
    cluster
}

#[test]
fn a_taint_that_is_not_tolerated_is_named_with_the_toleration() {
    let mut cluster = cluster();
    cluster.pool("gpu", 2, json!({"nodeTaints": ["sku=gpu:NoSchedule"]})).pod("train", "1", None, json!({}));
    let said = cluster.explain("train");
    assert_eq!(fixes(&said)[0], "tolerateTaint spec.tolerations \"sku=gpu:NoSchedule\" -> gpu/gpu-0");
    assert_eq!((said.fixes[0].price_per_hour, said.fixes[0].verified), (Some(0.0), true));
    let gpu = said.pools.iter().find(|pool| pool.pool == "gpu").unwrap();
    assert_eq!((gpu.refusals[0].plugin.as_str(), gpu.refusals[0].count), ("TaintToleration", 2));
    assert!(!gpu.new_node.as_ref().unwrap().fits, "a new node has the taint too");
    let event = "0/3 nodes are available: 3 node(s) had untolerated taint(s). no new claims to deallocate, preemption: \
                 0/3 nodes are available: 3 Preemption is not helpful for scheduling.";
    assert_eq!(said.event.as_deref(), Some(event));
}

#[test]
fn a_misspelled_node_selector_is_dropped_or_corrected() {
    let mut cluster = cluster();
    cluster.pool("batch", 1, json!({"nodeLabels": {"lane": "batch"}}));
    cluster.pod("job", "1", None, json!({"nodeSelector": {"lane": "bacth"}}));
    let said = fixes(&cluster.explain("job"));
    let expected =
        ["dropSelector spec.nodeSelector.lane null -> batch/batch-0", "widenSelector spec.nodeSelector.lane \"batch\" -> batch/batch-0"];
    assert_eq!(said, expected, "no pool helps: no new node has that label");
}

#[test]
fn a_pod_that_is_too_big_is_lowered_or_gets_a_larger_size() {
    let mut cluster = cluster();
    cluster.pool("app", 1, json!({})).pod("big", "8", None, json!({}));
    let said = cluster.explain("big");
    assert_eq!(fixes(&said)[0], "lowerRequest spec.containers[app].resources.requests.cpu \"3860m\" -> app/app-0");
    let add = said.fixes.iter().find(|fix| fix.changes[0].kind == "addPool").unwrap();
    assert!(add.price_per_hour.unwrap() > 0.0 && add.lands.node.is_none());
    let size = cluster.means.catalog.size(add.changes[0].to["size"].as_str().unwrap()).unwrap();
    assert!(size.vcpu > 8, "8 whole cores do not fit 8 with reservations: {size:?}");
    assert!(!said.fixes.iter().any(|fix| fix.changes[0].kind == "raiseCount"), "more nodes of the same size do not help");
}

#[test]
fn a_full_pool_grows_by_hand_at_its_price() {
    let mut cluster = cluster();
    cluster.pool("app", 1, json!({})).pod("busy-0", "3860m", Some("app-0"), json!({})).pod("web", "500m", None, json!({}));
    let said = cluster.explain("web");
    let prices: Vec<_> = said.fixes.iter().map(|fix| (fix.changes[0].kind, fix.price_per_hour.unwrap())).collect();
    assert!(prices.contains(&("raiseCount", 0.192)), "{said}");
    assert!(prices.is_sorted_by(|a, b| a.1 <= b.1), "the cheapest first: {prices:?}");
    let app = said.pools.iter().find(|pool| pool.pool == "app").unwrap();
    assert_eq!(app.limits, ["count: 1, and the pool is scaled by hand"]);
    assert!(app.new_node.as_ref().unwrap().fits);
}

#[test]
fn a_pool_at_its_maximum_says_so_and_below_it_grows_by_itself() {
    let mut cluster = cluster();
    let scaled = json!({"enableAutoScaling": true, "minCount": 1, "maxCount": 1});
    cluster.pool("app", 1, scaled).pod("busy-0", "3860m", Some("app-0"), json!({})).pod("web", "500m", None, json!({}));
    let said = cluster.explain("web");
    assert_eq!(said.pools[0].limits, ["max count: 1 of 1"]);
    assert!(fixes(&said).contains(&"raiseMax app 2 -> app/new".to_owned()), "{said}");
    let mut cluster = self::cluster();
    let scaled = json!({"enableAutoScaling": true, "minCount": 1, "maxCount": 3});
    cluster.pool("app", 1, scaled).pod("busy-0", "3860m", Some("app-0"), json!({})).pod("web", "500m", None, json!({}));
    let said = cluster.explain("web");
    assert_eq!((fixes(&said), said.pools[0].limits.len()), (vec![" -> app/new".to_owned()], 0), "nothing has to be changed");
}

#[test]
fn a_lost_zone_stops_a_pool_whose_next_node_would_be_there() {
    let mut cluster = cluster();
    let zonal = json!({"availabilityZones": ["1", "2"]});
    cluster.pool("app", 3, zonal).put(Kind::Fault, json!({"metadata": {"name": "zone-out-1"}, "spec": {"kind": "zone-out", "zone": "2"}}));
    for node in ["app-0", "app-1", "app-2"] {
        cluster.pod(&format!("busy-{node}"), "3860m", Some(node), json!({}));
    }
    cluster.pod("web", "500m", None, json!({}));
    let said = cluster.explain("web");
    assert!(said.pools[0].limits.contains(&"zone out: 2".to_owned()), "{:?}", said.pools[0].limits);
    assert!(!fixes(&said).iter().any(|fix| fix.starts_with("raiseCount")), "{:?}", fixes(&said));
}

#[test]
fn an_anti_affinity_with_too_few_nodes_is_dropped_or_the_pool_grows() {
    let mut cluster = cluster();
    let away = json!({"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"labelSelector": {"matchLabels": {"app": "db"}}, "topologyKey": "kubernetes.io/hostname"}]}}});
    cluster.pool("app", 2, json!({})).pod("db-0", "1", Some("app-0"), away.clone()).pod("db-1", "1", Some("app-1"), away.clone());
    cluster.pod("db-2", "1", None, away);
    let said = fixes(&cluster.explain("db-2"));
    assert!(said.contains(&"raiseCount app 3 -> app/new".to_owned()), "{said:?}");
    assert!(!said.iter().any(|fix| fix.starts_with("drop")), "those that are there keep it away whatever it asks itself");
    let mut cluster = self::cluster();
    let away = json!({"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"labelSelector": {"matchLabels": {"app": "noisy"}}, "topologyKey": "kubernetes.io/hostname"}]}}});
    cluster.pool("app", 1, json!({})).pod("noisy-0", "1", Some("app-0"), json!({})).pod("db-0", "1", None, away);
    let said = fixes(&cluster.explain("db-0"));
    assert_eq!(said[0], "dropAffinityTerm spec.affinity.podAntiAffinity.required[0] null -> app/app-0");
    assert!(said.contains(&"raiseCount app 2 -> app/new".to_owned()), "{said:?}");
}

#[test]
fn a_cordoned_node_is_uncordoned_before_the_pod_is_changed() {
    let mut cluster = cluster();
    cluster.pool("app", 1, json!({})).cordon("app-0");
    cluster.pod("web", "1", None, json!({}));
    let said = cluster.explain("web");
    assert_eq!(fixes(&said)[0], "uncordonNode app-0 \"schedulable\" -> app/app-0");
    assert!(!fixes(&said).iter().any(|fix| fix.contains("unschedulable\"")), "a cordon is not tolerated away");
}

#[test]
fn a_stopped_pool_is_started() {
    let mut cluster = cluster();
    cluster.pool("app", 2, json!({"power": "Stopped"})).pod("web", "500m", None, json!({}));
    let said = cluster.explain("web");
    let start = said.fixes.iter().find(|fix| fix.changes[0].kind == "startPool").unwrap();
    assert_eq!((start.price_per_hour, start.lands.pool.as_str()), (Some(0.384), "app"));
    assert_eq!(said.pools[0].limits, ["stopped: the pool has no running nodes"]);
}

#[test]
fn an_exhausted_quota_is_raised_together_with_the_count() {
    let mut cluster = cluster();
    cluster.pool("app", 1, json!({})).pod("busy-0", "3860m", Some("app-0"), json!({})).pod("web", "500m", None, json!({}));
    let mut usage = Usage::default();
    usage.quotas.any_family = 0;
    usage.quotas.families.insert("standardDSv5Family".into(), 10);
    usage.used.insert("standardDSv5Family".into(), 8);
    cluster.means.usage = Some(usage);
    let said = cluster.explain("web");
    let said_fixes = fixes(&said);
    assert!(said_fixes.contains(&"raiseCount app 2 + raiseQuota standardDSv5Family 12 -> app/new".to_owned()), "{said_fixes:?}");
    assert!(said.fixes.iter().all(|fix| fix.changes.len() == 2), "no family has anything left: {said_fixes:?}");
    assert!(said.pools[0].limits.iter().any(|limit| limit.starts_with("quota: ")), "{:?}", said.pools[0].limits);
}

#[test]
fn a_spread_is_relaxed_by_as_little_as_it_takes() {
    let mut cluster = cluster();
    let spread = json!({"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone",
        "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"app": "web"}}}]});
    cluster.pool("app", 2, json!({"availabilityZones": ["1", "2"]}));
    cluster.pod("full-1", "3860m", Some("app-1"), json!({})).pod("web-0", "1", Some("app-0"), json!({})).pod(
        "web-1",
        "1",
        Some("app-0"),
        json!({}),
    );
    cluster.pod("web-2", "1", None, spread);
    let said = fixes(&cluster.explain("web-2"));
    assert_eq!(said[0], "relaxSpread spec.topologySpreadConstraints[0].maxSkew 3 -> app/app-0");
    assert!(said.contains(&"raiseCount app 4 -> app/new".to_owned()), "one node goes to zone 1, the second to zone 2: {said:?}");
}

#[test]
fn daemons_take_their_part_of_a_new_node() {
    let mut cluster = cluster();
    cluster.put(Kind::DaemonSet, json!({"metadata": {"name": "agent", "namespace": "default"}, "spec": {"selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i", "resources": {"requests": {"cpu": "500m"}}}]}}}}));
    cluster.pool("app", 1, json!({})).pod("agent-0", "500m", Some("app-0"), json!({})).pod("busy-0", "3", Some("app-0"), json!({}));
    cluster.pod("web", "3500m", None, json!({}));
    let said = cluster.explain("web");
    let app = said.pools.iter().find(|pool| pool.pool == "app").unwrap();
    assert!(!app.new_node.as_ref().unwrap().fits, "3860 - 500 < 3500");
    assert!(!fixes(&said).iter().any(|fix| fix.starts_with("raiseCount")));
}

#[test]
fn several_changes_are_found_together_and_none_is_idle() {
    let mut cluster = cluster();
    cluster.pool("gpu", 1, json!({"nodeTaints": ["sku=gpu:NoSchedule"], "nodeLabels": {"lane": "gpu"}}));
    cluster.pod("train", "2", None, json!({"nodeSelector": {"lane": "gpus", "kubernetes.io/os": "linux"}}));
    let said = fixes(&cluster.explain("train"));
    assert_eq!(said[0], "dropSelector spec.nodeSelector.lane null + tolerateTaint spec.tolerations \"sku=gpu:NoSchedule\" -> gpu/gpu-0");
    cluster.pod("ghost", "2", None, json!({"nodeSelector": {"kubernetes.io/os": "windows"}}));
    assert!(!fixes(&cluster.explain("ghost")).iter().any(|fix| fix.contains("kubernetes.io/os")), "an image is for one system");
}

#[test]
fn changes_that_roll_a_whole_set_come_after_those_that_move_nothing() {
    let mut cluster = cluster();
    cluster.pool("app", 1, json!({})).pool("gpu", 1, json!({"nodeTaints": ["sku=gpu:NoSchedule"]})).cordon("app-0");
    let set = cluster.put(
        Kind::ReplicaSet,
        json!({"metadata": {"name": "web", "namespace": "default"}, "spec": {"selector": {"matchLabels": {"app": "web"}}}}),
    );
    let owner =
        json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": set.meta.uid.to_string(), "controller": true}]);
    for (name, node) in [("web-0", Some("app-0")), ("web-1", None)] {
        let mut pod = json!({"metadata": {"name": name, "namespace": "default", "ownerReferences": owner}, "spec": {"containers": [
            {"name": "app", "image": "app", "resources": {"requests": {"cpu": "1"}}}]}, "status": {"phase": "Pending"}});
        if let Some(node) = node {
            pod["spec"]["nodeName"] = json!(node);
        }
        cluster.put(Kind::Pod, pod);
    }
    let said = fixes(&cluster.explain("web-1"));
    assert_eq!(
        said[..2],
        ["uncordonNode app-0 \"schedulable\" -> app/app-0", "tolerateTaint spec.tolerations \"sku=gpu:NoSchedule\" -> gpu/gpu-0"]
    );
}

#[test]
fn a_bound_pod_is_asked_about_as_if_it_were_placed_now() {
    let mut cluster = cluster();
    cluster.pool("app", 2, json!({})).pod("web", "1", Some("app-1"), json!({})).pod("busy-0", "2", Some("app-0"), json!({}));
    let said = cluster.explain("web");
    let landed = said.landed.as_ref().unwrap();
    assert_eq!((landed.node.as_str(), landed.feasible.as_slice()), ("app-1", ["app-1".to_owned(), "app-0".to_owned()].as_slice()));
    // LeastAllocated of the node without the pod: (3860 - 1000) / 3860 of CPU and all but the default 200 MiB of memory.
    let total = |node: &str| landed.scores[node]["total"];
    assert!(total("app-1") > total("app-0"));
    assert_eq!((said.bound, said.fixes.len()), (true, 0));
    assert_eq!(said.event.as_deref(), Some("Successfully assigned default/web to app-1"));
    assert!(said.to_string().contains("NodeResourcesFit decides: app-1 is ahead by"), "{said}");
}

#[test]
fn gates_missing_pods_and_pods_that_fit_are_told_apart() {
    let mut cluster = cluster();
    cluster.pool("auto", 1, json!({"enableAutoScaling": true, "minCount": 1, "maxCount": 3}));
    cluster.cordon("auto-0");
    cluster.pool("app", 1, json!({})).pod("free", "1", None, json!({})).pod(
        "gated",
        "1",
        None,
        json!({"schedulingGates": [{"name": "hold"}]}),
    );
    assert_eq!(fixes(&cluster.explain("free")), [" -> app/app-0"]);
    let gated = cluster.explain("gated");
    assert_eq!((gated.pools[0].refusals[0].plugin.as_str(), gated.fixes.len()), ("SchedulingGates", 0));
    assert_eq!(pending(&cluster.snapshot()).iter().map(|key| key.name.as_str()).collect::<Vec<_>>(), ["free", "gated"]);
    let unknown = nodelane_review::explain(&cluster.snapshot(), &cluster.means, "default", "free-7").unwrap_err();
    assert_eq!((unknown.pod.as_str(), unknown.similar), ("default/free-7", vec!["default/free".to_owned()]));
}

#[test]
fn the_answer_has_the_documented_shape() {
    let mut cluster = cluster();
    cluster.pool("gpu", 1, json!({"nodeTaints": ["sku=gpu:NoSchedule"]})).pod("train", "1", None, json!({})).pod(
        "web",
        "1",
        Some("gpu-0"),
        json!({}),
    );
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<std::collections::BTreeSet<_>>();
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<std::collections::BTreeSet<_>>();
    let said = serde_json::to_value(cluster.explain("train")).unwrap();
    assert_eq!(keys(&said), set(&["pod", "bound", "event", "pools", "fixes", "landed"]));
    assert_eq!(keys(&said["pools"][0]), set(&["pool", "nodes", "refusals", "newNode", "limits"]));
    assert_eq!(keys(&said["pools"][0]["refusals"][0]), set(&["plugin", "reason", "count"]));
    assert_eq!(keys(&said["pools"][0]["newNode"]), set(&["fits", "refusals"]));
    assert_eq!(keys(&said["fixes"][0]), set(&["changes", "lands", "pricePerHour", "verified"]));
    assert_eq!(keys(&said["fixes"][0]["changes"][0]), set(&["kind", "target", "from", "to"]));
    assert_eq!(keys(&said["fixes"][0]["lands"]), set(&["pool", "node"]));
    let bound = serde_json::to_value(cluster.explain("web")).unwrap();
    assert_eq!(keys(&bound["landed"]), set(&["node", "feasible", "scores"]));
}

#[test]
fn a_plugin_that_is_off_refuses_nothing_and_needs_no_fix() {
    let mut cluster = cluster();
    cluster.pool("gpu", 1, json!({"nodeTaints": ["sku=gpu:NoSchedule"]})).pod("train", "1", None, json!({}));
    cluster.means.scheduler = Arc::new(Config { off: [Plugin::TaintToleration].into(), ..Config::default() });
    let said = cluster.explain("train");
    assert_eq!(fixes(&said), [" -> gpu/gpu-0"], "it runs by itself");
    let gpu = said.pools.iter().find(|pool| pool.pool == "gpu").unwrap();
    assert!(gpu.refusals.is_empty() && gpu.new_node.as_ref().unwrap().fits, "{gpu:?}");
}

/// Of nodes with 1,000m and nothing taken, the pod's own 500m beside: the fuller one is the best where the strategy says so.
#[test]
fn the_scores_of_a_bound_pod_are_those_of_the_configuration() {
    let mut cluster = cluster();
    cluster.pool("app", 2, json!({})).pod("there", "1", Some("app-0"), json!({})).pod("asked", "500m", Some("app-1"), json!({}));
    let best = |cluster: &Cluster| cluster.explain("asked").landed.unwrap().feasible[0].clone();
    assert_eq!(best(&cluster), "app-1");
    let mut config = Config { strategy: Strategy::MostAllocated, ..Config::default() };
    config.weights.node_resources_fit = 50;
    cluster.means.scheduler = Arc::new(config);
    assert_eq!(best(&cluster), "app-0");
    let scores = cluster.explain("asked").landed.unwrap().scores;
    assert_eq!(scores["app-0"]["NodeResourcesFit"] % 50, 0);
    assert!(scores["app-0"]["NodeResourcesFit"] > scores["app-1"]["NodeResourcesFit"]);
}
