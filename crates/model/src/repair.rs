//! What auto-repair keeps on a machine: since when its node is not Ready, how far the ladder is, and what was done before.
//!
//! A record is begun in the very write that shows a node going from Ready to not Ready, so a node that never was Ready has none
//! (aks-semantics H-3). Not here: when a rung is due, and whether it may be taken (`engine`).

use crate::machine::MachinePhase;
use crate::{Name, Time};
use serde::{Deserialize, Serialize};

/// The rungs of the ladder, in their order (aks-semantics H-1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Rung {
    /// The machine boots again.
    Reboot,
    /// Its image is put on it again.
    Reimage,
    /// It moves to another host; Linux only.
    Redeploy,
}

impl Rung {
    /// What a machine does meanwhile.
    pub fn phase(self) -> MachinePhase {
        match self {
            Rung::Reboot => MachinePhase::Rebooting,
            Rung::Reimage => MachinePhase::Reimaging,
            Rung::Redeploy => MachinePhase::Redeploying,
        }
    }
    /// The word of a document, such as `Reboot`.
    pub fn word(self) -> &'static str {
        match self {
            Rung::Reboot => "Reboot",
            Rung::Reimage => "Reimage",
            Rung::Redeploy => "Redeploy",
        }
    }
}

/// A machine whose node was Ready and is not.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Repair {
    /// Since when the node is not Ready.
    pub since: Time,
    /// When the first rung began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began: Option<Time>,
    /// The rung that is under way, and since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rung: Option<(Rung, Time)>,
    /// Rungs that are behind it, over all cycles.
    #[serde(default)]
    pub rungs: u32,
    /// When the last rung ended; it is seen from then on whether it has helped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rested: Option<Time>,
    /// Why the next rung is not taken, as it was last said.
    #[serde(default, skip_serializing_if = "Name::is_empty")]
    pub held: Name,
    /// When it was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_up: Option<Time>,
}

impl Repair {
    /// A node that has just been lost.
    pub fn of_loss(now: Time) -> Repair {
        Repair { since: now, began: None, rung: None, rungs: 0, rested: None, held: Name::default(), given_up: None }
    }
    /// Whether the ladder was begun and has not ended: such a machine counts among the repairs in parallel.
    pub fn is_under_way(&self) -> bool {
        self.began.is_some() && self.given_up.is_none()
    }
}

/// One rung that was taken.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Repaired {
    /// Which.
    pub rung: Rung,
    /// From.
    pub began: Time,
    /// To.
    pub ended: Time,
    /// The provider's code, where it failed.
    #[serde(default, skip_serializing_if = "Name::is_empty")]
    pub failure: Name,
    /// Whether the node was Ready after it.
    #[serde(default, skip_serializing_if = "crate::meta::is_false")]
    pub healed: bool,
}

/// Rungs that a machine's document remembers: the nine of one ladder and most of another, at 100 bytes each.
pub const REPAIRS_LIMIT: usize = 16;

/// When a machine was last renewed, and how deeply: what ails it from before is gone.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Renewed {
    /// It booted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub booted: Option<Time>,
    /// It got an image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub imaged: Option<Time>,
    /// It came to its host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hosted: Option<Time>,
}

impl Renewed {
    /// When a rung's work was last done; `None` where not since the machine was made.
    pub fn by(&self, rung: Rung) -> Option<Time> {
        match rung {
            Rung::Reboot => self.booted,
            Rung::Reimage => self.imaged,
            Rung::Redeploy => self.hosted,
        }
    }
}
