//! What goes back to a client: a status, headers and a body that is whole or a stream of frames.
//!
//! Invariant: every answer has a content type and may not be cached. A refusal is a `Status` object, with `Retry-After` where it says
//! when to come back. Not here: sockets, compression, and which encoding was negotiated (`read`).

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use nodelane_k8s::status::Status;

/// An answer.
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers beside the content's length.
    pub headers: HeaderMap,
    /// Whole, or a stream of frames.
    pub body: Body,
}

/// The body of an answer.
pub enum Body {
    /// All of it.
    Whole(Bytes),
    /// Frames, until there are no more.
    Frames(Box<Watch>),
}

/// A watch: asks for its next frame until there is none.
pub struct Watch(pub(crate) crate::watch::Stream);

impl Watch {
    /// The next frames; `None` when the watch is over.
    pub async fn next(&mut self) -> Option<Bytes> {
        self.0.next().await
    }
}

impl Answer {
    /// A whole JSON body.
    pub fn json(status: u16, body: impl Into<Bytes>) -> Answer {
        Answer::whole(status, "application/json", body)
    }
    /// A whole body of a content type.
    pub fn whole(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
        Answer { status, headers, body: Body::Whole(body.into()) }
    }
    /// A value as JSON.
    pub fn value(status: u16, value: &serde_json::Value) -> Answer {
        Answer::json(status, value.to_string())
    }
    /// A refusal.
    pub fn status(status: &Status) -> Answer {
        let mut answer = Answer::json(status.code, status.to_bytes());
        if let Some(seconds) = status.retry_after_seconds() {
            answer.headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        answer
    }
    /// With `Warning` headers.
    pub fn warn(mut self, warnings: &[String]) -> Answer {
        for warning in warnings {
            let text = warning.replace('\\', "\\\\").replace('"', "\\\"");
            if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{text}\"")) {
                self.headers.append(header::WARNING, value);
            }
        }
        self
    }
}
