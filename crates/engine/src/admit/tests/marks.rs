//! Marks of pools: deletion protection, a manager, budgets that a roll could never keep.
//!
//! User agents are those that az 2.91 and azurerm 4 send.

use super::{Bench, cluster_spec, refusal, spec};
use nodelane_model::change::Principal;
use nodelane_model::pool::PoolSpec;
use nodelane_model::refusal::PoolRefusal;
use nodelane_model::{Change, Name};

const AZ: &str = "python/3.12.3 (Linux-6.8.0-x86_64-with-glibc2.39) AZURECLI/2.91.0 (PIP)";
const TERRAFORM: &str =
    "HashiCorp Terraform/1.9.5 (+https://www.terraform.io) terraform-provider-azurerm/4.0.1 pid-222c6c49-1b0a-5959-a213-6608f9eb8820";

fn marked(tag: &str, value: &str) -> PoolSpec {
    PoolSpec { tags: [(tag.into(), value.into())].into(), count: 2, ..spec() }
}

fn comes_from(bench: &mut Bench, agent: &str) {
    bench.origin.principal = Principal::User("ann".into());
    bench.origin.user_agent = agent.into();
}

#[test]
fn a_protected_pool_and_its_cluster_stay_until_the_mark_is_off() {
    let mut bench = Bench::new();
    bench.made("np1", marked("Nodelane-Deletion-Protection", "True"));
    let protected = PoolRefusal::DeletionProtected { pool: "np1".into(), tag: "nodelane-deletion-protection" };
    assert_eq!(refusal(bench.delete("np1")), protected);
    assert_eq!(refusal(bench.ask(&Change::DeleteCluster)), protected);
    assert_eq!(protected.rule(), "nodelane-deletion-protection");
    bench.put("np1", PoolSpec { tags: [("nodelane-deletion-protection".into(), "false".into())].into(), ..bench.spec("np1") }).unwrap();
    bench.settle("np1", nodelane_model::operation::Outcome::Succeeded);
    bench.delete("np1").unwrap();
}

#[test]
fn a_managed_pool_is_changed_by_its_manager_and_by_who_says_that_they_override() {
    let mut bench = Bench::new();
    comes_from(&mut bench, TERRAFORM);
    bench.made("np1", marked("nodelane-managed-by", "terraform"));
    let larger = |bench: &Bench| PoolSpec { count: bench.spec("np1").count + 1, ..bench.spec("np1") };
    type Ask = Box<dyn Fn(&Bench) -> Change>;
    let changes: Vec<(&str, Ask)> = vec![
        ("scale", Box::new(move |bench| put(bench, larger(bench)))),
        ("untag", Box::new(|bench| put(bench, PoolSpec { tags: Default::default(), ..bench.spec("np1") }))),
        ("image", Box::new(|_| Change::UpgradePoolImage { name: "np1".into() })),
        ("delete", Box::new(|_| Change::DeletePool { name: "np1".into(), ignore_budgets: false, etag: Default::default() })),
        ("abort", Box::new(|_| Change::AbortPool { name: "np1".into() })),
        ("machines", Box::new(|_| Change::DeleteMachines { name: "np1".into(), machines: vec!["np1-0".into()] })),
        ("cluster", Box::new(|_| Change::DeleteCluster)),
    ];
    let managed = PoolRefusal::ManagedByAnother { pool: "np1".into(), manager: "terraform".into(), tag: "nodelane-managed-by" };
    for (what, change) in &changes {
        comes_from(&mut bench, AZ);
        let change = change(&bench);
        assert_eq!(refusal(bench.ask(&change)), managed, "{what}");
        for agent in [TERRAFORM, "AZURECLI/2.91.0 nodelane-override-managed-by"] {
            comes_from(&mut bench, agent);
            let before = bench.draft.clone();
            assert!(bench.ask(&change).is_ok(), "{what} by {agent}");
            bench.draft = before;
        }
        comes_from(&mut bench, AZ);
        bench.origin.overrides_manager = true;
        let before = bench.draft.clone();
        assert!(bench.ask(&change).is_ok(), "{what} by override");
        bench.draft = before;
        bench.origin.overrides_manager = false;
    }
    bench.origin.principal = Principal::System;
    assert!(bench.ask(&changes[0].1(&bench)).is_ok(), "the system's own changes are nobody's");
}

fn put(bench: &Bench, spec: PoolSpec) -> Change {
    let base = bench.draft.world.pool("np1").map(|(doc, _)| doc.revision);
    Change::PutPool { name: "np1".into(), spec: Box::new(spec), base, etag: Default::default(), request_hash: 1 }
}

#[test]
fn a_request_of_the_cluster_that_repeats_a_managed_pool_passes_and_one_that_changes_it_does_not() {
    let mut bench = Bench::new();
    comes_from(&mut bench, TERRAFORM);
    bench.made("np1", marked("nodelane-managed-by", "terraform"));
    comes_from(&mut bench, AZ);
    let tagged = |pool: PoolSpec| -> (nodelane_model::cluster::ClusterSpec, Vec<(Name, PoolSpec)>) {
        let mut cluster = cluster_spec();
        cluster.kubernetes_version = "1.35.0".into();
        cluster.tags = [("a".into(), "b".into())].into();
        (cluster, vec![("np1".into(), pool)])
    };
    let (mut cluster, pools) = tagged(PoolSpec { count: 3, ..bench.spec("np1") });
    cluster.kubernetes_version = bench.draft.world.cluster().unwrap().spec.kubernetes_version.clone();
    assert!(matches!(refusal(bench.put_cluster(cluster.clone(), pools)), PoolRefusal::ManagedByAnother { .. }));
    let same = vec![("np1".into(), bench.spec("np1"))];
    assert!(bench.put_cluster(cluster, same).is_ok());
}

#[test]
fn marks_that_cannot_be_read_or_forbid_every_roll_are_refused() {
    let mut bench = Bench::new();
    for (tag, value) in [("nodelane-disruption-budgets", "upgrade=x"), ("nodelane-repair", "detection=5")] {
        let answer = refusal(bench.put("np1", marked(tag, value)));
        assert!(matches!(&answer, PoolRefusal::Parameter { why, .. } if why.contains(value)), "{answer:?}");
    }
    let older = |value: &str| PoolSpec { orchestrator_version: "1.34".into(), ..marked("nodelane-disruption-budgets", value) };
    for (name, value, allowed) in
        [("a", "upgrade=0", false), ("b", "nodes=0", false), ("c", "drift=0,upgrade=1", true), ("d", "upgrade=10%", true)]
    {
        bench.made(name, older(value));
        let newer = PoolSpec { orchestrator_version: "1.35".into(), ..bench.spec(name) };
        let answer = bench.put(name, newer);
        assert_eq!(answer.is_ok(), allowed, "{value}: {answer:?}");
        bench.settle(name, nodelane_model::operation::Outcome::Succeeded);
        assert!(bench.put(name, PoolSpec { count: 3, ..bench.spec(name) }).is_ok() || allowed, "a scale is no roll");
    }
}
