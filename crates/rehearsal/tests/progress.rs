//! How far an upgrade is, node by node, as `nodelane operation show` tells it while it goes on.
//!
//! Judged from what the rehearsal shows at the same moment: nodes' own versions, machines' rolls, and when it really ends.
//! aks-semantics section 8 rows 1 and 10.

mod support;

use nodelane_model::Time;
use nodelane_model::machine::Roll;
use nodelane_model::pool::Undrainable;
use nodelane_review::progress::{NodePhase, PoolProgress, pool_of, progress, running};
use nodelane_world::{Snapshot, World};
use serde_json::json;
use support::*;

fn now(bench: &Bench) -> Snapshot {
    Snapshot { world: bench.world().clone(), now: bench.r.now() }
}

fn of(bench: &Bench) -> PoolProgress {
    progress(&now(bench), "np", None).expect("there is an operation")
}

fn done(world: &World) -> usize {
    world.machines_of(&"np".into()).filter(|(_, machine)| machine.roll == Some(Roll::Done)).count()
}

#[test]
fn versions_are_those_that_nodes_run_and_the_end_comes_when_it_was_told() {
    let mut bench = Bench::with_pool(6, |spec| spec.upgrade_settings.node_soak_duration_in_minutes = Some(1));
    let old = bench.pool("np").state.version;
    assert_eq!(running(&now(&bench)), vec![]);
    let id = bench.put("np", |spec| spec.orchestrator_version = "1.35".into()).unwrap();
    let target = bench.pool("np").state.version;
    assert_eq!(of(&bench).eta, None, "nothing is known before the first node is done");
    let mut told: Vec<Time> = Vec::new();
    for count in 1..6 {
        bench.until(HOUR, |world| done(world) == count);
        let is = of(&bench);
        assert_eq!((is.id.clone(), is.done, is.total, is.state.as_str()), (id.to_string(), count, 6, "Upgrading"));
        for node in is.nodes.iter().filter(|node| !node.extra) {
            let kubelet = &bench.world().node(&node.node).map(|row| row.doc.as_node().unwrap().status.node_info.kubelet_version.clone());
            let version = kubelet.as_ref().map(|version| version.trim_start_matches('v').to_owned());
            assert_eq!(version.as_deref(), node.version.as_deref(), "{}", node.node);
            assert_eq!(node.phase == NodePhase::Done, node.version.as_ref() == Some(&target), "{node:?}");
            assert!(node.phase == NodePhase::Done || node.version.as_ref() == Some(&old));
        }
        told.push(is.eta.expect("a node is done"));
        assert!(is.nodes.iter().any(|node| node.extra));
    }
    bench.idle("np", HOUR);
    let end = bench.r.now();
    // Each node takes a minute of soak and six to ten seconds of boot: within five nodes they differ by 20 s at most, and the surge node's end.
    for eta in told {
        assert!(eta.since(end).abs() < 30_000, "told {eta}, ended {end}");
    }
    let is = progress(&now(&bench), &pool_of(bench.world(), &id.to_string()).unwrap(), Some(&id.to_string())).unwrap();
    assert_eq!((is.done, is.ended.as_ref().unwrap().at), (6, end));
    assert!(is.text(end).starts_with("np: Succeeded Upgrade(Unsurging), 6 of 6 nodes have 1.35."), "{}", is.text(end));
}

#[test]
fn what_holds_a_node_up_is_named_with_its_owner_and_since_when() {
    let mut bench = Bench::with_pool(2, |spec| {
        spec.upgrade_settings.drain_timeout_in_minutes = Some(10);
        spec.upgrade_settings.undrainable_node_behavior = Some(Undrainable::Cordon);
    });
    bench.deploy("stuck", 1, "np", json!({}));
    bench.put("np", |spec| spec.orchestrator_version = "1.35".into());
    let budget = bench.budget("stuck", json!({"minAvailable": 1}));
    bench.until(HOUR, |world| {
        world.machines_of(&"np".into()).any(|(_, machine)| machine.drain.as_ref().is_some_and(|drain| drain.blocked.is_some()))
    });
    let began = bench.r.now();
    bench.pass(3 * MINUTE);
    let held = |bench: &Bench| of(bench).nodes.into_iter().find(|node| node.blocked_by.is_some()).expect("a node is held up");
    let node = held(&bench);
    let by = node.blocked_by.clone().unwrap();
    let pod = running_pod(&bench);
    assert_eq!((by.pod.as_str(), by.budget.as_str(), by.since), (format!("default/{pod}").as_str(), "stuck", began));
    let owner = by.owner.unwrap();
    assert_eq!((owner.name.as_str(), owner.from.as_str()), ("Deployment/stuck", "what made the pod"));
    assert_eq!((node.phase, node.eta, node.gives_up), (NodePhase::Draining, None, Some(node.since.plus(10 * MINUTE))));
    assert_eq!(of(&bench).eta, None, "its budget decides");

    bench.edit(&budget, |doc| std::sync::Arc::make_mut(&mut doc.meta.annotations).extend([("example.com/team".into(), "payments".into())]));
    let owner = held(&bench).blocked_by.unwrap().owner.unwrap();
    assert_eq!((owner.name.as_str(), owner.from.as_str()), ("payments", "annotation example.com/team of the budget"));
    let text = of(&bench).text(bench.r.now());
    assert!(
        text.contains(&format!("default/{pod} under stuck for 3m0s, payments (annotation example.com/team of the budget)  gives up in ")),
        "{text}"
    );
    bench.idle("np", HOUR);
    bench.pass(MINUTE);
    let left: Vec<_> = of(&bench).nodes.into_iter().map(|node| (node.phase, node.version.unwrap())).collect();
    let (old, new) = ("1.34.9".into(), bench.pool("np").state.version);
    assert_eq!(
        left,
        [(NodePhase::Quarantined, old), (NodePhase::Behind, "1.34.9".into()), (NodePhase::Ready, new)],
        "what is left is told"
    );
}

fn running_pod(bench: &Bench) -> String {
    support::running(bench.world(), "stuck")[0].key.name.to_string()
}
