//! Server-side printing: lists, objects and watch events as `metav1.Table`, with the columns of kubectl.
//!
//! Invariants: columns and cells are those of kube-apiserver 1.36 (golden rows from its own printer in tests), always the
//! wide set, because kubectl hides columns of priority 1 itself. `now` is a parameter. A kind without a printer shows name
//! and creation time. Not here: kubectl's other outputs (`-o yaml`, `describe`), which it makes itself.

mod access;
mod budget;
mod core;
mod duration;
mod network;
mod node;
mod own;
mod partial;
mod pod;
mod storage;
mod view;
mod workload;

pub use duration::human_duration;
use nodelane_model::Time;
pub use partial::{partial_object, partial_object_list};
use serde_json::{Value, json};
pub use view::{encode_partial_object, encode_table};

use crate::status::Status;

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Heading; kubectl shows it in capitals.
    pub name: &'static str,
    /// `string`, `integer`, `boolean` or `date`.
    pub kind: &'static str,
    /// `name` for the column that names the object.
    pub format: &'static str,
    /// 0 always, 1 with `-o wide`.
    pub priority: u8,
    /// For people who ask what it means.
    pub description: &'static str,
}

impl Column {
    const fn text(name: &'static str, description: &'static str) -> Column {
        Column { name, kind: "string", format: "", priority: 0, description }
    }

    const fn integer(name: &'static str, description: &'static str) -> Column {
        Column { kind: "integer", ..Column::text(name, description) }
    }

    const fn boolean(name: &'static str, description: &'static str) -> Column {
        Column { kind: "boolean", ..Column::text(name, description) }
    }

    const fn wide(name: &'static str, description: &'static str) -> Column {
        Column { priority: 1, ..Column::text(name, description) }
    }
}

const NAME: Column = Column { format: "name", ..Column::text("Name", "Name of the object.") };
const AGE: Column = Column::text("Age", "Time since the object was created.");
const CREATED_AT: Column = Column { kind: "date", ..Column::text("Created At", "When the object was created.") };

/// How one kind is printed. A caller with typed rows may bring its own.
#[derive(Clone, Copy, Debug)]
pub struct Printer {
    /// The columns.
    pub columns: &'static [Column],
    /// One cell per column.
    pub cells: fn(&Value, Time) -> Vec<Value>,
    /// Row conditions (kubectl greys out completed pods); usually none.
    pub conditions: fn(&Value) -> Vec<Value>,
}

impl Printer {
    const fn new(columns: &'static [Column], cells: fn(&Value, Time) -> Vec<Value>) -> Printer {
        Printer { columns, cells, conditions: |_| Vec::new() }
    }
}

/// The printer of a kind.
pub fn printer(group: &str, kind: &str) -> Printer {
    match (group, kind) {
        ("", "Pod") => Printer { conditions: pod::conditions, ..Printer::new(pod::COLUMNS, pod::cells) },
        ("", "Node") => Printer::new(node::COLUMNS, node::cells),
        ("apps", "Deployment") => Printer::new(workload::DEPLOYMENT, workload::deployment),
        ("apps", "ReplicaSet") => Printer::new(workload::REPLICA_SET, workload::replica_set),
        ("apps", "StatefulSet") => Printer::new(workload::STATEFUL_SET, workload::stateful_set),
        ("apps", "DaemonSet") => Printer::new(workload::DAEMON_SET, workload::daemon_set),
        ("batch", "Job") => Printer::new(workload::JOB, workload::job),
        ("batch", "CronJob") => Printer::new(workload::CRON_JOB, workload::cron_job),
        ("", "Service") => Printer::new(network::SERVICE, network::service),
        ("", "Endpoints") => Printer::new(network::ENDPOINTS, network::endpoints),
        ("discovery.k8s.io", "EndpointSlice") => Printer::new(network::ENDPOINT_SLICE, network::endpoint_slice),
        ("" | "events.k8s.io", "Event") => Printer::new(core::EVENT, core::event),
        ("", "ConfigMap") => Printer::new(core::CONFIG_MAP, core::config_map),
        ("", "Secret") => Printer::new(core::SECRET, core::secret),
        ("", "ServiceAccount") => Printer::new(core::SERVICE_ACCOUNT, core::service_account),
        ("", "Namespace") => Printer::new(core::NAMESPACE, core::namespace),
        ("coordination.k8s.io", "Lease") => Printer::new(core::LEASE, core::lease),
        ("scheduling.k8s.io", "PriorityClass") => Printer::new(core::PRIORITY_CLASS, core::priority_class),
        ("policy", "PodDisruptionBudget") => Printer::new(budget::DISRUPTION, budget::disruption),
        ("", "ResourceQuota") => Printer::new(budget::QUOTA, budget::quota),
        ("autoscaling", "Scale") => Printer::new(budget::SCALE, budget::scale),
        ("", "PersistentVolume") => Printer::new(storage::VOLUME, storage::volume),
        ("", "PersistentVolumeClaim") => Printer::new(storage::CLAIM, storage::claim),
        ("storage.k8s.io", "StorageClass") => Printer::new(storage::CLASS, storage::class),
        ("storage.k8s.io", "CSINode") => Printer::new(storage::CSI_NODE, storage::csi_node),
        ("nodelane.dev", "NodePool") => Printer::new(own::POOL, own::pool),
        ("nodelane.dev", "Machine") => Printer::new(own::MACHINE, own::machine),
        ("nodelane.dev", "Cluster") => Printer::new(own::CLUSTER, own::cluster),
        _ => Printer::new(&[NAME, CREATED_AT], |object, _| {
            vec![access::name(object), access::text(object, "/metadata/creationTimestamp").into()]
        }),
    }
}

/// How much of the object a row carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum IncludeObject {
    /// `object: null`
    None,
    /// Its metadata: the default.
    #[default]
    Metadata,
    /// All of it.
    Object,
}

impl IncludeObject {
    /// The `includeObject` parameter, or the 400.
    pub fn parse(text: &str) -> Result<IncludeObject, Status> {
        match text {
            "" | "Metadata" => Ok(IncludeObject::Metadata),
            "None" => Ok(IncludeObject::None),
            "Object" => Ok(IncludeObject::Object),
            other => Err(Status::bad_request(format!(
                "Unable to convert to Table as requested: includeObject: Invalid value: {}: must be 'Metadata', \
                 'Object', 'None', or empty",
                crate::status::quote(other)
            ))),
        }
    }
}

/// One row.
pub fn row(printer: Printer, object: &Value, now: Time, include: IncludeObject) -> Value {
    let mut row = json!({"cells": (printer.cells)(object, now)});
    let conditions = (printer.conditions)(object);
    if !conditions.is_empty() {
        row["conditions"] = conditions.into();
    }
    row["object"] = match include {
        IncludeObject::None => Value::Null,
        IncludeObject::Metadata => partial_object(object),
        IncludeObject::Object => object.clone(),
    };
    row
}

/// A table. `list_meta` is the list's metadata (`resourceVersion`, `continue`, `remainingItemCount`); for a single object,
/// its `resourceVersion`.
pub fn table(printer: Printer, list_meta: Value, rows: Vec<Value>) -> Value {
    json!({
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": list_meta,
        "columnDefinitions": columns(printer),
        "rows": rows,
    })
}

/// A watch event's object: a table of one row; only the first event of a watch carries the columns.
pub fn event_table(printer: Printer, object: &Value, now: Time, include: IncludeObject, first: bool) -> Value {
    let meta = json!({"resourceVersion": access::text(object, "/metadata/resourceVersion")});
    let mut table = table(printer, meta, vec![row(printer, object, now, include)]);
    if !first {
        table["columnDefinitions"] = Value::Null;
    }
    table
}

fn columns(printer: Printer) -> Vec<Value> {
    let column = |column: &Column| {
        json!({
            "name": column.name,
            "type": column.kind,
            "format": column.format,
            "description": column.description,
            "priority": column.priority,
        })
    };
    printer.columns.iter().map(column).collect()
}
