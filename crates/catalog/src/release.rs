//! The Kubernetes versions on offer, what an alias means, and where a version may be upgraded to.
//!
//! Invariants: ascending; at least two patches of every minor. The patches are those that AKS announced up to August 2026.
//! Not here: skew between control plane and pools (engine), long-term support plans.

use crate::version::{Version, numbers};

/// How far a version is supported (aks-semantics UV-8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Support {
    /// One of the three newest minors.
    GenerallyAvailable,
    /// The minor below them: the platform is supported, Kubernetes is not.
    PlatformOnly,
}

/// One version on offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    /// The full version.
    pub version: Version,
    /// How far it is supported.
    pub support: Support,
}

/// All versions on offer, ascending.
pub(crate) const ALL: [Release; 12] = [
    platform_only(33, 11),
    platform_only(33, 12),
    platform_only(33, 13),
    available(34, 7),
    available(34, 8),
    available(34, 9),
    available(35, 4),
    available(35, 5),
    available(35, 6),
    available(36, 0),
    available(36, 1),
    available(36, 2),
];

const fn available(minor: u32, patch: u32) -> Release {
    Release { version: Version::new(1, minor, patch), support: Support::GenerallyAvailable }
}

const fn platform_only(minor: u32, patch: u32) -> Release {
    Release { version: Version::new(1, minor, patch), support: Support::PlatformOnly }
}

fn versions() -> impl DoubleEndedIterator<Item = Version> {
    ALL.into_iter().map(|release| release.version)
}

/// Newest patch of a minor.
pub(crate) fn newest_patch(release: (u32, u32)) -> Option<Version> {
    versions().rfind(|version| version.release() == release)
}

/// Newest patch of the second newest minor.
pub(crate) fn default_version() -> Version {
    let newest = ALL[ALL.len() - 1].version.release();
    versions().rfind(|version| version.release() < newest).expect("two minors are on offer")
}

/// The version that `1.34.9` names or the alias `1.34` stands for now (aks-semantics UV-5).
pub(crate) fn resolve(text: &str) -> Option<Version> {
    match *numbers(text)? {
        [major, minor] => newest_patch((major, minor)),
        [major, minor, patch] => versions().find(|&version| version == Version::new(major, minor, patch)),
        _ => None,
    }
}

/// Versions that a cluster of this version may be upgraded to, ascending (aks-semantics UV-3).
///
/// Later patches of its minor and every patch of the next one. From below everything on offer: the lowest minor that is fully supported.
pub(crate) fn upgrades_from(current: Version) -> Vec<Version> {
    if current.release() < ALL[0].version.release() && newest_patch((current.major, current.minor + 1)).is_none() {
        let lowest = ALL.iter().find(|release| release.support == Support::GenerallyAvailable).map(|r| r.version);
        return versions().filter(|version| Some(version.release()) == lowest.map(Version::release)).collect();
    }
    let next = (current.major, current.minor + 1);
    versions().filter(|&version| version > current && version.release() <= next).collect()
}
