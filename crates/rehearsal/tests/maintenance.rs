//! Channels in their windows: nothing begins before one opens or after it closes, and each window says what was done and why no more.
//!
//! START is Thursday, 2026-01-01, 00:00 UTC.

mod support;

use nodelane_model::budget::IntOrPercent;
use nodelane_model::maintenance::{
    AUTO_UPGRADE, DEFAULT, DateSpan, Day, Maintenance, MaintenanceWindow, NODE_OS, Run, Schedule, TimeInWeek,
};
use nodelane_model::{Change, Key, Kind, Time};
use serde_json::json;
use support::{Bench, HOUR, MINUTE, START};

fn daily(start_time: &str, hours: u8) -> Maintenance {
    let maintenance_window = Some(MaintenanceWindow {
        schedule: Schedule::Daily { interval_days: 1 },
        duration_hours: hours,
        utc_offset: "+00:00".into(),
        start_date: "2026-01-01".into(),
        start_time: start_time.into(),
        not_allowed_dates: Vec::new(),
    });
    Maintenance { maintenance_window, written: START, ..Maintenance::default() }
}

fn put(bench: &mut Bench, name: &str, maintenance: Maintenance) {
    let written = bench.r.now();
    let maintenance = Some(Box::new(Maintenance { written, ..maintenance }));
    bench.ask(Change::PutMaintenance { name: name.into(), maintenance }).expect("it is accepted");
}

fn channels(bench: &mut Bench, version: &str, image: &str) {
    let profile = json!({"upgradeChannel": version, "nodeOSUpgradeChannel": image});
    bench.edit(&Key::global(Kind::Cluster, "cluster"), |doc| {
        doc.as_cluster_mut().unwrap().spec.properties.insert("autoUpgradeProfile".into(), profile);
    });
}

fn make_old(bench: &mut Bench, pool: &str) {
    bench.edit(&Key::global(Kind::NodePool, pool), |doc| doc.as_pool_mut().unwrap().state.image = "older".into());
    for (key, _) in bench.machines(pool) {
        bench.edit(&key, |doc| {
            let machine = doc.as_machine_mut().unwrap();
            machine.model.image = "older".into();
            machine.running.as_mut().unwrap().image = "older".into();
        });
    }
}

fn runs(bench: &Bench, name: &str) -> Vec<Run> {
    bench.world().cluster().unwrap().state.maintenance_runs.get(name).cloned().unwrap_or_default()
}

fn at(hours: i64) -> Time {
    START.plus(hours * HOUR)
}

fn said(run: &Run) -> (Vec<&str>, Option<&str>) {
    (run.began.iter().map(|name| name.as_str()).collect(), run.over.as_deref())
}

#[test]
fn images_are_renewed_pool_by_pool_when_the_window_opens() {
    let mut bench = Bench::with_pool(2, |_| {});
    channels(&mut bench, "none", "NodeImage");
    put(&mut bench, NODE_OS, daily("22:00", 4));
    make_old(&mut bench, "np");
    make_old(&mut bench, "system");
    let since = bench.r.events.len();
    bench.r.run_until(at(22).plus(-1));
    assert_eq!(runs(&bench, NODE_OS), []);
    bench.r.run_until(at(26));
    let run = &runs(&bench, NODE_OS)[0];
    assert_eq!((run.window, said(run)), (at(22), (vec!["np", "system"], Some("everything is done"))));
    let began = |pool: &'static str| {
        bench.when(since, move |doc| doc.key.name == pool && doc.as_pool().is_some_and(|pool| pool.state.operation.is_some())).unwrap()
    };
    let ended = |pool: &str| bench.pool(pool).last_ended().unwrap().ended.clone().unwrap().at;
    assert_eq!(began("np"), at(22));
    assert!(began("system") >= ended("np") && ended("np") > at(22), "one pool at a time");
    bench.assert_tidy("np");
    // The next window finds nothing to do.
    bench.r.run_until(at(48));
    assert_eq!(said(&runs(&bench, NODE_OS)[1]), (vec![], Some("there is nothing newer")));
}

#[test]
fn without_a_configuration_of_its_own_a_channel_keeps_to_the_hours_of_default() {
    let mut bench = Bench::with_pool(1, |_| {});
    channels(&mut bench, "none", "NodeImage");
    // Friday 01:00 to 03:00.
    put(
        &mut bench,
        DEFAULT,
        Maintenance { time_in_week: vec![TimeInWeek { day: Day::Friday, hour_slots: vec![1, 2] }], ..Maintenance::default() },
    );
    make_old(&mut bench, "np");
    bench.r.run_until(at(25).plus(-1));
    assert_eq!(bench.state("np"), "Succeeded");
    bench.r.run_until(at(25));
    assert_eq!(bench.state("np"), "UpgradingNodeImageVersion");
}

#[test]
fn nothing_begins_on_blocked_days_and_the_window_says_so() {
    let mut bench = Bench::with_pool(1, |_| {});
    channels(&mut bench, "none", "NodeImage");
    let mut maintenance = daily("22:00", 4);
    // The window of the first of January is blocked until midnight; two of its four hours are left.
    maintenance.maintenance_window.as_mut().unwrap().not_allowed_dates =
        vec![DateSpan { start: "2025-12-24".into(), end: "2026-01-01".into() }];
    put(&mut bench, NODE_OS, maintenance);
    make_old(&mut bench, "np");
    bench.r.run_until(at(24).plus(-1));
    let run = runs(&bench, NODE_OS)[0].clone();
    assert_eq!(run.waits.as_deref(), Some("maintenance is not allowed from 2025-12-24T00:00:00Z to 2026-01-02T00:00:00Z"));
    assert_eq!(bench.state("np"), "Succeeded");
    bench.r.run_until(at(24));
    assert_eq!(bench.state("np"), "UpgradingNodeImageVersion");
}

#[test]
fn a_window_needs_fifteen_minutes_of_notice() {
    for (minutes, begins) in [(14, false), (15, true)] {
        let mut bench = Bench::with_pool(1, |_| {});
        channels(&mut bench, "none", "NodeImage");
        make_old(&mut bench, "np");
        bench.r.run_until(at(22).plus(-minutes * MINUTE));
        put(&mut bench, NODE_OS, daily("22:00", 4));
        bench.r.run_until(at(22));
        assert_eq!(bench.state("np") == "UpgradingNodeImageVersion", begins, "{minutes} minutes");
        let over = runs(&bench, NODE_OS)[0].over.clone();
        assert_eq!(over.as_deref(), (!begins).then_some("it began less than 15 minutes after it was configured"));
    }
}

#[test]
fn a_channel_brings_the_control_plane_first_and_then_the_pools_and_no_image_twice() {
    let mut bench = Bench::with_pool(2, |_| {});
    let before = bench.world().cluster().unwrap().state.version.clone();
    assert!(before.starts_with("1.35."), "{before}");
    channels(&mut bench, "rapid", "NodeImage");
    put(&mut bench, AUTO_UPGRADE, daily("22:00", 8));
    put(&mut bench, NODE_OS, daily("22:00", 8));
    make_old(&mut bench, "np");
    bench.r.run_until(at(31));
    // The newest patch of the newest minor on offer; pools of system mode before the others.
    assert_eq!(bench.world().cluster().unwrap().state.version, "1.36.2");
    let run = &runs(&bench, AUTO_UPGRADE)[0];
    assert_eq!(said(run), (vec!["Kubernetes 1.36.2", "system", "np"], Some("everything is done")));
    for pool in ["np", "system"] {
        assert_eq!(bench.pool(pool).state.version, "1.36.2");
        let rolls = bench.pool(pool).state.history.iter().filter(|operation| operation.started >= at(22)).count();
        assert_eq!(rolls, 1, "{pool} was rolled once");
    }
    assert_eq!(said(&runs(&bench, NODE_OS)[0]), (vec![], Some("there is nothing newer")));
}

#[test]
fn what_runs_goes_first_and_is_named() {
    let mut bench = Bench::with_pool(1, |_| {});
    channels(&mut bench, "none", "NodeImage");
    put(&mut bench, NODE_OS, daily("22:00", 4));
    make_old(&mut bench, "system");
    bench.r.run_until(at(22).plus(-1));
    bench.put("np", |spec| spec.count = 3);
    bench.r.run_until(at(22));
    assert_eq!(runs(&bench, NODE_OS)[0].waits.as_deref(), Some("pool np is Scaling"));
    bench.idle("np", HOUR);
    bench.pass(1);
    assert_eq!(bench.state("system"), "UpgradingNodeImageVersion");
}

#[test]
fn a_pool_that_fails_or_is_refused_ends_the_window() {
    let mut bench = Bench::with_pool(1, |spec| {
        spec.upgrade_settings.drain_timeout_in_minutes = Some(5);
        (spec.upgrade_settings.max_surge, spec.upgrade_settings.max_unavailable) = (None, IntOrPercent::parse("1"));
    });
    channels(&mut bench, "none", "NodeImage");
    // One of the two fits on the pool's only node: the budget could be satisfied, and is not.
    bench.deploy("web", 1, "np", json!({"containers": [{"name": "c", "image": "fake", "resources": {"requests": {"cpu": "3"}}}]}));
    let budget = bench.budget("web", json!({"minAvailable": 1}));
    bench.edit(&Key::new(Kind::Deployment, "default", "web"), |doc| doc.as_deployment_mut().unwrap().spec.replicas = Some(2));
    put(&mut bench, NODE_OS, daily("22:00", 8));
    make_old(&mut bench, "np");
    make_old(&mut bench, "system");
    bench.r.run_until(at(30));
    assert_eq!(said(&runs(&bench, NODE_OS)[0]), (vec!["np"], Some("the upgrade of pool np did not succeed")));
    assert_eq!((bench.state("np"), bench.state("system")), ("Failed", "Succeeded"));
    bench.edit(&budget, |doc| doc.as_budget_mut().unwrap().spec.min_available = IntOrPercent::parse("100%"));
    make_old(&mut bench, "np");
    bench.r.run_until(at(48));
    assert_eq!(runs(&bench, NODE_OS)[1].over.as_deref(), Some("np was refused: no pod may ever leave under default/web (UF-2)"));
}
