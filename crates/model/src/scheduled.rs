//! Azure's scheduled events: what the platform is about to do to a machine, and from when on (aks-semantics H-6).
//!
//! Not here: what is done about one (`engine`), and who is hit (`sim`).

use crate::Time;
use serde::{Deserialize, Serialize};

/// What the platform does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Happening {
    /// A spot machine is taken.
    Preempt,
    /// The machine stands still for some seconds.
    Freeze,
    /// It boots again.
    Reboot,
    /// It moves to another host and boots there.
    Redeploy,
    /// It is deleted.
    Terminate,
}

impl Happening {
    /// All, as documents spell them.
    pub const ALL: [(&'static str, Happening); 5] = [
        ("Preempt", Happening::Preempt),
        ("Freeze", Happening::Freeze),
        ("Reboot", Happening::Reboot),
        ("Redeploy", Happening::Redeploy),
        ("Terminate", Happening::Terminate),
    ];
    /// Its word.
    pub fn word(self) -> &'static str {
        Happening::ALL.iter().find(|(_, happening)| *happening == self).map_or("", |(word, _)| word)
    }
    /// Reads a document's word, in any case.
    pub fn from_word(word: &str) -> Option<Happening> {
        Happening::ALL.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|(_, happening)| *happening)
    }
    /// Azure's shortest notice, in milliseconds (Scheduled Events for Linux VMs; Terminate has what the scale set says, at least five minutes).
    pub fn notice_millis(self) -> i64 {
        match self {
            Happening::Preempt => 30_000,
            Happening::Redeploy => 10 * 60_000,
            Happening::Freeze | Happening::Reboot => 15 * 60_000,
            Happening::Terminate => 5 * 60_000,
        }
    }
}

/// A scheduled event of a machine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScheduledEvent {
    /// What.
    pub happening: Happening,
    /// Not before.
    pub at: Time,
}
