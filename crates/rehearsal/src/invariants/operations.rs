//! I6 and E1: a pool has one operation at a time, each that began ends exactly once and as it must, and within its time.
//!
//! The time of an operation is a sum of what the contract grants it (aks-semantics 4.2 to 4.4, DL-1, CA max-node-provision-time), with
//! room for the cloud's own answers. Time during which the store was closed is added. An abort grants one provisioning more.

use super::{Findings, Invariant, View, is};
use nodelane_control::Event;
use nodelane_model::operation::{ClusterPhase, DeletePhase, Outcome, Progress};
use nodelane_model::{Doc, Kind, NodePool, Operation, Time, Uid};
use std::collections::BTreeMap;

const MINUTE: i64 = 60_000;
/// Machines become Ready nodes (max-node-provision-time).
const PROVISION: i64 = 15 * MINUTE;
/// A node is emptied by a scale-in or a deletion (DL-1).
const DRAIN: i64 = 10 * MINUTE;
/// Ten slow boots of three minutes: a machine is made before it can be stopped.
const CLOUD: i64 = 35 * MINUTE;
/// A flaky cloud answers within this.
const SLACK: i64 = 30 * MINUTE;

/// The operations that run.
#[derive(Default)]
pub(super) struct Operations {
    live: BTreeMap<Uid, Live>,
    ended: BTreeMap<Uid, Outcome>,
    excused: i64,
}

struct Live {
    about: String,
    ends_by: Time,
    late: bool,
}

fn operation(doc: Option<&std::sync::Arc<Doc>>) -> Option<&Operation> {
    let doc = doc?;
    doc.as_pool().and_then(|pool| pool.state.operation.as_ref()).or_else(|| doc.as_cluster()?.state.operation.as_ref())
}

fn history(doc: &Doc) -> &[Operation] {
    doc.as_pool().map(|pool| &pool.state.history).or_else(|| doc.as_cluster().map(|cluster| &cluster.state.history)).map_or(&[], |h| h)
}

impl Operations {
    pub(super) fn prime(&mut self, view: &View) {
        for doc in view.list(Kind::NodePool).chain(view.list(Kind::Cluster)) {
            if let Some(operation) = operation(Some(doc)) {
                self.begin(view, doc, operation, operation.started);
            }
        }
    }
    pub(super) fn excuse(&mut self, millis: i64) {
        self.excused += millis;
        self.live.values_mut().for_each(|live| live.ends_by = live.ends_by.plus(millis));
    }
    fn begin(&mut self, view: &View, doc: &Doc, operation: &Operation, at: Time) {
        let about = format!("{} of {}", operation.progress.provisioning_state(), doc.key);
        let ends_by = at.plus(budget_millis(view, doc, operation) + SLACK);
        self.live.insert(operation.id, Live { about, ends_by, late: false });
    }

    /// Judges how operations end and begin in a write, against what was there before it.
    pub(super) fn before(&mut self, findings: &mut Findings, view: &View, at: Time, event: &Event) {
        if !is(event, Kind::NodePool) && !is(event, Kind::Cluster) {
            return;
        }
        let (was, is) = (operation(event.old.as_ref()), operation(event.new.as_ref()));
        let Some(was) = was.filter(|was| is.is_none_or(|is| is.id != was.id)) else { return };
        let key = event.key().map(ToString::to_string).unwrap_or_default();
        self.live.remove(&was.id);
        let ended = event.new.as_ref().and_then(|doc| history(doc).iter().find(|other| other.id == was.id)).and_then(|o| o.ended.as_ref());
        findings.check(Invariant::Operation, at, ended.is_some(), || {
            format!("the operation {:?} of {key} vanished without an end", was.progress)
        });
        let preempts = is.is_none_or(|is| matches!(is.progress, Progress::Delete(_) | Progress::Cluster(ClusterPhase::Deleting)));
        findings.check(Invariant::Operation, at, preempts, || {
            format!("{:?} of {key} began while {:?} ran", is.map(|is| is.progress), was.progress)
        });
        if let Some(ended) = ended {
            let canceled = !was.abort_requested || ended.outcome == Outcome::Canceled;
            findings.check(Invariant::Operation, at, canceled, || {
                format!("{:?} of {key} was aborted and is {:?}", was.progress, ended.outcome)
            });
            let first = self.ended.insert(was.id, ended.outcome).is_none();
            findings.check(Invariant::Operation, at, first, || format!("{:?} of {key} ended twice", was.progress));
            if let Some(pool) = event.new.as_ref().and_then(|doc| doc.as_pool())
                && ended.outcome == Outcome::Succeeded
            {
                succeeded(findings, view, at, &key, was, pool);
            }
        }
    }
    /// Takes up operations that began.
    pub(super) fn after(&mut self, findings: &mut Findings, view: &View, at: Time, event: &Event) {
        if !is(event, Kind::NodePool) && !is(event, Kind::Cluster) {
            return;
        }
        let (was, is) = (operation(event.old.as_ref()), operation(event.new.as_ref()));
        let (Some(doc), Some(is)) = (&event.new, is) else { return };
        if was.is_none_or(|was| was.id != is.id) {
            let first = !self.ended.contains_key(&is.id);
            findings.check(Invariant::Operation, at, first, || format!("{:?} of {} began again", is.progress, doc.key));
            self.begin(view, doc, is, at);
        } else if was.is_some_and(|was| !was.abort_requested) && is.abort_requested {
            let deadline = at.plus(PROVISION + CLOUD + SLACK);
            if let Some(live) = self.live.get_mut(&is.id) {
                live.ends_by = live.ends_by.max(deadline);
            }
        }
    }
    /// Looks for operations that are late.
    pub(super) fn passed(&mut self, findings: &mut Findings, at: Time) {
        for live in self.live.values_mut().filter(|live| !live.late) {
            live.late = at > live.ends_by;
            findings.check(Invariant::Ends, at, !live.late, || format!("{} should have ended by {}", live.about, live.ends_by));
        }
    }
}

/// What must be so when an operation says that it has succeeded (E4: states are true); the world around it is that before the write.
fn succeeded(findings: &mut Findings, view: &View, at: Time, key: &str, operation: &Operation, pool: &NodePool) {
    let name = key.rsplit('/').next().unwrap_or_default();
    let own = || view.machines(name).filter(|(_, machine)| !machine.surge && machine.intent != nodelane_model::machine::Intent::Gone);
    let ready = own().filter(|(name, _)| view.node(name).is_some_and(|node| node.status.is_ready())).count();
    let (holds, what) = match operation.progress {
        Progress::Create(_) | Progress::Start(_) => (ready >= pool.spec.count as usize, "has as many Ready nodes as it says"),
        Progress::Scale(_) => (own().count() == pool.spec.count as usize, "has as many machines as it says"),
        Progress::Upgrade(_) => {
            let current = |machine: &nodelane_model::Machine| {
                let stops = machine.intent == nodelane_model::machine::Intent::Stop;
                stops || machine.running.as_ref().is_some_and(|r| r.version == pool.state.version && r.image == pool.state.image)
            };
            let stopped = pool.spec.power == nodelane_model::pool::Power::Stopped;
            // One that had nothing to roll leaves what an earlier one left to be emptied.
            let rolled = operation.progress != Progress::Upgrade(nodelane_model::operation::UpgradePhase::Surging);
            let extra = rolled && view.machines(name).any(|(_, machine)| machine.surge);
            (stopped || own().all(|(_, machine)| current(machine)) && !extra, "has the new version on every machine and no extra one")
        }
        Progress::Delete(_) => (view.machines(name).next().is_none(), "has no machine left"),
        Progress::Stop(_) => (own().all(|(name, _)| view.node(name).is_none_or(|node| !node.status.is_ready())), "has no node left"),
        Progress::Update(_) | Progress::DeleteMachines(_) | Progress::Cluster(_) => return,
    };
    findings.check(Invariant::Usable, at, holds, || {
        format!(
            "{key}: {} has succeeded and it is not so that the pool {what}; count {}, ready {ready}",
            operation.provisioning_state(),
            pool.spec.count
        )
    });
}

/// How long an operation may take.
fn budget_millis(view: &View, doc: &Doc, operation: &Operation) -> i64 {
    let of_pool = |progress: Progress| {
        let minutes = |value: Option<u32>, default: u32| i64::from(value.unwrap_or(default)) * MINUTE;
        let settings = doc.as_pool().map(|pool| pool.spec.upgrade_settings.clone()).unwrap_or_default();
        let machines = view.machines(&doc.key.name).count() as i64 + i64::from(doc.as_pool().map_or(0, |pool| pool.spec.count));
        let (drain, soak) = (minutes(settings.drain_timeout_in_minutes, 30), minutes(settings.node_soak_duration_in_minutes, 0));
        match progress {
            Progress::Create(_) | Progress::Start(_) => PROVISION,
            Progress::Scale(_) => PROVISION.max(DRAIN + CLOUD),
            Progress::Update(_) => MINUTE,
            // Surge twice (US-4), each machine in turn, the extra ones at the end; a machine that stalls is waited for once.
            Progress::Upgrade(_) => 2 * PROVISION + machines * (drain + soak + 2 * PROVISION) + drain + PROVISION,
            Progress::Stop(_) | Progress::DeleteMachines(_) | Progress::Delete(DeletePhase::Removing) => CLOUD,
            Progress::Delete(DeletePhase::Draining) => DRAIN + CLOUD,
            Progress::Cluster(_) => 0,
        }
    };
    match operation.progress {
        Progress::Cluster(ClusterPhase::Upgrading) => {
            let upgrade = Progress::Upgrade(nodelane_model::operation::UpgradePhase::Surging);
            let pools = view.list(Kind::NodePool).filter_map(|doc| doc.as_pool());
            pools.map(|pool| 3 * PROVISION + 2 * i64::from(pool.spec.count + 1) * (90 * MINUTE)).sum::<i64>() + of_pool(upgrade)
        }
        Progress::Cluster(_) => CLOUD + PROVISION + DRAIN,
        progress => of_pool(progress),
    }
}
