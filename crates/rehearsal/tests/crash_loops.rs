//! Containers that end by themselves: restarts, back-off, readiness, as commands and annotations say.
//!
//! Expected: kubelet 1.36 (`initialCrashLoopBackOff` 10 s, doubled to `MaxContainerBackOff` 300 s, forgotten after a run of twice that; the
//! first restart is at once) and its texts.

mod support;

use nodelane_model::Time;
use nodelane_model::pod::{ContainerStatus, Phase, PodStatus};
use nodelane_model::{Doc, Key, Kind};
use serde_json::{Value, json};
use support::*;

/// A pod on the system pool.
fn pod(bench: &mut Bench, policy: &str, annotations: Value, containers: Value) -> Key {
    let value = json!({"metadata": {"name": "p", "namespace": "default", "annotations": annotations}, "spec": {"restartPolicy": policy,
        "schedulerName": "default-scheduler", "terminationGracePeriodSeconds": 30, "containers": containers}});
    bench.create(Kind::Pod, value)
}

fn status(bench: &Bench, key: &Key) -> PodStatus {
    bench.world().get(key).unwrap().as_pod().unwrap().status.clone()
}

fn only(bench: &Bench, key: &Key) -> ContainerStatus {
    let [status] = status(bench, key).container_statuses.try_into().expect("one container");
    status
}

/// When the container was started, over everything that happened.
fn starts(bench: &Bench, key: &Key) -> Vec<Time> {
    let mut starts: Vec<Time> = Vec::new();
    for doc in bench.r.events.iter().filter_map(|(_, event)| event.new.as_ref()).filter(|doc| doc.key == *key) {
        let of = doc.as_pod().unwrap().status.container_statuses.first();
        let began = |of: &ContainerStatus| {
            let last = of.last_state.terminated.as_ref().map(|last| last.started_at);
            last.into_iter().chain(of.state.running.as_ref().map(|running| running.started_at)).collect::<Vec<_>>()
        };
        starts.extend(of.map(began).unwrap_or_default());
    }
    starts.dedup();
    starts
}

fn gaps(times: &[Time]) -> Vec<i64> {
    times.windows(2).map(|pair| pair[1].since(pair[0]) / 1_000).collect()
}

fn false_container() -> Value {
    json!([{"name": "c", "image": "i", "command": ["false"]}])
}

#[test]
fn a_container_that_fails_is_restarted_at_once_then_after_a_pause_that_doubles_to_five_minutes() {
    let mut bench = Bench::new(nodelane_sim::BootProfile::Fast);
    let key = pod(&mut bench, "Always", json!({"nodelane.dev/crash-after": "5s"}), json!([{"name": "c", "image": "i"}]));
    bench.pass(30 * MINUTE);
    assert_eq!(&gaps(&starts(&bench, &key))[..9], [5, 15, 25, 45, 85, 165, 305, 305, 305]);
}

#[test]
fn a_crash_loop_is_shown_and_said_as_kubelet_does() {
    let mut bench = Bench::new(nodelane_sim::BootProfile::Fast);
    let key = pod(&mut bench, "Always", json!({}), false_container());
    bench.pass(5_000);
    let (is, pod) = (only(&bench, &key), status(&bench, &key));
    let uid = bench.world().get(&key).unwrap().meta.uid;
    let waiting = is.state.waiting.clone().expect("it waits");
    assert_eq!(waiting.reason, "CrashLoopBackOff");
    assert_eq!(waiting.message, format!("back-off 10s restarting failed container=c pod=p_default({uid})"));
    let last = is.last_state.terminated.clone().expect("it has run");
    assert_eq!((last.exit_code, last.reason.as_str(), is.restart_count, is.ready, is.started), (1, "Error", 1, false, false));
    assert_eq!(pod.phase, Phase::Running);
    for kind in ["Ready", "ContainersReady"] {
        let condition = pod.conditions.iter().find(|condition| condition.kind == kind).unwrap();
        let shown = (condition.status.as_str(), condition.reason.as_str(), condition.message.as_str());
        assert_eq!(shown, ("False", "ContainersNotReady", "containers with unready status: [c]"));
    }
    bench.pass(9 * MINUTE);
    assert!(only(&bench, &key).state.waiting.is_some_and(|waiting| waiting.message.starts_with("back-off 5m0s restarting")));
    let message = format!("Back-off restarting failed container c in pod p_default({uid})");
    let event = bench
        .world()
        .list(Kind::Event, None)
        .find_map(|doc| Some((doc.as_event()?.message == message).then(|| doc.as_event().unwrap().clone())).flatten());
    let event = event.expect("it is said");
    assert_eq!((event.kind.as_str(), event.reason.as_str(), event.source.component.as_str()), ("Warning", "BackOff", "kubelet"));
    assert_eq!(event.count, Some(6), "10, 20, 40, 80 and 160 s have passed, the 300 s last");
}

#[test]
fn a_run_of_more_than_ten_minutes_forgets_the_pause() {
    let mut bench = Bench::new(nodelane_sim::BootProfile::Fast);
    let key = pod(&mut bench, "Always", json!({"nodelane.dev/run-for": "601s"}), json!([{"name": "c", "image": "i"}]));
    bench.pass(HOUR);
    assert_eq!(gaps(&starts(&bench, &key)), [601; 5]);
    bench.remove(&key);
    bench.pass(MINUTE);
    let key = pod(&mut bench, "Always", json!({"nodelane.dev/run-for": "10m"}), json!([{"name": "c", "image": "i"}]));
    let begin = bench.r.events.len();
    bench.pass(25 * MINUTE);
    let starts: Vec<Time> = starts(&bench, &key).into_iter().filter(|at| *at >= bench.r.events[begin].0.whole_seconds()).collect();
    assert_eq!(gaps(&starts), [600, 610], "ten minutes are not more than ten");
}

#[test]
fn restart_policies_are_kept() {
    for (policy, code, phase, restarts) in [
        ("Never", "7", Phase::Failed, 0),
        ("Never", "0", Phase::Succeeded, 0),
        ("OnFailure", "0", Phase::Succeeded, 0),
        ("OnFailure", "7", Phase::Running, 2),
    ] {
        let mut bench = Bench::new(nodelane_sim::BootProfile::Fast);
        let annotations = json!({"nodelane.dev/crash-after": "5s", "nodelane.dev/exit-code": code});
        let key = pod(&mut bench, policy, annotations, json!([{"name": "c", "image": "i"}]));
        bench.pass(23_000);
        let is = only(&bench, &key);
        let ended = is.state.terminated.or(is.last_state.terminated).expect("it has ended");
        assert_eq!(
            (status(&bench, &key).phase, ended.exit_code.to_string().as_str(), is.restart_count),
            (phase, code, restarts),
            "{policy} {code}"
        );
    }
}

#[test]
fn one_container_of_two_may_crash() {
    let mut bench = Bench::new(nodelane_sim::BootProfile::Fast);
    let key = pod(
        &mut bench,
        "Always",
        json!({}),
        json!([{"name": "ok", "image": "i"}, {"name": "bad", "image": "i", "command": ["sh", "-c", "sleep 1; exit 3"]}]),
    );
    bench.pass(5_000);
    let [ok, bad] = status(&bench, &key).container_statuses.try_into().unwrap();
    assert!(ok.ready && ok.restart_count == 0 && bad.state.waiting.is_some() && !bad.ready);
    assert_eq!(bad.last_state.terminated.unwrap().exit_code, 3);
    assert!(!status(&bench, &key).is_ready());
}

#[test]
fn a_container_is_ready_so_long_after_each_start_as_its_pod_says() {
    let mut bench = Bench::new(nodelane_sim::BootProfile::Fast);
    let key = pod(
        &mut bench,
        "Always",
        json!({"nodelane.dev/ready-after": "20s", "nodelane.dev/run-for": "1m"}),
        json!([{"name": "c", "image": "i"}]),
    );
    bench.pass(19_000);
    assert!(!status(&bench, &key).is_ready() && only(&bench, &key).state.running.is_some());
    bench.pass(2_000);
    assert!(status(&bench, &key).is_ready() && only(&bench, &key).ready);
    bench.pass(MINUTE - 4_000);
    assert!(!status(&bench, &key).is_ready() && only(&bench, &key).restart_count == 1, "it has started again");
    bench.pass(6_000);
    assert!(status(&bench, &key).is_ready());
}

#[test]
fn a_deployment_waits_for_pods_that_are_not_ready_yet() {
    let mut bench = Bench::with_pool(1, |_| {});
    let labels = json!({"app": "slow"});
    bench.create(
        Kind::Deployment,
        json!({"metadata": {"name": "slow", "namespace": "default", "generation": 1}, "spec": {"replicas": 2, "selector": {"matchLabels": labels},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
            "template": {"metadata": {"labels": labels, "annotations": {"nodelane.dev/ready-after": "20s"}}, "spec": {"restartPolicy": "Always",
                "schedulerName": "default-scheduler", "containers": [{"name": "c", "image": "i"}]}}}}),
    );
    let available = |doc: &Doc| doc.as_deployment().map(|deployment| deployment.status.available_replicas);
    let of = |bench: &Bench| available(bench.world().list(Kind::Deployment, None).next().unwrap());
    bench.pass(19_000);
    assert_eq!((running(bench.world(), "slow").len(), of(&bench)), (2, Some(0)));
    bench.pass(3_000);
    assert_eq!(of(&bench), Some(2));
}
