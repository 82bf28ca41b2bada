//! The answers that the edge gives before a handler: in the shape that the clients of each realm read.
//!
//! ARM: `{"error":{"code","message"}}` (arm-wire section 6); Kubernetes: a `Status`. 401 of ARM carries the
//! `WWW-Authenticate` of arm-wire section 3. No domain refusal is here.

use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::uri::Authority;
use http::{HeaderValue, StatusCode};
use serde_json::json;

use super::limits::{BODY_BYTES_MAX, BODY_SECONDS_MAX};
use super::{Response, full};
use crate::credentials::{Realm, Unauthenticated};
use crate::guard::Intrusion;

/// Why the edge answers itself.
#[derive(Debug)]
pub(super) enum Refusal {
    Intrusion(Intrusion),
    Unauthenticated { why: Unauthenticated, authority: Authority, tenant_id: String },
    Busy,
    BodyTooLarge,
    BodyTooSlow,
    BodyBrokenOff,
    Panicked,
}

impl Refusal {
    /// The answer in the shape of `realm`.
    pub(super) fn response(&self, realm: &Realm) -> Response {
        let (status, arm_code, reason, message) = self.words();
        let body = match realm {
            Realm::Arm => json!({"error": {"code": arm_code, "message": message}}),
            Realm::Kubernetes(_) => json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": message, "reason": reason, "code": status.as_u16(),
            }),
        };
        let mut response = full(status, "application/json", body.to_string());
        let headers = response.headers_mut();
        match self {
            Self::Busy => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            Self::Unauthenticated { authority, tenant_id, .. } => {
                let challenge = match realm {
                    Realm::Arm => {
                        format!("Bearer authorization_uri=\"https://{authority}/{tenant_id}\", error=\"invalid_token\"")
                    }
                    Realm::Kubernetes(_) => "Bearer".to_owned(),
                };
                let challenge = HeaderValue::try_from(challenge).expect("an authority and a GUID are visible ASCII");
                headers.insert(WWW_AUTHENTICATE, challenge);
            }
            _ => {}
        }
        response
    }

    /// Status, ARM code, Kubernetes reason, message.
    fn words(&self) -> (StatusCode, &'static str, &'static str, String) {
        match self {
            Self::Intrusion(intrusion) => {
                let code = match intrusion {
                    Intrusion::ForeignHost => "MisdirectedRequest",
                    Intrusion::ForeignOrigin | Intrusion::CrossSite | Intrusion::SimpleContent => "Forbidden",
                };
                (intrusion.status(), code, code, intrusion.to_string())
            }
            Self::Unauthenticated { why, .. } => {
                let code = match why {
                    Unauthenticated::Missing => "AuthenticationFailed",
                    Unauthenticated::Invalid => "InvalidAuthenticationToken",
                    Unauthenticated::Expired => "ExpiredAuthenticationToken",
                };
                (StatusCode::UNAUTHORIZED, code, "Unauthorized", format!("Authentication failed: {why}."))
            }
            Self::Busy => {
                let message = "The server has too many requests at hand, please try again later.".to_owned();
                (StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", "TooManyRequests", message)
            }
            Self::BodyTooLarge => {
                let message = format!("Request entity too large: limit is {BODY_BYTES_MAX}");
                (StatusCode::PAYLOAD_TOO_LARGE, "RequestContentTooLarge", "RequestEntityTooLarge", message)
            }
            Self::BodyTooSlow => {
                let message = format!("The request body did not arrive within {BODY_SECONDS_MAX} seconds.");
                (StatusCode::REQUEST_TIMEOUT, "RequestTimeout", "Timeout", message)
            }
            Self::BodyBrokenOff => {
                let message = "The request body ended early.".to_owned();
                (StatusCode::BAD_REQUEST, "BadRequest", "BadRequest", message)
            }
            Self::Panicked => {
                let message = "This is a defect of the server; the request may have been carried out.".to_owned();
                (StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", "InternalError", message)
            }
        }
    }
}
