//! The goals as figures, printed: throughput, latency of a sync beside a bare one, time to open.
//!
//! `cargo test --release -p nodelane-store --test figures -- --ignored --nocapture`

#![allow(clippy::disallowed_methods, reason = "figures need a clock")]

mod support;

use nodelane_store::{Options, verify};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};
use support::*;

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn percentiles(mut samples: Vec<f64>) -> (f64, f64, f64) {
    samples.sort_by(f64::total_cmp);
    let at = |share: f64| samples[((samples.len() - 1) as f64 * share) as usize];
    (at(0.5), at(0.99), at(1.0))
}

/// The disk's own answer: append and sync, `count` times.
fn bare_syncs(path: &Path, count: usize, bytes: usize) -> (f64, f64, f64) {
    let mut file = File::create(path).unwrap();
    let content = vec![7; bytes];
    let sync = |_| {
        let start = Instant::now();
        file.write_all(&content).unwrap();
        file.sync_data().unwrap();
        millis(start.elapsed())
    };
    percentiles((0..count).map(sync).collect())
}

#[test]
#[ignore = "measures; wants a release build and a quiet machine"]
fn throughput_and_latency() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cell.db");
    let mut random = Random(31);

    let mut cell = Cell::open(&path, Options::default());
    let batches: Vec<_> = (0..50).map(|_| puts(&mut random, 500, 1 << 40, 1500)).collect();
    let start = Instant::now();
    for writes in &batches {
        cell.submit(writes);
    }
    cell.await_durable(cell.last);
    println!("25,000 records of 1.5 KB in 50 batches, queued at once: {:.0} ms", millis(start.elapsed()));
    let start = Instant::now();
    for writes in &batches {
        cell.write(writes);
    }
    println!("the same, each awaited: {:.0} ms", millis(start.elapsed()));
    std::thread::sleep(Duration::from_secs(3));

    for (bytes, count, pause) in [(3_000, 1500, 0), (3_000, 500, 2), (750_000, 200, 0)] {
        let bare = bare_syncs(&dir.path().join("bare"), count, bytes as usize);
        let one = |_| {
            let writes = puts(&mut random, 1.max(bytes / 1500), 30_000, 1500.min(bytes));
            std::thread::sleep(Duration::from_millis(pause));
            let start = Instant::now();
            cell.write(&writes);
            millis(start.elapsed())
        };
        let ours = percentiles((0..count).map(one).collect());
        let again = bare_syncs(&dir.path().join("bare"), count, bytes as usize);
        println!("batch of {bytes} B, pause {pause} ms: p50 p99 max {ours:.2?} ms; bare {bare:.2?} and {again:.2?} ms");
    }
    cell.store.close().unwrap();
}

#[test]
#[ignore = "measures; wants a release build and a quiet machine"]
fn restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("restart.db");
    let mut cell = Cell::open(&path, Options::default());
    for start in (0..31_000).step_by(500) {
        let put = |i| put(&format!("pods/{i:06}"), &"x".repeat(2500));
        cell.write(&(start..start + 500).map(put).collect::<Vec<_>>());
        std::thread::sleep(Duration::from_millis(5));
    }
    let copy = dir.path().join("killed.db");
    std::thread::sleep(Duration::from_secs(1));
    let killed = image(&path);
    let start = Instant::now();
    cell.store.close().unwrap();
    println!("close: {:.0} ms", millis(start.elapsed()));
    restore(&copy, &killed);
    for (name, path) in [("killed", &copy), ("clean", &path), ("clean again", &path)] {
        let start = Instant::now();
        let cell = Cell::open(path, Options::default());
        let taken = millis(start.elapsed());
        assert_eq!(cell.recovered.docs.len(), 31_000);
        println!("open, {name} ({}): {taken:.0} ms", cell.recovered.clean);
        cell.store.close().unwrap();
    }
    let lazily = dir.path().join("lazy.db");
    let mut cell = Cell::open(&lazily, lazy());
    for start in (0..31_000).step_by(500) {
        let put = |i| put(&format!("pods/{i:06}"), &"x".repeat(2500));
        cell.write(&(start..start + 500).map(put).collect::<Vec<_>>());
    }
    drop(cell);
    let start = Instant::now();
    let cell = Cell::open(&lazily, Options::default());
    println!("open, killed, no checkpoint at all: {:.0} ms", millis(start.elapsed()));
    drop(cell);
    let start = Instant::now();
    let report = verify(&path).unwrap();
    println!("verify: {:.0} ms, {report:?}", millis(start.elapsed()));
}
