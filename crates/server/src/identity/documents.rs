//! The documents that clients discover everything from: OpenID metadata and ARM's cloud metadata.
//!
//! Shapes as in arm-wire section 3. One login endpoint, ending in `/adfs`, serves az and Terraform alike.

use http::StatusCode;
use serde_json::{Value, json};

use super::form;
use super::json as answer;
use crate::http::Response;

/// The name of our cloud: not `AzureStackCloud`, which Terraform refuses.
const CLOUD: &str = "Nodelane";
/// From this api-version on, the metadata is one object; before, a list (arm-wire section 3).
const FIRST_OBJECT_VERSION: &str = "2022-09-01";

/// OpenID metadata in the shape of AD FS.
pub(super) fn adfs(base: &str) -> Response {
    answer(StatusCode::OK, &configuration(&format!("{base}/adfs"), &format!("{base}/adfs/oauth2"), base))
}

/// OpenID metadata in the shape of Entra.
pub(super) fn tenant(base: &str, tenant: &str) -> Response {
    let issuer = format!("{base}/{tenant}/v2.0");
    answer(StatusCode::OK, &configuration(&issuer, &format!("{base}/{tenant}/oauth2/v2.0"), base))
}

fn configuration(issuer: &str, endpoints: &str, base: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{endpoints}/authorize"),
        "token_endpoint": format!("{endpoints}/token"),
        "device_authorization_endpoint": format!("{endpoints}/devicecode"),
        "jwks_uri": format!("{base}/adfs/discovery/keys"),
    })
}

/// ARM's `/metadata/endpoints`.
pub(super) fn cloud(base: &str, query: Option<&str>) -> Response {
    let parameters = form::parse(query.unwrap_or_default().as_bytes()).unwrap_or_default();
    let Some(version) = parameters.get("api-version") else {
        let message = "The api-version query parameter (?api-version=) is required for all requests.";
        let error = json!({"error": {"code": "MissingApiVersionParameter", "message": message}});
        return answer(StatusCode::BAD_REQUEST, &error);
    };
    let cloud = metadata(base);
    let is_object = version.as_str() >= FIRST_OBJECT_VERSION;
    answer(StatusCode::OK, &if is_object { cloud } else { json!([cloud]) })
}

fn metadata(base: &str) -> Value {
    let graph = format!("{base}/graph/");
    json!({
        "portal": base, "name": CLOUD, "gallery": base, "graph": base, "graphAudience": graph,
        "microsoftGraphResourceId": graph, "batch": base, "media": base, "sqlManagement": base,
        "vmImageAliasDoc": base, "activeDirectoryDataLake": base, "resourceManager": format!("{base}/"),
        "authentication": {
            "loginEndpoint": format!("{base}/adfs"),
            "audiences": ["https://management.core.windows.net/", "https://management.azure.com/"],
            "tenant": "common", "identityProvider": "AAD",
        },
        "suffixes": {
            "acrLoginServer": "azurecr.local", "keyVaultDns": "vault.local", "storage": "core.local",
            "sqlServerHostname": "database.local",
        },
    })
}
