//! What a room's code may not touch: clocks, files, sockets, threads, randomness, and foreign words.
//!
//! The pure rooms decide from values alone, so that the same snapshot gives the same plan. The time is read
//! in `server/src/clock.rs` and nowhere else. `store` keeps bytes and has heard of no domain. Wire names
//! stay at the wire. Tests, benches and comments are free (`store`'s comments are not).

use super::{Finding, Source};

/// Where a clock may be read: the time of the domain in one file, and in the store how long the disk has been failing, which is none.
const CLOCK_READERS: [&str; 2] = ["crates/server/src/clock.rs", "crates/store/src/writer.rs"];
const PURE: [&str; 9] = ["model", "world", "place", "workload", "engine", "review", "arm", "k8s", "catalog"];
/// Rooms inside of the wire, where the noun is NodePool.
const INSIDE: [&str; 9] = ["model", "world", "place", "workload", "engine", "review", "control", "store", "sim"];

const IMPURE: [&str; 16] = [
    "SystemTime",
    "time::Instant",
    "tokio",
    "async fn",
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "println!",
    "eprintln!",
    "print!",
    "dbg!",
    "rand",
    "getrandom",
    "tracing",
];
const CLOCK: [&str; 2] = ["SystemTime::now", "Instant::now"];
const FOREIGN: [&str; 5] = ["azure", "kubernetes", "kubectl", "aks", "nodepool"];

pub(super) fn check(sources: &[Source]) -> Vec<Finding> {
    sources.iter().filter(|s| s.is_product()).flat_map(file).collect()
}

/// True when `line` has `word` with no word character on either side.
pub(super) fn has_word(line: &str, word: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        !line[..at].chars().next_back().is_some_and(is_word)
            && (word.ends_with('!') || !line[at + word.len()..].chars().next().is_some_and(is_word))
    })
}

fn file(source: &Source) -> Vec<Finding> {
    let room = source.room().unwrap_or_default();
    let at = |line: usize, text: String| Finding { path: source.path.clone(), line, text };
    let mut findings = Vec::new();
    for (number, line) in source.product_lines() {
        if PURE.contains(&room)
            && let Some(word) = IMPURE.iter().find(|w| has_word(line, w))
        {
            findings.push(at(number, format!("`{room}` is pure: no `{word}`")));
        }
        if !CLOCK_READERS.contains(&source.path.as_str())
            && let Some(word) = CLOCK.iter().find(|w| line.contains(**w))
        {
            findings.push(at(number, format!("`{word}`: the time is read in server/src/clock.rs only")));
        }
        if INSIDE.contains(&room) && line.contains("AgentPool") {
            findings.push(at(number, "`AgentPool` is wire spelling: inside it is NodePool".to_owned()));
        }
    }
    if room == "store" {
        for (number, line) in source.text.lines().enumerate() {
            let line = line.to_lowercase();
            if let Some(word) = FOREIGN.iter().find(|w| has_word(&line, w)) {
                findings.push(at(number + 1, format!("`store` has heard of no `{word}`")));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(&[Source::new(path, text)]).len()
    }

    #[test]
    fn a_pure_room_reads_no_clock_file_or_socket() {
        for text in ["use std::fs;", "let t = std::time::Instant::now();", "async fn f() {}", "println!(\"x\");", "let r = rand::random();"]
        {
            assert_ne!(count("crates/engine/src/plan.rs", text), 0, "{text}");
        }
        for text in ["// println! is not code", "let operand = strand;", "#[cfg(test)]\nmod tests {\nuse std::fs;\n}"] {
            assert_eq!(count("crates/engine/src/plan.rs", text), 0, "{text}");
        }
        assert_eq!(count("crates/engine/tests/fixtures.rs", "use std::fs;"), 0);
    }

    #[test]
    fn the_time_is_read_in_one_file() {
        let text = "let now = SystemTime::now();";
        assert_eq!(count("crates/server/src/clock.rs", text), 0);
        assert_eq!(count("crates/server/src/driver.rs", text), 1);
    }

    #[test]
    fn store_keeps_bytes_and_wire_names_stay_at_the_wire() {
        assert_eq!(count("crates/store/src/log.rs", "//! As Kubernetes does."), 1);
        assert_eq!(count("crates/store/src/log.rs", "//! It takes bytes."), 0);
        assert_eq!(count("crates/engine/src/lib.rs", "struct AgentPool;"), 1);
        assert_eq!(count("crates/arm/src/lib.rs", "struct AgentPool;"), 0);
    }
}
