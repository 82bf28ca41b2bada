//! The part of Entra, App Service and ARM that a client asks before it has a token (arm-wire section 3).
//!
//! Invariants: these are the only routes of the ARM listener without a bearer token, and none tells or changes
//! anything of the domain; a token is given for the service principal's secret only; every link in an answer begins
//! with the authority by which the client came. Subscriptions and everything else of ARM are not here.

mod documents;
mod form;
mod managed;
mod token;

use bytes::Bytes;
use http::request::Parts;
use http::uri::Authority;
use http::{Method, StatusCode};
use serde_json::Value;

use crate::credentials::{Credentials, MANAGEMENT_AUDIENCES};
use crate::http::{Response, full};

/// Token requests are under 2 KiB; 32 KiB leave room for long `claims` and assertions.
const FORM_BYTES_MAX: usize = 32 * 1024;

/// A route that needs no bearer token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// OpenID metadata below `/adfs`, which keeps MSAL from instance discovery.
    AdfsConfiguration,
    /// OpenID metadata of a tenant.
    TenantConfiguration(String),
    /// The public keys: none, tokens are signed with a secret one.
    Keys,
    /// Client credentials against a token; the tenant when the path names one.
    Token(Option<String>),
    /// A token for App Service's managed identity.
    ManagedIdentity,
    /// ARM's cloud metadata.
    Metadata,
    /// Whether the process answers.
    Health,
}

/// The identity route of this method and path, or `None`: then a bearer token is needed. Case-insensitive.
pub fn route(method: &Method, path: &str) -> Option<Route> {
    let path = path.to_ascii_lowercase();
    let segments: Vec<&str> = path.trim_matches('/').splitn(6, '/').collect();
    let tenant = |tenant: &str| tenant.to_owned();
    match (method.as_str(), segments.as_slice()) {
        ("GET", ["healthz"]) => Some(Route::Health),
        ("GET", ["metadata", "endpoints"]) => Some(Route::Metadata),
        ("GET", ["msi", "token"]) => Some(Route::ManagedIdentity),
        ("GET", ["adfs", ".well-known", "openid-configuration"]) => Some(Route::AdfsConfiguration),
        ("GET", ["adfs", "discovery", "keys"]) => Some(Route::Keys),
        ("GET", [id, "v2.0", ".well-known", "openid-configuration"]) => Some(Route::TenantConfiguration(tenant(id))),
        ("POST", ["adfs", "oauth2", "token"]) => Some(Route::Token(None)),
        ("POST", [id, "oauth2", "token"] | [id, "oauth2", "v2.0", "token"]) => Some(Route::Token(Some(tenant(id)))),
        ("POST", ["adfs", id, "oauth2", "token"] | ["adfs", id, "oauth2", "v2.0", "token"]) => Some(Route::Token(Some(tenant(id)))),
        _ => None,
    }
}

impl Route {
    /// Largest body that the route reads.
    pub fn body_bytes_max(&self) -> usize {
        match self {
            Self::Token(_) => FORM_BYTES_MAX,
            _ => 0,
        }
    }

    /// Answers the request.
    pub fn answer(
        &self,
        credentials: &Credentials,
        request: &Parts,
        body: &Bytes,
        authority: &Authority,
        now_unix_seconds: u64,
    ) -> Response {
        let base = format!("https://{authority}");
        match self {
            Self::Health => full(StatusCode::OK, "text/plain; charset=utf-8", "ok"),
            Self::Keys => json(StatusCode::OK, &serde_json::json!({"keys": []})),
            Self::Metadata => documents::cloud(&base, request.uri.query()),
            Self::AdfsConfiguration => documents::adfs(&base),
            Self::TenantConfiguration(tenant) if is_ours(credentials, tenant) => documents::tenant(&base, tenant),
            Self::TenantConfiguration(tenant) => token::unknown_tenant(tenant, now_unix_seconds),
            Self::Token(Some(tenant)) if !is_ours(credentials, tenant) => token::unknown_tenant(tenant, now_unix_seconds),
            Self::Token(_) => token::answer(credentials, request, body, &base, now_unix_seconds),
            Self::ManagedIdentity => managed::answer(credentials, request, &base, now_unix_seconds),
        }
    }
}

/// Our tenant, or one of the names that stand for a caller's own.
fn is_ours(credentials: &Credentials, tenant: &str) -> bool {
    tenant == credentials.installation().tenant_id || ["adfs", "common", "organizations"].contains(&tenant)
}

/// The audience of a token asked for `resource`. The address of ARM itself, which clients of a cloud that is not built into them ask for
/// (Terraform, Go), means ARM's first audience.
fn audience<'a>(resource: &'a str, base: &str) -> &'a str {
    if resource.trim_end_matches('/') == base { MANAGEMENT_AUDIENCES[0] } else { resource }
}

fn json(status: StatusCode, body: &Value) -> Response {
    let mut response = full(status, "application/json; charset=utf-8", body.to_string());
    let no_store = http::HeaderValue::from_static("no-store");
    response.headers_mut().insert(http::header::CACHE_CONTROL, no_store);
    response
}

#[cfg(test)]
mod tests;
