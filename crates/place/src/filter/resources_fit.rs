//! NodeResourcesFit: the pod's requests beside what is taken, and the number of pods.
//!
//! All shortages of a node are named, pods first, then CPU, memory, ephemeral storage, and others by name. A request of 0 is never
//! short. What a pod requests is worked out by its class, not here.

use crate::profile::Profile;
use crate::reason::{Plugin, Reason, Refusal};
use nodelane_world::NodeRow;

/// Whether the pod fits: the verdict of [`check`] without its reasons, for the many times that nobody asks for them.
pub(crate) fn fits(profile: &Profile, row: &NodeRow) -> bool {
    if !profile.config.runs(Plugin::NodeResourcesFit) {
        return true;
    }
    let (needs, all, used) = (&profile.fit_needs, &row.allocatable, &row.used);
    let fits = |need: i64, all: i64, used: i64| need <= 0 || need <= all - used;
    used.pods < all.pods
        && fits(needs.cpu_milli, all.cpu_milli, used.cpu_milli)
        && fits(needs.memory_bytes, all.memory_bytes, used.memory_bytes)
        && fits(needs.ephemeral_bytes, all.ephemeral_bytes, used.ephemeral_bytes)
        && needs.extended.iter().all(|(name, need)| fits(*need, amount(&all.extended, name), amount(&used.extended, name)))
}

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
