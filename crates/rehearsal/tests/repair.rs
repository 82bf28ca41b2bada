//! Auto-repair on virtual time: when each rung is taken, what heals, what is never touched, and where it stops.
//!
//! Expected: aks-semantics H-1 (ten minutes of detection, five of persistence, three cycles, an hour), H-2 (events), H-3; a node counts as
//! not Ready from its condition on, fifty seconds after its kubelet fell silent.

mod support;

use nodelane_model::machine::{Intent, MachinePhase};
use nodelane_model::{Doc, Machine, Rung};
use nodelane_rehearsal::Rehearsal;
use nodelane_sim::BootProfile;
use nodelane_world::World;
use serde_json::{Value, json};
use std::sync::Arc;
use support::*;

const GRACE: i64 = 50_000;
/// From the loss of a node to its first rung.
const FIRST: i64 = 15 * MINUTE;
const AGAIN: i64 = 5 * MINUTE;

/// What auto-repair said about nodes since an event, with when, in seconds since a time.
fn said(bench: &Bench, since: usize, from: nodelane_model::Time) -> Vec<(i64, String)> {
    let of =
        |doc: &Arc<Doc>| doc.as_event().filter(|event| event.source.component == "aks-auto-repair").map(|event| event.reason.to_string());
    let events = bench.r.events[since..].iter().filter_map(|(at, event)| Some((*at, of(event.new.as_ref()?)?)));
    events.map(|(at, reason)| (at.since(from) / 1000, reason)).collect()
}

fn mute(heals_by: &str, more: Value) -> Value {
    let mut spec = json!({"kind": "not-ready", "healsBy": heals_by});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    spec
}

fn machine(bench: &Bench, name: &str) -> Machine {
    bench.world().get(&nodelane_model::Key::global(nodelane_model::Kind::Machine, name)).unwrap().as_machine().unwrap().clone()
}

fn ready(world: &World, pool: &str) -> usize {
    nodes_of(world, pool).iter().filter(|doc| doc.as_node().unwrap().status.is_ready()).count()
}

#[test]
fn each_rung_heals_what_it_is_said_to_heal_at_the_times_of_aks() {
    for (heals_by, rungs) in
        [("reboot", vec!["Reboot"]), ("Reimage", vec!["Reboot", "Reimage"]), ("redeploy", vec!["Reboot", "Reimage", "Redeploy"])]
    {
        let mut bench = Bench::with_pool(2, |_| {});
        bench.deploy("web", 4, "np", json!({}));
        let sick = bench.node_names("np").remove(0);
        let before = machine(&bench, &sick);
        let (since, begin) = (bench.r.events.len(), bench.r.now().whole_seconds());
        bench.fault("mute", mute(heals_by, json!({"node": sick})));
        bench.pass(GRACE + FIRST + 10 * MINUTE + 3 * 20_000);
        let said = said(&bench, since, begin);
        let words: Vec<String> = said.iter().map(|(_, reason)| reason.clone()).collect();
        let expected: Vec<String> = rungs.iter().flat_map(|rung| [format!("Node{rung}Start"), format!("Node{rung}End")]).collect();
        assert_eq!(words, expected, "{heals_by}");
        assert_eq!(said[0].0, (GRACE + FIRST) / 1000, "first rung");
        for pair in said[1..].chunks(2).filter(|pair| pair.len() == 2) {
            // The End is said once the node is there again, the machine runs a little earlier.
            assert!((AGAIN / 1000 - 2..=AGAIN / 1000).contains(&(pair[1].0 - pair[0].0)), "five minutes after the rung before: {said:?}");
        }
        let after = machine(&bench, &sick);
        assert_eq!((after.repair, after.repairs.iter().map(|r| r.rung).collect::<Vec<_>>().len()), (None, rungs.len()));
        assert_eq!(
            after.repairs.iter().map(|r| r.healed).collect::<Vec<_>>(),
            (1..=rungs.len()).map(|n| n == rungs.len()).collect::<Vec<_>>()
        );
        assert_eq!(after.boots, before.boots + rungs.len() as u32);
        assert_eq!(after.incarnation, before.incarnation + u32::from(rungs.len() > 1), "only the reimage brings another image");
        bench.pass(MINUTE);
        assert_eq!((ready(bench.world(), "np"), running(bench.world(), "web").len()), (2, 4));
        bench.assert_tidy("np");
    }
}

#[test]
fn a_node_that_comes_back_in_time_is_left_alone() {
    let mut bench = Bench::with_pool(2, |_| {});
    let since = bench.r.events.len();
    let sick = bench.node_names("np").remove(0);
    let fault = bench.fault("mute", mute("none", json!({"node": sick})));
    bench.pass(GRACE + FIRST - 2_000);
    bench.remove(&fault);
    bench.pass(HOUR);
    assert_eq!(said(&bench, since, bench.r.now()), []);
    assert_eq!((machine(&bench, &sick).repair, machine(&bench, &sick).boots), (None, 1));
    // A loss after it counts from anew.
    let begin = bench.r.now().whole_seconds();
    bench.fault("again", mute("reboot", json!({"node": sick})));
    bench.pass(HOUR);
    assert_eq!(said(&bench, since, begin)[0], ((GRACE + FIRST) / 1000, "NodeRebootStart".to_owned()));
}

#[test]
fn what_nothing_heals_is_given_up_after_three_cycles_or_an_hour() {
    for (profile, windows) in [(BootProfile::Fast, false), (BootProfile::Azure, false), (BootProfile::Fast, true)] {
        let mut bench = Bench::new(profile);
        if windows {
            bench.make("win", 2, |spec| {
                (spec.os_type, spec.os_sku) = (nodelane_model::pool::OsType::Windows, "Windows2022".into());
            });
        } else {
            bench.make("np", 2, |_| {});
        }
        let pool = if windows { "win" } else { "np" };
        let sick = bench.node_names(pool).remove(0);
        let since = bench.r.events.len();
        bench.fault("mute", mute("none", json!({"node": sick})));
        bench.pass(5 * HOUR);
        let after = machine(&bench, &sick);
        let repair = after.repair.clone().unwrap();
        let (began, end) = (repair.began.unwrap(), after.repairs.last().unwrap().ended);
        assert!(repair.given_up.is_some() && end.since(began) <= HOUR, "{repair:?}");
        let ladder = if windows { vec![Rung::Reboot, Rung::Reimage] } else { vec![Rung::Reboot, Rung::Reimage, Rung::Redeploy] };
        let taken: Vec<Rung> = after.repairs.iter().map(|repaired| repaired.rung).collect();
        assert_eq!(taken, ladder.iter().copied().cycle().take(taken.len()).collect::<Vec<_>>());
        let most = 3 * ladder.len();
        match profile {
            BootProfile::Azure => assert!((5..most).contains(&taken.len()), "the hour ends it: {taken:?}"),
            _ => assert_eq!(taken.len(), most, "three cycles"),
        }
        let given_up = |doc: &Doc| doc.as_event().is_some_and(|event| event.reason == "NodeRepairGivenUp");
        assert!(bench.when(since, given_up).is_some());
        assert_eq!(bench.world().work.next_deadline().filter(|at| at.since(bench.r.now()) < HOUR), None, "nothing is asked for any more");
    }
}

#[test]
fn a_rung_that_fails_says_why_and_the_next_is_taken() {
    let mut bench = Bench::with_pool(2, |_| {});
    let sick = bench.node_names("np").remove(0);
    let since = bench.r.events.len();
    bench.fault("mute", mute("reboot", json!({"node": sick})));
    bench.fault("errors", json!({"kind": "repair-error", "node": sick, "count": 2}));
    bench.pass(GRACE + FIRST + 3 * AGAIN);
    let reasons: Vec<String> = said(&bench, since, bench.r.now()).into_iter().map(|(_, reason)| reason).collect();
    let expected = ["NodeRebootStart", "NodeRebootError", "NodeReimageStart", "NodeReimageError", "NodeRedeployStart", "NodeRedeployEnd"];
    assert_eq!(reasons, expected);
    let text = "Node auto-repair reboot action failed due to an operation failure. See error details here: VMExtensionProvisioningError";
    assert!(bench.when(since, |doc| doc.as_event().is_some_and(|event| event.message == text)).is_some());
    assert_eq!((ready(bench.world(), "np"), machine(&bench, &sick).failure), (2, None));
}

#[test]
fn a_node_that_never_was_ready_is_not_touched() {
    let mut bench = Bench::with_pool(1, |_| {});
    bench.fault("mute", mute("none", json!({"pool": "new"})));
    bench.put_spec("new", spec(1)).unwrap();
    let since = bench.r.events.len();
    bench.idle("new", HOUR);
    bench.pass(2 * HOUR);
    assert_eq!(said(&bench, since, bench.r.now()), []);
    assert!(bench.machines("new").iter().all(|(_, machine)| machine.repair.is_none() && machine.boots == 1));
}

#[test]
fn nodes_of_one_pool_are_mended_one_after_the_other_and_others_beside_them() {
    let mut bench = Bench::with_pool(6, |_| {});
    bench.make("other", 2, |_| {});
    let (since, begin) = (bench.r.events.len(), bench.r.now().whole_seconds());
    bench.fault("three", mute("reimage", json!({"pool": "np", "count": 3})));
    let sick = bench.node_names("other").remove(0);
    bench.fault("one", mute("reimage", json!({"node": sick})));
    bench.pass(GRACE + FIRST + 1_000);
    let under_way = |world: &World| world.repairing().filter(|(_, m)| m.repair.as_ref().unwrap().is_under_way()).count();
    assert_eq!(under_way(bench.world()), 2, "one of each pool");
    for _ in 0..40 {
        let of_np = |machine: &Machine| machine.pool == "np" && machine.repair.as_ref().unwrap().is_under_way();
        assert!(bench.world().repairing().filter(|(_, machine)| of_np(machine)).count() <= 1);
        bench.pass(30_000);
    }
    assert_eq!((ready(bench.world(), "np"), ready(bench.world(), "other")), (6, 2));
    assert_eq!(bench.r.breakdowns, Vec::<String>::new());
    let said = said(&bench, since, begin);
    let starts = said.iter().filter(|(_, reason)| reason == "NodeRebootStart").count();
    assert_eq!(starts, 4);
    assert!(said.iter().any(|(_, reason)| reason == "NodeRepairHeld"), "the next in line says what it waits for");
}

#[test]
fn a_mark_lets_more_be_mended_at_once() {
    let mark = |text: &str| [("nodelane-disruption-budgets".into(), text.into())].into();
    let mut bench = Bench::with_pool(6, |spec| spec.tags = mark("repair=50%"));
    bench.fault("three", mute("reboot", json!({"pool": "np", "count": 3})));
    bench.pass(GRACE + FIRST + 1_000);
    let rebooting = bench.machines("np").iter().filter(|(_, machine)| machine.phase == MachinePhase::Rebooting).count();
    assert_eq!(rebooting, 3);
}

#[test]
fn many_sick_nodes_blow_the_fuse_until_few_are_left() {
    let mut bench = Bench::with_pool(8, |_| {});
    let since = bench.r.events.len();
    let fault = bench.fault("four", mute("none", json!({"pool": "np", "count": 4})));
    bench.pass(GRACE + FIRST + MINUTE);
    let held = |doc: &Doc| {
        doc.as_event()
            .is_some_and(|event| event.reason == "NodeRepairHeld" && event.message.contains("more than 45% of the nodes of node pool np"))
    };
    assert!(bench.when(since, held).is_some(), "four of eight");
    assert!(bench.machines("np").iter().all(|(_, machine)| machine.boots == 1), "nothing is done");
    let declined = |report: &nodelane_model::Report| format!("{report:?}").contains("more than 45%");
    assert!(bench.r.reports.iter().any(|(_, report)| declined(report)));
    bench.pass(2 * HOUR);
    assert!(bench.machines("np").iter().all(|(_, machine)| machine.boots == 1));
    // One heals by itself: three are few, whatever their share.
    let sick = bench.machines("np").into_iter().find(|(_, machine)| machine.repair.is_some()).unwrap().0;
    bench.remove(&fault);
    bench.fault("rest", mute("reboot", json!({"pool": "np", "count": 3})));
    bench.pass(GRACE + FIRST + HOUR);
    assert_eq!((ready(bench.world(), "np"), machine(&bench, &sick.name).repair), (8, None));
}

#[test]
fn a_cluster_whose_nodes_are_all_lost_is_left_alone() {
    let mut bench = Bench::with_pool(1, |_| {});
    let fault = bench.fault("all", mute("none", json!({})));
    bench.pass(2 * HOUR);
    for pool in ["np", "system"] {
        assert!(bench.machines(pool).iter().all(|(_, machine)| machine.boots == 1 && machine.repair.is_some()));
    }
    bench.remove(&fault);
    bench.pass(MINUTE);
    bench.assert_tidy("np");
}

#[test]
fn marks_of_others_keep_repair_off() {
    for (taint, annotations) in [
        (Some("ToBeDeletedByClusterAutoscaler"), vec![]),
        (Some("node.cloudprovider.kubernetes.io/shutdown"), vec![]),
        (
            None,
            vec![
                ("cluster-autoscaler.kubernetes.io/scale-down-disabled", "true"),
                ("kubernetes.azure.com/azure-cluster-autoscaler-scale-down-disabled-reason", "upgrade"),
            ],
        ),
    ] {
        let mut bench = Bench::with_pool(2, |_| {});
        let sick = bench.nodes("np").remove(0).key.clone();
        bench.fault("mute", mute("reboot", json!({"node": sick.name})));
        bench.pass(GRACE + 1_000);
        bench.edit(&sick, |doc| {
            let map = Arc::make_mut(&mut doc.meta.annotations);
            annotations.iter().for_each(|(key, value)| drop(map.insert((*key).into(), (*value).into())));
            let taints = &mut doc.as_node_mut().unwrap().spec.taints;
            taints.extend(taint.map(|key| nodelane_model::node::Taint {
                key: key.into(),
                effect: "NoSchedule".into(),
                ..Default::default()
            }));
        });
        bench.pass(HOUR);
        assert_eq!(machine(&bench, &sick.name).boots, 1, "{taint:?}");
        bench.edit(&sick, |doc| {
            Arc::make_mut(&mut doc.meta.annotations).clear();
            doc.as_node_mut().unwrap().spec.taints.retain(|other| taint != Some(other.key.as_str()));
        });
        bench.pass(MINUTE);
        assert_eq!(machine(&bench, &sick.name).boots, 2, "freed of {taint:?} it is mended at once");
    }
}

#[test]
fn an_operation_owns_its_machines_and_takes_over_one_that_is_being_mended() {
    // Held up by a budget the roll never comes to the sick node, whose time comes meanwhile.
    let mut bench = Bench::with_pool(3, |spec| spec.orchestrator_version = "1.33".into());
    bench.deploy(
        "web",
        3,
        "np",
        json!({"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"app": "web"}}}]}),
    );
    let sick = bench.node_names("np").pop().unwrap();
    bench.put("np", |spec| spec.orchestrator_version = "1.34".into());
    let budget = bench.budget("web", json!({"minAvailable": 3}));
    bench.pass(2 * MINUTE);
    let since = bench.r.events.len();
    let fault = bench.fault("mute", mute("reimage", json!({"node": sick})));
    bench.pass(GRACE + FIRST + 5 * MINUTE);
    let is_mended = |doc: &Doc| doc.as_machine().is_some_and(|machine| machine.repair.as_ref().is_some_and(|repair| repair.rung.is_some()));
    assert!(bench.pool("np").state.operation.is_some(), "the roll still waits");
    assert_eq!(bench.when(since, is_mended), None, "the operation's machines are its own");
    let held =
        |doc: &Doc| doc.as_event().is_some_and(|event| event.message.ends_with("an operation runs on node pool np, which is Upgrading."));
    assert!(bench.when(since, held).is_some());
    bench.remove(&budget);
    bench.idle("np", 6 * HOUR);
    assert_eq!(bench.state("np"), "Failed", "no kubelet ends the pods of the sick node, so the roll cannot empty it");
    let ended = bench.r.now();
    bench.pass(MINUTE);
    assert!(machine(&bench, &sick).repair.unwrap().began.unwrap() >= ended, "now it is mended, and at once");
    bench.pass(FIRST);
    assert_eq!(ready(bench.world(), "np"), 3);
    bench.settle("np", |_| {});
    assert_eq!(bench.state("np"), "Succeeded");
    bench.remove(&fault);

    // An upgrade that begins while a rung is under way takes the machine when the rung is over.
    bench.fault("slow", json!({"kind": "slow-boot", "node": sick}));
    bench.fault("again", mute("reboot", json!({"node": sick})));
    bench.pass(GRACE + FIRST + 1_000);
    assert_eq!(machine(&bench, &sick).phase, MachinePhase::Rebooting);
    let since = bench.r.events.len();
    bench.settle("np", |spec| spec.orchestrator_version = "1.35".into());
    let overtaken = |doc: &Doc| doc.as_machine().is_some_and(|machine| machine.repairs.iter().any(|r| r.failure == "OperationPreempted"));
    assert_eq!((bench.when(since, overtaken), ready(bench.world(), "np"), bench.state("np")), (None, 3, "Succeeded"));
    assert!(machine(&bench, &sick).repairs.last().unwrap().healed);
    assert_eq!(bench.r.breakdowns, Vec::<String>::new());
}

#[test]
fn a_machine_that_is_stopped_or_deleted_meanwhile_is_forgotten() {
    let mut bench = Bench::with_pool(2, |_| {});
    let sick = bench.node_names("np").remove(0);
    bench.fault("mute", mute("none", json!({"node": sick})));
    bench.pass(GRACE + FIRST + 1_000);
    assert_eq!(machine(&bench, &sick).phase, MachinePhase::Rebooting);
    let change = nodelane_model::Change::DeleteMachines { name: "np".into(), machines: vec![sick.as_str().into()] };
    bench.ask(change).unwrap();
    bench.idle("np", HOUR);
    bench.pass(MINUTE);
    assert_eq!(bench.world().repairing().count(), 0);
    bench.settle("np", |spec| spec.power = nodelane_model::pool::Power::Stopped);
    assert!(bench.machines("np").iter().all(|(_, machine)| machine.intent == Intent::Stop && machine.repair.is_none()));
    bench.pass(2 * HOUR);
    assert!(bench.machines("np").iter().all(|(_, machine)| machine.boots == 1), "a stopped machine is silent and well");
}

/// A crash after every write of a repair: the process comes back on what was durable then, and the node is mended all the same.
#[test]
fn a_crash_anywhere_in_a_repair_only_delays_it() {
    let begin = || {
        let mut bench = Bench::with_pool(2, |_| {});
        let sick = bench.node_names("np").remove(0);
        bench.fault("mute", mute("reimage", json!({"node": sick})));
        (bench, sick)
    };
    let (mut bench, sick) = begin();
    let since = bench.r.events.len();
    bench.pass(GRACE + FIRST + 10 * MINUTE);
    let writes = bench.r.events.len() - since;
    assert!(bench.machines("np").iter().all(|(_, machine)| machine.repair.is_none()));
    let events: Vec<_> = bench.r.events.clone();
    for cut in 0..writes {
        let mut docs: std::collections::BTreeMap<_, Arc<Doc>> = std::collections::BTreeMap::new();
        let mut now = bench.r.now();
        for (at, event) in &events[..since + cut] {
            now = *at;
            match (&event.old, &event.new) {
                (_, Some(new)) => drop(docs.insert(new.key.clone(), new.clone())),
                (Some(old), None) => drop(docs.remove(&old.key)),
                (None, None) => {}
            }
        }
        let revision = docs.values().map(|doc| doc.revision).max().unwrap_or_default();
        let world = World::rebuild(SEED, revision, docs.into_values());
        let mut r = Rehearsal::new(world, nodelane_engine::Env::default(), BootProfile::Fast, now);
        r.run_until(now.plus(GRACE + FIRST + 12 * MINUTE));
        assert_eq!(r.breakdowns, Vec::<String>::new(), "cut at {cut}");
        assert_eq!(ready(r.world(), "np"), 2, "cut at {cut}");
        let after =
            r.world().get(&nodelane_model::Key::global(nodelane_model::Kind::Machine, sick.as_str())).unwrap().as_machine().unwrap();
        assert!(after.repair.is_none() && after.repairs.iter().any(|repaired| repaired.healed), "cut at {cut}: {after:?}");
        assert!(after.repairs.len() <= 3, "no rung is lost or doubled but the one that was cut: {:?}", after.repairs);
    }
}
