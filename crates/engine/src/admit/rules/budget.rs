//! Budgets that no eviction can ever satisfy are found before a roll begins (aks-semantics UF-1, UF-2).
//!
//! Only budgets that cover pods of the cluster count; one that merely has no slack now is met when the roll gets there.

use super::Proposal;
use nodelane_model::Kind;
use nodelane_model::pool::{Power, Priority};
use nodelane_model::refusal::PoolRefusal;

/// No budget forbids every eviction: `maxUnavailable` 0, or `minAvailable` as many as there are.
pub(super) fn satisfiable(proposal: &Proposal) -> Result<(), PoolRefusal> {
    let drains = proposal.spec.priority != Priority::Spot && proposal.spec.power == Power::Running && proposal.spec.count > 0;
    let forced = crate::upgrade::force::until(proposal.cluster, proposal.now).is_some(); // UD-5
    if !proposal.step.rolls || !drains || forced {
        return Ok(());
    }
    let stuck = proposal.world.list(Kind::PodDisruptionBudget, None).filter(|doc| {
        let pods = proposal.world.budget(&doc.key).map_or(0, |row| row.pods);
        let status = nodelane_workload::budget_status(proposal.world, doc);
        pods > 0 && status.expected_pods > 0 && status.desired_healthy >= status.expected_pods
    });
    let names: Vec<_> = stuck.map(|doc| format!("{}/{}", doc.key.namespace, doc.key.name).into()).collect();
    match names.is_empty() {
        true => Ok(()),
        false => Err(PoolRefusal::UnsatisfiableBudgets(names)),
    }
}
