//! Azure regions and their zones.
//!
//! Invariants: sorted by name; a display name is the name with blanks and capitals, so both are found by the same key.
//! A size has the zones of its region (aks-semantics section 9, 0).

use crate::table::{Fields, lines};
use std::sync::OnceLock;

const REGIONS: &str = include_str!("../data/regions.csv");

/// One region.
#[derive(Debug, PartialEq, Eq)]
pub struct Region {
    /// Name, e.g. `eastus2`.
    pub name: &'static str,
    /// Display name, e.g. `East US 2`.
    pub display_name: &'static str,
    /// Geography group, e.g. `US`.
    pub geography: &'static str,
    /// Availability zones in order, e.g. `["1", "2", "3"]`; empty where there are none.
    pub zones: Vec<&'static str>,
    /// Name of the paired region; a pair may lie outside of this table.
    pub paired: Option<&'static str>,
    /// Column of this region in the price table; `None` where nothing is offered.
    pub(crate) price_column: Option<usize>,
}

/// All regions by name.
pub(crate) fn all() -> &'static [Region] {
    static TABLE: OnceLock<Vec<Region>> = OnceLock::new();
    TABLE.get_or_init(|| lines(REGIONS).map(parse).collect())
}

/// The region of this name or display name, in any case.
pub(crate) fn find(name: &str) -> Option<&'static Region> {
    let key: String = name.chars().filter(|&letter| letter != ' ').map(|letter| letter.to_ascii_lowercase()).collect();
    let index = all().binary_search_by(|region| region.name.cmp(&key)).ok()?;
    Some(&all()[index])
}

fn parse(line: &'static str) -> Region {
    let mut fields = Fields::of(line);
    let name = fields.text();
    Region {
        name,
        display_name: fields.text(),
        geography: fields.text(),
        zones: fields.text().split_whitespace().collect(),
        paired: fields.optional_text(),
        price_column: crate::price::column_of(name),
    }
}
