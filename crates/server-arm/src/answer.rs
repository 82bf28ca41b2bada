//! Answers and their headers: request ids on every one, addresses to poll on those that are not over.
//!
//! Addresses are absolute and name the host by which the client reached us.
//! Not here: bodies.

use crate::Request;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use nodelane_arm::{ArmError, operation};
use nodelane_model::Uid;
use serde_json::Value;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers beside the content's length.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

/// Where an operation is polled.
pub struct Poll<'a> {
    /// The operation.
    pub id: Uid,
    /// Its subscription.
    pub subscription: &'a str,
    /// Its region.
    pub location: &'a str,
    /// Whether `Location` is sent too: with 202, not with 200 and 201.
    pub with_location: bool,
}

impl Answer {
    /// A JSON body.
    pub fn json(status: u16, body: &Value) -> Answer {
        Answer::empty(status).with_body(body)
    }
    /// No body.
    pub fn empty(status: u16) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        Answer { status, headers, body: Bytes::new() }
    }
    /// With a JSON body.
    pub fn with_body(mut self, body: &Value) -> Answer {
        self.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        self.body = body.to_string().into();
        self
    }
    /// An error.
    pub fn error(error: &ArmError) -> Answer {
        let wire = error.answer();
        let mut answer = Answer::json(wire.status, &wire.body);
        if wire.gateway {
            answer.set("x-ms-failure-cause", "gateway");
        }
        if let ArmError::Throttled { retry_after_seconds } = error {
            answer.set("retry-after", &retry_after_seconds.to_string());
        }
        answer
    }
    /// With the headers that make a client poll.
    pub fn polled(mut self, request: &Request, poll: &Poll<'_>) -> Answer {
        let address = |kind| operation::address(&request.base, &poll.subscription.into(), poll.location, kind, poll.id);
        self.set("azure-asyncoperation", &address("operations"));
        if poll.with_location {
            self.set("location", &address("operationresults"));
        }
        self.set("retry-after", &operation::RETRY_AFTER_SECONDS.to_string());
        self
    }
    /// Sets a header; one that cannot be written is left out.
    pub fn set(&mut self, name: &'static str, value: &str) {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
    }
    /// With the ids of the request.
    pub fn with_ids(mut self, request: &Request) -> Answer {
        self.set("x-ms-request-id", &request.origin.request_id);
        self.set("x-ms-correlation-request-id", &request.origin.correlation_id);
        if !request.origin.client_request_id.is_empty() {
            self.set("x-ms-client-request-id", &request.origin.client_request_id);
        }
        self
    }
}
