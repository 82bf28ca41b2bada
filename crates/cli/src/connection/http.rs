//! HTTP/1.1 over one TLS connection, kept for all requests of a command.
//!
//! Invariants: one handshake a command; an idle connection that the server closed is opened again; what Azure's
//! clients repeat is repeated as often and as late (azure-core: 408, 429, 500, 502, 503, 504, three times).

use std::sync::Arc;
use std::time::Duration;

use ::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, RETRY_AFTER};
use ::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::az::Failure;

/// Repeats of a request that the server could not serve.
const REPEATS: u32 = 3;
/// An answer is at most this: 1,000 pools of 16 KiB.
const ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// A server's answer.
#[derive(Debug)]
pub struct Answer {
    /// Status code.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Whole body.
    pub body: Bytes,
}

impl Answer {
    /// A header as text.
    pub fn header(&self, name: impl ::http::header::AsHeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// `Retry-After` in seconds; fractions are allowed.
    pub fn retry_after(&self) -> Option<Duration> {
        let seconds: f64 = self.header(RETRY_AFTER)?.trim().parse().ok()?;
        Duration::try_from_secs_f64(seconds).ok()
    }

    /// The body read as JSON.
    pub fn read<T: serde::de::DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Failure::refused(format!("the server's answer is not what was expected: {error}; is it a nodelane?")))
    }

    /// The answer, or the refusal in it.
    pub fn accepted(self) -> Result<Self, Failure> {
        if self.status.is_success() { Ok(self) } else { Err(Failure::from_response(self.status, &self.body)) }
    }
}

/// What a client shows a server that asks who it is.
pub struct Identity {
    /// Its certificate, with those that vouch for it.
    pub certificates: Vec<CertificateDer<'static>>,
    /// Its key.
    pub key: PrivateKeyDer<'static>,
}

/// A connection to one server.
pub struct Http {
    authority: String,
    tls: TlsConnector,
    bearer: Option<HeaderValue>,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Http {
    /// To `authority` (`host:port`), trusting `roots` only. Nothing is sent yet.
    pub fn new(authority: &str, roots: &[CertificateDer<'static>]) -> Result<Self, Failure> {
        Self::with_identity(authority, roots, None)
    }

    /// The same, showing a certificate to a server that asks for one.
    pub fn with_identity(authority: &str, roots: &[CertificateDer<'static>], identity: Option<Identity>) -> Result<Self, Failure> {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(roots.iter().cloned());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let refused = |error: rustls::Error| Failure::refused(error.to_string());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(refused)?
            .with_root_certificates(store);
        let config = match identity {
            Some(identity) => config.with_client_auth_cert(identity.certificates, identity.key).map_err(refused)?,
            None => config.with_no_client_auth(),
        };
        Ok(Self { authority: authority.to_owned(), tls: Arc::new(config).into(), bearer: None, sender: None })
    }

    /// Sends this token with all further requests.
    pub fn authorize(&mut self, token: &str) -> Result<(), Failure> {
        let value = HeaderValue::from_str(&format!("Bearer {token}"));
        self.bearer = Some(value.map_err(|_| Failure::refused("the server's token is not a header value"))?);
        Ok(())
    }

    /// Sends a request; repeats it as Azure's clients do. The answer may be a refusal.
    pub async fn send(
        &mut self,
        method: &Method,
        path: &str,
        headers: &[(HeaderName, HeaderValue)],
        body: Option<&[u8]>,
    ) -> Result<Answer, Failure> {
        let mut repeated = 0;
        loop {
            let answer = self.send_once(method, path, headers, body).await?;
            let code = answer.status.as_u16();
            let may_repeat = matches!(code, 408 | 429 | 500 | 502 | 503 | 504) && method != Method::POST || code == 429;
            if !may_repeat || repeated == REPEATS {
                return Ok(answer);
            }
            let backoff = Duration::from_millis(if repeated == 0 { 0 } else { 800 << repeated });
            tokio::time::sleep(answer.retry_after().unwrap_or(backoff)).await;
            repeated += 1;
        }
    }

    async fn send_once(
        &mut self,
        method: &Method,
        path: &str,
        headers: &[(HeaderName, HeaderValue)],
        body: Option<&[u8]>,
    ) -> Result<Answer, Failure> {
        let mut request = Request::builder().method(method).uri(path).header(HOST, &self.authority);
        if let Some(bearer) = &self.bearer {
            request = request.header(AUTHORIZATION, bearer);
        }
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let body = Full::new(Bytes::copy_from_slice(body.unwrap_or_default()));
        let mut request = request.body(body).map_err(|error| Failure::refused(format!("{path}: {error}")))?;
        for (name, value) in headers {
            request.headers_mut().insert(name, value.clone()); // a caller's content type replaces ours
        }
        let authority = self.authority.clone();
        let broken = |error: hyper::Error| Failure::refused(format!("the connection to {authority} broke: {error}"));
        let sender = self.ready().await?;
        let response = sender.send_request(request).await.map_err(broken)?;
        let (head, body) = response.into_parts();
        let limited = http_body_util::Limited::new(body, ANSWER_BYTES);
        let body = limited.collect().await.map_err(|error| Failure::refused(format!("the answer broke off: {error}")))?;
        Ok(Answer { status: head.status, headers: head.headers, body: body.to_bytes() })
    }

    async fn ready(&mut self) -> Result<&mut SendRequest<Full<Bytes>>, Failure> {
        let is_open = match &mut self.sender {
            Some(sender) => sender.ready().await.is_ok(),
            None => false,
        };
        if !is_open {
            self.sender = Some(self.connect().await?);
        }
        Ok(self.sender.as_mut().expect("just connected"))
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, Failure> {
        let authority = &self.authority;
        let unreachable =
            |error: std::io::Error| Failure::not_found(format!("no server answers at {authority} ({error}): start one with `nodelane up`"));
        let untrusted = |error: std::io::Error| {
            Failure::refused(format!("{authority} does not show a certificate of ours ({error}): run `eval \"$(nodelane env)\"` again"))
        };
        let host = authority.rsplit_once(':').map_or(authority.as_str(), |(host, _)| host);
        let host = host.trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(host).map_err(|_| Failure::refused(format!("{authority} is not a host")))?;
        let stream = TcpStream::connect(authority).await.map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        let stream = self.tls.connect(name, stream).await.map_err(untrusted)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| Failure::refused(error.to_string()))?;
        tokio::spawn(async move {
            let _ = connection.await; // its errors reach us through the request
        });
        Ok(sender)
    }
}
