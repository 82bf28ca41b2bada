//! Labels that a user may give to nodes (aks-semantics LB-1, LB-3 to LB-5).
//!
//! Every label is judged, those that a pool had before too: a PUT replaces the whole map (LB-6).

use super::Proposal;
use nodelane_model::Name;
use nodelane_model::pool::Priority;
use nodelane_model::refusal::PoolRefusal;

/// AKS's own prefix.
const OWN: &str = "kubernetes.azure.com";
/// Prefixes in the namespaces of Kubernetes that a kubelet may set.
const ALLOWED: [&str; 2] = ["kubelet.kubernetes.io", "node.kubernetes.io"];
/// Labels without a prefix that AKS sets (the deprecated twins of LB-1).
const SYSTEM: [&str; 4] = ["agentpool", "storageprofile", "storagetier", "accelerator"];
/// Longest prefix, and longest name or value.
const LENGTHS: (usize, usize) = (253, 63);

fn each(proposal: &Proposal, judge: impl Fn(&Name, &Name) -> Option<PoolRefusal>) -> Result<(), PoolRefusal> {
    match proposal.spec.node_labels.iter().find_map(|(key, value)| judge(key, value)) {
        Some(refusal) => Err(refusal),
        None => Ok(()),
    }
}

/// Letters, digits, `-`, `_` and `.`, the first and last a letter or digit.
fn is_plain(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    text.len() <= LENGTHS.1 && edge(bytes.first()) && edge(bytes.last()) && bytes.iter().copied().all(inner)
}

fn is_domain(text: &str) -> bool {
    let part = |part: &str| {
        let bytes = part.as_bytes();
        let edge = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        edge(bytes.first()) && edge(bytes.last()) && bytes.iter().all(|byte| *byte == b'-' || edge(Some(byte)))
    };
    text.len() <= LENGTHS.0 && text.split('.').all(part)
}

/// `[prefix/]name` and value are of the form that Kubernetes takes (LB-3).
pub(super) fn syntax(proposal: &Proposal) -> Result<(), PoolRefusal> {
    each(proposal, |key, value| {
        let (prefix, name) = key.split_once('/').map_or((None, key.as_str()), |(prefix, name)| (Some(prefix), name));
        let key_fits = is_plain(name) && prefix.is_none_or(is_domain);
        if key_fits && (value.is_empty() || is_plain(value)) {
            return None;
        }
        let why = format!("Invalid label: {key}={value}");
        let accepted = "[prefix/]name=value: the prefix a DNS name of up to 253 characters, name and value up to 63 letters, digits, '-', '_' and '.', the first and last a letter or digit";
        Some(PoolRefusal::parameter("LB-3", "agentPoolProfile.nodeLabels", why, accepted))
    })
}

/// Not a label that AKS sets itself (LB-1).
pub(super) fn system(proposal: &Proposal) -> Result<(), PoolRefusal> {
    each(proposal, |key, _| {
        let why = || format!("Node label key {key} is set by AKS");
        SYSTEM.contains(&key.as_str()).then(|| PoolRefusal::parameter("LB-1", "agentPoolProfile.nodeLabels", why(), "any other key"))
    })
}

/// Not in AKS's own prefix; the mark of a spot pool may be repeated on one (LB-4).
pub(super) fn prefix(proposal: &Proposal) -> Result<(), PoolRefusal> {
    let spot = proposal.spec.priority == Priority::Spot;
    each(proposal, |key, value| {
        let own = key.split_once('/').is_some_and(|(prefix, _)| is_within(prefix, OWN));
        let mark = spot && key == "kubernetes.azure.com/scalesetpriority" && value == "spot";
        (own && !mark).then(|| PoolRefusal::LabelPrefixReserved { key: key.clone() })
    })
}

/// In the namespaces of Kubernetes only what kubelets may set (LB-5).
pub(super) fn namespace(proposal: &Proposal) -> Result<(), PoolRefusal> {
    each(proposal, |key, value| {
        let (prefix, _) = key.split_once('/')?;
        let theirs = is_within(prefix, "kubernetes.io") || is_within(prefix, "k8s.io");
        let allowed = ALLOWED.iter().any(|allowed| is_within(prefix, allowed));
        (theirs && !allowed).then(|| PoolRefusal::LabelNamespaceReserved { key: key.clone(), value: value.clone() })
    })
}

fn is_within(prefix: &str, domain: &str) -> bool {
    prefix == domain || prefix.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}
