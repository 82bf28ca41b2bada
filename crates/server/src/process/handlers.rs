//! What stands between the edge and the rooms that know ARM and Kubernetes: words are exchanged, nothing is decided.
//!
//! Every request gets an id here, and an origin that goes into the log with whatever it changes.
//! Not here: authentication (the edge has done it).

use crate::credentials::{Principal, PrincipalKind};
use crate::http::{Handler, JSON_DEPTH_MAX, Request, Response, frames, is_json_depth_within};
use http::HeaderMap;
use nodelane_model::Origin;
use nodelane_server_arm::Arm;
use nodelane_server_k8s::{Answer, Api, Body, Call};
use std::sync::atomic::{AtomicU64, Ordering};

/// Frames of a watch that may wait for a slow client. Past this the watch waits too: it is only a cursor.
const FRAMES_WAITING: usize = 16;

const PROTOBUF: &[u8] = nodelane_k8s::protobuf::CONTENT_TYPE.as_bytes();

static REQUESTS: AtomicU64 = AtomicU64::new(1);

/// Who asks, as the log keeps it.
fn origin(principal: &Principal, headers: &HeaderMap) -> Origin {
    let header = |name: &str| nodelane_model::Name::from(headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default());
    let number = REQUESTS.fetch_add(1, Ordering::Relaxed);
    let id = nodelane_model::Uid::derive(u64::from(std::process::id()), crate::clock::unix_seconds(), number).to_string();
    let correlation_id = header("x-ms-correlation-request-id");
    Origin {
        principal: match &principal.kind {
            PrincipalKind::Node(name) => nodelane_model::Principal::Node(name.as_str().into()),
            _ => nodelane_model::Principal::User(principal.name.as_str().into()),
        },
        correlation_id: if correlation_id.is_empty() { id.as_str().into() } else { correlation_id },
        request_id: id.into(),
        client_request_id: header("x-ms-client-request-id"),
        api_version: nodelane_model::Name::default(),
        user_agent: user_agent(headers),
        overrides_manager: header("x-nodelane-override-managed-by").eq_ignore_ascii_case("true"),
    }
}

/// What the client calls itself, shortened to what the log keeps; other bytes than ASCII are left out.
fn user_agent(headers: &HeaderMap) -> nodelane_model::Name {
    let all = headers.get_all(http::header::USER_AGENT).into_iter().flat_map(|value| value.as_bytes());
    all.copied().filter(u8::is_ascii).map(char::from).take(nodelane_model::change::USER_AGENT_LENGTH).collect()
}

fn response(status: u16, headers: HeaderMap, body: crate::http::Body) -> Response {
    let mut response = http::Response::new(body);
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = headers;
    response
}

fn whole(status: u16, headers: HeaderMap, bytes: bytes::Bytes) -> Response {
    let (_, body) = crate::http::full(http::StatusCode::OK, "application/json", bytes).into_parts();
    response(status, headers, body)
}

/// Answers for the Kubernetes API of one cluster.
pub struct KubernetesHandler {
    /// The API.
    pub api: Api,
}

impl Handler for KubernetesHandler {
    async fn handle(&self, request: Request) -> Response {
        // Protobuf is as deep as its schema; its bytes are no brackets.
        let is_protobuf = request.parts.headers.get(http::header::CONTENT_TYPE).is_some_and(|media| media.as_bytes().starts_with(PROTOBUF));
        if !is_protobuf && !is_json_depth_within(&request.body, JSON_DEPTH_MAX) {
            let status = nodelane_k8s::status::Status::bad_request(format!("the body is nested deeper than {JSON_DEPTH_MAX} levels"));
            let answer = Answer::status(&status);
            return match answer.body {
                Body::Whole(bytes) => whole(answer.status, answer.headers, bytes),
                Body::Frames(_) => whole(answer.status, answer.headers, bytes::Bytes::new()),
            };
        }
        let origin = origin(&request.principal, &request.parts.headers);
        let call = Call {
            method: request.parts.method,
            path: request.parts.uri.path().to_owned(),
            query: request.parts.uri.query().unwrap_or_default().to_owned(),
            headers: request.parts.headers,
            body: request.body,
            origin,
            user: request.principal.name,
            groups: request.principal.groups,
        };
        let answer = self.api.handle(call).await;
        match answer.body {
            Body::Whole(bytes) => whole(answer.status, answer.headers, bytes),
            Body::Frames(mut watch) => {
                let (sender, body) = frames(FRAMES_WAITING);
                tokio::spawn(async move {
                    loop {
                        let next = tokio::select! {
                            next = watch.next() => next,
                            () = sender.closed() => return,
                        };
                        let Some(frames) = next else { return };
                        if sender.send(frames).await.is_err() {
                            return;
                        }
                    }
                });
                response(answer.status, answer.headers, body)
            }
        }
    }
}

/// Answers for ARM.
pub struct ArmHandler {
    /// The API.
    pub arm: Arm,
}

impl Handler for ArmHandler {
    async fn handle(&self, request: Request) -> Response {
        let origin = origin(&request.principal, &request.parts.headers);
        let call = nodelane_server_arm::Request {
            method: request.parts.method,
            path: request.parts.uri.path().to_owned(),
            query: request.parts.uri.query().unwrap_or_default().to_owned(),
            headers: request.parts.headers,
            too_deep: !is_json_depth_within(&request.body, JSON_DEPTH_MAX),
            body: request.body,
            origin,
            base: format!("https://{}", request.authority),
        };
        let answer = self.arm.handle(call).await;
        whole(answer.status, answer.headers, answer.body)
    }
}
