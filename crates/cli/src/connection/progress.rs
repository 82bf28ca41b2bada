//! One line on stderr that says how far an operation is, rewritten in place and gone at the end.
//!
//! Invariants: nothing is written when stderr is no terminal; time is counted from our own waits, so no clock is read.

use std::io::{IsTerminal, Write, stderr};
use std::time::Duration;

/// How often the line moves.
const TICK: Duration = Duration::from_millis(100);
const FRAMES: [char; 4] = ['-', '\\', '|', '/'];

/// The line.
pub struct Progress {
    subject: String,
    is_shown: bool,
    waited: Duration,
    ticks: usize,
}

impl Progress {
    /// For an operation described by `subject`.
    pub fn new(subject: impl Into<String>) -> Self {
        Self { subject: subject.into(), is_shown: stderr().is_terminal(), waited: Duration::ZERO, ticks: 0 }
    }

    /// Waits, and shows that we do.
    pub async fn wait(&mut self, status: &str, duration: Duration) {
        if !self.is_shown {
            return tokio::time::sleep(duration).await;
        }
        let mut left = duration;
        while !left.is_zero() {
            let frame = FRAMES[self.ticks % FRAMES.len()];
            let seconds = self.waited.as_secs();
            let _ = write!(stderr(), "\r\x1b[K{frame} {}: {status}, {seconds} s", self.subject);
            let step = left.min(TICK);
            tokio::time::sleep(step).await;
            left -= step;
            self.waited += step;
            self.ticks += 1;
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_shown && self.ticks > 0 {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}
