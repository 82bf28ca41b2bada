//! I7: machines as the cloud has them. None is made twice for one intent, no name is used twice, none goes that nobody asked to go.
//!
//! What exists is counted from what was said to the cloud and what it answered, not from documents.

use super::{Findings, Invariant, Users, View, is};
use crate::Talk;
use nodelane_control::Event;
use nodelane_model::machine::{Intent, MachinePhase};
use nodelane_model::operation::{ClusterPhase, Progress};
use nodelane_model::{Happening, Kind, Machine, Name, Time, Uid};
use nodelane_provider::{Observation, Verb};
use std::collections::{BTreeMap, BTreeSet};

/// The cloud's machines.
#[derive(Default)]
pub(super) struct Instances {
    /// Machines that exist.
    exist: BTreeSet<Name>,
    /// Names that were ever used, with the document that used them.
    used: BTreeMap<Name, Uid>,
    /// Calls that published documents have asked for, as machine, verb and since when.
    asked: BTreeSet<(Name, Verb, Time)>,
}

fn machine(doc: Option<&std::sync::Arc<nodelane_model::Doc>>) -> Option<&Machine> {
    doc?.as_machine()
}

impl Instances {
    pub(super) fn prime(&mut self, view: &View) {
        for doc in view.list(Kind::Machine) {
            self.used.insert(doc.key.name.clone(), doc.meta.uid);
            if machine(Some(doc)).is_some_and(|machine| machine.running.is_some()) {
                self.exist.insert(doc.key.name.clone());
            }
            self.ask(doc);
        }
    }
    fn ask(&mut self, doc: &nodelane_model::Doc) {
        if let Some(call) = nodelane_provider::call_for(doc) {
            self.asked.insert((call.machine, call.verb, call.since));
        }
    }
    /// Names of the machines that exist.
    pub(super) fn exist(&self) -> &BTreeSet<Name> {
        &self.exist
    }

    pub(super) fn before(&mut self, findings: &mut Findings, view: &View, users: &Users, at: Time, event: &Event) {
        if !is(event, Kind::Machine) {
            return;
        }
        if let Some(new) = &event.new {
            let name = &new.key.name;
            let first = self.used.insert(name.clone(), new.meta.uid).is_none_or(|uid| uid == new.meta.uid);
            findings.check(Invariant::Instance, at, first, || format!("the name {name} is used a second time"));
            self.ask(new);
        }
        let stays = |machine: &Machine| machine.intent != Intent::Gone;
        let (old, new) = (machine(event.old.as_ref()), machine(event.new.as_ref()));
        if let Some(old) = old.filter(|old| stays(old) && !new.is_some_and(stays)) {
            let name = event.key().map(|key| key.name.clone()).unwrap_or_default();
            let asked = may_go(view, users, &name, old) || new.is_some_and(|new| new.surge);
            findings.check(Invariant::Instance, at, asked, || format!("machine {name} of pool {} goes, and nobody asked", old.pool));
        }
    }

    pub(super) fn said(&mut self, findings: &mut Findings, view: &View, at: Time, said: &Talk) {
        match said {
            Talk::Call(call) => {
                let known = self.asked.contains(&(call.machine.clone(), call.verb, call.since));
                findings.check(Invariant::Instance, at, known, || {
                    format!("{:?} of {} was called before it was published", call.verb, call.machine)
                });
                let twice = call.verb == Verb::Create && self.exist.contains(&call.machine) && !may_repeat(view, &call.machine);
                findings.check(Invariant::Instance, at, !twice, || format!("machine {} exists and is made again", call.machine));
            }
            Talk::Completion(completion) if completion.result.is_ok() => match completion.call.verb {
                Verb::Create => drop(self.exist.insert(completion.call.machine.clone())),
                Verb::Delete => drop(self.exist.remove(&completion.call.machine)),
                Verb::Reimage | Verb::Deallocate | Verb::Start | Verb::Reboot | Verb::Redeploy => {}
            },
            Talk::Observation(Observation::Evicted { machine }) => {
                let keeps =
                    view.machine(machine).and_then(|m| view.pool(&m.pool)).is_some_and(|pool| pool.spec.eviction_policy == "Deallocate");
                if !keeps {
                    self.exist.remove(machine);
                }
            }
            Talk::Observation(Observation::Happened { machine, happening: Happening::Terminate }) => drop(self.exist.remove(machine)),
            Talk::Completion(_) => {}
            Talk::Observation(Observation::Preempt { .. } | Observation::Scheduled { .. } | Observation::Happened { .. }) => {}
        }
    }
}

/// Whether a machine's making is still awaited: after a crash the same call is made again, which is the same call.
fn may_repeat(view: &View, name: &str) -> bool {
    view.machine(name).is_some_and(|machine| machine.phase == MachinePhase::Requested)
}

/// Whether a machine may be let go.
fn may_go(view: &View, users: &Users, name: &str, old: &Machine) -> bool {
    let Some(pool) = view.pool(&old.pool) else { return true };
    let own = view.machines(&old.pool).filter(|(_, machine)| !machine.surge && machine.intent != Intent::Gone).count();
    let cluster_goes = view.cluster_operation().is_none_or(|operation| operation.progress == Progress::Cluster(ClusterPhase::Deleting));
    let asked = match pool.state.operation.as_ref().map(|operation| operation.progress) {
        Some(Progress::Delete(_)) => true,
        // A stop takes what a scale-in was to take and could not empty.
        Some(Progress::Scale(_) | Progress::Stop(_)) => own > pool.spec.count as usize,
        Some(Progress::DeleteMachines(_)) => users.named.contains(name),
        // The autoscaler takes machines of a pool without an operation (its bounds are I10).
        None => pool.spec.enable_auto_scaling && own > pool.spec.min_count.unwrap_or(0) as usize,
        Some(_) => false,
    };
    let taken_back = old.preempted.is_some() || old.scheduled.is_some();
    asked || old.surge || old.phase == MachinePhase::Failed || taken_back || cluster_goes && view.cluster().is_none()
}
