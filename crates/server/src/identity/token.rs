//! The token endpoint: OAuth 2.0 client credentials (RFC 6749 section 4.4), with Entra's answers.
//!
//! Invariants: only the service principal's id with its secret gets a token; whichever of the two is wrong, nothing
//! is said about the other; an answer never repeats a secret.
//! Other grants (device code, authorization code, certificates) are refused.

use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use serde_json::json;

use super::{audience, form, json as answer_json};
use crate::credentials::{Credentials, TOKEN_LIFETIME_SECONDS, random_guid};
use crate::http::Response;

/// Answers a POST of one of the token routes.
pub(super) fn answer(credentials: &Credentials, request: &Parts, body: &Bytes, base: &str, now: u64) -> Response {
    match resource(credentials, request, body) {
        Ok(resource) => {
            let body = json!({
                "token_type": "Bearer",
                "expires_in": TOKEN_LIFETIME_SECONDS,
                "ext_expires_in": TOKEN_LIFETIME_SECONDS,
                "access_token": credentials.issue_access_token(audience(&resource, base), now),
            });
            answer_json(StatusCode::OK, &body)
        }
        Err(refused) => refused.response(now),
    }
}

/// A tenant that is not ours.
pub(super) fn unknown_tenant(tenant: &str, now: u64) -> Response {
    let shown: String = tenant.chars().filter(|c| c.is_ascii_alphanumeric() || "-.".contains(*c)).take(64).collect();
    let text = format!("Tenant '{shown}' not found. Run `nodelane env` to see the tenant of this server.");
    Refused::new(StatusCode::BAD_REQUEST, "invalid_request", 90_002, text).response(now)
}

/// What a valid request asks for a token for.
fn resource(credentials: &Credentials, request: &Parts, body: &Bytes) -> Result<String, Refused> {
    let bad = |code, text: &str| Refused::new(StatusCode::BAD_REQUEST, "invalid_request", code, text.to_owned());
    let content_type = request.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(bad(900_144, "The request body must be of type application/x-www-form-urlencoded."));
    }
    let fields = form::parse(body).ok_or_else(|| bad(90_013, "Invalid input received from the user."))?;
    let field = |name: &str| {
        let missing = || bad(900_144, &format!("The request body must contain the following parameter: '{name}'."));
        fields.get(name).filter(|value| !value.is_empty()).ok_or_else(missing)
    };
    if field("grant_type")? != "client_credentials" {
        let text = "The app requested an unsupported grant type; use client_credentials.".to_owned();
        return Err(Refused::new(StatusCode::BAD_REQUEST, "unsupported_grant_type", 70_003, text));
    }
    let client_id = field("client_id")?;
    let wrong = || {
        let text = "Invalid client id or client secret provided. Run `nodelane env` again to have the present ones.";
        Refused::new(StatusCode::UNAUTHORIZED, "invalid_client", 7_000_215, text.to_owned())
    };
    let secret = fields.get("client_secret").ok_or_else(wrong)?;
    if !credentials.is_client(client_id, secret) {
        return Err(wrong());
    }
    let scope = fields
        .get("scope")
        .or_else(|| fields.get("resource"))
        .ok_or(bad(900_144, "The request body must contain the following parameter: 'scope'."))?;
    let first = scope.split(' ').next().unwrap_or_default();
    Ok(first.strip_suffix("/.default").unwrap_or(first).to_owned())
}

/// A refusal with OAuth's error, Entra's number and its text.
struct Refused {
    status: StatusCode,
    error: &'static str,
    code: u32,
    text: String,
}

impl Refused {
    fn new(status: StatusCode, error: &'static str, code: u32, text: String) -> Self {
        Self { status, error, code, text }
    }

    fn response(&self, now: u64) -> Response {
        let id = || random_guid().unwrap_or_default();
        let (trace_id, correlation_id) = (id(), id());
        let Self { error, code, text, .. } = self;
        let timestamp = i64::try_from(now).ok().and_then(|now| jiff::Timestamp::from_second(now).ok());
        let timestamp = timestamp.unwrap_or_default().strftime("%Y-%m-%d %H:%M:%SZ").to_string();
        let description = format!("AADSTS{code}: {text} Trace ID: {trace_id} Correlation ID: {correlation_id} Timestamp: {timestamp}");
        let body = json!({
            "error": error, "error_description": description, "error_codes": [code], "timestamp": timestamp,
            "trace_id": trace_id, "correlation_id": correlation_id,
        });
        answer_json(self.status, &body)
    }
}
