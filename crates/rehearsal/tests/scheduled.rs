//! Scheduled events of the platform: what is shown, who is emptied, what is left of it; and whose turn it is when two wait for one budget.
//!
//! Expected: aks-semantics H-6 (Redeploy drains; Freeze, Reboot, Terminate do not), H-10; notices are Azure's: ten minutes before a
//! redeployment, fifteen before a freeze or a reboot, thirty seconds before a preemption.

mod support;

use nodelane_model::pool::{OsType, Priority};
use nodelane_model::{Doc, Machine, Node};
use nodelane_sim::BootProfile;
use serde_json::json;
use support::*;

fn node(bench: &Bench, name: &str) -> Node {
    bench.world().node(&name.into()).expect("the node is there").doc.as_node().unwrap().clone()
}
fn machine(bench: &Bench, name: &str) -> Machine {
    bench.machines("np").into_iter().find(|(key, _)| key.name == name).expect("it is there").1
}
fn event_scheduled(bench: &Bench, name: &str) -> Option<(String, String)> {
    let node = node(bench, name);
    let condition = node.status.conditions.iter().find(|condition| condition.kind == "VMEventScheduled")?;
    Some((condition.status.to_string(), condition.reason.to_string()))
}
fn on(bench: &Bench, name: &str) -> usize {
    running(bench.world(), "web").iter().filter(|doc| doc.as_pod().unwrap().node.as_deref() == Some(name)).count()
}

#[test]
fn a_redeployment_empties_its_node_first_and_gives_it_back() {
    let mut bench = Bench::with_pool(3, |_| {});
    bench.deploy("web", 6, "np", json!({}));
    bench.budget("web", json!({"minAvailable": 5}));
    let victim = bench.node_names("np").remove(1);
    let (since, begin) = (bench.r.events.len(), bench.r.now().whole_seconds());
    bench.fault("move", json!({"kind": "scheduled-event", "event": "Redeploy", "node": victim}));
    bench.pass(3 * MINUTE);
    let told = |doc: &Doc| doc.as_event().is_some_and(|event| event.reason == "RedeployScheduled" && event.involved_object.name == victim);
    assert!(bench.when(since, told).is_some_and(|at| at.since(begin) < 2_000), "at once");
    assert_eq!(event_scheduled(&bench, &victim), Some(("True".into(), "RedeployScheduled".into())));
    assert!(node(&bench, &victim).spec.unschedulable);
    assert_eq!((on(&bench, &victim), running(bench.world(), "web").len()), (0, 6));
    let boots = machine(&bench, &victim).boots;
    bench.pass(8 * MINUTE);
    assert_eq!(event_scheduled(&bench, &victim), Some(("False".into(), "NoVMEventScheduled".into())));
    assert_eq!((machine(&bench, &victim).boots, machine(&bench, &victim).scheduled), (boots + 1, None));
    bench.assert_tidy("np");
    Judge { pool: "np", least_ready: 2, apps: vec![("web", 6)], ..Judge::default() }.judge(&bench.r.events, since);
    bench.pass(HOUR);
    assert_eq!(machine(&bench, &victim).boots, boots + 1, "a fault strikes once");
}

#[test]
fn freezes_reboots_and_terminations_are_shown_and_nothing_is_emptied() {
    for (event, minutes) in [("Freeze", 15), ("reboot", 15), ("Terminate", 5)] {
        let mut bench = Bench::with_pool(2, |_| {});
        bench.deploy("web", 4, "np", json!({}));
        let victim = bench.node_names("np").remove(0);
        bench.fault("f", json!({"kind": "scheduled-event", "event": event, "node": victim}));
        bench.pass(minutes * MINUTE - 5_000);
        assert_eq!(event_scheduled(&bench, &victim).unwrap().0, "True", "{event}");
        assert_eq!((node(&bench, &victim).spec.unschedulable, on(&bench, &victim)), (false, 2), "{event}");
        bench.pass(MINUTE);
        match event {
            "Terminate" => assert_eq!((bench.node_names("np").len(), bench.pool("np").spec.count), (1, 1)),
            _ => assert_eq!((on(&bench, &victim), machine(&bench, &victim).boots), (2, if event == "reboot" { 2 } else { 1 })),
        }
        bench.assert_tidy("np");
    }
}

#[test]
fn a_windows_node_is_not_emptied_and_a_user_who_uncordons_keeps_it() {
    let mut bench = Bench::new(BootProfile::Fast);
    bench.make("np", 2, |spec| (spec.os_type, spec.os_sku) = (OsType::Windows, "Windows2022".into()));
    let victim = bench.node_names("np").remove(0);
    bench.fault("f", json!({"kind": "scheduled-event", "event": "Redeploy", "node": victim}));
    bench.pass(MINUTE);
    assert!(!node(&bench, &victim).spec.unschedulable);
}

#[test]
fn a_user_cordon_outlives_the_event() {
    let mut bench = Bench::with_pool(2, |_| {});
    let victim = bench.nodes("np").remove(0).key.clone();
    bench.edit(&victim, |doc| doc.as_node_mut().unwrap().spec.unschedulable = true);
    bench.fault("f", json!({"kind": "scheduled-event", "event": "Redeploy", "node": victim.name, "noticeSeconds": 60}));
    bench.pass(2 * MINUTE);
    assert!(node(&bench, &victim.name).spec.unschedulable, "nobody lifts another's cordon");
    assert_eq!(machine(&bench, &victim.name).boots, 2, "after the notice that the fault says");
}

#[test]
fn a_preemption_has_the_notice_that_its_fault_says_and_shows_on_the_node() {
    let mut bench = Bench::with_pool(2, |spec| {
        (spec.priority, spec.eviction_policy, spec.spot_max_price) = (Priority::Spot, "Delete".into(), "-1".into());
    });
    let victim = bench.node_names("np").remove(0);
    bench.fault("f", json!({"kind": "spot-evict", "node": victim, "noticeSeconds": 120}));
    bench.pass(110_000);
    assert_eq!(event_scheduled(&bench, &victim), Some(("True".into(), "PreemptScheduled".into())));
    bench.pass(20_000);
    assert_eq!(bench.node_names("np").len(), 1);
}

#[test]
fn the_fault_must_say_what_happens() {
    let mut bench = Bench::new(BootProfile::Fast);
    for (spec, field) in [
        (json!({"kind": "scheduled-event"}), "spec.event"),
        (json!({"kind": "scheduled-event", "event": "Preempt"}), "spec.event"),
        (json!({"kind": "not-ready", "healsBy": "prayer"}), "spec.healsBy"),
    ] {
        let doc =
            nodelane_model::codec::from_value(nodelane_model::Kind::Fault, &json!({"metadata": {"name": "f"}, "spec": spec})).unwrap();
        let answer = bench.ask(nodelane_model::Change::Create(std::sync::Arc::new(doc)));
        assert!(matches!(&answer, Err(nodelane_model::Refusal::Invalid { field: is, .. }) if is == field), "{answer:?}");
    }
}

/// Two machines are emptied, and one budget lets one pod go at a time: the slack goes to the one that began first, although the other
/// comes first by name and by pool.
#[test]
fn slack_of_a_budget_goes_to_who_has_waited_longest() {
    let mut bench = Bench::with_pool(2, |_| {});
    bench.make("anp", 2, |_| {});
    let spread = |pool: &str| {
        json!({"nodeSelector": null, "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
            {"matchExpressions": [{"key": "agentpool", "operator": "In", "values": ["np", pool]}]}]}}},
            "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule",
                "nodeTaintsPolicy": "Honor", "labelSelector": {"matchLabels": {"app": "web"}}}]})
    };
    bench.deploy("web", 8, "np", spread("anp"));
    let first = bench.node_names("np").remove(1);
    let second = bench.node_names("anp").remove(0);
    let budget = bench.budget("web", json!({"minAvailable": 8}));
    bench.fault("old", json!({"kind": "scheduled-event", "event": "Redeploy", "node": first, "noticeSeconds": 3000}));
    bench.pass(MINUTE);
    bench.fault("young", json!({"kind": "scheduled-event", "event": "Redeploy", "node": second, "noticeSeconds": 3000}));
    bench.pass(MINUTE);
    assert_eq!((on(&bench, &first), on(&bench, &second)), (2, 2), "nothing may go");
    let since = bench.r.events.len();
    bench.edit(&budget, |doc| {
        doc.as_budget_mut().unwrap().spec.min_available = Some(nodelane_model::budget::IntOrPercent::Int(7));
        doc.meta.generation += 1;
    });
    bench.pass(10 * MINUTE);
    assert_eq!((on(&bench, &first), on(&bench, &second)), (0, 0), "both are emptied in the end");
    let evicted: Vec<String> = bench.r.events[since..]
        .iter()
        .filter_map(|(_, event)| Some((event.old.as_ref()?, event.new.as_ref()?)))
        .filter(|(old, new)| old.key.kind == nodelane_model::Kind::Pod && !old.is_terminating() && new.is_terminating())
        .filter_map(|(old, _)| old.as_pod()?.node.as_ref().map(ToString::to_string))
        .collect();
    assert_eq!(evicted, [&first, &first, &second, &second].map(String::clone));
    Judge { pool: "np", least_ready: 0, apps: vec![("web", 8)], ..Judge::default() }.judge(&bench.r.events, since);
}
