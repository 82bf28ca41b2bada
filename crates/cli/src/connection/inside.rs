//! ARM without a network: the same routes, merges and refusals, answered in this process for cells on virtual time.
//!
//! Nothing is repeated that was refused: time stands still while a request is answered.
//! Not here: which cells there are (the caller's directory).

use std::fmt;

use ::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use bytes::Bytes;
use nodelane_model::change::{Origin, Principal};
use nodelane_server_arm::{Arm, Request};

use super::Answer;
use crate::az::Failure;

/// ARM in this process.
#[derive(Clone)]
pub struct Inside(pub Arm);

impl fmt::Debug for Inside {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Inside")
    }
}

impl Inside {
    /// Answers a request; the answer may be a refusal.
    pub async fn send(
        &self,
        method: &Method,
        path: &str,
        headers: &[(HeaderName, HeaderValue)],
        body: Option<&[u8]>,
    ) -> Result<Answer, Failure> {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let request = Request {
            method: method.clone(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: headers.iter().cloned().collect::<HeaderMap>(),
            body: Bytes::copy_from_slice(body.unwrap_or_default()),
            too_deep: false,
            origin: Origin { principal: Principal::User("rehearsal".into()), ..Origin::default() },
            base: "https://localhost".to_owned(),
        };
        let answer = self.0.handle(request).await;
        let status = StatusCode::from_u16(answer.status).map_err(|error| Failure::refused(error.to_string()))?;
        Ok(Answer { status, headers: answer.headers, body: answer.body })
    }
}
