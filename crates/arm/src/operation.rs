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
    let mut body = json!({"name": operation.id.to_string(), "status": word(operation), "startTime": operation.started.micro()});
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

#[cfg(test)]
mod tests {
    use super::*;
    use nodelane_model::operation::{CreatePhase, Ended, OperationError, Progress};
    use nodelane_model::{Time, Uid};

    #[test]
    fn an_operation_is_in_progress_until_it_has_ended_and_then_says_how() {
        let mut operation = Operation::begin(Uid(1), Progress::Create(CreatePhase::Provisioning), Time(1_767_225_600_000));
        let body = status(&operation);
        assert_eq!((&body["status"], &body["startTime"]), (&json!("InProgress"), &json!("2026-01-01T00:00:00.000000Z")));
        assert!(body.get("endTime").is_none() && result_status(&operation) == 202);
        let error = OperationError { code: "NodesNotReady".into(), message: "Expected: 2, Actual: 0".into() };
        for (outcome, word) in [(Outcome::Succeeded, "Succeeded"), (Outcome::Failed, "Failed"), (Outcome::Canceled, "Canceled")] {
            let error = (outcome == Outcome::Failed).then(|| error.clone());
            operation.ended = Some(Ended { at: Time(1_767_225_601_500), outcome, error });
            let body = status(&operation);
            assert_eq!((&body["status"], &body["endTime"]), (&json!(word), &json!("2026-01-01T00:00:01.500000Z")));
            assert_eq!(body.get("error").is_some(), outcome == Outcome::Failed);
            assert_eq!(result_status(&operation), 204);
        }
    }

    #[test]
    fn addresses_are_absolute_and_of_the_form_that_pollers_know() {
        let address = address("https://127.0.0.1:8443", &"s".into(), "eastus", "operations", Uid(1));
        let expected = format!(
            "https://127.0.0.1:8443/subscriptions/s/providers/Microsoft.ContainerService/locations/eastus/operations/{}?api-version=2017-08-31",
            Uid(1)
        );
        assert_eq!(address, expected);
    }
}
