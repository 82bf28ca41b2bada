//! Long-running operations: from the first answer to the result.
//!
//! Facts of the peer (azure-core): the first poll is at once, then `Retry-After` rules; a PUT ends with a GET of the
//! resource, a POST with a GET of `Location`, a DELETE with nothing; an answer that is terminal already is the result.
//! Without `Retry-After` we ask every second (az: every 30).

use std::time::Duration;

use ::http::Method;
use ::http::StatusCode;
use ::http::header::LOCATION;
use serde_json::Value as Json;

use super::arm::path_of;
use super::{Answer, Arm, Progress};
use crate::az::{Failure, Value};

const ASYNC_OPERATION: &str = "azure-asyncoperation";
const DEFAULT_WAIT: Duration = Duration::from_secs(1);

/// What an operation left.
#[derive(Debug)]
pub enum Outcome {
    /// The resource, or what the operation answers.
    Resource(Value),
    /// Nothing to show.
    Nothing,
}

/// An accepted request.
pub struct Running {
    /// Its method.
    pub method: Method,
    /// Its path, which a PUT reads at the end.
    pub path: String,
    /// The first answer.
    pub answer: Answer,
}

impl Running {
    /// Waits for the end.
    pub async fn finish(self, arm: &mut Arm, progress: &mut Progress) -> Result<Outcome, Failure> {
        match self.answer.header(ASYNC_OPERATION).map(path_of).transpose()? {
            Some(status) => poll_status(arm, &status, self.answer.retry_after(), progress).await?,
            None if self.method == Method::PUT => return self.poll_resource(arm, progress).await,
            None => {}
        }
        if self.method == Method::PUT {
            return Ok(Outcome::Resource(arm.get(&self.path).await?.read()?));
        }
        match self.answer.header(LOCATION).map(path_of).transpose()? {
            Some(location) if self.method == Method::POST || self.answer.header(ASYNC_OPERATION).is_none() => {
                poll_location(arm, &location, progress).await
            }
            _ => Ok(Outcome::Nothing),
        }
    }

    /// A PUT without an operation: its body says how far it is.
    async fn poll_resource(self, arm: &mut Arm, progress: &mut Progress) -> Result<Outcome, Failure> {
        let mut wait = self.answer.retry_after();
        let mut resource: Value = self.answer.read()?;
        loop {
            let state = resource.field("properties").field("provisioningState").as_text().unwrap_or("Succeeded");
            match ended(state) {
                Some(true) => return Ok(Outcome::Resource(resource)),
                Some(false) => return Err(Failure::from_operation(state, &Json::Null)),
                None => progress.wait(state, wait.unwrap_or(DEFAULT_WAIT)).await,
            }
            let answer = arm.get(&self.path).await?;
            wait = answer.retry_after();
            resource = answer.read()?;
        }
    }
}

/// Polls until the operation has succeeded.
async fn poll_status(arm: &mut Arm, path: &str, first_wait: Option<Duration>, progress: &mut Progress) -> Result<(), Failure> {
    loop {
        let answer = arm.get(path).await?;
        let body: Json = answer.read()?;
        let status = body["status"].as_str().unwrap_or_default();
        match ended(status) {
            Some(true) => return Ok(()),
            Some(false) => return Err(Failure::from_operation(status, &body)),
            None => progress.wait(status, answer.retry_after().or(first_wait).unwrap_or(DEFAULT_WAIT)).await,
        }
    }
}

/// Polls until the address answers something else than 202.
async fn poll_location(arm: &mut Arm, path: &str, progress: &mut Progress) -> Result<Outcome, Failure> {
    loop {
        let answer = arm.get(path).await?;
        match answer.status {
            StatusCode::ACCEPTED => progress.wait("InProgress", answer.retry_after().unwrap_or(DEFAULT_WAIT)).await,
            _ if answer.body.is_empty() => return Ok(Outcome::Nothing),
            _ => return Ok(Outcome::Resource(answer.read()?)),
        }
    }
}

/// Whether a status is final, and good.
fn ended(status: &str) -> Option<bool> {
    match status.to_ascii_lowercase().as_str() {
        "succeeded" => Some(true),
        "failed" | "canceled" | "cancelled" => Some(false),
        _ => None,
    }
}
