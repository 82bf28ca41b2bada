//! The least machines of an autoscaled pool at a time: its `minCount`, or more by the clock (business hours, events).
//!
//! Beyond AKS. A pool says it by the tag [`TAG`], as windows separated by semicolons: `5 Mon-Fri 08:00-18:00 +01:00; 20 2026-11-27/2026-11-30`.
//! A window is a count, then days of the week (`Mon-Fri`, `Sat,Sun`, `daily`) with hours, which may pass midnight, or days of the
//! calendar, both included; last an offset from UTC, which is UTC where there is none. Of windows that overlap the largest count holds,
//! and never more than `maxCount`. A value that cannot be read says nothing.

use nodelane_model::Time;
use nodelane_model::pool::NodePool;

/// The tag of a pool that names its windows. ARM allows no slash in the name of a tag.
pub const TAG: &str = "nodelane-minimum";

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// The least machines of a pool at a time.
pub fn at(pool: &NodePool, now: Time) -> u32 {
    let least = pool.spec.min_count.unwrap_or(0);
    let scheduled = windows(pool).iter().filter(|window| window.holds(now)).map(|window| window.count).max().unwrap_or(0);
    least.max(scheduled.min(pool.spec.max_count.unwrap_or(u32::MAX)))
}

/// When that may be another number; `None` where it never is.
pub fn next_change(pool: &NodePool, now: Time) -> Option<Time> {
    windows(pool).iter().filter_map(|window| window.next_edge(now)).min()
}

/// A count that holds for a time.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Window {
    count: u32,
    span: Span,
    /// Local time less UTC.
    offset_millis: i64,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Span {
    /// On these days of the week, Monday first, from and to milliseconds after midnight; `to` may be on the next day.
    Weekly { days: [bool; 7], from: i64, to: i64 },
    /// From midnight to midnight, in milliseconds of local time.
    Once { from: i64, to: i64 },
}

impl Window {
    fn local(&self, at: Time) -> i64 {
        at.0 + self.offset_millis
    }
    /// The spans of local time that are near a moment: those of the day before to those of the week after.
    fn near(&self, local: i64) -> Vec<(i64, i64)> {
        match &self.span {
            Span::Once { from, to } => vec![(*from, *to)],
            Span::Weekly { days, from, to } => {
                let today = local.div_euclid(DAY);
                // The first day of 1970 was a Thursday.
                let runs = |day: &i64| days[(day + 3).rem_euclid(7) as usize];
                (today - 1..=today + 7).filter(runs).map(|day| (day * DAY + from, day * DAY + to)).collect()
            }
        }
    }
    fn holds(&self, now: Time) -> bool {
        let local = self.local(now);
        self.near(local).iter().any(|(from, to)| (*from..*to).contains(&local))
    }
    fn next_edge(&self, now: Time) -> Option<Time> {
        let local = self.local(now);
        let edges = self.near(local).into_iter().flat_map(|(from, to)| [from, to]);
        edges.filter(|edge| *edge > local).min().map(|edge| Time(edge - self.offset_millis))
    }
}

fn windows(pool: &NodePool) -> Vec<Window> {
    let text = pool.spec.tags.get(TAG).map(|text| text.as_str()).unwrap_or_default();
    text.split(';').filter_map(window).collect()
}

fn window(text: &str) -> Option<Window> {
    let mut words = text.split_whitespace();
    let count = words.next()?.parse().ok()?;
    let days = words.next()?;
    let span = match days.split_once('/') {
        Some((from, to)) => Span::Once { from: date(from)?, to: date(to)? + DAY },
        None => {
            let (from, to) = words.next()?.split_once('-')?;
            let (from, to) = (clock(from)?, clock(to)?);
            Span::Weekly { days: weekdays(days)?, from, to: if to > from { to } else { to + DAY } }
        }
    };
    let offset_millis = words.next().map_or(Some(0), offset)?;
    words.next().is_none().then_some(Window { count, span, offset_millis })
}

fn weekdays(text: &str) -> Option<[bool; 7]> {
    const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let index = |name: &str| NAMES.iter().position(|known| name.eq_ignore_ascii_case(known));
    let mut days = [text.eq_ignore_ascii_case("daily"); 7];
    if days[0] {
        return Some(days);
    }
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (index(first)?, index(last)?);
        (0..=(last + 7 - first) % 7).for_each(|step| days[(first + step) % 7] = true);
    }
    Some(days)
}

/// Milliseconds after midnight; `24:00` is the end of the day.
fn clock(text: &str) -> Option<i64> {
    let (hours, minutes) = text.split_once(':')?;
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    let millis = (hours * 60 + minutes) * MINUTE;
    ((0..60).contains(&minutes) && (0..=DAY).contains(&millis)).then_some(millis)
}

/// Midnight of a day, in milliseconds of local time.
fn date(text: &str) -> Option<i64> {
    Time::parse(&format!("{text}T00:00:00Z")).map(|time| time.0)
}

fn offset(text: &str) -> Option<i64> {
    if matches!(text, "UTC" | "Z") {
        return Some(0);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    Some(sign * clock(text.strip_prefix(['+', '-'])?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nodelane_model::pool::PoolSpec;

    fn pool(windows: &str) -> NodePool {
        let mut spec = PoolSpec { min_count: Some(1), max_count: Some(10), ..PoolSpec::default() };
        spec.tags.insert(TAG.into(), windows.into());
        NodePool { spec, ..NodePool::default() }
    }
    fn time(text: &str) -> Time {
        Time::parse(text).expect("a time")
    }
    fn least(windows: &str, now: &str) -> u32 {
        at(&pool(windows), time(now))
    }

    #[test]
    fn business_hours_hold_from_their_first_minute_to_before_their_last_in_their_own_zone() {
        // 2026-01-05 is a Monday; 08:00 at +01:00 is 07:00 in UTC.
        let hours = "5 Mon-Fri 08:00-18:00 +01:00";
        assert_eq!(least(hours, "2026-01-05T06:59:59Z"), 1);
        assert_eq!(least(hours, "2026-01-05T07:00:00Z"), 5);
        assert_eq!(least(hours, "2026-01-05T16:59:59Z"), 5);
        assert_eq!(least(hours, "2026-01-05T17:00:00Z"), 1);
        assert_eq!(least(hours, "2026-01-10T12:00:00Z"), 1, "a Saturday");
    }

    #[test]
    fn a_window_that_passes_midnight_belongs_to_the_day_it_begins_on() {
        let night = "3 Fri 22:00-06:00";
        assert_eq!(least(night, "2026-01-09T23:00:00Z"), 3, "Friday night");
        assert_eq!(least(night, "2026-01-10T05:00:00Z"), 3, "Saturday morning");
        assert_eq!(least(night, "2026-01-09T05:00:00Z"), 1, "Friday morning");
        assert_eq!(least("3 Sun-Mon 22:00-06:00", "2026-01-06T05:00:00Z"), 3, "from Monday to Tuesday");
    }

    #[test]
    fn an_event_holds_all_its_days_and_the_largest_count_holds_up_to_the_maximum() {
        let both = "4 daily 00:00-24:00; 7 2026-11-27/2026-11-30 -05:00";
        assert_eq!(least(both, "2026-11-27T04:59:59Z"), 4);
        assert_eq!(least(both, "2026-11-27T05:00:00Z"), 7);
        assert_eq!(least(both, "2026-12-01T04:59:59Z"), 7);
        assert_eq!(least(both, "2026-12-01T05:00:00Z"), 4);
        assert_eq!(least("50 daily 00:00-24:00", "2026-11-27T05:00:00Z"), 10);
        assert_eq!(least("0 daily 00:00-24:00", "2026-11-27T05:00:00Z"), 1, "minCount holds in any case");
    }

    #[test]
    fn the_next_change_is_the_next_edge_of_any_window() {
        let next = |windows: &str, now: &str| next_change(&pool(windows), time(now)).map(|at| at.to_string());
        let hours = "5 Mon-Fri 08:00-18:00 +01:00";
        assert_eq!(next(hours, "2026-01-05T07:00:00Z").as_deref(), Some("2026-01-05T17:00:00Z"));
        assert_eq!(next(hours, "2026-01-09T17:00:00Z").as_deref(), Some("2026-01-12T07:00:00Z"), "over the weekend");
        assert_eq!(next("7 2026-11-27/2026-11-30", "2026-12-01T00:00:00Z"), None, "it is over");
        assert_eq!(next("", "2026-12-01T00:00:00Z"), None);
    }

    #[test]
    fn what_cannot_be_read_says_nothing() {
        for text in [
            "five Mon-Fri 08:00-18:00",
            "5 Mon-Fri",
            "5 Mon-Fri 08:00-25:00",
            "5 Mon 08:00-18:00 CET",
            "5 Moon 08:00-18:00",
            "5 daily 08:00-18:00 UTC x",
        ] {
            assert_eq!(windows(&pool(text)), [], "{text}");
        }
    }
}
