//! What the API fills in where a request is silent, per kind, in the wire shape.
//!
//! Invariants: a field that is there is never changed, except a secret's `stringData`, which is folded into `data`; applying
//! twice is applying once; a value of the wrong type is left for decoding to refuse. Source: the defaulting functions of
//! Kubernetes 1.36, whose answers are golden in the tests. Pods also get the service account that admission gives them.
//! Not here: what needs the state of the cluster (addresses, priorities, a job's generated selector) and what admission
//! adds to it (default tolerations, token volumes).

mod cluster;
mod network;
mod pod;
mod workload;

use nodelane_model::Kind;
use serde_json::{Map, Value};

/// Fills in the defaults of a kind.
pub fn apply(kind: Kind, object: &mut Value) {
    let Some(object) = object.as_object_mut() else { return };
    match kind {
        Kind::Pod => pod::pod(object),
        Kind::Deployment => within(object, "spec", workload::deployment),
        Kind::ReplicaSet => within(object, "spec", workload::replica_set),
        Kind::StatefulSet => within(object, "spec", workload::stateful_set),
        Kind::DaemonSet => within(object, "spec", workload::daemon_set),
        Kind::Job => workload::job(object),
        Kind::CronJob => within(object, "spec", workload::cron_job),
        Kind::Service => within(object, "spec", network::service),
        Kind::Endpoints => network::endpoints(object),
        Kind::EndpointSlice => network::endpoint_slice(object),
        Kind::Namespace => cluster::namespace(object),
        Kind::Node => cluster::node(object),
        Kind::PriorityClass => put(object, "preemptionPolicy", "PreemptLowerPriority"),
        Kind::LimitRange => within(object, "spec", cluster::limit_range),
        Kind::Secret => cluster::secret(object),
        Kind::StorageClass => {
            put(object, "reclaimPolicy", "Delete");
            put(object, "volumeBindingMode", "Immediate");
        }
        Kind::PersistentVolumeClaim => cluster::claim(object),
        Kind::PersistentVolume => {
            within(object, "spec", |spec| {
                put(spec, "persistentVolumeReclaimPolicy", "Retain");
                put(spec, "volumeMode", "Filesystem");
            });
            within(object, "status", |status| put(status, "phase", "Pending"));
        }
        Kind::ConfigMap
        | Kind::ServiceAccount
        | Kind::Event
        | Kind::CSINode
        | Kind::Lease
        | Kind::ControllerRevision
        | Kind::PodDisruptionBudget
        | Kind::ResourceQuota
        | Kind::Cluster
        | Kind::NodePool
        | Kind::Machine
        | Kind::Fault
        | Kind::Subscription
        | Kind::ResourceGroup
        | Kind::ClusterEntry => {}
    }
}

type Fields = Map<String, Value>;

/// Sets a field that is absent, null or an empty string: Go's zero value means unsaid.
fn put(fields: &mut Fields, name: &str, value: impl Into<Value>) {
    let unsaid = fields.get(name).is_none_or(|found| found.is_null() || found.as_str() == Some(""));
    if unsaid {
        fields.insert(name.to_owned(), value.into());
    }
}

/// Sets a number that is absent, null or 0.
fn put_number(fields: &mut Fields, name: &str, value: i64) {
    if fields.get(name).is_none_or(|found| found.is_null() || found.as_i64() == Some(0)) {
        fields.insert(name.to_owned(), value.into());
    }
}

/// Works on a field that is an object, made where it is absent; a field of another type is left alone.
fn within(fields: &mut Fields, name: &str, work: impl FnOnce(&mut Fields)) {
    let value = fields.entry(name).or_insert(Value::Null);
    if value.is_null() {
        *value = Value::Object(Map::new());
    }
    if let Some(fields) = value.as_object_mut() {
        work(fields);
    }
}

/// The objects of a list field.
fn each<'a>(fields: &'a mut Fields, name: &str) -> impl Iterator<Item = &'a mut Fields> {
    let list = fields.get_mut(name).and_then(Value::as_array_mut);
    list.into_iter().flatten().filter_map(Value::as_object_mut)
}

/// A field that is an object.
fn field<'a>(fields: &'a mut Fields, name: &str) -> Option<&'a mut Fields> {
    fields.get_mut(name).and_then(Value::as_object_mut)
}

fn text<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn is_unsaid(fields: &Fields, name: &str) -> bool {
    fields.get(name).is_none_or(Value::is_null)
}
