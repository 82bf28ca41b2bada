//! Names of pools (aks-semantics N-1, N-2, N-4).
//!
//! A pool's name is in its nodes' names, which is where the lengths come from. Uniqueness is the key's (N-3).

use super::Proposal;
use nodelane_model::pool::OsType;
use nodelane_model::refusal::PoolRefusal;

/// Longest name of a Linux pool.
const LINUX_LENGTH: usize = 12;
/// Longest name of a Windows pool: the node's name is `aks` + 6 + 6, and NetBIOS has 15.
const WINDOWS_LENGTH: usize = 6;
/// A name that AKS keeps for itself.
const RESERVED: &str = "aksmanagedap";

/// Lower-case letters and digits, the first a letter (N-1).
pub(super) fn pattern(proposal: &Proposal) -> Result<(), PoolRefusal> {
    let name = proposal.name.as_str();
    let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    match plain && name.starts_with(|first: char| first.is_ascii_lowercase()) && name.len() <= LINUX_LENGTH {
        true => Ok(()),
        false => Err(refusal("N-1", name, LINUX_LENGTH)),
    }
}

/// Six characters at most on Windows (N-2).
pub(super) fn windows(proposal: &Proposal) -> Result<(), PoolRefusal> {
    match proposal.spec.os_type == OsType::Windows && proposal.name.len() > WINDOWS_LENGTH {
        true => Err(refusal("N-2", proposal.name, WINDOWS_LENGTH)),
        false => Ok(()),
    }
}

/// Not AKS's own name (N-4).
pub(super) fn reserved(proposal: &Proposal) -> Result<(), PoolRefusal> {
    match proposal.old.is_none() && proposal.name == RESERVED {
        true => Err(PoolRefusal::parameter("N-4", "agentPoolProfile.name", format!("The name '{RESERVED}' is reserved"), "any other name")),
        false => Ok(()),
    }
}

fn refusal(rule: &'static str, name: &str, length: usize) -> PoolRefusal {
    let accepted = format!("1 to {length} lower-case letters and digits, the first a letter: ^[a-z][a-z0-9]{{0,{}}}$", length - 1);
    PoolRefusal::parameter(rule, "agentPoolProfile.name", format!("The agent pool name '{name}' is not valid"), accepted)
}
