//! The fault `api-throttle` against a door that keeps one world and applies replacements at once.
//!
//! What is checked is what the brief of the fault promises: how many calls of a row are hit, and when it is over.
//! Not here: HTTP, and the simulated world's own faults.

use super::*;
use nodelane_control::{Event, FeedGone, Later};
use nodelane_model::change::Accepted;
use nodelane_model::{Key, Meta, Rest, Revision};
use serde_json::{Value, json};

struct OneWorld {
    world: Mutex<Arc<World>>,
    now: Time,
}

impl OneWorld {
    fn with(spec: Value) -> OneWorld {
        let mut rest = Rest::new();
        rest.insert("spec".into(), spec);
        let mut world = World::default();
        let meta = Meta { uid: Uid(7), ..Meta::default() };
        world.put(Arc::new(Doc::new(Key::global(Kind::Fault, "f"), 1, meta, Body::Opaque(rest))));
        OneWorld { world: Mutex::new(Arc::new(world)), now: Time(1_767_225_600_000) }
    }
}

impl Door for OneWorld {
    fn world(&self) -> Arc<World> {
        self.world.lock().expect("one thread").clone()
    }
    fn now(&self) -> Time {
        self.now
    }
    fn submit(&self, change: Change, _: Origin) -> Later<std::result::Result<Accepted, Refusal>> {
        let Change::Replace { base, doc } = change else { unreachable!("faults are only replaced") };
        let mut world = self.world.lock().expect("one thread");
        let is_fresh = world.get(&doc.key).is_some_and(|old| old.revision == base);
        let answer = if is_fresh {
            let mut new = (*doc).clone();
            new.revision = base + 1;
            Arc::make_mut(&mut world).put(Arc::new(new));
            Ok(Accepted { revision: base + 1, doc: None, created: false, operation: None })
        } else {
            Err(Refusal::Stale { key: doc.key.clone(), base })
        };
        Box::pin(async move { answer })
    }
    fn events_after(&self, _: Revision, _: usize) -> std::result::Result<Vec<Event>, FeedGone> {
        Ok(Vec::new())
    }
    fn moved(&self, beyond: Revision) -> Later<Revision> {
        Box::pin(async move { beyond })
    }
}

/// Which of so many calls in a row are hit, as 1 and 0.
async fn calls(spec: Value, number: usize) -> String {
    let (door, counters) = (OneWorld::with(spec), Counters::default());
    let mut row = String::new();
    for _ in 0..number {
        row.push(if counters.strike(&door).await.is_err() { '1' } else { '0' });
    }
    row
}

#[tokio::test]
async fn of_any_calls_in_a_row_the_rate_is_hit_and_evenly() {
    assert_eq!(calls(json!({"kind": "api-throttle", "rate": 25}), 12).await, "000100010001");
    assert_eq!(calls(json!({"kind": "api-throttle"}), 3).await, "111");
    assert_eq!(calls(json!({"kind": "allocation", "rate": 100}), 3).await, "000");
}

#[tokio::test]
async fn a_fault_with_a_count_is_used_up_by_its_hits() {
    assert_eq!(calls(json!({"kind": "api-throttle", "rate": 50, "count": 2}), 8).await, "01010000");
}

#[tokio::test]
async fn a_fault_ends_at_its_time() {
    assert_eq!(calls(json!({"kind": "api-throttle", "until": "2026-01-01T00:00:00Z"}), 1).await, "0");
    assert_eq!(calls(json!({"kind": "api-throttle", "until": "2026-01-01T00:00:01Z"}), 1).await, "1");
}

#[tokio::test]
async fn rate_0_hits_nothing_and_puts_the_limits_of_aks_in_force() {
    let spec = json!({"kind": "api-throttle", "rate": 0});
    assert_eq!(calls(spec.clone(), 5).await, "00000");
    let door = OneWorld::with(spec);
    assert!(limits(&door.world(), door.now()));
    let door = OneWorld::with(json!({"kind": "api-throttle", "rate": 10}));
    assert!(!limits(&door.world(), door.now()));
}

#[tokio::test]
async fn a_hit_is_to_be_repeated_after_a_second() {
    let door = OneWorld::with(json!({"kind": "api-throttle"}));
    assert_eq!(Counters::default().strike(&door).await, Err(ArmError::Throttled { retry_after_seconds: 1 }));
}
