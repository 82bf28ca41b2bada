//! A Kubernetes version: three numbers, ordered, written `1.34.9`.
//!
//! Not here: which versions exist (release).

use std::fmt;
use std::str::FromStr;

/// `major.minor.patch`, ordered by these numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// Always 1 so far.
    pub major: u32,
    /// Minor release, e.g. 34.
    pub minor: u32,
    /// Patch release, e.g. 9.
    pub patch: u32,
}

/// The text is not three plain numbers between dots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseVersionError;

impl Version {
    /// The version of these numbers.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }

    /// Major and minor, which order releases and decide skew.
    pub fn release(self) -> (u32, u32) {
        (self.major, self.minor)
    }

    /// What a node reports as `nodeInfo.kubeletVersion`, e.g. `v1.34.9`.
    pub fn kubelet_version(self) -> String {
        format!("v{self}")
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl fmt::Display for ParseVersionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a Kubernetes version is three numbers between dots, such as 1.34.9")
    }
}

impl std::error::Error for ParseVersionError {}

impl FromStr for Version {
    type Err = ParseVersionError;

    /// Reads `1.34.9` or `v1.34.9`.
    fn from_str(text: &str) -> Result<Self, ParseVersionError> {
        match numbers(text).as_deref() {
            Some(&[major, minor, patch]) => Ok(Self::new(major, minor, patch)),
            _ => Err(ParseVersionError),
        }
    }
}

/// The plain numbers between dots, after an optional `v`: no signs, no blanks, no leading zeros.
pub(crate) fn numbers(text: &str) -> Option<Vec<u32>> {
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()) && (part == "0" || !part.starts_with('0'));
    text.strip_prefix('v').unwrap_or(text).split('.').map(|part| part.parse().ok().filter(|_| plain(part))).collect()
}
