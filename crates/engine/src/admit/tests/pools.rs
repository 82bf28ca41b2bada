//! What a request about a pool amounts to, and what is written for it.
//!
//! Expected values are those of aks-semantics; its rules are named where they are not obvious.

use super::{Bench, refusal, spec};
use crate::admit::SPOT_TAINT;
use nodelane_model::change::EtagConditions;
use nodelane_model::operation::{Outcome, Progress, ScalePhase, StartPhase, StopPhase, UpdatePhase, UpgradePhase};
use nodelane_model::pool::{Mode, PoolSpec, Power, Priority};
use nodelane_model::refusal::PoolRefusal;
use nodelane_model::{Change, Refusal};

const ROLL: Progress = Progress::Upgrade(UpgradePhase::Surging);

fn progress(bench: &Bench, name: &str) -> Progress {
    bench.pool(name).state.operation.unwrap().progress
}

#[test]
fn a_new_pool_has_its_version_image_number_and_operation() {
    let mut bench = Bench::new();
    let accepted = bench.put("batch", PoolSpec { orchestrator_version: "1.34".into(), ..spec() }).unwrap();
    let pool = bench.pool("batch");
    assert!(accepted.created);
    assert_eq!(accepted.operation, pool.state.operation.as_ref().map(|operation| operation.id));
    assert_eq!((pool.state.version.as_str(), pool.spec.orchestrator_version.as_str()), ("1.34.9", "1.34"), "UV-5: the alias is kept");
    assert_eq!(pool.state.image, "AKSUbuntu-2204gen2containerd-202607.09.0", "O-2, O-4");
    assert!((10_000_000..=99_999_999).contains(&pool.state.number), "N-7");
    assert_eq!(bench.state("batch"), "Creating");
}

#[test]
fn a_pool_without_a_version_has_that_of_the_control_plane() {
    let mut bench = Bench::new();
    bench.put("batch", spec()).unwrap();
    let control_plane = bench.draft.world.cluster().unwrap().state.version.clone();
    let pool = bench.pool("batch");
    assert_eq!((&pool.state.version, &pool.spec.orchestrator_version), (&control_plane, &control_plane));
}

#[test]
fn a_pool_made_again_has_another_number_and_keeps_finished_operations_for_pollers() {
    let mut bench = Bench::new();
    bench.made("batch", spec());
    let before = bench.pool("batch").state;
    let deletion = bench.delete("batch").unwrap().operation.unwrap();
    bench.bury("batch");
    assert!(bench.put("batch", spec()).unwrap().created);
    let after = bench.pool("batch");
    assert_ne!(after.state.number, before.number);
    assert!(after.operation(deletion).is_some_and(|operation| operation.ended.is_some()));
}

#[test]
fn the_difference_says_which_operation_it_is() {
    type Difference = fn(&mut PoolSpec);
    let cases: [(Difference, Progress, &str); 9] = [
        (|spec| spec.count = 5, Progress::Scale(ScalePhase::Provisioning), "Scaling"),
        (|spec| spec.count = 1, Progress::Scale(ScalePhase::Draining), "Scaling"),
        (|spec| spec.orchestrator_version = "1.35".into(), ROLL, "Upgrading"),
        (|spec| spec.os_sku = "AzureLinux".into(), ROLL, "Upgrading"),
        (|spec| drop(spec.rest.insert("enableFIPS".into(), true.into())), ROLL, "Upgrading"),
        (|spec| spec.orchestrator_version = "1.34.9".into(), Progress::Update(UpdatePhase::Applying), "Updating"),
        (|spec| drop(spec.node_labels.insert("a".into(), "b".into())), Progress::Update(UpdatePhase::Applying), "Updating"),
        (|spec| spec.mode = Mode::System, Progress::Update(UpdatePhase::Applying), "Updating"),
        (|spec| spec.power = Power::Stopped, Progress::Stop(StopPhase::Stopping), "Stopping"),
    ];
    for (difference, expected, state) in cases {
        let mut bench = Bench::new();
        bench.made("np1", PoolSpec { count: 2, orchestrator_version: "1.34".into(), ..spec() });
        let mut changed = bench.spec("np1");
        difference(&mut changed);
        let accepted = bench.put("np1", changed).unwrap();
        assert!(!accepted.created && accepted.operation.is_some());
        assert_eq!((progress(&bench, "np1"), bench.state("np1")), (expected, state));
    }
}

#[test]
fn an_upgrade_has_its_target_at_once_and_remembers_what_was() {
    let mut bench = Bench::new();
    bench.made("np1", PoolSpec { orchestrator_version: "1.34".into(), ..spec() });
    bench.put("np1", PoolSpec { orchestrator_version: "1.35".into(), ..bench.spec("np1") }).unwrap();
    let pool = bench.pool("np1");
    assert_eq!((pool.spec.orchestrator_version.as_str(), pool.state.version.as_str()), ("1.35", "1.35.6"));
    assert_eq!(pool.state.image, "AKSUbuntu-2404gen2containerd-202607.09.0", "UV-7, O-2: the newest image of the new version");
    assert_eq!(pool.state.recently_used[0].orchestrator_version, "1.34.9");
}

#[test]
fn the_alias_of_the_control_planes_minor_is_never_above_the_control_plane() {
    let mut bench = Bench::new();
    bench.draft.update(&crate::admit::cluster_key(), |doc| doc.as_cluster_mut().unwrap().state.version = "1.35.4".into());
    bench.put("np1", PoolSpec { orchestrator_version: "1.35".into(), ..spec() }).unwrap();
    assert_eq!(bench.pool("np1").state.version, "1.35.4");
    assert!(matches!(
        refusal(bench.put("np2", PoolSpec { orchestrator_version: "1.35.6".into(), ..spec() })),
        PoolRefusal::AboveControlPlane { .. }
    ));
}

#[test]
fn versions_never_go_down() {
    let mut bench = Bench::new();
    bench.made("np1", PoolSpec { orchestrator_version: "1.34".into(), ..spec() });
    let down = PoolSpec { orchestrator_version: "1.33".into(), ..bench.spec("np1") };
    let PoolRefusal::UpgradePath { from, to, .. } = refusal(bench.put("np1", down)) else { panic!("UV-4") };
    assert_eq!((from.as_str(), to.as_str()), ("1.34.9", "1.33.13"));
}

#[test]
fn a_roll_is_not_asked_for_together_with_a_scale_or_a_stop() {
    for (count, power) in [(4, Power::Running), (1, Power::Stopped)] {
        let mut bench = Bench::new();
        bench.made("np1", PoolSpec { orchestrator_version: "1.34".into(), ..spec() });
        let both = PoolSpec { orchestrator_version: "1.35".into(), count, power, ..bench.spec("np1") };
        assert_eq!(refusal(bench.put("np1", both)).rule(), "M-2");
    }
}

#[test]
fn zones_taints_and_the_case_of_a_size_are_compared_without_order_and_case() {
    let mut bench = Bench::new();
    let zones = || vec!["1".into(), "2".into(), "3".into()];
    let taints = || vec!["a=b:NoSchedule".into(), "c=d:NoExecute".into()];
    bench.made("np1", PoolSpec { availability_zones: zones(), node_taints: taints(), ..spec() });
    let mut echo = bench.spec("np1");
    echo.availability_zones = vec!["2".into(), "3".into(), "1".into()];
    echo.node_taints.reverse();
    echo.vm_size = "standard_d2s_V5".into();
    assert_eq!(bench.put("np1", echo).unwrap().operation, None);
}

#[test]
fn a_spot_pool_has_its_taint_whatever_a_put_says() {
    let mut bench = Bench::new();
    let spot = PoolSpec { priority: Priority::Spot, eviction_policy: "Delete".into(), spot_max_price: "-1".into(), ..spec() };
    bench.made("spot", spot);
    assert_eq!(bench.spec("spot").node_taints, [SPOT_TAINT], "S-3");
    let other = PoolSpec { node_taints: vec!["a=b:NoSchedule".into()], ..bench.spec("spot") };
    bench.put("spot", other).unwrap();
    assert_eq!(bench.spec("spot").node_taints, ["a=b:NoSchedule", SPOT_TAINT]);
}

fn autoscaled(count: u32, min: u32, max: u32) -> PoolSpec {
    PoolSpec { count, enable_auto_scaling: true, min_count: Some(min), max_count: Some(max), ..spec() }
}

#[test]
fn an_autoscaled_pool_ignores_count_is_raised_to_its_minimum_and_never_cut_to_its_maximum() {
    let mut bench = Bench::new();
    bench.made("auto", autoscaled(2, 1, 3));
    let echo = PoolSpec { count: 3, ..bench.spec("auto") };
    assert_eq!(bench.put("auto", echo).unwrap().operation, None, "MS-1");
    let raised = PoolSpec { count: 2, min_count: Some(3), max_count: Some(5), ..bench.spec("auto") };
    bench.put("auto", raised).unwrap();
    assert_eq!((bench.spec("auto").count, progress(&bench, "auto")), (3, Progress::Scale(ScalePhase::Provisioning)), "MS-3");
    let mut bench = Bench::new();
    bench.made("auto", autoscaled(3, 1, 3));
    bench.put("auto", PoolSpec { max_count: Some(2), ..bench.spec("auto") }).unwrap();
    assert_eq!((bench.spec("auto").count, progress(&bench, "auto")), (3, Progress::Update(UpdatePhase::Applying)), "MS-3");
}

#[test]
fn a_new_autoscaled_pool_below_its_minimum_starts_with_it() {
    let mut bench = Bench::new();
    bench.put("auto", autoscaled(1, 2, 5)).unwrap();
    assert_eq!(bench.spec("auto").count, 2);
}

#[test]
fn a_stopped_pool_keeps_its_count_and_cannot_be_scaled() {
    let mut bench = Bench::new();
    bench.made("still", PoolSpec { count: 2, ..spec() });
    bench.put("still", PoolSpec { power: Power::Stopped, ..bench.spec("still") }).unwrap();
    let stop = bench.pool("still").state.operation.unwrap();
    assert_eq!((stop.progress, stop.before.unwrap().count), (Progress::Stop(StopPhase::Stopping), 2), "an aborted stop restores it");
    bench.settle("still", Outcome::Succeeded);
    let scaled = PoolSpec { count: 5, ..bench.spec("still") };
    assert_eq!(refusal(bench.put("still", scaled)).rule(), "ST-1");
    bench.put("still", PoolSpec { power: Power::Running, ..bench.spec("still") }).unwrap();
    assert_eq!((progress(&bench, "still"), bench.spec("still").count), (Progress::Start(StartPhase::Starting), 2));
}

#[test]
fn a_failed_operation_goes_on_with_any_later_put() {
    let mut bench = Bench::new();
    bench.made("np1", PoolSpec { count: 3, orchestrator_version: "1.34".into(), ..spec() });
    bench.put("np1", PoolSpec { orchestrator_version: "1.35".into(), ..bench.spec("np1") }).unwrap();
    bench.settle("np1", Outcome::Failed);
    let mut labelled = bench.spec("np1");
    labelled.node_labels.insert("a".into(), "b".into());
    bench.put("np1", labelled).unwrap();
    assert_eq!(progress(&bench, "np1"), ROLL, "UD-1: any later PUT resumes");
    bench.settle("np1", Outcome::Failed);
    bench.put("np1", PoolSpec { count: 2, ..bench.spec("np1") }).unwrap();
    assert_eq!(progress(&bench, "np1"), Progress::Scale(ScalePhase::Draining), "UD-4: a failed pool scales");
    bench.lose("np1-2");
    bench.settle("np1", Outcome::Succeeded);
    bench.put("np1", bench.spec("np1")).unwrap();
    assert_eq!(progress(&bench, "np1"), ROLL, "what is left undone is a difference");
}

#[test]
fn a_create_that_failed_goes_on_from_what_lives() {
    let mut bench = Bench::new();
    bench.put("np1", PoolSpec { count: 3, ..spec() }).unwrap();
    bench.boot("np1");
    bench.lose("np1-1");
    bench.settle("np1", Outcome::Failed);
    let accepted = bench.put("np1", bench.spec("np1")).unwrap();
    assert!(!accepted.created);
    assert_eq!(progress(&bench, "np1"), Progress::Scale(ScalePhase::Provisioning));
    bench.settle("np1", Outcome::Failed);
    bench.put("np1", PoolSpec { count: 1, ..bench.spec("np1") }).unwrap();
    assert_eq!(progress(&bench, "np1"), Progress::Scale(ScalePhase::Draining), "two live, one is wanted");
}

#[test]
fn a_change_computed_from_an_older_pool_is_computed_again() {
    let mut bench = Bench::new();
    bench.made("np1", spec());
    let revision = bench.draft.world.pool("np1").unwrap().0.revision;
    let put = |base| Change::PutPool {
        name: "np1".into(),
        spec: Box::new(PoolSpec { count: 4, ..spec() }),
        base,
        etag: EtagConditions::default(),
        request_hash: 1,
    };
    for base in [None, Some(revision - 1)] {
        assert!(matches!(bench.ask(&put(base)), Err(Refusal::Stale { .. })), "{base:?}");
    }
    assert!(matches!(
        bench.ask(&Change::PutPool {
            name: "np2".into(),
            spec: Box::new(spec()),
            base: Some(1),
            etag: EtagConditions::default(),
            request_hash: 1
        }),
        Err(Refusal::Stale { .. })
    ));
}

#[test]
fn an_image_upgrade_keeps_the_version_and_the_newest_image_is_nothing_to_do() {
    let mut bench = Bench::new();
    bench.made("np1", spec());
    let image = Change::UpgradePoolImage { name: "np1".into() };
    assert_eq!(bench.ask(&image).unwrap().operation, None);
    bench.draft.update(&crate::admit::pool_key(&"np1".into()), |doc| {
        doc.as_pool_mut().unwrap().state.image = "AKSUbuntu-2404gen2containerd-202607.02.0".into();
    });
    let version = bench.pool("np1").state.version;
    bench.ask(&image).unwrap();
    let pool = bench.pool("np1");
    assert_eq!((pool.state.image.as_str(), pool.state.version), ("AKSUbuntu-2404gen2containerd-202607.09.0", version));
    assert_eq!(bench.state("np1"), "UpgradingNodeImageVersion");
}

#[test]
fn a_put_may_name_only_the_pools_image_or_the_newest() {
    let mut bench = Bench::new();
    bench.made("np1", spec());
    let mut other = bench.spec("np1");
    other.rest.insert("nodeImageVersion".into(), "AKSUbuntu-2404gen2containerd-202604.13.0".into());
    assert_eq!(refusal(bench.put("np1", other.clone())).rule(), "RB-1");
    other.rest.insert("nodeImageVersion".into(), "latest".into());
    bench.put("np1", other).unwrap();
    assert!(!bench.spec("np1").rest.contains_key("nodeImageVersion"), "it is never stored");
}

#[test]
fn an_accepted_change_moves_the_etag_of_its_pool_alone() {
    let mut bench = Bench::new();
    bench.made("np1", spec());
    let before = (bench.pool("np1").state.etag, bench.pool("system").state.etag);
    bench.put("np1", PoolSpec { count: 2, ..bench.spec("np1") }).unwrap();
    assert_eq!((bench.pool("np1").state.etag, bench.pool("system").state.etag), (before.0 + 1, before.1));
}

#[test]
fn the_os_sku_changes_between_linux_skus_only() {
    let mut bench = Bench::new();
    let windows = PoolSpec { os_type: nodelane_model::pool::OsType::Windows, os_sku: "Windows2022".into(), ..spec() };
    bench.made("win", windows);
    let other = PoolSpec { os_sku: "Windows2025".into(), ..bench.spec("win") };
    let expected = PoolRefusal::PropertyChange { rule: "O-3", property: "properties.osSKU".into() };
    assert_eq!(refusal(bench.put("win", other)), expected);
}
