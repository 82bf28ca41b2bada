//! The pools as a pending pod meets them: their nodes, what stops them from growing, what growing takes and costs.
//!
//! A node belongs to the pool that its label `agentpool` names. A pool that is autoscaled and below its maximum grows by itself: that
//! takes no change. What is not known (quotas of a foreign subscription, prices of unknown sizes) stops nothing and is said nowhere.

use super::Means;
use super::edit::Edit;
use super::newcomer;
use nodelane_catalog::{MAX_NODES_PER_POOL, Size};
use nodelane_model::operation::Outcome;
use nodelane_model::pool::{NodePool, OsType, Power, Priority};
use nodelane_model::{Doc, Kind, Name, Time};
use nodelane_world::Snapshot;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The label that names a node's pool.
const AGENT_POOL: &str = "agentpool";

/// One pool, or the nodes that belong to none (with an empty name).
pub(crate) struct Lane {
    pub name: Name,
    /// Names of its nodes, in order.
    pub nodes: Vec<Name>,
    pub pool: Option<NodePool>,
    /// What stops a new node, in words that begin with the kind of limit.
    pub limits: Vec<String>,
}

/// The pool of a node, empty where it has none.
pub(crate) fn lane_of(node: &Doc) -> Name {
    node.meta.labels.get(AGENT_POOL).cloned().unwrap_or_default()
}

/// Every pool that exists or has a node, in order of name.
pub(crate) fn lanes(snapshot: &Snapshot, means: &Means) -> Vec<Lane> {
    let world = &snapshot.world;
    let mut lanes: BTreeMap<Name, Lane> = BTreeMap::new();
    let lane = |name: &Name| Lane { name: name.clone(), nodes: Vec::new(), pool: None, limits: Vec::new() };
    for (doc, pool) in world.pools() {
        lanes.insert(doc.key.name.clone(), Lane { pool: Some(pool.clone()), ..lane(&doc.key.name) });
    }
    for (name, row) in world.nodes() {
        let of = lane_of(&row.doc);
        lanes.entry(of.clone()).or_insert_with(|| lane(&of)).nodes.push(name.clone());
    }
    for lane in lanes.values_mut() {
        lane.limits = limits(lane, snapshot, means);
    }
    lanes.into_values().collect()
}

impl Lane {
    /// How many nodes it is meant to have.
    pub fn count(&self) -> u32 {
        let (nodes, pool) = (self.nodes.len() as u32, self.pool.as_ref());
        pool.map_or(nodes, |pool| if pool.spec.enable_auto_scaling { nodes } else { pool.spec.count.max(nodes) })
    }
    fn is_stopped(&self) -> bool {
        self.pool.as_ref().is_some_and(|pool| pool.spec.power == Power::Stopped)
    }
    fn is_going(&self) -> bool {
        self.pool.as_ref().is_none_or(|pool| pool.state.deletion_started.is_some())
    }
    pub fn size(&self, means: &Means) -> Option<&'static Size> {
        means.catalog.size(&self.pool.as_ref()?.spec.vm_size)
    }
    /// Nodes that come back when it is started.
    fn start_count(&self) -> u32 {
        self.pool.as_ref().map_or(1, |pool| pool.spec.count.max(pool.spec.min_count.unwrap_or(0)).max(1))
    }
    /// How it could get nodes, the least first: what is to be changed, and how many nodes come. Nothing where no change helps.
    /// `zonal` pods may need a node in a zone that is not the next one's.
    pub fn growths(&self, snapshot: &Snapshot, means: &Means, zonal: bool) -> Vec<(Vec<Edit>, u32)> {
        let Some(pool) = self.pool.as_ref().filter(|_| !self.is_going()) else { return Vec::new() };
        // A new node goes to the emptiest zone, so to reach another takes one node for each zone before it. An autoscaler adds no node
        // that does not help.
        let most = if pool.spec.enable_auto_scaling || !zonal { 1 } else { pool.spec.availability_zones.len().max(1) as u32 };
        let steps = if self.is_stopped() { vec![self.start_count()] } else { (1..=most).collect() };
        steps.into_iter().filter_map(|by| Some((self.growth(pool, by, snapshot, means)?, by))).collect()
    }
    fn growth(&self, pool: &NodePool, by: u32, snapshot: &Snapshot, means: &Means) -> Option<Vec<Edit>> {
        let zones = newcomer::zones(&snapshot.world, self, by);
        if zones.iter().any(|zone| fault(snapshot, &self.name, zone).is_some()) {
            return None;
        }
        let (name, from) = (self.name.clone(), self.count());
        let to = from + by;
        let most = pool.spec.max_count.unwrap_or(0);
        let mut edits = match (self.is_stopped(), pool.spec.enable_auto_scaling) {
            (true, _) => vec![Edit::StartPool { pool: name }],
            (false, false) => vec![Edit::RaiseCount { pool: name, from, to }],
            (false, true) if to <= most => Vec::new(),
            (false, true) => vec![Edit::RaiseMax { pool: name, from: most, to }],
        };
        if to > MAX_NODES_PER_POOL && !self.is_stopped() {
            return None;
        }
        edits.extend(means.quota_edits(self.size(means), by));
        Some(edits)
    }
}

impl Means {
    /// The quotas that some more machines of a size take, where they are known and do not suffice.
    pub(crate) fn quota_edits(&self, size: Option<&'static Size>, by: u32) -> Vec<Edit> {
        let (Some(size), Some(usage)) = (size, &self.usage) else { return Vec::new() };
        let needed = u64::from(size.vcpu) * u64::from(by);
        let of_family = usage.used.get(size.quota_family).copied().unwrap_or(0);
        let of_region: u64 = usage.used.values().sum();
        let short = [(size.quota_family, usage.quotas.family(size.quota_family), of_family), ("", usage.quotas.region, of_region)];
        let short = short.into_iter().filter(|(_, limit, used)| used + needed > *limit);
        short.map(|(family, from, used)| Edit::RaiseQuota { family: family.into(), from, to: used + needed }).collect()
    }
    /// Price of some machines of a pool, in micro US dollars an hour; `None` where it is not known.
    pub(crate) fn price(&self, snapshot: &Snapshot, size: Option<&'static Size>, os: OsType, priority: Priority, by: u32) -> Option<i64> {
        let region = self.catalog.region(&newcomer::location(&snapshot.world)?)?;
        Some(self.catalog.price_micro_usd_per_hour(region, size?, os, priority)? * i64::from(by))
    }
}

fn limits(lane: &Lane, snapshot: &Snapshot, means: &Means) -> Vec<String> {
    let Some(pool) = &lane.pool else { return vec!["no pool: these nodes belong to none".to_owned()] };
    let (count, mut limits) = (lane.count(), Vec::new());
    if lane.is_going() {
        limits.push("deleting: the pool is going".to_owned());
    }
    if lane.is_stopped() {
        limits.push("stopped: the pool has no running nodes".to_owned());
    } else if !pool.spec.enable_auto_scaling {
        limits.push(format!("count: {count}, and the pool is scaled by hand"));
    } else if let Some(most) = pool.spec.max_count.filter(|most| count >= *most) {
        limits.push(format!("max count: {count} of {most}"));
    }
    for edit in means.quota_edits(lane.size(means), 1) {
        if let Edit::RaiseQuota { family, from, to } = edit {
            let of = if family.is_empty() { "the region" } else { &family };
            limits.push(format!("quota: {of} may have {from} vCPUs, and one node more makes {to}"));
        }
    }
    let mut zones = pool.spec.availability_zones.clone();
    if zones.is_empty() {
        zones.push(Name::default());
    }
    for zone in zones {
        match fault(snapshot, &lane.name, &zone).as_deref() {
            Some("zone-out") => limits.push(format!("zone out: {zone}")),
            Some(kind) => limits.push(format!("{kind}: the cloud gives no machines {}", if zone.is_empty() { "here" } else { &zone })),
            None => {}
        }
    }
    if pool.spec.enable_auto_scaling && pool.state.operation.is_none() && pool.last_outcome() == Outcome::Failed {
        let error = pool.last_ended().and_then(|operation| operation.ended.as_ref()?.error.as_ref());
        limits
            .push(format!("backoff: the last operation failed{}", error.map(|error| format!(" with {}", error.code)).unwrap_or_default()));
    }
    limits
}

/// The kind of an injected fault that keeps new machines of a pool from coming in a zone, if one is in force for every machine.
fn fault(snapshot: &Snapshot, pool: &Name, zone: &str) -> Option<Name> {
    let now: Time = snapshot.now;
    snapshot.world.list(Kind::Fault, None).find_map(|doc: &Arc<Doc>| {
        let spec = doc.as_opaque()?.get("spec")?;
        let text = |field: &str| spec.get(field).and_then(|value| value.as_str()).unwrap_or_default();
        let is_over =
            Time::parse(text("until")).is_some_and(|until| until <= now) || spec.get("count").and_then(|left| left.as_u64()) == Some(0);
        let concerns = |wanted: &str, is: &str| wanted.is_empty() || wanted == is;
        let stops = matches!(text("kind"), "zone-out" | "allocation" | "quota" | "never-registers");
        (stops && !is_over && concerns(text("pool"), pool) && concerns(text("zone"), zone) && text("node").is_empty())
            .then(|| Name::from(text("kind")))
    })
}
