//! Kubelets that fall silent, and come back: conditions, taints, pods; whole zones; what a reboot changes.
//!
//! Expected: kube-controller-manager 1.36 (grace 50 s, texts, taints), DefaultTolerationSeconds 300, aks-semantics H-5.

mod support;

use nodelane_model::node::NodeInfo;
use nodelane_model::pod::Phase;
use nodelane_model::pool::Power;
use nodelane_model::{Doc, Node};
use nodelane_sim::BootProfile;
use serde_json::json;
use support::*;

const GRACE: i64 = 50_000;

fn node(bench: &Bench, name: &str) -> Node {
    bench.world().node(&name.into()).expect("the node is there").doc.as_node().unwrap().clone()
}

fn ready(node: &Node) -> (String, String, String) {
    let ready = node.status.conditions.iter().find(|condition| condition.kind == "Ready").unwrap();
    (ready.status.to_string(), ready.reason.to_string(), ready.message.to_string())
}

fn taints(node: &Node) -> Vec<String> {
    node.spec.taints.iter().map(|taint| format!("{}:{}", taint.key, taint.effect)).collect()
}

/// How many pods of an app are on a node: ready, not ready, terminating.
fn pods(bench: &Bench, app: &str, name: &str) -> (usize, usize, usize) {
    let node = name.into();
    let on = bench.world().pods_on(&node).filter(|doc| doc.meta.labels.get("app").is_some_and(|label| label == app));
    on.fold((0, 0, 0), |(ready, unready, going), doc| match (doc.is_terminating(), doc.as_pod().unwrap().status.is_ready()) {
        (true, _) => (ready, unready, going + 1),
        (false, true) => (ready + 1, unready, going),
        (false, false) => (ready, unready + 1, going),
    })
}

#[test]
fn a_silent_node_is_lost_after_fifty_seconds_and_its_pods_after_three_hundred_more() {
    let mut bench = Bench::with_pool(2, |_| {});
    bench.deploy("web", 4, "np", json!({}));
    bench.daemons("agent");
    let [lost, other] = bench.node_names("np").try_into().unwrap();
    let since = bench.r.events.len();
    let fault = bench.fault("mute", json!({"kind": "not-ready", "node": lost}));
    let begin = bench.r.now().whole_seconds();
    bench.pass(GRACE - 1_000);
    assert!(node(&bench, &lost).status.is_ready());
    bench.pass(1_001);
    let is = node(&bench, &lost);
    assert_eq!(ready(&is), ("Unknown".into(), "NodeStatusUnknown".into(), "Kubelet stopped posting node status.".into()));
    assert!(is.status.conditions.iter().all(|condition| condition.status == "Unknown"), "{:?}", is.status.conditions);
    assert_eq!(taints(&is), ["node.kubernetes.io/unreachable:NoSchedule", "node.kubernetes.io/unreachable:NoExecute"]);
    assert_eq!((pods(&bench, "web", &lost), pods(&bench, "agent", &lost)), ((0, 2, 0), (0, 1, 0)), "no longer ready, and still there");
    let said = |message: &'static str| {
        move |doc: &Doc| doc.as_event().is_some_and(|event| event.reason == "NodeNotReady" && event.message == message)
    };
    assert!(bench.when(since, said("Node is not ready")).is_some());
    let of_node = format!("Node {lost} status is now: NodeNotReady");
    assert!(bench.when(since, |doc| doc.as_event().is_some_and(|event| event.message == of_node)).is_some());

    bench.pass(begin.plus(GRACE + 300_000 - 1_000).since(bench.r.now()));
    assert_eq!(pods(&bench, "web", &lost), (0, 2, 0), "tolerated for 300 seconds");
    bench.pass(5_000);
    assert_eq!((pods(&bench, "web", &lost), pods(&bench, "web", &other)), ((0, 0, 2), (4, 0, 0)), "replaced; no kubelet ends the old ones");
    assert_eq!(pods(&bench, "agent", &lost), (0, 1, 0), "a daemon tolerates it for ever");
    bench.pass(8 * MINUTE);
    assert_eq!(pods(&bench, "web", &lost), (0, 0, 2), "until auto-repair begins");

    bench.remove(&fault);
    bench.pass(3_000);
    assert_eq!((ready(&node(&bench, &lost)).1, taints(&node(&bench, &lost))), ("KubeletReady".into(), vec![]));
    assert_eq!(
        (pods(&bench, "web", &lost), pods(&bench, "agent", &lost)),
        ((0, 0, 0), (1, 0, 0)),
        "the old ones go, the daemon is ready again"
    );
    bench.assert_tidy("np");
}

#[test]
fn a_silence_shorter_than_the_grace_leaves_no_trace_and_one_with_a_time_ends_by_itself() {
    let mut bench = Bench::with_pool(2, |_| {});
    bench.deploy("web", 4, "np", json!({}));
    let until = |bench: &Bench, millis| bench.r.now().plus(millis).to_string();
    let since = bench.r.events.len();
    let spec = json!({"kind": "not-ready", "pool": "np", "until": until(&bench, 45_000)});
    bench.fault("flap", spec);
    bench.pass(5 * MINUTE);
    assert_eq!(bench.when(since, |doc| doc.as_node().is_some_and(|node| !node.status.is_ready())), None);
    let spec = json!({"kind": "not-ready", "pool": "np", "until": until(&bench, 2 * MINUTE)});
    bench.fault("longer", spec);
    bench.pass(MINUTE);
    assert!(bench.nodes("np").iter().all(|doc| !doc.as_node().unwrap().status.is_ready()));
    bench.pass(MINUTE + 3_000);
    bench.assert_tidy("np");
    assert!(bench.nodes("np").iter().all(|doc| doc.as_node().unwrap().status.is_ready()));
    assert!(running(bench.world(), "web").iter().all(|doc| doc.as_pod().unwrap().status.is_ready()));
}

#[test]
fn a_count_silences_as_many_and_a_silent_kubelet_starts_nothing() {
    let mut bench = Bench::with_pool(5, |_| {});
    bench.fault("two", json!({"kind": "not-ready", "pool": "np", "count": 2}));
    bench.pass(GRACE + 1);
    let lost = |bench: &Bench| bench.nodes("np").iter().filter(|doc| !doc.as_node().unwrap().status.is_ready()).count();
    assert_eq!(lost(&bench), 2);
    bench.pass(HOUR);
    assert_eq!(lost(&bench), 2, "the same two as long as it lasts");
    bench.fault("all", json!({"kind": "not-ready", "pool": "system"}));
    let pod = json!({"metadata": {"name": "p", "namespace": "default", "labels": {"app": "p"}}, "spec": {"nodeSelector": {"agentpool": "system"},
        "restartPolicy": "Always", "schedulerName": "default-scheduler", "containers": [{"name": "c", "image": "i"}]}});
    let key = bench.create(nodelane_model::Kind::Pod, pod);
    bench.pass(20_000);
    let pod = bench.world().get(&key).unwrap().as_pod().unwrap().clone();
    assert_eq!((pod.node.is_some(), pod.status.phase), (true, Phase::Pending), "bound, for the node seems well");
}

#[test]
fn a_new_node_under_the_fault_stays_not_ready_and_is_lost_as_well() {
    let mut bench = Bench::with_pool(1, |_| {});
    bench.fault("mute", json!({"kind": "not-ready", "pool": "np"}));
    bench.pass(GRACE + 1_000);
    bench.put("np", |spec| spec.count = 2);
    bench.pass(20_000);
    let name = bench.node_names("np").pop().unwrap();
    assert_eq!(ready(&node(&bench, &name)).1, "KubeletNotReady");
    assert_eq!(taints(&node(&bench, &name)), ["node.kubernetes.io/not-ready:NoSchedule", "node.kubernetes.io/not-ready:NoExecute"]);
    bench.pass(GRACE);
    assert_eq!(taints(&node(&bench, &name)), ["node.kubernetes.io/unreachable:NoSchedule", "node.kubernetes.io/unreachable:NoExecute"]);
    bench.idle("np", HOUR);
    assert_eq!(bench.error("np"), ("NodesNotReady".into(), "Not all nodes reached Ready state. Expected: 2, Actual: 0".into()));
}

#[test]
fn a_zone_that_is_out_gives_nothing_and_is_silent_until_it_is_back() {
    let mut bench = Bench::with_pool(3, |spec| spec.availability_zones = ["1", "2", "3"].map(Into::into).to_vec());
    let fault = bench.fault("out", json!({"kind": "zone-out", "zone": "2"}));
    bench.pass(GRACE + 1_000);
    let lost: Vec<String> = bench
        .nodes("np")
        .iter()
        .filter(|doc| !doc.as_node().unwrap().status.is_ready())
        .map(|doc| doc.meta.labels["topology.kubernetes.io/zone"].to_string())
        .collect();
    assert_eq!(
        (lost, bench.nodes("system").iter().all(|doc| doc.as_node().unwrap().status.is_ready())),
        (vec!["eastus-2".to_owned()], true)
    );
    bench.make("one", 1, |spec| spec.availability_zones = vec!["1".into()]);
    let mut two = spec(1);
    two.availability_zones = vec!["2".into()];
    bench.put_spec("two", two).unwrap();
    bench.idle("two", HOUR);
    assert_eq!((bench.state("two"), bench.error("two").0), ("Failed", "ZonalAllocationFailed".to_owned()));
    bench.remove(&fault);
    bench.pass(2_000);
    bench.assert_tidy("np");
    bench.settle("two", |_| {});
    assert_eq!(bench.state("two"), "Succeeded");
}

#[test]
fn a_slow_boot_takes_ten_times_as_long() {
    let took = |slow: bool| {
        let mut bench = Bench::new(BootProfile::Azure);
        bench.fault("slow", json!({"kind": "slow-boot", "pool": if slow { "np" } else { "other" }}));
        let begin = bench.r.now();
        bench.put_spec("np", spec(1)).unwrap();
        bench.until(2 * HOUR, |world| nodes_of(world, "np").iter().any(|doc| doc.as_node().unwrap().status.is_ready()));
        bench.r.now().since(begin) - 15_000 // From registered to Ready.
    };
    let (usual, slow) = (took(false), took(true));
    assert!((75_000..=165_000).contains(&usual), "90 to 180 s to Ready: {usual}");
    assert_eq!(slow, 10 * usual);
}

#[test]
fn as_many_calls_fail_as_the_fault_counts_even_all_at_one_instant() {
    for kind in ["allocation", "quota"] {
        let mut bench = Bench::new(BootProfile::Instant);
        let fault = bench.fault("short", json!({"kind": kind, "pool": "np", "count": 2}));
        bench.put_spec("np", spec(5)).unwrap();
        bench.idle("np", HOUR);
        bench.pass(MINUTE);
        assert_eq!((bench.state("np"), bench.nodes("np").len()), ("Failed", 3), "{kind}");
        let left = bench.world().get(&fault).unwrap().as_opaque().unwrap()["spec"]["count"].clone();
        assert_eq!(left, 0, "{kind}");
        bench.settle("np", |_| {});
        assert_eq!((bench.state("np"), bench.nodes("np").len()), ("Succeeded", 5), "{kind}");
    }
}

#[test]
fn a_boot_changes_the_boot_id_and_an_image_the_machine_id_as_well() {
    let mut bench = Bench::with_pool(1, |_| {});
    let name = bench.node_names("np").pop().unwrap();
    let info = |bench: &Bench| -> NodeInfo { node(bench, &name).status.node_info };
    let first = info(&bench);
    bench.settle("np", |spec| spec.power = Power::Stopped);
    bench.settle("np", |spec| spec.power = Power::Running);
    let restarted = info(&bench);
    assert_ne!(first.boot_id, restarted.boot_id);
    assert_eq!((&first.machine_id, &first.system_uuid), (&restarted.machine_id, &restarted.system_uuid));
    bench.settle("np", |spec| spec.orchestrator_version = "1.35".into());
    let imaged = info(&bench);
    assert!(imaged.boot_id != restarted.boot_id && imaged.boot_id != first.boot_id && imaged.machine_id != first.machine_id);
    assert_eq!(imaged.system_uuid, first.system_uuid);
    let fault = bench.fault("mute", json!({"kind": "not-ready"}));
    bench.pass(2 * MINUTE);
    bench.remove(&fault);
    bench.pass(5_000);
    assert_eq!(info(&bench), imaged, "a silence is no boot");
}
