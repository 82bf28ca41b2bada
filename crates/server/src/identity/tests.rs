//! Identity routes without a socket: what each path means, who gets a token, what the documents say.
//!
//! Expected values come from a real peer or from the documents that the case names, never from our own output.
//! Not here: what other test files of this room cover.

use http_body_util::BodyExt;
use serde_json::json;

use super::*;
use crate::config::{Paths, ServerConfig};

const NOW: u64 = 1_790_000_000;

struct Scratch {
    _folder: tempfile::TempDir,
    credentials: Credentials,
    secret: String,
}

fn scratch() -> Scratch {
    let folder = tempfile::tempdir().unwrap();
    let paths = Paths::new(folder.path());
    paths.prepare().unwrap();
    let installation = ServerConfig::open(&paths).unwrap().installation;
    let credentials = Credentials::open(&paths, &installation, &[]).unwrap();
    let secret = std::fs::read_to_string(paths.client_secret()).unwrap();
    Scratch { _folder: folder, credentials, secret }
}

impl Scratch {
    fn ask(&self, request: http::request::Builder, body: &str) -> (StatusCode, Value) {
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let route = route(&parts.method, parts.uri.path()).expect("an identity route");
        let body = Bytes::from(body.to_owned());
        let authority = Authority::from_static("localhost:8443");
        let response = route.answer(&self.credentials, &parts, &body, &authority, NOW);
        let status = response.status();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let body = runtime.block_on(response.into_body().collect()).unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    fn get(&self, uri: &str) -> (StatusCode, Value) {
        self.ask(http::Request::get(uri), "")
    }

    fn token(&self, path: &str, fields: &str) -> (StatusCode, Value) {
        let request = http::Request::post(path).header("content-type", "application/x-www-form-urlencoded");
        self.ask(request, fields)
    }

    fn good_fields(&self) -> String {
        let client_id = &self.credentials.installation().client_id;
        let scope = "https%3A%2F%2Fmanagement.core.windows.net%2F%2F.default";
        let secret = &self.secret;
        format!("client_id={client_id}&grant_type=client_credentials&client_info=1&client_secret={secret}&scope={scope}")
    }

    fn is_arm_token(&self, body: &Value) -> bool {
        let bearer = format!("Bearer {}", body["access_token"].as_str().unwrap());
        let headers = http::HeaderMap::from_iter([(http::header::AUTHORIZATION, bearer.parse().unwrap())]);
        self.credentials.authenticate(&crate::credentials::Realm::Arm, &headers, NOW).is_ok()
    }
}

#[test]
fn every_shape_of_token_route_gives_a_token_that_arm_accepts() {
    let scratch = scratch();
    let tenant = scratch.credentials.installation().tenant_id.clone();
    for path in [
        "/adfs/oauth2/token".to_owned(),
        format!("/{tenant}/oauth2/v2.0/token"),
        format!("/{}/oauth2/v2.0/token", tenant.to_uppercase()),
        format!("/{tenant}/oauth2/token"),
        format!("/adfs/{tenant}/oauth2/v2.0/token"),
        "/common/oauth2/v2.0/token".to_owned(),
    ] {
        let (status, body) = scratch.token(&path, &scratch.good_fields());
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(86_399)));
        assert!(scratch.is_arm_token(&body));
    }
    let by_resource = scratch.good_fields().replace("scope=", "resource=").replace("%2F.default", "");
    assert!(scratch.is_arm_token(&scratch.token("/adfs/oauth2/token", &by_resource).1));
}

#[test]
fn the_address_of_arm_itself_is_an_audience_of_arm_and_another_address_is_not() {
    let scratch = scratch();
    let asked = |resource: &str| {
        let scope = scratch.good_fields().replace("https%3A%2F%2Fmanagement.core.windows.net%2F%2F.default", resource);
        scratch.is_arm_token(&scratch.token("/adfs/oauth2/token", &scope).1)
    };
    // Terraform takes the resource manager's address of the metadata document, without its last slash.
    assert!(asked("https%3A%2F%2Flocalhost%3A8443%2F.default") && asked("https%3A%2F%2Flocalhost%3A8443%2F%2F.default"));
    assert!(!asked("https%3A%2F%2Flocalhost%3A8444%2F.default") && !asked("https%3A%2F%2Flocalhost%3A8443%2Fgraph%2F.default"));
    let uri = "/msi/token?api-version=2019-08-01&resource=https://localhost:8443";
    let request = http::Request::get(uri).header("X-IDENTITY-HEADER", &scratch.secret);
    assert!(scratch.is_arm_token(&scratch.ask(request, "").1));
}

#[test]
fn a_wrong_secret_or_client_gets_invalid_client_and_no_echo() {
    let scratch = scratch();
    let good = scratch.good_fields();
    let client_id = scratch.credentials.installation().client_id.clone();
    for fields in [
        good.replace(&scratch.secret, "CANARY"),
        good.replace(&scratch.secret, ""),
        good.replace("client_secret", "client_assertion"),
        good.replace(&client_id, "CANARY"),
    ] {
        let (status, body) = scratch.token("/adfs/oauth2/token", &fields);
        assert_eq!((status, &body["error"]), (StatusCode::UNAUTHORIZED, &json!("invalid_client")), "{fields}");
        assert!(body["error_description"].as_str().unwrap().starts_with("AADSTS7000215: "));
        assert!(!body.to_string().contains("CANARY") && !body.to_string().contains(&scratch.secret));
        assert_eq!(body["timestamp"], "2026-09-21 14:13:20Z");
    }
}

#[test]
fn malformed_token_requests_are_told_what_is_wrong() {
    let scratch = scratch();
    let good = scratch.good_fields();
    for (fields, error) in [
        (good.replace("client_credentials", "password"), "unsupported_grant_type"),
        (good.replace("grant_type", "x"), "invalid_request"),
        (good.replace("scope=", "x="), "invalid_request"),
        (format!("{good}&client_id=again"), "invalid_request"),
        (String::new(), "invalid_request"),
    ] {
        let (status, body) = scratch.token("/adfs/oauth2/token", &fields);
        assert_eq!((status, body["error"].as_str()), (StatusCode::BAD_REQUEST, Some(error)), "{fields}");
    }
    let as_text = http::Request::post("/adfs/oauth2/token").header("content-type", "text/plain");
    assert_eq!(scratch.ask(as_text, &good).0, StatusCode::BAD_REQUEST);
    let (status, body) = scratch.token("/other.example/oauth2/v2.0/token", &good);
    assert_eq!((status, &body["error_codes"]), (StatusCode::BAD_REQUEST, &json!([90_002])));
}

#[test]
fn managed_identity_needs_its_header() {
    let scratch = scratch();
    let uri = "/msi/token?api-version=2019-08-01&resource=https://management.core.windows.net/";
    assert_eq!(scratch.get(uri).0, StatusCode::UNAUTHORIZED);
    let with = |secret: &str, uri: &str| scratch.ask(http::Request::get(uri).header("X-IDENTITY-HEADER", secret), "");
    assert_eq!(with("local", uri).0, StatusCode::UNAUTHORIZED);
    let (status, body) = with(&scratch.secret, uri);
    assert_eq!(status, StatusCode::OK);
    assert_eq!(body["expires_on"], json!((NOW + 86_399).to_string()));
    assert!(scratch.is_arm_token(&body));
    assert_eq!(with(&scratch.secret, "/msi/token").0, StatusCode::BAD_REQUEST);
}

#[test]
fn documents_point_back_to_the_authority_that_was_asked() {
    let scratch = scratch();
    let (_, adfs) = scratch.get("/adfs/.well-known/openid-configuration");
    assert_eq!(adfs["issuer"], "https://localhost:8443/adfs");
    assert_eq!(adfs["token_endpoint"], "https://localhost:8443/adfs/oauth2/token");
    let tenant = &scratch.credentials.installation().tenant_id;
    let (_, entra) = scratch.get(&format!("/{tenant}/v2.0/.well-known/openid-configuration"));
    assert_eq!(entra["token_endpoint"], format!("https://localhost:8443/{tenant}/oauth2/v2.0/token"));
    assert_eq!(scratch.get("/else/v2.0/.well-known/openid-configuration").0, StatusCode::BAD_REQUEST);

    let (_, object) = scratch.get("/metadata/endpoints?api-version=2022-09-01");
    assert_eq!(object["authentication"]["loginEndpoint"], "https://localhost:8443/adfs");
    assert_eq!(object["authentication"]["identityProvider"], "AAD");
    assert_eq!(object["resourceManager"], "https://localhost:8443/");
    for version in ["2019-05-01", "2020-06-01"] {
        let (_, list) = scratch.get(&format!("/metadata/endpoints?api-version={version}"));
        assert_eq!(list, json!([object]));
    }
    assert_eq!(scratch.get("/metadata/endpoints").0, StatusCode::BAD_REQUEST);
}

#[test]
fn everything_else_is_no_identity_route() {
    for (method, path) in [
        ("GET", "/subscriptions"),
        ("GET", "/adfs/oauth2/token"),
        ("POST", "/metadata/endpoints"),
        ("DELETE", "/healthz"),
        ("POST", "/msi/token"),
        ("GET", "/adfs/oauth2/authorize"),
        ("POST", "/a/b/oauth2/v2.0/token/x"),
        ("GET", "/"),
    ] {
        assert_eq!(route(&method.parse().unwrap(), path), None, "{method} {path}");
    }
}
