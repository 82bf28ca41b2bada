//! Failing disks, by the seam in `State` (full, failing before a write, failing after it), and checkpoints cut in half.
//! Real failing calls are in tests/durability.rs.
//!
//! Development only.

use crate::writer::State;
use crate::{Batch, Event, Failure, Options, Record, Store, verify};
use bytes::Bytes;
use std::path::Path;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

fn open(path: &Path, options: &Options) -> (Store, Receiver<Event>, Vec<(u64, Bytes)>) {
    let (sender, events) = channel();
    let (store, recovered) = Store::open(path, options.clone(), move |event| drop(sender.send(event))).unwrap();
    (store, events, recovered.docs.into_iter().map(|doc| (doc.revision, doc.value)).collect())
}

fn batch(after: u64, value: &'static str) -> Batch {
    let record = Record { revision: after + 1, key: "key".into(), value: Some(value.into()) };
    Batch { after, last: after + 1, time_millis: 0, origin: Bytes::new(), records: vec![record] }
}

fn next(events: &Receiver<Event>) -> Event {
    events.recv_timeout(Duration::from_secs(10)).unwrap()
}

fn options() -> Options {
    Options { probe_interval: Duration::from_millis(20), ..Options::default() }
}

fn durable(events: &Receiver<Event>, expected: u64) {
    assert!(matches!(next(events), Event::Durable { last, .. } if last == expected));
}

#[test]
fn a_full_disk_makes_it_read_only_until_space_returns_without_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cell.db");
    let options = options();
    let (store, events, _) = open(&path, &options);
    store.submit(batch(0, "one"));
    durable(&events, 1);
    options.fault.store(1, SeqCst);
    for after in 1..4 {
        store.submit(batch(after, "lost"));
    }
    let mut failed = 1;
    while failed < 4 {
        let Event::Failed { first, last, failure } = next(&events) else { panic!("nothing else may happen") };
        assert_eq!((first, failure), (failed + 1, Failure::DiskFull));
        failed = last;
    }
    assert!(events.recv_timeout(Duration::from_millis(100)).is_err(), "still full");
    options.fault.store(0, SeqCst);
    assert_eq!(next(&events), Event::ReadOnlyEnded);
    // One that was computed from a lost revision must not slip in behind the failure.
    store.submit(batch(4, "stale"));
    assert!(matches!(next(&events), Event::Failed { first: 5, failure: Failure::Rejected(_), .. }));
    store.submit(batch(1, "two"));
    durable(&events, 2);
    store.close().unwrap();
    verify(&path).unwrap();
    assert_eq!(open(&path, &options).2, [(2, "two".into())]);
}

#[test]
fn a_store_that_is_asked_all_the_time_still_finds_that_space_returned() {
    let dir = tempfile::tempdir().unwrap();
    let options = options();
    let (sender, events) = channel();
    let (go, wait) = channel::<()>();
    let on_event = move |event| {
        sender.send(event).unwrap();
        // The queue is never empty when the log thread looks.
        let _ = wait.recv();
    };
    let (store, _) = Store::open(&dir.path().join("cell.db"), options.clone(), on_event).unwrap();
    options.fault.store(1, SeqCst);
    store.submit(batch(0, "lost"));
    assert!(matches!(next(&events), Event::Failed { .. }));
    options.fault.store(0, SeqCst);
    let asked = std::iter::repeat_with(|| {
        store.submit(batch(7, "stale"));
        store.submit(batch(7, "stale"));
        go.send(()).unwrap();
        next(&events)
    });
    assert!(asked.take(200_000).any(|event| event == Event::ReadOnlyEnded));
    drop(go);
}

#[test]
fn a_write_that_failed_after_reaching_the_file_is_undone_before_the_next() {
    for fault in [2, 3] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cell.db");
        let options = options();
        let (store, events, _) = open(&path, &options);
        store.submit(batch(0, "one"));
        durable(&events, 1);
        options.fault.store(fault, SeqCst);
        store.submit(batch(1, "lost"));
        assert!(matches!(next(&events), Event::Failed { first: 2, last: 2, failure: Failure::Io(_) }));
        options.fault.store(0, SeqCst);
        assert_eq!(next(&events), Event::ReadOnlyEnded);
        drop(store);
        let (store, events, docs) = open(&path, &options);
        assert_eq!(docs, [(1, "one".into())], "fault {fault}");
        store.submit(batch(1, "two"));
        durable(&events, 2);
        drop(store);
        assert_eq!(open(&path, &options).2, [(2, "two".into())], "fault {fault}");
    }
}

#[test]
fn closing_a_broken_store_says_so_and_keeps_what_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cell.db");
    let options = options();
    let (store, events, _) = open(&path, &options);
    store.submit(batch(0, "one"));
    durable(&events, 1);
    options.fault.store(1, SeqCst);
    store.submit(batch(1, "lost"));
    assert!(matches!(next(&events), Event::Failed { .. }));
    assert_eq!(store.close(), Err(Failure::DiskFull));
    options.fault.store(0, SeqCst);
    assert_eq!(open(&path, &options).2, [(1, "one".into())]);
}

#[test]
fn half_a_checkpoint_and_a_log_that_is_not_kept_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cell.db");
    let options = Options { keep_log_bytes: 0, ..options() };
    let (mut state, _) = State::open(&path, options.clone()).unwrap();
    let keyed = |after: u64| Batch {
        records: vec![Record { revision: after + 1, key: format!("{after:03}").into(), value: Some("value".into()) }],
        ..batch(after, "")
    };
    for after in 0..9 {
        state.write(&[keyed(after)], &mut drop);
    }
    state.advance(0, 4);
    // These are of the next checkpoint, and their rows the only place where they are.
    for after in 9..12 {
        state.write(&[keyed(after)], &mut drop);
    }
    let reopened = |state| {
        drop(state);
        let (state, recovered) = State::open(&path, options.clone()).unwrap();
        let revisions: Vec<u64> = recovered.docs.iter().map(|doc| doc.revision).collect();
        assert_eq!(revisions, (1..13).collect::<Vec<u64>>());
        state
    };
    let mut state = reopened(state);
    state.advance(0, usize::MAX);
    for after in 12..14 {
        state.write(&[keyed(after)], &mut drop);
    }
    // Due for truncation, not for a checkpoint: 12 applied rows and 2 that are not.
    state.advance(200, 4);
    drop(state);
    let (_, recovered) = State::open(&path, options.clone()).unwrap();
    assert_eq!(recovered.docs.len(), 14);
    assert_eq!(recovered.tail.iter().map(|batch| batch.last).collect::<Vec<u64>>(), [13, 14]);
}
