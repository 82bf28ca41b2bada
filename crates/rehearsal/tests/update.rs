//! Labels and taints: what a pool says reaches its nodes in place and stays; what a user adds by kubectl stays until the reimage.
//!
//! aks-semantics LB-6, T-3, UR-2.

mod support;

use nodelane_model::node::Taint;
use nodelane_model::{Doc, Key};
use serde_json::json;
use std::sync::Arc;
use support::*;

fn set_label(doc: &mut Doc, key: &str, value: &str) {
    Arc::make_mut(&mut doc.meta.labels).insert(key.into(), value.into());
}
fn label(bench: &Bench, node: &Key, key: &str) -> Option<String> {
    bench.world().get(node).unwrap().meta.labels.get(key).map(ToString::to_string)
}
fn taints(bench: &Bench, node: &Key) -> Vec<Taint> {
    bench
        .world()
        .get(node)
        .unwrap()
        .as_node()
        .unwrap()
        .spec
        .taints
        .iter()
        .map(|taint| Taint { time_added: None, ..taint.clone() })
        .collect()
}

#[test]
fn labels_and_taints_reach_the_nodes_in_place_and_leave_them_again() {
    let mut bench = Bench::with_pool(2, |spec| drop(spec.node_labels.insert("lane".into(), "slow".into())));
    let (nodes, before) = (bench.nodes("np"), uids(&bench.nodes("np")));
    bench.put("np", |spec| {
        spec.node_labels = [("lane".into(), "fast".into()), ("team".into(), "a".into())].into();
        spec.node_taints = vec!["sku=gpu:NoSchedule".into()];
    });
    bench.idle("np", MINUTE);
    assert_eq!((bench.state("np"), uids(&bench.nodes("np"))), ("Succeeded", before));
    for node in &nodes {
        assert_eq!((label(&bench, &node.key, "lane").as_deref(), label(&bench, &node.key, "team").as_deref()), (Some("fast"), Some("a")));
        assert_eq!(taints(&bench, &node.key), [Taint::parse("sku=gpu:NoSchedule").unwrap()]);
    }
    bench.settle("np", |spec| {
        spec.node_labels.clear();
        spec.node_taints.clear();
    });
    for node in &nodes {
        assert_eq!((label(&bench, &node.key, "lane"), label(&bench, &node.key, "team"), taints(&bench, &node.key).len()), (None, None, 0));
    }
}

#[test]
fn what_the_pool_says_is_asserted_again_when_someone_takes_it_off() {
    let mut bench = Bench::with_pool(1, |spec| {
        spec.node_labels.insert("lane".into(), "fast".into());
        spec.node_taints = vec!["sku=gpu:NoSchedule".into()];
    });
    let node = bench.nodes("np")[0].key.clone();
    bench.edit(&node, |doc| {
        Arc::make_mut(&mut doc.meta.labels).remove("lane");
        set_label(doc, "agentpool", "stolen");
        doc.as_node_mut().unwrap().spec.taints.clear();
    });
    bench.pass(1_000);
    assert_eq!((label(&bench, &node, "lane").as_deref(), label(&bench, &node, "agentpool").as_deref()), (Some("fast"), Some("np")));
    assert_eq!(taints(&bench, &node), [Taint::parse("sku=gpu:NoSchedule").unwrap()]);
    bench.edit(&node, |doc| doc.as_node_mut().unwrap().spec.taints[0].value = "other".into());
    bench.pass(1_000);
    assert_eq!(taints(&bench, &node), [Taint::parse("sku=gpu:NoSchedule").unwrap()]);
}

#[test]
fn what_a_user_set_by_kubectl_stays_until_the_reimage() {
    let mut bench = Bench::with_pool(1, |_| {});
    let node = bench.nodes("np")[0].key.clone();
    bench.edit(&node, |doc| {
        set_label(doc, "mine", "yes");
        doc.as_node_mut().unwrap().spec.taints.push(Taint::parse("mine=yes:PreferNoSchedule").unwrap());
    });
    bench.settle("np", |spec| drop(spec.node_labels.insert("lane".into(), "fast".into())));
    bench.pass(HOUR);
    assert_eq!((label(&bench, &node, "mine").as_deref(), taints(&bench, &node).len()), (Some("yes"), 1));
    bench.settle("np", |spec| spec.orchestrator_version = "1.35".into());
    assert_eq!(
        (label(&bench, &node, "mine"), label(&bench, &node, "lane").as_deref(), taints(&bench, &node).len()),
        (None, Some("fast"), 0)
    );
}

#[test]
fn surge_nodes_have_the_pools_marks_and_not_the_users() {
    let mut bench = Bench::with_pool(1, |spec| drop(spec.node_labels.insert("lane".into(), "fast".into())));
    let node = bench.nodes("np")[0].key.clone();
    bench.edit(&node, |doc| set_label(doc, "mine", "yes"));
    let since = bench.r.events.len();
    bench.settle("np", |spec| spec.orchestrator_version = "1.35".into());
    let surge = bench.r.events[since..]
        .iter()
        .filter_map(|(_, event)| event.new.clone())
        .find(|doc| doc.as_node().is_some() && doc.key != node)
        .unwrap();
    assert_eq!((surge.meta.labels.get("lane").map(|lane| lane.as_str()), surge.meta.labels.get("mine")), (Some("fast"), None));
}

#[test]
fn a_no_execute_taint_drives_pods_off() {
    let mut bench = Bench::with_pool(2, |_| {});
    bench.deploy("web", 2, "np", json!({}));
    bench.deploy("tough", 2, "np", json!({"tolerations": [{"key": "evacuate", "operator": "Exists"}]}));
    let tough = uids(&running(bench.world(), "tough"));
    bench.settle("np", |spec| spec.node_taints = vec!["evacuate=now:NoExecute".into()]);
    bench.pass(MINUTE);
    assert_eq!((running(bench.world(), "web").len(), uids(&running(bench.world(), "tough"))), (0, tough));
}
