//! What a cluster's machines cost an hour, and how that goes up and down while a change runs.
//!
//! A machine costs money while the cloud runs it: not before it is allocated, not while it is deallocated, not once it failed. A size
//! without a price in its region costs nothing here. Sums are whole millionths of a dollar.

use super::Price;
use nodelane_catalog::Catalog;
use nodelane_model::{Doc, Kind, Name};
use nodelane_world::World;
use std::collections::BTreeMap;

/// Millionths of a US dollar an hour for all machines of a world.
pub fn per_hour_micro_usd(world: &World) -> i64 {
    Meter::new(world).now
}

/// The price as it goes.
pub(super) struct Meter {
    before: i64,
    now: i64,
    peak: i64,
    /// What is counted for each machine: what its pool was when it began to cost.
    counted: BTreeMap<Name, i64>,
}

impl Meter {
    pub(super) fn new(world: &World) -> Meter {
        let mut meter = Meter { before: 0, now: 0, peak: 0, counted: BTreeMap::new() };
        world.list(Kind::Machine, None).for_each(|doc| meter.machine(None, Some(doc), world));
        (meter.before, meter.peak) = (meter.now, meter.now);
        meter
    }
    pub(super) fn machine(&mut self, old: Option<&Doc>, new: Option<&Doc>, world: &World) {
        let Some(name) = new.or(old).map(|doc| &doc.key.name) else { return };
        let cost = new.map_or(0, |doc| cost(doc, world));
        self.now += cost - self.counted.insert(name.clone(), cost).unwrap_or(0);
    }
    /// Within an instant documents change one by one; only what lasts counts.
    pub(super) fn rest(&mut self) {
        self.peak = self.peak.max(self.now);
    }
    pub(super) fn finish(self) -> Price {
        let dollars = |micro: i64| micro as f64 / 1e6;
        Price { before: dollars(self.before), peak: dollars(self.peak.max(self.now)), after: dollars(self.now) }
    }
}

fn cost(doc: &Doc, world: &World) -> i64 {
    let Some(machine) = doc.as_machine().filter(|machine| machine.phase.is_billed()) else { return 0 };
    let catalog = Catalog::default();
    let region = world.cluster().and_then(|cluster| catalog.region(&cluster.spec.location));
    let pool = world.pool(&machine.pool).map(|(_, pool)| (pool.spec.os_type, pool.spec.priority));
    let (Some(region), Some(size), Some((os, priority))) = (region, catalog.size(&machine.size), pool) else { return 0 };
    catalog.price_micro_usd_per_hour(region, size, os, priority).unwrap_or(0)
}
