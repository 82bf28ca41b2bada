//! What was decided, read from what everyone can see: machines' intents, Kubernetes Events, and what planners declined.
//!
//! A decision is told once: what a planner says again at every turn is the same decision. Events of single pods that go their way
//! (scheduled, started, made by their owner) are no decisions about pools and are left out; events of pods that cannot are told once
//! for their workload.

use super::DecisionRow;
use nodelane_model::machine::{CordonOwner, Intent, MachinePhase};
use nodelane_model::pool::NodePool;
use nodelane_model::report::{Planner, Reason, Report};
use nodelane_model::{Doc, Machine, Name, Time};
use std::collections::BTreeSet;

/// Decisions of all clusters.
#[derive(Default)]
pub(super) struct Decisions {
    pub(super) rows: Vec<DecisionRow>,
    told: BTreeSet<(Name, Name, Name, Name)>,
}

impl Decisions {
    pub(super) fn add(&mut self, at: Time, planner: &str, subject: String, action: &str, reason: impl Into<Name>) {
        let (planner, subject, action, reason) = (planner.into(), subject.into(), action.into(), reason.into());
        self.rows.push(DecisionRow { at, planner, subject, action, reason });
    }
    fn add_once(&mut self, at: Time, planner: &str, subject: String, action: &str, reason: &Name) {
        let told = (Name::from(planner), Name::from(subject.as_str()), Name::from(action), reason.clone());
        if self.told.insert(told) {
            self.add(at, planner, subject, action, reason.clone());
        }
    }

    /// A machine as it was and as it is.
    pub(super) fn machine(&mut self, at: Time, cluster: &str, old: Option<&Doc>, new: Option<&Doc>, pool: Option<&NodePool>) {
        let Some((doc, machine)) = new.and_then(|doc| Some((doc, doc.as_machine()?))) else { return };
        let before = old.and_then(|old| old.as_machine());
        let (planner, reason) = who(machine, pool);
        let subject = || format!("{cluster}/{}/{}", machine.pool, doc.key.name);
        let intent = before.map(|before| before.intent);
        let action = match (intent, machine.intent) {
            (None, Intent::Run) if machine.surge => Some("surge"),
            (None, Intent::Run) => Some("add"),
            (was, Intent::Gone) if was != Some(Intent::Gone) && machine.running.is_some() => Some("remove"),
            (was, Intent::Gone) if was != Some(Intent::Gone) => Some("withdraw"),
            (Some(Intent::Run), Intent::Stop) => Some("deallocate"),
            (Some(Intent::Stop), Intent::Run) => Some("start"),
            _ => None,
        };
        if let Some(action) = action {
            self.add(at, planner, subject(), action, reason.as_str());
        }
        if before.is_none_or(|before| before.phase != machine.phase) {
            match machine.phase {
                MachinePhase::Reimaging => {
                    self.add(at, planner, subject(), "reimage", format!("{} on {}", machine.model.image, machine.model.version));
                }
                MachinePhase::Rebooting => self.add(at, planner, subject(), "reboot", reason.as_str()),
                MachinePhase::Redeploying => self.add(at, planner, subject(), "redeploy", reason.as_str()),
                _ => {}
            }
        }
        if let Some(blocked) = machine.drain.as_ref().and_then(|drain| drain.blocked.as_ref()) {
            let reason = Name::from(format!("budget {} keeps pod {}", blocked.budget, blocked.pod));
            self.add_once(at, planner, subject(), "wait", &reason);
        }
        if let Some(failure) = &machine.failure {
            let reason = Name::from(format!("{}: {}", failure.code, failure.message));
            self.add_once(at, "cloud", subject(), "fail", &reason);
        }
    }

    /// A Kubernetes Event that is new; `workload` is the one of the pod that it is about.
    pub(super) fn event(&mut self, at: Time, cluster: &str, doc: &Doc, workload: Option<Name>) {
        let Some(event) = doc.as_event() else { return };
        let component = event.source.component.as_str();
        if is_everyday(component, &event.reason) {
            return;
        }
        let about = &event.involved_object;
        let name = workload.as_ref().unwrap_or(&about.name);
        let space = if about.namespace.is_empty() { about.kind.to_lowercase() } else { about.namespace.to_string() };
        let reason = if workload.is_some() { said_of_any(&event.message) } else { event.message.clone() };
        self.add_once(at, planner_of(component), format!("{cluster}/{space}/{name}"), &event.reason, &reason);
    }

    /// What a planner declined.
    pub(super) fn report(&mut self, at: Time, cluster: &str, report: &Report, workload: Option<Name>) {
        let (action, reason) = match &report.declined {
            Reason::Unschedulable { .. } => return, // Told by the pod's event.
            Reason::BudgetBlocks { budget } => ("decline", format!("budget {}/{} has no slack", budget.namespace, budget.name)),
            Reason::TwoBudgets => ("decline", "more than one budget covers the pod".to_owned()),
            Reason::Provider { code } => ("decline", format!("the cloud answers {code}")),
            Reason::Held { why } => ("decline", why.to_string()),
            Reason::Lint { rule } => ("drop", (*rule).to_owned()),
        };
        let key = &report.subject;
        let space = if key.namespace.is_empty() { key.kind.as_str().to_lowercase() } else { key.namespace.to_string() };
        let subject = format!("{cluster}/{space}/{}", workload.as_ref().unwrap_or(&key.name));
        self.add_once(at, planner_name(report.planner), subject, action, &reason.into());
    }
}

/// Who wants something of a machine, and for which reason, as far as the documents show it.
fn who(machine: &Machine, pool: Option<&NodePool>) -> (&'static str, String) {
    let name = &machine.pool;
    let operation = pool.and_then(|pool| pool.state.operation.as_ref()).map(|operation| super::watcher::kind_of(operation.progress));
    match operation {
        _ if machine.preempted.is_some() => ("cloud", "a spot machine is taken back".to_owned()),
        _ if machine.is_being_repaired() => ("repair", "its node is not Ready".to_owned()),
        _ if machine.cordoned_by.contains(&CordonOwner::ScaleDown) => ("autoscale", "there is no need of it".to_owned()),
        Some("upgrade") => ("upgrade", format!("upgrade of {name}")),
        Some(kind) => ("operation", format!("{kind} of {name}")),
        None if pool.is_some_and(|pool| pool.spec.enable_auto_scaling) => ("autoscale", format!("{name} is autoscaled")),
        None => ("converge", format!("{name} is to be as it says")),
    }
}

/// Events that say that something went its way.
fn is_everyday(component: &str, reason: &str) -> bool {
    const CONTROLLERS: [&str; 9] = [
        "kubelet",
        "deployment-controller",
        "replicaset-controller",
        "statefulset-controller",
        "daemonset-controller",
        "job-controller",
        "cronjob-controller",
        "controllermanager",
        "persistentvolume-controller",
    ];
    CONTROLLERS.contains(&component) || matches!(reason, "Scheduled" | "NodeReady" | "NodeNotReady" | "RegisteredNode" | "RemovingNode")
}

/// A sentence about a pod as one about any pod of its workload: counts of nodes change all the time.
fn said_of_any(message: &Name) -> Name {
    let short = message.split_once(" nodes are available: ").map_or(message.as_str(), |(_, rest)| rest);
    let plain: String = short.chars().filter(|c| !c.is_ascii_digit()).collect();
    plain.split(" preemption: ").next().unwrap_or_default().trim().into()
}

fn planner_of(component: &str) -> &str {
    match component {
        "default-scheduler" => "place",
        "cluster-autoscaler" => "autoscale",
        "upgrader" => "upgrade",
        "aks-auto-repair" => "repair",
        other => other,
    }
}

/// As decisions spell it.
pub(super) fn planner_name(planner: Planner) -> &'static str {
    match planner {
        Planner::Operation => "operation",
        Planner::Repair => "repair",
        Planner::Upgrade => "upgrade",
        Planner::Workload => "workload",
        Planner::Place => "place",
        Planner::Autoscale => "autoscale",
        Planner::Converge => "converge",
    }
}
