//! The arithmetic of a roll (aks-semantics US-1 to US-3, UD-1, section 9 item 4).
//!
//! Shares are rounded up and are at least one; a roll may always move by at least one machine.
//! Not here: quota and address checks before a roll begins (`admit`).

use nodelane_model::budget::IntOrPercent;
use nodelane_model::pool::{NodePool, Priority, Undrainable};

/// How long a drain may take where the pool does not say.
pub const DRAIN_TIMEOUT_MINUTES: u32 = 30;
/// From this minor version on the default surge is 10 % (section 9 item 4); before it is 1.
pub const PERCENT_SURGE_MINOR: u32 = 32;
/// From this minor version on a surge that finds no room is tried with one machine (US-4).
pub const FALLBACK_MINOR: u32 = 35;

/// What a roll may do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// Extra machines.
    pub surge: u32,
    /// Machines that may be missing.
    pub unavailable: u32,
    /// Machines that may be given up because they cannot be emptied (UD-3).
    pub blocked: u32,
    /// How long a drain may take, in milliseconds.
    pub drain_timeout_millis: i64,
    /// How long an emptied node waits, in milliseconds.
    pub soak_millis: i64,
    /// What becomes of a node that cannot be emptied.
    pub undrainable: Undrainable,
    /// Whether nodes are emptied at all; spot nodes are not (UR-3).
    pub drains: bool,
}

/// The minor version that the pool is to have.
pub fn minor(pool: &NodePool) -> u32 {
    pool.state.version.split('.').nth(1).and_then(|minor| minor.parse().ok()).unwrap_or(0)
}

/// The attempt with a surge of one machine.
pub const SURGE_OF_ONE: u32 = 1;
/// The attempt without a surge.
pub const IN_PLACE: u32 = 2;

/// What follows an attempt whose surge found no room (US-3, US-4); `None` where nothing is left to try.
pub fn next_attempt(pool: &NodePool, attempt: u32) -> Option<u32> {
    let may_miss = pool.spec.upgrade_settings.max_unavailable.as_ref().is_some_and(|some| some.scaled_up(100) > 0);
    match attempt {
        0 if minor(pool) >= FALLBACK_MINOR => Some(SURGE_OF_ONE),
        0 | SURGE_OF_ONE if may_miss => Some(IN_PLACE),
        _ => None,
    }
}

/// What a roll over `count` machines of a pool may do.
pub fn bounds(pool: &NodePool, count: u32) -> Bounds {
    if let Some(settings) = super::blue_green::settings(&pool.spec) {
        return super::blue_green::limits(pool, count, &settings);
    }
    let settings = &pool.spec.upgrade_settings;
    let spot = pool.spec.priority == Priority::Spot;
    let share = |value: &IntOrPercent| match value {
        IntOrPercent::Int(0) | IntOrPercent::Percent(0) => 0,
        some => some.scaled_up(count as i32).max(1) as u32,
    };
    let default_surge = if minor(pool) >= PERCENT_SURGE_MINOR { IntOrPercent::Percent(10) } else { IntOrPercent::Int(1) };
    let may_miss = settings.max_unavailable.as_ref().map_or(0, share);
    let wished = match &settings.max_surge {
        _ if spot => 0,
        Some(surge) => share(surge),
        None if may_miss > 0 => 0,
        None => share(&default_surge),
    };
    let surge = match pool.state.operation.as_ref().map_or(0, |operation| operation.attempt) {
        0 => wished,
        SURGE_OF_ONE => wished.min(1),
        _ => 0,
    };
    // Where there is a surge nothing is missing; a roll that may neither add nor miss could not move: spot pools miss one.
    let unavailable = if surge == 0 { may_miss.max(1) } else { 0 };
    let blocked = settings.max_blocked_nodes.as_ref().map_or(wished.max(unavailable), share);
    let minutes = |value: u32| i64::from(value) * 60_000;
    Bounds {
        surge,
        unavailable,
        blocked,
        drain_timeout_millis: minutes(settings.drain_timeout_in_minutes.unwrap_or(DRAIN_TIMEOUT_MINUTES)),
        soak_millis: minutes(settings.node_soak_duration_in_minutes.unwrap_or(0)),
        undrainable: settings.undrainable_node_behavior.unwrap_or_default(),
        drains: !spot,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surge(text: &str, count: u32) -> u32 {
        let mut pool = NodePool::default();
        pool.state.version = "1.34.1".into();
        pool.spec.upgrade_settings.max_surge = IntOrPercent::parse(text);
        bounds(&pool, count).surge
    }

    #[test]
    fn surge_is_rounded_up() {
        // aks-semantics US-1.
        assert_eq!([surge("33%", 4), surge("10%", 5), surge("50%", 4), surge("5", 9)], [2, 1, 2, 5]);
    }

    #[test]
    fn the_default_surge_is_a_tenth_from_1_32_on_and_one_before() {
        let mut pool = NodePool::default();
        for (version, expected) in [("1.31.5", 1), ("1.32.0", 3), ("1.35.2", 3)] {
            pool.state.version = version.into();
            assert_eq!(bounds(&pool, 25).surge, expected, "{version}");
        }
    }

    #[test]
    fn missing_machines_take_the_place_of_extra_ones() {
        let mut pool = NodePool::default();
        pool.spec.upgrade_settings.max_unavailable = IntOrPercent::parse("25%");
        let bounds = bounds(&pool, 5);
        assert_eq!((bounds.surge, bounds.unavailable), (0, 2));
    }

    #[test]
    fn a_pool_that_names_both_surges_while_there_is_room_and_misses_machines_after() {
        // aks-semantics US-3 (preview), US-4.
        let mut pool = NodePool::default();
        pool.spec.upgrade_settings.max_surge = IntOrPercent::parse("3");
        pool.spec.upgrade_settings.max_unavailable = IntOrPercent::parse("2");
        let chain = |version: &str, pool: &mut NodePool| {
            pool.state.version = version.into();
            let attempts = std::iter::successors(Some(0), |attempt| next_attempt(pool, *attempt)).collect::<Vec<_>>();
            let amounts = attempts.into_iter().map(|attempt| {
                let mut operation =
                    nodelane_model::Operation::begin(Default::default(), nodelane_model::operation::Progress::ALL[0], Default::default());
                operation.attempt = attempt;
                pool.state.operation = Some(operation);
                let bounds = bounds(pool, 5);
                (bounds.surge, bounds.unavailable)
            });
            amounts.collect::<Vec<_>>()
        };
        assert_eq!(chain("1.35.1", &mut pool), [(3, 0), (1, 0), (0, 2)]);
        assert_eq!(chain("1.34.1", &mut pool), [(3, 0), (0, 2)]);
        pool.spec.upgrade_settings.max_unavailable = None;
        assert_eq!(chain("1.35.1", &mut pool), [(3, 0), (1, 0)]);
        assert_eq!(chain("1.34.1", &mut pool), [(3, 0)]);
    }

    #[test]
    fn as_many_nodes_may_be_given_up_as_are_surged_unless_the_pool_says_otherwise() {
        // aks-semantics UD-3.
        let mut pool = NodePool::default();
        pool.spec.upgrade_settings.max_surge = IntOrPercent::parse("33%");
        assert_eq!(bounds(&pool, 4).blocked, 2);
        for (text, blocked) in [("0", 0), ("3", 3), ("50%", 2)] {
            pool.spec.upgrade_settings.max_blocked_nodes = IntOrPercent::parse(text);
            assert_eq!(bounds(&pool, 4).blocked, blocked, "{text}");
        }
    }
}
