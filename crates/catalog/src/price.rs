//! Prices in micro US dollars per hour. A size is offered in a region exactly where it has a price there.
//!
//! The table is not parsed: a size keeps its line, and a price is the field of the region's column.
//! Windows prices are an estimate and spot prices are simulated: no static source has them (aks-semantics section 7).
//! Not here: what a pool or a namespace costs over time (review).

use crate::region::Region;
use crate::size::{Arch, Size};
use crate::table;
use nodelane_model::pool::{OsType, Priority};

const PRICES: &str = include_str!("../data/prices.csv");

/// What Windows adds to the Linux price per vCPU and hour: 0.046 USD, an estimate (aks-semantics section 7).
pub const WINDOWS_MICRO_USD_PER_VCPU_HOUR: i64 = 46_000;

/// Simulated spot price in percent of on-demand, unless the catalogue says otherwise: the middle of the plausible 10 to 40.
pub const SPOT_PERCENT_SIMULATED: i64 = 25;

/// Price lines in the order of the sizes.
pub(crate) fn lines() -> impl Iterator<Item = &'static str> {
    table::lines(PRICES)
}

/// Name in the first field of a price line.
#[cfg(test)]
fn name_of(line: &str) -> &str {
    line.split(',').next().unwrap_or_default()
}

/// Position of a region's column in a price line; `None` for a region without prices.
pub(crate) fn column_of(region_name: &str) -> Option<usize> {
    table::columns(PRICES).split(',').position(|column| column == region_name).filter(|&column| column > 0)
}

/// On-demand price on Linux; `None` where the size is not offered.
pub(crate) fn linux_micro_usd_per_hour(region: &Region, size: &Size) -> Option<i64> {
    size.prices.split(',').nth(region.price_column?)?.parse().ok()
}

/// Price under an operating system and priority.
///
/// `None` where the size is not offered, for spot on a size without spot capacity, and for Windows where it has no price of its own: arm64
/// cannot run it, and the B series is licensed differently.
pub(crate) fn micro_usd_per_hour(region: &Region, size: &Size, os: OsType, priority: Priority, spot_percent: i64) -> Option<i64> {
    let windows = match os {
        OsType::Linux => 0,
        OsType::Windows if size.arch == Arch::Arm64 || size.is_burstable() => return None,
        OsType::Windows => WINDOWS_MICRO_USD_PER_VCPU_HOUR * i64::from(size.vcpu),
    };
    let on_demand = linux_micro_usd_per_hour(region, size)? + windows;
    match priority {
        Priority::Regular => Some(on_demand),
        Priority::Spot if size.spot_capable => Some(on_demand * spot_percent / 100),
        Priority::Spot => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn price_lines_stand_in_the_order_of_the_sizes() {
        let names: Vec<_> = lines().map(name_of).collect();
        assert_eq!(names, crate::size::all().iter().map(|size| size.name).collect::<Vec<_>>());
    }

    #[test]
    fn every_price_field_is_empty_or_a_positive_number() {
        let columns = table::columns(PRICES).split(',').count();
        for line in lines() {
            assert_eq!(line.split(',').count(), columns, "{line}");
            for field in line.split(',').skip(1).filter(|field| !field.is_empty()) {
                assert!(field.parse::<i64>().is_ok_and(|price| price > 0), "{line}");
            }
        }
    }
}
