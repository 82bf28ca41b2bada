//! What each disruption budget covers, counted live.
//!
//! Rows move with every pod, in the same step: an eviction that was assumed is in the count at once. `PodDisruptionBudget.status` is
//! output computed from these rows, never an input to a decision.

use imbl::OrdMap;
use nodelane_model::{Budget, Doc, Labels, Uid};

/// The pods that a budget's selector covers.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct BudgetRow {
    /// All.
    pub pods: i32,
    /// Ready and not terminating.
    pub healthy: i32,
    /// Pods by the controller that owns them.
    pub controllers: OrdMap<Uid, i32>,
    /// Pods that no controller owns.
    pub bare: i32,
}

impl BudgetRow {
    pub(crate) fn count(&mut self, pod: &Doc, times: i32) {
        self.pods += times;
        if is_healthy(pod) {
            self.healthy += times;
        }
        match pod.meta.controller().and_then(|owner| Uid::parse(&owner.uid)) {
            Some(uid) => {
                let count = self.controllers.get(&uid).copied().unwrap_or(0) + times;
                match count {
                    0 => self.controllers.remove(&uid),
                    count => self.controllers.insert(uid, count),
                };
            }
            None => self.bare += times,
        }
    }
}

/// Whether a budget counts the pod as healthy.
pub(crate) fn is_healthy(pod: &Doc) -> bool {
    !pod.is_terminating() && pod.as_pod().is_some_and(|pod| pod.status.is_ready())
}

/// Whether a budget covers a pod of its own namespace; ended pods are not covered.
pub(crate) fn covers(budget: &Budget, pod: &Doc) -> bool {
    budget.spec.selector.as_ref().is_some_and(|selector| selector.matches(&pod.meta.labels))
        && pod.as_pod().is_some_and(|pod| !pod.status.is_terminal())
}

/// Whether a service names pods with these labels in its selector; one without a selector names none.
pub fn serves(service: &Doc, labels: &Labels) -> bool {
    let selector = service.as_opaque().and_then(|rest| rest.get("spec")?.get("selector")?.as_object());
    let has = |(key, value): (&String, &serde_json::Value)| labels.get(key.as_str()).map(|label| label.as_str()) == value.as_str();
    selector.is_some_and(|selector| !selector.is_empty() && selector.iter().all(has))
}
