//! The fault `api-throttle`: calls about its cluster are answered with 429, to be repeated after a second.
//!
//! A Fault document of the cluster says how many percent of the calls (`rate`, else all), how many before it is used up (`count`) and
//! when it ends (`until`). Which calls is counted, not drawn: of any n calls in a row, n x rate / 100 are hit, evenly spread. Each hit of
//! a fault with a count is written to its document before the call is answered, so that a restart does not begin anew.
//! `rate: 0` hits nothing itself: it puts AKS's own limits in force, which are in `throttle`.
//! Polls and lists of the subscription are about no cluster and are never hit. Machines' faults are in the room `sim`.

use crate::Result;
use nodelane_arm::ArmError;
use nodelane_control::Door;
use nodelane_model::change::{Change, Origin};
use nodelane_model::{Body, Doc, Fault, FaultKind, Kind, Refusal, Time, Uid};
use nodelane_world::World;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Faults counted; past this all counters begin anew, which moves which calls are hit and not how many. 1 k of 100 bytes.
const COUNTERS_LIMIT: usize = 1_024;
/// How often a hit is written again because the document has moved; each time it is looked at anew.
const TRIES: usize = 16;

/// The seconds of `Retry-After`.
const RETRY_AFTER_SECONDS: u32 = 1;

/// How many calls each fault has seen.
#[derive(Default)]
pub struct Counters(Mutex<BTreeMap<Uid, u64>>);

/// The faults in force, in order of name, with their documents.
fn active(world: &World, now: Time) -> impl Iterator<Item = (Fault, &Arc<Doc>)> {
    let faults = world.list(Kind::Fault, None).filter_map(|doc| Some((Fault::read(doc)?, doc)));
    faults.filter(move |(fault, _)| fault.kind == FaultKind::ApiThrottle && fault.is_active(now))
}

/// Whether AKS's own limits are in force.
pub fn limits(world: &World, now: Time) -> bool {
    active(world, now).any(|(fault, _)| fault.rate_percent == 0)
}

impl Counters {
    /// Lets a call pass, or says that a fault of its cluster has hit it.
    pub async fn strike(&self, door: &dyn Door) -> Result<()> {
        let hit = active(&door.world(), door.now()).map(|(fault, _)| fault).find(|fault| self.counts(fault)).map(|fault| fault.uid);
        match hit {
            Some(uid) if use_up(door, uid).await? => Err(ArmError::Throttled { retry_after_seconds: RETRY_AFTER_SECONDS }),
            _ => Ok(()),
        }
    }

    /// Counts a call; whether it is one of those that are hit.
    fn counts(&self, fault: &Fault) -> bool {
        let mut counters = self.0.lock().expect("no one panics with the counters");
        if counters.len() > COUNTERS_LIMIT {
            counters.clear();
        }
        let seen = counters.entry(fault.uid).or_default();
        let hits = |calls: u64| calls * fault.rate_percent / 100;
        *seen += 1;
        hits(*seen) > hits(*seen - 1)
    }
}

/// Takes one from the fault's count, where it has one; false if nothing was left.
async fn use_up(door: &dyn Door, uid: Uid) -> Result<bool> {
    for _ in 0..TRIES {
        let world = door.world();
        let Some((fault, doc)) = active(&world, door.now()).find(|(fault, _)| fault.uid == uid) else { return Ok(false) };
        let Some(left) = fault.left else { return Ok(true) };
        let mut doc = (**doc).clone();
        if let Body::Opaque(rest) = &mut doc.body
            && let Some(count) = rest.get_mut("spec").and_then(|spec| spec.get_mut("count"))
        {
            *count = (left - 1).into();
        }
        match door.submit(Change::Replace { base: doc.revision, doc: Arc::new(doc) }, Origin::default()).await {
            Ok(_) => return Ok(true),
            Err(Refusal::Stale { .. } | Refusal::NotFound(_)) => {}
            Err(refusal) => return Err(refusal.into()),
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests;
