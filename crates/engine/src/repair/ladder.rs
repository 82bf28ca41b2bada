//! The rungs: which is next, its beginning and its end, in AKS's words (aks-semantics H-1, H-2).
//!
//! A rung is reserved on the machine and then done: the provider's call follows from the machine's document. A reimage takes the node
//! away first for those who look, as an upgrade does, and the machine registers another.

use super::settings::PERSISTENCE_MILLIS;
use crate::fleet;
use nodelane_model::event::Notice;
use nodelane_model::machine::MachinePhase;
use nodelane_model::pool::OsType;
use nodelane_model::repair::REPAIRS_LIMIT;
use nodelane_model::report::{Planner, Reason, Report};
use nodelane_model::{Doc, Key, Kind, Machine, Name, Repaired, Rung};
use nodelane_world::{Draft, World};

/// How often the ladder is gone through.
pub const CYCLES: u32 = 3;
/// How long repairing a machine takes at most.
pub const OVERALL_MILLIS: i64 = 60 * 60_000;
/// What is left of that when the last rung begins: five minutes for the cloud, and five to see whether it has helped.
pub const LAST_RUNG_MILLIS: i64 = 2 * PERSISTENCE_MILLIS;

const LINUX: &[Rung] = &[Rung::Reboot, Rung::Reimage, Rung::Redeploy];
const WINDOWS: &[Rung] = &[Rung::Reboot, Rung::Reimage];

fn rungs(world: &World, machine: &Machine) -> &'static [Rung] {
    match world.pool(&machine.pool).map(|(_, pool)| pool.spec.os_type) {
        Some(OsType::Windows) => WINDOWS,
        Some(OsType::Linux) | None => LINUX,
    }
}

/// Whether no rung is left to take.
pub(super) fn is_exhausted(draft: &Draft, machine: &Machine) -> bool {
    let Some(repair) = &machine.repair else { return true };
    let late = |began: nodelane_model::Time| draft.now > began.plus(OVERALL_MILLIS - LAST_RUNG_MILLIS);
    repair.rungs >= CYCLES * rungs(&draft.world, machine).len() as u32 || repair.began.is_some_and(late)
}

/// Takes the next rung.
pub(super) fn begin(draft: &mut Draft, doc: &Doc, machine: &Machine) {
    let Some(repair) = &machine.repair else { return };
    let ladder = rungs(&draft.world, machine);
    let rung = ladder[repair.rungs as usize % ladder.len()];
    let action = rung.word().to_lowercase();
    let text = format!("Node auto-repair is initiating a {action} action due to NotReady status persisting for more than five minutes.");
    say(draft, &doc.key.name, false, started(rung), text);
    let now = draft.now;
    fleet::change(draft, &doc.key, |machine| {
        machine.failure = None;
        machine.incarnation += u32::from(rung == Rung::Reimage);
        machine.enter(rung.phase(), now);
        if let Some(repair) = &mut machine.repair {
            repair.began.get_or_insert(now);
            repair.rung = Some((rung, now));
            repair.held = Name::default();
        }
    });
    if rung == Rung::Reimage {
        draft.remove(&Key::global(Kind::Node, doc.key.name.clone()));
    }
}

/// A rung is over: done, failed, or overtaken by an operation that took the machine.
pub(super) fn end(draft: &mut Draft, doc: &Doc, machine: &Machine, rung: Rung) {
    let overtaken = machine.phase != MachinePhase::Running;
    let failure = match (&machine.failure, overtaken) {
        (_, true) => "OperationPreempted".into(),
        (Some(failure), false) => failure.code.clone(),
        (None, false) => Name::default(),
    };
    let (word, node) = (rung.word(), &doc.key.name);
    match failure.as_str() {
        _ if overtaken => {}
        "" => say(draft, node, false, ended(rung), format!("{word} action from node auto-repair is completed.")),
        code => {
            let action = word.to_lowercase();
            let text = format!("Node auto-repair {action} action failed due to an operation failure. See error details here: {code}");
            say(draft, node, true, failed(rung), text);
        }
    }
    let now = draft.now;
    fleet::change(draft, &doc.key, |machine| {
        let Some(repair) = &mut machine.repair else { return };
        let began = repair.rung.take().map_or(now, |(_, began)| began);
        repair.rungs += u32::from(!overtaken);
        repair.rested = Some(now);
        machine.repairs.push(Repaired { rung, began, ended: now, failure, healed: false });
        let surplus = machine.repairs.len().saturating_sub(REPAIRS_LIMIT);
        machine.repairs.drain(..surplus);
        if !overtaken {
            machine.failure = None;
        }
    });
}

/// The node is Ready again.
pub(super) fn close(draft: &mut Draft, key: &Key) {
    fleet::change(draft, key, |machine| {
        let began = machine.repair.take().and_then(|repair| repair.began);
        let last = machine.repairs.last_mut();
        if let Some(last) = last.filter(|last| began.is_some_and(|began| last.began >= began) && last.failure.is_empty()) {
            last.healed = true;
        }
    });
}

/// Nothing has helped.
pub(super) fn give_up(draft: &mut Draft, doc: &Doc, machine: &Machine) {
    let rungs = machine.repair.as_ref().map_or(0, |repair| repair.rungs);
    let now = draft.now;
    let text = format!(
        "Node auto-repair gives up after {rungs} actions: the node is still NotReady. Delete its machine, or mend the node by hand; auto-repair watches it again once it is Ready."
    );
    say(draft, &doc.key.name, true, "NodeRepairGivenUp", text);
    fleet::change(draft, &doc.key, |machine| {
        if let Some(repair) = &mut machine.repair {
            repair.given_up = Some(now);
            repair.held = Name::default();
        }
    });
}

/// The next rung may not be taken now; said once for each reason.
pub(super) fn hold(draft: &mut Draft, doc: &Doc, machine: &Machine, why: &str) {
    let declined = Reason::Held { why: why.into() };
    draft.report(Report { planner: Planner::Repair, subject: doc.key.clone(), declined });
    if machine.repair.as_ref().is_some_and(|repair| repair.held == why) {
        return;
    }
    say(draft, &doc.key.name, true, "NodeRepairHeld", format!("Node auto-repair waits: {why}."));
    fleet::change(draft, &doc.key, |machine| {
        if let Some(repair) = &mut machine.repair {
            repair.held = why.into();
        }
    });
}

fn say(draft: &mut Draft, node: &Name, warning: bool, reason: &'static str, message: String) {
    let about = Key::global(Kind::Node, node.clone());
    draft.notify(&Notice { about, warning, reason, message: message.into(), component: "aks-auto-repair" });
}

fn started(rung: Rung) -> &'static str {
    match rung {
        Rung::Reboot => "NodeRebootStart",
        Rung::Reimage => "NodeReimageStart",
        Rung::Redeploy => "NodeRedeployStart",
    }
}

fn ended(rung: Rung) -> &'static str {
    match rung {
        Rung::Reboot => "NodeRebootEnd",
        Rung::Reimage => "NodeReimageEnd",
        Rung::Redeploy => "NodeRedeployEnd",
    }
}

fn failed(rung: Rung) -> &'static str {
    match rung {
        Rung::Reboot => "NodeRebootError",
        Rung::Reimage => "NodeReimageError",
        Rung::Redeploy => "NodeRedeployError",
    }
}
