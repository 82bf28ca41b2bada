//! The guide to operations is what the engine does: every phase of an upgrade is met with every observation, and what follows is the
//! table and the diagram in `docs/guides/operations.md`.
//!
//! A guide that is stale fails here; `cargo test -p nodelane-rehearsal --test operations_guide -- --ignored` writes it anew, to be read
//! before it is committed. Not here: whether what follows is right (`upgrade`, `resize`, `blue_green`).

mod support;

use nodelane_engine::{Env, fleet, operation, upgrade};
use nodelane_model::machine::{MachineFailure, MachinePhase, Roll};
use nodelane_model::operation::{Operation, Progress, UpgradePhase};
use nodelane_model::{Key, Kind, Name};
use nodelane_world::{Draft, List, World};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use support::*;

const GUIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guides/operations.md");
const ROLL: [UpgradePhase; 3] = [UpgradePhase::Surging, UpgradePhase::Rolling, UpgradePhase::Unsurging];
const BLUE_GREEN: [UpgradePhase; 4] = [UpgradePhase::Greening, UpgradePhase::Moving, UpgradePhase::Settling, UpgradePhase::Retiring];

/// What is seen of the extra machines.
const EXTRA: [&str; 4] = ["none", "coming", "ready", "failed"];
/// What is seen of the pool's own.
const OWN: [&str; 2] = ["old", "new"];
/// When, or what was asked.
const WHEN: [&str; 3] = ["in time", "too late", "aborted"];

/// A pool of two that is Ready.
fn base() -> (World, nodelane_model::Time) {
    let mut bench = Bench::with_pool(2, |spec| spec.orchestrator_version = "1.34".into());
    bench.pass(HOUR);
    (bench.world().clone(), bench.r.now())
}

/// What follows in one look: the phase that is entered or kept, or how the operation ends.
fn follows(base: &(World, nodelane_model::Time), phase: UpgradePhase, extra: &str, own: &str, when: &str) -> String {
    let mut draft = Draft::new(base.0.clone(), base.1);
    let key = Key::global(Kind::NodePool, "np");
    let since = draft.now.plus(if when == "too late" { -3 * HOUR } else { -1_000 });
    draft.update(&key, |doc| {
        let pool = doc.as_pool_mut().unwrap();
        pool.state.version = "1.35.6".into();
        let mut operation = Operation::begin(Default::default(), Progress::Upgrade(phase), since);
        operation.abort_requested = when == "aborted";
        pool.state.operation = Some(operation);
        if BLUE_GREEN.contains(&phase) {
            pool.spec.rest.insert("upgradeStrategy".into(), "BlueGreen".into());
            pool.spec.rest.insert("upgradeSettingsBlueGreen".into(), json!({"finalSoakDurationInMinutes": 60}));
        }
    });
    let (_, pool) = draft.world.pool("np").map(|(doc, pool)| (doc.clone(), pool.clone())).unwrap();
    let target = upgrade::target(&pool);
    let machines = fleet::own(&draft.world, &"np".into());
    for doc in machines.iter().filter(|_| own == "new") {
        fleet::change(&mut draft, &doc.key, |machine| {
            (machine.running, machine.roll) = (Some(target.clone()), Some(Roll::Done));
        });
    }
    let count = if extra == "none" { 0 } else { upgrade::bounds(&pool, 2).surge };
    for _ in 0..count {
        let machine = fleet::add(&mut draft, &key, true).unwrap();
        fleet::change(&mut draft, &machine, |machine| {
            machine.phase_since = since;
            match extra {
                "ready" => (machine.phase, machine.running) = (MachinePhase::Running, Some(target.clone())),
                "failed" => {
                    machine.phase = MachinePhase::Failed;
                    machine.failure = Some(MachineFailure { code: "AllocationFailed".into(), message: Name::default() });
                }
                _ => {}
            }
        });
        if extra == "ready" {
            let like = draft.world.node(&machines[0].key.name).unwrap().doc.clone();
            let (mut meta, body) = (like.meta.clone(), like.body.clone());
            meta.owners = Default::default();
            draft.create(Key::global(Kind::Node, machine.name.clone()), meta, body);
        }
    }
    draft.world.work.add(List::Operations, key.clone());
    operation::plan(&mut draft, &Env::default(), 512);
    let (_, pool) = draft.world.pool("np").unwrap();
    match (&pool.state.operation, pool.last_ended().and_then(|last| last.ended.as_ref())) {
        (Some(operation), _) if operation.abort_requested => "Canceling".into(),
        (Some(operation), _) => {
            let fallback = operation.fallbacks.last().map(|fallback| format!(", with a surge of {}", fallback.surge)).unwrap_or_default();
            let Progress::Upgrade(next) = operation.progress else { panic!("another kind") };
            format!("{next:?}{fallback}")
        }
        (None, Some(ended)) => match &ended.error {
            Some(error) => format!("{:?}: {}", ended.outcome, error.code),
            None => format!("{:?}", ended.outcome),
        },
        (None, None) => panic!("an operation is over and nothing is left of it"),
    }
}

fn tables(out: &mut String, title: &str, phases: &[UpgradePhase], edges: &mut BTreeMap<String, BTreeSet<String>>) {
    let base = base();
    let _ = write!(out, "### {title}\n\n| phase | extra machines | own machines | {} |\n|---|---|---|---|---|---|\n", WHEN.join(" | "));
    for phase in phases {
        for extra in EXTRA {
            for own in OWN {
                let cells = WHEN.map(|when| follows(&base, *phase, extra, own, when));
                for cell in &cells {
                    let to = cell.split([':', ',']).next().unwrap_or_default().to_owned();
                    edges.entry(format!("{phase:?}")).or_default().insert(to);
                }
                let _ = writeln!(out, "| {phase:?} | {extra} | {own} | {} |", cells.join(" | "));
            }
        }
    }
    out.push('\n');
}

fn diagram(out: &mut String, edges: &BTreeMap<String, BTreeSet<String>>) {
    out.push_str("```mermaid\nstateDiagram-v2\n");
    for (from, to) in edges {
        for to in to.iter().filter(|to| *to != from) {
            let _ = writeln!(out, "    {from} --> {to}");
        }
    }
    out.push_str("```\n\n");
}

/// The guide as the engine makes it.
fn guide() -> String {
    let mut out = String::from(
        "# Operations\n\nWhat each long-running operation does, phase by phase. This page is made by a test from what the engine does; do not edit it.\n\n## Phases\n\n| operation | phases |\n|---|---|\n",
    );
    let mut seen = BTreeSet::new();
    for first in Progress::ALL {
        let mut line: Vec<String> = Vec::new();
        let mut next = Some(*first);
        while let Some(phase) = next.filter(|phase| seen.insert(*phase)) {
            line.push(format!("{phase:?}"));
            next = phase.next();
        }
        if let Some(first) = line.first() {
            let kind = first.split('(').next().unwrap_or_default().to_owned();
            let names: Vec<&str> =
                line.iter().map(|phase| phase.trim_end_matches(')').split('(').next_back().unwrap_or_default()).collect();
            let _ = writeln!(out, "| {kind} | {} |", names.join(" → "));
        }
    }
    out.push_str("\n## Upgrades\n\nWhat follows in one look at a pool of two, by what is seen. *In time* is a second after the phase was entered, *too late* three hours. Old machines are Ready and have another version than the pool; new ones are done.\n\n");
    for (title, phases) in [("By rolls", &ROLL[..]), ("Blue-green", &BLUE_GREEN[..])] {
        let mut edges = BTreeMap::new();
        let mut table = String::new();
        tables(&mut table, title, phases, &mut edges);
        let (head, rows) = table.split_once("\n\n").unwrap();
        let _ = write!(out, "{head}\n\n");
        diagram(&mut out, &edges);
        out.push_str(rows);
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

#[test]
fn the_guide_says_what_the_engine_does() {
    let kept = std::fs::read_to_string(GUIDE).unwrap_or_default();
    let is = guide();
    let differs = is.lines().zip(kept.lines()).find(|(is, kept)| is != kept);
    assert_eq!(differs, None, "docs/guides/operations.md is stale; see the head of this test");
    assert_eq!(is.lines().count(), kept.lines().count(), "docs/guides/operations.md is stale");
}

#[test]
#[ignore = "writes the guide"]
fn the_guide_is_written() {
    std::fs::write(GUIDE, guide()).unwrap();
}
