//! Which disruption budgets hold a change up, for how long, and whose they are.
//!
//! A hold begins when a drain says which budget refused it and ends when the machine says otherwise; holds of several machines by one
//! budget are told together. [`tight`] is the answer without a run: budgets over the pool's pods that allow no eviction now.

use crate::progress::Owner;
use nodelane_model::{Doc, Kind, Name, Time};
use nodelane_world::World;
use serde::Serialize;
use std::collections::BTreeMap;

/// A budget in the way.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BudgetView {
    /// The budget, as namespace/name.
    pub budget: Name,
    /// A pod that it holds, as namespace/name.
    pub pod: Name,
    /// Whom to ask.
    pub owner: Option<Owner>,
    /// Evictions that it allows now; null once a run has been watched.
    pub allowed: Option<i32>,
    /// Machines that it held up.
    pub machines: usize,
    /// Minutes that it held a machine up, at the longest.
    pub minutes: f64,
    /// Whether it still holds one in the end.
    pub holds: bool,
}

/// Budgets over pods of a pool that allow no eviction now, in order of name.
pub fn tight(world: &World, pool: &str) -> Vec<BudgetView> {
    let on_pool: Vec<_> = world.machines_of(&pool.into()).flat_map(|(doc, _)| world.pods_on(&doc.key.name)).collect();
    let view = |doc: &std::sync::Arc<Doc>| {
        let selector = doc.as_budget()?.spec.selector.as_ref()?;
        let namespace = &doc.key.namespace;
        let pod = on_pool.iter().find(|pod| pod.key.namespace == *namespace && selector.matches(&pod.meta.labels))?;
        let allowed = nodelane_workload::budget_status(world, doc).disruptions_allowed;
        let (budget, pod): (Name, Name) = (format!("{namespace}/{}", doc.key.name).into(), format!("{namespace}/{}", pod.key.name).into());
        let owner = crate::progress::owner(world, &pod, &doc.key.name);
        (allowed <= 0).then_some(BudgetView { budget, pod, owner, allowed: Some(allowed), machines: 0, minutes: 0.0, holds: true })
    };
    world.list(Kind::PodDisruptionBudget, None).filter_map(view).collect()
}

/// A budget's holds.
struct Hold {
    view: BudgetView,
    longest_millis: i64,
    machines: std::collections::BTreeSet<Name>,
}

#[derive(Default)]
pub(super) struct Holds {
    open: BTreeMap<Name, (Name, Time)>,
    seen: BTreeMap<Name, Hold>,
}

impl Holds {
    pub(super) fn machine(&mut self, at: Time, doc: Option<&Doc>, exists: bool, world: &World) {
        let Some((doc, machine)) = doc.and_then(|doc| Some((doc, doc.as_machine()?))) else { return };
        let blocked = machine.drain.as_ref().filter(|_| exists).and_then(|drain| drain.blocked.as_ref());
        let named = blocked.map(|blocked| {
            let namespace = blocked.pod.split('/').next().unwrap_or_default();
            (Name::from(format!("{namespace}/{}", blocked.budget)), blocked)
        });
        if let Some((budget, since)) = self.open.get(&doc.key.name).cloned()
            && named.as_ref().is_none_or(|(now, _)| *now != budget)
        {
            self.open.remove(&doc.key.name);
            self.lasted(&budget, at.since(since));
        }
        if let Some((budget, blocked)) = named
            && !self.open.contains_key(&doc.key.name)
        {
            self.open.insert(doc.key.name.clone(), (budget.clone(), blocked.since));
            let view = || {
                let owner = crate::progress::owner(world, &blocked.pod, &blocked.budget);
                let (budget, pod) = (budget.clone(), blocked.pod.clone());
                let view = BudgetView { budget, pod, owner, allowed: None, machines: 0, minutes: 0.0, holds: false };
                Hold { view, longest_millis: 0, machines: Default::default() }
            };
            self.seen.entry(budget.clone()).or_insert_with(view).machines.insert(doc.key.name.clone());
        }
    }
    fn lasted(&mut self, budget: &Name, millis: i64) {
        if let Some(hold) = self.seen.get_mut(budget) {
            hold.longest_millis = hold.longest_millis.max(millis);
        }
    }
    pub(super) fn finish(mut self, at: Time) -> Vec<BudgetView> {
        for (budget, since) in std::mem::take(&mut self.open).into_values() {
            self.lasted(&budget, at.since(since));
            if let Some(hold) = self.seen.get_mut(&budget) {
                hold.view.holds = true;
            }
        }
        let mut holds: Vec<Hold> = self.seen.into_values().collect();
        holds.sort_by_key(|hold| std::cmp::Reverse(hold.longest_millis));
        let view = |hold: Hold| BudgetView {
            machines: hold.machines.len(),
            minutes: (hold.longest_millis as f64 / 6_000.0).round() / 10.0,
            ..hold.view
        };
        holds.into_iter().take(super::SHOWN).map(view).collect()
    }
}
