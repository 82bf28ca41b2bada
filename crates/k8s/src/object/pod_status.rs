//! The status that a new pod starts with: pending, its quality of service, and the word that gates hold it back.
//!
//! Pure, against one document as it was read (kube-apiserver's own answers are in the tests).
//! Not here: whether the change may happen now.

use nodelane_model::pod::{Condition, ContainerResources, Phase, PodSpec, PodStatus};
use nodelane_model::{Pod, Quantity};

/// Sets the status of a new pod. The gate's condition has no time: whoever stores the pod knows it.
pub fn start(pod: &mut Pod) {
    let mut conditions = Vec::new();
    if !pod.spec.scheduling_gates.is_empty() {
        conditions.push(Condition {
            kind: "PodScheduled".into(),
            status: "False".into(),
            reason: "SchedulingGated".into(),
            message: "Scheduling is blocked due to non-empty scheduling gates".into(),
            ..Condition::default()
        });
    }
    let qos_class = qos_class(&pod.spec).into();
    pod.status = PodStatus { phase: Phase::Pending, conditions, qos_class, ..PodStatus::default() };
}

/// `Guaranteed`: every container has limits of CPU and memory and requests as much. `BestEffort`: none asks for either.
/// Resources of the pod as a whole count instead of those of its containers.
fn qos_class(spec: &PodSpec) -> &'static str {
    let whole = spec.resources.as_ref().filter(|resources| !resources.requests.is_empty() || !resources.limits.is_empty());
    let parts: Vec<&ContainerResources> = match whole {
        Some(resources) => vec![resources],
        None => spec.containers.iter().chain(&spec.init_containers).map(|container| &container.resources).collect(),
    };
    let amount = |quantity: Option<&Quantity>| quantity.and_then(Quantity::milli).filter(|milli| *milli != 0);
    let pairs = parts
        .iter()
        .flat_map(|resources| ["cpu", "memory"].map(|name| (amount(resources.requests.get(name)), amount(resources.limits.get(name)))));
    let pairs: Vec<_> = pairs.collect();
    if pairs.iter().all(|(request, limit)| request.is_none() && limit.is_none()) {
        "BestEffort"
    } else if pairs.iter().all(|(request, limit)| limit.is_some() && request.or(*limit) == *limit) {
        "Guaranteed"
    } else {
        "Burstable"
    }
}
