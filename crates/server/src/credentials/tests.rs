//! Secrets on disk and in requests: what is stored, who is let in, and what a rotation ends.
//!
//! Expected values come from a real peer or from the documents that the case names, never from our own output.
//! Not here: what other test files of this room cover.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;
use crate::config::ServerConfig;

const NOW: u64 = 1_790_000_000;
const AUDIENCE: &str = "https://management.core.windows.net/";

struct Scratch {
    _folder: tempfile::TempDir,
    paths: Paths,
    installation: Installation,
}

impl Scratch {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::new(folder.path().join("data"));
        paths.prepare().unwrap();
        let installation = ServerConfig::open(&paths).unwrap().installation;
        Self { _folder: folder, paths, installation }
    }

    fn open(&self) -> Credentials {
        Credentials::open(&self.paths, &self.installation, &["dev", "prod"]).unwrap()
    }

    fn read(&self, path: &Path) -> String {
        fs::read_to_string(path).unwrap()
    }
}

fn with_bearer(token: &str) -> HeaderMap {
    HeaderMap::from_iter([(AUTHORIZATION, format!("Bearer {token}").parse().unwrap())])
}

fn cluster(name: &str) -> Realm {
    Realm::Kubernetes(name.to_owned())
}

#[test]
fn a_credential_opens_its_own_realm_only() {
    let scratch = Scratch::new();
    let credentials = scratch.open();
    let arm = with_bearer(&credentials.issue_access_token(AUDIENCE, NOW));
    let dev = with_bearer(&scratch.read(&scratch.paths.cluster_token("dev")));
    let admitted = |realm: &Realm, headers: &HeaderMap| credentials.authenticate(realm, headers, NOW);

    assert_eq!(admitted(&Realm::Arm, &arm).unwrap().kind, PrincipalKind::ServicePrincipal);
    assert_eq!(admitted(&cluster("dev"), &dev).unwrap().groups[0], "system:masters");
    assert_eq!(admitted(&cluster("prod"), &dev), Err(Unauthenticated::Invalid));
    assert_eq!(admitted(&cluster("gone"), &dev), Err(Unauthenticated::Invalid));
    assert_eq!(admitted(&cluster("dev"), &arm), Err(Unauthenticated::Invalid));
    assert_eq!(admitted(&Realm::Arm, &dev), Err(Unauthenticated::Invalid));
}

#[test]
fn only_one_bearer_header_counts() {
    let scratch = Scratch::new();
    let credentials = scratch.open();
    let token = credentials.issue_access_token(AUDIENCE, NOW);
    let check = |headers: &HeaderMap| credentials.authenticate(&Realm::Arm, headers, NOW).map(|_| ());
    assert_eq!(check(&HeaderMap::new()), Err(Unauthenticated::Missing));
    let mut twice = with_bearer(&token);
    twice.append(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
    assert_eq!(check(&twice), Err(Unauthenticated::Missing));
    let basic = HeaderMap::from_iter([(AUTHORIZATION, format!("Basic {token}").parse().unwrap())]);
    assert_eq!(check(&basic), Err(Unauthenticated::Missing));
    let lower = HeaderMap::from_iter([(AUTHORIZATION, format!("bearer {token}").parse().unwrap())]);
    assert_eq!(check(&lower), Ok(()));
    assert_eq!(check(&with_bearer(&"x".repeat(9000))), Err(Unauthenticated::Invalid));
}

#[test]
fn the_client_secret_is_bound_to_the_client_and_survives_a_restart() {
    let scratch = Scratch::new();
    scratch.open();
    let secret = scratch.read(&scratch.paths.client_secret());
    let credentials = scratch.open();
    let id = &scratch.installation.client_id;
    assert!(credentials.is_client(id, &secret) && credentials.is_client(&id.to_uppercase(), &secret));
    assert!(!credentials.is_client("other", &secret));
    assert!(!credentials.is_client(id, "") && !credentials.is_client(id, "local"));
}

#[test]
fn a_rotation_ends_everything_that_was_issued_before() {
    let scratch = Scratch::new();
    let credentials = scratch.open();
    let secret = scratch.read(&scratch.paths.client_secret());
    let arm = with_bearer(&credentials.issue_access_token(AUDIENCE, NOW));
    let dev = with_bearer(&scratch.read(&scratch.paths.cluster_token("dev")));
    credentials.rotate().unwrap();
    assert!(!credentials.is_client_secret(&secret));
    assert!(credentials.authenticate(&Realm::Arm, &arm, NOW).is_err());
    assert!(credentials.authenticate(&cluster("dev"), &dev, NOW).is_err());
    let fresh = with_bearer(&scratch.read(&scratch.paths.cluster_token("dev")));
    assert!(credentials.authenticate(&cluster("dev"), &fresh, NOW).is_ok());
    assert!(scratch.open().authenticate(&cluster("dev"), &fresh, NOW).is_ok());
}

#[test]
fn clusters_come_and_go_while_serving() {
    let scratch = Scratch::new();
    let credentials = scratch.open();
    credentials.add_cluster("late").unwrap();
    let late = with_bearer(&scratch.read(&scratch.paths.cluster_token("late")));
    assert!(credentials.authenticate(&cluster("late"), &late, NOW).is_ok());
    credentials.remove_cluster("late").unwrap();
    assert!(credentials.authenticate(&cluster("late"), &late, NOW).is_err());
    assert!(!scratch.paths.cluster_token("late").exists());
}

#[test]
fn secrets_lie_in_the_clients_folder_only_and_are_private() {
    let scratch = Scratch::new();
    scratch.open();
    let canaries = ["dev", "prod"].map(|name| scratch.read(&scratch.paths.cluster_token(name)));
    let canaries = [&canaries[..], &[scratch.read(&scratch.paths.client_secret())]].concat();
    let mut server_files = 0;
    for entry in fs::read_dir(scratch.paths.root()).unwrap().map(Result::unwrap) {
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        if entry.path() == scratch.paths.client_dir() {
            assert_eq!(mode, 0o700);
            continue;
        }
        assert_eq!(mode, 0o600, "{:?}", entry.path());
        server_files += 1;
        let text = scratch.read(&entry.path());
        assert!(canaries.iter().all(|canary| !text.contains(canary)), "{:?}", entry.path());
    }
    assert_eq!(server_files, 3, "server.json, credentials.json, token.key");
    for entry in fs::read_dir(scratch.paths.client_dir()).unwrap().map(Result::unwrap) {
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn a_lost_client_copy_is_made_anew_and_an_exposed_one_is_refused() {
    let scratch = Scratch::new();
    scratch.open();
    let old = scratch.read(&scratch.paths.client_secret());
    fs::remove_file(scratch.paths.client_secret()).unwrap();
    let credentials = scratch.open();
    assert!(!credentials.is_client_secret(&old));
    assert!(credentials.is_client_secret(&scratch.read(&scratch.paths.client_secret())));
    fs::set_permissions(scratch.paths.token_key(), fs::Permissions::from_mode(0o644)).unwrap();
    let refused = Credentials::open(&scratch.paths, &scratch.installation, &[]);
    assert!(matches!(refused, Err(CredentialsError::File(FileError::Exposed { .. }))));
}
