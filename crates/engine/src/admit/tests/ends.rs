//! Conditions, deletions, aborts, the last system pool, deletion of machines: how things end or do not.
//!
//! Expected values are those of aks-semantics X-1, DL, LK, AB, SP and MS-6.

use super::{Bench, refusal, spec};
use nodelane_model::change::EtagConditions;
use nodelane_model::operation::{DeletePhase, Outcome, Progress};
use nodelane_model::pool::{Mode, PoolSpec, etag};
use nodelane_model::refusal::PoolRefusal;
use nodelane_model::{Change, Kind, Name};

fn progress(bench: &Bench, name: &str) -> Progress {
    bench.pool(name).state.operation.unwrap().progress
}

#[test]
fn conditions_on_the_etag_hold_or_refuse_as_the_table_says() {
    // aks-semantics X-1, arm-wire section 6. Columns: If-Match, If-None-Match, the pool is there, whether a PUT goes on.
    let cases = [
        ("", false, false, true),
        ("", false, true, true),
        ("*", false, false, false),
        ("*", false, true, true),
        ("TAG", false, false, false),
        ("TAG", false, true, true),
        ("OLD", false, true, false),
        ("", true, false, true),
        ("", true, true, false),
    ];
    for (if_match, if_none_match, exists, goes) in cases {
        let mut bench = Bench::new();
        if exists {
            bench.made("np1", spec());
        }
        let found = bench.draft.world.pool("np1").map(|(doc, pool)| (doc.meta.uid, pool.state.etag));
        let tag = |moved: u64| found.map_or(Name::from("x"), |(uid, count)| etag(uid, count + moved));
        let if_match = match if_match {
            "" => None,
            "*" => Some("*".into()),
            "TAG" => Some(tag(0)),
            _ => Some(tag(1)),
        };
        let etag = EtagConditions { if_match, if_none_match };
        let answer = bench.put_if(
            "np1",
            PoolSpec { count: 2, ..bench.draft.world.pool("np1").map_or_else(spec, |(_, p)| p.spec.clone()) },
            etag.clone(),
        );
        assert_eq!(answer.is_ok(), goes, "{etag:?} {exists}");
        if !goes {
            assert!(matches!(refusal(answer), PoolRefusal::EtagMismatch { .. }));
        }
    }
}

#[test]
fn a_deletion_honours_if_match_only_where_there_is_a_pool() {
    let mut bench = Bench::new();
    let delete = |tag: Name| Change::DeletePool {
        name: "np1".into(),
        ignore_budgets: false,
        etag: EtagConditions { if_match: Some(tag), if_none_match: false },
    };
    assert_eq!(bench.ask(&delete("x".into())).unwrap().operation, None, "X-1: nothing is there");
    bench.made("np1", spec());
    assert!(matches!(refusal(bench.ask(&delete("x".into()))), PoolRefusal::EtagMismatch { .. }));
    assert!(bench.ask(&delete("*".into())).unwrap().operation.is_some());
}

#[test]
fn a_deletion_preempts_what_runs_and_its_abort() {
    let mut bench = Bench::new();
    bench.made("np1", spec());
    let scale = bench.put("np1", PoolSpec { count: 4, ..bench.spec("np1") }).unwrap().operation.unwrap();
    let abort = bench.abort("np1").unwrap().operation.unwrap();
    let gone = bench.delete("np1").unwrap().operation.unwrap();
    let pool = bench.pool("np1");
    for id in [scale, abort] {
        let ended = pool.operation(id).unwrap().ended.clone().unwrap();
        assert_eq!(ended.outcome, Outcome::Canceled);
        assert_eq!(ended.error.unwrap().code, "AKSOperationPreemptedByDelete", "LK-6");
    }
    assert_eq!(pool.state.operation.unwrap().id, gone);
    assert_eq!(progress(&bench, "np1"), Progress::Delete(DeletePhase::Draining));
}

#[test]
fn a_second_deletion_joins_the_first_and_may_pass_over_budgets() {
    let mut bench = Bench::new();
    bench.made("np1", spec());
    let first = bench.delete("np1").unwrap().operation;
    let forced = Change::DeletePool { name: "np1".into(), ignore_budgets: true, etag: EtagConditions::default() };
    assert_eq!(bench.ask(&forced).unwrap().operation, first);
    assert!(bench.pool("np1").state.operation.unwrap().ignore_budgets);
}

#[test]
fn an_abort_has_an_operation_of_its_own_and_a_second_one_joins_it() {
    let mut bench = Bench::new();
    bench.made("np1", spec());
    let scale = bench.put("np1", PoolSpec { count: 4, ..bench.spec("np1") }).unwrap().operation.unwrap();
    let abort = bench.abort("np1").unwrap().operation.unwrap();
    assert_ne!(scale, abort);
    assert_eq!(bench.state("np1"), "Canceling");
    assert_eq!(bench.abort("np1").unwrap().operation, Some(abort));
}

#[test]
fn one_system_pool_remains_at_every_instant() {
    let mut bench = Bench::new();
    assert_eq!(refusal(bench.delete("system")), PoolRefusal::LastSystemPool);
    let user = PoolSpec { mode: Mode::User, ..bench.spec("system") };
    assert_eq!(refusal(bench.put("system", user.clone())), PoolRefusal::LastSystemPool);
    bench.made("second", PoolSpec { mode: Mode::System, ..spec() });
    bench.delete("second").unwrap();
    assert_eq!(refusal(bench.delete("system")), PoolRefusal::LastSystemPool, "one that is being deleted does not count");
    bench.settle("second", Outcome::Failed);
    assert_eq!(refusal(bench.delete("system")), PoolRefusal::LastSystemPool, "nor one whose deletion failed");
    bench.made("third", PoolSpec { mode: Mode::System, ..spec() });
    assert!(bench.put("system", user).is_ok());
}

#[test]
fn two_system_pools_never_both_go_whatever_the_order() {
    for seed in 0..1000_u64 {
        let mut bench = Bench::new();
        bench.made("second", PoolSpec { mode: Mode::System, ..spec() });
        for step in 0..32 {
            let draw = nodelane_model::hash::Hash::new(seed).number(step).get();
            let name = if draw & 1 == 0 { "system" } else { "second" };
            let Some(there) = bench.draft.world.pool(name).map(|(_, pool)| pool.spec.clone()) else {
                continue;
            };
            let _ = match draw >> 1 & 3 {
                0 => bench.delete(name),
                1 => bench.put(name, PoolSpec { mode: Mode::User, ..there }),
                2 => bench.put(name, PoolSpec { mode: Mode::System, ..there }),
                _ => {
                    bench.settle(name, if draw >> 3 & 1 == 0 { Outcome::Succeeded } else { Outcome::Failed });
                    continue;
                }
            };
            let left =
                bench.draft.world.pools().filter(|(_, pool)| pool.spec.mode == Mode::System && pool.state.deletion_started.is_none());
            assert!(left.count() >= 1, "seed {seed}, step {step}");
        }
    }
}

#[test]
fn named_machines_go_and_the_count_with_them() {
    let mut bench = Bench::new();
    bench.made("np1", PoolSpec { count: 3, ..spec() });
    let delete = |machines: &[&str]| Change::DeleteMachines { name: "np1".into(), machines: machines.iter().map(Name::new).collect() };
    assert_eq!(refusal(bench.ask(&delete(&[]))).rule(), "MS-6");
    assert_eq!(refusal(bench.ask(&delete(&["np1-0", "system-0"]))).rule(), "MS-6");
    bench.ask(&delete(&["np1-2", "np1-0", "np1-0"])).unwrap();
    let pool = bench.pool("np1");
    assert_eq!((pool.spec.count, pool.state.operation.unwrap().victims), (1, vec!["np1-0".into(), "np1-2".into()]));
}

#[test]
fn the_last_machine_of_a_system_pool_is_not_deleted() {
    let mut bench = Bench::new();
    bench.made("second", PoolSpec { mode: Mode::System, ..spec() });
    let delete = Change::DeleteMachines { name: "second".into(), machines: vec!["second-0".into()] };
    assert!(matches!(refusal(bench.ask(&delete)), PoolRefusal::CountOutOfRange { count: 0, min: 1, .. }));
}

#[test]
fn machines_of_a_system_pool_go_only_as_far_as_the_systems_budgets_allow() {
    let mut bench = Bench::new();
    bench.made("second", PoolSpec { mode: Mode::System, count: 3, ..spec() });
    let ready = serde_json::json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]});
    let pod = |name: &str, node: &str| {
        serde_json::json!({"metadata": {"name": name, "namespace": "kube-system", "labels": {"k8s-app": "dns"}},
                           "spec": {"nodeName": node}, "status": ready})
    };
    let budget = serde_json::json!({"metadata": {"name": "coredns-pdb", "namespace": "kube-system"},
                                    "spec": {"minAvailable": 1, "selector": {"matchLabels": {"k8s-app": "dns"}}}});
    for (kind, value) in [(Kind::Pod, pod("dns-0", "second-0")), (Kind::Pod, pod("dns-1", "second-1")), (Kind::PodDisruptionBudget, budget)]
    {
        let doc = nodelane_model::codec::from_value(kind, &value).unwrap();
        bench.draft.create(doc.key.clone(), doc.meta.clone(), doc.body.clone());
    }
    let delete = |machines: &[&str]| Change::DeleteMachines { name: "second".into(), machines: machines.iter().map(Name::new).collect() };
    assert_eq!(refusal(bench.ask(&delete(&["second-0", "second-1"]))).rule(), "SP-6");
    assert!(bench.ask(&delete(&["second-0", "second-2"])).is_ok(), "one of the two pods stays");
}
