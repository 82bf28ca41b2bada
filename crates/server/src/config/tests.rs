//! The data directory: kept ports and identifiers, the lock and its holder.
//!
//! Expected values come from a real peer or from the documents that the case names, never from our own output.
//! Not here: what other test files of this room cover.

use super::*;

fn scratch() -> (tempfile::TempDir, Paths) {
    let folder = tempfile::tempdir().unwrap();
    let paths = Paths::new(folder.path().join("data"));
    paths.prepare().unwrap();
    (folder, paths)
}

fn holder() -> Holder {
    let clusters = vec![ClusterAddress { name: "dev".into(), port: 6443, ..ClusterAddress::default() }];
    Holder { pid: std::process::id(), started_unix_seconds: 1, arm_port: 8443, clusters, version: "0".into(), subscriptions: Vec::new() }
}

#[test]
fn identifiers_and_ports_survive_a_restart() {
    let (_folder, paths) = scratch();
    let mut first = ServerConfig::open(&paths).unwrap();
    let arm = first.bind_arm(&paths).unwrap();
    let dev = first.bind_cluster(&paths, "dev").unwrap();
    let ports = (arm.local_addr().unwrap().port(), dev.local_addr().unwrap().port());
    assert!(arm.local_addr().unwrap().ip().is_loopback());
    drop((arm, dev));

    let mut second = ServerConfig::open(&paths).unwrap();
    assert_eq!(second, first);
    let arm = second.bind_arm(&paths).unwrap();
    let dev = second.bind_cluster(&paths, "dev").unwrap();
    assert_eq!((arm.local_addr().unwrap().port(), dev.local_addr().unwrap().port()), ports);
}

#[test]
fn a_kept_port_that_is_taken_is_an_error_and_not_a_move() {
    let (_folder, paths) = scratch();
    let mut config = ServerConfig::open(&paths).unwrap();
    let _other = config.bind_arm(&paths).unwrap();
    let taken = config.arm_port.unwrap();
    assert!(matches!(config.bind_arm(&paths), Err(ConfigError::Port { port, .. }) if port == taken));
}

#[test]
fn a_cluster_key_cannot_leave_the_data_directory() {
    for key in ["", ".", "../x", "a/b", "a\0b", "ä", &"x".repeat(129)] {
        assert!(!is_cluster_key(key), "{key:?}");
    }
    assert!(is_cluster_key("rg-1_dev.2"));
}

#[test]
fn a_configuration_of_another_format_is_refused_with_both_formats_and_what_to_do() {
    let (_folder, paths) = scratch();
    ServerConfig::open(&paths).unwrap();
    let text = std::fs::read_to_string(paths.server_config()).unwrap();
    std::fs::write(paths.server_config(), text.replace("\"format\": 1", "\"format\": 2")).unwrap();
    let error = ServerConfig::open(&paths).unwrap_err();
    assert!(matches!(error, ConfigError::Invalid { .. }));
    assert!(
        error.to_string().contains("data format 2, nodelane") && error.to_string().contains("reads 1: run the version that wrote it"),
        "{error}"
    );
}

#[test]
fn a_second_process_is_told_who_holds_the_lock() {
    let (_folder, paths) = scratch();
    assert_eq!(run_state(&paths).unwrap(), RunState::Stopped);
    let lock = DataLock::acquire(&paths).unwrap();
    assert_eq!(run_state(&paths).unwrap(), RunState::Starting);
    assert!(matches!(DataLock::acquire(&paths), Err(LockError::Held { holder: None })));
    lock.announce(&holder()).unwrap();
    assert_eq!(run_state(&paths).unwrap(), RunState::Running(holder()));
    let refused = DataLock::acquire(&paths).unwrap_err().to_string();
    assert!(refused.contains(&std::process::id().to_string()) && refused.contains("8443"), "{refused}");
    drop(lock);
    assert_eq!(run_state(&paths).unwrap(), RunState::Stopped);
}

#[test]
fn what_a_killed_process_left_is_not_believed() {
    let (_folder, paths) = scratch();
    let lock = DataLock::acquire(&paths).unwrap();
    lock.announce(&holder()).unwrap();
    std::fs::copy(paths.running(), paths.root().join("kept")).unwrap();
    drop(lock);
    std::fs::rename(paths.root().join("kept"), paths.running()).unwrap(); // as after kill -9
    assert_eq!(run_state(&paths).unwrap(), RunState::Stopped);
    let _next = DataLock::acquire(&paths).unwrap();
    assert_eq!(run_state(&paths).unwrap(), RunState::Starting);
}
