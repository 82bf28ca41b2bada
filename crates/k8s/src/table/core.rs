//! Events, ConfigMaps, Secrets, ServiceAccounts, Namespaces, Leases, PriorityClasses.
//!
//! Events print from the stored dialect (`v1`), in both groups. Invariant: secrets and config maps show how many entries they
//! have, never what is in them.

use super::access::{age, boolean, integer, len, name, since, text, text_or};
use super::{AGE, Column, NAME};
use nodelane_model::Time;
use serde_json::Value;

pub(super) const EVENT: &[Column] = &[
    Column::text("Last Seen", "Time since it last happened."),
    Column::text("Type", "Normal or Warning."),
    Column::text("Reason", "Why, in one word."),
    Column::text("Object", "What it is about."),
    Column::wide("Subobject", "Which part of the object."),
    Column::wide("Source", "Who says so."),
    Column::text("Message", "What happened."),
    Column::wide("First Seen", "Time since it first happened."),
    Column::wide("Count", "How often it happened."),
    Column { format: "name", ..Column::wide("Name", "Name of the event.") },
];

pub(super) fn event(object: &Value, now: Time) -> Vec<Value> {
    let has = |pointer: &str| !text(object, pointer).is_empty();
    let first = since(object, if has("/firstTimestamp") { "/firstTimestamp" } else { "/eventTime" }, now);
    let last = match object.get("series") {
        Some(_) => since(object, "/series/lastObservedTime", now),
        None if has("/lastTimestamp") => since(object, "/lastTimestamp", now),
        None => first.clone(),
    };
    let count = match object.get("series") {
        Some(series) => integer(series, "/count"),
        None => integer(object, "/count").max(1), // new events of one occurrence have no count
    };
    let about = text(object, "/involvedObject/kind").to_lowercase();
    let about = match text(object, "/involvedObject/name") {
        "" => about,
        name => format!("{about}/{name}"),
    };
    let component = text_or(object, "/source/component", text(object, "/reportingComponent"));
    let source = match text_or(object, "/source/host", text(object, "/reportingInstance")) {
        "" => component.to_owned(),
        instance => format!("{component}, {instance}"),
    };
    vec![
        last.into(),
        text(object, "/type").into(),
        text(object, "/reason").into(),
        about.into(),
        text(object, "/involvedObject/fieldPath").into(),
        source.into(),
        text(object, "/message").trim().into(),
        first.into(),
        count.into(),
        name(object),
    ]
}

pub(super) const CONFIG_MAP: &[Column] = &[NAME, Column::text("Data", "Number of entries."), AGE];

pub(super) fn config_map(object: &Value, now: Time) -> Vec<Value> {
    vec![name(object), (len(object, "/data") + len(object, "/binaryData")).into(), age(object, now)]
}

pub(super) const SECRET: &[Column] =
    &[NAME, Column::text("Type", "What the entries are for."), Column::text("Data", "Number of entries."), AGE];

pub(super) fn secret(object: &Value, now: Time) -> Vec<Value> {
    vec![name(object), text(object, "/type").into(), len(object, "/data").into(), age(object, now)]
}

pub(super) const SERVICE_ACCOUNT: &[Column] = &[NAME, AGE];

pub(super) fn service_account(object: &Value, now: Time) -> Vec<Value> {
    vec![name(object), age(object, now)]
}

pub(super) const NAMESPACE: &[Column] = &[NAME, Column::text("Status", "Active or Terminating."), AGE];

pub(super) fn namespace(object: &Value, now: Time) -> Vec<Value> {
    vec![name(object), text(object, "/status/phase").into(), age(object, now)]
}

pub(super) const LEASE: &[Column] = &[NAME, Column::text("Holder", "Who holds it."), AGE];

pub(super) fn lease(object: &Value, now: Time) -> Vec<Value> {
    vec![name(object), text(object, "/spec/holderIdentity").into(), age(object, now)]
}

pub(super) const PRIORITY_CLASS: &[Column] = &[
    NAME,
    Column::integer("Value", "Priority of pods of this class; higher goes first."),
    Column::boolean("Global-Default", "Whether pods without a class get it."),
    AGE,
    Column::text("PreemptionPolicy", "Whether its pods may displace others."),
];

pub(super) fn priority_class(object: &Value, now: Time) -> Vec<Value> {
    vec![
        name(object),
        integer(object, "/value").into(),
        boolean(object, "/globalDefault").into(),
        age(object, now),
        text_or(object, "/preemptionPolicy", "PreemptLowerPriority").into(),
    ]
}
