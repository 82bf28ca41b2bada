//! NodeAffinity: the sum of the weights of the preferred terms that hold for a node.
//!
//! Several terms may hold, and an empty one holds for no node. The sums are scaled by the largest among the nodes that fit.

use crate::filter::node_affinity::term_matches;
use crate::profile::Profile;
use nodelane_world::NodeRow;

pub(crate) fn count(profile: &Profile, row: &NodeRow) -> i64 {
    let preferred = profile.node_affinity().map_or(&[][..], |affinity| &affinity.preferred);
    let added = profile.config.added_affinity.iter().flat_map(|affinity| &affinity.preferred);
    preferred.iter().chain(added).filter(|wish| term_matches(&wish.preference, row)).map(|wish| i64::from(wish.weight)).sum()
}
