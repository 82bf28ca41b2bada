//! HTTP in: the words that handlers speak, and the way from a socket to them.
//!
//! `listener` accepts on 127.0.0.1 and speaks TLS and HTTP/1 or 2; `edge` guards, authenticates and reads a bounded
//! body; a [`Handler`] answers. `refusal` holds the answers that the edge gives itself, `limits` how much of
//! everything at once.
//! Invariants: a handler sees only requests with a principal, a local authority and a whole body; it never sees the
//! `Authorization` header. Routes, domains and their texts are not here.

mod body;
mod edge;
mod limits;
mod listener;
mod refusal;

pub use body::{Body, FrameSender, JSON_DEPTH_MAX, frames, full, is_json_depth_within};
pub use edge::Edge;
pub use limits::{
    BODY_BYTES_MAX, BODY_SECONDS_MAX, BUFFERED_BYTES_MAX, CONNECTIONS_MAX, IN_FLIGHT_MAX, Limits, STREAMS_MAX, raise_open_files_limit,
};
pub use listener::{ListenError, serve};

use std::future::Future;

use bytes::Bytes;
use http::request::Parts;
use http::uri::Authority;

use crate::credentials::Principal;

/// A request that passed the edge.
#[derive(Debug)]
pub struct Request {
    /// Method, URI and headers, `Authorization` removed.
    pub parts: Parts,
    /// The whole body, [`BODY_BYTES_MAX`] at most.
    pub body: Bytes,
    /// Who is calling.
    pub principal: Principal,
    /// Name and port by which the client reached us: absolute links begin with `https://{authority}/`.
    pub authority: Authority,
}

/// An answer: whole ([`full`]) or a stream of frames ([`frames`]).
pub type Response = http::Response<Body>;

/// Answers the requests of one listener. Runs to its end even when the client goes away.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request. A panic becomes a 500.
    fn handle(&self, request: Request) -> impl Future<Output = Response> + Send;
}

#[cfg(test)]
mod tests;
