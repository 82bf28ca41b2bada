//! Which kubelets are silent, and since when: a fault silences them, or their machine is deallocated or boots again.
//!
//! A function of documents and a time, asked by whoever computes what a kubelet would have written: leases, heartbeats, conditions. A
//! fault with a count silences that many of the nodes it concerns, those of the lowest lot, for as long as it lasts. A fault may say
//! which rung of auto-repair heals what it does: a machine renewed that deeply since is well.

use crate::World;
use nodelane_model::machine::MachinePhase;
use nodelane_model::{Doc, Fault, FaultKind, Key, Kind, Machine, Name, Time};
use std::collections::BTreeSet;

/// The silence at one time.
pub struct Silence {
    faults: Vec<(Fault, Option<BTreeSet<Name>>)>,
}

impl Silence {
    /// Who is silent in a world at a time.
    pub fn of(world: &World, now: Time) -> Silence {
        let silences = |fault: &Fault| match fault.kind {
            FaultKind::NotReady => true,
            FaultKind::ZoneOut => !fault.zone.is_empty(),
            _ => false,
        };
        let faults = world.list(Kind::Fault, None).filter_map(|doc| Fault::read(doc)).filter(|fault| fault.is_active(now));
        let chosen = |fault: Fault| {
            let few = fault.left.map(|left| few(world, &fault, usize::try_from(left).unwrap_or(usize::MAX)));
            (fault, few)
        };
        Silence { faults: faults.filter(silences).map(chosen).collect() }
    }
    /// Whether no fault silences anyone.
    pub fn is_by_no_fault(&self) -> bool {
        self.faults.is_empty()
    }
    /// Since when the kubelet of a node is silent; `None` where it speaks.
    pub fn since(&self, world: &World, node: &Doc) -> Option<Time> {
        let name = &node.key.name;
        let doc = world.get(&Key::global(Kind::Machine, name.clone()))?;
        let (machine, made) = (doc.as_machine()?, doc.meta.created);
        if matches!(machine.phase, MachinePhase::Stopped | MachinePhase::Rebooting | MachinePhase::Redeploying) {
            return Some(machine.phase_since);
        }
        let is_healed = |fault: &Fault| {
            fault.heals_by.is_some_and(|rung| machine.renewed.by(rung).map_or(made, |renewed| renewed.max(made)) > fault.since)
        };
        let hit = |(fault, few): &&(Fault, Option<BTreeSet<Name>>)| {
            hits(fault, name, machine) && few.as_ref().is_none_or(|few| few.contains(name)) && !is_healed(fault)
        };
        let since = self.faults.iter().filter(hit).map(|(fault, _)| fault.since).min()?;
        Some(since.max(node.meta.created))
    }
}

fn hits(fault: &Fault, name: &str, machine: &Machine) -> bool {
    fault.concerns(name, &machine.pool, &machine.zone) && fault.draws(name, 0)
}

fn few(world: &World, fault: &Fault, count: usize) -> BTreeSet<Name> {
    let machine = |name: &Name| world.get(&Key::global(Kind::Machine, name.clone())).and_then(|doc| doc.as_machine());
    let nodes = world.list(Kind::Node, None).map(|doc| &doc.key.name);
    let mut lots: Vec<(u64, &Name)> = nodes
        .filter(|name| machine(name).is_some_and(|machine| hits(fault, name, machine)))
        .map(|name| (fault.lot(name, 0), name))
        .collect();
    lots.sort_unstable();
    lots.into_iter().take(count).map(|(_, name)| name.clone()).collect()
}
