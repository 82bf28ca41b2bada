//! Another VM size in place: machines of the new size come and take the place of the old ones, one after another.
//!
//! Judged from the events alone (aks-semantics M-1, M-3, UR-1, US-5; invariants I3, I5, I7, E3).

mod support;

use nodelane_model::budget::IntOrPercent;
use nodelane_model::pool::{PoolSpec, Power};
use nodelane_model::refusal::PoolRefusal;
use nodelane_model::{Change, Kind, Refusal};
use serde_json::json;
use std::collections::BTreeSet;
use support::*;

const SMALL: &str = "Standard_D4s_v5";
const LARGE: &str = "Standard_D8s_v5";
const PREVIEW: &str = "2026-01-02-preview";

fn resize(bench: &mut Bench, size: &str) -> Result<(), Refusal> {
    bench.put_as(PREVIEW, |spec| spec.vm_size = size.into())
}

fn sizes(bench: &Bench) -> Vec<String> {
    let label = |node: &std::sync::Arc<nodelane_model::Doc>| node.meta.labels["node.kubernetes.io/instance-type"].to_string();
    bench.nodes("np").iter().map(label).collect()
}

/// A pool of three with an app under a budget.
fn loaded(change: impl FnOnce(&mut PoolSpec)) -> Bench {
    let mut bench = Bench::with_pool(3, change);
    assert_eq!(sizes(&bench), [SMALL; 3]);
    bench.deploy("web", 6, "np", json!({}));
    bench.budget("web", json!({"minAvailable": 4}));
    bench.pass(5_000);
    bench
}

#[test]
fn every_node_is_replaced_by_one_of_the_new_size_and_none_is_missed_on_the_way() {
    for surge in ["1", "2", "100%"] {
        let mut bench = loaded(|spec| spec.upgrade_settings.max_surge = IntOrPercent::parse(surge));
        let most_nodes = 3 + surge.trim_end_matches("00%").parse::<usize>().unwrap().max(if surge == "100%" { 3 } else { 0 });
        let (before, since): (BTreeSet<_>, _) = (bench.node_names("np").into_iter().collect(), bench.r.events.len());
        resize(&mut bench, LARGE).unwrap();
        assert_eq!(bench.state("np"), "Upgrading");
        bench.idle("np", HOUR);
        assert_eq!((bench.state("np"), sizes(&bench)), ("Succeeded", vec![LARGE.to_owned(); 3]), "{:?}", bench.error("np"));
        bench.pass(MINUTE);
        bench.assert_tidy("np");
        let after: BTreeSet<_> = bench.node_names("np").into_iter().collect();
        assert!(before.is_disjoint(&after), "old names disappear (M-3)");
        let made = bench.r.events[since..]
            .iter()
            .filter(|(_, event)| event.old.is_none() && event.new.as_ref().is_some_and(|doc| doc.key.kind == Kind::Machine));
        assert_eq!(made.count(), 3, "as many machines as there are nodes, with a surge of {surge}");
        Judge { pool: "np", least_ready: 3, most_nodes, apps: vec![("web", 6)] }.judge(&bench.r.events, since);
        assert_eq!(running(bench.world(), "web").len(), 6);
    }
}

#[test]
fn a_size_that_is_not_to_be_had_costs_nothing() {
    for version in ["1.34", "1.35"] {
        let mut bench = loaded(|spec| spec.orchestrator_version = version.into());
        let before = uids(&bench.nodes("np"));
        bench.fault("short", json!({"kind": "allocation", "pool": "np", "count": 9}));
        resize(&mut bench, LARGE).unwrap();
        bench.idle("np", HOUR);
        assert_eq!((bench.state("np"), bench.error("np").0.as_str()), ("Failed", "AllocationFailed"));
        bench.pass(MINUTE);
        assert_eq!(uids(&bench.nodes("np")), before, "no node was touched");
        bench.assert_tidy("np");
    }
}

#[test]
fn a_size_that_runs_out_midway_leaves_as_many_nodes_as_before() {
    let mut bench = loaded(|_| {});
    let since = bench.r.events.len();
    resize(&mut bench, LARGE).unwrap();
    let of_new_size = |world: &nodelane_world::World| {
        world.machines_of(&"np".into()).filter(|(_, machine)| machine.size == LARGE && !machine.surge).count()
    };
    bench.until(HOUR, |world| of_new_size(world) == 1);
    let short = bench.fault("short", json!({"kind": "allocation", "pool": "np"}));
    bench.idle("np", HOUR);
    // The machine that was on its way when the fault came may still come.
    assert_eq!((bench.state("np"), bench.error("np").0.as_str()), ("Failed", "AllocationFailed"));
    bench.pass(MINUTE);
    bench.assert_tidy("np");
    bench.remove(&short);
    bench.settle("np", |_| {});
    assert_eq!((bench.state("np"), sizes(&bench)), ("Succeeded", vec![LARGE.to_owned(); 3]), "any PUT resumes it: {:?}", bench.error("np"));
    bench.assert_tidy("np");
    Judge { pool: "np", least_ready: 3, most_nodes: 4, apps: vec![("web", 6)] }.judge(&bench.r.events, since);
}

#[test]
fn only_previews_may_ask_and_only_for_sizes_that_fit() {
    let mut bench = loaded(|_| {});
    for version in ["", "2026-06-01", "2025-10-02-preview"] {
        let answer = bench.put_as(version, |spec| spec.vm_size = LARGE.into());
        assert!(matches!(answer, Err(Refusal::Pool(PoolRefusal::PropertyChange { rule: "M-1", .. }))), "{version}: {answer:?}");
    }
    let parameter = |answer: Result<(), Refusal>| match answer {
        Err(Refusal::Pool(PoolRefusal::Parameter { rule, parameter, .. })) => (rule, parameter.to_string()),
        other => panic!("{other:?}"),
    };
    let size = || "agentPoolProfile.vmSize".to_owned();
    assert_eq!(parameter(resize(&mut bench, "Standard_D4ps_v5")), ("M-3", size()), "arm64");
    let beside = bench.put_as(PREVIEW, |spec| (spec.vm_size, spec.orchestrator_version) = (LARGE.into(), "1.35".into()));
    assert_eq!(parameter(beside), ("M-3", size()), "a version beside it");
    assert!(matches!(
        bench.put_as(PREVIEW, |spec| (spec.vm_size, spec.count) = (LARGE.into(), 4)),
        Err(Refusal::Pool(PoolRefusal::NotAllowed { .. }))
    ));
    let missing = bench.put_as(PREVIEW, |spec| {
        spec.vm_size = LARGE.into();
        spec.upgrade_settings.max_unavailable = IntOrPercent::parse("1");
    });
    assert_eq!(parameter(missing), ("M-3", "agentPoolProfile.upgradeSettings.maxSurge".to_owned()));
    assert!(matches!(resize(&mut bench, "Standard_Nonesuch"), Err(Refusal::Pool(PoolRefusal::SizeNotAllowed { .. }))));
    assert_eq!(bench.state("np"), "Succeeded");
}

#[test]
fn a_stopped_pool_is_resized_on_paper_and_boots_with_it() {
    let mut bench = Bench::with_pool(2, |_| {});
    bench.settle("np", |spec| spec.power = Power::Stopped);
    resize(&mut bench, LARGE).unwrap();
    bench.idle("np", MINUTE);
    bench.settle("np", |spec| spec.power = Power::Running);
    assert_eq!((bench.state("np"), sizes(&bench)), ("Succeeded", vec![LARGE.to_owned(); 2]));
    bench.assert_tidy("np");
}

#[test]
fn an_aborted_resize_keeps_what_is_done_and_any_put_goes_on() {
    let mut bench = loaded(|_| {});
    let since = bench.r.events.len();
    resize(&mut bench, LARGE).unwrap();
    bench.until(HOUR, |world| world.machines_of(&"np".into()).any(|(_, machine)| machine.size == LARGE && !machine.surge));
    bench.ask(Change::AbortPool { name: "np".into() }).unwrap();
    bench.idle("np", HOUR);
    bench.pass(MINUTE);
    assert_eq!((bench.state("np"), bench.pool("np").spec.count), ("Canceled", 3));
    bench.assert_tidy("np");
    bench.settle("np", |_| {});
    assert_eq!((bench.state("np"), sizes(&bench)), ("Succeeded", vec![LARGE.to_owned(); 3]), "{:?}", bench.error("np"));
    Judge { pool: "np", least_ready: 3, most_nodes: 4, apps: vec![("web", 6)] }.judge(&bench.r.events, since);
}

#[test]
fn an_emptied_node_stays_until_another_can_take_its_place() {
    let mut bench = loaded(|spec| spec.upgrade_settings.node_soak_duration_in_minutes = Some(5));
    let before = bench.node_names("np");
    resize(&mut bench, LARGE).unwrap();
    bench.until(HOUR, |world| {
        world.machines_of(&"np".into()).any(|(_, machine)| machine.roll == Some(nodelane_model::machine::Roll::Soaking))
    });
    let extra = bench.nodes("np").into_iter().find(|node| !before.contains(&node.key.name.to_string())).unwrap().key.clone();
    bench.edit(&extra, |doc| doc.as_node_mut().unwrap().spec.unschedulable = true);
    bench.pass(10 * MINUTE);
    assert!(before.iter().all(|name| bench.node_names("np").contains(name)), "the soak is over and nothing stands in");
    bench.edit(&extra, |doc| doc.as_node_mut().unwrap().spec.unschedulable = false);
    bench.idle("np", HOUR);
    assert_eq!((bench.state("np"), sizes(&bench)), ("Succeeded", vec![LARGE.to_owned(); 3]), "{:?}", bench.error("np"));
}
