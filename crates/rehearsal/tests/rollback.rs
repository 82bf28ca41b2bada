//! Rollback (aks-semantics RB-1): the machines go back to the version and image before, under the rules of any roll.
//!
//! Which requests are rollbacks, and when they are refused, is tested with the engine's `admit`.

mod support;

use nodelane_engine::admit::ASKED_IMAGE;
use nodelane_model::machine::Roll;
use nodelane_model::pool::{PoolSpec, UsedVersion};
use nodelane_model::refusal::PoolRefusal;
use nodelane_model::{Change, Refusal};
use nodelane_sim::BootProfile;
use serde_json::json;
use support::*;

fn upgraded(bench: &mut Bench) -> UsedVersion {
    bench.settle("np", |spec| spec.orchestrator_version = "1.35".into());
    bench.pool("np").before().cloned().expect("what it had before")
}

fn to(spec: &mut PoolSpec, used: &UsedVersion) {
    spec.orchestrator_version = used.orchestrator_version.clone();
    spec.rest.insert(ASKED_IMAGE.into(), used.node_image_version.as_str().into());
}

/// What the kubelets and the labels of a pool's nodes say, each once.
fn versions(bench: &Bench) -> Vec<(String, String)> {
    let mut found: Vec<_> = bench
        .nodes("np")
        .iter()
        .map(|node| {
            let image = &node.meta.labels["kubernetes.azure.com/node-image-version"];
            (node.as_node().unwrap().status.node_info.kubelet_version.to_string(), image.to_string())
        })
        .collect();
    found.dedup();
    found
}

#[test]
fn every_node_goes_back_and_the_budget_holds_all_the_way() {
    let mut bench = Bench::with_pool(3, |spec| spec.orchestrator_version = "1.34".into());
    bench.deploy("web", 6, "np", json!({}));
    bench.budget("web", json!({"minAvailable": 5}));
    bench.pass(5_000);
    let before = versions(&bench);
    let names: Vec<_> = bench.nodes("np").iter().map(|node| node.key.name.clone()).collect();
    let used = upgraded(&mut bench);
    assert_ne!(versions(&bench), before);
    let since = bench.r.events.len();
    bench.settle("np", |spec| to(spec, &used));
    assert_eq!((bench.state("np"), versions(&bench)), ("Succeeded", before), "{:?}", bench.error("np"));
    assert_eq!(bench.nodes("np").iter().map(|node| node.key.name.clone()).collect::<Vec<_>>(), names);
    assert!(bench.r.events.len() > since);
    bench.assert_tidy("np");
    assert!(running(bench.world(), "web").len() >= 5);
    assert_eq!(bench.pool("np").before(), None, "no rollback follows another");
}

#[test]
fn an_aborted_upgrade_can_be_rolled_back_and_untouched_nodes_stay() {
    let mut bench = Bench::with_pool(3, |spec| spec.orchestrator_version = "1.34".into());
    let before = versions(&bench);
    let uids = |bench: &Bench| bench.nodes("np").iter().map(|node| (node.key.name.clone(), node.meta.uid)).collect::<Vec<_>>();
    let first = uids(&bench);
    bench.put("np", |spec| spec.orchestrator_version = "1.35".into());
    let (name, done) = ("np".into(), Some(Roll::Done));
    bench.until(HOUR, |world| world.machines_of(&name).any(|(_, machine)| machine.roll == done));
    bench.ask(Change::AbortPool { name: "np".into() }).expect("it is aborted");
    bench.idle("np", HOUR);
    assert_eq!(bench.state("np"), "Canceled");
    let used = bench.pool("np").before().cloned().unwrap();
    bench.settle("np", |spec| to(spec, &used));
    assert_eq!((bench.state("np"), versions(&bench)), ("Succeeded", before), "{:?}", bench.error("np"));
    let last = uids(&bench);
    assert!(first.iter().any(|node| last.contains(node)), "a node that was never upgraded is left alone");
}

#[test]
fn a_week_later_it_is_too_late() {
    let mut bench = Bench::new(BootProfile::Fast);
    bench.make("np", 1, |spec| spec.orchestrator_version = "1.34".into());
    let used = upgraded(&mut bench);
    bench.pass(7 * 24 * HOUR);
    let mut spec = bench.pool("np").spec;
    to(&mut spec, &used);
    let answer = bench.put_spec("np", spec);
    assert!(matches!(answer, Err(Refusal::Pool(PoolRefusal::NotAllowed { rule: "RB-1", .. }))), "{answer:?}");
}
