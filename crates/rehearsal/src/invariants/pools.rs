//! I3 and I4: how many nodes of a pool take pods while it is rolled, how many machines it may have, and that a system pool remains.
//!
//! A node is *taken* when a roll cordons or removes it. The bound is judged in the write that takes one, never when a node breaks by itself
//! or a user cordons it: those are left out of the count, as the spec leaves out the faults of nodes.

use super::{Findings, Invariant, Users, View, view};
use nodelane_control::Event;
use nodelane_model::budget::IntOrPercent;
use nodelane_model::machine::{CordonOwner, Intent, MachinePhase};
use nodelane_model::operation::{ClusterPhase, Progress};
use nodelane_model::pool::{Mode, Priority};
use nodelane_model::{Kind, Machine, Name, NodePool, Operation, Time};
use std::collections::BTreeSet;

/// Most nodes that a pool ever has (aks-semantics L-1).
const MOST: usize = 1000;
/// Default surge in hundredths from this minor version on; before it is 1 (aks-semantics section 9 item 4).
const PERCENT_SURGE_MINOR: u32 = 32;

/// What rolls have taken.
#[derive(Default)]
pub(super) struct Pools {
    taken: BTreeSet<Name>,
    /// Nodes under way that a user has uncordoned: to cordon them again takes nothing.
    handed_back: BTreeSet<Name>,
}

/// What a roll of a pool may add and miss (aks-semantics US-1 to US-3, UR-1, UR-3).
fn bounds(pool: &NodePool, count: usize) -> (usize, usize) {
    let share = |value: &IntOrPercent| match *value {
        IntOrPercent::Int(count) => count.max(0) as usize,
        IntOrPercent::Percent(percent) => (percent.max(0) as usize * count).div_ceil(100),
    };
    let settings = &pool.spec.upgrade_settings;
    let missing = settings.max_unavailable.as_ref().map_or(0, share);
    let minor: u32 = pool.state.version.split('.').nth(1).and_then(|minor| minor.parse().ok()).unwrap_or(0);
    let default = if minor >= PERCENT_SURGE_MINOR { IntOrPercent::Percent(10) } else { IntOrPercent::Int(1) };
    let extra = match &settings.max_surge {
        _ if pool.spec.priority == Priority::Spot => 0,
        Some(surge) => share(surge),
        None if missing > 0 => 0,
        None => share(&default),
    };
    (extra, if extra == 0 { missing.max(1) } else { missing })
}

fn is_own(machine: &Machine) -> bool {
    !machine.surge && machine.intent != Intent::Gone
}

impl Pools {
    /// Judges a write by what is there after it.
    pub(super) fn after(&mut self, findings: &mut Findings, view: &View, users: &Users, at: Time, event: &Event) {
        match event.key().map(|key| key.kind) {
            Some(Kind::Node) => self.node(findings, view, users, at, event),
            Some(Kind::Machine) if event.old.is_none() => grown(findings, view, at, event),
            Some(Kind::NodePool) => {
                let Some(key) = event.key() else { return };
                if !view.runs(&key.name, |progress| matches!(progress, Progress::Upgrade(_))) {
                    self.taken.retain(|node| view.machine(node).is_some_and(|machine| machine.pool != key.name));
                }
                system_pool_remains(findings, view, at);
            }
            _ => {}
        }
    }

    fn node(&mut self, findings: &mut Findings, view: &View, users: &Users, at: Time, event: &Event) {
        let Some(name) = event.key().map(|key| key.name.clone()) else { return };
        let takes =
            |doc: &Option<std::sync::Arc<nodelane_model::Doc>>| doc.as_ref().and_then(|doc| doc.as_node()).is_some_and(view::takes_pods);
        match (takes(&event.old), takes(&event.new)) {
            (false, true) => {
                self.taken.remove(&name);
                if users.uncordons.contains(&name) && view.machine(&name).is_some_and(|machine| machine.drain.is_some()) {
                    self.handed_back.insert(name);
                }
            }
            (true, false) => self.lost(findings, view, at, event, name),
            _ => {}
        }
    }

    /// A node takes no pods any more. Whose doing is it?
    fn lost(&mut self, findings: &mut Findings, view: &View, at: Time, event: &Event, name: Name) {
        let Some(machine) = view.machine(&name) else { return };
        let Some(pool) = view.pool(&machine.pool) else { return };
        let cordoned = event.new.as_ref().and_then(|doc| doc.as_node()).is_some_and(|node| node.spec.unschedulable);
        let by_operation = cordoned && machine.cordoned_by.contains(&CordonOwner::Operation) || event.new.is_none();
        if !by_operation || machine.preempted.is_some() || machine.scheduled.is_some() || self.handed_back.remove(&name) {
            return;
        }
        let rolls = pool
            .state
            .operation
            .as_ref()
            .is_some_and(|operation| matches!(operation.progress, Progress::Upgrade(_)) && !operation.abort_requested);
        if rolls {
            self.judge_roll(findings, view, at, &machine.pool, pool, &name);
            if !machine.surge {
                self.taken.insert(name.clone());
            }
        }
        let operation = pool.state.operation.as_ref().map(|operation| operation.progress);
        let shrinks = rolls || matches!(operation, Some(Progress::Scale(_)));
        if pool.spec.mode == Mode::System && shrinks && !cluster_goes(view) {
            let left = system_nodes(view);
            findings.check(Invariant::System, at, left > 0, || format!("no node of a system pool takes pods after {name} was taken"));
        }
    }

    fn judge_roll(&self, findings: &mut Findings, view: &View, at: Time, name: &Name, pool: &NodePool, node: &str) {
        let (mut ready, mut own, mut out) = (0, 0, 0);
        for (name, machine) in view.machines(name).filter(|(_, machine)| machine.intent != Intent::Gone) {
            let takes = view.takes_pods(name);
            ready += usize::from(takes);
            if is_own(machine) {
                own += 1;
                let lost = |c: &nodelane_model::pod::Condition| c.kind == "Ready" && c.status == "Unknown";
                let silent = view.node(name).is_some_and(|node| node.status.conditions.iter().any(lost));
                let by_itself = !self.taken.contains(name) && name != node
                    || silent
                    // The roll has given up waiting for it.
                    || machine.roll.is_none() && name != node
                    || machine.cordoned_by.iter().any(|owner| *owner != CordonOwner::Operation)
                    || machine.phase == MachinePhase::Failed;
                out += usize::from(!takes && by_itself);
            }
        }
        let (_, missing) = bounds(pool, own);
        findings.check(Invariant::Roll, at, ready + out + missing >= own, || {
            format!("pool {name}: {ready} of {own} nodes take pods after {node} was taken, {out} are out by themselves, {missing} may be missing")
        });
    }
}

/// A machine came: the pool may have it.
fn grown(findings: &mut Findings, view: &View, at: Time, event: &Event) {
    let Some(machine) = event.new.as_ref().and_then(|doc| doc.as_machine()) else { return };
    let Some(pool) = view.pool(&machine.pool) else {
        return findings.check(Invariant::Roll, at, false, || format!("a machine came to pool {}, which is not there", machine.pool));
    };
    let all = || view.machines(&machine.pool).map(|(_, machine)| machine).filter(|machine| machine.intent != Intent::Gone);
    let (own, extra) = (all().filter(|machine| !machine.surge).count(), all().filter(|machine| machine.surge).count());
    let rolls = view.runs(&machine.pool, |progress| matches!(progress, Progress::Upgrade(_)));
    let count = pool.spec.count as usize;
    let most = match (pool.spec.enable_auto_scaling, &pool.state.operation) {
        // An update owns no machines: the autoscaler works on beside it.
        (true, None | Some(Operation { progress: Progress::Update(_), .. })) => pool.spec.max_count.unwrap_or(0) as usize,
        _ => count,
    };
    let surge = if rolls { bounds(pool, count).0 } else { 0 };
    let fits = if machine.surge { extra <= surge } else { own <= most };
    findings.check(Invariant::Roll, at, fits && own + extra <= MOST, || {
        format!("pool {} has {own} machines and {extra} extra ones, and may have {most} and {surge}", machine.pool)
    });
}

/// Whether the cluster stops or goes, or is not there yet.
fn cluster_goes(view: &View) -> bool {
    let Some(cluster) = view.cluster() else { return true };
    let ends = |progress| matches!(progress, Progress::Cluster(ClusterPhase::Stopping | ClusterPhase::Deleting | ClusterPhase::Creating));
    cluster.state.operation.as_ref().is_some_and(|operation| ends(operation.progress))
}

/// Nodes of system pools that take pods, or would if their users let them.
fn system_nodes(view: &View) -> usize {
    let by_user = |name: &str, machine: &Machine| {
        let ready = view.node(name).is_some_and(|node| node.status.is_ready());
        ready && machine.cordoned_by.iter().any(|owner| *owner != CordonOwner::Operation)
    };
    let system = view.pools().filter(|(_, pool)| pool.spec.mode == Mode::System);
    let there = |pool| view.machines(pool).filter(|(name, machine)| view.takes_pods(name) || by_user(name, machine)).count();
    system.map(|(name, _)| there(name)).sum()
}

fn system_pool_remains(findings: &mut Findings, view: &View, at: Time) {
    if !cluster_goes(view) {
        let remains = view.pools().any(|(_, pool)| pool.spec.mode == Mode::System && pool.state.deletion_started.is_none());
        findings.check(Invariant::System, at, remains, || "no system pool remains".to_owned());
    }
}
