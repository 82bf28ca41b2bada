//! Disruption budgets: how many pods are expected, how many must be healthy, how many may go now.
//!
//! As the upstream disruption controller computes it, from the world's live counts: with `maxUnavailable` or a percentage the scales
//! of the pods' controllers are expected, with a plain `minAvailable` the pods that are there. The stored status is output only; who
//! decides asks [`status`].

use crate::claim::controller_of;
use crate::notice::Voice;
use nodelane_model::budget::{BudgetStatus, IntOrPercent};
use nodelane_model::pod::Condition;
use nodelane_model::{Budget, Doc, Key, Kind, Time, Uid};
use nodelane_world::{Draft, World};
use std::collections::BTreeMap;

/// The status of a budget as of now, without conditions. Where the expected pods cannot be counted no disruption is allowed.
pub fn status(world: &World, budget: &Doc) -> BudgetStatus {
    compute(world, budget).unwrap_or_else(|_| stuck(budget))
}

fn stuck(doc: &Doc) -> BudgetStatus {
    let stored = doc.as_budget().map(|budget| budget.status.clone()).unwrap_or_default();
    BudgetStatus { disruptions_allowed: 0, conditions: Vec::new(), ..stored }
}

fn compute(world: &World, doc: &Doc) -> Result<BudgetStatus, String> {
    let Some(Budget { spec, status: stored }) = doc.as_budget() else {
        return Err("it is no budget".into());
    };
    let row = world.budget(&doc.key).cloned().unwrap_or_default();
    let (expected, desired) = match (&spec.max_unavailable, &spec.min_available) {
        (Some(most), _) => {
            let expected = expected_scale(world, doc)?;
            (expected, (expected - most.scaled_up(expected)).max(0))
        }
        (None, Some(IntOrPercent::Int(least))) => (row.pods, *least),
        (None, Some(share)) => {
            let expected = expected_scale(world, doc)?;
            (expected, share.scaled_up(expected))
        }
        (None, None) => (0, 0),
    };
    let allowed = if expected <= 0 { 0 } else { (row.healthy - desired).max(0) };
    Ok(BudgetStatus {
        observed_generation: doc.meta.generation,
        disruptions_allowed: allowed,
        current_healthy: row.healthy,
        desired_healthy: desired,
        expected_pods: expected,
        disrupted_pods: BTreeMap::new(), // An eviction is in the counts the moment it is planned.
        conditions: Vec::new(),
        rest: stored.rest.clone(),
    })
}

/// The sum of the scales of the controllers of the budget's pods.
fn expected_scale(world: &World, budget: &Doc) -> Result<i32, String> {
    let mut scales: BTreeMap<Uid, i32> = BTreeMap::new();
    for (uid, _) in world.budget(&budget.key).iter().flat_map(|row| &row.controllers) {
        let controller = world.by_uid(*uid).ok_or("found no controllers for pods of the budget")?;
        let deployment = controller.as_replica_set().and_then(|_| controller_of(world, controller));
        let scaled = deployment.filter(|owner| owner.key.kind == Kind::Deployment).unwrap_or(controller);
        let replicas = scaled
            .as_deployment()
            .map(|body| body.spec.replicas)
            .or_else(|| scaled.as_replica_set().map(|body| body.spec.replicas))
            .or_else(|| scaled.as_stateful_set().map(|body| body.spec.replicas))
            .ok_or_else(|| format!("{} does not implement the scale subresource", resource(scaled.key.kind)))?;
        scales.insert(scaled.meta.uid, replicas.unwrap_or(1));
    }
    Ok(scales.values().sum())
}

fn resource(kind: Kind) -> String {
    let group = kind.api_version().split_once('/').map_or("", |(group, _)| group);
    format!("{}s.{group}", kind.as_str().to_lowercase())
}

/// Writes the status where it changed.
pub(crate) fn reconcile(draft: &mut Draft, key: &Key) -> usize {
    let Some(doc) = draft.world.get(key).cloned().filter(|doc| !doc.is_terminating()) else {
        return 0;
    };
    let Some(budget) = doc.as_budget() else { return 0 };
    let voice = Voice { about: key, component: "controllermanager" };
    let computed = compute(&draft.world, &doc);
    let (mut next, condition) = match &computed {
        Ok(next) => (next.clone(), verdict(next, draft.now)),
        Err(message) => {
            let condition = Condition::new("DisruptionAllowed", false, draft.now).because("SyncFailed", message);
            (stuck(&doc), condition)
        }
    };
    next.conditions = budget.status.conditions.clone();
    let mut condition = condition;
    condition.rest.insert("observedGeneration".into(), next.observed_generation.into());
    condition.set_in(&mut next.conditions);
    if next == budget.status {
        return 0;
    }
    if let Err(message) = computed {
        let message = format!("Failed to calculate the number of expected pods: {message}");
        voice.warn(draft, "CalculateExpectedPodCountFailed", message);
    } else if draft.world.budget(key).is_none_or(|row| row.pods == 0) {
        voice.say(draft, "NoPods", "No matching pods found");
    }
    draft.update(key, |doc| doc.as_budget_mut().expect("it was one").status = next);
    1
}

fn verdict(status: &BudgetStatus, now: Time) -> Condition {
    let allowed = status.disruptions_allowed > 0;
    Condition::new("DisruptionAllowed", allowed, now).because(if allowed { "SufficientPods" } else { "InsufficientPods" }, "")
}

/// Has the budgets of a namespace looked at again: a scale that they rest on has changed.
pub(crate) fn touch(draft: &mut Draft, namespace: &str) {
    let keys: Vec<Key> = draft.world.list(Kind::PodDisruptionBudget, Some(namespace)).map(|doc| doc.key.clone()).collect();
    keys.iter().for_each(|key| crate::again(draft, key));
}
