//! Scenario files: what is refused and where, what a run records, and that two clusters live on one clock.
//!
//! Expected values are worked out by hand. Words of changes are the command line's; here they are read by a stand-in.

use nodelane_arm::{ClusterId, GroupId};
use nodelane_engine::Env;
use nodelane_model::change::EtagConditions;
use nodelane_model::{Change, Name, Origin, Time};
use nodelane_rehearsal::measure::measure;
use nodelane_rehearsal::record::{DecisionRow, PodRow, PoolRow, Record};
use nodelane_rehearsal::scenario::{Manifest, Metric, Pool, Scenario, WorldSource, read};
use nodelane_rehearsal::{Genesis, Hands, Place, Said, Stage};
use serde::Deserialize;
use std::collections::BTreeMap;

fn bad(text: &str) -> (usize, usize, String) {
    let bad = read(text).unwrap_err();
    (bad.line, bad.column, bad.what)
}

const HEAD: &str =
    "start: 2026-03-01T00:00:00Z\nuntil: 2h\nworld:\n  clusters:\n    - pools:\n        - name: system\n          count: 1\n";

#[test]
fn unknown_keys_are_refused_with_their_line_and_what_is_allowed() {
    let (line, column, what) = bad(&format!("{HEAD}          vmSise: Standard_D2s_v5\n"));
    assert_eq!((line, column), (8, 11));
    assert!(what.contains("unknown field `vmSise`") && what.contains("vmSize"), "{what}");
    let (line, column, what) = bad(&format!("{HEAD}timeline:\n  - at: 5m\n    chnage: stop -n a\n"));
    assert_eq!((line, column), (10, 5), "{what}");
    assert!(what.contains("unknown field `chnage`, expected one of `at`, `cluster`, `apply`, `change`, `load`, `fault`"), "{what}");
    let (line, _, what) = bad(&format!("{HEAD}assert:\n  - {{metric: nodes, max: 3}}\n  - {{metric: nodez, max: 3}}\n"));
    assert_eq!(line, 10, "{what}");
    assert!(what.contains("`pending_p95`"), "{what}");
}

#[test]
fn what_contradicts_itself_is_refused_at_its_place() {
    let (line, _, what) = bad(&format!("{HEAD}timeline:\n  - {{at: 5m, change: stop -n a}}\n  - {{at: 6m, change: a, fault: b}}\n"));
    assert_eq!((line, what.as_str()), (10, "an entry of the timeline has exactly one of apply, change, load and fault"));
    let (line, _, what) = bad(&format!("{HEAD}timeline:\n  - {{at: 3h, change: stop -n a}}\n"));
    assert_eq!(line, 9);
    assert!(what.contains("is not between 2026-03-01T00:00:00Z and 2026-03-01T02:00:00Z"), "{what}");
    let (line, _, what) = bad(&format!("{HEAD}assert:\n  - {{metric: nodes, max: 9}}\n  - {{metric: price, max: 5m}}\n"));
    assert_eq!(line, 10);
    assert!(what.contains("price is a number"), "{what}");
    let (line, _, what) = bad(&HEAD.replace("until: 2h", "until: 2026-02-01T00:00:00Z"));
    assert_eq!(line, 2);
    assert!(what.contains("after start"), "{what}");
}

fn at(minutes: i64) -> Time {
    Time(1_772_323_200_000 + minutes * 60_000) // 2026-03-01T00:00:00Z
}

/// Two pools over two hours: `a` has 2, 4, 1 nodes, `b` 1, 1, 3; both change at the hour.
fn record() -> Record {
    let row = |minutes, pool: &str, nodes, ready| PoolRow {
        at: at(minutes),
        cluster: "dev".into(),
        pool: pool.into(),
        nodes,
        ready,
        micro_usd_per_hour: i64::from(nodes) * 250_000,
    };
    let pod = |n: usize, bound: Option<i64>, deleted: Option<i64>| PodRow {
        namespace: "shop".into(),
        name: format!("web-{n}").into(),
        workload: Some("web".into()),
        workload_kind: "Deployment".into(),
        created: at(0),
        bound: bound.map(at),
        node: None,
        deleted: deleted.map(at),
    };
    // Nineteen are bound after 1 to 19 minutes, one never and is deleted after 30.
    let mut pods: Vec<PodRow> = (1..20).map(|n| pod(n, Some(n as i64), None)).collect();
    pods.push(pod(20, None, Some(30)));
    pods.push(PodRow { workload: None, bound: None, deleted: None, ..pod(21, None, None) });
    let decision = |subject: &str, action: &str| DecisionRow {
        at: at(10),
        planner: "upgrade".into(),
        subject: subject.into(),
        action: action.into(),
        reason: Name::default(),
    };
    Record {
        seed: 1,
        start: at(0),
        until: at(120),
        timeline: vec![row(0, "a", 2, 2), row(0, "b", 1, 1), row(30, "a", 4, 3), row(60, "a", 1, 1), row(60, "b", 3, 1)],
        pods,
        operations: Vec::new(),
        decisions: vec![
            decision("dev/a/m1", "reimage"),
            decision("dev/a/m2", "remove"),
            decision("dev/b/m3", "remove"),
            decision("dev/b/m4", "add"),
            decision("dev/shop/web", "violate"),
        ],
        asserts: Vec::new(),
        changes: 0,
    }
}

#[test]
fn metrics_are_those_worked_out_by_hand() {
    let record = record();
    let of = |metric, subject| measure(&record, metric, subject);
    assert_eq!(of(Metric::Nodes, None), Some((3.0, 5.0)), "3, then 4 + 1, then 1 + 3: what changes at one moment changes at once");
    assert_eq!(of(Metric::Nodes, Some("a")), Some((1.0, 4.0)));
    assert_eq!(of(Metric::Nodes, Some("dev/b")), Some((1.0, 3.0)));
    assert_eq!(of(Metric::Nodes, Some("prod/b")), None);
    assert_eq!(of(Metric::Unready, None), Some((0.0, 2.0)));
    assert_eq!(of(Metric::Price, None), Some((0.75, 1.25)));
    // Of 20 pods the 19th by nearest rank: 19 minutes; the longest is the one that never ran.
    assert_eq!(of(Metric::PendingP95, Some("web")), Some((1140.0, 1140.0)));
    assert_eq!(of(Metric::PendingMax, Some("shop/Deployment/web")), Some((1800.0, 1800.0)));
    assert_eq!(of(Metric::PendingMax, None), Some((7200.0, 7200.0)), "a pod never bound waits until the end");
    assert_eq!(of(Metric::PendingMax, Some("other")), None);
    assert_eq!(of(Metric::Churn, None), Some((1.5, 1.5)), "three in two hours");
    assert_eq!(of(Metric::Churn, Some("a")), Some((1.0, 1.0)));
    assert_eq!(of(Metric::BudgetViolations, None), Some((1.0, 1.0)));
    assert_eq!(of(Metric::OperationsFailed, None), Some((0.0, 0.0)));
}

/// Understands `drop POOL` and `force POOL`: a deletion, with and without budgets.
struct StandIn(Vec<Place>);

impl Hands for StandIn {
    fn change(&mut self, cluster: usize, words: &str) -> Result<(), Said> {
        let (verb, pool) = words.split_once(' ').ok_or_else(|| Said::Bad("two words".into()))?;
        let change = Change::DeletePool { name: pool.into(), ignore_budgets: verb == "force", etag: EtagConditions::default() };
        let asked = self.0[cluster].seat.enter().request(change, Origin::default());
        asked.map(drop).map_err(|refusal| Said::Refused(refusal.to_string()))
    }
    fn fault(&mut self, _: usize, _: &str, _: Time) -> Result<(), Said> {
        Err(Said::Bad("no faults here".into()))
    }
}

fn run(text: &str) -> Record {
    let mut scenario = read(text).unwrap_or_else(|bad| panic!("{bad}"));
    for (_, manifest) in scenario.manifests_mut() {
        let Manifest::Text(text) = manifest else { panic!("manifests are inline here") };
        *manifest = Manifest::Objects(
            serde_yaml_ng::Deserializer::from_str(text).map(|doc| serde_json::Value::deserialize(doc).unwrap()).collect(),
        );
    }
    let WorldSource::Clusters(clusters) = &scenario.world else { panic!("clusters are made here") };
    let world = |cluster: &nodelane_rehearsal::scenario::ClusterSource| {
        let group = GroupId { subscription: "00000000-0000-0000-0000-000000000001".into(), group: "lanes".into() };
        let id = ClusterId { group, cluster: cluster.name.clone() };
        let env = Env::default();
        let version = env.catalog.default_version().to_string();
        let pools = cluster.pools.iter().map(Pool::profile).collect();
        let genesis = Genesis { id: &id, seed: scenario.seed, env, location: "eastus", version: &version, pools, images: BTreeMap::new() };
        (cluster.name.clone(), genesis.world(scenario.start).unwrap())
    };
    let stage = Stage::new(clusters.iter().map(world).collect(), &Env::default(), scenario.start);
    let mut hands = StandIn(stage.places.clone());
    let scenario: &Scenario = &scenario;
    stage.run(scenario, &mut hands, &mut |_| {}).unwrap_or_else(|wrong| panic!("{wrong:?}"))
}

fn guarded(verb: &str, needed: u32) -> String {
    format!(
        "start: 2026-03-01T00:00:00Z
until: 3h
world:
  clusters:
    - pools:
        - {{name: system, mode: System, count: 2, vmSize: Standard_D2s_v5}}
        - {{name: np, count: 2, vmSize: Standard_D4s_v5}}
      manifests:
        - |
          apiVersion: apps/v1
          kind: Deployment
          metadata: {{name: web}}
          spec:
            replicas: 2
            selector: {{matchLabels: {{app: web}}}}
            template:
              metadata: {{labels: {{app: web}}}}
              spec:
                nodeSelector: {{agentpool: np}}
                containers: [{{name: c, image: i, resources: {{requests: {{cpu: \"2\"}}}}}}]
          ---
          apiVersion: policy/v1
          kind: PodDisruptionBudget
          metadata: {{name: web}}
          spec: {{minAvailable: {needed}, selector: {{matchLabels: {{app: web}}}}}}
timeline:
  - {{at: 1h, change: {verb} np}}
"
    )
}

#[test]
fn a_budget_that_is_passed_over_is_counted_and_one_that_is_kept_is_not() {
    let violations = |text: &str| measure(&run(text), Metric::BudgetViolations, None).unwrap().1;
    // Both pods go and none can come back: the second leaves none where one is needed, both leave less than two.
    assert_eq!(violations(&guarded("force", 1)), 1.0);
    assert_eq!(violations(&guarded("force", 2)), 2.0);
    // A drain that keeps the budget takes one pod at most.
    assert_eq!(violations(&guarded("drop", 1)), 0.0);
    assert_eq!(violations(&guarded("drop", 2)), 0.0);
}

#[test]
fn a_deleted_pool_shows_as_an_operation_and_its_pods_wait_until_the_end() {
    let record = run(&guarded("force", 1));
    let row = record.operations.iter().find(|row| row.kind == "delete").expect("the deletion is an operation");
    assert_eq!((row.start, row.outcome), (at(60), Some("Succeeded")));
    let (_, longest) = measure(&record, Metric::PendingMax, Some("web")).unwrap();
    assert!((7190.0..=7200.0).contains(&longest), "two hours are left when the pool goes: {longest}");
    assert_eq!(measure(&record, Metric::Nodes, Some("np")), Some((0.0, 2.0)));
    let removed = record.decisions.iter().filter(|row| row.action == "remove").count();
    assert_eq!(removed, 2);
}

#[test]
fn two_clusters_live_on_one_clock_and_two_runs_are_equal() {
    let text = "start: 2026-03-01T00:00:00Z
until: 1h
world:
  clusters:
    - {name: one, pools: [{name: system, mode: System, count: 2}]}
    - {name: two, pools: [{name: system, mode: System, count: 2}]}
timeline:
  - {at: 20m, cluster: two, load: {workload: coredns, replicas: 5, over: 3s}}
  - {at: 10m, cluster: one, load: {workload: coredns, replicas: 3}}
";
    let record = run(text);
    let loads: Vec<_> = record.decisions.iter().filter(|row| row.action == "load").map(|row| (row.at, row.subject.as_str())).collect();
    assert_eq!(loads, [(at(10), "one/coredns"), (at(20), "two/coredns")], "the order of the file does not matter");
    let made = |from: Time, to: Time| record.pods.iter().filter(|row| row.created >= from && row.created <= to).count();
    assert_eq!(made(at(10), at(10)), 1);
    assert_eq!(made(at(20), at(20).plus(3000)), 3, "one a second");
    assert_eq!(serde_json::to_string(&run(text)).unwrap(), serde_json::to_string(&record).unwrap());
}
