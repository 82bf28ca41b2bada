//! Injected faults: documents that say what goes wrong, where and how often.
//!
//! A fault hits by seed and rate, so the same world fails the same way twice. A fault with a count is used up: each hit is written to
//! its document.

use nodelane_model::change::{Change, Origin};
use nodelane_model::hash::Hash;
use nodelane_model::{Body, Doc, Kind, Name, Time};
use nodelane_provider::{Call, Completion, Failure, Verb};
use nodelane_world::World;
use std::sync::Arc;

/// The kinds of faults.
pub const KINDS: &[&str] = &["allocation", "quota", "never-registers", "not-ready", "slow-boot", "spot-evict", "zone-out", "api-throttle"];

/// An injected fault.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Which of [`KINDS`].
    pub kind: Name,
    pool: Name,
    zone: Name,
    node: Name,
    rate_percent: u64,
    /// When it ends by itself.
    pub until: Option<Time>,
    doc: Arc<Doc>,
}

/// The faults that are in force, in order of name.
pub fn active(world: &World, now: Time) -> impl Iterator<Item = Fault> {
    world.list(Kind::Fault, None).filter_map(move |doc| Fault::read(doc, now))
}

impl Fault {
    fn read(doc: &Arc<Doc>, now: Time) -> Option<Fault> {
        let spec = doc.as_opaque()?.get("spec")?;
        let text = |field: &str| Name::from(spec.get(field).and_then(|value| value.as_str()).unwrap_or_default());
        let until = spec.get("until").and_then(|value| value.as_str()).and_then(Time::parse);
        let left = spec.get("count").and_then(serde_json::Value::as_u64);
        if until.is_some_and(|until| until <= now) || left == Some(0) {
            return None;
        }
        let rate_percent = spec.get("rate").and_then(serde_json::Value::as_u64).unwrap_or(100);
        Some(Fault {
            kind: text("kind"),
            pool: text("pool"),
            zone: text("zone"),
            node: text("node"),
            rate_percent,
            until,
            doc: doc.clone(),
        })
    }
    /// Whether it concerns a machine.
    pub fn concerns(&self, machine: &str, pool: &str, zone: &str) -> bool {
        let fits = |wanted: &Name, is: &str| wanted.is_empty() || wanted == is;
        fits(&self.node, machine) && fits(&self.pool, pool) && fits(&self.zone, zone)
    }
    /// Whether it hits a call: it concerns the machine, and the draw is below the rate.
    pub fn hits(&self, call: &Call) -> bool {
        let drawn = Hash::new(self.doc.meta.uid.0 as u64).text(&call.machine).number(u64::from(call.incarnation)).get() % 100;
        self.concerns(&call.machine, &call.pool, &call.zone) && drawn < self.rate_percent
    }
    fn use_up(&self, changes: &mut Vec<(Change, Origin)>) {
        let mut doc = (*self.doc).clone();
        let Body::Opaque(rest) = &mut doc.body else { return };
        let Some(count) = rest.get_mut("spec").and_then(|spec| spec.get_mut("count")) else { return };
        if let Some(left) = count.as_u64() {
            *count = left.saturating_sub(1).into();
            changes.push((Change::Replace { base: doc.revision, doc: Arc::new(doc) }, Origin::default()));
        }
    }
}

/// Turns an answer of the cloud into a failure where a fault hits it (aks-semantics E1, E4, E5).
pub fn strike(world: &World, completion: &mut Completion, now: Time, changes: &mut Vec<(Change, Origin)>) {
    let call = &completion.call;
    if !matches!(call.verb, Verb::Create | Verb::Start) {
        return;
    }
    let hit = active(world, now).find(|fault| {
        let in_zone = fault.kind != "zone-out" || (!call.zone.is_empty() && fault.zone == call.zone);
        matches!(fault.kind.as_str(), "allocation" | "quota" | "zone-out") && in_zone && fault.hits(call)
    });
    let Some(fault) = hit else { return };
    fault.use_up(changes);
    completion.result = Err(match fault.kind.as_str() {
        "quota" => Failure::Permanent {
            code: "QuotaExceeded".into(),
            message: "Operation could not be completed as it results in exceeding approved Total Regional Cores quota.".into(),
        },
        _ if call.zone.is_empty() => Failure::CapacityShort {
            code: "AllocationFailed".into(),
            message: "Allocation failed. We do not have sufficient capacity for the requested VM size in this region. Read more about improving likelihood of allocation success at https://aka.ms/allocation-guidance".into(),
        },
        _ => Failure::CapacityShort {
            code: "ZonalAllocationFailed".into(),
            message: "Allocation failed. We do not have sufficient capacity for the requested VM size in this zone. Read more about improving likelihood of allocation success at https://aka.ms/allocation-guidance".into(),
        },
    });
}
