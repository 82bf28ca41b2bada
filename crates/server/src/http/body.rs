//! Bodies: reading a request's within a limit, making a response's, and the nesting of JSON.
//!
//! Invariants: no more than the limit is ever buffered; a stream ends when the server shuts down, so that watchers
//! see an orderly end. JSON is not parsed here.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::Response;

/// The body of a response.
pub type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Nesting that ARM and Kubernetes bodies may have: a pod's deepest field (affinity terms) lies 11 levels down, a
/// CRD's schema takes two levels for each of its own, about 40 in all; `serde_json` itself gives up at 128.
pub const JSON_DEPTH_MAX: usize = 64;

/// A whole response.
pub fn full(status: StatusCode, content_type: &'static str, bytes: impl Into<Bytes>) -> Response {
    let mut response = http::Response::new(Full::new(bytes.into()).boxed_unsync());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    response
}

/// Feeds a streaming body. `send` waits while `capacity` frames are unsent, and fails once the client is gone.
pub type FrameSender = mpsc::Sender<Bytes>;

/// A streaming body and its feeder; dropping the feeder ends the body.
pub fn frames(capacity: usize) -> (FrameSender, Body) {
    let (sender, receiver) = mpsc::channel(capacity);
    (sender, Frames(receiver).boxed_unsync())
}

struct Frames(mpsc::Receiver<Bytes>);

impl HttpBody for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// A stream that counts against the limit of streams and ends when `shutdown` resolves.
pub(super) struct Bounded {
    pub(super) body: Body,
    pub(super) shutdown: Pin<Box<dyn Future<Output = ()> + Send>>,
    pub(super) _permit: OwnedSemaphorePermit,
}

impl HttpBody for Bounded {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.shutdown.as_mut().poll(context).is_ready() {
            return Poll::Ready(None);
        }
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Why a request's body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// Larger than the limit.
    TooLarge,
    /// The client broke off.
    BrokenOff,
}

/// Steps over what is left of a refused body, so that a client that is still sending hears the refusal instead of a reset
/// connection. Nothing is kept.
pub(super) async fn step_over<B>(mut body: B, limit: u64)
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    let mut passed = 0;
    while let Some(Ok(frame)) = body.frame().await {
        passed += frame.data_ref().map_or(0, |data| data.len() as u64);
        if passed > limit {
            return;
        }
    }
}

/// Reads a body to its end, `limit` bytes at most.
pub(super) async fn read<B>(body: &mut B, limit: usize) -> Result<Bytes, Unread>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    if body.size_hint().lower() > limit as u64 {
        return Err(Unread::TooLarge);
    }
    let mut buffer = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Unread::BrokenOff)?;
        let Ok(data) = frame.into_data() else { continue };
        if buffer.len() + data.len() > limit {
            return Err(Unread::TooLarge);
        }
        if buffer.is_empty() && body.is_end_stream() {
            return Ok(data);
        }
        buffer.extend_from_slice(&data);
    }
    Ok(buffer.freeze())
}

/// Whether no object or array of this JSON text lies deeper than `depth_max`. Looks at brackets outside of strings
/// only, in one pass, so it is cheap before parsing and says nothing about validity.
pub fn is_json_depth_within(json: &[u8], depth_max: usize) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for &byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > depth_max {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_brackets_but_not_those_in_strings() {
        assert!(is_json_depth_within(br#"{"a":[{"b":"]]}}[[[{{{"}]}"#, 3));
        assert!(!is_json_depth_within(br#"{"a":[{"b":1}]}"#, 2));
        assert!(is_json_depth_within(br#"["\"[[[[", "\\", []]"#, 2));
        assert!(is_json_depth_within(b"[][][][]", 1));
        assert!(!is_json_depth_within(&b"[".repeat(65), JSON_DEPTH_MAX));
    }

    #[test]
    fn a_body_is_read_up_to_the_limit_and_not_beyond() {
        let read = |frames: &[&'static str], limit| {
            let (sender, mut body) = super::frames(8);
            frames.iter().for_each(|frame| sender.try_send(Bytes::from_static(frame.as_bytes())).unwrap());
            drop(sender);
            tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(super::read(&mut body, limit))
        };
        assert_eq!(read(&["abc", "def"], 6).unwrap(), "abcdef");
        assert_eq!(read(&["abc", "def"], 5), Err(Unread::TooLarge));
        assert_eq!(read(&[], 0).unwrap(), "");
    }

    #[test]
    fn a_refused_body_is_received_to_its_end_but_not_without_limit() {
        let left_over = |limit| {
            let (sender, mut body) = super::frames(8);
            for frame in ["abc", "def", "ghi"] {
                sender.try_send(Bytes::from_static(frame.as_bytes())).unwrap();
            }
            drop(sender);
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                super::step_over(&mut body, limit).await;
                super::read(&mut body, 9).await.unwrap()
            })
        };
        assert_eq!(left_over(9), "");
        assert_eq!(left_over(3), "ghi");
    }
}
