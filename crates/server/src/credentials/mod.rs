//! Who is calling: the secrets of a data directory, access tokens, and the check of every request.
//!
//! Invariants: secrets are 256 random bits, never a default; the server keeps only their SHA-256 (enough for random
//! secrets) and the key that signs tokens; the clear text exists in the owner's `client` folder (0600) only.
//! A credential is good for one realm: ARM tokens not for Kubernetes, one cluster's token not for another.
//! Comparisons take constant time. A rotation takes effect on the next request.
//! What a principal may do is not here.

mod principal;
mod secret;
mod token;

pub use principal::{Principal, PrincipalKind};
pub use secret::{Secret, random_guid};
pub use token::{MANAGEMENT_AUDIENCES, TOKEN_LIFETIME_SECONDS};

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use arc_swap::ArcSwap;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde::{Deserialize, Serialize};

use crate::config::{Installation, Paths};
use crate::files::{self, FileError};
use secret::Digest;
use token::TokenKey;

/// Longest `Authorization` header looked at: ours are under 1 KiB, real Entra tokens under 4 KiB.
const AUTHORIZATION_BYTES_MAX: usize = 8 * 1024;

/// Which of our APIs a request came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Realm {
    /// The ARM endpoint.
    Arm,
    /// The Kubernetes endpoint of the cluster with this key.
    Kubernetes(String),
}

/// Why a request has no principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unauthenticated {
    /// No `Authorization: Bearer`.
    #[error("the 'Authorization' header is missing or is not a bearer token")]
    Missing,
    /// Not a token of ours for this realm.
    #[error("the access token is invalid")]
    Invalid,
    /// Was one.
    #[error("the access token has expired")]
    Expired,
}

/// Why the secrets could not be read or made.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// Reading or writing failed, or a secret is readable by others.
    #[error(transparent)]
    File(#[from] FileError),
    /// The system has no randomness.
    #[error("no randomness from the system: {0}")]
    Randomness(#[from] getrandom::Error),
    /// A stored file is not what we wrote.
    #[error("{0} is damaged; restore it, or remove it to have new secrets made")]
    Damaged(&'static str),
}

/// The hashes, as stored in `credentials.json`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Hashes {
    client_secret_sha256: Option<Digest>,
    cluster_token_sha256: BTreeMap<String, Digest>,
}

struct Keys {
    token_key: TokenKey,
    hashes: Hashes,
}

/// All secrets of one data directory, ready to verify. Share it in an `Arc`.
pub struct Credentials {
    paths: Paths,
    installation: Installation,
    keys: ArcSwap<Keys>,
    changing: Mutex<()>,
}

impl Credentials {
    /// Reads the stored hashes and keys; makes what is missing, on the server's side or in the `client` folder.
    /// Call with the data directory's lock held and after `Paths::prepare`.
    pub fn open(paths: &Paths, installation: &Installation, clusters: &[&str]) -> Result<Self, CredentialsError> {
        let stored = files::read_if_present(&paths.credentials())?;
        let mut hashes: Hashes = match stored {
            Some(text) => serde_json::from_str(&text).map_err(|_| CredentialsError::Damaged("credentials.json"))?,
            None => Hashes::default(),
        };
        complete(paths, &mut hashes, clusters)?;
        let token_key = TokenKey::open(&paths.token_key())?;
        Ok(Self {
            paths: paths.clone(),
            installation: installation.clone(),
            keys: ArcSwap::from_pointee(Keys { token_key, hashes }),
            changing: Mutex::new(()),
        })
    }

    /// The identifiers that tokens carry.
    pub fn installation(&self) -> &Installation {
        &self.installation
    }

    /// Makes a token for a cluster that has none yet; the clear text goes to [`Paths::cluster_token`].
    pub fn add_cluster(&self, cluster: &str) -> Result<(), CredentialsError> {
        self.change(|paths, keys| {
            complete(paths, &mut keys.hashes, &[cluster])?;
            Ok(())
        })
    }

    /// Forgets a deleted cluster's token, which is invalid from now on.
    pub fn remove_cluster(&self, cluster: &str) -> Result<(), CredentialsError> {
        self.change(|paths, keys| {
            keys.hashes.cluster_token_sha256.remove(cluster);
            store(paths, &keys.hashes)?;
            Ok(files::remove_if_present(&paths.cluster_token(cluster))?)
        })
    }

    /// `nodelane reset` of the secrets: new ones everywhere; all that was issued before is invalid from now on.
    pub fn rotate(&self) -> Result<(), CredentialsError> {
        self.change(|paths, keys| {
            let clusters = std::mem::take(&mut keys.hashes).cluster_token_sha256;
            let clusters: Vec<&str> = clusters.keys().map(String::as_str).collect();
            complete(paths, &mut keys.hashes, &clusters)?;
            keys.token_key = TokenKey::create(&paths.token_key())?;
            Ok(())
        })
    }

    fn change(&self, edit: impl FnOnce(&Paths, &mut Keys) -> Result<(), CredentialsError>) -> Result<(), CredentialsError> {
        let _one_at_a_time = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.keys.load_full();
        let mut next = Keys { token_key: now.token_key.clone(), hashes: now.hashes.clone() };
        edit(&self.paths, &mut next)?;
        self.keys.store(next.into());
        Ok(())
    }

    /// Whether this is the service principal's id (in any case) and secret.
    pub fn is_client(&self, client_id: &str, secret: &str) -> bool {
        client_id.eq_ignore_ascii_case(&self.installation.client_id) && self.is_client_secret(secret)
    }

    /// Whether this is the service principal's secret.
    pub fn is_client_secret(&self, secret: &str) -> bool {
        let keys = self.keys.load();
        let expected = keys.hashes.client_secret_sha256.as_ref();
        expected.is_some_and(|digest| digest.is_of(secret))
    }

    /// A signed access token of the service principal for `audience`, good from `now_unix_seconds` on for
    /// [`TOKEN_LIFETIME_SECONDS`].
    pub fn issue_access_token(&self, audience: &str, now_unix_seconds: u64) -> String {
        self.keys.load().token_key.issue(&self.installation, audience, now_unix_seconds)
    }

    /// Who sent these headers to `realm`.
    pub fn authenticate(&self, realm: &Realm, headers: &HeaderMap, now_unix_seconds: u64) -> Result<Principal, Unauthenticated> {
        let bearer = bearer(headers)?;
        let keys = self.keys.load();
        match realm {
            Realm::Arm => {
                keys.token_key.verify(&self.installation, bearer, now_unix_seconds)?;
                Ok(Principal::service_principal(&self.installation))
            }
            Realm::Kubernetes(cluster) => {
                let digest = keys.hashes.cluster_token_sha256.get(cluster).ok_or(Unauthenticated::Invalid)?;
                if digest.is_of(bearer) { Ok(Principal::cluster_admin()) } else { Err(Unauthenticated::Invalid) }
            }
        }
    }
}

/// The one bearer token; two `Authorization` headers are ambiguous and therefore none.
fn bearer(headers: &HeaderMap) -> Result<&str, Unauthenticated> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Unauthenticated::Missing);
    };
    if value.len() > AUTHORIZATION_BYTES_MAX {
        return Err(Unauthenticated::Invalid);
    }
    let (scheme, token) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or(Unauthenticated::Missing)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim()) } else { Err(Unauthenticated::Missing) }
}

/// Makes every secret whose hash or whose clear text for the client is missing. The client's copy is written first:
/// a crash in between makes a new secret at the next start.
fn complete(paths: &Paths, hashes: &mut Hashes, clusters: &[&str]) -> Result<(), CredentialsError> {
    let client_secret = files::read_private(&paths.client_secret())?;
    if !matches(hashes.client_secret_sha256.as_ref(), client_secret.as_deref()) {
        let secret = Secret::generate()?;
        files::write_atomic(&paths.client_secret(), secret.expose().as_bytes(), files::PRIVATE)?;
        hashes.client_secret_sha256 = Some(Digest::of(secret.expose()));
    }
    for &cluster in clusters {
        let path = paths.cluster_token(cluster);
        let token = files::read_private(&path)?;
        if !matches(hashes.cluster_token_sha256.get(cluster), token.as_deref()) {
            let secret = Secret::generate()?;
            files::write_atomic(&path, secret.expose().as_bytes(), files::PRIVATE)?;
            hashes.cluster_token_sha256.insert(cluster.to_owned(), Digest::of(secret.expose()));
        }
    }
    Ok(store(paths, hashes)?)
}

fn matches(digest: Option<&Digest>, clear: Option<&str>) -> bool {
    digest.zip(clear).is_some_and(|(digest, clear)| digest.is_of(clear))
}

fn store(paths: &Paths, hashes: &Hashes) -> Result<(), FileError> {
    let text = serde_json::to_string_pretty(hashes).expect("plain strings");
    files::write_atomic(&paths.credentials(), text.as_bytes(), files::PRIVATE)
}

#[cfg(test)]
mod tests;
