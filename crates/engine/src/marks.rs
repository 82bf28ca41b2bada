//! Marks that a pool or cluster carries in its Azure tags: protection from deletion, who manages it, how many nodes may be taken at once,
//! how auto-repair goes.
//!
//! Tags, because `az`, Terraform and the portal can set them and AKS keeps them; Azure forbids `/` in a tag's name, so the marks begin
//! with `nodelane-`. Names are compared without regard to case, as Azure does.

use nodelane_model::Name;
use std::collections::BTreeMap;

/// `true` refuses the deletion of the pool and of its cluster.
pub const DELETION_PROTECTION: &str = "nodelane-deletion-protection";
/// Who alone changes the pool: a text that is in the manager's user agent, such as `terraform`.
pub const MANAGED_BY: &str = "nodelane-managed-by";
/// How auto-repair goes; see [`Settings`](crate::repair::Settings).
pub const REPAIR: &str = "nodelane-repair";
/// How many nodes may be taken at once, by reason; see [`Budgets`](crate::disrupt::Budgets).
pub const DISRUPTION_BUDGETS: &str = "nodelane-disruption-budgets";

/// A mark's value, without the spaces around it; `None` where it is absent or empty.
pub fn mark<'a>(tags: &'a BTreeMap<Name, Name>, name: &str) -> Option<&'a str> {
    let value = tags.iter().find(|(tag, _)| tag.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim());
    value.filter(|value| !value.is_empty())
}
