//! A watch goes on after a restart: the events of the log's tail are those that were published before.
//!
//! Compared as values, with the state before each write: what a selector lets through depends on both. Restarts: after a stop, and on a
//! copy of the files of a process that still runs, which is what a kill leaves.

use nodelane_control::{Door, Event};
use nodelane_engine::Env;
use nodelane_model::change::Propagation;
use nodelane_model::codec::from_value;
use nodelane_model::{Change, Key, Kind, Origin, Revision};
use nodelane_server::BootProfile;
use nodelane_server::driver::{LiveCell, OpenCell};
use nodelane_store::Options;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;

async fn ask(live: &LiveCell, change: Change) {
    live.submit(change, Origin::default()).await.unwrap();
}

fn key(name: &str) -> Key {
    Key::new(Kind::ConfigMap, "default", name)
}

/// Writes a configuration map with a label and some data, new or not.
async fn put(live: &LiveCell, name: &str, lane: &str, data_bytes: usize) {
    let value =
        json!({"metadata": {"name": name, "namespace": "default", "labels": {"lane": lane}}, "data": {"x": "x".repeat(data_bytes)}});
    let mut doc = from_value(Kind::ConfigMap, &value).unwrap();
    let world = live.world();
    let Some(stored) = world.get(&key(name)) else { return ask(live, Change::Create(Arc::new(doc))).await };
    (doc.meta.uid, doc.meta.created) = (stored.meta.uid, stored.meta.created);
    ask(live, Change::Replace { doc: Arc::new(doc), base: stored.revision }).await;
}

async fn delete(live: &LiveCell, name: &str) {
    ask(live, Change::Delete { key: key(name), uid: None, base: None, grace_seconds: None, propagation: Propagation::Background }).await;
}

async fn open(path: &Path, options: &Options) -> LiveCell {
    let live = OpenCell::open_with(path, 7, options.clone()).unwrap().start(Env::default(), BootProfile::Instant);
    if live.world().is_empty() {
        let namespace = json!({"metadata": {"name": "default"}});
        ask(&live, Change::Create(Arc::new(from_value(Kind::Namespace, &namespace).unwrap()))).await;
    }
    live
}

fn events(live: &LiveCell, after: Revision) -> Vec<Event> {
    live.events_after(after, usize::MAX).unwrap()
}

/// A map of each fate: made, changed, out of its lane, gone, and made again.
async fn fates(live: &LiveCell) {
    for (name, lane) in [("stays", "a"), ("moves", "a"), ("moves", "b"), ("goes", "a"), ("comes", "b")] {
        put(live, name, lane, 10).await;
    }
    put(live, "stays", "a", 11).await;
    delete(live, "goes").await;
    put(live, "goes", "b", 10).await;
}

#[tokio::test]
async fn what_was_published_is_published_again_after_a_stop_and_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("cell.db"), folder.path().join("copy.db"));
    let live = open(&path, &Options::default()).await;
    fates(&live).await;
    let published = events(&live, 0);
    let last = live.world().revision;
    assert!(published.len() >= 8 && published.iter().map(|event| event.revision).eq(1..=last));
    for suffix in ["", "-wal", "-head"] {
        std::fs::copy(format!("{}{suffix}", path.display()), format!("{}{suffix}", copy.display())).unwrap();
    }
    live.stop();
    for path in [path, copy] {
        let live = open(&path, &Options::default()).await;
        put(&live, "stays", "c", 10).await;
        for seen in 0..=last {
            let again = events(&live, seen);
            assert_eq!(again[..(last - seen) as usize], published[seen as usize..], "after revision {seen}");
            assert_eq!(again.last().map(|event| event.revision), Some(last + 1), "and on into what is new");
        }
        live.stop();
    }
}

/// A log of 512 KiB with a tail of 64 KiB: a write finds the one before it 320 KiB away.
fn short_log() -> Options {
    Options { keep_log_bytes: 512 << 10, tail_bytes: 64 << 10, idle_checkpoint_bytes: 32 << 10, ..Options::default() }
}

/// Writes of 10 KB to a map of its own.
async fn noise(live: &LiveCell, writes: usize) {
    for more in 0..writes {
        put(live, "noise", "n", 10_000 + more).await;
    }
}

/// Touches what `fates` made, each in another way; gives the revision before and what was published.
async fn touched(live: &LiveCell) -> (Revision, Vec<Event>) {
    let before = live.world().revision;
    put(live, "moves", "a", 10).await;
    put(live, "stays", "b", 10).await;
    delete(live, "goes").await;
    delete(live, "comes").await;
    put(live, "new", "a", 10).await;
    delete(live, "new").await;
    let published = events(live, before);
    assert_eq!(published.len(), 6);
    (before, published)
}

#[tokio::test]
async fn a_document_left_alone_for_longer_than_the_tail_is_known_as_it_was_before() {
    let folder = tempfile::tempdir().unwrap();
    // In reach of the kept log, and out of it.
    for writes in [12, 80] {
        let path = folder.path().join(format!("{writes}.db"));
        let live = open(&path, &short_log()).await;
        fates(&live).await;
        noise(&live, writes).await;
        let (before, published) = touched(&live).await;
        live.stop();
        let live = open(&path, &short_log()).await;
        assert_eq!(events(&live, before), published, "{writes} writes later");
        assert!(live.events_after(1, 1).is_err(), "what is older than the tail is gone");
        live.stop();
    }
}

#[tokio::test]
async fn a_document_from_before_an_earlier_start_is_known_as_it_was_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cell.db");
    let live = open(&path, &short_log()).await;
    fates(&live).await;
    noise(&live, 80).await;
    live.stop();
    let live = open(&path, &short_log()).await;
    let (before, published) = touched(&live).await;
    live.stop();
    let live = open(&path, &short_log()).await;
    assert_eq!(events(&live, before), published);
    live.stop();
}
