//! Storms in `cargo test`: a few seeds hold, a seed replays byte for byte, a script survives its file, and every kept script holds.
//!
//! A file in `seeds/` is a script that once broke an invariant, made smaller; what it broke is mended and stays so. One in `seeds/open/`
//! still breaks: it is moved when it is mended. Long runs are those of `simulate` (docs/guides/simulation.md).

use nodelane_rehearsal::storm::{Script, play, script};

fn assert_holds(what: &str, script: &Script) {
    let played = play(script);
    let last = played.last.iter().rev().take(12).rev().cloned().collect::<Vec<_>>().join("\n");
    assert!(played.violations.is_empty(), "{what}: {}\n{last}", played.violations[0]);
}

#[test]
fn a_seed_is_the_same_day_twice() {
    let (first, second) = (play(&script(12)), play(&script(12)));
    assert!(first.tally.writes > 50, "something happens");
    assert_eq!((first.trace, first.tally), (second.trace, second.tally));
}

#[test]
fn a_few_days_hold() {
    for seed in 0..5 {
        assert_holds(&format!("seed {seed}"), &script(seed));
    }
}

#[test]
fn a_script_is_the_same_from_its_file() {
    for seed in 0..50 {
        let drawn = script(seed);
        let text = serde_json::to_string(&drawn).unwrap();
        assert_eq!(serde_json::from_str::<Script>(&text).unwrap(), drawn);
    }
}

#[test]
fn what_once_broke_holds() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/seeds");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    for path in files.filter(|path| path.extension().is_some_and(|extension| extension == "json")) {
        let script: Script = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        assert_holds(&path.display().to_string(), &script);
    }
}
