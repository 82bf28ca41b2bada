//! The status and the result of an operation, as pollers read them (arm-wire section 2).
//!
//! Only statuses that every client knows: InProgress, Succeeded, Failed, Canceled.

use nodelane_model::operation::Outcome;
use nodelane_model::{Name, Operation};
use serde_json::{Value, json};

/// Seconds after which clients should ask again; an integer of at least 1, because clients read nothing else.
pub const RETRY_AFTER_SECONDS: u32 = 1;

/// The status document; always answered with 200.
pub fn status(operation: &Operation) -> Value {
    let mut body =
        json!({"name": operation.id.to_string(), "status": word(operation), "startTime": operation.started.micro()});
    if let Some(ended) = &operation.ended {
        body["endTime"] = ended.at.micro().into();
        if let Some(error) = &ended.error {
            body["error"] = json!({"code": error.code, "message": error.message});
        }
    }
    body
}

/// The status of the result: 202 while the operation runs, 204 when it has ended.
pub fn result_status(operation: &Operation) -> u16 {
    if operation.ended.is_none() { 202 } else { 204 }
}

fn word(operation: &Operation) -> &'static str {
    match operation.ended.as_ref().map(|ended| ended.outcome) {
        None => "InProgress",
        Some(Outcome::Succeeded) => "Succeeded",
        Some(Outcome::Failed) => "Failed",
        Some(Outcome::Canceled) => "Canceled",
    }
}

/// Where an operation is polled: `kind` is `operations` or `operationresults`; `base` is scheme, host and port.
pub fn address(base: &str, subscription: &Name, location: &str, kind: &str, operation: nodelane_model::Uid) -> String {
    format!(
        "{base}/subscriptions/{subscription}/providers/Microsoft.ContainerService/locations/{location}/{kind}/{operation}?api-version=2017-08-31"
    )
}
