//! What was acknowledged is there and what was not is there whole or not at all: random histories against a model,
//! with closes, drops and crash images, and a real process that is killed while it writes.
//!
//! `FULL=1` makes the kill test run 500 rounds.

#![allow(clippy::disallowed_methods, reason = "processes are killed after a while")]

mod support;

use nodelane_store::{Batch, Event, Failure, OpenError, Options, verify};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::*;

/// One step of a history.
#[derive(Clone, Debug)]
enum Step {
    /// Submits this many batches at once and waits for the last one.
    Write {
        seed: u64,
        batches: u64,
    },
    Close,
    Drop,
    /// Goes on with a copy of the files, as after `kill -9`.
    Crash,
    /// Lets the log thread checkpoint.
    Rest,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (any::<u64>(), 1..5u64).prop_map(|(seed, batches)| Step::Write { seed: seed | 1, batches }),
        1 => Just(Step::Close),
        1 => Just(Step::Drop),
        2 => Just(Step::Crash),
        1 => Just(Step::Rest),
    ];
    proptest::collection::vec(step, 1..25)
}

fn options() -> Options {
    Options { keep_log_bytes: 15_000, tail_bytes: 6_000, idle_checkpoint_bytes: 9_000, busy_checkpoint_bytes: 25_000, ..lazy() }
}

/// The newest batches that fit into the bound.
fn tail_of(history: &[Batch], bytes: u64) -> &[Batch] {
    let mut sum = 0;
    let fits = history.iter().rev().take_while(|batch| {
        sum += batch.log_bytes() as u64;
        sum <= bytes
    });
    &history[history.len() - fits.count()..]
}

fn check(cell: &Cell, model: &Model, history: &[Batch]) {
    assert_eq!(cell.recovered.revision, history.last().map_or(0, |batch| batch.last));
    assert_eq!(cell.recovered.docs, docs(model));
    let tail = tail_of(history, options().tail_bytes);
    assert_eq!(cell.recovered.tail, tail);
    // In front of the tail the kept log may begin anywhere up to one batch short of its bound.
    let (front, mut before) = (&history[..history.len() - tail.len()], Model::new());
    front.iter().for_each(|batch| play(&mut before, batch));
    let kept = tail_of(history, options().keep_log_bytes - 2_000);
    let touched =
        |batches: &[Batch]| batches.iter().flat_map(|batch| &batch.records).map(|record| record.key.clone()).collect::<BTreeSet<_>>();
    let (near, in_tail) = (touched(&kept[..kept.len().saturating_sub(tail.len())]), touched(tail));
    for (key, value) in &cell.recovered.before_tail {
        assert!(in_tail.contains(key) && before.get(key).is_some_and(|(_, stored)| stored == value), "{key:?}");
    }
    for key in near.intersection(&in_tail).filter(|key| before.contains_key(*key)) {
        assert!(cell.recovered.before_tail.contains_key(key), "{key:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_reopened_cell_equals_the_model(steps in steps()) {
        let dir = tempfile::tempdir().unwrap();
        let mut path = dir.path().join("0.db");
        let (mut model, mut history, mut copies) = (Model::new(), Vec::new(), 0);
        let mut cell = Cell::open(&path, options());
        for step in steps {
            match step {
                Step::Write { seed, batches } => {
                    let mut random = Random(seed);
                    for _ in 0..batches {
                        let count = random.below(6);
                        let batch = batch(cell.last, &puts(&mut random, count, 40, 700));
                        cell.last = batch.last;
                        play(&mut model, &batch);
                        cell.store.submit(batch.clone());
                        history.push(batch);
                    }
                    cell.await_durable(cell.last);
                    continue;
                }
                Step::Rest => {
                    std::thread::sleep(Duration::from_millis(30));
                    continue;
                }
                Step::Close => {
                    cell.store.close().unwrap();
                    cell = Cell::open(&path, options());
                    prop_assert!(cell.recovered.clean);
                }
                Step::Drop => {
                    drop(cell.store);
                    cell = Cell::open(&path, options());
                }
                Step::Crash => {
                    // Long enough for the checkpoint to end: a copy taken during one is no crash image.
                    std::thread::sleep(Duration::from_millis(60));
                    copies += 1;
                    let copy = dir.path().join(format!("{copies}.db"));
                    restore(&copy, &image(&path));
                    path = copy;
                    cell = Cell::open(&path, options());
                }
            }
            check(&cell, &model, &history);
        }
        cell.store.close().unwrap();
        let report = verify(&path).unwrap();
        prop_assert_eq!(report.documents as usize, model.len());
        prop_assert_eq!(report.revision, history.last().map_or(0, |batch| batch.last));
        let bytes: usize = history.iter().rev().take(report.batches as usize).map(Batch::log_bytes).sum();
        prop_assert!(bytes <= 15_000, "the log is truncated to its bound");
    }
}

const CHILD: &str = "NODELANE_STORE_TEST_CHILD";

fn child_options() -> Options {
    Options {
        keep_log_bytes: 200_000,
        idle_checkpoint_bytes: 50_000,
        busy_checkpoint_bytes: 150_000,
        probe_interval: Duration::from_millis(5),
        ..Options::default()
    }
}

/// The batch that the child writes after a revision: known to the parent without being told.
fn child_batch(after: u64) -> Batch {
    let mut random = Random(after * 2 + 1);
    let count = 1 + random.below(12);
    batch(after, &puts(&mut random, count, 200, 1500))
}

/// Not a test: the process that others kill, or whose system calls they make fail.
#[test]
fn writes_until_killed() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let mut cell = Cell::open(Path::new(&path), child_options());
    let mut durable = cell.last;
    println!("\nfound {durable}");
    loop {
        // A few in flight, so that the kill meets queued ones and groups.
        for _ in 0..1 + cell.last % 4 {
            let batch = child_batch(cell.last);
            cell.last = batch.last;
            cell.store.submit(batch);
        }
        let mut settled = durable;
        while settled < cell.last {
            match cell.event() {
                Event::Durable { last, .. } => {
                    println!("ack {last}");
                    (settled, durable) = (last, last);
                }
                Event::Failed { last, .. } => settled = last,
                Event::ReadOnlyEnded => {}
            }
        }
        if durable < cell.last {
            println!("failed after {durable}");
            // Long enough for a probe; if it is not, the next batches fail too.
            std::thread::sleep(Duration::from_millis(20));
            cell.last = durable;
        }
        if cell.last.is_multiple_of(11) {
            std::thread::sleep(Duration::from_millis(40));
        }
    }
}

/// A cell that processes write one after another, each until it is killed, beside the model of it.
struct Victim {
    path: PathBuf,
    model: Model,
    end: u64,
}

impl Victim {
    fn new(path: PathBuf) -> Victim {
        Victim { path, model: Model::new(), end: 0 }
    }

    /// Runs a child under `wrapper` until it dies, at the latest after `limit`; then the cell must hold what it
    /// acknowledged and a prefix of what it sent. Returns the lines about failures.
    fn round(&mut self, wrapper: &[&str], limit: Duration) -> Vec<String> {
        let this = std::env::current_exe().unwrap();
        let mut words = wrapper.iter().map(std::ffi::OsStr::new).chain([this.as_os_str()]);
        let mut child = Command::new(words.next().unwrap())
            .args(words)
            .args(["writes_until_killed", "--exact", "--nocapture"])
            .env(CHILD, &self.path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let reader = std::thread::spawn(move || lines.collect::<Vec<String>>());
        let start = Instant::now();
        while start.elapsed() < limit && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_micros(500));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let lines = reader.join().unwrap();
        let acknowledged = lines.iter().filter_map(|line| line.strip_prefix("ack ")?.parse().ok()).next_back();
        // A process that its tracer leaves behind may hold the lock a moment longer.
        let cell = loop {
            match Cell::try_open(&self.path, child_options()) {
                Err(OpenError::Locked { .. }) => std::thread::sleep(Duration::from_millis(1)),
                other => break other.unwrap_or_else(|error| panic!("{wrapper:?}: {error}")),
            }
        };
        assert!(cell.recovered.revision >= acknowledged.unwrap_or(self.end), "{acknowledged:?} was acknowledged");
        while self.end < cell.recovered.revision {
            let batch = child_batch(self.end);
            play(&mut self.model, &batch);
            self.end = batch.last;
        }
        assert_eq!(self.end, cell.recovered.revision, "a batch is there in part");
        assert!(cell.recovered.docs == docs(&self.model), "{wrapper:?}");
        lines.into_iter().filter(|line| line.starts_with("failed")).collect()
    }
}

#[test]
fn what_a_killed_process_acknowledged_is_there() {
    let rounds = if std::env::var_os("FULL").is_some() { 500 } else { 20 };
    let dir = tempfile::tempdir().unwrap();
    let mut victim = Victim::new(dir.path().join("cell.db"));
    let mut random = Random(21);
    for _ in 0..rounds {
        victim.round(&["env"], Duration::from_micros(5_000 + random.below(80_000)));
    }
    assert!(victim.end > 0);
    println!("{rounds} kills, {} revisions", victim.end);
}

/// Runs the child with a fault, and kills it after some seconds; killing the tracer would leave it running.
fn traced<'a>(inject: &'a str, seconds: &'a str) -> Vec<&'a str> {
    "strace -f -o /dev/null -e".split(' ').chain([inject, "timeout", "--signal=KILL", seconds]).collect()
}

#[test]
#[ignore = "needs strace; minutes"]
fn a_kill_at_any_system_call_loses_nothing_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    // From an empty folder through creation and the first checkpoints, then at every seventh call of a longer life.
    for call in (1..160).chain((160..1500).step_by(7)) {
        let mut victim = Victim::new(dir.path().join(format!("{call}.db")));
        let inject = format!("inject=pwrite64,fsync,fdatasync,ftruncate,rename,unlink:signal=SIGKILL:when={call}");
        victim.round(&traced(&inject, "1"), Duration::from_secs(20));
        victim.round(&["env"], Duration::from_millis(30));
    }
}

#[test]
#[ignore = "needs strace; minutes"]
fn a_disk_that_fails_or_is_full_for_a_while_loses_nothing_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    for (calls, error) in [("fsync,fdatasync", "EIO"), ("pwrite64", "EIO"), ("pwrite64", "ENOSPC"), ("fsync,fdatasync", "ENOSPC")] {
        let mut failures = 0;
        for first in (20..400).step_by(9) {
            let mut victim = Victim::new(dir.path().join(format!("{calls}{error}{first}.db")));
            let inject = format!("inject={calls}:error={error}:when={first}..{}", first + first % 4 * 5);
            let lines = victim.round(&traced(&inject, "0.4"), Duration::from_secs(20));
            failures += lines.len();
            victim.round(&["env"], Duration::from_millis(40));
        }
        println!("{error} on {calls}: {failures} failures reported");
        assert!(failures > 0);
    }
}

#[test]
fn a_batch_that_does_not_rest_on_the_last_one_is_rejected_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let mut cell = Cell::open(&dir.path().join("cell.db"), lazy());
    cell.submit(&[put("a", "1")]);
    cell.store.submit(batch(7, &[put("a", "stale")]));
    let mut unordered = batch(1, &[put("a", "x"), put("b", "x")]);
    unordered.records.reverse();
    cell.store.submit(unordered);
    cell.submit(&[put("a", "2")]);
    assert!(matches!(cell.event(), Event::Durable { last: 1, .. }));
    for range in [(8, 8), (2, 3)] {
        let Event::Failed { first, last, failure: Failure::Rejected(_) } = cell.event() else { panic!() };
        assert_eq!((first, last), range);
    }
    assert!(matches!(cell.event(), Event::Durable { last: 2, .. }));
}

#[test]
fn the_exported_head_changes_with_every_byte_of_history() {
    let head = |origin: &'static str, value: &str| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cell.db");
        let mut cell = Cell::open(&path, lazy());
        cell.store.submit(Batch { origin: origin.into(), ..batch(0, &[put("a", value)]) });
        cell.last = 1;
        let Event::Durable { head, .. } = cell.event() else { panic!() };
        cell.write(&[put("b", "same")]);
        let Event::Durable { head: newest, .. } = ({
            cell.submit(&[put("c", "same")]);
            cell.event()
        }) else {
            panic!()
        };
        cell.store.close().unwrap();
        assert_eq!(verify(&path).unwrap().head, newest);
        assert_ne!(head, newest);
        newest
    };
    let alice = head("alice", "1");
    assert_eq!(alice, head("alice", "1"));
    assert_ne!(alice, head("mallory", "1"));
    assert_ne!(alice, head("alice", "2"));
}
