//! Taints (aks-semantics T-1, T-2).
//!
//! A User pool that becomes System meets the same rules: they judge what the pool is to be.

use super::Proposal;
use nodelane_model::node::Taint;
use nodelane_model::pool::Mode;
use nodelane_model::refusal::PoolRefusal;

/// `key=value:Effect` (T-1).
pub(super) fn syntax(proposal: &Proposal) -> Result<(), PoolRefusal> {
    match proposal.spec.node_taints.iter().find(|taint| !is_taint(taint)) {
        Some(taint) => {
            let accepted = "key=value:Effect, the effect NoSchedule, PreferNoSchedule or NoExecute";
            Err(PoolRefusal::parameter("T-1", "agentPoolProfile.nodeTaints", format!("Invalid node taint: {taint}"), accepted))
        }
        None => Ok(()),
    }
}

/// `^[a-zA-Z\d][\w\-\.\/]{0,252}=[a-zA-Z\d][\w\-\.]{0,62}:(NoSchedule|PreferNoSchedule|NoExecute)$`
fn is_taint(text: &str) -> bool {
    let Some((key, rest)) = text.split_once('=') else {
        return false;
    };
    let Some((value, effect)) = rest.split_once(':') else {
        return false;
    };
    let word = |text: &str, most: usize, more: &[u8]| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.') || more.contains(&byte);
        (1..=most).contains(&text.len()) && text.as_bytes()[0].is_ascii_alphanumeric() && text.bytes().all(fits)
    };
    word(key, 253, b"/") && word(value, 63, b"") && matches!(effect, "NoSchedule" | "PreferNoSchedule" | "NoExecute")
}

/// A system pool has only taints that system pods tolerate or that only prefer (T-2).
pub(super) fn system(proposal: &Proposal) -> Result<(), PoolRefusal> {
    let tolerated = |taint: &Taint| taint.key == "CriticalAddonsOnly" || taint.effect == "PreferNoSchedule";
    let mut taints = proposal.spec.node_taints.iter().filter_map(|taint| Taint::parse(taint));
    match proposal.spec.mode == Mode::System && taints.any(|taint| !tolerated(&taint)) {
        true => Err(PoolRefusal::SystemTaint),
        false => Ok(()),
    }
}
