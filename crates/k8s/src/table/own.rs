//! Our own kinds: node pools, machines, the cluster. The columns are ours; states are ARM's words.
//!
//! Invariant: provisioning states are derived by the model from the running operation and the history, here as in ARM's
//! answers; a state that cannot be read shows `<unknown>`.

use super::access::{age, boolean, integer, name, text, text_or};
use super::{AGE, Column, NAME};
use nodelane_model::Time;
use nodelane_model::cluster::{Cluster, ClusterState};
use nodelane_model::pool::{NodePool, PoolState};
use serde::de::DeserializeOwned;
use serde_json::Value;

const STATE: Column = Column::text("State", "Provisioning state.");
const VERSION: Column = Column::text("Version", "Kubernetes version.");

pub(super) const POOL: &[Column] = &[
    NAME,
    Column::text("Mode", "System or User."),
    Column::text("Size", "VM size."),
    Column::integer("Count", "Machines asked for; the autoscaler's choice where it rules."),
    Column::text("Autoscale", "Range of the autoscaler."),
    VERSION,
    STATE,
    AGE,
    Column::wide("Image", "Node image."),
    Column::wide("Priority", "Regular or Spot."),
    Column::wide("Power", "Running or Stopped."),
];

pub(super) fn pool(object: &Value, now: Time) -> Vec<Value> {
    let autoscale = match boolean(object, "/spec/enableAutoScaling") {
        true => format!("{}-{}", integer(object, "/spec/minCount"), integer(object, "/spec/maxCount")),
        false => "<none>".to_owned(),
    };
    let state = part::<PoolState>(object).map(|state| NodePool { state, ..NodePool::default() });
    vec![
        name(object),
        text(object, "/spec/mode").into(),
        text(object, "/spec/vmSize").into(),
        integer(object, "/spec/count").into(),
        autoscale.into(),
        text_or(object, "/state/version", text(object, "/spec/orchestratorVersion")).into(),
        state.map_or("<unknown>", |pool| pool.provisioning_state()).into(),
        age(object, now),
        text(object, "/state/image").into(),
        text_or(object, "/spec/scaleSetPriority", "Regular").into(),
        text_or(object, "/spec/power", "Running").into(),
    ]
}

pub(super) const MACHINE: &[Column] = &[
    NAME,
    Column::text("Pool", "Pool that it belongs to."),
    Column::text("Size", "VM size."),
    Column::text("Intent", "What it is to do."),
    Column::text("Phase", "What the provider last said."),
    VERSION,
    AGE,
    Column::wide("Zone", "Availability zone."),
    Column::wide("Image", "Node image."),
];

pub(super) fn machine(object: &Value, now: Time) -> Vec<Value> {
    let spec = |field: &str| Value::from(text(object, &format!("/spec/{field}")));
    let has = |field: &str| text_or(object, &format!("/spec/running/{field}"), "<none>").into();
    vec![
        name(object),
        spec("pool"),
        spec("size"),
        spec("intent"),
        spec("phase"),
        has("version"),
        age(object, now),
        text_or(object, "/spec/zone", "<none>").into(),
        has("image"),
    ]
}

pub(super) const CLUSTER: &[Column] =
    &[NAME, Column::text("Location", "Region."), VERSION, Column::text("Power", "Running or Stopped."), STATE, AGE];

pub(super) fn cluster(object: &Value, now: Time) -> Vec<Value> {
    let state = part::<ClusterState>(object).map(|state| Cluster { state, ..Cluster::default() });
    vec![
        name(object),
        text(object, "/spec/location").into(),
        text(object, "/spec/kubernetesVersion").into(),
        text_or(object, "/spec/power", "Running").into(),
        state.map_or("<unknown>", |cluster| cluster.provisioning_state()).into(),
        age(object, now),
    ]
}

/// The kept state; an object without one has the empty state, an unreadable one none.
fn part<T: DeserializeOwned + Default>(object: &Value) -> Option<T> {
    match object.get("state") {
        None => Some(T::default()),
        Some(state) => T::deserialize(state).ok(),
    }
}
