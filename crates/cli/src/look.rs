//! Looking at something again and again until it is so: the one place of the command line that sleeps.
//!
//! Another process cannot be waited for otherwise: its lock and its announcement are files.
//! Not here: waiting for operations (they are polled over HTTP).

use std::time::Duration;

/// Between two looks. A server is ready within some tens of milliseconds.
const PAUSE: Duration = Duration::from_millis(10);

/// Looks until `look` has an answer, at most for a time; `None` when it had none.
pub fn until<T, E>(limit: Duration, mut look: impl FnMut() -> Result<Option<T>, E>) -> Result<Option<T>, E> {
    let looks = limit.as_millis() / PAUSE.as_millis();
    for _ in 0..looks {
        if let Some(answer) = look()? {
            return Ok(Some(answer));
        }
        #[allow(clippy::disallowed_methods, reason = "a command waits for another process; nothing here is rehearsed")]
        std::thread::sleep(PAUSE);
    }
    look()
}
