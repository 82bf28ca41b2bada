//! Our own certificate authority: P-256, good for the loopback names only.
//!
//! Invariants: basicConstraints and keyUsage are critical and key identifiers present (Python 3.13 and later demand
//! it); name constraints bar every name but this machine's, so a stolen key fakes no other site; the key file is
//! 0600; a certificate that does not belong to the key is an error at start.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, NameConstraints, PKCS_ECDSA_P256_SHA256, SanType, SerialNumber,
};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};

use crate::config::Paths;
use crate::files::{self, FileError};

/// Life of the authority: ten years, because every client has it in its files.
const AUTHORITY_SECONDS: u64 = 10 * 365 * 86_400;
/// Life of a leaf, end and start included: 90 days (security T13).
pub(super) const LEAF_SECONDS: u64 = 90 * 86_400;
/// Certificates begin an hour ago, for containers and virtual machines whose clock is behind.
const BACKDATED_SECONDS: u64 = 3_600;

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Reading or writing failed, or the key is readable by others.
    #[error(transparent)]
    File(#[from] FileError),
    /// Key or certificate could not be made or read.
    #[error("certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The library refused the key.
    #[error("TLS key: {0}")]
    Key(#[from] rustls::Error),
    /// The system has no randomness.
    #[error("no randomness from the system: {0}")]
    Randomness(#[from] getrandom::Error),
    /// The stored certificate is not usable.
    #[error("{}: {reason}; remove ca.pem and ca.key to have a new authority made, then run `nodelane env` again", path.display())]
    Authority {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// The authority of a data directory.
pub struct Authority {
    pem: String,
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Reads the authority, or makes one at the first start.
    pub fn open(paths: &Paths, now_unix_seconds: u64) -> Result<Self, TlsError> {
        let path = paths.ca_certificate();
        let (Some(pem), Some(key)) = (files::read_if_present(&path)?, files::read_private(&paths.ca_key())?) else {
            return Self::create(paths, now_unix_seconds);
        };
        let unusable = |reason: String| TlsError::Authority { path: path.clone(), reason };
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| unusable(error.to_string()))?;
        let key = KeyPair::from_pem(&key)?;
        let authority = Self { pem, certificate, issuer: Issuer::new(parameters(&key), key) };
        authority.check(now_unix_seconds).map_err(|error| unusable(error.to_string()))?;
        Ok(authority)
    }

    fn create(paths: &Paths, now: u64) -> Result<Self, TlsError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut parameters = parameters(&key);
        validity(&mut parameters, now, AUTHORITY_SECONDS);
        parameters.serial_number = Some(serial_number()?);
        let certificate = parameters.self_signed(&key)?;
        files::write_atomic(&paths.ca_key(), key.serialize_pem().as_bytes(), files::PRIVATE)?;
        files::write_atomic(&paths.ca_certificate(), certificate.pem().as_bytes(), files::PUBLIC)?;
        let pem = certificate.pem();
        Ok(Self { pem, certificate: certificate.into(), issuer: Issuer::new(parameters, key) })
    }

    /// The certificate that clients trust, PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The same in DER.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// A fresh key and certificate for `localhost`, `127.0.0.1` and `::1`, with the second in which it ends.
    pub(super) fn issue(&self, now: u64) -> Result<(CertifiedKey, u64), TlsError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut leaf = CertificateParams::default();
        leaf.subject_alt_names = vec![
            SanType::DnsName("localhost".try_into()?),
            SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            SanType::IpAddress(IpAddr::V6(Ipv6Addr::LOCALHOST)),
        ];
        leaf.distinguished_name.push(DnType::CommonName, "localhost");
        leaf.is_ca = IsCa::ExplicitNoCa;
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        leaf.use_authority_key_identifier_extension = true;
        leaf.serial_number = Some(serial_number()?);
        let end = validity(&mut leaf, now, LEAF_SECONDS);
        let certificate = leaf.signed_by(&key, &self.issuer)?;
        let signing = ring::sign::any_ecdsa_type(&PrivatePkcs8KeyDer::from(key.serialize_der()).into())?;
        Ok((CertifiedKey::new(vec![certificate.into()], signing), end))
    }

    /// Does a client that trusts the stored certificate accept what the stored key signs?
    fn check(&self, now: u64) -> Result<(), TlsError> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.certificate.clone())?;
        let provider = ring::default_provider().into();
        let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider)
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        let (leaf, _) = self.issue(now)?;
        let name = ServerName::try_from("localhost").expect("a valid name");
        let time = UnixTime::since_unix_epoch(Duration::from_secs(now));
        verifier.verify_server_cert(&leaf.cert[0], &[], &name, &[], time)?;
        Ok(())
    }
}

/// All but times and serial number. A function of the key, so that it need not be read back from the certificate.
fn parameters(key: &KeyPair) -> CertificateParams {
    let fingerprint = Sha256::digest(key.public_key_raw());
    let name: String = fingerprint[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.push(DnType::CommonName, format!("Nodelane local authority {name}"));
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters.use_authority_key_identifier_extension = true;
    parameters.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![
            GeneralSubtree::DnsName("localhost".to_owned()),
            GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(Ipv4Addr::LOCALHOST.into(), 32)),
            GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(Ipv6Addr::LOCALHOST.into(), 128)),
        ],
        excluded_subtrees: Vec::new(),
    });
    parameters
}

/// Sets start and end around `now` and returns the end in Unix seconds. Both ends count: n seconds end at start + n - 1.
fn validity(parameters: &mut CertificateParams, now: u64, life_seconds: u64) -> u64 {
    let start = now.saturating_sub(BACKDATED_SECONDS);
    let end = start + life_seconds - 1;
    let date = |seconds| rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds);
    (parameters.not_before, parameters.not_after) = (date(start), date(end));
    end
}

/// 16 random bytes; the first bit is clear because the number must be positive (RFC 5280 4.1.2.2).
fn serial_number() -> Result<SerialNumber, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}
