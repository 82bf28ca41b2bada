//! Why a node is not removed, as users read it: the reason, the pod, the sentence, the table.
//!
//! The predicates have their tests where they are; here it is what is shown of them, also for nodes that have no machine here.

use nodelane_engine::Env;
use nodelane_model::{Kind, Time, Uid, codec};
use nodelane_review::{node_standings, standings_table};
use nodelane_world::{Snapshot, World};
use serde_json::{Value, json};
use std::sync::Arc;

const NOW: Time = Time(1_767_225_600_000);

fn put(world: &mut World, kind: Kind, value: Value) {
    let mut doc = codec::from_value(kind, &value).expect("a document");
    doc.revision = world.revision + 1;
    doc.meta.uid = Uid(u128::from(doc.revision));
    world.put(Arc::new(doc));
}

/// A foreign cluster: nodes of an autoscaled and of a manual pool, no machines.
fn foreign() -> Snapshot {
    let mut world = World::new(0);
    put(&mut world, Kind::Cluster, json!({"metadata": {"name": "cluster"}, "spec": {}, "state": {}}));
    put(
        &mut world,
        Kind::NodePool,
        json!({"metadata": {"name": "auto"}, "spec": {"enableAutoScaling": true, "minCount": 1, "maxCount": 5}, "state": {}}),
    );
    put(&mut world, Kind::NodePool, json!({"metadata": {"name": "manual"}, "spec": {"count": 1}, "state": {}}));
    for (name, pool) in [("a1", "auto"), ("a2", "auto"), ("m1", "manual"), ("x1", "")] {
        let labels = if pool.is_empty() { json!({}) } else { json!({"agentpool": pool}) };
        put(
            &mut world,
            Kind::Node,
            json!({"metadata": {"name": name, "labels": labels}, "spec": {}, "status": {"conditions": [{"type": "Ready", "status": "True"}],
                "allocatable": {"cpu": "4", "memory": "8Gi", "pods": "10"}}}),
        );
    }
    put(
        &mut world,
        Kind::Pod,
        json!({"metadata": {"name": "db-0", "namespace": "shop"}, "spec": {"nodeName": "a1", "containers": [{"name": "c", "image": "i",
            "resources": {"requests": {"cpu": "1"}}}]}, "status": {"phase": "Running"}}),
    );
    Snapshot { world, now: NOW }
}

#[test]
fn each_node_has_its_reason_and_the_pod_that_keeps_it() {
    let standings = node_standings(&foreign(), &Env::default(), None, None);
    let told: Vec<_> =
        standings.iter().map(|it| (it.node.as_str(), it.pool.as_str(), it.reason, it.pod.as_deref(), it.pod_reason)).collect();
    assert_eq!(
        told,
        [
            ("a1", "auto", Some("BlockedByPod"), Some("shop/db-0"), Some("NotReplicated")),
            ("a2", "auto", Some("NotUnneededOtherReason"), None, None),
            ("m1", "manual", Some("NotAutoscaled"), None, None),
            ("x1", "", Some("NotAutoscaled"), None, None),
        ]
    );
    assert_eq!(standings[0].utilization, Some(0.25));
}

#[test]
fn the_text_says_what_would_change_it() {
    let text = |node: &str| node_standings(&foreign(), &Env::default(), None, Some(node))[0].to_string();
    let blocked = text("a1");
    assert!(blocked.starts_with("a1 stays: BlockedByPod\n  Pod shop/db-0 keeps it: no controller of a known kind"), "{blocked}");
    assert!(text("m1").contains("Pool manual is not autoscaled: `az aks nodepool update --enable-cluster-autoscaler`"));
    assert!(text("x1").contains("It belongs to no pool."));
}

#[test]
fn a_pool_is_a_table_with_the_count_of_each_reason() {
    let table = standings_table(&node_standings(&foreign(), &Env::default(), Some("auto"), None));
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines[0].split_whitespace().collect::<Vec<_>>(), ["NODE", "POOL", "REASON", "USED", "POD"]);
    assert_eq!(lines[1].split_whitespace().collect::<Vec<_>>(), ["a1", "auto", "BlockedByPod", "25", "%", "shop/db-0", "(NotReplicated)"]);
    assert_eq!(lines[4], "2 nodes: 1 BlockedByPod, 1 NotUnneededOtherReason");
}

#[test]
fn json_has_the_fields_that_are_promised() {
    let standings = node_standings(&foreign(), &Env::default(), None, Some("a1"));
    let value = serde_json::to_value(&standings[0]).unwrap();
    let fields: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    let mut wanted = [
        "node",
        "pool",
        "removable",
        "reason",
        "message",
        "pod",
        "podReason",
        "utilization",
        "unneededSince",
        "until",
        "podsToMove",
        "destinations",
    ];
    wanted.sort_unstable();
    let mut fields = fields;
    fields.sort_unstable();
    assert_eq!(fields, wanted);
}
