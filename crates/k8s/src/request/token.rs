//! Continuation of a paged list: an opaque token that says at which revision and behind which key to go on.
//!
//! Shape (base64 of JSON, URL alphabet, no padding) as upstream's, so that tools that peek into it work. A revision of -1
//! means "newest": the rest of an expired list, inconsistent with its first pages.

use crate::status::Status;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

/// Where the next page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContinueToken {
    /// Revision of the first page; `None` for the newest.
    pub revision: Option<u64>,
    /// The last key that was sent; the page begins with the next one.
    pub last_key: String,
}

#[derive(Serialize, Deserialize)]
struct Wire {
    #[serde(default)]
    v: String,
    #[serde(default)]
    rv: i64,
    #[serde(default)]
    start: String,
}

const FORMAT: &str = "meta.k8s.io/v1";

impl ContinueToken {
    /// The text of `metadata.continue`.
    pub fn encode(&self) -> String {
        let rv = self.revision.map_or(-1, |revision| i64::try_from(revision).expect("revisions are below 2^63"));
        // The zero byte makes "the key itself" into "the first key behind it".
        let wire = Wire { v: FORMAT.to_owned(), rv, start: format!("{}\0", self.last_key) };
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(&wire).expect("strings and a number"))
    }

    /// Reads a token, or the 400.
    pub fn decode(text: &str) -> Result<ContinueToken, Status> {
        let invalid = |why: String| Status::bad_request(format!("invalid continue token: continue key is not valid: {why}"));
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|error| {
            let at = match error {
                base64::DecodeError::InvalidByte(at, _) => at,
                _ => text.len() / 4 * 4, // the group of four that is incomplete
            };
            invalid(format!("illegal base64 data at input byte {at}"))
        })?;
        let wire: Wire = serde_json::from_slice(&bytes).map_err(|error| invalid(error.to_string()))?;
        if wire.v != FORMAT {
            return Err(invalid(format!("server does not recognize this encoded version {}", wire.v)));
        }
        let revision = match wire.rv {
            -1 => None,
            0 => {
                return Err(invalid("incorrect encoded start resourceVersion (version meta.k8s.io/v1)".to_owned()));
            }
            rv => Some(u64::try_from(rv).map_err(|_| invalid("negative resourceVersion".to_owned()))?),
        };
        match wire.start.strip_suffix('\0') {
            Some(last_key) if !last_key.is_empty() => Ok(ContinueToken { revision, last_key: last_key.to_owned() }),
            _ => Err(invalid("encoded start key is empty (version meta.k8s.io/v1)".to_owned())),
        }
    }
}
