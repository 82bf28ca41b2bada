//! `simulate`: plays storms and says what they met. Run by `cargo xtask test`; by hand to replay and to shrink.
//!
//! `simulate run COUNT [--from SEED] [--state FILE]` plays seeds on all cores and prints the table; with a file it goes on where it was
//! stopped. `simulate seed SEED [--last WRITES]` replays one, `simulate file FILE` a script. `simulate shrink SEED|FILE [OUT]` makes it smaller.
//! Exit 1 where an invariant broke or a cell of the table is empty.

use nodelane_rehearsal::storm::{self, Played, Script, Tally};
use serde::{Deserialize, Serialize};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What is kept of a run that goes on later.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct State {
    next: u64,
    tally: Tally,
}

/// Seeds between two writes of the state.
const CHUNK: u64 = 200;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let option = |name: &str| words.iter().position(|word| *word == name).and_then(|at| words.get(at + 1)).copied();
    let holds = match words.as_slice() {
        ["run", count, ..] => run(number(count), option("--from").map_or(0, number), option("--state")),
        ["seed", seed, ..] => replay(&storm::script(number(seed)), option("--last").map_or(40, number)),
        ["file", file, ..] => replay(&read(file), option("--last").map_or(40, number)),
        ["shrink", from, rest @ ..] => {
            let script = if from.bytes().all(|byte| byte.is_ascii_digit()) { storm::script(number(from)) } else { read(from) };
            shrink(&script, rest.first().copied())
        }
        _ => {
            eprintln!(
                "usage: simulate run COUNT [--from SEED] [--state FILE] | seed SEED [--last WRITES] | file FILE | shrink SEED|FILE [OUT]"
            );
            return ExitCode::from(2);
        }
    };
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or_else(|_| panic!("{text} is not a number"))
}

fn read(file: &str) -> Script {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{file}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn run(count: u64, from: u64, file: Option<&str>) -> bool {
    let kept = file.and_then(|file| std::fs::read_to_string(file).ok()).and_then(|text| serde_json::from_str(&text).ok());
    let mut state = kept.unwrap_or(State { next: from, ..State::default() });
    let end = from + count;
    while state.next < end {
        let until = (state.next + CHUNK).min(end);
        let (tally, failed) = play_all(state.next, until);
        state.tally.add(&tally);
        if let Some((seed, played)) = failed {
            tell(&format!("seed {seed}"), &played);
            return false;
        }
        state.next = until;
        if let Some(file) = file {
            std::fs::write(file, serde_json::to_string(&state).expect("a state is JSON")).unwrap_or_else(|error| panic!("{file}: {error}"));
            eprintln!("{until} of {end} seeds");
        }
    }
    print!("{}", state.tally.table());
    let empty = state.tally.empty_cells();
    if !empty.is_empty() {
        println!("nothing was seen of: {}", empty.join(", "));
    }
    empty.is_empty()
}

/// Plays seeds on all cores; stops at the first that fails.
fn play_all(from: u64, until: u64) -> (Tally, Option<(u64, Played)>) {
    let (next, stop) = (AtomicU64::new(from), AtomicBool::new(false));
    let all = Mutex::new((Tally::default(), None::<(u64, Played)>));
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= until {
                        return;
                    }
                    let played = storm::play(&storm::script(seed));
                    let mut all = all.lock().expect("no one panics with it");
                    all.0.add(&played.tally);
                    if played.violation().is_some() {
                        stop.store(true, Ordering::Relaxed);
                        if all.1.as_ref().is_none_or(|(first, _)| seed < *first) {
                            all.1 = Some((seed, played));
                        }
                    }
                }
            });
        }
    });
    all.into_inner().expect("no one panics with it")
}

fn tell(what: &str, played: &Played) {
    for line in &played.last {
        println!("  {line}");
    }
    for violation in &played.violations {
        let minutes = violation.at.since(played.begin) / 60_000;
        println!("{what}: {violation} (after {} h {} min)", minutes / 60, minutes % 60);
    }
}

fn replay(script: &Script, last: u64) -> bool {
    let played = storm::play_keeping(script, last as usize);
    tell(&format!("seed {}", script.seed), &played);
    println!("{} writes, trace {:016x}", played.tally.writes, played.trace);
    played.violation().is_none()
}

fn shrink(script: &Script, out: Option<&str>) -> bool {
    let Some(invariant) = storm::play(script).violation().map(|violation| violation.invariant) else {
        println!("no invariant breaks");
        return false;
    };
    let small = storm::shrink(script, invariant);
    let text = serde_json::to_string_pretty(&small).expect("a script is JSON");
    match out {
        Some(file) => std::fs::write(file, text + "\n").unwrap_or_else(|error| panic!("{file}: {error}")),
        None => println!("{text}"),
    }
    tell(&format!("{} steps are left", small.steps.len()), &storm::play(&small));
    true
}
