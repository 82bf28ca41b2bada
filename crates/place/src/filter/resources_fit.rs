//! NodeResourcesFit: the pod's requests beside what is taken, and the number of pods.
//!
//! All shortages of a node are named, pods first, then CPU, memory, ephemeral storage, and others by name. A request of 0 is never
//! short. What a pod requests is worked out by its class, not here.

use crate::profile::Profile;
use crate::reason::{Plugin, Reason, Refusal};
use nodelane_world::NodeRow;

/// A bit for each thing that is short, in the order of [`check`], and [`TOO_SMALL`]; 0 where the pod fits. Refusals with the same bits are
/// equal where the bits are not [`MANY`].
pub(crate) fn shortage(profile: &Profile, row: &NodeRow) -> u64 {
    if !profile.config.runs(Plugin::NodeResourcesFit) {
        return 0;
    }
    let (needs, all, used) = (&profile.fit_needs, &row.allocatable, &row.used);
    let is_short = |bit: u32, need: i64, all: i64, used: i64| match need > 0 && need > all - used {
        false => 0,
        true => (1 << bit.min(61)) | if need > all { TOO_SMALL } else { 0 } | if bit > 61 { MANY } else { 0 },
    };
    let others = needs
        .extended
        .iter()
        .zip(4..)
        .map(|((name, need), bit)| is_short(bit, *need, amount(&all.extended, name), amount(&used.extended, name)));
    u64::from(used.pods >= all.pods)
        | is_short(1, needs.cpu_milli, all.cpu_milli, used.cpu_milli)
        | is_short(2, needs.memory_bytes, all.memory_bytes, used.memory_bytes)
        | is_short(3, needs.ephemeral_bytes, all.ephemeral_bytes, used.ephemeral_bytes)
        | others.fold(0, |bits, bit| bits | bit)
}

/// Whether the pod fits, room alone.
pub(crate) fn fits(profile: &Profile, row: &NodeRow) -> bool {
    shortage(profile, row) == 0
}

/// The node lacks something even when it is empty.
const TOO_SMALL: u64 = 1 << 63;
/// More resources are asked for than there are bits.
pub(crate) const MANY: u64 = 1 << 62;

fn amount(amounts: &std::collections::BTreeMap<nodelane_model::Name, i64>, name: &nodelane_model::Name) -> i64 {
    amounts.get(name).copied().unwrap_or(0)
}

pub(crate) fn check(profile: &Profile, row: &NodeRow) -> Option<Refusal> {
    if fits(profile, row) {
        return None;
    }
    let (needs, all, used) = (&profile.fit_needs, &row.allocatable, &row.used);
    let mut refusal = Refusal { reasons: Vec::new(), resolvable: true };
    if used.pods + 1 > all.pods {
        refusal.reasons.push(Reason::TooManyPods);
    }
    let mut compare = |name: &str, need: i64, all: i64, used: i64| {
        if need > 0 && need > all - used {
            refusal.reasons.push(Reason::Insufficient(name.into()));
            // A node that is too small even when empty stays so, whoever leaves.
            refusal.resolvable &= need <= all;
        }
    };
    compare("cpu", needs.cpu_milli, all.cpu_milli, used.cpu_milli);
    compare("memory", needs.memory_bytes, all.memory_bytes, used.memory_bytes);
    compare("ephemeral-storage", needs.ephemeral_bytes, all.ephemeral_bytes, used.ephemeral_bytes);
    for (name, need) in &needs.extended {
        compare(name, *need, amount(&all.extended, name), amount(&used.extended, name));
    }
    Some(refusal)
}
