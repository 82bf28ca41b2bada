//! What an object may say: the rules of Kubernetes 1.36, in its order and its words.
//!
//! Checked is what decides something here or what people commonly get wrong; a complaint names the same path and text as
//! upstream's (golden in the tests). Not checked: security contexts, host aliases, DNS configuration, resource claims,
//! the insides of most volume sources; what upstream refuses there is taken and kept. Objects come with their defaults.

mod affinity;
mod amount;
mod bound;
mod budget;
mod cluster;
mod container;
mod cron;
mod cursor;
mod data;
mod job;
mod pod;
mod probe;
mod selector;
mod service;
mod toleration;
mod volume;
mod workload;

use crate::names;
use crate::registry::Resource;
use nodelane_model::Kind;
use serde_json::Value;

pub(super) use amount::{is_same, malformed as malformed_amount};
pub(super) use cursor::{At, Errors};

/// Complaints about a new object; `old` is what it replaces.
pub(super) fn validate(resource: &Resource, kind: Kind, object: &Value, old: Option<&Value>) -> Errors {
    let mut errors = names::object_meta(object.get("metadata").unwrap_or(&Value::Null), resource.names);
    let root = At::root(object);
    owners(&root.get("metadata").get("ownerReferences"), &mut errors);
    let spec = root.get("spec");
    match kind {
        Kind::Pod => pod::pod(&spec, old.is_none(), &mut errors),
        Kind::Deployment => workload::deployment(&spec, &mut errors),
        Kind::ReplicaSet => workload::replica_set(&spec, &mut errors),
        Kind::StatefulSet => workload::stateful_set(&spec, old.is_none(), &mut errors),
        Kind::DaemonSet => workload::daemon_set(&spec, &mut errors),
        Kind::Job => job::job(&root, &mut errors),
        Kind::CronJob => job::cron_job(&root, old.is_none(), &mut errors),
        Kind::PodDisruptionBudget => budget::budget(&spec, &mut errors),
        Kind::Service => service::service(&spec, &mut errors),
        Kind::Secret => data::secret(&root, &mut errors),
        Kind::ConfigMap => data::config_map(&root, &mut errors),
        Kind::PersistentVolumeClaim => cluster::claim(&spec, &mut errors),
        Kind::StorageClass => cluster::storage_class(&root, &mut errors),
        Kind::PriorityClass => cluster::priority_class(&root, &mut errors),
        Kind::Node => cluster::taints(&spec.get("taints"), &mut errors),
        _ => {}
    }
    errors
}

fn owners(list: &At, errors: &mut Errors) {
    let mut controller: Option<String> = None;
    for owner in list.items() {
        for (field, why) in [
            ("apiVersion", "version must not be empty"),
            ("kind", "must not be empty"),
            ("name", "must not be empty"),
            ("uid", "must not be empty"),
        ] {
            if owner.get(field).text().is_empty() {
                // Upstream names the list's path, without the index.
                errors.push(crate::status::FieldError::invalid(&list.path.child(field), "", why));
            }
        }
        if owner.get("controller").is_true() {
            let this = format!("{}/{}", owner.get("kind").text(), owner.get("name").text());
            match &controller {
                None => controller = Some(this),
                Some(first) => errors.push(list.invalid(&format!(
                    "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {this}"
                ))),
            }
        }
    }
}
