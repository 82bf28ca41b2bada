//! Random secrets, their hashes, and HMAC-SHA256.
//!
//! Invariants: a secret has 256 bits from the operating system, so a plain SHA-256 cannot be searched; it is not
//! shown by `Debug`; hashes and codes are compared in constant time.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

/// Bytes of randomness in a secret.
pub(super) const SECRET_BYTES: usize = 32;
/// Block size of SHA-256.
const BLOCK_BYTES: usize = 64;

/// A secret in clear, as 43 characters of base64url.
pub struct Secret(String);

impl Secret {
    /// A new one.
    pub fn generate() -> Result<Self, getrandom::Error> {
        Ok(Self(URL_SAFE_NO_PAD.encode(random::<SECRET_BYTES>()?)))
    }

    /// The clear text: for the client's copy only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(..)")
    }
}

/// The SHA-256 of a secret, stored as base64url.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Digest(String);

impl Digest {
    pub(super) fn of(secret: &str) -> Self {
        Self(URL_SAFE_NO_PAD.encode(Sha256::digest(secret)))
    }

    /// Whether `secret` is the one.
    pub(super) fn is_of(&self, secret: &str) -> bool {
        let presented = Self::of(secret);
        presented.0.as_bytes().ct_eq(self.0.as_bytes()).into()
    }
}

/// `N` bytes from the operating system.
pub(super) fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// A random GUID (RFC 9562, version 4) in lower case.
pub fn random_guid() -> Result<String, getrandom::Error> {
    let mut bytes = random::<16>()?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok([&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-"))
}

/// HMAC-SHA256 (RFC 2104) with a key of at most one block.
pub(super) fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    assert!(key.len() <= BLOCK_BYTES, "longer keys would have to be hashed first");
    let padded = |pad: u8| {
        let mut block = [pad; BLOCK_BYTES];
        block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        block
    };
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn hmac_gives_the_codes_of_rfc_4231() {
        let first = hmac_sha256(&[0x0b; 20], b"Hi There");
        assert_eq!(hex(&first), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
        let second = hmac_sha256(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(hex(&second), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        let third = hmac_sha256(&[0xaa; 20], &[0xdd; 50]);
        assert_eq!(hex(&third), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    }

    #[test]
    fn a_digest_is_that_of_its_secret_only() {
        let (one, other) = (Secret::generate().unwrap(), Secret::generate().unwrap());
        let digest = Digest::of(one.expose());
        assert!(digest.is_of(one.expose()));
        assert!(!digest.is_of(other.expose()) && !digest.is_of("") && !digest.is_of(&one.expose()[1..]));
        assert_eq!(one.expose().len(), 43);
        assert!(!format!("{one:?}").contains(one.expose()));
    }

    #[test]
    fn a_guid_has_version_four_and_the_variant_of_rfc_9562() {
        let guid = random_guid().unwrap();
        assert_eq!(guid.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert_eq!(&guid[14..15], "4");
        assert!("89ab".contains(&guid[19..20]));
    }
}
