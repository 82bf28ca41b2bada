//! What a trial of a change tells: machines, moved pods, budgets and their owners, against the rules of AKS.
//!
//! Expected: aks-semantics US-1 (10 % of 5 is one surge machine), US-5 (machines are imaged in place, the surge machine goes in the end),
//! UD-1 (a drain waits for budgets, 30 minutes), and the catalogue's price of each machine.

mod support;

use nodelane_model::budget::IntOrPercent;
use nodelane_model::machine::MachinePhase;
use nodelane_model::pool::PoolSpec;
use nodelane_rehearsal::{End, Rehearsal, Seat, Trial};
use nodelane_review::forecast::{single_replicas, tight, warnings};
use nodelane_sim::BootProfile;
use serde_json::json;
use std::sync::Arc;
use support::*;

/// The change of a pool on a copy of a bench's world, to its end.
fn tried<R>(bench: &Bench, pool: &str, change: impl FnOnce(&mut Bench) -> R) -> End {
    let world = bench.world().clone();
    let seat = Seat::new(Rehearsal::new(world.clone(), Default::default(), BootProfile::Azure, bench.r.now()));
    let trial = Trial::new(seat.clone(), pool);
    // The bench asks through the seat's own rehearsal: it is put in for as long as that takes.
    let mut asking = Bench { r: Rehearsal::new(world, Default::default(), BootProfile::Azure, bench.r.now()) };
    std::mem::swap(&mut asking.r, &mut *seat.enter());
    change(&mut asking);
    std::mem::swap(&mut asking.r, &mut *seat.enter());
    trial.finish()
}

fn five() -> Bench {
    let mut bench = Bench::with_pool(5, |spec| spec.upgrade_settings.max_surge = IntOrPercent::parse("10%"));
    bench.deploy(
        "web",
        5,
        "np",
        json!({"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
        [{"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "web"}}}]}}}),
    );
    bench
}

fn to_next(spec: &mut PoolSpec) {
    spec.orchestrator_version = "1.35".into();
}

#[test]
fn an_upgrade_of_five_with_ten_percent_surge_has_six_at_most_and_images_five() {
    let bench = five();
    let end = tried(&bench, "np", |bench| bench.put("np", to_next));
    let machines = &end.course.machines;
    assert_eq!((machines.before, machines.peak, machines.after), (5, 6, 5));
    assert_eq!((machines.reimaged.count, machines.extra.count, machines.added.count, machines.removed.count), (5, 1, 0, 0));
    assert!(end.failure.is_none() && end.millis.is_some_and(|millis| millis > 5 * MINUTE), "{:?}", end.millis);
    let running = bench.world().machines_of(&"np".into()).filter(|(_, machine)| machine.phase == MachinePhase::Running).count();
    assert_eq!(running, 5, "nothing happened to the state that was asked about");
    let price = end.course.price;
    // Six machines at most of the five of one price: the peak is one of them more.
    let system = price.before - 5.0 * (price.peak - price.before);
    assert!(price.after == price.before && system > 0.0, "{price:?}");
}

#[test]
fn pods_that_move_are_told_with_their_workload_and_where_they_end() {
    let end = tried(&five(), "np", |bench| bench.put("np", to_next));
    let pods = &end.course.pods;
    let [web] = &pods.workloads[..] else { panic!("{pods:?}") };
    assert_eq!((&*web.kind, &*web.namespace, &*web.name), ("Deployment", "default", "web"));
    assert!(web.moved >= 5 && pods.pending == 0 && pods.lost == 0, "{pods:?}");
    assert_eq!(web.to.iter().map(|to| (&*to.pool, to.pods)).collect::<Vec<_>>(), [("np", 5)]);
}

#[test]
fn scaling_down_removes_and_adding_nothing_moves_nothing() {
    let end = tried(&five(), "np", |bench| bench.put("np", |spec| spec.count = 3));
    let machines = &end.course.machines;
    assert_eq!((machines.after, machines.peak, machines.removed.count, machines.extra.count), (3, 5, 2, 0));
    assert!(end.course.price.after < end.course.price.before);
    let end = tried(&five(), "np", |bench| bench.put("np", |spec| spec.count = 6));
    assert_eq!((end.course.machines.added.count, end.course.pods.moved), (1, 0));
}

#[test]
fn a_deleted_pool_leaves_its_pods_waiting() {
    let end = tried(&five(), "np", |bench| bench.delete("np", true));
    assert_eq!((end.course.machines.removed.count, end.course.machines.after), (5, 0));
    assert_eq!((end.course.pods.moved, end.course.pods.pending), (5, 5), "no other pool has the label that they ask for");
}

#[test]
fn a_budget_that_holds_a_drain_up_is_told_with_its_owner() {
    let mut bench = five();
    // One pod may be missing. Two find no node of their own, one of them even with the surge machine: the drain runs into its 30 minutes.
    bench.budget("web", json!({"maxUnavailable": 1}));
    let key = nodelane_model::Key::new(nodelane_model::Kind::PodDisruptionBudget, "default", "web");
    bench.edit(&key, |doc| drop(Arc::make_mut(&mut doc.meta.labels).insert("team".into(), "shop".into())));
    let key = nodelane_model::Key::new(nodelane_model::Kind::Deployment, "default", "web");
    bench.edit(&key, |doc| doc.as_deployment_mut().expect("a deployment").spec.replicas = Some(7));
    bench.pass(10 * MINUTE);
    assert_eq!(tight(bench.world(), "np").iter().map(|view| &*view.budget).collect::<Vec<_>>(), ["default/web"]);
    let end = tried(&bench, "np", |bench| bench.put("np", to_next));
    let views = &end.course.budgets;
    let first = views.first().expect("a budget is in the way");
    assert_eq!((&*first.budget, first.allowed), ("default/web", None));
    assert_eq!(first.owner.as_ref().map(|owner| &*owner.name), Some("shop"));
    assert!((29.0..=31.0).contains(&first.minutes), "{first:?}");
    assert!(end.failure.is_some(), "the upgrade ends with the drain that was given up");
}

#[test]
fn risks_of_a_design_are_warned_of_and_cured() {
    let rules = |bench: &Bench| warnings(bench.world(), "np").into_iter().map(|warning| warning.rule).collect::<Vec<_>>();
    let bench = Bench::with_pool(1, |spec| spec.vm_size = "Standard_NC4as_T4_v3".into());
    assert_eq!(rules(&bench), ["specialised-without-taint", "specialised-without-limits", "no-zones", "one-system-node"]);
    let bench = Bench::with_pool(1, |spec| {
        spec.vm_size = "Standard_NC4as_T4_v3".into();
        spec.node_taints = vec!["sku=gpu:NoSchedule".into()];
        (spec.enable_auto_scaling, spec.min_count, spec.max_count) = (true, Some(0), Some(3));
        spec.availability_zones = vec!["1".into(), "2".into()];
    });
    assert_eq!(rules(&bench), ["one-system-node"]);
}

#[test]
fn a_single_replica_is_warned_of_by_whether_a_budget_holds_it() {
    let mut bench = Bench::with_pool(1, |_| {});
    bench.deploy("one", 1, "np", json!({}));
    bench.deploy("two", 2, "np", json!({}));
    let rules = |bench: &Bench| single_replicas(bench.world(), "np").into_iter().map(|w| (w.rule, w.subject)).collect::<Vec<_>>();
    assert_eq!(rules(&bench), [("single-replica", "Deployment default/one".to_owned())]);
    bench.budget("one", json!({"minAvailable": 1}));
    assert_eq!(rules(&bench), [("single-replica-held", "Deployment default/one".to_owned())]);
}
