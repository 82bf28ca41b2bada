//! The edge and the listener with a test-only handler; `intrusion` without sockets, `wire` over real TLS.
//!
//! Expected values come from a real peer or from the documents that the case names, never from our own output.
//! Not here: what other test files of this room cover.

mod intrusion;
mod wire;

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, AUTHORIZATION};
use http_body_util::{BodyExt, Full};
use tokio::sync::watch;

use super::*;
use crate::clock;
use crate::config::{Paths, ServerConfig};
use crate::credentials::{Credentials, Realm};

/// Answers with what it sees; `/stream` sends `first` and stays open, `/panic` does.
struct Mirror;

impl Handler for Mirror {
    async fn handle(&self, request: Request) -> Response {
        match request.parts.uri.path() {
            "/panic" => panic!("a defect of the handler"),
            "/stream" => {
                let (sender, body) = frames(4);
                tokio::spawn(async move {
                    let _ = sender.send(Bytes::from_static(b"first\n")).await;
                    sender.closed().await;
                });
                http::Response::new(body)
            }
            _ => {
                let seen = format!("{request:?}");
                let mut response = full(StatusCode::OK, "text/plain", seen);
                response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, http::HeaderValue::from_static("*"));
                response
            }
        }
    }
}

/// A data directory with two edges before mirrors.
struct Scratch {
    paths: Paths,
    credentials: Arc<Credentials>,
    arm: Arc<Edge<Mirror>>,
    kubernetes: Arc<Edge<Mirror>>,
    shutdown: watch::Sender<bool>,
    _folder: tempfile::TempDir,
}

fn scratch() -> Scratch {
    let folder = tempfile::tempdir().unwrap();
    let paths = Paths::new(folder.path());
    paths.prepare().unwrap();
    let installation = ServerConfig::open(&paths).unwrap().installation;
    let credentials = Arc::new(Credentials::open(&paths, &installation, &["dev"]).unwrap());
    let (shutdown, down) = watch::channel(false);
    let limits = Arc::new(Limits::default());
    let edge = |realm| Edge::new(realm, credentials.clone(), limits.clone(), down.clone(), Arc::new(Mirror)).into();
    let (arm, kubernetes) = (edge(Realm::Arm), edge(Realm::Kubernetes("dev".to_owned())));
    Scratch { paths, credentials, arm, kubernetes, shutdown, _folder: folder }
}

impl Scratch {
    fn arm_bearer(&self) -> String {
        let token = self.credentials.issue_access_token("https://management.azure.com/", clock::unix_seconds());
        format!("Bearer {token}")
    }

    fn cluster_bearer(&self) -> String {
        format!("Bearer {}", std::fs::read_to_string(self.paths.cluster_token("dev")).unwrap())
    }
}

async fn call(edge: &Edge<Mirror>, request: http::request::Builder, body: &'static str) -> http::Response<Bytes> {
    let response = edge.call(request.body(Full::from(body)).unwrap()).await;
    let (parts, body) = response.into_parts();
    http::Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
}

fn ask(method: &str, path: &str) -> http::request::Builder {
    http::Request::builder().method(method).uri(path).header("host", "localhost:8443")
}

#[tokio::test]
async fn without_a_bearer_each_realm_refuses_in_its_own_shape() {
    let scratch = scratch();
    let arm = call(&scratch.arm, ask("GET", "/subscriptions?api-version=2022-12-01"), "").await;
    assert_eq!(arm.status(), StatusCode::UNAUTHORIZED);
    let tenant = &scratch.credentials.installation().tenant_id;
    let challenge = format!("Bearer authorization_uri=\"https://localhost:8443/{tenant}\", error=\"invalid_token\"");
    assert_eq!(arm.headers()["www-authenticate"], challenge);
    let body: serde_json::Value = serde_json::from_slice(arm.body()).unwrap();
    assert_eq!(body["error"]["code"], "AuthenticationFailed");

    let wrong = ask("GET", "/api/v1/nodes").header(AUTHORIZATION, scratch.arm_bearer());
    let kubernetes = call(&scratch.kubernetes, wrong, "").await;
    assert_eq!(kubernetes.status(), StatusCode::UNAUTHORIZED);
    let body: serde_json::Value = serde_json::from_slice(kubernetes.body()).unwrap();
    assert_eq!((&body["kind"], &body["reason"]), (&"Status".into(), &"Unauthorized".into()));
}

#[tokio::test]
async fn only_health_and_version_of_kubernetes_are_public_and_anonymous() {
    let scratch = scratch();
    for (path, status) in [
        ("/healthz", 200),
        ("/readyz/ping", 200),
        ("/livez?verbose", 200),
        ("/version", 200),
        ("/versions", 401),
        ("/api", 401),
        ("/openapi/v3", 401),
        ("/", 401),
        ("/adfs/.well-known/openid-configuration", 401),
    ] {
        let answer = call(&scratch.kubernetes, ask("GET", path), "").await;
        assert_eq!(answer.status(), status, "{path}");
        if status == 200 {
            assert!(String::from_utf8_lossy(answer.body()).contains("system:anonymous"), "{path}");
        }
    }
    assert_eq!(call(&scratch.arm, ask("GET", "/healthz"), "").await.body(), "ok");
    assert_eq!(call(&scratch.arm, ask("GET", "/version"), "").await.status(), 401);
}

#[tokio::test]
async fn a_handler_never_sees_the_bearer_and_no_answer_has_cors() {
    let scratch = scratch();
    let bearer = scratch.cluster_bearer();
    let request = ask("POST", "/api/v1/pods").header(AUTHORIZATION, &bearer);
    let answer = call(&scratch.kubernetes, request, "the body").await;
    assert_eq!(answer.status(), 200);
    let seen = String::from_utf8_lossy(answer.body()).into_owned();
    assert!(seen.contains("masterclient") && seen.contains("the body") && seen.contains("localhost:8443"));
    assert!(!seen.contains(bearer.strip_prefix("Bearer ").unwrap()));
    assert!(!answer.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
    assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_and_a_token_form_has_a_lower_one() {
    let scratch = scratch();
    let post = |path: &str| ask("POST", path).header(AUTHORIZATION, scratch.arm_bearer());
    let sized = |bytes: usize| Full::new(Bytes::from(vec![b'a'; bytes]));
    let status = async |path: &str, bytes| scratch.arm.call(post(path).body(sized(bytes)).unwrap()).await.status();
    assert_eq!(status("/x", BODY_BYTES_MAX).await, 200);
    assert_eq!(status("/x", BODY_BYTES_MAX + 1).await, 413);
    assert_eq!(status("/adfs/oauth2/token", 32 * 1024 + 1).await, 413);
}

#[tokio::test]
async fn a_panic_of_the_handler_is_a_500_and_the_next_request_is_served() {
    let scratch = scratch();
    for (path, status) in [("/panic", 500), ("/x", 200)] {
        let request = ask("GET", path).header(AUTHORIZATION, scratch.arm_bearer());
        assert_eq!(call(&scratch.arm, request, "").await.status(), status);
    }
}
