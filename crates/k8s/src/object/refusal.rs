//! What the cell refuses, as Kubernetes words it: one match.
//!
//! Pure, against one document as it was read (kube-apiserver's own answers are in the tests).
//! Not here: whether the change may happen now.

use super::resource_of;
use crate::registry::Resource;
use crate::status::{FieldError, FieldPath, GroupResource, Precondition, Status};
use nodelane_model::{Key, Refusal};

/// The Status of a refusal; `resource` is what the request was about.
pub fn refusal(resource: &Resource, refusal: &Refusal) -> Status {
    let about = |key: &Key| resource_of(key.kind).unwrap_or(resource);
    match refusal {
        Refusal::NotFound(key) => Status::not_found(about(key).group_resource(), &key.name),
        Refusal::AlreadyExists(key) => Status::already_exists(about(key).group_resource(), &key.name),
        Refusal::Stale { key, .. } => Status::conflict(about(key).group_resource(), &key.name, Precondition::Modified),
        Refusal::Precondition { key, message } => precondition(about(key), key, message),
        Refusal::Invalid { key, field, message } => {
            let error = FieldError::forbidden(&FieldPath::new(field), message);
            Status::invalid(about(key).group, about(key).kind, &key.name, &[error])
        }
        Refusal::Forbidden { key, message } => Status::forbidden(about(key).group_resource(), &key.name, message),
        Refusal::BudgetBlocks { budget, needed, healthy, .. } => Status::disruption_budget(budget, i64::from(*needed), i64::from(*healthy)),
        Refusal::BudgetUnobserved { budget, .. } => Status::disruption_budget_processing(budget),
        Refusal::TwoBudgets(_) => {
            Status::unknown("This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.")
        }
        Refusal::NamespaceTerminating { key, namespace } => {
            Status::namespace_terminating(about(key).group_resource(), &key.name, namespace)
        }
        Refusal::Unavailable(why) => Status::service_unavailable(format!("the change could not be stored: {why}")),
        // Pools do not change through Kubernetes; a rule of theirs can still stand in the way of what does.
        Refusal::Pool(rule) => {
            let why = format!("a rule of the node pool or cluster does not allow it ({}): {rule:?}", rule.rule());
            Status::forbidden(resource.group_resource(), "", &why)
        }
    }
}

/// A delete's precondition names the kind, as upstream does there; what is left is a pod that cannot be bound.
fn precondition(resource: &Resource, key: &Key, message: &str) -> Status {
    let named = if message.contains(" in the precondition ") {
        GroupResource { group: resource.group, resource: resource.kind }
    } else {
        GroupResource { group: "", resource: "pods/binding" }
    };
    // The cell states the facts; upstream adds how it may have come about.
    let tail = match message {
        text if text.starts_with("the UID ") => ". The object might have been deleted and then recreated",
        text if text.starts_with("the ResourceVersion ") => ". The object might have been modified",
        _ => "",
    };
    Status::conflict_because(named, &key.name, &format!("{message}{tail}"))
}
