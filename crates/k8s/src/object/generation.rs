//! `metadata.generation`: which kinds have one, and which changes count.
//!
//! Pure, against one document as it was read (kube-apiserver's own answers are in the tests).
//! Not here: whether the change may happen now.

use nodelane_model::Kind;
use serde_json::Value;

/// The generation of a new object; 0 for kinds that have none.
pub fn first(kind: Kind) -> i64 {
    match kind {
        Kind::Pod
        | Kind::Deployment
        | Kind::ReplicaSet
        | Kind::StatefulSet
        | Kind::DaemonSet
        | Kind::Job
        | Kind::CronJob
        | Kind::PodDisruptionBudget
        | Kind::EndpointSlice
        | Kind::PriorityClass => 1,
        _ => 0,
    }
}

/// Whether a change of the object makes a new generation: one of `spec`; for a deployment its annotations count too, and an
/// endpoint slice has no `spec`.
pub fn counts(kind: Kind, old: &Value, new: &Value) -> bool {
    let differs = |pointers: &[&str]| pointers.iter().any(|pointer| old.pointer(pointer) != new.pointer(pointer));
    match kind {
        Kind::Deployment => differs(&["/spec", "/metadata/annotations"]),
        Kind::EndpointSlice => differs(&["/endpoints", "/ports", "/addressType", "/metadata/labels"]),
        Kind::PriorityClass => false,
        _ => first(kind) > 0 && differs(&["/spec"]),
    }
}
