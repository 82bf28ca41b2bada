//! I10: the autoscaler keeps within a pool's bounds, takes no node from pods that cannot move, and does not swing.
//!
//! A pool that is autoscaled and has no operation is changed by the autoscaler alone. Pods that cannot move are those of the first rules
//! of SD-2 that need no profile: marked `safe-to-evict=false`, or without a controller that would make them again.

use super::{Findings, Invariant, Users, View, is};
use nodelane_control::Event;
use nodelane_model::machine::{CordonOwner, Intent, MachinePhase};
use nodelane_model::pod::Phase;
use nodelane_model::{Doc, Kind, Machine, Name, Time};
use std::collections::BTreeMap;

/// Within this time a pool turns around once at most, while the load is the same.
const SWING_MILLIS: i64 = 10 * 60_000;
const SAFE_TO_EVICT: &str = "cluster-autoscaler.kubernetes.io/safe-to-evict";
const OWNERS: [&str; 4] = ["ReplicationController", "Job", "ReplicaSet", "StatefulSet"];

/// Which way pools went.
#[derive(Default)]
pub(super) struct Autoscale {
    /// The last direction of a pool, and the times at which it turned around.
    moved: BTreeMap<Name, (bool, Vec<Time>)>,
}

impl Autoscale {
    pub(super) fn after(&mut self, findings: &mut Findings, view: &View, users: &Users, at: Time, event: &Event) {
        if !is(event, Kind::Machine) {
            return;
        }
        let of = |doc: &Option<std::sync::Arc<Doc>>| {
            doc.as_ref().and_then(|doc| doc.as_machine()).filter(|m| m.intent != Intent::Gone && !m.surge).cloned()
        };
        let (old, new) = (of(&event.old), of(&event.new));
        let Some(name) = event.key().map(|key| key.name.clone()) else { return };
        let grows = match (&old, &new) {
            (None, Some(_)) if event.old.is_none() => true,
            (Some(_), None) if !event.new.as_ref().and_then(|doc| doc.as_machine()).is_some_and(|machine| machine.surge) => false,
            _ => return,
        };
        let Some(machine) = old.or(new) else { return };
        let Some(pool) = view.pool(&machine.pool).filter(|pool| pool.spec.enable_auto_scaling) else { return };
        let own = view.machines(&machine.pool).filter(|(_, machine)| machine.intent != Intent::Gone && !machine.surge).count() as u32;
        let (least, most) = (pool.spec.min_count.unwrap_or(0), pool.spec.max_count.unwrap_or(0));
        // A user may have asked for more or fewer before the bounds were set: only the direction beyond a bound is judged.
        let operates = pool.state.operation.is_some();
        let lost = machine.preempted.is_some() || machine.scheduled.is_some() || machine.phase == MachinePhase::Failed;
        let within = if grows { own <= most.max(pool.spec.count) } else { own >= least || operates || lost };
        findings.check(Invariant::Autoscaler, at, within, || format!("pool {} has {own} machines, bounds {least} to {most}", machine.pool));
        if operates || lost {
            return;
        }
        if !grows {
            let stays = view.pods_on(&name).find(|pod| cannot_move(pod));
            findings.check(Invariant::Autoscaler, at, stays.is_none(), || {
                format!("node {name} goes and pod {} cannot move", stays.map(|pod| pod.key.to_string()).unwrap_or_default())
            });
        }
        // A node that users keep pods off was of no use before either.
        if grows || machine.cordoned_by.iter().all(|owner| *owner == CordonOwner::ScaleDown) {
            self.turn(findings, users, at, &machine, grows);
        }
    }

    fn turn(&mut self, findings: &mut Findings, users: &Users, at: Time, machine: &Machine, grows: bool) {
        let (grew, turns) = self.moved.entry(machine.pool.clone()).or_insert((grows, Vec::new()));
        if *grew != grows {
            *grew = grows;
            turns.push(at);
        }
        turns.retain(|turn| at.since(*turn) < SWING_MILLIS && *turn >= users.load_changed);
        findings.check(Invariant::Autoscaler, at, turns.len() <= 1, || format!("pool {} turned around at {turns:?}", machine.pool));
    }
}

fn cannot_move(doc: &Doc) -> bool {
    let Some(pod) = doc.as_pod().filter(|pod| !matches!(pod.status.phase, Phase::Succeeded | Phase::Failed)) else { return false };
    let said = doc.meta.annotations.get(SAFE_TO_EVICT).map(|value| value.as_str());
    let daemon = doc.meta.controller().is_some_and(|owner| owner.kind == "DaemonSet");
    let owned = doc.meta.controller().is_some_and(|owner| OWNERS.contains(&owner.kind.as_str()));
    pod.node.is_some() && doc.meta.deleted.is_none() && !daemon && said != Some("true") && (said == Some("false") || !owned)
}
