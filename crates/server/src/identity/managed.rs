//! App Service's managed identity endpoint: `IDENTITY_ENDPOINT` with `IDENTITY_HEADER`.
//!
//! Invariant: the header is the service principal's secret, so that nobody gets a token for free.
//! `expires_on` and `expires_in` are strings, `expires_on` is mandatory (arm-wire section 3).

use http::StatusCode;
use http::request::Parts;
use serde_json::json;

use super::{audience, form, json as answer_json};
use crate::credentials::{Credentials, TOKEN_LIFETIME_SECONDS};
use crate::http::Response;

/// Answers `GET /msi/token?api-version=2019-08-01&resource=...`.
pub(super) fn answer(credentials: &Credentials, request: &Parts, base: &str, now: u64) -> Response {
    let header = request.headers.get("x-identity-header").and_then(|value| value.to_str().ok());
    if !header.is_some_and(|header| credentials.is_client_secret(header)) {
        return error(StatusCode::UNAUTHORIZED, "The X-IDENTITY-HEADER is missing or wrong.");
    }
    let parameters = form::parse(request.uri.query().unwrap_or_default().as_bytes()).unwrap_or_default();
    let Some(resource) = parameters.get("resource").filter(|resource| !resource.is_empty()) else {
        return error(StatusCode::BAD_REQUEST, "The query parameter 'resource' is required.");
    };
    let body = json!({
        "access_token": credentials.issue_access_token(audience(resource, base), now),
        "expires_on": (now + TOKEN_LIFETIME_SECONDS).to_string(),
        "expires_in": TOKEN_LIFETIME_SECONDS.to_string(),
        "resource": resource,
        "token_type": "Bearer",
        "client_id": credentials.installation().client_id,
    });
    answer_json(StatusCode::OK, &body)
}

fn error(status: StatusCode, message: &str) -> Response {
    answer_json(status, &json!({"statusCode": status.as_u16(), "message": message}))
}
