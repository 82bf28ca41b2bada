//! The one way from a connection to a handler: guard, room, identity routes, authentication, body, handler.
//!
//! Invariants: the guard is first on every route; nobody unauthenticated reaches a handler, except for the health and
//! version routes of Kubernetes; nobody unauthenticated makes us buffer more than a token request.
//! Which paths mean what beyond that is the handler's.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, AUTHORIZATION, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::uri::Authority;
use http_body_util::BodyExt;
use hyper::body::Body as HttpBody;
use tokio::sync::watch;

use super::body::{Bounded, Unread, read, step_over};
use super::limits::{BODY_BYTES_MAX, BODY_SECONDS_MAX, Limits, STEPPED_OVER_BYTES_MAX};
use super::refusal::Refusal;
use super::{Handler, Request, Response};
use crate::credentials::{Credentials, Principal, Realm};
use crate::{clock, guard, identity};

/// Routes of Kubernetes that need no credentials, as its `system:public-info-viewer` allows.
const PUBLIC_PATHS: [&str; 4] = ["/healthz", "/livez", "/readyz", "/version"];

/// What stands before the handler of one realm.
pub struct Edge<H> {
    realm: Realm,
    credentials: Arc<Credentials>,
    limits: Arc<Limits>,
    handler: Arc<H>,
    shutdown: watch::Receiver<bool>,
}

impl<H: Handler> Edge<H> {
    /// An edge before `handler`. Streams end when `shutdown` turns true.
    pub fn new(realm: Realm, credentials: Arc<Credentials>, limits: Arc<Limits>, shutdown: watch::Receiver<bool>, handler: Arc<H>) -> Self {
        Self { realm, credentials, limits, handler, shutdown }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) fn shutdown(&self) -> watch::Receiver<bool> {
        self.shutdown.clone()
    }

    /// Answers one request, whatever it is.
    pub async fn call<B>(&self, request: http::Request<B>) -> Response
    where
        B: HttpBody<Data = Bytes> + Unpin + Send,
    {
        let answer = self.answer(request).await;
        let mut response = answer.unwrap_or_else(|refusal| refusal.response(&self.realm));
        let headers = response.headers_mut();
        headers.remove(ACCESS_CONTROL_ALLOW_ORIGIN); // whatever a handler thinks: no page of another origin reads this
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }

    async fn answer<B>(&self, request: http::Request<B>) -> Result<Response, Refusal>
    where
        B: HttpBody<Data = Bytes> + Unpin + Send,
    {
        let (mut parts, body) = request.into_parts();
        let authority = guard::admit(&parts).map_err(Refusal::Intrusion)?;
        let room = self.limits.request().await.ok_or(Refusal::Busy)?;
        if self.realm == Realm::Arm
            && let Some(route) = identity::route(&parts.method, parts.uri.path())
        {
            let body = self.body(body, route.body_bytes_max()).await?.0;
            return Ok(route.answer(&self.credentials, &parts, &body, &authority, clock::unix_seconds()));
        }
        let principal = self.principal(&parts, &authority)?;
        parts.headers.remove(AUTHORIZATION);
        let (body, buffered) = self.body(body, BODY_BYTES_MAX).await?;
        let handler = self.handler.clone();
        // A task of its own: a write runs to its end when the client hangs up, and a panic is contained.
        let answered = tokio::spawn(async move {
            let _held = (room, buffered);
            handler.handle(Request { parts, body, principal, authority }).await
        });
        let response = answered.await.map_err(|_| Refusal::Panicked)?;
        if response.body().size_hint().exact().is_some() { Ok(response) } else { self.stream(response) }
    }

    fn principal(&self, parts: &http::request::Parts, authority: &Authority) -> Result<Principal, Refusal> {
        let authenticated = self.credentials.authenticate(&self.realm, &parts.headers, clock::unix_seconds());
        authenticated.or_else(|why| {
            if matches!(self.realm, Realm::Kubernetes(_)) && is_public(parts.uri.path()) {
                return Ok(Principal::anonymous());
            }
            let tenant_id = self.credentials.installation().tenant_id.clone();
            Err(Refusal::Unauthenticated { why, authority: authority.clone(), tenant_id })
        })
    }

    /// Reads a body while its share of the common room is held; a body of unknown length counts as the largest.
    async fn body<B>(&self, mut body: B, limit: usize) -> Result<(Bytes, tokio::sync::OwnedSemaphorePermit), Refusal>
    where
        B: HttpBody<Data = Bytes> + Unpin,
    {
        let announced = body.size_hint().upper().and_then(|upper| usize::try_from(upper).ok());
        let room = self.limits.body(announced.unwrap_or(limit).min(limit)).await.ok_or(Refusal::Busy)?;
        let patience = Duration::from_secs(BODY_SECONDS_MAX);
        match tokio::time::timeout(patience, read(&mut body, limit)).await {
            Ok(Ok(bytes)) => Ok((bytes, room)),
            Ok(Err(Unread::TooLarge)) => {
                let _ = tokio::time::timeout(patience, step_over(body, STEPPED_OVER_BYTES_MAX)).await;
                Err(Refusal::BodyTooLarge)
            }
            Ok(Err(Unread::BrokenOff)) => Err(Refusal::BodyBrokenOff),
            Err(_) => Err(Refusal::BodyTooSlow),
        }
    }

    fn stream(&self, response: Response) -> Result<Response, Refusal> {
        let permit = self.limits.stream().ok_or(Refusal::Busy)?;
        let mut down = self.shutdown.clone();
        let shutdown = Box::pin(async move {
            let _ = down.wait_for(|down| *down).await;
        });
        Ok(response.map(|body| Bounded { body, shutdown, _permit: permit }.boxed_unsync()))
    }
}

fn is_public(path: &str) -> bool {
    let is_below = |rest: &str| rest.is_empty() || rest.starts_with('/');
    PUBLIC_PATHS.iter().any(|public| path.strip_prefix(public).is_some_and(is_below))
}
