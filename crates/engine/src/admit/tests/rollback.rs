//! Rollback (aks-semantics RB-1): what it is, what it brings back and when it is refused.
//!
//! Versions and images are the catalogue's: at 1.34 `Ubuntu` means Ubuntu 22.04, from 1.35 on 24.04 (O-2).

use super::{Bench, refusal, spec};
use crate::admit::ASKED_IMAGE;
use nodelane_model::change::Accepted;
use nodelane_model::operation::{Outcome, Progress, UpgradePhase};
use nodelane_model::pool::PoolSpec;
use nodelane_model::refusal::PoolRefusal;
use nodelane_model::{Change, Key, Kind, Refusal};

const DAY: i64 = 24 * 60 * 60 * 1000;
const NEW: &str = "AKSUbuntu-2404gen2containerd-202607.09.0";
const OLD: &str = "AKSUbuntu-2204gen2containerd-202607.09.0";

/// A pool `np1` that was upgraded from 1.34.9 to 1.35.6.
fn upgraded() -> Bench {
    let mut bench = Bench::new();
    bench.made("np1", PoolSpec { orchestrator_version: "1.34".into(), ..spec() });
    upgrade(&mut bench);
    bench
}

fn upgrade(bench: &mut Bench) {
    bench.put("np1", PoolSpec { orchestrator_version: "1.35".into(), ..bench.spec("np1") }).unwrap();
    bench.settle("np1", Outcome::Succeeded);
}

/// A PUT of the pool as it is, with a version and an image.
fn ask(bench: &mut Bench, version: &str, image: &str) -> Result<Accepted, Refusal> {
    let pool = bench.pool("np1");
    let mut wanted = PoolSpec { orchestrator_version: version.into(), ..pool.spec };
    if pool.state.image != image {
        wanted.rest.insert(ASKED_IMAGE.into(), image.into());
    }
    bench.put("np1", wanted)
}

fn back(bench: &mut Bench) -> Result<Accepted, Refusal> {
    ask(bench, "1.34.9", OLD)
}

/// The sentence of a refusal by RB-1.
fn sentence(answer: Result<Accepted, Refusal>) -> String {
    match refusal(answer) {
        PoolRefusal::NotAllowed { rule: "RB-1", why, .. } => why.into(),
        other => panic!("{other:?}"),
    }
}

fn not_accepted(asked: &str, current: &str) -> String {
    format!("NodeImageVersion '{asked}' is not accepted. NodeImageVersion can only be current version '{current}' or 'latest'")
}

#[test]
fn a_rollback_is_a_roll_to_the_version_and_image_before() {
    let mut bench = upgraded();
    back(&mut bench).unwrap();
    let pool = bench.pool("np1");
    assert_eq!(pool.state.operation.as_ref().unwrap().progress, Progress::Upgrade(UpgradePhase::Surging));
    assert_eq!((pool.state.version.as_str(), pool.state.image.as_str()), ("1.34.9", OLD));
    assert_eq!((pool.spec.orchestrator_version.as_str(), bench.state("np1")), ("1.34.9", "Upgrading"));
    assert!(!pool.spec.rest.contains_key(ASKED_IMAGE), "it is never stored");
}

#[test]
fn both_come_back_or_none() {
    let mut bench = upgraded();
    let answer = ask(&mut bench, "1.34.9", NEW);
    assert!(matches!(refusal(answer), PoolRefusal::UpgradePath { rule: "UV-4", .. }), "the version alone is a downgrade");
    assert_eq!(sentence(ask(&mut bench, "1.35", OLD)), not_accepted(OLD, NEW));
    assert_eq!(sentence(ask(&mut bench, "1.34.8", OLD)), not_accepted(OLD, NEW));
}

#[test]
fn an_image_upgrade_is_undone_with_the_version_kept() {
    let mut bench = Bench::new();
    bench.made("np1", spec());
    let before = "AKSUbuntu-2404gen2containerd-202604.13.0";
    bench.draft.update(&Key::global(Kind::NodePool, "np1"), |doc| doc.as_pool_mut().unwrap().state.image = before.into());
    bench.ask(&Change::UpgradePoolImage { name: "np1".into() }).unwrap();
    bench.settle("np1", Outcome::Succeeded);
    let version = bench.spec("np1").orchestrator_version;
    ask(&mut bench, &version, before).unwrap();
    assert_eq!((bench.pool("np1").state.image.as_str(), bench.state("np1")), (before, "UpgradingNodeImageVersion"));
}

#[test]
fn versions_with_one_image_are_told_apart_by_the_version() {
    let mut bench = Bench::new();
    bench.made("np1", PoolSpec { orchestrator_version: "1.34.8".into(), ..spec() });
    bench.put("np1", PoolSpec { orchestrator_version: "1.34.9".into(), ..bench.spec("np1") }).unwrap();
    bench.settle("np1", Outcome::Succeeded);
    ask(&mut bench, "1.34.8", OLD).unwrap();
    assert_eq!(bench.pool("np1").state.version, "1.34.8");
    bench.settle("np1", Outcome::Succeeded);
    ask(&mut bench, "1.34.9", OLD).unwrap();
    assert_eq!(bench.pool("np1").state.version, "1.34.9", "going forward again is an upgrade");
}

#[test]
fn no_rollback_follows_another_before_an_upgrade() {
    let mut bench = upgraded();
    back(&mut bench).unwrap();
    bench.settle("np1", Outcome::Succeeded);
    assert_eq!(bench.pool("np1").before(), None);
    assert!(bench.put("np1", bench.spec("np1")).unwrap().operation.is_none(), "nothing is left to do");
    bench.draft.update(&Key::global(Kind::NodePool, "np1"), |doc| {
        doc.as_pool_mut().unwrap().state.recently_used[0].node_image_version = "AKSUbuntu-2404gen2containerd-202604.13.0".into();
    });
    let again = ask(&mut bench, "1.35.6", "AKSUbuntu-2404gen2containerd-202604.13.0");
    assert_eq!(sentence(again), "The agent pool was rolled back already: two rollbacks cannot follow each other.");
    upgrade(&mut bench);
    back(&mut bench).unwrap();
}

#[test]
fn only_the_last_version_comes_back() {
    let mut bench = Bench::new();
    bench.made("np1", PoolSpec { orchestrator_version: "1.34.8".into(), ..spec() });
    for version in ["1.34.9", "1.35.6"] {
        bench.put("np1", PoolSpec { orchestrator_version: version.into(), ..bench.spec("np1") }).unwrap();
        bench.settle("np1", Outcome::Succeeded);
    }
    assert_eq!(sentence(ask(&mut bench, "1.34.8", OLD)), not_accepted(OLD, NEW));
    back(&mut bench).unwrap();
}

#[test]
fn a_rollback_may_come_seven_days_after_the_upgrade_and_no_later() {
    for (later, allowed) in [(7 * DAY, true), (7 * DAY + 1, false)] {
        let mut bench = upgraded();
        bench.draft.now = bench.draft.now.plus(later);
        assert_eq!(back(&mut bench).is_ok(), allowed, "{later}");
    }
    let mut bench = upgraded();
    bench.draft.now = bench.draft.now.plus(8 * DAY);
    assert!(sentence(back(&mut bench)).contains("more than 7 days ago"));
}

#[test]
fn a_channel_must_be_off_for_a_rollback() {
    for (channel, allowed) in [("none", true), ("None", true), ("", true), ("patch", false), ("node-image", false)] {
        let mut bench = upgraded();
        let profile = serde_json::json!({"upgradeChannel": channel, "nodeOSUpgradeChannel": "NodeImage"});
        bench.draft.update(&crate::admit::cluster_key(), |doc| {
            doc.as_cluster_mut().unwrap().spec.properties.insert("autoUpgradeProfile".into(), profile.clone());
        });
        assert_eq!(back(&mut bench).is_ok(), allowed, "{channel}");
        if !allowed {
            assert!(sentence(back(&mut bench)).contains(channel));
        }
    }
}

#[test]
fn a_version_that_is_no_longer_supported_does_not_come_back() {
    let (gone, image) = ("1.32.9", "AKSUbuntu-2204gen2containerd-202604.13.0");
    let expected = PoolRefusal::VersionNotSupported { version: gone.into(), for_pool: true };
    for kept in [false, true] {
        let mut bench = upgraded();
        bench.draft.update(&Key::global(Kind::NodePool, "np1"), |doc| {
            let pool = doc.as_pool_mut().unwrap();
            let used = &mut pool.state.recently_used[0];
            (used.orchestrator_version, used.node_image_version) = (gone.into(), image.into());
            if kept {
                (pool.state.version, pool.spec.orchestrator_version) = (gone.into(), gone.into());
            }
        });
        assert_eq!(refusal(ask(&mut bench, gone, image)), expected, "even where only the image goes back: {kept}");
    }
}

#[test]
fn a_rollback_does_not_cross_the_os_sku() {
    let mut bench = Bench::new();
    bench.made("np1", spec());
    bench.put("np1", PoolSpec { os_sku: "AzureLinux".into(), ..bench.spec("np1") }).unwrap();
    bench.settle("np1", Outcome::Succeeded);
    let pool = bench.pool("np1");
    let expected = not_accepted(NEW, &pool.state.image);
    assert_eq!(sentence(ask(&mut bench, &pool.spec.orchestrator_version, NEW)), expected);
}

#[test]
fn an_older_api_version_cannot_roll_back() {
    for (version, allowed) in [("2026-04-01", true), ("2026-06-01", true), ("2025-08-02-preview", true), ("2026-01-01", false)] {
        let mut bench = upgraded();
        bench.origin.api_version = version.into();
        assert_eq!(back(&mut bench).is_ok(), allowed, "{version}");
    }
}

#[test]
fn a_rollback_is_not_asked_for_together_with_a_scale() {
    let mut bench = upgraded();
    let mut both = PoolSpec { orchestrator_version: "1.34.9".into(), count: 4, ..bench.spec("np1") };
    both.rest.insert(ASKED_IMAGE.into(), OLD.into());
    assert_eq!(refusal(bench.put("np1", both)).rule(), "M-2");
}
