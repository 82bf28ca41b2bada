//! The subscription's policy (aks-semantics E9): sizes, regions, tags, names.
//!
//! A policy judges what is made and what changes; what was there before it stays until it is changed.

use super::Proposal;
use crate::admit::{Ask, Policy};
use nodelane_model::Name;
use nodelane_model::cluster::ClusterSpec;
use nodelane_model::refusal::PoolRefusal;
use std::collections::BTreeMap;

/// A pool keeps the policy.
pub(super) fn pool(proposal: &Proposal) -> Result<(), PoolRefusal> {
    let Some(policy) = &proposal.env.policy else {
        return Ok(());
    };
    let name = proposal.name;
    let size = &proposal.spec.vm_size;
    let sizes = &policy.allowed_sizes;
    if proposal.old.is_none() && !sizes.is_empty() && !sizes.iter().any(|allowed| allowed.eq_ignore_ascii_case(size)) {
        return Err(refusal(name, format!("allowedSizes: {}", sizes.join(", "))));
    }
    judge(policy, name, proposal.old.is_none(), &proposal.cluster.location, &proposal.spec.tags)
}

/// A cluster keeps the policy.
pub(in super::super) fn check_cluster(ask: &Ask, spec: &ClusterSpec, is_new: bool) -> Result<(), PoolRefusal> {
    let Some(policy) = &ask.env.policy else { return Ok(()) };
    match judge(policy, &spec.name, is_new, &spec.location, &spec.tags) {
        Err(refusal) if !ask.env.excuses(&refusal) => Err(refusal),
        _ => Ok(()),
    }
}

fn judge(policy: &Policy, name: &Name, is_new: bool, location: &str, tags: &BTreeMap<Name, Name>) -> Result<(), PoolRefusal> {
    let regions = &policy.allowed_regions;
    if is_new && !regions.is_empty() && !regions.iter().any(|allowed| allowed.eq_ignore_ascii_case(location)) {
        return Err(refusal(name, format!("allowedRegions: {}", regions.join(", "))));
    }
    if is_new && !policy.name_pattern.is_empty() && !matches(policy.name_pattern.as_bytes(), name.as_bytes()) {
        return Err(refusal(name, format!("namePattern: {}", policy.name_pattern)));
    }
    // Azure compares tag names without regard to case.
    let has = |tag: &Name| tags.keys().any(|key| key.eq_ignore_ascii_case(tag));
    match policy.required_tags.iter().find(|tag| !has(tag)) {
        Some(tag) => Err(refusal(name, format!("requiredTags: {tag}"))),
        None => Ok(()),
    }
}

fn refusal(name: &Name, why: String) -> PoolRefusal {
    PoolRefusal::Policy { resource: name.clone(), why: why.into() }
}

/// Whether a text is of the form of a pattern: `*` stands for any characters, `?` for one. Steps are at most the product of the lengths.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut here, mut star) = (0, 0, None);
    while here < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, here));
                at += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[here] => {
                at += 1;
                here += 1;
            }
            _ => match star {
                Some((star_at, taken)) => {
                    star = Some((star_at, taken + 1));
                    at = star_at + 1;
                    here = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_whole_names() {
        for (pattern, text, fits) in [
            ("*", "", true),
            ("team-*", "team-a", true),
            ("team-*", "xteam-a", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*b", "xaxbxb", true),
            ("*a*b", "xaxbx", false),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), fits, "{pattern} {text}");
        }
    }
}
