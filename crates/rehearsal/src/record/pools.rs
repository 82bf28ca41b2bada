//! Nodes, ready nodes and price of every pool, kept from changes of nodes and machines.
//!
//! A node counts from its registration to its removal. A machine costs money while the cloud runs it: not before it is allocated, not
//! while it is deallocated, not once it failed. A size without a price in its region costs nothing here.

use super::PoolRow;
use nodelane_catalog::Catalog;
use nodelane_model::pool::{OsType, Priority};
use nodelane_model::{Doc, Name, Time};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Tally {
    nodes: i64,
    ready: i64,
    micro_usd: i64,
}

/// Pools of one cluster.
pub(super) struct Pools {
    cluster: Name,
    region: Name,
    kinds: BTreeMap<Name, (OsType, Priority)>,
    now: BTreeMap<Name, Tally>,
    written: BTreeMap<Name, Tally>,
    touched: BTreeSet<Name>,
}

impl Pools {
    pub(super) fn new(cluster: Name, region: Name) -> Pools {
        Pools { cluster, region, kinds: BTreeMap::new(), now: BTreeMap::new(), written: BTreeMap::new(), touched: BTreeSet::new() }
    }
    pub(super) fn pool(&mut self, doc: &Doc) {
        if let Some(pool) = doc.as_pool() {
            self.kinds.insert(doc.key.name.clone(), (pool.spec.os_type, pool.spec.priority));
            self.touched.insert(doc.key.name.clone());
        }
    }
    /// A node as it was and as it is.
    pub(super) fn node(&mut self, old: Option<&Doc>, new: Option<&Doc>) {
        for (doc, sign) in old.map(|doc| (doc, -1)).into_iter().chain(new.map(|doc| (doc, 1))) {
            let (Some(node), Some(pool)) = (doc.as_node(), doc.meta.labels.get("agentpool")) else { continue };
            let tally = self.now.entry(pool.clone()).or_default();
            tally.nodes += sign;
            tally.ready += if node.status.is_ready() { sign } else { 0 };
            self.touched.insert(pool.clone());
        }
    }
    /// A machine as it was and as it is.
    pub(super) fn machine(&mut self, old: Option<&Doc>, new: Option<&Doc>) {
        for (doc, sign) in old.map(|doc| (doc, -1)).into_iter().chain(new.map(|doc| (doc, 1))) {
            let Some(machine) = doc.as_machine() else { continue };
            if machine.phase.is_billed() {
                let price = self.price(&machine.pool, &machine.size);
                self.now.entry(machine.pool.clone()).or_default().micro_usd += sign * price;
                self.touched.insert(machine.pool.clone());
            }
        }
    }
    fn price(&self, pool: &Name, size: &str) -> i64 {
        let catalog = Catalog::default();
        let (os, priority) = self.kinds.get(pool).copied().unwrap_or_default();
        let (Some(region), Some(size)) = (catalog.region(&self.region), catalog.size(size)) else { return 0 };
        catalog.price_micro_usd_per_hour(region, size, os, priority).unwrap_or(0)
    }
    /// The rows of pools that have changed since the last time.
    pub(super) fn rows(&mut self, at: Time, rows: &mut Vec<PoolRow>) {
        for pool in std::mem::take(&mut self.touched) {
            let tally = self.now.get(&pool).copied().unwrap_or_default();
            if self.written.insert(pool.clone(), tally) == Some(tally) {
                continue;
            }
            let Tally { nodes, ready, micro_usd } = tally;
            let cluster = self.cluster.clone();
            rows.push(PoolRow { at, cluster, pool, nodes: nodes as u32, ready: ready as u32, micro_usd_per_hour: micro_usd });
        }
    }
}
