//! Pods that no node takes bring machines (aks-semantics 3.3).
//!
//! A look: pools are brought to their minimum; then the pods that fit neither a node nor a machine on its way are estimated on templates of
//! the pools that may grow, the expanders choose, pools alike share. It happens when something that it depends on has changed, looks being
//! at least the scan interval apart; at once where a machine failed, so that the next pool is tried without a pause.

use super::groups::{Group, Left};
use super::pending::{self, Pending};
use super::watch::{State, Watch};
use super::{Memory, Profile, apply, groups, mend, minimum, refusal, select, wake};
use crate::Env;
use crate::admit::Quotas;
use nodelane_model::{Doc, Key, Kind, Name, Revision, Time};
use nodelane_world::{Draft, Work, World};
use std::collections::BTreeMap;
use std::sync::Arc;

/// When and at what was looked last.
#[derive(Clone, Debug, Default)]
pub struct Looks {
    at: Option<Time>,
    /// Whether something has changed since.
    is_due: bool,
    inputs: Option<Inputs>,
}

impl Looks {
    /// Whether there was a look at this moment.
    pub(super) fn has_looked(&self, now: Time) -> bool {
        self.at == Some(now)
    }
}

/// What a look depends on, beside the states of machines.
#[derive(Clone, Debug)]
struct Inputs {
    work: Work,
    rules_epoch: u64,
    priorities: Option<Revision>,
    quotas: Quotas,
    used_elsewhere: BTreeMap<Name, u64>,
}

impl Inputs {
    fn of(world: &World, env: &Env) -> Inputs {
        Inputs {
            work: world.work.clone(),
            rules_epoch: world.rules_epoch,
            priorities: priorities_revision(world),
            quotas: env.quotas.clone(),
            used_elsewhere: env.used_elsewhere.clone(),
        }
    }
    fn still_hold(&self, world: &World, env: &Env) -> bool {
        self.work.pending.ptr_eq(&world.work.pending)
            && self.rules_epoch == world.rules_epoch
            && self.priorities == priorities_revision(world)
            && self.quotas == env.quotas
            && self.used_elsewhere == env.used_elsewhere
    }
}

fn priorities_revision(world: &World) -> Option<Revision> {
    world.get(&Key::new(Kind::ConfigMap, "kube-system", super::priority::CONFIG_MAP)).map(|doc| doc.revision)
}

/// One look, if it is time for one; gives back the units of work.
pub fn plan(draft: &mut Draft, env: &Env, memory: &mut Memory, profile: &Profile) -> usize {
    let is_urgent = mend::mend(draft, memory) > 0;
    let looks = &mut memory.looks;
    let same = looks.inputs.as_ref().is_some_and(|inputs| inputs.still_hold(&draft.world, env));
    looks.is_due |=
        is_urgent || memory.has_moved || !same || memory.changed.iter().any(|key| matches!(key.kind, Kind::NodePool | Kind::Cluster));
    if !looks.is_due {
        return 0;
    }
    let next = profile.next_scan(looks.at, draft.now);
    if next > draft.now && !is_urgent {
        wake(draft, next);
        return 0;
    }
    (looks.at, looks.is_due) = (Some(draft.now), false);
    let spent = look(draft, env, memory, profile);
    memory.looks.inputs = Some(Inputs::of(&draft.world, env));
    spent
}

fn look(draft: &mut Draft, env: &Env, memory: &mut Memory, profile: &Profile) -> usize {
    let now = draft.now;
    let watch = &memory.watch;
    let left = Left::of(&draft.world, env, |pool| watch.counts(pool).target());
    let groups = groups::groups(&draft.world, env, watch, profile, &left, now);
    if groups.is_empty() {
        return 0;
    }
    if let Some(at) = groups.iter().filter_map(|group| minimum::next_change(&group.pool, now)).min() {
        wake(draft, at);
    }
    let raised = raise_to_minimum(draft, memory, &groups, &left);
    if raised > 0 {
        // What came may be all that pods need: they are looked at again in the next turn, which follows at once.
        (memory.looks.at, memory.looks.is_due) = (None, true);
        return raised;
    }
    let Pending { pods, next } = pending::pending(&mut draft.world, profile, now);
    let resumes = groups.iter().filter_map(|group| super::backoff::of(&group.pool, now)).map(|backoff| backoff.until);
    let again = resumes.filter(|_| !pods.is_empty()).chain(next).min();
    if let Some(again) = again {
        wake(draft, again);
    }
    memory.needs_nodes = !pods.is_empty();
    if pods.is_empty() {
        return 0;
    }
    let question = Question { env, profile, groups: &groups, left: &left, pods: &pods };
    let selection = select::select(&draft.world, &memory.watch, &question);
    memory.needs_nodes = !selection.unplaced.is_empty() || !selection.machines.is_empty();
    let grown = apply::apply(draft, memory, &question, &selection);
    if grown == 0 {
        refusal::tell(draft, memory, &question, &selection);
    }
    grown + pods.len() / PODS_PER_UNIT
}

/// Pods that are as much work as one unit: an estimate takes them by class.
const PODS_PER_UNIT: usize = 256;

/// What a look asks.
pub struct Question<'a> {
    /// Beside the world.
    pub env: &'a Env,
    /// The cluster's profile.
    pub profile: &'a Profile,
    /// Autoscaled pools.
    pub groups: &'a [Group],
    /// What is left of what they share.
    pub left: &'a Left,
    /// Pods that wait for a node.
    pub pods: &'a [Arc<Doc>],
}

/// Pools below their minimum get machines (aks-semantics MS-3); gives how many.
fn raise_to_minimum(draft: &mut Draft, memory: &mut Memory, groups: &[Group], left: &Left) -> usize {
    let mut raised = 0;
    for group in groups.iter().filter(|group| group.skip.is_none()) {
        let missing = i64::from(group.min) - i64::from(group.counts.target());
        let vcpus = group.size.map_or(1, |size| i64::from(size.vcpu).max(1));
        let affordable = (left.family(group.size.map_or("", |size| size.quota_family)).min(left.region) / vcpus).min(left.nodes);
        let count = missing.min(affordable);
        if count > 0 {
            apply::grow(draft, memory, group, &vec![None; count as usize]);
            raised += count as usize;
        }
    }
    raised
}

/// Machines on their way: those that become room without being asked for again.
pub fn upcoming(watch: &Watch) -> impl Iterator<Item = &Key> {
    [State::Awaited, State::NotStarted].into_iter().flat_map(|state| watch.all(state).map(|(_, key)| key))
}
