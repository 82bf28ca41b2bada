//! The authority on disk, what its leaves look like to a strict client, and renewal.
//!
//! Expected values come from a real peer or from the documents that the case names, never from our own output.
//! Not here: what other test files of this room cover.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

use super::*;
use crate::config::Paths;

const NOW: u64 = 1_790_000_000;
const DAY: u64 = 86_400;

fn scratch() -> (tempfile::TempDir, Paths) {
    let folder = tempfile::tempdir().unwrap();
    let paths = Paths::new(folder.path());
    paths.prepare().unwrap();
    (folder, paths)
}

fn accepts(root: &CertificateDer<'_>, leaf: &CertificateDer<'_>, name: &str, now: u64) -> Result<(), rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone().into_owned()).unwrap();
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), ring::default_provider().into());
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let time = UnixTime::since_unix_epoch(Duration::from_secs(now));
    verifier.build().unwrap().verify_server_cert(leaf, &[], &name, &[], time).map(|_| ())
}

#[test]
fn the_authority_is_kept_and_its_key_is_private() {
    let (_folder, paths) = scratch();
    let pem = Authority::open(&paths, NOW).unwrap().pem().to_owned();
    assert_eq!(Authority::open(&paths, NOW + DAY).unwrap().pem(), pem);
    let mode = std::fs::metadata(paths.ca_key()).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    assert!(!pem.contains("PRIVATE"));
}

#[test]
fn a_leaf_is_good_for_loopback_names_for_ninety_days() {
    let (_folder, paths) = scratch();
    Authority::open(&paths, NOW).unwrap();
    let authority = Authority::open(&paths, NOW).unwrap(); // as after a restart
    let (leaf, end) = authority.issue(NOW).unwrap();
    let root = authority.certificate();
    for name in ["localhost", "127.0.0.1", "::1"] {
        accepts(root, &leaf.cert[0], name, NOW).unwrap();
    }
    assert!(accepts(root, &leaf.cert[0], "example.com", NOW).is_err());
    assert!(accepts(root, &leaf.cert[0], "localhost", end).is_ok());
    assert!(accepts(root, &leaf.cert[0], "localhost", end + 1).is_err());
    assert!(end - NOW < 90 * DAY);
}

#[test]
fn another_data_directory_has_another_authority() {
    let ((_one, one), (_other, other)) = (scratch(), scratch());
    let (one, other) = (Authority::open(&one, NOW).unwrap(), Authority::open(&other, NOW).unwrap());
    let (leaf, _) = one.issue(NOW).unwrap();
    assert!(accepts(other.certificate(), &leaf.cert[0], "localhost", NOW).is_err());
}

#[test]
fn a_certificate_that_does_not_belong_to_the_key_is_named_at_start() {
    let ((_one, one), (_other, other)) = (scratch(), scratch());
    Authority::open(&one, NOW).unwrap();
    Authority::open(&other, NOW).unwrap();
    std::fs::copy(other.ca_certificate(), one.ca_certificate()).unwrap();
    assert!(matches!(Authority::open(&one, NOW), Err(TlsError::Authority { .. })));
}

#[test]
fn the_leaf_is_renewed_when_less_than_a_third_of_its_life_is_left() {
    let (_folder, paths) = scratch();
    let resolver = LeafResolver::new(Authority::open(&paths, NOW).unwrap(), NOW).unwrap();
    assert!(!resolver.refresh(NOW).unwrap());
    assert!(!resolver.refresh(NOW + 59 * DAY).unwrap());
    assert!(resolver.refresh(NOW + 60 * DAY).unwrap());
    assert!(!resolver.refresh(NOW + 60 * DAY).unwrap());
}

#[test]
fn a_rotated_leaf_is_another_one_of_the_same_authority() {
    let (_folder, paths) = scratch();
    let resolver = LeafResolver::new(Authority::open(&paths, NOW).unwrap(), NOW).unwrap();
    let before = resolver.current().cert[0].clone();
    resolver.rotate(NOW + 1).unwrap();
    let after = resolver.current().cert[0].clone();
    assert_ne!(before, after);
    accepts(resolver.authority().certificate(), &after, "127.0.0.1", NOW + 1).unwrap();
}
