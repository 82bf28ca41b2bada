//! Metadata that every document has, whatever its kind.
//!
//! Name and namespace are in the [`Key`](crate::Key), the resource version is the document's revision. Labels, annotations and
//! owners are shared: the pods of one template point at the same maps.

use crate::{Kind, Name, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Labels or annotations, shared.
pub type Labels = Arc<BTreeMap<Name, Name>>;

/// A unique id: unlike the name, never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Uid(pub u128);

impl Uid {
    /// The id of the `ordinal`-th document made at a revision, under the cell's seed.
    pub fn derive(seed: u64, revision: u64, ordinal: u64) -> Uid {
        let part = |salt| u128::from(crate::hash::Hash::new(seed).number(revision).number(ordinal).number(salt).get());
        // Version and variant bits as RFC 9562 has them for a random id, so that text and value say the same.
        let bits = (part(1) << 64) | part(2);
        Uid((bits & !(0xf000 << 64) & !(0xc000 << 48)) | (0x4000 << 64) | (0x8000 << 48))
    }
    /// Reads the textual form.
    pub fn parse(text: &str) -> Option<Uid> {
        let digits: String = text.chars().filter(|c| *c != '-').collect();
        (digits.len() == 32).then(|| u128::from_str_radix(&digits, 16).ok().map(Uid)).flatten()
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hi, lo) = ((self.0 >> 64) as u64, self.0 as u64);
        write!(f, "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", hi >> 32, hi >> 16 & 0xffff, hi & 0xffff, lo >> 48, lo & 0xffff_ffff_ffff)
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Uid {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Uid {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Uid, D::Error> {
        let text = Name::deserialize(deserializer)?;
        Uid::parse(&text).ok_or_else(|| serde::de::Error::custom(format_args!("{text:?} is not a uid")))
    }
}

/// A reference to an owner; a document whose owners are all gone is garbage.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OwnerRef {
    /// Group and version of the owner.
    pub api_version: Name,
    /// Kind of the owner; may be one that is not stored here.
    pub kind: Name,
    /// Name of the owner, in the same namespace or cluster-wide.
    pub name: Name,
    /// Its unique id.
    pub uid: Name,
    /// The one owner that manages this document.
    #[serde(default, skip_serializing_if = "is_false")]
    pub controller: bool,
    /// With foreground deletion the owner waits for this document.
    #[serde(default, skip_serializing_if = "is_false")]
    pub block_owner_deletion: bool,
}

impl OwnerRef {
    /// The owner's kind, where it is one of ours.
    pub fn known_kind(&self) -> Option<Kind> {
        Kind::from_name(&self.kind)
    }
}

pub(crate) fn is_false(value: &bool) -> bool {
    !*value
}

/// Metadata of a document.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Meta {
    /// Unique id.
    pub uid: Uid,
    /// Counts changes of the desired state; 0 where the kind has none.
    pub generation: i64,
    /// When it was created; whole seconds.
    pub created: Time,
    /// When its deletion was asked for; whole seconds.
    pub deleted: Option<Time>,
    /// Grace of the deletion, in seconds.
    pub grace_seconds: Option<i64>,
    /// Labels.
    pub labels: Labels,
    /// Annotations.
    pub annotations: Labels,
    /// Owners.
    pub owners: Arc<Vec<OwnerRef>>,
    /// Who must let go before the document may be removed.
    pub finalizers: Vec<Name>,
    /// The prefix that the name was generated from.
    pub generate_name: Option<Name>,
}

impl Meta {
    /// The owner that manages this document.
    pub fn controller(&self) -> Option<&OwnerRef> {
        self.owners.iter().find(|owner| owner.controller)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_reads_back_what_it_writes_and_is_of_version_four() {
        let text = Uid::derive(1, 2, 3).to_string();
        assert_eq!(Uid::parse(&text), Some(Uid::derive(1, 2, 3)));
        assert_eq!(&text[14..15], "4");
        assert!("89ab".contains(&text[19..20]));
    }
}
