//! Garbage, namespaces, taints, budgets: how things go, and how many may.
//!
//! Figures are those of the Kubernetes documentation (garbage collection, specifying a disruption budget, taint based evictions).
//! Every test that comes to rest also checks that the worklists had missed nothing.

mod support;

use nodelane_model::change::Propagation;
use nodelane_model::{Doc, Key, Kind, Name, Time};
use nodelane_workload::{budget_status, delete, evict_tainted};
use nodelane_world::List;
use serde_json::{Value, json};
use std::sync::Arc;
use support::{Bench, template, workload};

fn running(replicas: i32) -> (Bench, Key) {
    let mut bench = Bench::with_nodes(2);
    let key = bench.apply(Kind::Deployment, workload("v1", json!({"replicas": replicas})));
    bench.run();
    (bench, key)
}

#[test]
fn background_deletion_takes_the_owner_first_and_the_pods_with_grace() {
    let (mut bench, key) = running(2);
    delete(&mut bench.draft, &key, None, None);
    assert!(bench.draft.world.get(&key).is_none());
    bench.settle();
    assert!(bench.list(Kind::ReplicaSet).is_empty());
    for pod in bench.pods() {
        assert_eq!(pod.meta.deleted, Some(bench.draft.now.whole_seconds().plus(30_000)), "now and the pod's 30 s");
        assert_eq!(pod.meta.grace_seconds, Some(30));
    }
    bench.run();
    assert!(bench.pods().is_empty());
}

#[test]
fn foreground_deletion_keeps_each_owner_until_its_dependents_are_gone() {
    let (mut bench, key) = running(2);
    delete(&mut bench.draft, &key, None, Some(Propagation::Foreground));
    bench.settle();
    assert!(bench.get(&key).is_terminating());
    assert!(bench.list(Kind::ReplicaSet)[0].is_terminating());
    let pods = bench.pods();
    assert!(pods.len() == 2 && pods.iter().all(|pod| pod.is_terminating()));
    delete(&mut bench.draft, &pods[0].key, Some(0), None);
    bench.settle();
    assert_eq!((bench.pods().len(), bench.list(Kind::ReplicaSet).len()), (1, 1), "and no pod is made again");
    bench.run();
    assert!(bench.draft.world.get(&key).is_none() && bench.list(Kind::ReplicaSet).is_empty());
}

#[test]
fn what_a_finalizer_holds_stays_until_it_lets_go() {
    let mut bench = Bench::new();
    let key = bench.apply(Kind::ConfigMap, json!({"metadata": {"name": "held", "finalizers": ["example.com/mine"]}}));
    delete(&mut bench.draft, &key, None, None);
    bench.settle();
    assert_eq!(bench.get(&key).meta.deleted, Some(bench.draft.now));
    bench.draft.update(&key, |doc| doc.meta.finalizers.clear());
    bench.settle();
    assert!(bench.draft.world.get(&key).is_none());
}

#[test]
fn a_pod_goes_at_once_where_no_kubelet_has_it_and_a_second_request_only_shortens_the_grace() {
    let mut bench = Bench::with_nodes(1);
    let pod = |name: &str, node: Value| json!({"metadata": {"name": name}, "spec": {"nodeName": node, "containers": []}, "status": {"phase": "Running"}});
    let unbound = bench.apply(Kind::Pod, pod("unbound", Value::Null));
    delete(&mut bench.draft, &unbound, Some(60), None);
    assert!(bench.draft.world.get(&unbound).is_none());
    let bound = bench.apply(Kind::Pod, pod("bound", "n0".into()));
    delete(&mut bench.draft, &bound, Some(60), None);
    let asked = bench.draft.now;
    bench.pass(10);
    delete(&mut bench.draft, &bound, Some(90), None);
    assert_eq!(bench.get(&bound).meta.deleted, Some(asked.plus(60_000)));
    delete(&mut bench.draft, &bound, Some(20), None);
    assert_eq!(bench.get(&bound).meta.deleted, Some(asked.plus(20_000)));
    bench.end(&bound, true);
    bench.settle();
    assert!(bench.draft.world.get(&bound).is_none(), "it has ended");
}

#[test]
fn pods_of_a_node_that_is_gone_are_failed_and_made_anew() {
    let (mut bench, _) = running(4);
    bench.draft.remove(&Key::global(Kind::Node, "n0"));
    bench.step(100);
    let failed: Vec<_> = bench
        .draft
        .writes
        .iter()
        .filter_map(|write| write.new.as_ref()?.as_pod())
        .filter(|pod| pod.status.reason.is_empty() && pod.status.is_terminal())
        .collect();
    assert_eq!(failed[0].status.conditions.last().unwrap().message, "PodGC: node no longer exists");
    bench.run();
    assert_eq!(bench.pods().len(), 4);
    assert!(bench.pods().iter().all(|pod| pod.as_pod().unwrap().node.as_deref() == Some("n1")));
}

fn namespace(bench: &mut Bench, name: &str) -> Key {
    bench.apply(Kind::Namespace, json!({"metadata": {"name": name}, "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}))
}

#[test]
fn every_namespace_has_an_account_and_the_root_ca() {
    let mut bench = Bench::new();
    namespace(&mut bench, "x");
    bench.settle();
    let account = Key::new(Kind::ServiceAccount, "x", "default");
    let ca = Key::new(Kind::ConfigMap, "x", "kube-root-ca.crt");
    assert!(bench.draft.world.get(&account).is_some());
    assert_eq!(bench.json(&ca)["data"], json!({"ca.crt": ""}));
    delete(&mut bench.draft, &account, None, None);
    delete(&mut bench.draft, &ca, None, None);
    bench.apply(Kind::ConfigMap, json!({"metadata": {"namespace": "kube-system", "name": "kube-root-ca.crt"}, "data": {"ca.crt": "PEM"}}));
    bench.settle();
    assert!(bench.draft.world.get(&account).is_some());
    assert_eq!(bench.json(&ca)["data"], json!({"ca.crt": "PEM"}));
}

#[test]
fn a_namespace_loses_its_pods_first_then_the_rest_then_itself() {
    let mut bench = Bench::with_nodes(1);
    let key = namespace(&mut bench, "x");
    bench.apply(Kind::Deployment, workload("v1", json!({"replicas": 3})));
    bench.apply(Kind::ConfigMap, json!({"metadata": {"name": "held", "finalizers": ["example.com/mine"]}}));
    bench.run();
    delete(&mut bench.draft, &key, None, None);
    assert_eq!(bench.json(&key)["status"]["phase"], "Terminating");
    bench.settle();
    assert_eq!(bench.list(Kind::Deployment).len(), 1, "pods come first");
    let remaining = bench.condition(&key, "NamespaceContentRemaining");
    assert!(remaining["message"].as_str().unwrap().contains("pods. has 3 resource instances"), "{remaining}");
    bench.run();
    assert!(bench.pods().is_empty() && bench.list(Kind::Deployment).is_empty());
    let held = bench.condition(&key, "NamespaceFinalizersRemaining");
    assert_eq!(held["message"], "Some content in the namespace has finalizers remaining: example.com/mine in 1 resource instances");
    bench.draft.update(&Key::new(Kind::ConfigMap, "x", "held"), |doc| doc.meta.finalizers.clear());
    bench.run();
    assert!(bench.draft.world.get(&key).is_none());
    assert_eq!(bench.draft.world.list_from(std::ops::Bound::Unbounded).filter(|doc| doc.key.namespace == "x").count(), 0);
}

#[test]
fn a_taint_evicts_at_once_or_after_the_time_that_is_tolerated() {
    let mut bench = Bench::with_nodes(1);
    let tolerating = |name: &str, seconds: Value| {
        let toleration =
            json!({"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": seconds});
        json!({"metadata": {"name": name}, "spec": {"nodeName": "n0", "containers": [], "tolerations": [toleration]}, "status": {"phase": "Running"}})
    };
    bench.apply(Kind::Pod, tolerating("for-ever", Value::Null));
    bench.apply(Kind::Pod, tolerating("five-minutes", 300.into()));
    let mut never = tolerating("never", Value::Null);
    never["spec"]["tolerations"] = json!([]);
    bench.apply(Kind::Pod, never);
    let added = bench.draft.now.plus(1000);
    bench.node("n0", json!({"taints": [{"key": "node.kubernetes.io/unreachable", "effect": "NoExecute", "timeAdded": added.to_string()}]}));
    bench.draft.now = added;
    let node = Name::new("n0");
    evict_tainted(&mut bench.draft, &node);
    let live = |bench: &Bench| bench.live_pods().iter().map(|pod| pod.key.name.to_string()).collect::<Vec<_>>();
    assert_eq!(live(&bench), ["five-minutes", "for-ever"]);
    assert_eq!(bench.events(Kind::Pod), [("TaintManagerEviction".into(), "Marking for deletion Pod x/never".into())]);
    assert_eq!(bench.draft.world.work.next_deadline(), Some(added.plus(300_000)));
    bench.draft.now = added.plus(299_999);
    evict_tainted(&mut bench.draft, &node);
    assert_eq!(live(&bench).len(), 2);
    bench.draft.now = added.plus(300_000);
    bench.draft.world.work.ring(bench.draft.now);
    assert!(bench.draft.world.work.list(List::Machines).contains(&Key::global(Kind::Machine, "n0")));
    evict_tainted(&mut bench.draft, &node);
    assert_eq!(live(&bench), ["for-ever"]);
}

fn apply_budget(bench: &mut Bench, bound: Value) -> Key {
    let mut spec = json!({"selector": {"matchLabels": {"app": "web"}}});
    spec.as_object_mut().unwrap().extend(bound.as_object().unwrap().clone());
    bench.apply(Kind::PodDisruptionBudget, json!({"metadata": {"name": "pdb"}, "spec": spec}))
}

#[test]
fn a_budget_counts_as_the_documentation_says() {
    // "Specifying a PodDisruptionBudget": 7 pods and minAvailable 50 % keep 4; maxUnavailable 30 % of 7 rounds up to 3.
    for (bound, desired, allowed) in [
        (json!({"minAvailable": "50%"}), 4, 3),
        (json!({"maxUnavailable": "30%"}), 4, 3),
        (json!({"minAvailable": 6}), 6, 1),
        (json!({"maxUnavailable": 0}), 7, 0),
        (json!({"minAvailable": 9}), 9, 0),
    ] {
        let (mut bench, deployment) = running(7);
        let key = apply_budget(&mut bench, bound.clone());
        bench.settle();
        let status = bench.json(&key)["status"].clone();
        let counts = [&status["expectedPods"], &status["desiredHealthy"], &status["disruptionsAllowed"], &status["currentHealthy"]];
        assert_eq!(counts, [&json!(7), &json!(desired), &json!(allowed), &json!(7)], "{bound}");
        let condition = bench.condition(&key, "DisruptionAllowed");
        assert_eq!(condition["reason"], if allowed > 0 { "SufficientPods" } else { "InsufficientPods" });
        // Asked live, a pod that was just deleted is spent already.
        let pod = bench.pods()[0].key.clone();
        delete(&mut bench.draft, &pod, None, None);
        let live = budget_status(&bench.draft.world, &bench.get(&key));
        assert_eq!(live.disruptions_allowed, (allowed - 1).max(0), "{bound}");
        bench.run();
        // With a share the scale counts, at once; with a count the pods that are there.
        bench.draft.update(&deployment, |doc| {
            doc.meta.generation += 1;
            doc.as_deployment_mut().unwrap().spec.replicas = Some(0);
        });
        bench.run();
        assert_eq!(bench.json(&key)["status"]["expectedPods"], 0);
    }
}

#[test]
fn a_budget_over_pods_without_a_scale_allows_nothing() {
    let mut bench = Bench::with_nodes(1);
    bench.apply(Kind::DaemonSet, workload("v1", json!({})));
    let key = apply_budget(&mut bench, json!({"maxUnavailable": 1}));
    bench.run();
    assert_eq!(bench.condition(&key, "DisruptionAllowed")["reason"], "SyncFailed");
    assert_eq!(bench.condition(&key, "DisruptionAllowed")["message"], "daemonsets.apps does not implement the scale subresource");
    assert_eq!(bench.json(&key)["status"]["disruptionsAllowed"], 0);
}

#[test]
fn a_bare_pod_counts_for_a_count_but_not_for_a_share() {
    let mut bench = Bench::with_nodes(1);
    let mut pod = template("v1");
    pod["metadata"]["name"] = "bare".into();
    bench.apply(Kind::Pod, pod);
    let key = apply_budget(&mut bench, json!({"minAvailable": 1}));
    bench.run();
    let expected = |bench: &Bench| budget_status(&bench.draft.world, &bench.get(&key)).expected_pods;
    assert_eq!(expected(&bench), 1);
    apply_budget(&mut bench, json!({"minAvailable": "50%"}));
    assert_eq!(expected(&bench), 0);
}

#[test]
fn ten_deployments_of_five_hundred_pods_are_stamped_of_shared_parts() {
    let mut bench = Bench::with_nodes(1);
    for n in 0..10 {
        let mut doc = workload("v1", json!({"replicas": 500}));
        let app = format!("web{n}");
        doc["metadata"]["name"] = app.clone().into();
        doc["spec"]["selector"]["matchLabels"]["app"] = app.clone().into();
        doc["spec"]["template"]["metadata"]["labels"]["app"] = app.into();
        bench.apply(Kind::Deployment, doc);
    }
    bench.step(100_000);
    while bench.pods().len() < 5000 {
        let before = bench.pods().len();
        assert!(bench.step(700) <= 700);
        assert!((1..=700).contains(&(bench.pods().len() - before)));
    }
    bench.settle();
    let mut specs: Vec<*const nodelane_model::pod::PodSpec> =
        bench.pods().iter().map(|pod: &Arc<Doc>| Arc::as_ptr(&pod.as_pod().unwrap().spec)).collect();
    specs.sort();
    specs.dedup();
    assert_eq!(specs.len(), 10);
    assert!(bench.list(Kind::Event).len() < 400, "events of the many are combined");
    assert_eq!(bench.draft.now, Time(support::START.0));
}
