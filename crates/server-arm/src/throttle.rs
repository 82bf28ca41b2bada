//! Token buckets, as AKS has them (aks-semantics X-2): over the limit is 429 with when to come back.
//!
//! In force under the boot profile `azure`, and while a fault of kind `api-throttle` with rate 0 holds; not otherwise: in a loop on one's
//! own machine they would only be in the way.
//! Buckets are counted in thousandths of a token from the times of calls; nothing runs between them.
//! Not here: limits on connections and bodies (`server`).

use crate::Result;
use nodelane_arm::{ArmError, Call};
use nodelane_model::Time;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Buckets kept; past this the fullest are forgotten, which only ever favours the client. 8 k of 100 bytes.
const BUCKETS_LIMIT: usize = 8_192;

/// How a bucket fills: tokens at most, and milliseconds for one more.
#[derive(Clone, Copy)]
struct Rate {
    burst: i64,
    refill_millis: i64,
}

/// Tokens, in thousandths, and when they were counted.
struct Bucket {
    milli: i64,
    at: Time,
}

/// All buckets.
#[derive(Default)]
pub struct Throttle {
    buckets: Mutex<BTreeMap<String, Bucket>>,
}

impl Throttle {
    /// Takes a token for a call, or says when there will be one.
    pub fn take(&self, call: &Call, now: Time) -> Result<()> {
        let Some((name, rate)) = bucket(call) else { return Ok(()) };
        let mut buckets = self.buckets.lock().expect("no one panics with the buckets");
        if buckets.len() > BUCKETS_LIMIT {
            buckets.clear();
        }
        let full = rate.burst * 1000;
        let bucket = buckets.entry(name).or_insert(Bucket { milli: full, at: now });
        bucket.milli = (bucket.milli + now.since(bucket.at).max(0) * 1000 / rate.refill_millis).min(full);
        bucket.at = now;
        if bucket.milli >= 1000 {
            bucket.milli -= 1000;
            return Ok(());
        }
        let wait_millis = (1000 - bucket.milli) * rate.refill_millis / 1000;
        Err(ArmError::Throttled { retry_after_seconds: (wait_millis / 1000 + 1) as u32 })
    }
}

/// The bucket that a call takes from.
fn bucket(call: &Call) -> Option<(String, Rate)> {
    let rate = |burst, refill_millis| Rate { burst, refill_millis };
    Some(match call {
        Call::PutPool(pool) => (format!("put {pool}").to_lowercase(), rate(20, 60_000)),
        Call::PutCluster(cluster) => (format!("put {cluster}").to_lowercase(), rate(20, 60_000)),
        Call::GetCluster(cluster) => (format!("get {cluster}").to_lowercase(), rate(60, 1_000)),
        Call::ListClusters(subscription) => (format!("list {subscription}"), rate(500, 1_000)),
        Call::ListClustersOf(group) => (format!("list {group}").to_lowercase(), rate(60, 1_000)),
        Call::GetOperation(subscription, _) | Call::GetOperationResult(subscription, _) => (format!("poll {subscription}"), rate(200, 500)),
        _ => match call.cluster() {
            Some(cluster) => (format!("other {}", cluster.group.subscription), rate(60, 1_000)),
            None => return None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use nodelane_arm::{ClusterId, GroupId};

    #[test]
    fn a_pool_takes_twenty_puts_and_then_one_a_minute() {
        // aks-semantics X-2.
        let cluster = ClusterId { group: GroupId { subscription: "s".into(), group: "g".into() }, cluster: "c".into() };
        let call = Call::PutPool(cluster.pool("a"));
        let throttle = Throttle::default();
        let start = Time(1_000_000);
        assert!((0..20).all(|_| throttle.take(&call, start).is_ok()));
        assert_eq!(throttle.take(&call, start), Err(ArmError::Throttled { retry_after_seconds: 61 }));
        assert!(throttle.take(&Call::PutPool(cluster.pool("b")), start).is_ok());
        assert!(throttle.take(&call, start.plus(60_000)).is_ok());
        assert!(throttle.take(&call, start.plus(60_000)).is_err());
    }
}
