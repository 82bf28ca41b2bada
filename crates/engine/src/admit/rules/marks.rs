//! The marks of pools (`crate::marks`): what they may say, and what they refuse.
//!
//! Deletion protection refuses the deletion of a pool and of its cluster, by anyone, until the mark is taken off. A pool that somebody
//! manages is changed and deleted by that manager: by requests whose user agent has the manager's name in it, or that say that they
//! override. The system's own changes are nobody's manual ones.

use super::Proposal;
use crate::disrupt::{Budgets, Disruption, FORM};
use crate::marks::{DELETION_PROTECTION, DISRUPTION_BUDGETS, MANAGED_BY, REPAIR, mark};
use crate::repair::{self, Settings};
use nodelane_model::change::Principal;
use nodelane_model::pool::PoolSpec;
use nodelane_model::refusal::PoolRefusal;
use nodelane_model::{Change, Name, NodePool, Origin};
use nodelane_world::World;

/// A word in a user agent that overrides a manager, for clients that can set nothing else.
const OVERRIDE_WORD: &str = "nodelane-override-managed-by";

/// The marks that are read can be read.
pub(super) fn readable(proposal: &Proposal) -> Result<(), PoolRefusal> {
    let tags = &proposal.spec.tags;
    let refusal = |tag: &str, part: String, form: &str| {
        Err(PoolRefusal::parameter(
            "E10",
            "agentPoolProfile.tags",
            format!("The tag '{tag}' has a part '{part}' that it may not have"),
            form,
        ))
    };
    match (Budgets::of(tags), Settings::of(tags)) {
        (Err(part), _) => refusal(DISRUPTION_BUDGETS, part, FORM),
        (_, Err(part)) => refusal(REPAIR, part, repair::FORM),
        (Ok(_), Ok(_)) => Ok(()),
    }
}

/// The pool's budget lets a roll take at least one node, or it would never end.
pub(super) fn lets_roll(proposal: &Proposal) -> Result<(), PoolRefusal> {
    let (Some(old), Ok(budgets)) = (proposal.old.filter(|_| proposal.step.rolls), Budgets::of(&proposal.spec.tags)) else {
        return Ok(());
    };
    let same_version = proposal.version.is_some_and(|version| version.to_string() == old.state.version.as_str());
    let reason = if same_version { Disruption::Drift } else { Disruption::Upgrade };
    let bounds = [(reason.word(), budgets.most(reason)), ("nodes", budgets.nodes.as_ref())];
    let count = i32::try_from(proposal.spec.count.max(1)).unwrap_or(i32::MAX);
    match bounds.iter().find(|(_, most)| most.is_some_and(|most| most.scaled_up(count) == 0)) {
        Some((part, _)) => Err(PoolRefusal::NotAllowed {
            rule: DISRUPTION_BUDGETS,
            why: format!("The disruption budget of node pool '{}' has {part}=0: no node may be taken for this.", proposal.name).into(),
            accepted: format!("the same request after the tag '{DISRUPTION_BUDGETS}' allows one node or more").into(),
        }),
        None => Ok(()),
    }
}

/// No pool of these is protected from deletion.
pub(in super::super) fn check_unprotected<'a>(pools: impl Iterator<Item = (&'a Name, &'a NodePool)>) -> Result<(), PoolRefusal> {
    let is_on = |pool: &NodePool| mark(&pool.spec.tags, DELETION_PROTECTION).is_some_and(|value| value.eq_ignore_ascii_case("true"));
    match pools.into_iter().find(|(_, pool)| is_on(pool)) {
        Some((name, _)) => Err(PoolRefusal::DeletionProtected { pool: name.clone(), tag: DELETION_PROTECTION }),
        None => Ok(()),
    }
}

/// No pool that the change is about is managed by somebody else.
pub(in super::super) fn check_manager(world: &World, change: &Change, origin: &Origin) -> Result<(), PoolRefusal> {
    if !matches!(origin.principal, Principal::User(_)) || overrides(origin) {
        return Ok(());
    }
    let foreign = |pool: &NodePool| {
        let manager = mark(&pool.spec.tags, MANAGED_BY)?;
        (!origin.user_agent.to_lowercase().contains(&manager.to_lowercase())).then(|| Name::from(manager))
    };
    let of = |name: &Name| world.pool(name).and_then(|(_, pool)| Some((name.clone(), foreign(pool)?)));
    let found = match change {
        Change::PutPool { name, .. } | Change::UpgradePoolImage { name } | Change::DeletePool { name, .. } => of(name),
        Change::AbortPool { name } | Change::DeleteMachines { name, .. } => of(name),
        Change::PutCluster { pools, .. } => pools
            .iter()
            .filter(|(name, spec)| world.pool(name).is_some_and(|(_, pool)| differs(&pool.spec, spec)))
            .find_map(|(name, _)| of(name)),
        Change::DeleteCluster => world.pools().find_map(|(doc, _)| of(&doc.key.name)),
        Change::StopCluster | Change::StartCluster | Change::PutMaintenance { .. } => None,
        Change::Create(_) | Change::Replace { .. } | Change::Delete { .. } | Change::Bind { .. } | Change::Evict { .. } => None,
    };
    found.map_or(Ok(()), |(pool, manager)| Err(PoolRefusal::ManagedByAnother { pool, manager, tag: MANAGED_BY }))
}

/// A cluster's request repeats its pools; the count of an autoscaled one is not the request's.
fn differs(stored: &PoolSpec, asked: &PoolSpec) -> bool {
    let count = if stored.enable_auto_scaling && asked.enable_auto_scaling { stored.count } else { asked.count };
    *stored != PoolSpec { count, ..asked.clone() }
}

fn overrides(origin: &Origin) -> bool {
    origin.overrides_manager || origin.user_agent.to_lowercase().contains(OVERRIDE_WORD)
}
