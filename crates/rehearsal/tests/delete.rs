//! Deletion: pods leave first, budgets hold unless they are passed over, and who polls an operation still finds it a day later.
//!
//! aks-semantics DL-1, DL-2, LK-4, LK-6, N-7.

mod support;

use nodelane_model::operation::Outcome;
use nodelane_model::{Key, Kind, NodePool, Uid};
use serde_json::json;
use support::*;

fn key() -> Key {
    Key::global(Kind::NodePool, "np")
}
fn tombstone(bench: &Bench) -> Option<NodePool> {
    bench.world().get(&key()).and_then(|doc| doc.as_pool()).cloned()
}
fn outcome(pool: &NodePool, id: Uid) -> (Outcome, String) {
    let ended = pool.operation(id).unwrap().ended.clone().unwrap();
    (ended.outcome, ended.error.map(|error| error.code.to_string()).unwrap_or_default())
}

#[test]
fn a_deleted_pool_is_emptied_within_budgets_before_its_machines_go() {
    let mut bench = Bench::with_pool(3, |_| {});
    bench.make("other", 2, |_| {});
    bench.deploy("web", 6, "np", json!({"nodeSelector": {"agentpool": null, "kubernetes.azure.com/mode": "user"}}));
    bench.budget("web", json!({"maxUnavailable": 1}));
    let since = bench.r.events.len();
    let id = bench.delete("np", false).unwrap();
    assert_eq!(bench.state("np"), "Deleting");
    bench.idle("np", HOUR);
    assert!(bench.world().pool("np").is_none());
    assert_eq!((bench.nodes("np").len(), bench.machines("np").len(), running(bench.world(), "web").len()), (0, 0, 6));
    assert_eq!(outcome(&tombstone(&bench).unwrap(), id).0, Outcome::Succeeded);
    Judge { pool: "np", least_ready: 0, most_nodes: 3, apps: vec![("web", 6)] }.judge(&bench.r.events, since);
}

#[test]
fn a_budget_that_blocks_fails_a_deletion_and_only_a_deletion_is_accepted_then() {
    let mut bench = Bench::with_pool(1, |_| {});
    bench.deploy("stuck", 1, "np", json!({}));
    bench.budget("stuck", json!({"minAvailable": 1}));
    let pod = running(bench.world(), "stuck")[0].key.name.clone();
    let node = bench.node_names("np")[0].clone();
    bench.delete("np", false);
    bench.idle("np", HOUR);
    assert_eq!(bench.state("np"), "Failed");
    assert_eq!(
        bench.error("np"),
        (
            "DeleteVMSSAgentPoolFailed".into(),
            format!("PodDrainFailure: Node '{node}' failed to be drained with error: 'Drain did not complete pods [{pod}] within 10m0s'")
        )
    );
    let spec = bench.pool("np").spec;
    assert!(bench.put_spec("np", nodelane_model::pool::PoolSpec { count: 2, ..spec }).is_err());
    bench.delete("np", true);
    bench.idle("np", HOUR);
    assert!(bench.world().pool("np").is_none(), "budgets are passed over");
}

#[test]
fn a_deletion_that_passes_over_budgets_joins_one_that_waits() {
    let mut bench = Bench::with_pool(1, |_| {});
    bench.deploy("stuck", 1, "np", json!({}));
    bench.budget("stuck", json!({"minAvailable": 1}));
    let first = bench.delete("np", false).unwrap();
    bench.pass(2 * MINUTE);
    assert_eq!(bench.state("np"), "Deleting");
    assert_eq!(bench.delete("np", true), Some(first));
    bench.idle("np", 2 * MINUTE);
    assert!(bench.world().pool("np").is_none());
}

#[test]
fn a_deletion_preempts_whatever_runs() {
    for phase in 0..3 {
        let mut bench = Bench::with_pool(3, |_| {});
        let running_one = match phase {
            0 => bench.put("np", |spec| spec.count = 6),
            1 => bench.put("np", |spec| spec.orchestrator_version = "1.35".into()),
            _ => bench.put("np", |spec| spec.power = nodelane_model::pool::Power::Stopped),
        };
        bench.pass(12_000 * i64::from(phase == 1) + 1_500);
        let id = bench.delete("np", false).unwrap();
        bench.idle("np", HOUR);
        let pool = tombstone(&bench).unwrap();
        assert_eq!(outcome(&pool, running_one.unwrap()), (Outcome::Canceled, "AKSOperationPreemptedByDelete".into()));
        assert_eq!(outcome(&pool, id).0, Outcome::Succeeded);
        bench.pass(MINUTE);
        assert_eq!((bench.nodes("np").len(), bench.machines("np").len()), (0, 0), "{phase}");
    }
}

#[test]
fn operations_of_a_pool_that_is_gone_are_polled_for_a_day() {
    let mut bench = Bench::with_pool(1, |_| {});
    let id = bench.delete("np", false).unwrap();
    bench.idle("np", HOUR);
    bench.pass(24 * HOUR - 1);
    assert_eq!(outcome(&tombstone(&bench).unwrap(), id).0, Outcome::Succeeded);
    bench.pass(1_001);
    assert_eq!(tombstone(&bench), None);
}

#[test]
fn a_pool_made_again_has_other_machines() {
    let mut bench = Bench::with_pool(2, |_| {});
    let (number, names, uid) = (bench.pool("np").state.number, bench.node_names("np"), bench.world().get(&key()).unwrap().meta.uid);
    let id = bench.delete("np", false).unwrap();
    bench.idle("np", HOUR);
    bench.make("np", 2, |_| {});
    assert_ne!((bench.pool("np").state.number, bench.world().get(&key()).unwrap().meta.uid), (number, uid));
    assert!(bench.node_names("np").iter().all(|name| !names.contains(name)));
    assert_eq!(outcome(&bench.pool("np"), id).0, Outcome::Succeeded, "the old operation is still found");
    bench.pass(25 * HOUR);
    assert_eq!((bench.state("np"), bench.nodes("np").len()), ("Succeeded", 2), "the tombstone's end is not the pool's");
}
