//! Named machines go, without a cordon and without a drain; the count falls with them (aks-semantics MS-6).
//!
//! On a system pool the budgets of the system's own pods are respected (aks-semantics SP-6).

use super::pool::{Brought, Met, check_cluster, living, refused, repeat, verdict};
use super::{Ask, pool_key, rules};
use crate::disrupt;
use nodelane_model::change::Accepted;
use nodelane_model::operation::{DeleteMachinesPhase, Progress};
use nodelane_model::pool::{Mode, Power};
use nodelane_model::refusal::PoolRefusal;
use nodelane_model::{Key, Kind, Name, NodePool, Refusal};
use nodelane_world::World;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// Named machines of a pool are to go.
pub(super) fn delete(ask: &mut Ask, name: &Name, machines: &[Name]) -> Result<Accepted, Refusal> {
    if let Some(answer) = repeat(ask, name) {
        return Ok(answer);
    }
    check_cluster(&ask.draft.world)?;
    let verdict = verdict(Met::of(&ask.draft.world, name), Brought::Machines);
    if let Some(refusal) = refused(ask, name, verdict, "Deleting machines") {
        return Err(refusal);
    }
    let victims: BTreeSet<Name> = machines.iter().cloned().collect();
    let Some(old) = ask.draft.world.pool(name).map(|(_, pool)| pool.clone()) else {
        return Ok(ask.unchanged(None));
    };
    let left = check(ask, name, &old, &victims)?;
    let mut operation = ask.operation(0, Progress::DeleteMachines(DeleteMachinesPhase::Removing));
    operation.victims = victims.into_iter().collect();
    let id = operation.id;
    let doc = ask.draft.update(&pool_key(name), |doc| {
        if let Some(pool) = doc.as_pool_mut() {
            pool.spec.count = left;
            pool.state.etag += 1;
            pool.state.operation = Some(operation);
        }
    });
    Ok(ask.polled(doc, false, id))
}

/// Whether these machines may go; gives how many are left.
fn check(ask: &Ask, name: &Name, old: &NodePool, victims: &BTreeSet<Name>) -> Result<u32, PoolRefusal> {
    let world = &ask.draft.world;
    let parameter = |why: String| PoolRefusal::parameter("MS-6", "machineNames", why, "names of machines of the pool, one at least");
    if victims.is_empty() {
        return Err(parameter("No machine is named".into()));
    }
    if old.spec.power == Power::Stopped {
        let (why, accepted) = ("Machines of a stopped pool cannot be deleted.".into(), "the pool is started first".into());
        return Err(PoolRefusal::NotAllowed { rule: "ST-1", why, accepted });
    }
    let belongs = |machine: &&Name| {
        let doc = world.get(&Key::global(Kind::Machine, (*machine).clone()));
        doc.and_then(|doc| doc.as_machine()).is_some_and(|machine| machine.pool == *name && machine.is_wanted())
    };
    if let Some(stranger) = victims.iter().find(|machine| !belongs(machine)) {
        return Err(parameter(format!("Machine '{stranger}' is not in agent pool '{name}'")));
    }
    // What lives counts, not what was asked for: a scale that failed has left more machines, or fewer, than the count says.
    // An extra one that a roll left is no part of it.
    let is_extra = |victim: &&Name| world.machines_of(name).any(|(doc, machine)| doc.key.name == **victim && machine.surge);
    let left = living(world, name).saturating_sub(victims.iter().filter(|victim| !is_extra(victim)).count() as u32);
    if old.spec.mode == Mode::System {
        if left == 0 {
            return Err(PoolRefusal::CountOutOfRange { count: 0, min: 1, max: rules::count::MOST });
        }
        check_system_budgets(world, victims)?;
        if !disrupt::leaves_system(world, victims) {
            let why = "No other node of the system node pools is Ready: the cluster's own services would have none.";
            let accepted = "fewer machines, or the same once another system node is Ready";
            return Err(PoolRefusal::NotAllowed { rule: "SP-1", why: why.into(), accepted: accepted.into() });
        }
    }
    Ok(left)
}

/// Whether the budgets of kube-system have slack for all of its pods on these machines.
fn check_system_budgets(world: &World, victims: &BTreeSet<Name>) -> Result<(), PoolRefusal> {
    let mut leaving: BTreeMap<Key, i32> = BTreeMap::new();
    for pod in victims.iter().flat_map(|machine| world.pods_on(machine)).filter(|pod| pod.key.namespace == "kube-system") {
        for budget in world.budgets_of(pod) {
            *leaving.entry(budget.key.clone()).or_default() += 1;
        }
    }
    for (key, leaving) in leaving {
        let Some(doc) = world.get(&key) else { continue };
        let allowed = nodelane_workload::budget_status(world, doc).disruptions_allowed;
        if leaving > allowed {
            let why = format!("{leaving} pods of disruption budget '{}' are on these machines, and it allows {allowed} to go.", key.name);
            return Err(PoolRefusal::NotAllowed { rule: "SP-6", why: why.into(), accepted: "fewer machines at a time".into() });
        }
    }
    Ok(())
}
