//! Upgrades: machines are emptied, reimaged and come back, and what must not be missing is never missing.
//!
//! Judged from the events alone (aks-semantics 4.2 to 4.4; invariants I3, I5, E3, E4).

mod support;

use nodelane_model::budget::IntOrPercent;
use nodelane_model::{Doc, Kind};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use support::*;

/// A pool with two apps under budgets.
fn loaded(count: u32, change: impl FnOnce(&mut nodelane_model::pool::PoolSpec)) -> Bench {
    let mut bench = Bench::with_pool(count, change);
    bench.daemons("agent");
    bench.deploy("web", 8, "np", json!({}));
    bench.deploy("db", 3, "np", json!({}));
    bench.budget("web", json!({"minAvailable": 6}));
    bench.budget("db", json!({"maxUnavailable": 1}));
    bench.pass(5_000);
    bench
}

fn upgrade(bench: &mut Bench) {
    bench.settle("np", |spec| spec.orchestrator_version = "1.35".into());
}

fn by_name(nodes: Vec<Arc<Doc>>) -> BTreeMap<String, Arc<Doc>> {
    nodes.into_iter().map(|node| (node.key.name.to_string(), node)).collect()
}

/// Every node is another of the same name, of the new version, and nothing is left over.
fn assert_rolled(bench: &Bench, before: &BTreeMap<String, Arc<Doc>>) {
    assert_eq!(bench.state("np"), "Succeeded", "{:?}", bench.error("np"));
    bench.assert_tidy("np");
    let after = by_name(bench.nodes("np"));
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    let version = bench.pool("np").state.version;
    for (name, new) in &after {
        let (old, info) = (&before[name], &new.as_node().unwrap().status.node_info);
        let was = &old.as_node().unwrap().status.node_info;
        assert_ne!(old.meta.uid, new.meta.uid, "{name}");
        assert_ne!(was.boot_id, info.boot_id, "{name}");
        assert_eq!(info.kubelet_version, format!("v{version}"), "{name}");
        assert_eq!(new.meta.labels.get("kubernetes.azure.com/node-image-version"), Some(&bench.pool("np").state.image));
    }
}

/// What happened to each node, in order: its surge, cordon, emptiness, end and return.
fn assert_order(bench: &Bench, since: usize, names: &[String]) {
    for name in names {
        let of = |doc: &Doc| doc.key.kind == Kind::Node && doc.key.name == *name;
        let cordoned = bench.when(since, |doc| of(doc) && doc.as_node().is_some_and(|node| node.spec.unschedulable)).expect("it is cordoned");
        let gone = bench.r.events[since..].iter().find(|(_, event)| event.new.is_none() && event.old.as_ref().is_some_and(|doc| of(doc)));
        let (gone, event) = gone.expect("its node goes");
        assert!(*gone >= cordoned);
        // No pod but daemons is on it when it goes.
        let mut on_it = BTreeSet::new();
        for (_, earlier) in bench.r.events.iter().take_while(|(_, earlier)| earlier.revision < event.revision) {
            let Some(doc) = earlier.new.as_ref().or(earlier.old.as_ref()).filter(|doc| doc.key.kind == Kind::Pod && doc.key.namespace == "default") else { continue };
            match &earlier.new {
                Some(doc) if doc.as_pod().unwrap().node.as_ref().is_some_and(|node| node == name) => on_it.insert(doc.key.clone()),
                _ => on_it.remove(&doc.key),
            };
        }
        assert_eq!(on_it, BTreeSet::new(), "{name} was empty when it went");
    }
}

#[test]
fn a_default_upgrade_takes_one_node_at_a_time_and_overspends_nothing() {
    let mut bench = loaded(3, |_| {});
    let (before, web, since) = (by_name(bench.nodes("np")), uids(&running(bench.world(), "web")), bench.r.events.len());
    upgrade(&mut bench);
    bench.pass(60_000);
    assert_rolled(&bench, &before);
    let names: Vec<String> = before.keys().cloned().collect();
    assert_order(&bench, since, &names);
    Judge { pool: "np", least_ready: 3, most_nodes: 4, apps: vec![("web", 8), ("db", 3)] }.judge(&bench.r.events, since);
    let after = uids(&running(bench.world(), "web"));
    assert_eq!(after.len(), 8);
    assert!(web.iter().all(|uid| !after.contains(uid)), "every pod has moved");
    assert_eq!(running(bench.world(), "agent").len(), 4, "daemons are back on every node");
    let said: BTreeSet<String> = bench.world().list(Kind::Event, None).filter_map(|doc| doc.as_event()).map(|event| event.reason.to_string()).collect();
    assert!(said.contains("Surge") && said.contains("Drain"), "{said:?}");
    assert!(bench.world().list(Kind::Event, None).filter_map(|doc| doc.as_event()).any(|event| event.message.starts_with("Created a surge node [aks-np-") && event.message.ends_with(" np] for agentpool np")));
}

#[test]
fn a_third_of_four_is_two_extra_nodes() {
    // aks-semantics US-1: 33 % of 4 is 2.
    let mut bench = loaded(4, |spec| spec.upgrade_settings.max_surge = IntOrPercent::parse("33%"));
    let (before, since) = (by_name(bench.nodes("np")), bench.r.events.len());
    upgrade(&mut bench);
    assert_rolled(&bench, &before);
    Judge { pool: "np", least_ready: 4, most_nodes: 6, apps: vec![("web", 8), ("db", 3)] }.judge(&bench.r.events, since);
    let surged = bench.r.events[since..].iter().filter(|(_, event)| event.old.is_none() && event.new.as_ref().is_some_and(|doc| doc.as_machine().is_some())).count();
    assert_eq!(surged, 2);
}

#[test]
fn with_max_unavailable_no_node_is_added_and_one_is_missing() {
    let mut bench = loaded(4, |spec| spec.upgrade_settings.max_unavailable = IntOrPercent::parse("1"));
    let (before, since) = (by_name(bench.nodes("np")), bench.r.events.len());
    upgrade(&mut bench);
    assert_rolled(&bench, &before);
    Judge { pool: "np", least_ready: 3, most_nodes: 4, apps: vec![("web", 8), ("db", 3)] }.judge(&bench.r.events, since);
}
