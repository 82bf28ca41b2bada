//! Access tokens of ARM: three parts as in a JWT, signed with HMAC-SHA256 under the data directory's own key.
//!
//! Invariants: the header is one constant, so that no other algorithm can be asked for; signature, issuer, audience,
//! tenant, start and end are verified on every call; nothing lives longer than 24 hours.
//! Claims as in arm-wire section 3. Clients read `tid` and `oid` and do not verify the signature.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::secret::{SECRET_BYTES, hmac_sha256, random};
use super::{CredentialsError, Unauthenticated};
use crate::config::Installation;
use crate::files;

/// Life of an access token: a second less than a day, as in arm-wire section 3.
pub const TOKEN_LIFETIME_SECONDS: u64 = 86_399;
/// The audiences that ARM has; a trailing slash makes no difference.
pub const MANAGEMENT_AUDIENCES: [&str; 2] = ["https://management.core.windows.net", "https://management.azure.com"];
/// How far a clock may have been set back between issue and use.
const CLOCK_SKEW_SECONDS: u64 = 60;
/// `{"alg":"HS256","typ":"JWT"}`
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

#[derive(Serialize, Deserialize)]
struct Claims {
    aud: String,
    iss: String,
    iat: u64,
    nbf: u64,
    exp: u64,
    appid: String,
    oid: String,
    sub: String,
    tid: String,
    ver: String,
}

/// The signing key.
#[derive(Clone)]
pub(super) struct TokenKey([u8; SECRET_BYTES]);

impl TokenKey {
    /// Reads the key, or makes one.
    pub(super) fn open(path: &Path) -> Result<Self, CredentialsError> {
        let Some(text) = files::read_private(path)? else {
            return Self::create(path);
        };
        let bytes = URL_SAFE_NO_PAD.decode(text.trim()).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or(CredentialsError::Damaged("token.key"))
    }

    /// Makes a new key in place of any old one.
    pub(super) fn create(path: &Path) -> Result<Self, CredentialsError> {
        let key = random()?;
        files::write_atomic(path, URL_SAFE_NO_PAD.encode(key).as_bytes(), files::PRIVATE)?;
        Ok(Self(key))
    }

    pub(super) fn issue(&self, installation: &Installation, audience: &str, now: u64) -> String {
        let claims = Claims {
            aud: audience.to_owned(),
            iss: issuer(installation),
            iat: now,
            nbf: now,
            exp: now + TOKEN_LIFETIME_SECONDS,
            appid: installation.client_id.clone(),
            oid: installation.object_id.clone(),
            sub: installation.object_id.clone(),
            tid: installation.tenant_id.clone(),
            ver: "1.0".to_owned(),
        };
        self.sign(&serde_json::to_vec(&claims).expect("plain strings and numbers"))
    }

    fn sign(&self, claims: &[u8]) -> String {
        let signed = format!("{HEADER}.{}", URL_SAFE_NO_PAD.encode(claims));
        let code = URL_SAFE_NO_PAD.encode(hmac_sha256(&self.0, signed.as_bytes()));
        format!("{signed}.{code}")
    }

    /// Whether `token` is one of ours for ARM, and good at `now`.
    pub(super) fn verify(&self, installation: &Installation, token: &str, now: u64) -> Result<(), Unauthenticated> {
        let claims = self.claims(token).ok_or(Unauthenticated::Invalid)?;
        let ours = claims.iss == issuer(installation)
            && claims.tid == installation.tenant_id
            && MANAGEMENT_AUDIENCES.contains(&claims.aud.trim_end_matches('/'));
        if !ours || claims.nbf > now + CLOCK_SKEW_SECONDS || claims.exp > claims.iat + TOKEN_LIFETIME_SECONDS {
            return Err(Unauthenticated::Invalid);
        }
        if claims.exp > now { Ok(()) } else { Err(Unauthenticated::Expired) }
    }

    /// The claims of a token whose signature is ours.
    fn claims(&self, token: &str) -> Option<Claims> {
        let (signed, code) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let code = URL_SAFE_NO_PAD.decode(code).ok()?;
        let genuine: bool = code.ct_eq(&hmac_sha256(&self.0, signed.as_bytes())).into();
        if !genuine || header != HEADER {
            return None;
        }
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
    }
}

fn issuer(installation: &Installation) -> String {
    format!("https://sts.windows.net/{}/", installation.tenant_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_790_000_000;
    const AUDIENCE: &str = "https://management.core.windows.net/";

    fn installation(tenant: &str) -> Installation {
        let id = |id: &str| id.to_owned();
        Installation { installation_id: id("i"), tenant_id: id(tenant), client_id: id("c"), object_id: id("o") }
    }

    #[test]
    fn the_header_says_hs256() {
        assert_eq!(URL_SAFE_NO_PAD.decode(HEADER).unwrap(), br#"{"alg":"HS256","typ":"JWT"}"#);
    }

    #[test]
    fn a_token_is_good_until_the_second_it_ends() {
        let (key, ours) = (TokenKey([7; 32]), installation("t"));
        let token = key.issue(&ours, AUDIENCE, NOW);
        assert_eq!(key.verify(&ours, &token, NOW), Ok(()));
        assert_eq!(key.verify(&ours, &token, NOW + 86_398), Ok(()));
        assert_eq!(key.verify(&ours, &token, NOW + 86_399), Err(Unauthenticated::Expired));
        assert_eq!(key.verify(&ours, &token, NOW - 61), Err(Unauthenticated::Invalid));
    }

    #[test]
    fn a_token_of_another_key_tenant_audience_or_algorithm_is_invalid() {
        let (key, ours) = (TokenKey([7; 32]), installation("t"));
        let refused = |token: &str| assert_eq!(key.verify(&ours, token, NOW), Err(Unauthenticated::Invalid), "{token}");
        refused(&TokenKey([8; 32]).issue(&ours, AUDIENCE, NOW));
        refused(&key.issue(&installation("other"), AUDIENCE, NOW));
        refused(&key.issue(&ours, "https://graph.microsoft.com/", NOW));
        let token = key.issue(&ours, AUDIENCE, NOW);
        let (signed, _) = token.rsplit_once('.').unwrap();
        refused(signed);
        refused(&format!("{signed}."));
        let (_, claims) = signed.split_once('.').unwrap();
        refused(&format!("{}.{claims}.", URL_SAFE_NO_PAD.encode(br#"{"alg":"none"}"#)));
        for garbage in ["", ".", "..", "a.b.c", "a.b.c.d"] {
            refused(garbage);
        }
    }

    #[test]
    fn every_changed_character_of_a_token_is_noticed() {
        let (key, ours) = (TokenKey([7; 32]), installation("t"));
        let token = key.issue(&ours, AUDIENCE, NOW);
        for at in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(key.verify(&ours, &changed, NOW), Err(Unauthenticated::Invalid), "at {at}");
        }
    }

    #[test]
    fn no_token_lives_longer_than_a_day_even_with_our_signature() {
        let (key, ours) = (TokenKey([7; 32]), installation("t"));
        let claims = format!(
            r#"{{"aud":"{AUDIENCE}","iss":"https://sts.windows.net/t/","iat":{NOW},"nbf":{NOW},"exp":{},"appid":"c","oid":"o","sub":"o","tid":"t","ver":"1.0"}}"#,
            NOW + 86_401
        );
        assert_eq!(key.verify(&ours, &key.sign(claims.as_bytes()), NOW), Err(Unauthenticated::Invalid));
    }
}
