//! One line on stderr that says how far a run is, rewritten in place and gone at the end.
//!
//! Invariants: nothing is written when stderr is no terminal; it moves by whole percents, so no clock is read.

use std::io::{IsTerminal, Write, stderr};

use nodelane_model::Time;

const WIDTH: i64 = 30;

/// The line.
pub struct Bar {
    subject: String,
    is_shown: bool,
    start: Time,
    span: i64,
    percent: i64,
}

impl Bar {
    /// For a run from `start` to `end`.
    pub fn new(subject: &str, start: Time, end: Time) -> Bar {
        Bar { subject: subject.to_owned(), is_shown: stderr().is_terminal(), start, span: end.since(start).max(1), percent: -1 }
    }
    /// Shows that the run has come to `now`.
    pub fn show(&mut self, now: Time) {
        let percent = now.since(self.start) * 100 / self.span;
        if !self.is_shown || percent == self.percent {
            return;
        }
        self.percent = percent;
        let done = (percent * WIDTH / 100) as usize;
        let line = format!("{}{}", "#".repeat(done), ".".repeat(WIDTH as usize - done.min(WIDTH as usize)));
        let _ = write!(stderr(), "\r\x1b[K{} [{line}] {percent}% {now}", self.subject);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if self.is_shown && self.percent >= 0 {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}
